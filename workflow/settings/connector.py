"""The connector's settings: where the ODA server is asked for removals, and which private hosts that may be (R84)."""

import re
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import Section, refusal
from states.vocabulary import RemovalKind
from workflow.connector.addresses import AddressRefused, Allowed, judged

URL_EXAMPLE = "par exemple https://oda.ac-toulouse.fr/retraits"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")
_NUMBERED = re.compile(r"(.*\.)?(0[xX][0-9A-Fa-f]*|[0-9]+)")
"""A host that a system reads as an address though it is not written as one: 127.1, 0x7f000001."""


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises when it is no port
    except ValueError:
        raise refusal("ce n'est pas une adresse", URL_EXAMPLE) from None
    return parts


def _is_address(host: str) -> bool:
    try:
        ip_network(host)
    except ValueError:
        return False
    return True


def _url(text: str) -> str:
    parts = _parts(text)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise refusal("un mot de passe n'a pas sa place dans l'adresse : l'appel est signé par le secret connector-key")
    if parts.scheme not in ("https", "http") or not host or parts.fragment or not text.isascii() or " " in text:
        raise refusal("ce n'est pas l'adresse d'un service", URL_EXAMPLE)
    if not _is_address(host) and (not _NAME.fullmatch(host) or _NUMBERED.fullmatch(host)):
        raise refusal(f"« {host} » n'est pas un nom de serveur", URL_EXAMPLE)
    return text


def _host_or_network(text: str) -> str:
    try:
        return str(ip_network(text) if "/" in text else ip_network(text).network_address)
    except ValueError:
        if _NAME.fullmatch(text) and not _NUMBERED.fullmatch(text):
            return text.lower()
    raise refusal(f"« {text} » n'est ni un nom, ni une adresse, ni un réseau", "oda.interne, 10.1.2.3 ou 10.1.2.0/24")


Url = Annotated[str, AfterValidator(_url), Field(json_schema_extra={"pattern": "^https?://"})]
HostOrNetwork = Annotated[str, AfterValidator(_host_or_network)]


class ConnectorSettings(Section):
    """The calls to the ODA server; none is made while ``url`` is null."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (), description="Serveurs privés que l'on peut appeler : noms, adresses ou réseaux, comme 10.1.2.0/24."
    )
    url: Url | None = Field(
        None,
        description="L'adresse, en https, à laquelle chaque retrait est demandé au serveur ODA ; null : aucun appel."
        " La clé qui signe est le secret connector-key.",
    )
    timeout_seconds: int = Field(20, ge=1, le=120, description="Durée la plus longue d'un appel, en secondes.")
    max_attempts: int = Field(8, ge=1, le=50, description="Essais avant de rendre un retrait aux opérateurs.")
    kinds: tuple[RemovalKind, ...] = Field(
        tuple(RemovalKind),
        min_length=1,
        description="Les retraits demandés : remove_rights (une clé existe), key_enabled (une clé a pu être activée).",
    )

    @field_validator("url")
    @classmethod
    def _may_be_called(cls, url: str | None, info: ValidationInfo) -> str | None:
        """What can be said before any name is resolved: the rest is judged at each call."""
        if url is None or "allow" not in info.data:
            return url
        parts, allowed = _parts(url), Allowed(info.data["allow"])
        host, is_secure = parts.hostname or "", parts.scheme == "https"
        if not is_secure and not allowed.entries:
            raise refusal("sans chiffrement (http), seul un serveur de removals.connector.allow peut être appelé")
        if _is_address(host):
            try:
                judged(host, [host], allowed, is_secure=is_secure)
            except AddressRefused as refused:
                raise refusal(str(refused)) from None
        return url

    @property
    def allowed(self) -> Allowed:
        """The private hosts that are listed."""
        return Allowed(self.allow)
