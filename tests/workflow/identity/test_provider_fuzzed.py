"""Whatever a provider answers, it is an identity that its key signed for us, or a failure that a page knows (R101)."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.identity_provider import CLIENT_ID, ISSUER, KEY
from tests.workflow.identity.test_provider import ATTEMPT, Meeting
from workflow.identity.signed_tokens import ProviderFailure

pytestmark = pytest.mark.rule("R101")

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.text(max_size=30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([ISSUER, CLIENT_ID, ATTEMPT.nonce, "7", "ES256", "none", "sig", "EC", "RSA", "1"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode())
CLAIMS = ["iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce", "at_hash", "acr", "auth_time"]
ENDPOINTS = ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"]
KEY_NAMES = ["kty", "crv", "x", "y", "n", "e", "k", "kid", "use", "alg"]


def outcome(meeting: Meeting) -> str:
    """The subject, or nothing for a failure; anything else fails the test."""
    try:
        return meeting.exchange().subject
    except ProviderFailure:
        return ""


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ENDPOINTS), BODIES)
def test_answer__any_bytes(path: str, body: bytes) -> None:
    meeting = Meeting()
    kind = {"Content-Type": "application/jwt"} if len(body) % 2 else {}
    meeting.server.answers[path] = httpx2.Response(200, content=body, headers=kind)
    assert outcome(meeting) in ("", "7" if path == "/userinfo" else "")


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from(CLAIMS), VALUES, min_size=1))
def test_identity_token__any_claims_of_the_right_key(claims: dict[str, Any]) -> None:
    """Signed as it must be, and yet only what is for this service, this sign-in and now is an identity."""
    meeting = Meeting(userinfo="none")
    token: dict[str, Any] = {}

    def spoil(target: dict[str, Any]) -> None:
        target.update(claims)
        token.update(target)

    meeting.server.spoil_token = spoil
    try:
        subject = outcome(meeting)
    except UnicodeEncodeError:  # the library that signs does not write it
        return
    if subject:
        assert (token["iss"], token["nonce"], token["sub"]) == (ISSUER, ATTEMPT.nonce, subject)
        assert CLIENT_ID in token["aud"]
        assert token.get("azp") in (None, CLIENT_ID)
        assert token["exp"] > meeting.server.clock.now().timestamp() - 60


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEY_NAMES), VALUES, max_size=6) | VALUES, max_size=3))
def test_keys__any_set(published: list[Any]) -> None:
    meeting = Meeting()
    meeting.server.published = published
    assert outcome(meeting) == ""
    meeting = Meeting()
    meeting.server.published = [*published, KEY.as_dict(private=False)]
    assert outcome(meeting) in ("", "7")
