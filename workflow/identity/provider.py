"""An identity provider: what it publishes, the address of a sign-in, the exchange that ends it, its trial (R101)."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from time import monotonic
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from pydantic import SecretStr

from states.french import span
from states.vocabulary import Role
from workflow.identity.signed_tokens import (
    LEEWAY,
    ExpectedToken,
    Keys,
    ProviderAnswer,
    ProviderFailure,
    ProviderProblem,
    ProviderTransport,
    check_audience,
    check_id_token,
    check_times,
    not_believed,
    read_keys,
    read_signed,
    subject_of,
    unavailable,
)
from workflow.settings.secrets import SecretError, Secrets
from workflow.settings.sign_in import ProviderSettings, is_secure_address

FRESH_S: Final = 3600
"""Seconds for which what a provider publishes is not read again."""

STALE_S: Final = 86400
"""Seconds for which it still serves while the provider cannot be read."""

AGAIN_S: Final = 10
"""Seconds before a reading that failed is tried again: a provider that is down takes no thread of the others."""

KEYS_AGAIN_S: Final = 30
"""Seconds between two readings of the keys for an identifier that none has."""

WELL_KNOWN: Final = "/.well-known/openid-configuration"

_Published = TypeVar("_Published")

_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderAddresses:
    """The addresses that a provider gives of itself. ``tells_issuer``: its answers name it (RFC 9207)."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    logout: str
    posts_secret: bool
    tells_issuer: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInAttempt:
    """A sign-in that has begun. ``back``: the page wanted; ``is_fresh``: the person is to prove who they are anew.

    ``session``: digest of the session whose user does so; ``level_of``: the role whose level of assurance is asked for.
    """

    provider: str
    state: str
    nonce: str
    verifier: str
    begun_at: datetime
    back: str = ""
    is_fresh: bool = False
    session: str = ""
    level_of: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenIdentity:
    """A person whom a provider named: all that it said, the level of assurance, the token that a sign-out needs."""

    provider: str
    subject: str
    claims: Mapping[str, object]
    acr: str
    id_token: str


class _Kept(Generic[_Published]):
    """Something that a provider publishes: read when it is first needed, then once an hour.

    While it cannot be read, what was read less than a day ago still serves.
    """

    def __init__(self, read: Callable[[], _Published]) -> None:
        self._read, self._lock = read, Lock()
        self._value: _Published | None = None
        self._read_at, self._failed_at = 0.0, float("-inf")
        self._failure = unavailable("not read yet")

    def get(self, *, at_most_s: float = FRESH_S) -> _Published:
        """Return what is published, read less than ``at_most_s`` seconds ago if it can be. Raises ProviderFailure."""
        with self._lock:
            now = monotonic()
            if self._value is not None and now - self._read_at < at_most_s:
                return self._value
            if now - self._failed_at >= AGAIN_S:
                try:
                    self._value, self._read_at = self._read(), now
                    return self._value
                except ProviderFailure as failure:
                    self._failed_at, self._failure = now, failure
            if self._value is not None and now - self._read_at < STALE_S:
                return self._value
            raise ProviderFailure(self._failure.problem, self._failure.detail)


