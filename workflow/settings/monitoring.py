"""The settings of who watches: supervision (R115), security journal and contact (R108, RFC 9116), the seal (R109)."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import MailAddress, Section, refusal
from states.validation import mail_problem
from states.vocabulary import Trigger
from workflow.settings.infrastructure import (
    AllowedHosts,
    HostOrNetwork,
    ProxyAddress,
    Url,
    has_hidden,
    require_callable,
)
from workflow.settings.secrets import OF_WEBHOOK

LogForm = Literal["text", "json"]


ALLOW: Final = "monitoring.allow"


SecurityLog = Literal["none", "stderr", "syslog"]


DAYS_AHEAD: Final = 360
"""Days until the file expires: less than a year, as its RFC asks; it is made anew at each reading."""


class MonitoringSettings(Section):
    """The ways in which others learn that the service is well, beside the probes."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (),
        description="Serveurs privés que ping_url peut désigner : noms, adresses ou réseaux, comme 10.1.2.0/24 (R115).",
    )
    ping_url: Url | None = Field(
        None,
        description="L'adresse, en https, que chaque passage réussi de l'échéancier appelle : une supervision qui ne"
        " l'entend plus alerte (R115). null : aucun appel.",
    )
    backup_hours: int | None = Field(
        48, ge=1, le=8784,
        description="Heures après lesquelles /sante dit que la dernière sauvegarde faite par « oda backup » est trop"
        " ancienne ; null : jamais (R115).",
    )  # fmt: skip

    metrics: bool = Field(
        False, description="true : les chiffres de la machine à l'adresse /metrics, pour Prometheus (R115)."
    )
    metrics_from: tuple[ProxyAddress, ...] = Field(
        ("127.0.0.1", "::1"), min_length=1,
        description="Les adresses ou les réseaux d'où /metrics se lit ; ailleurs, l'adresse n'existe pas (R115).",
    )  # fmt: skip

    log_format: LogForm = Field(
        "text",
        description="Le journal du service, sur sa sortie d'erreur : text, une phrase par ligne, ou json, un objet par"
        " ligne, avec les mêmes phrases (R115).",
    )

    @field_validator("ping_url")
    @classmethod
    def _may_be_called(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and "allow" in info.data:
            require_callable(url, AllowedHosts(info.data["allow"]), ALLOW)
        return url

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)


def _contact(text: str) -> str:
    if "@" in text and "/" not in text:
        if problem := mail_problem(text):
            raise refusal(f"« {text} » {problem}", "par exemple ssi@ac-toulouse.fr, ou une adresse en https://")
        return text
    return _page(text)


def _page(text: str) -> str:
    parts = urlsplit(text)
    if has_hidden(text) or parts.scheme != "https" or not parts.hostname:
        raise refusal(f"« {text} » n'est pas une adresse en https", "par exemple https://www.ac-toulouse.fr/securite")
    return text


class SecurityContactSettings(Section):
    """The content of ``/.well-known/security.txt``, for who has found a flaw; without a contact, no file."""

    contact: Annotated[str, AfterValidator(_contact)] | None = Field(
        None,
        description="À qui signaler une faille : une adresse électronique ou une page en https. null : pas de fichier"
        " /.well-known/security.txt.",
    )
    policy: Annotated[str, AfterValidator(_page)] | None = Field(
        None, description="La page en https qui dit ce que l'on fait d'un signalement ; null : aucune."
    )


class SealSettings(Section):
    """The places to which the seal of each day is sent, out of reach of whoever could rewrite the database."""

    mail: MailAddress | None = Field(
        None, description="Adresse qui reçoit chaque jour le sceau du journal, hors du service (R109), ou null."
    )
    folder: Annotated[Path, Field(json_schema_extra={"format": "path"})] | None = Field(
        None,
        description="Dossier où s'écrit chaque jour le fichier du sceau, de préférence sur une autre machine ; relatif"
        " au dossier de ce fichier ; il doit exister (R109). null : aucun.",
    )


# The settings of the webhooks: the other systems that are told of the requests' events (R118).


ALLOW_WEBHOOKS: Final = "webhooks.allow"


_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,29}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise refusal(f"« {text} » ne peut pas être le nom d'un webhook", "des minuscules et tirets : tickets")
    return text


EndpointName = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]


class WebhookEndpoint(Section):
    """Another system that is told; its secret is ``webhook-NAME``."""

    name: EndpointName = Field(
        description="Son nom court, dans les listes et le nom de son secret (webhook-NOM) : tickets."
    )
    url: Url = Field(description="L'adresse, en https, qui reçoit chaque message.")
    events: tuple[Trigger, ...] = Field(
        (),
        description="Les événements dont il est prévenu, par leur code (declare, issue_code, revoke…) ; aucun : tous.",
    )
    include_people: bool = Field(
        False, description="true : le nom, le prénom et l'adresse du RUPN sont dans le message ; jamais rien d'autre."
    )
    timeout_seconds: int = Field(15, ge=1, le=60, description="Durée la plus longue d'un envoi, en secondes.")

    @property
    def secret_name(self) -> str:
        """The name of its secret."""
        return f"{OF_WEBHOOK}{self.name}"

    @property
    def digest(self) -> str:
        """The same as long as these settings are: an endpoint that is gone stays so until they change."""
        said = "\n".join((self.url, *sorted(self.events), str(self.include_people)))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def wants(self, trigger: Trigger) -> bool:
        """Return True if it is told of this event."""
        return not self.events or trigger in self.events


class WebhooksSettings(Section):
    """The systems that are told; nobody while ``endpoints`` is empty."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (), description="Serveurs privés que l'on peut prévenir : noms, adresses ou réseaux, comme 10.1.2.0/24."
    )
    endpoints: tuple[WebhookEndpoint, ...] = Field(
        (), max_length=10, description="Les autres logiciels prévenus des événements des demandes (R118)."
    )
    keep_days: int = Field(
        90,
        ge=1,
        le=400,
        description="Jours pendant lesquels un message reçu ou abandonné reste dans la liste, puis est oublié.",
    )

    @field_validator("endpoints")
    @classmethod
    def _may_be_called(
        cls, endpoints: tuple[WebhookEndpoint, ...], info: ValidationInfo
    ) -> tuple[WebhookEndpoint, ...]:
        names = [endpoint.name for endpoint in endpoints]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refusal(f"deux webhooks s'appellent « {twice} »", "un autre nom, qui a son propre secret")
        if "allow" in info.data:
            for endpoint in endpoints:
                require_callable(endpoint.url, AllowedHosts(info.data["allow"]), ALLOW_WEBHOOKS)
        return endpoints

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)

    def endpoint(self, name: str) -> WebhookEndpoint | None:
        """Return the endpoint of this name."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)
