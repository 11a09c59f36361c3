"""The exchange with a provider: what a strict one asks, and what a hostile one answers (R101)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from joserfc import jwt
from pydantic import SecretStr

from states.vocabulary import Role
from tests.kit.clock import FakeClock
from tests.kit.identity_provider import CLIENT_ID, ISSUER, KEY, OTHER_KEY, RSA, SECRET, Claims, StrictProvider
from workflow.identity import provider as provider_module
from workflow.identity.provider import IdentityProvider, ProvenIdentity, SignInAttempt
from workflow.identity.signed_tokens import (
    MOST_BYTES,
    ProviderFailure,
    ProviderProblem,
    ProviderTransport,
    check_audience,
)
from workflow.settings.sign_in import ProviderSettings

pytestmark = pytest.mark.rule("R101")

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
ATTEMPT = SignInAttempt(provider="national", state="s" * 43, nonce="n" * 43, verifier="v" * 43, begun_at=NOW)


class Meeting:
    """A provider of ours and the client that meets it."""

    def __init__(self, **settings: Any) -> None:
        self.server = StrictProvider(FakeClock(NOW))
        values = {"name": "national", "label": "ProConnect", "issuer": ISSUER, "client_id": CLIENT_ID}
        self.settings = ProviderSettings.model_validate(values | settings)
        self.client = IdentityProvider(
            self.settings, SecretStr(SECRET), "https://oda.test/connexion/retour", self.server.transport
        )

    def exchange(self, attempt: SignInAttempt = ATTEMPT) -> ProvenIdentity:
        back = dict(parse_qsl(urlsplit(self.server.authorize(self.client.authorization_url(attempt))).query))
        self.client.check_return(back["iss"])
        return self.client.exchange(back["code"], attempt, NOW)

    def refused(self, attempt: SignInAttempt = ATTEMPT) -> ProviderFailure:
        with pytest.raises(ProviderFailure) as caught:
            self.exchange(attempt)
        return caught.value


@pytest.fixture
def clock_of_cache(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock by which what is published is kept: a list of one number."""
    at = [1000.0]
    monkeypatch.setattr(provider_module, "monotonic", lambda: at[0])
    return at


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("posts", [False, True])
def test_exchange__identity_of_the_person(signs: bool, posts: bool) -> None:
    meeting = Meeting(userinfo="signed" if signs else "json")
    meeting.server.signs_userinfo, meeting.server.posts_secret = signs, posts
    identity = meeting.exchange()
    assert (identity.subject, identity.acr, identity.claims["email"]) == ("7", "eidas1", "op@ac-toulouse.fr")
    assert meeting.server.calls == ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"]


def test_exchange__identity_token_alone() -> None:
    meeting = Meeting(userinfo="none")
    meeting.server.spoil_token = lambda claims: claims.update(email="op@ac-toulouse.fr")
    assert meeting.exchange().claims["email"] == "op@ac-toulouse.fr"
    assert "/userinfo" not in meeting.server.calls


def test_exchange__key_without_identifier_when_it_is_alone_of_its_kind() -> None:
    meeting = Meeting()
    meeting.server.header = {"alg": "ES256"}
    assert meeting.exchange().subject == "7"
    meeting.server.published = [KEY.as_dict(private=False), OTHER_KEY.as_dict(private=False)]
    other = Meeting()
    other.server.header, other.server.published = {"alg": "ES256"}, meeting.server.published
    assert other.refused().problem is ProviderProblem.NOT_BELIEVED


def _set(**claims: Any) -> Callable[[Claims], None]:
    return lambda target: target.update(claims)


def _drop(name: str) -> Callable[[Claims], None]:
    return lambda target: target.pop(name) and None