class IdentityProvider:
    """One provider of the settings. ``redirect_uri``: where it sends people back, as it was declared to it."""

    def __init__(
        self, settings: ProviderSettings, secret: SecretStr, redirect_uri: str,
        transport: ProviderTransport | None = None,
    ) -> None:  # fmt: skip
        self.settings, self._secret, self._redirect_uri = settings, secret, redirect_uri
        self._transport = transport or ProviderTransport()
        self._addresses = _Kept(self._read_addresses)
        self._keys = _Kept(lambda: read_keys(_object_of(self._transport.get(self.addresses().keys), "the keys")))

    def addresses(self) -> ProviderAddresses:
        """The addresses that the provider gives of itself. Raises ProviderFailure."""
        return self._addresses.get()

    def keys(self) -> Keys:
        """The keys that it publishes. Raises ProviderFailure."""
        return self._keys.get()

    def authorization_url(self, attempt: SignInAttempt) -> str:
        """The address to which a person goes to be identified. Raises ProviderFailure."""
        levels = self.settings.acr_of(Role(attempt.level_of)) if attempt.level_of else ()
        essential: dict[str, Any] = {"acr": {"essential": True, "values": list(levels)}} if levels else {}
        if attempt.is_fresh:
            essential["auth_time"] = {"essential": True}
        asked: dict[str, str | None] = {
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
            "prompt": "login" if attempt.is_fresh else None,
            "max_age": "0" if attempt.is_fresh else None,
            "acr_values": " ".join(levels or self.settings.all_acr) or None,
            "claims": json.dumps({"id_token": essential}) if essential else None,
        }
        url: str = prepare_grant_uri(
            self.addresses().authorization, self.settings.client_id, "code", redirect_uri=self._redirect_uri,
            scope=" ".join(self.settings.scopes), state=attempt.state, **asked,
        )  # fmt: skip
        return url

    def check_return(self, issuer: str | None) -> None:
        """Check who sends a person back, when the provider is one that says it (RFC 9207). Raises ProviderFailure."""
        if (issuer is not None or self.addresses().tells_issuer) and issuer != self.settings.issuer:
            raise not_believed("a return from another provider (iss)")

    def exchange(self, code: str, attempt: SignInAttempt, now: datetime) -> ProvenIdentity:
        """Exchange the code of a return for the identity that it stands for. Raises ProviderFailure."""
        tokens = self._ask_tokens(code, attempt)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str) or not access_token.isascii():
            raise not_believed("an exchange without an identity token, or without an access token")
        token = read_signed(id_token, self.settings.algorithms, self._keys_for)
        expected = ExpectedToken(
            issuer=self.settings.issuer, client_id=self.settings.client_id, nonce=attempt.nonce,
            access_token=access_token, now=now, begun_at=attempt.begun_at if attempt.is_fresh else None,
        )  # fmt: skip
        subject = check_id_token(token, expected)
        said = self._ask_userinfo(access_token, subject, now) if self.settings.userinfo != "none" else {}
        acr = token.claims.get("acr")
        return ProvenIdentity(
            provider=self.settings.name, subject=subject, claims={**token.claims, **said, "sub": subject},
            acr=acr if isinstance(acr, str) else "", id_token=id_token,
        )  # fmt: skip

    def check_level(self, identity: ProvenIdentity, role: Role) -> None:
        """Check that an identity was proved as strongly as its role requires. Raises ProviderFailure."""
        levels = self.settings.acr_of(role)
        if levels and identity.acr not in levels:
            detail = "an identity of a level that its role does not admit (acr)"
            raise ProviderFailure(ProviderProblem.TOO_WEAK, detail, "chef" if role is Role.DEPUTY else role.value)

    def logout_url(self, id_token: str, state: str, back: str) -> str:
        """The address that signs out of the provider; empty when it has none. Raises ProviderFailure.

        ``id_token``: empty when it is not known any more; the provider then asks the person.
        """
        address = self.addresses().logout if self.settings.logout else ""
        if not address:
            return ""
        asked = {
            "id_token_hint": id_token, "client_id": self.settings.client_id, "post_logout_redirect_uri": back,
            "state": state,
        }  # fmt: skip
        url: str = add_params_to_uri(address, [(name, value) for name, value in asked.items() if value])
        return url

    def _read_addresses(self) -> ProviderAddresses:
        issuer = self.settings.issuer
        said = _object_of(self._transport.get(f"{issuer.rstrip('/')}{WELL_KNOWN}"), "the configuration")
        if said.get("issuer") != issuer:
            raise not_believed("a configuration of another issuer: compare sign_in.providers.issuer")
        methods, supports = (
            said.get("token_endpoint_auth_methods_supported"),
            said.get("code_challenge_methods_supported"),
        )
        if isinstance(supports, list) and "S256" not in supports:
            raise not_believed("a configuration without PKCE by S256")
        return ProviderAddresses(
            authorization=_address_of(said, "authorization_endpoint"), token=_address_of(said, "token_endpoint"),
            keys=_address_of(said, "jwks_uri"), logout=_address_of(said, "end_session_endpoint", optional=True),
            userinfo=_address_of(said, "userinfo_endpoint", optional=self.settings.userinfo == "none"),
            posts_secret=isinstance(methods, list) and "client_secret_basic" not in methods,
            tells_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        )  # fmt: skip

    def _keys_for(self, identifier: str | None) -> Keys:
        """The published keys; read again, but not at each token, when none has this identifier."""
        keys = self._keys.get()
        is_known = identifier is None or any(key.kid == identifier for key in keys)
        return keys if is_known else self._keys.get(at_most_s=KEYS_AGAIN_S)

    def _ask_tokens(self, code: str, attempt: SignInAttempt) -> Mapping[str, Any]:
        addresses, secret = self.addresses(), self._secret.get_secret_value()
        posted = {"client_id": self.settings.client_id, "client_secret": secret} if addresses.posts_secret else {}
        form: str = prepare_token_request(
            "authorization_code", redirect_uri=self._redirect_uri, code=code, code_verifier=attempt.verifier, **posted
        )
        pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"
        basic = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        answer = self._transport.post(addresses.token, form, {} if addresses.posts_secret else basic)
        if answer.status in (400, 401, 403):
            raise ProviderFailure(ProviderProblem.REFUSED, f"the exchange of the code refused ({answer.status})")
        return _object_of(answer, "the exchange of the code")

    def _ask_userinfo(self, access_token: str, subject: str, now: datetime) -> Mapping[str, Any]:
        """Ask the provider about the person of this subject."""
        answer = self._transport.get(self.addresses().userinfo, {"Authorization": f"Bearer {access_token}"})
        if answer.status == 200 and answer.kind == "application/jwt":
            text = answer.body.decode("ascii", errors="replace").strip()
            said = read_signed(text, self.settings.algorithms, self._keys_for).claims
            check_audience(said, self.settings.issuer, self.settings.client_id)
            check_times(said, now)
        elif self.settings.userinfo == "signed":
            raise not_believed("an answer on the person (userinfo) that is not signed")
        else:
            said = dict(_object_of(answer, "the answer on the person (userinfo)"))
        if subject_of(said) != subject:
            raise not_believed("an answer on another person (userinfo, sub)")
        return said


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
    answer = _answer_of(transport, f"{settings.issuer.rstrip('/')}{WELL_KNOWN}", "sa configuration")
    try:
        said = _object_of(answer, "the configuration")
    except ProviderFailure:
        message = "sa configuration n'est pas celle d'un fournisseur OpenID Connect"
        raise ProviderUnfit(message, "vérifier l'adresse (issuer) auprès de lui") from None
    _check_configuration(settings, said)
    _check_clock(answer, now)
    _answer_of(transport, said["jwks_uri"], "la liste de ses clés")
    provider = IdentityProvider(settings, secret, "https://localhost/", transport)
    try:
        provider.addresses()
        keys = provider.keys()
    except ProviderFailure:
        message = "aucune de ses clés, ou de ses adresses, ne s'emploie"
        raise ProviderUnfit(message, "le signaler à qui l'exploite") from None
    count = len(list(keys))
    return f"{settings.issuer} répond, {count} clé{'s' if count > 1 else ''}, à l'heure"


def _object_of(answer: ProviderAnswer, what: str) -> Mapping[str, Any]:
    """The object that an answer holds. Raises ProviderFailure."""
    if answer.status != 200:
        raise unavailable(f"{what}: answer {answer.status}")
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise unavailable(f"{what}: not an object in JSON")
    return value


def _address_of(said: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    """An address of the configuration. Raises ProviderFailure for none, and for one that is not in https."""
    address = said.get(name)
    if address is None and optional:
        return ""
    if not isinstance(address, str) or not is_secure_address(address):
        raise unavailable(f"the configuration: no {name} in https")
    return address


def _answer_of(transport: ProviderTransport, url: str, what: str) -> ProviderAnswer:
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
