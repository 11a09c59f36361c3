"""The headers by which a trusted proxy says who calls: ARENA's names, or another's (R102)."""

import re
from ipaddress import ip_network
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from notifications.settings import OneLine, Section, refusal
from workflow.settings.infrastructure import ProxyAddress

LARGEST_GATE: Final = 1024
"""Addresses of a network that may say who calls: a gate has a few, not those of a whole site."""

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")

_OURS: Final = frozenset(
    {
        "host", "cookie", "authorization", "origin", "referer", "forwarded", "connection", "transfer-encoding", "te",
        "idempotency-key", "user-agent", "upgrade", "range", "via", "date", "expect",
    }
)  # fmt: skip
"""Headers that the portal needs from everybody, as are those of ``_OUR_FAMILIES``."""

_OUR_FAMILIES: Final = ("accept", "content-", "sec-", "x-forwarded-", "if-", "access-control-")


def canonical(name: str) -> str:
    """A header's name as a careless server may confuse it with another: no case, hyphens for any sign."""
    return re.sub(r"[^a-z0-9]", "-", name.lower())


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise refusal(f"« {text} » n'est pas un nom d'en-tête", "des lettres, chiffres et tirets : ct-remote-user")
    if canonical(text) in _OURS or canonical(text).startswith(_OUR_FAMILIES):
        raise refusal(f"« {text} » sert à tous les navigateurs : il serait ôté de chaque visite", "ct-remote-user")
    return text


def _gate(text: str) -> str:
    if ip_network(text).num_addresses > LARGEST_GATE:
        raise refusal(
            f"« {text} » laisserait presque n'importe qui se dire quelqu'un d'autre",
            "l'adresse du guichet seul : 10.1.2.3",
        )
    return text


HeaderName = Annotated[str, AfterValidator(_header)]

GateAddress = Annotated[ProxyAddress, AfterValidator(_gate)]


class TrustedHeadersSettings(Section):
    """A gate of the académie that has identified who calls, and says it in headers; the names are ARENA's.

    ``proxies`` are compared with the address that the connection comes from, never with a forwarded one.
    """

    proxies: tuple[GateAddress, ...] = Field(
        (),
        max_length=20,
        description="Les adresses du guichet, d'où les en-têtes sont lus ; vide : ils ne le sont jamais (R102).",
    )
    label: OneLine = Field("ARENA", max_length=60, description="Le nom du guichet, tel que chacun le connaît.")
    secret: HeaderName = Field(
        "X-Oda-Guichet", description="L'en-tête qui porte le secret partagé avec lui (secret gate-secret)."
    )
    person: HeaderName = Field("ct-remote-user", description="L'identifiant de la personne ; sans lui, pas d'identité.")
    mail: HeaderName = Field("ctemail", description="Son adresse électronique.")
    family_name: HeaderName = Field("ctln", description="Son nom.")
    given_name: HeaderName = Field("ctfn", description="Son prénom.")
    function: HeaderName = Field("FrEduFonctAdm", description="Sa fonction.")
    responsibility: HeaderName = Field("FrEduRneResp", description="Les établissements dont elle est responsable.")
    groups: HeaderName = Field("ctgrps", description="Ses groupes.")
    delegation: HeaderName = Field("FrEduResDel", description="Les délégations qu'elle a reçues (R113).")
    others: tuple[HeaderName, ...] = Field(
        ("FrEduRne", "employeeNumber"),
        max_length=50,
        description="Les autres en-têtes que pose le guichet : ôtés sans être lus.",
    )

    @model_validator(mode="after")
    def _have_names_of_their_own(self) -> Self:
        names = [canonical(name) for name in self.names]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refusal(f"deux en-têtes se confondent : « {twice} »", "un nom différent pour chacun")
        return self

    @property
    def claim_headers(self) -> dict[str, str]:
        """The headers that are read, by what they say, but the secret."""
        return {
            name: getattr(self, name)
            for name in (
                "person",
                "mail",
                "family_name",
                "given_name",
                "function",
                "responsibility",
                "groups",
                "delegation",
            )
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Every header that is taken away from whoever calls, read or not."""
        return (self.secret, *self.claim_headers.values(), *self.others)