AT = NOW.timestamp()
BAD_TOKENS = {
    "iss of another": _set(iss="https://autre.test"),
    "iss with a slash more": _set(iss=f"{ISSUER}/"),
    "no iss": _drop("iss"),
    "aud of another": _set(aud="autre"),
    "aud of nobody": _set(aud=[]),
    "no aud": _drop("aud"),
    "aud that is an object": _set(aud={CLIENT_ID: True}),
    "two aud without azp": _set(aud=[CLIENT_ID, "autre"]),
    "azp of another": _set(aud=[CLIENT_ID, "autre"], azp="autre"),
    "azp of another alone": _set(azp="autre"),
    "nonce of another": _set(nonce="m" * 43),
    "no nonce": _drop("nonce"),
    "nonce in a list": _set(nonce=["n" * 43]),
    "expired": _set(exp=AT - 61),
    "no exp": _drop("exp"),
    "exp in words": _set(exp="demain"),
    "exp true": _set(exp=True),
    "exp endless": _set(exp=1e300),
    "made in the future": _set(iat=AT + 61),
    "made long ago": _set(iat=AT - 11 * 60 - 1),
    "no iat": _drop("iat"),
    "not yet": _set(nbf=AT + 61),
    "sub empty": _set(sub=""),
    "sub a number": _set(sub=7),
    "sub endless": _set(sub="7" * 256),
    "no sub": _drop("sub"),
    "another access token": _set(at_hash="x" * 22),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_identity_token__not_believed(name: str) -> None:
    meeting = Meeting()
    meeting.server.spoil_token = BAD_TOKENS[name]
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED
    assert "/userinfo" not in meeting.server.calls


def test_identity_token__half_a_character_is_no_issuer() -> None:
    with pytest.raises(ProviderFailure):
        check_audience({"iss": "\ud800", "aud": CLIENT_ID}, ISSUER, CLIENT_ID)


@pytest.mark.parametrize("spoil", [_set(aud=[CLIENT_ID, "autre"], azp=CLIENT_ID), _set(exp=AT - 59), _set(iat=AT + 59)])
def test_identity_token__what_is_still_right(spoil: Callable[[Claims], None]) -> None:
    meeting = Meeting()
    meeting.server.spoil_token = spoil
    assert meeting.exchange().subject == "7"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"alg": "none"}, None),
        ({"alg": "HS256", "kid": "1"}, KEY.as_pem(private=False)),
        ({"alg": "HS256", "kid": "1"}, SECRET.encode()),
        ({"alg": "ES256", "kid": "1"}, OTHER_KEY),
        ({"alg": "RS384", "kid": "rsa"}, RSA),
        ({"alg": "RS256", "kid": "1"}, RSA),
        ({"alg": "ES256", "kid": "2"}, KEY),
    ],
    ids=["none", "HS256 by the public key", "HS256 by the secret", "another key of that identifier",
         "an algorithm not admitted", "a key of another kind", "a key not published"],
)  # fmt: skip
def test_signature__not_believed(header: Claims, key: Any) -> None:
    meeting = Meeting()
    meeting.server.header, meeting.server.key = header, key
    meeting.server.spoil_token = _drop("at_hash") if header["alg"] != "none" else _set()
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "e30.e30.", "é.é.é", None, 7, ["x"]])
def test_identity_token__not_one(token: object) -> None:
    meeting = Meeting()
    meeting.server.answers["/token"] = httpx2.Response(200, json={"access_token": "access", "id_token": token})
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


@pytest.mark.parametrize("spoil", [_set(sub="8"), _drop("sub"), _set(sub=["7"])])
@pytest.mark.parametrize("signs", [False, True])
def test_userinfo__of_another_person(spoil: Callable[[Claims], None], signs: bool) -> None:
    meeting = Meeting()
    meeting.server.signs_userinfo, meeting.server.spoil_person = signs, spoil
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


@pytest.mark.parametrize(
    "spoil", [_set(iss="https://autre.test"), _set(aud="autre"), _drop("aud"), _set(exp=AT - 61), _set(iat=AT + 61)]
)
def test_userinfo__signed_for_another_service_or_time(spoil: Callable[[Claims], None]) -> None:
    meeting = Meeting(userinfo="signed")
    meeting.server.signs_userinfo, meeting.server.spoil_person = True, spoil
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


def test_userinfo__unsigned_where_a_signature_is_required() -> None:
    meeting = Meeting(userinfo="signed")
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


def test_userinfo__signed_by_another_key() -> None:
    meeting = Meeting(userinfo="signed")
    forged = jwt.encode({"alg": "ES256", "kid": "1"}, {"iss": ISSUER, "aud": CLIENT_ID, "sub": "7"}, OTHER_KEY)
    headers = {"Content-Type": "application/jwt"}
    meeting.server.answers["/userinfo"] = httpx2.Response(200, text=forged, headers=headers)
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


def test_userinfo__does_not_replace_what_the_identity_token_proves() -> None:
    meeting = Meeting()
    meeting.server.spoil_person = _set(acr="eidas3", iss="https://autre.test")
    assert meeting.exchange().acr == "eidas1"


