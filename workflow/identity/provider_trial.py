"""A trial of an identity provider (``oda check-config --connect``): what is wrong, and what to do (R101)."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from states.french import span
from workflow.identity.failures import ProviderFailure
from workflow.identity.provider import IdentityProvider
from workflow.identity.signed_tokens import LEEWAY
from workflow.identity.transport import ProviderAnswer, ProviderTransport
from workflow.settings.secrets import SecretError, Secrets
from workflow.settings.sign_in import ProviderSettings, is_secure_address

WELL_KNOWN: Final = "/.well-known/openid-configuration"

_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnfit(Exception):
    """A provider by which nobody can sign in; ``remedy`` is what to do, both in French and without a secret."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def try_provider(
    settings: ProviderSettings, secrets: Secrets, now: datetime, transport: ProviderTransport | None = None
) -> str:  # fmt: skip
    """Ask a provider for its configuration and its keys; return what was seen. Raises ProviderUnfit.

    Nobody is identified and no secret leaves: only a sign-in tells whether the provider knows this one.
    """
    transport = transport or ProviderTransport()
    try:
        secret = secrets.read(settings.secret_name)
    except SecretError as error:
        raise ProviderUnfit(str(error), f"déposer le secret {settings.secret_name}, qu'il a donné") from None
    answer = _get(transport, f"{settings.issuer.rstrip('/')}{WELL_KNOWN}", "sa configuration")
    said = _object_of(answer, "sa configuration")
    _check_configuration(settings, said)
    _check_clock(answer, now)
    _get(transport, said["jwks_uri"], "la liste de ses clés")
    provider = IdentityProvider(settings, secret, "https://localhost/", transport)
    try:
        provider.addresses()
        keys = provider.keys()
    except ProviderFailure:
        message = "aucune de ses clés, ou de ses adresses, ne s'emploie"
        raise ProviderUnfit(message, "le signaler à qui l'exploite") from None
    count = len(list(keys))
    return f"{settings.issuer} répond, {count} clé{'s' if count > 1 else ''}, à l'heure"


def _get(transport: ProviderTransport, url: str, what: str) -> ProviderAnswer:
    try:
        answer = transport.get(url)
    except ProviderFailure:
        raise ProviderUnfit(
            f"{what} ne peut pas être lue à {url} : pas de réponse, certificat refusé, ou réponse qui mène ailleurs",
            "vérifier l'adresse (issuer), et que le pare-feu ou le mandataire sortant (HTTPS_PROXY) laisse passer cette"
            " machine",
        ) from None
    if answer.status != 200:
        raise ProviderUnfit(
            f"{what} est refusée à {url} (réponse {answer.status})", "vérifier l'adresse (issuer) auprès du fournisseur"
        )
    return answer


def _object_of(answer: ProviderAnswer, what: str) -> Mapping[str, Any]:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProviderUnfit(
            f"{what} n'est pas celle d'un fournisseur OpenID Connect", "vérifier l'adresse (issuer) auprès de lui"
        )
    return value


def _check_configuration(settings: ProviderSettings, said: Mapping[str, Any]) -> None:
    if said.get("issuer") != settings.issuer:
        other = said.get("issuer")
        raise ProviderUnfit(
            f"il se nomme « {other if isinstance(other, str) else ''} », et non « {settings.issuer} »",
            "écrire issuer tel qu'il se nomme, barre oblique de la fin comprise, s'il s'agit bien de lui",
        )
    asked = [*_NEEDED, *(("userinfo_endpoint",) if settings.userinfo != "none" else ())]
    unfit = [name for name in asked if not (isinstance(said.get(name), str) and is_secure_address(said[name]))]
    if unfit:
        raise ProviderUnfit(
            f"ces adresses manquent ou ne sont pas en https : {', '.join(unfit)}", "le signaler à qui l'exploite"
        )
    methods = said.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise ProviderUnfit("il n'admet pas PKCE (S256)", "le lui faire admettre : sans cela, rien n'est sûr")
    algorithms = said.get("id_token_signing_alg_values_supported")
    if isinstance(algorithms, list) and not set(settings.algorithms) & set(map(str, algorithms)):
        known = ", ".join(map(str, algorithms))
        raise ProviderUnfit(
            f"aucune de ses signatures n'est admise : il emploie {known}",
            "en admettre une dans algorithms",
        )


def _check_clock(answer: ProviderAnswer, now: datetime) -> None:
    """Compare its clock with this machine's: a token of a minute in the future is not believed."""
    try:
        theirs = parsedate_to_datetime(answer.date)
    except ValueError:
        return
    gap = now - theirs
    if abs(gap) > LEEWAY:
        way = "avance" if gap > timedelta(0) else "retarde"
        raise ProviderUnfit(
            f"l'horloge de cette machine {way} de {span(abs(gap))} sur la sienne : ses jetons ne seraient pas crus",
            "mettre cette machine à l'heure (chrony, systemd-timesyncd)",
        )
