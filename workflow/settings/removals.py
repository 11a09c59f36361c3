"""The settings of the removals: their export, and the calls of the connector (R48, R80, R83, R84)."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import Section, refusal
from states.vocabulary import RemovalKind
from workflow.settings.addresses import AllowedHosts, HostOrNetwork, checked_url, require_callable, url_parts


def _signed_url(text: str) -> str:
    parts = url_parts(text)
    if parts.username is not None or parts.password is not None:
        raise refusal("un mot de passe n'a pas sa place dans l'adresse : l'appel est signé par le secret connector-key")
    return checked_url(text)


SignedUrl = Annotated[str, AfterValidator(_signed_url), Field(json_schema_extra={"pattern": "^https?://"})]


ALLOW: Final = "removals.connector.allow"


class ConnectorSettings(Section):
    """The calls to the ODA server; none is made while ``url`` is null."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (), description="Serveurs privés que l'on peut appeler : noms, adresses ou réseaux, comme 10.1.2.0/24."
    )
    url: SignedUrl | None = Field(
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
        if url is not None and "allow" in info.data:
            require_callable(url, AllowedHosts(info.data["allow"]), ALLOW)
        return url

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

_MEDIA = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*")


def _filename(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise refusal(
            f"« {text} » n'est pas un nom de fichier simple",
            "des lettres sans accent, des chiffres, des points, des tirets : retraits.csv",
        )
    return text


def _media_type(text: str) -> str:
    if not _MEDIA.fullmatch(text):
        raise refusal(f"« {text} » n'est pas un type de fichier", "text/csv, application/json ou application/xml")
    return text.lower()


Filename = Annotated[str, AfterValidator(_filename)]


class ExportSettings(Section):
    """The name and the form of the export of the removals to do (R83)."""

    filename: Filename = Field("retraits.csv", description="Nom du fichier que l'on télécharge (R83).")
    media_type: Annotated[str, AfterValidator(_media_type)] = Field(
        "text/csv", description="Type du fichier, dit au navigateur (R83)."
    )
    encoding: Literal["utf-8-sig", "utf-8", "windows-1252"] = Field(
        "utf-8-sig",
        description="Codage du fichier : utf-8-sig commence par la marque que les tableurs attendent ; en windows-1252,"
        " un caractère qui n'y est pas devient le plus proche (ł devient l), à défaut « ? », et c'est dit (R83).",
    )
    line_ends: Literal["crlf", "lf"] = Field(
        "crlf", description="Fins de ligne du fichier : celles de Windows (crlf) ou d'Unix (lf) (R83)."
    )


class RemovalsSettings(Section):
    """The follow-up of the removals of rights."""

    late_after_days: int = Field(
        15, ge=1, le=365, description="Jours après lesquels un retrait encore ouvert est dit en retard (R80)."
    )
    export: ExportSettings = Field(
        default_factory=ExportSettings, description="Le fichier des retraits à faire ; sa forme est un modèle (R83)."
    )
    connector: ConnectorSettings = Field(
        default_factory=ConnectorSettings, description="Le connecteur, qui demande les retraits au serveur ODA (R84)."
    )
