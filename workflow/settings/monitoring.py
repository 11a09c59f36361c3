"""The settings of the supervision: whom each tick calls, how old a backup may be (R115)."""

from typing import Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from notifications.settings import Section
from workflow.settings.addresses import AllowedHosts, HostOrNetwork, Url, require_callable
from workflow.settings.infrastructure import ProxyAddress

LogForm = Literal["text", "json"]

ALLOW: Final = "monitoring.allow"


class MonitoringSettings(Section):
    """What tells others that the service is well, beside the probes."""

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
