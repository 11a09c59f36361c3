"""``/sante``: what a probe is told."""

import pytest
from sqlalchemy import insert

from tests.kit.portal import Portal
from workflow.database.connection import DatabaseUnreachable
from workflow.database.tables import NODE


def test_health__tells_how_long_ago_the_schedule_passed(portal: Portal) -> None:
    portal.app.ticker.tick()
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

    monkeypatch.setattr("portal.web.health.last_heartbeat", away)
    down = portal.client().get("/sante")
    assert (down.status_code, down.text) == (503, "en panne\nbase : injoignable\n")


@pytest.mark.rule("R82")
def test_health__says_that_a_machine_abstains(portal: Portal) -> None:
    portal.app.ticker.tick()
    now = portal.clock.now()
    rows = [{"host": f"oda-{n}", "seen_at": now, "heard_at": now, "refused_at": now} for n in range(2)]
    with portal.app.database.write() as connection:
        connection.execute(insert(NODE), rows[:1])
    said = portal.client().get("/sante")
    assert (said.status_code, said.text.splitlines()[0]) == (200, "attention")
    assert said.text.endswith("\nhorloges : 1 machine à remettre à l'heure\n")
    assert "oda-0" not in said.text
    with portal.app.database.write() as connection:
        connection.execute(insert(NODE), rows[1:])
    assert portal.client().get("/sante").text.endswith("horloges : 2 machines à remettre à l'heure\n")
