"""Under an absurd clock no page breaks, and whatever is asked is refused in the same words at each door (R52)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, STAFF
from tests.portal.api.conftest import Api, open_api
from tests.portal.api.test_life import DECLARATION
from tests.portal.web.test_access_of_every_address import Town, addresses

ABSURD = [datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(2000, 6, 1, tzinfo=UTC), datetime(2106, 3, 1, tzinfo=UTC)]
WHOLE = "/etablissement/demande-complete"
TYPED = {"nom": "Durand", "prenom": "Zoé", "mail": "zoe.durand@ac-toulouse.fr", "made_on": "2026-09-10",
         "signed_on": "2026-09-11"}  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with fresh_url("sqlite", tmp_path) as url, open_api(tmp_path, url) as api:
        yield api


@pytest.mark.rule("R52", "R7")
@pytest.mark.parametrize("instant", ABSURD, ids=lambda instant: str(instant.year))
def test_doors__each_refuses_under_an_absurd_clock(api: Api, instant: datetime) -> None:
    portal, town = api.portal, Town(api.portal)
    portal.app.ticker.tick()
    portal.clock.set(instant)
    client = portal.client(CHEF)
    page = send(client, form_to(client.get(WHOLE), "/demande-complete"), **TYPED)
    assert page.status_code == 422
    assert "Le serveur n'est pas à l'heure" in page.text.replace("&#39;", "'").replace("’", "'")
    answer = api.program(STAFF).post("/requests", DECLARATION)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:oda:refus:clock_absurd")
    assert broken_pages(town) == []


@pytest.mark.rule("R52")
def test_pages__a_request_that_an_absurd_clock_left_breaks_none(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    portal, town = api.portal, Town(api.portal)
    now = portal.clock.now()
    with monkeypatch.context() as patch:  # as it was before absurd clocks were refused
        patch.setattr("workflow.engine.engine.refused_clock", lambda *_: None)
        portal.clock.set(ABSURD[0])
        town.references[1] = portal.declared(7)
    portal.app.engine._sound_until = ABSURD[0]
    portal.clock.set(now)
    assert town.references[1] == "ODA-1970-00001"
    portal.app.ticker.tick()
    assert broken_pages(town) == []


def broken_pages(town: Town) -> list[str]:
    """The pages that fail for a chef or an operator."""
    readers = [town.portal.client(role) for role in (CHEF, STAFF)]
    paths = [town.filled(path) for method, path in addresses(town.portal.asgi) if method == "GET"]
    return [path for path in paths for reader in readers if reader.get(path).status_code >= 500]
