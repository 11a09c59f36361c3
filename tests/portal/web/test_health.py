"""``/vivant``, ``/pret``, ``/sante``: what a probe is told (R115)."""

import os
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import DBAPIError, OperationalError

from notifications.outbox.queue import begin_pause, end_pause
from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Kind, RelayCertificate, RelayFault, Stage
from states import french
from tests.kit.portal import Portal
from workflow.database.connection import Database, this_host
from workflow.database.faults import DatabaseFault, DatabaseUnreachable
from workflow.database.schedule_tables import CLOCK_HOLD, LAST_BACKUP, NODE, RECORD, RESTORATION
from workflow.engine.clock_check import ClockCheck
from workflow.schedule.nodes import record_certificate
from workflow.schedule.tick import StepFailure, TickResult
from workflow.worker import Worker

pytestmark = pytest.mark.rule("R115")


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.health.report.KEPT", timedelta(0))


def probe(portal: Portal, path: str = "/sante") -> Response:
    return portal.client().get(path)


def line(answer: Response, name: str) -> str:
    """The state of one thing; empty when it is not spoken of."""
    return next((text.partition(" : ")[2] for text in answer.text.splitlines() if text.startswith(f"{name} :")), "")


def is_well(portal: Portal) -> bool:
    answer = probe(portal)
    return (answer.status_code, answer.text.splitlines()[0]) == (200, "ok")


def needs_somebody(portal: Portal, name: str) -> str:
    """What is said of it, under « attention » and 503."""
    answer = probe(portal)
    assert (answer.status_code, answer.text.splitlines()[0]) == (503, "attention"), answer.text
    return line(answer, name)


def away(fault: DatabaseFault) -> Callable[..., None]:
    def connect(*_: object) -> None:
        raise DatabaseUnreachable(fault)

    return connect


def test_alive__answers_without_the_database(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "aside", away(DatabaseFault.UNREACHABLE))
    answer = probe(portal, "/vivant")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert probe(portal, "/pret").status_code == 503


def test_health__says_what_it_has_looked_at(portal: Portal) -> None:
    portal.app.ticker.tick()
    portal.clock.advance(seconds=42)
    answer = probe(portal)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("ok\nbase : joignable\néchéancier : dernier passage il y a 42 secondes\n")
    assert line(answer, "version de la base").isdecimal()
    assert probe(portal, "/pret").text == "ok\n"


@pytest.mark.parametrize("options", [{"headers": {"Accept": "application/json"}}, {"params": {"format": "json"}}])
def test_health__in_json(portal: Portal, options: dict[str, Any]) -> None:
    portal.app.ticker.tick()
    well = portal.client().get("/sante", **options)
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    portal.clock.advance(minutes=9)
    late = portal.client().get("/sante", **options)
    assert (late.status_code, late.json()["status"]) == (503, "attention")
    failing = [check for check in late.json()["checks"] if not check["ok"]]
    assert failing == [{"check": "schedule", "ok": False, "text": "dernier passage il y a 9 minutes"}]
    assert portal.client().get("/vivant", **options).json() == {"status": "ok"}
    assert portal.client().get("/pret", **options).json() == {"status": "ok", "checks": []}


def test_health__head_has_the_status_alone(portal: Portal) -> None:
    portal.app.ticker.tick()
    portal.clock.advance(minutes=9)
    for path, status in (("/vivant", 200), ("/pret", 200), ("/sante", 503)):
        answer = portal.client().head(path)
        assert (answer.status_code, answer.content) == (status, b"")


