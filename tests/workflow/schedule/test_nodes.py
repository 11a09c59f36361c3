"""Two machines on one database, whose clocks differ: the database's judges, and the one that is off abstains (R82)."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock
from tests.kit.installation import make_installation
from workflow.app import App, bootstrap
from workflow.database.clock import last_heartbeat
from workflow.database.journal_tables import EVENT
from workflow.database.schedule_tables import NODE
from workflow.database.tables import REQUEST
from workflow.journal.verification import Verifier
from workflow.schedule.nodes import FORGOTTEN, Node, NodeState, nodes, refusal, refused_count
from workflow.settings.loader import load_settings
from workflow.worker import Worker

SECOND = timedelta(seconds=1)


class Pair:
    """One database with its clock, and two machines that each have their own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.judge = FakeClock(year_end_scene.AUTUMN)
        config = make_installation(folder, url, self.judge)
        self.clocks = [FakeClock(year_end_scene.AUTUMN), FakeClock(year_end_scene.AUTUMN)]
        self.apps = [
            bootstrap(load_settings(config), {}, clock=clock, database_now=self.judge.now, machine=name)
            for name, clock in zip(("un", "deux"), self.clocks, strict=True)
        ]

    @property
    def first(self) -> App:
        return self.apps[0]

    @property
    def second(self) -> App:
        return self.apps[1]

    def passes(self, **delta: float) -> None:
        for clock in (self.judge, *self.clocks):
            clock.advance(**delta)

    def events(self) -> list[dict[str, object]]:
        """What the installation's chain says of clocks, in order."""
        with self.first.database.read() as connection:
            query = select(EVENT.c.kind, EVENT.c.canonical).where(EVENT.c.kind.like("clock_%")).order_by(EVENT.c.seq)
            return [{"kind": kind} | json.loads(text)["data"] for kind, text in connection.execute(query)]

    def mails(self) -> list[dict[str, object]]:
        with self.first.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT context FROM outgoing_mail WHERE kind = 'clock_alert'")
            return [json.loads(text) for text in rows.scalars()]

    def nodes(self) -> dict[str, Node]:
        with self.first.database.read() as connection:
            return {node.host: node for node in nodes(connection, self.judge.now())}

    def close(self) -> None:
        for app in self.apps:
            app.close()


@pytest.fixture
def pair(database_url: str, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path, database_url)
    yield pair
    pair.close()


@pytest.mark.rule("R82")
@pytest.mark.parametrize("off", [61, -61, 4 * 3600, -86400 * 400])
def test_clock_off__the_machine_abstains_and_says_it_once(pair: Pair, off: int) -> None:
    pair.clocks[1].advance(seconds=off)
    for _ in range(3):
        done = pair.second.ticker.tick()
        assert done.clock_skew == timedelta(seconds=off)
        pair.passes(minutes=1)
    assert pair.events() == [{"kind": "clock_refused", "machine": "deux", "skew_seconds": off}]
    (mail,) = pair.mails()
    assert (mail["machine"], mail["ahead"]) == ("deux", off > 0)
    node = pair.nodes()["deux"]
    assert (node.state, node.skew, node.refused_at) == (NodeState.REFUSED, off * SECOND, year_end_scene.AUTUMN)
    assert node.seen_at == year_end_scene.AUTUMN + timedelta(minutes=2), "it is heard of, though it does not act"


@pytest.mark.rule("R82")
@pytest.mark.parametrize("off", [60, -60, 0, 12])
def test_clock_near__the_machine_acts(pair: Pair, off: int) -> None:
    pair.clocks[1].advance(seconds=off)
    assert pair.second.ticker.tick().clock_skew is None
    assert (pair.events(), pair.mails()) == ([], [])
    node = pair.nodes()["deux"]
    assert (node.state, node.skew, node.refused_at) == (NodeState.WORKING, off * SECOND, None)


@pytest.mark.rule("R82")
def test_clock_put_right__the_machine_comes_back_by_itself(pair: Pair) -> None:
    pair.clocks[1].advance(minutes=5)
    pair.second.ticker.tick()
    pair.passes(hours=2)
    pair.clocks[1].set(pair.judge.now())
    assert pair.second.ticker.tick().clock_skew is None
    assert [event["kind"] for event in pair.events()] == ["clock_refused", "clock_agreed"]
    assert pair.nodes()["deux"].state is NodeState.WORKING
    pair.clocks[1].advance(minutes=-5)  # another episode, another alert
    pair.second.ticker.tick()
    assert [event["kind"] for event in pair.events()] == ["clock_refused", "clock_agreed", "clock_refused"]
    assert [mail["ahead"] for mail in pair.mails()] == [True, False]
    with pair.first.database.read() as connection:
        assert list(Verifier(connection, pair.first.hasher).flaws()) == []