def test_keys__an_unknown_identifier_is_looked_for_once(clock_of_cache: list[float]) -> None:
    meeting = Meeting()
    meeting.exchange()
    meeting.server.header = {"alg": "ES256", "kid": "tournant"}
    clock_of_cache[0] += 31
    for _ in range(5):
        meeting.refused()
    assert meeting.server.calls.count("/keys") == 2
    meeting.server.key = OTHER_KEY
    meeting.server.published.append(OTHER_KEY.as_dict(private=False) | {"kid": "tournant"})
    clock_of_cache[0] += 31
    assert meeting.exchange().subject == "7"


def test_keys__a_set_of_rubbish_and_secrets_signs_nothing() -> None:
    meeting = Meeting()
    rubbish: list[Any] = [{}, "x", {"kty": "RSA"}, {"kty": "oct", "k": "eA", "kid": "1"}, {"kty": "EC", "crv": "P-256"},
                          KEY.as_dict(private=False) | {"use": "enc"}]  # fmt: skip
    meeting.server.published = rubbish
    assert meeting.refused().problem is ProviderProblem.NOT_BELIEVED


def test_published__kept_an_hour_then_a_day_while_the_provider_is_down(clock_of_cache: list[float]) -> None:
    meeting = Meeting()
    meeting.exchange()
    clock_of_cache[0] += 3599
    meeting.exchange()
    assert meeting.server.calls.count("/.well-known/openid-configuration") == 1
    meeting.server.answers["/.well-known/openid-configuration"] = httpx2.Response(503)
    clock_of_cache[0] += 2
    meeting.exchange()
    clock_of_cache[0] += 86_400
    assert meeting.refused().problem is ProviderProblem.UNAVAILABLE


def test_published__down_from_the_first__asked_again_after_ten_seconds(clock_of_cache: list[float]) -> None:
    meeting = Meeting()
    meeting.server.answers["/.well-known/openid-configuration"] = httpx2.Response(503)
    for _ in range(4):
        assert meeting.refused().problem is ProviderProblem.UNAVAILABLE
    assert len(meeting.server.calls) == 1
    clock_of_cache[0] += 10
    del meeting.server.answers["/.well-known/openid-configuration"]
    assert meeting.exchange().subject == "7"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://autre.test"},
        {"token_endpoint": "http://fournisseur.test/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"userinfo_endpoint": 7},
        {"code_challenge_methods_supported": ["plain"]},
    ],
    ids=str,
)
def test_configuration__not_usable(metadata: Claims) -> None:
    meeting = Meeting()
    meeting.server.metadata = metadata
    assert meeting.refused().problem in (ProviderProblem.NOT_BELIEVED, ProviderProblem.UNAVAILABLE)


def _raise(error: Exception) -> Callable[[], httpx2.Response]:
    def answer() -> httpx2.Response:
        raise error

    return answer


