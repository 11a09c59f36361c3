"""A whole sign-in with ``oidc-provider-mock``: real calls, a real page, a library that is not ours (R101)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from states.vocabulary import Role, SignInMethod
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR
from tests.kit.portal import Portal, open_portal
from tests.portal.web.test_national_sign_in import sent_to, signed_out, text_of

pytestmark = pytest.mark.rule("R101")


@pytest.fixture
def portal(mock_provider: str, tmp_path: Path) -> Iterator[Portal]:
    secret = tmp_path / "secrets" / "provider-essai"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o600)
    provider = f'{{name: essai, label: Essai, client_id: oda, issuer: "{mock_provider}"}}'
    settings = f"sign_in:\n  providers:\n    - {provider}\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, datetime.now(UTC), settings=settings) as portal,
    ):
        yield portal


def answered(url: str, **form: str) -> str:
    """Fill in the provider's page: the path to which it sends back."""
    answer = httpx2.post(url, data=form, trust_env=False, follow_redirects=False)
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


def test_mock__signs_in_and_out(portal: Portal) -> None:
    client = portal.client()
    url = sent_to(client.post("/connexion/fournisseur/essai", data={"suite": "/compte"}))
    page = client.get(answered(url, sub=OPERATOR))
    assert page.url.path == "/compte"
    user = portal.context.sessions.find(client.cookies[portal.context.cookie], portal.clock.now())
    assert user is not None
    assert (user.role, user.subject, user.method) == (Role.OPERATOR, OPERATOR, SignInMethod.PROVIDER)
    away = sent_to(signed_out(client, page))
    assert away.startswith(url.partition("/oauth2/")[0])
    assert "confirm" in httpx2.get(away, trust_env=False).text.lower()


def test_mock__given_up(portal: Portal) -> None:
    client = portal.client()
    url = sent_to(client.post("/connexion/fournisseur/essai"))
    path = answered(url, action="deny")
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    page = client.get(path if "state=" in path else f"{path}&state={state}")
    assert "n'a pas été menée à son terme" in text_of(page)
