"""A whole installation whose every trace is kept, so that a code can be looked for in all of it (R60)."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import inspect, text

from notifications.tables import SEALS
from states.vocabulary import State
from tests.kit import factories as make
from tests.kit.clock import FakeClock
from tests.kit.databases import fresh_url
from tests.kit.installed import make_installation
from tests.kit.leaks import Hit, search
from tests.kit.smtp import ScriptedRelay
from tests.portal.cli.desk import AS_OPERATOR, Desk
from tests.workflow.reading.office import LYCEE, OTHER, UAI
from workflow.house import bootstrap
from workflow.settings import find_settings, load_settings

CODES = ("Zq7Xk2Wv9Bn4Tm6R", "Hw5Lp8Yd3Gs6Jc2N", "Fb4Rt9Mz7Kq2Vx5D", "Nj6Cw3Ps8Hg5Ty2L")
LOUD = ("", "asyncio", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "sqlalchemy.orm", "aiosmtplib", "oda",
        "notifications", "workflow", "portal", "jinja2", "alembic", "PIL", "fontTools")  # fmt: skip
UAIS = (UAI, OTHER, LYCEE)


class Ear(logging.Handler):
    """Keeps all that any logger says: the line, its arguments, the traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: dict[str, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        line = f"{record.getMessage()} {record.args!r} {record.stack_info or ''} {trace}"
        self.said.setdefault(record.name, []).append(line)


class Searched:
    """The installation, the command line on it, the relay, and everything that they write."""

    def __init__(self, desk: Desk, relay: ScriptedRelay, folder: Path, ear: Ear) -> None:
        self.desk, self.relay, self.folder, self.ear = desk, relay, folder, ear
        self.clock = desk.clock
        self.begun = time.time()
        self.written: list[str] = []

    def oda(self, *words: str, typed: str | None = None, code: int | None = 0, who: str = AS_OPERATOR) -> Result:
        """Run a command, its output kept with the traceback of whatever it raised."""
        done = self.desk.oda(*words, typed=typed, who=who)
        trace = "".join(traceback.format_exception(*done.exc_info)) if done.exc_info else ""
        self.written += [done.output, done.stderr, trace]
        assert code is None or done.exit_code == code, done.output
        return done

    def request(self, uai: str, number: int) -> str:
        """Somebody's request, checked and one step before its code."""
        who = {"nom": f"Nom{number}", "mail": f"rupn{number}@ac-toulouse.fr"}
        reference = self.desk.office.request(State.REQUESTED, uai, **who)
        for check in ("check-listing", "check-delegation"):
            self.oda("request", check, reference, "--outcome", "positive", "--source", "liste du 5 octobre")
        self.tick()  # what comes next at the relay is the code's mail
        return reference

    def issue(self, reference: str, clear: str) -> str:
        """Issue the code from a pipe; returns its ciphertext."""
        self.oda("request", "issue-code", reference, typed=f"{clear}\n")
        return self.ciphertext(reference)

    def tick(self, **later: float) -> None:
        """Let time pass, then the schedule and the mails, as cron does."""
        self.clock.advance(**later)
        self.oda("tick")

    def ciphertext(self, reference: str) -> str:
        """The one sealed code of a request."""
        query = SEALS.select().where(SEALS.c.reference == reference, SEALS.c.ciphertext.is_not(None))
        with self.desk.house.database.read() as connection:
            return str(connection.execute(query).one().ciphertext)

    def look(self) -> None:
        """Ask the command line all it tells, then search everywhere for every code: there must be none."""
        self.oda("mail", "list", "--json")
        self.oda("request", "list", "--all", "--json")
        self.oda("journal", "verify")
        for mail in self._mails():
            self.oda("mail", "show", str(mail))
            self.oda("mail", "show", str(mail), "--json")
        for reference in self._references():
            self.oda("request", "show", reference)
            self.oda("request", "show", reference, "--json")
        found = search(CODES, self.folder)  # before SQLite's log is emptied
        found += self.hits(*CODES)
        assert not found, "\n".join(map(str, found))

    def hits(self, *secrets: str) -> list[Hit]:
        """Where these stand: files, rows, logs, outputs. What was logged and written is searched once."""
        told = {**self.ear.said, "outputs": self.written}
        self.ear.said, self.written = {}, []
        texts = {name: "\n".join(lines) for name, lines in told.items()}
        found = [hit for name, said in texts.items() for hit in search(secrets, said, name=name)]
        return found + self.kept(*secrets)

    def kept(self, *secrets: str) -> list[Hit]:
        """Where these stand in the files of the installation and in the rows of its database, as they are now.

        All that SQLite wrote is first brought into its file, over what it had there.
        """
        self._checkpoint()
        return search(secrets, self.folder) + search(secrets, self._rows(), name="rows")

    def on_disk(self, *secrets: str) -> list[Hit]:
        """Where these stand in the files of the PostgreSQL server itself, its log of writes included."""
        if not self.desk.house.database.is_postgresql:
            return []
        with self.desk.house.database.read() as connection:
            folder = Path(connection.execute(text("SHOW data_directory")).scalar_one())
        files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime >= self.begun]
        assert files
        return [hit for path in files for hit in search(secrets, path, deep=False)]

    def _checkpoint(self) -> None:
        if self.desk.house.database.is_postgresql:
            return
        with self.desk.house.database.engine.connect() as connection:
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self) -> str:
        """Every value of every table as text, whatever the database."""
        with self.desk.house.database.read() as connection:
            names = inspect(connection).get_table_names()
            assert {"event", "event_note", "outgoing_mail", "seal"} <= set(names), names
            rows = [tuple(row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
        return "\n".join(str(value) for row in rows for value in row if value is not None)

    def _mails(self) -> list[int]:
        with self.desk.house.database.read() as connection:
            return list(connection.execute(text("SELECT id FROM outgoing_mail ORDER BY id")).scalars())

    def _references(self) -> list[str]:
        with self.desk.house.database.read() as connection:
            return list(
                connection.execute(text("SELECT reference FROM delegation_request ORDER BY reference")).scalars()
            )


@contextmanager
def listening() -> Iterator[Ear]:
    """Every logger there is, at its loudest."""
    ear = Ear()
    names = {*LOUD, *logging.root.manager.loggerDict}
    levels = {name: logging.getLogger(name).level for name in names}
    logging.root.addHandler(ear)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield ear
    finally:
        logging.root.removeHandler(ear)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def searched(backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Searched]:
    """An installation in an empty folder with a relay of its own, heard from its first word."""
    clock = FakeClock(make.NOW)
    monkeypatch.setattr("workflow.house.SystemClock", lambda: clock)
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv("ODA_DEBUG", "1")
    with listening() as ear, ScriptedRelay() as relay, fresh_url(backend, folder) as url:
        config = make_installation(folder, url, clock)
        with config.open("a") as file:
            file.write(f"    port: {relay.port}\n    security: none\n")
        house = bootstrap(load_settings(find_settings(str(config), {})), {}, clock=clock)
        try:
            yield Searched(Desk(config, house, clock), relay, folder, ear)
        finally:
            house.close()
