"""The machines of the simulation: Houses on one database, each with a clock of its own, and the true time."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, event, select, update

from notifications.outbox import queue
from notifications.outbox.store import MAILS
from tests.acceptance.simulation.academie import Place
from tests.kit.clock import FakeClock
from workflow.app import App, bootstrap, install
from workflow.database.connection import Database
from workflow.journal.chain import JournalHasher
from workflow.settings.loader import load_settings
from workflow.settings.secrets import Secrets, generate

_WAITING = select(MAILS.c.id).where(MAILS.c.next_attempt_at.is_not(None)).limit(1)
_TAKEN = (
    update(MAILS)
    .where(MAILS.c.next_attempt_at.is_not(None))
    .values(stage="sent", sent_at=bindparam("now"), next_attempt_at=None)
)


class OwnClock:
    """A machine's clock: the true time and how far it is from it."""

    def __init__(self, truth: FakeClock) -> None:
        self.truth, self.offset = truth, timedelta(0)

    def now(self) -> datetime:
        return self.truth.now() + self.offset


@dataclass
class Machine:
    """One node: its app and its clock."""

    name: str
    clock: OwnClock
    app: App

    @property
    def is_off(self) -> bool:
        return abs(self.clock.offset) > timedelta(seconds=60)

    def tick(self) -> None:
        """What the alarm clock calls every minute."""
        self.app.ticker.tick()


class NodeMonitor:
    """All nodes of one installation: two on PostgreSQL, one on SQLite, whose own clock is the true one (R82)."""

    def __init__(self, folder: Path, url: str, place: Place, start: datetime) -> None:
        self.folder, self.url, self.truth = folder, url, FakeClock(start)
        self.database = Database(url)
        _hurry(self.database)
        self.is_postgresql = self.database.is_postgresql
        generate(folder / "secrets")
        install(self.database, JournalHasher(self._key()), self.truth)
        names = ("machine-a", "machine-b") if self.is_postgresql else ("machine-a",)
        self._clocks = {name: OwnClock(self.truth) for name in names}
        self.all: list[Machine] = []
        self.restart(place)

    def _key(self) -> bytes:
        return Secrets(self.folder / "secrets").read("journal-key").get_secret_value().encode()

    def restart(self, place: Place) -> None:
        """Every node stops and starts, under these settings."""
        for machine in self.all:
            machine.app.close()
        config = self.folder / "config.yaml"
        config.write_text(place.config(self.url.replace(":@", "@", 1)), encoding="utf-8")
        settings = load_settings(config)
        truth: dict[str, Any] = {"database_now": self.truth.now} if self.is_postgresql else {}
        self.all = []
        for name, clock in self._clocks.items():
            database = Database(self.url)
            _hurry(database)
            app = bootstrap(settings, {}, clock=clock, database=database, machine=name, **truth)
            self.all.append(Machine(name, clock, app))

    def together(self, machines: list[Machine]) -> None:
        """All these tick at the same moment, each in a thread of its own."""
        errors: list[BaseException] = []
        ready = threading.Barrier(len(machines))

        def tick(machine: Machine) -> None:
            ready.wait()
            try:
                machine.tick()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=tick, args=(machine,)) for machine in machines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def drain(self) -> None:
        """Every mail that waits is taken by the relay, but those whose last hour has come (R57)."""
        now = self.truth.now().astimezone(UTC)
        with self.database.write() as connection:
            if connection.execute(_WAITING).first() is None:
                return
            queue.cancel_late(connection, now)
            connection.execute(_TAKEN, {"now": now})

    def close(self) -> None:
        for machine in self.all:
            machine.app.close()
        self.database.dispose()


def _hurry(database: Database) -> None:
    """What is simulated here does not lose its current: nothing need reach the disk.

    Nor is there a pooler between: PostgreSQL keeps the plans of the statements that come back at each tick, where
    parsing and planning them took two fifths of its time.
    """

    @event.listens_for(database.engine, "connect")
    def connected(connection: Any, _: object) -> None:
        if database.is_postgresql:
            connection.execute("SET synchronous_commit = off")
            connection.execute("SET plan_cache_mode = force_generic_plan")
            connection.prepare_threshold, connection.prepared_max = 2, 1000
        else:
            connection.execute("PRAGMA synchronous = OFF")
        connection.commit()


@contextlib.contextmanager
def machines(folder: Path, url: str, place: Place, start: datetime) -> Iterator[NodeMonitor]:
    """Nodes that know each other by their names, closed at the end."""
    monitor = NodeMonitor(folder, url, place, start)
    try:
        yield monitor
    finally:
        monitor.close()