BAD_ANSWERS: dict[str, Callable[[], httpx2.Response]] = {
    "huge": lambda: httpx2.Response(200, content=b'{"x": "' + b"x" * MOST_BYTES),
    "compressed": lambda: httpx2.Response(200, content=b"x", headers={"Content-Encoding": "br"}),
    "elsewhere": lambda: httpx2.Response(302, headers={"Location": "https://ailleurs.test/"}),
    "not JSON": lambda: httpx2.Response(200, text="<html>"),
    "deep": lambda: httpx2.Response(200, content=b"[" * 100_000),
    "a list": lambda: httpx2.Response(200, json=[]),
    "down": lambda: httpx2.Response(502),
    "silent": _raise(httpx2.ReadTimeout("")),
    "unreachable": _raise(httpx2.ConnectError("")),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_answer__not_usable(path: str, name: str) -> None:
    meeting = Meeting()
    answer = BAD_ANSWERS[name]
    meeting.server.answers[path] = answer
    assert meeting.refused().problem is ProviderProblem.UNAVAILABLE
    assert set(meeting.server.calls) <= {"/.well-known/openid-configuration", "/keys", "/token", "/userinfo"}


def test_answer__that_drips_is_cut() -> None:
    meeting = Meeting()
    drops = iter(lambda: b" ", None)

    class Dripping(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return drops

    meeting.server.answers["/token"] = lambda: httpx2.Response(200, stream=Dripping())
    meeting.client._transport = ProviderTransport(transport=meeting.server.transport.transport, call_s=0.0)
    failure = meeting.refused()
    assert failure.problem is ProviderProblem.UNAVAILABLE
    assert "slowly" in failure.detail


def test_code__used_twice_or_refused() -> None:
    meeting = Meeting()
    meeting.exchange()
    with pytest.raises(ProviderFailure) as caught:
        meeting.client.exchange("code-1", ATTEMPT, NOW)
    assert caught.value.problem is ProviderProblem.REFUSED


def test_code__stolen_without_its_verifier() -> None:
    meeting = Meeting()
    meeting.server.authorize(meeting.client.authorization_url(ATTEMPT))
    with pytest.raises(ProviderFailure) as caught:
        meeting.client.exchange("code-1", replace(ATTEMPT, verifier="w" * 43), NOW)
    assert caught.value.problem is ProviderProblem.REFUSED


@pytest.mark.parametrize("issuer", [None, "https://autre.test", f"{ISSUER}/"])
def test_return__from_another_provider(issuer: str | None) -> None:
    with pytest.raises(ProviderFailure):
        Meeting().client.check_return(issuer)


def test_return__of_a_provider_that_does_not_name_itself() -> None:
    meeting = Meeting()
    meeting.server.metadata = {"authorization_response_iss_parameter_supported": False}
    meeting.client.check_return(None)
    with pytest.raises(ProviderFailure):
        meeting.client.check_return("https://autre.test")


FRESH = replace(ATTEMPT, is_fresh=True)


def test_fresh__proved_anew() -> None:
    meeting = Meeting()
    query = dict(parse_qsl(urlsplit(meeting.client.authorization_url(FRESH)).query))
    assert (query["prompt"], query["max_age"]) == ("login", "0")
    assert query["claims"] == '{"id_token": {"auth_time": {"essential": true}}}'
    assert meeting.exchange(FRESH).subject == "7"


@pytest.mark.parametrize("auth_time", [AT - 61, AT - 86_400, AT + 61])
def test_fresh__not_proved_anew(auth_time: float) -> None:
    meeting = Meeting()
    meeting.server.auth_time = auth_time
    assert meeting.refused(FRESH).problem is ProviderProblem.NOT_FRESH


def test_fresh__a_provider_that_does_not_say_when() -> None:
    meeting = Meeting()
    meeting.server.spoil_token = _drop("auth_time")
    assert meeting.refused(FRESH).problem is ProviderProblem.NOT_FRESH


def test_level__required_by_the_role() -> None:
    meeting = Meeting(acr={"operator": ["eidas2", "eidas3"]})
    identity = meeting.exchange()
    meeting.client.check_level(identity, Role.CHEF)
    with pytest.raises(ProviderFailure) as caught:
        meeting.client.check_level(identity, Role.OPERATOR)
    assert (caught.value.problem, caught.value.role) == (ProviderProblem.TOO_WEAK, "operator")
    meeting.client.check_level(replace(identity, acr="eidas3"), Role.OPERATOR)


def test_level__asked_for() -> None:
    meeting = Meeting(acr={"operator": ["eidas2", "eidas3"], "chef": ["eidas1"]})
    query = dict(parse_qsl(urlsplit(meeting.client.authorization_url(ATTEMPT)).query))
    assert query["acr_values"] == "eidas2 eidas3 eidas1"
    query = dict(parse_qsl(urlsplit(meeting.client.authorization_url(replace(ATTEMPT, level_of="operator"))).query))
    assert query["claims"] == '{"id_token": {"acr": {"essential": true, "values": ["eidas2", "eidas3"]}}}'


def test_logout__address() -> None:
    url = urlsplit(Meeting().client.logout_url("jeton", "s", "https://oda.test/connexion"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{ISSUER}/logout"
    assert dict(parse_qsl(url.query)) == {
        "id_token_hint": "jeton", "client_id": CLIENT_ID, "state": "s",
        "post_logout_redirect_uri": "https://oda.test/connexion",
    }  # fmt: skip
    assert Meeting(logout=False).client.logout_url("jeton", "s", "https://oda.test/connexion") == ""


def test_failure__tells_no_claim() -> None:
    meeting = Meeting()
    meeting.server.person = {"sub": "7", "email": "claire.martin@ac-toulouse.fr", "nom": "Martin"}
    for name, spoil in BAD_TOKENS.items():
        other = Meeting()
        other.server.person, other.server.spoil_token = meeting.server.person, spoil
        detail = other.refused().detail
        assert "martin" not in detail.lower(), name
        assert "n" * 43 not in detail