@pytest.mark.rule("R82")
def test_clock_on_the_edge__writes_at_most_once_an_hour(pair: Pair) -> None:
    for _ in range(10):
        pair.clocks[1].set(pair.judge.now() + 61 * SECOND)
        pair.second.ticker.tick()
        pair.clocks[1].set(pair.judge.now() + 59 * SECOND)
        pair.second.ticker.tick()
        pair.passes(minutes=1)
    assert len(pair.mails()) == 1


@pytest.mark.rule("R82", "R50")
def test_machine_in_the_future__ends_no_year(pair: Pair) -> None:
    year_end_scene.fill(pair.first, pair.judge)
    year_end_scene.tick_monthly(pair.first, pair.judge)
    pair.judge.set(year_end_scene.OVER - timedelta(days=1))
    pair.clocks[0].set(pair.judge.now())
    pair.clocks[1].set(year_end_scene.OVER + timedelta(days=30))
    pair.first.ticker.tick()
    assert pair.second.ticker.tick().revoked == {}
    with pair.first.database.read() as connection:
        states = set(connection.execute(select(REQUEST.c.state).where(REQUEST.c.school_year == "2026-2027")).scalars())
    assert "revoked" not in states


@pytest.mark.rule("R82", "R52")
def test_brake__a_machine_that_abstains_is_no_sign_of_life(pair: Pair) -> None:
    pair.first.ticker.tick()
    then = pair.judge.now()
    pair.clocks[1].advance(minutes=10)
    for _ in range(50):  # the first is stopped, the second only abstains
        pair.passes(days=1)
        pair.second.ticker.tick()
    with pair.first.database.read() as connection:
        assert last_heartbeat(connection) == then
    pair.clocks[1].set(pair.judge.now())
    pair.second.ticker.tick()
    with pair.first.database.read() as connection:
        assert last_heartbeat(connection) == pair.judge.now()


@pytest.mark.rule("R82")
def test_machine_that_abstains__the_mails_leave_all_the_same(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators must hear of it, were it the only machine; leases are judged by the database's clock."""
    pair.clocks[1].advance(days=300)
    pair.second.ticker.tick()
    assert pair.second.dispatcher._store.poll(5)[0] == 1
    (claim,) = pair.second.dispatcher._store.claim(5)
    assert claim.mail.kind == "clock_alert"
    with pair.first.database.read() as connection:
        until = connection.exec_driver_sql("SELECT next_attempt_at FROM outgoing_mail").scalar_one()
    assert str(until)[:10] == f"{pair.judge.now():%Y-%m-%d}"


def test_worker__logs_one_french_line_a_tick(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    pair.clocks[1].advance(minutes=-12)
    worker = Worker(pair.second)
    worker.check_place = lambda: None  # type: ignore[method-assign]  # SQLite has no second machine, and says so
    with caplog.at_level(logging.ERROR, "oda"):
        worker.tick()
    assert [record.getMessage() for record in caplog.records] == [refusal(timedelta(minutes=-12))]
    assert "retarde de 12 minutes" in caplog.text


def test_nodes__one_not_heard_of_is_silent_then_forgotten(pair: Pair) -> None:
    pair.first.ticker.tick()
    pair.second.ticker.tick()
    pair.passes(minutes=6)
    pair.first.ticker.tick()
    assert {host: node.state for host, node in pair.nodes().items()} == {
        "un": NodeState.WORKING, "deux": NodeState.SILENT,
    }  # fmt: skip
    pair.passes(seconds=FORGOTTEN.total_seconds())
    pair.first.ticker.tick()
    assert set(pair.nodes()) == {"un"}


def test_refused_count__a_machine_that_was_switched_off_is_not_counted(pair: Pair) -> None:
    pair.clocks[1].advance(minutes=5)
    pair.second.ticker.tick()

    def counted() -> int:
        with pair.first.database.read() as connection:
            return refused_count(connection, pair.judge.now())

    assert counted() == 1
    pair.passes(minutes=6)
    assert counted() == 0


def test_nodes__where_the_own_clock_judges_there_is_no_skew(tmp_path: Path) -> None:
    clock = FakeClock(year_end_scene.AUTUMN)
    app = year_end_scene.open_app(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}", clock)
    app.ticker.tick()
    with app.database.read() as connection:
        (only,) = nodes(connection, clock.now())
    app.close()
    assert (only.skew, only.state, only.seen_at) == (None, NodeState.WORKING, clock.now())


def test_forgetting__spares_the_last_trace_of_life(pair: Pair) -> None:
    """Were it forgotten, the brake would take the installation's birth for it (R52)."""
    pair.first.ticker.tick()
    pair.passes(days=40)
    with pair.first.database.write() as connection:
        connection.execute(update(NODE).values(host="ancienne"))
    pair.second.ticker.tick()
    with pair.first.database.read() as connection:
        assert last_heartbeat(connection) == pair.judge.now()
