"""An identity provider in the process of the test: strict with what it is asked, and hostile where a test says so."""

import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from notifications.ports import Clock
from workflow.identity.signed_tokens import ProviderTransport, half_hash

ISSUER = "https://fournisseur.test/oidc"
CLIENT_ID = "oda"
SECRET = "un secret assez long : et pas d'adresse"  # with what a Basic header must encode
KEY = ECKey.generate_key("P-256", {"kid": "1", "use": "sig"})
OTHER_KEY = ECKey.generate_key("P-256", {"kid": "1", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
SETTINGS = f"""\
sign_in:
  providers:
    - name: national
      label: ProConnect
      issuer: {ISSUER}
      client_id: {CLIENT_ID}
      about: https://www.proconnect.gouv.fr
      mail_is_verified: true
"""

Claims = dict[str, Any]


@dataclass
class StrictProvider:
    """Refuses what a provider must refuse; ``person`` is whom it identifies.

    A test makes it hostile: ``spoil_token`` and ``spoil_person`` change the claims before they are signed, ``answer``
    replaces the answer of an address. ``calls`` are the paths that were asked for.
    """

    clock: Clock
    person: Claims = field(default_factory=lambda: {"sub": "7", "email": "op@ac-toulouse.fr"})
    acr: str = "eidas1"
    signs_userinfo: bool = False
    posts_secret: bool = False
    header: Claims = field(default_factory=lambda: {"alg": "ES256", "kid": "1"})
    key: Any = field(default_factory=lambda: KEY)
    auth_time: float | None = None
    spoil_token: Callable[[Claims], None] = lambda claims: None
    spoil_person: Callable[[Claims], None] = lambda claims: None
    metadata: Claims = field(default_factory=dict)
    published: list[Claims] = field(default_factory=lambda: [KEY.as_dict(private=False), RSA.as_dict(private=False)])
    answers: dict[str, httpx2.Response | Callable[[], httpx2.Response]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    authorizations: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """What each code stands for: the parameters of its authorization request."""

    @property
    def transport(self) -> ProviderTransport:
        return ProviderTransport(transport=httpx2.MockTransport(self._handle))

    def authorize(self, url: str, **error: str) -> str:
        """A person is identified at this address: where the provider sends them back, with a code or an error."""
        parts, query = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        assert min(len(query["state"]), len(query["nonce"]), len(query["code_challenge"])) >= 43
        code = f"code-{len(self.authorizations) + 1}"
        self.authorizations[code] = query
        answer_parameters = error or {"code": code}
        return f"{query['redirect_uri']}?{urlencode({**answer_parameters, 'state': query['state'], 'iss': ISSUER})}"

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/oidc")
        self.calls.append(path)
        if path in self.answers:
            answer = self.answers[path]
            return answer() if callable(answer) else answer
        handlers = {
            "/.well-known/openid-configuration": self._configuration, "/keys": self._keys, "/token": self._token,
            "/userinfo": self._userinfo,
        }  # fmt: skip
        return handlers[path](request)

    def _configuration(self, _: httpx2.Request) -> httpx2.Response:
        method = "client_secret_post" if self.posts_secret else "client_secret_basic"
        claims = {
            "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys", "userinfo_endpoint": f"{ISSUER}/userinfo",
            "end_session_endpoint": f"{ISSUER}/logout", "token_endpoint_auth_methods_supported": [method],
            "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip
        return httpx2.Response(200, json=claims | self.metadata)

    def _keys(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"keys": self.published})

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        query = self.authorizations.pop(form.get("code", ""), None)
        if query is None:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        if self._client_of(request, form) != (CLIENT_ID, SECRET):
            return httpx2.Response(401, json={"error": "invalid_client"})
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if challenge != query["code_challenge"] or form["redirect_uri"] != query["redirect_uri"]:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        now = self.clock.now().timestamp()
        claims: Claims = {
            "iss": ISSUER, "aud": CLIENT_ID, "sub": self.person["sub"], "exp": now + 60, "iat": now,
            "nonce": query["nonce"], "acr": self.acr,
        }  # fmt: skip
        if "max_age" in query or self.auth_time is not None:
            claims["auth_time"] = now if self.auth_time is None else self.auth_time
        if self.header["alg"] != "none":
            claims["at_hash"] = half_hash("access", self.header["alg"])
        self.spoil_token(claims)
        return httpx2.Response(200, json={"access_token": "access", "id_token": self.signed(claims)})

    def _userinfo(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer access"
        claims = dict(self.person)
        if self.signs_userinfo:
            now = self.clock.now().timestamp()
            claims |= {"iss": ISSUER, "aud": CLIENT_ID, "exp": now + 60, "iat": now}
        self.spoil_person(claims)
        if self.signs_userinfo:
            return httpx2.Response(200, text=self.signed(claims), headers={"Content-Type": "application/jwt"})
        return httpx2.Response(200, json=claims)

    def signed(self, claims: Claims) -> str:
        """A token of these claims; one by a shared secret, or unsigned, is made by hand: the library makes none."""
        if self.header["alg"] not in ("none", "HS256"):
            return jwt.encode(self.header, claims, self.key, algorithms=[self.header["alg"]])
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (self.header, claims))
        signature = hmac.digest(self.key, text.encode(), "sha256") if self.header["alg"] == "HS256" else b""
        return f"{text}.{_encoded(signature)}"

    def _client_of(self, request: httpx2.Request, form: Mapping[str, str]) -> tuple[str, str]:
        if self.posts_secret:
            return form.get("client_id", ""), form.get("client_secret", "")
        kind, _, pair = request.headers.get("authorization", "").partition(" ")
        assert kind == "Basic"
        name, _, secret = b64decode(pair).decode().partition(":")
        return unquote(name), unquote(secret)


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
