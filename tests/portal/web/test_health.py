"""``/sante``: what a probe is told."""

import pytest

from tests.kit.portal import Portal
from workflow.database import DatabaseUnreachable


def test_health__tells_how_long_ago_the_schedule_passed(portal: Portal) -> None:
    portal.house.ticker.tick()
    portal.clock.advance(seconds=42)
    client = portal.client()
    well = client.get("/sante")
    assert well.headers["content-type"] == "text/plain; charset=utf-8"
    assert well.text == "ok\nbase : joignable\néchéancier : dernier passage il y a 42 secondes\n"
    for delta, said in (({"minutes": 9}, "9 minutes"), ({"hours": 3}, "3 heures"), ({"days": 2}, "2 jours")):
        portal.clock.advance(**delta)
        late = client.get("/sante")
        assert late.status_code == 200
        assert late.text.startswith("attention\n")
        assert late.text.endswith(f"il y a {said}\n")


def test_health__says_that_the_database_is_away(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnreachable

    monkeypatch.setattr("portal.web.health.last_seen", away)
    down = portal.client().get("/sante")
    assert (down.status_code, down.text) == (503, "en panne\nbase : injoignable\n")
