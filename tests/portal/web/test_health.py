"""``/sante``: what a probe is told."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from tests.kit.portal import Portal
from workflow.database.faults import DatabaseUnreachable
from workflow.database.tables import NODE
from workflow.engine.clock_check import ClockCheck


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


@pytest.mark.rule("R52")
def test_health__says_that_the_clock_is_not_believed(portal: Portal) -> None:
    portal.app.ticker.tick()
    portal.clock.advance(minutes=-3)
    said = portal.client().get("/sante").text.splitlines()
    assert (said[0], said[-1][:37]) == ("attention", "horloge à vérifier : le dernier passa")
    portal.app.ticker.tick()
    said = portal.client().get("/sante").text.splitlines()
    assert (said[0], said[-1]) == ("attention", "horloge à vérifier : l'horloge est revenue en arrière")
    portal.clock.advance(minutes=4)
    portal.app.ticker.tick()
    assert portal.client().get("/sante").text.startswith("ok\n")


@pytest.mark.rule("R52")
def test_health__tells_a_late_schedule_by_the_counter(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock may stand still, or have been set back: the last tick is as old as the machine's counter says."""
    portal.app.ticker.tick()
    monkeypatch.setattr(ClockCheck, "since_tick", timedelta(minutes=6))
    said = portal.client().get("/sante").text
    assert said.startswith("attention\n")
    assert "il y a 6 minutes" in said
