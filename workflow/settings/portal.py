"""The portal: where it is reached, who answers for it, how long one stays signed in."""

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from notifications.settings import OneLine, Section, refusal


def _address(text: str) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.path.strip("/")
    ):
        raise refusal(f"« {text} » n'est pas l'adresse d'un site", "par exemple https://oda.ac-toulouse.fr")
    return text.rstrip("/")


def _link(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https", "mailto") or not (parts.netloc or parts.path)):
        raise refusal(f"« {text} » n'est pas un lien", "une adresse qui commence par https://")
    return text


def _proxy(text: str) -> str:
    try:
        return str(ip_network(text) if "/" in text else ip_network(text).network_address)
    except ValueError:
        raise refusal(f"« {text} » n'est pas une adresse IP", "par exemple 127.0.0.1, ou 10.1.2.0/24") from None


ProxyAddress = Annotated[str, AfterValidator(_proxy)]
SiteAddress = Annotated[str, AfterValidator(_address)]
Link = Annotated[str, AfterValidator(_link)]


class AccessibilitySettings(Section):
    """What was audited, said honestly; nothing was until these say so."""

    status: Literal["non", "partiellement", "totalement"] = Field(
        "non", description="Conformité au RGAA : non, partiellement ou totalement conforme."
    )
    audited_on: OneLine | None = Field(None, description="Quand et par qui l'audit a été fait ; null sans audit.")
    percentage: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="Part des critères respectés, en %, d'après cet audit ; null sans audit."
    )


class PortalSettings(Section):
    """The pages of the chef and of the rectorat."""

    address: SiteAddress = Field(
        "http://localhost:8000", description="L'adresse à laquelle on l'atteint ; les liens des courriels la portent."
    )
    host: OneLine = Field("127.0.0.1", description="L'adresse IP sur laquelle « oda serve » écoute.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="Le port sur lequel il écoute.")
    proxies: tuple[ProxyAddress, ...] = Field(
        ("127.0.0.1", "::1"),
        description="Les adresses des serveurs mandataires que l'on croit quand ils disent qui appelle.",
    )
    link_minutes: Annotated[int, Field(ge=5, le=1440)] = Field(
        30, description="Durée de validité d'un lien de connexion, en minutes."
    )
    session_hours: Annotated[int, Field(ge=1, le=72)] = Field(
        10, description="Durée d'une connexion, en heures, au plus."
    )
    session_idle_minutes: Annotated[int, Field(ge=5, le=1440)] = Field(
        120, description="Une connexion inutilisée finit après ce nombre de minutes."
    )
    publisher: OneLine | None = Field(
        None, description="Qui publie le portail (mentions légales) ; null : l'académie, par son nom."
    )
    hosting: OneLine | None = Field(None, description="Qui l'héberge, avec son adresse (mentions légales).")
    data_protection: OneLine | None = Field(None, description="Comment écrire au délégué à la protection des données.")
    satisfaction: Link = Field("", description="L'adresse du bouton « Je donne mon avis » ; vide : pas de bouton.")
    accessibility: AccessibilitySettings = Field(
        default_factory=AccessibilitySettings, description="La déclaration d'accessibilité."
    )
