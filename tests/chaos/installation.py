"""The installation of a campaign, its tokens, and its three processes: started, killed, frozen, ended."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select

from bench.population import uai_of
from states.model import Actor
from states.school_calendar import SchoolYear
from states.vocabulary import Channel, Role, Scope
from tests.chaos.process import Life, begin
from tests.kit.clock import FakeClock
from tests.kit.installation import OPERATOR, OTHER_OPERATOR, make_installation
from workflow.app import App, bootstrap
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT
from workflow.journal.chain import INSTALLATION
from workflow.settings.loader import load_settings

YEAR: Final = SchoolYear(2026)
STOPS_IN_S: Final = 30
"""How long a process that is told to stop may take."""

CONNECTIONS: Final = 3
_SETTINGS: Final = """\
    port: {port}
    security: none
    timeout_seconds: 2
  connections: {connections}
  lease_seconds: 5
  retry_after_seconds: [1, 2, 3]
"""


class ChaosInstallation:
    """A real installation whose clocks are ``shift`` seconds ahead: its school year ends some ``until_end`` seconds
    after its processes have begun."""

    def __init__(self, folder: Path, url: str, relay_port: int, establishments: int, until_end: float) -> None:
        self.folder, self.url = folder, url
        folder.mkdir(parents=True, exist_ok=True)
        eve = FakeClock(datetime(2027, 8, 28, 6, tzinfo=UTC))
        self.config = make_installation(folder, url, eve)
        extra = _SETTINGS.format(port=relay_port, connections=CONNECTIONS)
        self.config.write_text(self.config.read_text(encoding="utf-8") + extra, encoding="utf-8")
        self.uais = [uai_of(310001 + number) for number in range(establishments)]
        self.app: App = bootstrap(load_settings(self.config), {}, clock=eve, database=Database(url))
        self._ends_at = self.app.policy.calendar.end_of(YEAR).ends_at
        self._fill()
        self.app.ticker.tick()  # the year's end is foreseen, as it must be to run by itself (R51)
        self.operators = [self._token(Role.OPERATOR, address) for address in (OPERATOR, OTHER_OPERATOR)]
        self.chefs = {uai: self._token(Role.CHEF, uai) for uai in self.uais}
        self.shift = 0.0
        self._measure(until_end)

    def _measure(self, until_end: float) -> None:
        """See how long a process takes to begin here, and set the campaign's present by it."""
        begun = time.monotonic()
        exit_code(begin(self.life("mesure", "--version")))
        starts_in = 6 * (time.monotonic() - begun)
        self.shift = (self._ends_at - datetime.now(UTC)).total_seconds() - until_end - min(starts_in, 60)

    def _fill(self) -> None:
        with self.app.database.write() as connection:
            connection.execute(insert(ESTABLISHMENT), [
                {"uai": uai, "nom": f"Collège {uai}", "kind": "Collège", "commune": "Toulouse", "departement": "31",
                 "mailbox": self.mailbox(uai), "is_open": True, "is_listed": True}
                for uai in self.uais
            ])  # fmt: skip

    def mailbox(self, uai: str) -> str:
        return f"ce.{uai.lower()}@ac-toulouse.fr"

    def _token(self, role: Role, subject: str) -> str:
        """The secret of a token that acts for this person."""
        by: Actor = self.app.people.operator(OPERATOR if role is not Role.OPERATOR else subject, Channel.CLI)
        _, secret = self.app.tokens.create(by, role, [subject], scope=Scope.ACT, label="campagne", days=30)
        return secret

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.shift)

    def until_end(self) -> float:
        """Seconds until the school year ends; negative once it has."""
        return (self._ends_at - self.now()).total_seconds()

    def is_over(self) -> bool:
        """Whether the school year's end has been passed."""
        with self.app.database.read() as connection:
            ended = select(EVENT.c.seq).where(EVENT.c.kind == "year_ended", EVENT.c.stream == INSTALLATION)
            return connection.execute(ended).first() is not None

    def life(self, log: str, *words: str, **orders: Any) -> Life:
        """The life of a process that runs ``oda WORDS…`` here."""
        return Life(
            words=("--config", str(self.config), *words), log=self.folder / f"{log}.log", shift=self.shift, **orders
        )

    def close(self) -> None:
        self.app.close()


def exit_code(process: BaseProcess, seconds: float = 300) -> int | None:
    """How a process ends by itself; None when it does not."""
    process.join(seconds)
    return process.exitcode


@dataclass
class Service:
    """One of the processes, which lives several times; ``endings`` are its exit codes, one a life that has ended."""

    installation: ChaosInstallation
    name: str
    words: tuple[str, ...]
    is_armed: bool = False
    endings: list[int] = field(default_factory=list)
    slowest_stop: float = 0
    _process: BaseProcess | None = None

    @property
    def log(self) -> Path:
        return self.installation.folder / f"{self.name}.log"

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.exitcode is None

    @property
    def ended_alone(self) -> bool:
        """True of a life that nobody outside has ended."""
        return self._process is not None and self._process.exitcode is not None

    def start(self, **orders: Any) -> None:
        """A new life; see ``Life``."""
        self.bury()
        self.is_armed = bool(orders.get("point"))
        self._process = begin(self.installation.life(self.name, *self.words, **orders))

    def kill(self) -> None:
        """As a power cut."""
        self.signal(signal.SIGKILL)
        self.bury()

    def terminate(self, meanwhile: Callable[[], None] = lambda: None) -> float:
        """As an administrator; returns how many seconds it took, and kills it beyond what is admitted.

        ``meanwhile`` goes on with the others: one that is frozen may hold the lock of SQLite, for which this one waits.
        """
        begun = time.monotonic()
        self.signal(signal.SIGTERM)
        while self.is_alive and time.monotonic() - begun < STOPS_IN_S:
            self.signal(signal.SIGCONT)  # it may meet a crash point that freezes it
            meanwhile()
            time.sleep(0.02)
        took = time.monotonic() - begun
        self.slowest_stop = max(self.slowest_stop, took)
        self.kill()
        return took

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to who still lives."""
        if self._process and self._process.pid and self._process.exitcode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def bury(self) -> None:
        """Note how it ended, if it ever lived."""
        if self._process is None:
            return
        self._process.join(60)
        self.endings.append(-1000 if self._process.exitcode is None else self._process.exitcode)
        self._process = None
