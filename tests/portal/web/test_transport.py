"""What a browser is told of an answer: cookies that stay here, nothing kept, no other origin, no TRACE, no listing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications.vocabulary import LINK_PATH
from portal.web.environment import dsfr_version, our_version
from tests.kit.databases import fresh_url
from tests.kit.portal import STAFF, Portal, open_portal
from tests.kit.sign_in import secrets_of

pytestmark = pytest.mark.rule("R73")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Portal]:
    """A portal that people reach by HTTPS."""
    settings = "portal:\n  address: https://oda.ac-toulouse.fr\n"
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        yield portal


def test_cookie__of_a_session_stays_in_this_host_and_out_of_scripts(secure: Portal) -> None:
    client = secure.client()
    client.follow_redirects = False
    client.post("/connexion/rectorat", data={"adresse": STAFF.subject})
    answer = client.post(f"{LINK_PATH}{secrets_of(secure.app)[0]}", headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303
    (cookie,) = [text for text in answer.headers.get_list("set-cookie") if text.startswith("__Host-oda=")]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes
    assert not [part for part in attributes if part.startswith("domain")]


def test_page__is_kept_by_no_cache_and_lent_to_no_origin(secure: Portal) -> None:
    answer = secure.client(STAFF).get("/rectorat", headers={"origin": "https://ailleurs.example"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/rectorat", "/api/v1/me"])
def test_trace__is_not_answered(secure: Portal, path: str) -> None:
    assert secure.client(STAFF).request("TRACE", path).status_code in (405, 401)


@pytest.mark.parametrize("path", [f"/static/dsfr/{dsfr_version()}/", f"/static/oda/{our_version()}/", "/static/"])
def test_folder__is_not_listed(secure: Portal, path: str) -> None:
    assert secure.client().get(path).status_code == 404