def test_health__is_read_again_after_some_seconds_only(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.health.report.KEPT", timedelta(seconds=5))
    seconds = 0.0
    monkeypatch.setattr(portal.app.health, "_count", lambda: seconds)
    portal.app.ticker.tick()
    assert is_well(portal)
    monkeypatch.setattr(Database, "aside", away(DatabaseFault.UNREACHABLE))
    assert is_well(portal)
    seconds = 6.0
    assert probe(portal).status_code == 503


# The schedule


def test_health__a_schedule_that_stopped(portal: Portal) -> None:
    portal.app.ticker.tick()
    for delta, age in (({"minutes": 2}, "2 minutes"), ({"hours": 3}, "3 heures"), ({"days": 2}, "2 jours")):
        portal.clock.advance(**delta)
        assert needs_somebody(portal, "échéancier").endswith(f"il y a {age}")
        portal.app.ticker.tick()
        assert is_well(portal)


def test_health__tells_a_late_schedule_by_the_counter(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock may stand still, or have been set back: the last tick is as old as the machine's counter says."""
    portal.app.ticker.tick()
    monkeypatch.setattr(ClockCheck, "since_tick", timedelta(minutes=6))
    assert needs_somebody(portal, "échéancier").endswith("il y a 6 minutes")


def test_health__a_tick_that_fails_is_told_before_it_is_late(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(portal.app)
    worker.tick()
    assert is_well(portal)
    with monkeypatch.context() as patch:
        patch.setattr(portal.app.ticker, "tick", lambda: TickResult(failures=[StepFailure("les codes", "KeyError")]))
        worker.tick()
        assert needs_somebody(portal, "échéancier").endswith("en échec : voir le journal du service")
    worker.tick()
    assert is_well(portal)


# The database


@pytest.mark.parametrize("fault", [DatabaseFault.UNREACHABLE, DatabaseFault.TOO_MANY, DatabaseFault.DAMAGED])
def test_health__a_database_that_is_away(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, fault: DatabaseFault
) -> None:  # fmt: skip
    portal.app.ticker.tick()
    for path in ("/sante", "/pret"):
        with monkeypatch.context() as patch:
            patch.setattr(Database, "aside", away(fault))
            down = probe(portal, path)
        assert (down.status_code, down.text.splitlines()[0]) == (503, "en panne")
        assert line(down, "base").lower() == f"injoignable ({fault.message})".lower()
        assert probe(portal, path).status_code == 200


def test_health__an_error_that_no_table_knows(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT 'Dupont'", {}, Exception("secret"))

    monkeypatch.setattr(Database, "aside", fail)
    down = probe(portal)
    assert down.status_code == 503
    assert "Dupont" not in down.text
    assert "secret" not in down.text


def test_health__a_database_of_another_version(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal.app.health, "_newest", "9999")
    for path in ("/sante", "/pret"):
        behind = probe(portal, path)
        assert (behind.status_code, behind.text.splitlines()[0]) == (503, "en panne")
        assert "ce logiciel demande 9999" in line(behind, "version de la base")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (DatabaseFault.NO_SPACE, "joignable, mais son disque est plein"),
        (DatabaseFault.READ_ONLY, "joignable, mais en lecture seule"),
    ],
)
def test_health__a_base_that_reads_and_does_not_write(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, fault: DatabaseFault, text: str
) -> None:
    worker = Worker(portal.app)
    worker.tick()
    with monkeypatch.context() as patch:
        patch.setattr(portal.app.ticker, "tick", away(fault))
        worker.tick()
        assert needs_somebody(portal, "base") == text
    worker.tick()
    assert is_well(portal)


def test_health__a_full_disk_on_which_the_schedule_still_fits(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    Worker(portal.app).tick()
    with pytest.raises(DatabaseUnreachable), portal.app.database.write():
        raise DBAPIError("INSERT", None, FullDisk())
    assert needs_somebody(portal, "base") == "joignable, mais son disque est plein"
    monkeypatch.setattr("workflow.database.connection.REMEMBERED_S", 0)
    assert is_well(portal)


class FullDisk(Exception):
    sqlstate = "53100"


def test_health__a_disk_that_is_nearly_full(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.app.ticker.tick()
    for free, text in ((0, "plein"), (10_000, "presque plein : reste 39 Mo")):
        with monkeypatch.context() as patch:
            disk = SimpleNamespace(f_bavail=free, f_frsize=4096, f_blocks=10**7)
            patch.setattr(os, "statvfs", lambda _, disk=disk: disk)
            assert needs_somebody(portal, "disque") == text
        assert is_well(portal)


# The clock


@pytest.mark.rule("R82")
def test_health__a_machine_that_abstains(portal: Portal) -> None:
    portal.app.ticker.tick()
    now = portal.clock.now()
    rows = [{"host": f"oda-{n}", "seen_at": now, "heard_at": now, "refused_at": now} for n in range(2)]
    with portal.app.database.write() as connection:
        connection.execute(insert(NODE), rows[:1])
    assert needs_somebody(portal, "horloges") == "1 machine à remettre à l'heure"
    assert "oda-0" not in probe(portal).text
    with portal.app.database.write() as connection:
        connection.execute(insert(NODE), rows[1:])
    assert needs_somebody(portal, "horloges") == "2 machines à remettre à l'heure"
    with portal.app.database.write() as connection:
        connection.execute(update(NODE).values(refused_at=None))
    assert is_well(portal)


@pytest.mark.rule("R52")
def test_health__a_clock_that_is_not_believed(portal: Portal) -> None:
    portal.app.ticker.tick()
    portal.clock.advance(minutes=-3)
    assert needs_somebody(portal, "horloge à vérifier").startswith("le dernier passage")
    portal.app.ticker.tick()
    assert needs_somebody(portal, "horloge à vérifier") == "l'horloge est revenue en arrière"
    portal.clock.advance(minutes=4)
    portal.app.ticker.tick()
    assert is_well(portal)


@pytest.mark.rule("R115", "R119")
def test_health__says_that_a_machine_has_started_and_calls_nobody(portal: Portal) -> None:
    portal.app.ticker.tick()
    portal.clock.advance(days=2)
    now = portal.clock.now()
    row = {"id": 1, "fault": "started", "held_at": now, "seen_at": now, "known_at": now - timedelta(days=2)}
    with portal.app.database.write() as connection:
        connection.execute(insert(CLOCK_HOLD), [row])
        connection.execute(update(NODE).values(seen_at=now))
    assert is_well(portal)
    assert "la machine vient de démarrer, et peut encore être remise à l'heure" in line(probe(portal), "horloge")


# The mails


def a_mail(portal: Portal, **values: object) -> None:
    """One mail waits, of those of a request; its values are these."""
    portal.issued()
    with portal.app.database.write() as connection:
        connection.execute(delete(MAILS).where(MAILS.c.kind != Kind.CODE_ISSUED.value))
        connection.execute(update(MAILS).values(**values))


def test_health__a_relay_that_is_dead(portal: Portal) -> None:
    portal.app.ticker.tick()
    a_mail(portal, next_attempt_at=portal.clock.now())
    with portal.app.database.write() as connection:
        begin_pause(connection, RelayFault.DOWN, "secret.ac-toulouse.fr does not answer", portal.clock.now())
    portal.clock.advance(seconds=30)
    assert line(probe(portal), "courriels arrêtés") == "le relais de messagerie ne répond pas, depuis 30 secondes"
    assert is_well(portal)
    portal.clock.advance(seconds=60)
    portal.app.ticker.tick()
    assert needs_somebody(portal, "courriels arrêtés").endswith("depuis 90 secondes")
    assert "secret" not in probe(portal).text
    with portal.app.database.write() as connection:
        end_pause(connection)
    assert is_well(portal)


def test_health__a_pause_that_outlives_its_mails_calls_nobody(portal: Portal) -> None:
    with portal.app.database.write() as connection:
        begin_pause(connection, RelayFault.DOWN, "", portal.clock.now())
    portal.clock.advance(minutes=5)
    portal.app.ticker.tick()
    assert is_well(portal)


@pytest.mark.parametrize(
    ("until", "notice", "text"),
    [
        ({"days": 40}, 10, ""), ({"days": 9}, None, ""),
        ({"days": 9}, 10, "il expire le 23 septembre 2026, dans 9 jours"),
        ({"hours": -1}, None, "il a expiré le 14 septembre 2026"),
    ],
)  # fmt: skip
def test_health__the_relay_s_certificate(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, until: dict[str, int], notice: int | None, text: str
) -> None:
    monkeypatch.setattr(portal.app.health, "_certificate_notice", notice and timedelta(days=notice))
    portal.app.ticker.tick()
    assert line(probe(portal), "certificat du relais") == ""
    expires = portal.clock.now() + timedelta(**until)
    with portal.app.database.write() as connection:
        record_certificate(connection, this_host(), RelayCertificate(until=expires))
    if text:
        assert needs_somebody(portal, "certificat du relais") == text
    else:
        assert line(probe(portal), "certificat du relais") == f"valable jusqu'au {french.day(expires.date())}"
        assert is_well(portal)


def test_health__a_certificate_that_is_refused_is_the_worst_seen(portal: Portal) -> None:
    portal.app.ticker.tick()
    now = portal.clock.now()
    with portal.app.database.write() as connection:
        connection.execute(insert(NODE), [{"host": "other", "seen_at": now, "certificate_refused": 20}])
        record_certificate(connection, this_host(), RelayCertificate(until=now + timedelta(days=40)))
    text = needs_somebody(portal, "certificat du relais")
    assert text == "il n'est pas admis : l'autorité qui l'a signé est inconnue de cette machine"
    portal.clock.advance(minutes=6)  # the other machine is gone
    portal.app.ticker.tick()
    assert is_well(portal)


def test_health__mails_that_nobody_sends(portal: Portal) -> None:
    portal.app.ticker.tick()
    a_mail(portal, next_attempt_at=portal.clock.now())
    portal.clock.advance(minutes=9)
    portal.app.ticker.tick()
    assert is_well(portal)
    portal.clock.advance(minutes=1)
    assert needs_somebody(portal, "courriels") == "1 courriel à envoyer, le plus ancien depuis 10 minutes"
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(next_attempt_at=None, stage=Stage.SENT.value))
    assert is_well(portal)


@pytest.mark.parametrize(("fault", "calls"), [(Fault.RECIPIENT_REFUSED, False), (Fault.MESSAGE_REFUSED, True)])
def test_health__mails_that_did_not_arrive(portal: Portal, fault: Fault, calls: bool) -> None:
    portal.app.ticker.tick()
    a_mail(portal, stage=Stage.DEAD.value, fault=fault.value, next_attempt_at=None)
    text = needs_somebody(portal, "courriels perdus") if calls else line(probe(portal), "courriels perdus")
    assert text == "1 courriel non remis, à renvoyer ou à écarter au rectorat"
    assert is_well(portal) is not calls
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage=Stage.DISCARDED.value))
    assert is_well(portal)


def test_health__many_wrong_addresses_are_not_an_operator_s_affair_alone(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.app.ticker.tick()
    a_mail(portal, stage=Stage.DEAD.value, fault=Fault.EXHAUSTED.value, next_attempt_at=None)
    monkeypatch.setattr("workflow.health.report.MANY_DEAD", 1)
    assert needs_somebody(portal, "courriels perdus").startswith("1 courriel non remis")


@pytest.mark.rule("R52")
def test_health__a_year_s_end_that_is_held(portal: Portal) -> None:
    portal.app.ticker.tick()
    hold = {"held_why": "absence", "held_at": portal.clock.now()}
    with portal.app.database.write() as connection:
        assert connection.execute(update(RECORD).values(**hold)).rowcount
    assert needs_somebody(portal, "fin d'année").endswith("à confirmer au rectorat")
    with portal.app.database.write() as connection:
        connection.execute(update(RECORD).values(held_why=None, held_at=None))
    assert is_well(portal)


# The backups


@pytest.mark.rule("R116")
def test_health__a_backup_that_is_too_old(portal: Portal) -> None:
    portal.app.ticker.tick()
    assert not line(probe(portal), "dernière sauvegarde")
    with portal.app.database.write() as connection:
        connection.execute(insert(LAST_BACKUP), [{"id": 1, "made_at": portal.clock.now()}])
    portal.clock.advance(hours=47)
    portal.app.ticker.tick()
    assert is_well(portal)
    portal.clock.advance(hours=2)
    portal.app.ticker.tick()
    assert needs_somebody(portal, "dernière sauvegarde") == "il y a 2 jours"
    with portal.app.database.write() as connection:
        connection.execute(update(LAST_BACKUP).values(made_at=portal.clock.now()))
    assert is_well(portal)


@pytest.mark.rule("R116")
def test_health__a_restored_base_that_waits_for_somebody(portal: Portal) -> None:
    now = portal.clock.now()
    portal.app.ticker.tick()
    with portal.app.database.write() as connection:
        connection.execute(insert(RESTORATION), [{"id": 1, "backup_at": now, "restored_at": now}])
    assert needs_somebody(portal, "base restaurée")
    with portal.app.database.write() as connection:
        connection.execute(delete(RESTORATION))
    assert is_well(portal)
