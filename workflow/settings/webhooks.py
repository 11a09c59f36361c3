"""The settings of the webhooks: the other systems that are told of the requests' events (R118)."""

import hashlib
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import Section, refusal
from states.vocabulary import Trigger
from workflow.settings.addresses import AllowedHosts, HostOrNetwork, Url, require_callable
from workflow.settings.secrets import OF_WEBHOOK

ALLOW: Final = "webhooks.allow"

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
                require_callable(endpoint.url, AllowedHosts(info.data["allow"]), ALLOW)
        return endpoints

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)

    def endpoint(self, name: str) -> WebhookEndpoint | None:
        """Return the endpoint of this name."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)
