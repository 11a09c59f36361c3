"""A whole installation whose every trace is kept, so that a code can be looked for in all of it (R60)."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import text

from notifications.outbox.store import SEALS
from states.vocabulary import State
from tests.acceptance import database_dump as stored
from tests.acceptance.captured_output import PARAMETERS, Ear, listening
from tests.kit import factories as make
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.databases import fresh_url
from tests.kit.installation import make_installation
from tests.kit.leaks import Hit, search, search_each
from tests.kit.smtp import ScriptedRelay
from tests.kit.system import nom_of
from tests.portal.cli.desk import AS_OPERATOR, Desk
from tests.workflow.requests.office import LYCEE, OTHER, UAI
from workflow.app import bootstrap
from workflow.settings.loader import find_settings, load_settings

CODES = ("Zq7Xk2Wv9Bn4Tm6R", "Hw5Lp8Yd3Gs6Jc2N", "Fb4Rt9Mz7Kq2Vx5D", "Nj6Cw3Ps8Hg5Ty2L")
PIECES = tuple(code[at : at + 8] for code in CODES for at in (0, 4, 8))
"""Looked for in all that is told: twelve characters of a code, which a line cut short may show, hold one of these."""
UAIS = (UAI, OTHER, LYCEE)


class LeakSearch:
    """The installation, the command line on it, the relay, and everything that they write."""

    def __init__(self, desk: Desk, relay: ScriptedRelay, folder: Path, ear: Ear) -> None:
        self.desk, self.relay, self.folder, self.ear = desk, relay, folder, ear
        self.clock = desk.clock
        self.database = desk.app.database
        self.begun, self.position = time.time(), stored.log_position(self.database)
        self.written: list[str | bytes] = []
        self.last_mails: dict[int, tuple[object, ...]] = {}

    def oda(self, *words: str, typed: str | None = None, code: int | None = 0, who: str = AS_OPERATOR) -> Result:
        """Run a command, its output kept with the traceback of whatever it raised."""
        done = self.desk.oda(*words, typed=typed, who=who)
        trace = "".join(traceback.format_exception(*done.exc_info)) if done.exc_info else ""
        self.written += [done.stdout_bytes, done.stderr, trace]
        assert code is None or done.exit_code == code, done.output
        return done

    def request(self, uai: str, number: int) -> str:
        """Somebody's request, checked and one step before its code."""
        who = {"nom": nom_of(number), "mail": f"rupn{number}@ac-toulouse.fr"}
        reference = self.desk.office.request(State.REQUESTED, uai, **who)
        for check in ("check-listing", "check-delegation"):
            self.oda("request", check, reference, "--outcome", "positive", "--source", "liste du 5 octobre")
        self.tick()  # what comes next at the relay is the code's mail
        return reference

    def issue(self, reference: str, clear: str) -> str:
        """Issue the code from a pipe; returns its ciphertext."""
        self.oda("request", "issue-code", reference, typed=f"{clear}\n")
        sealed = self.ciphertext(reference)
        assert any(sealed in line for line in self.ear.logs[PARAMETERS]), "what the database is given is heard"
        return sealed

    def tick(self, **later: float) -> None:
        """Let time pass, then the schedule and the mails, as cron does."""
        self.clock.advance(**later)
        self.oda("tick")

    def ciphertext(self, reference: str) -> str:
        """The one sealed code of a request."""
        query = SEALS.select().where(SEALS.c.reference == reference, SEALS.c.ciphertext.is_not(None))
        with self.database.read() as connection:
            return str(connection.execute(query).one().ciphertext)

    def look(self) -> None:
        """Ask the command line all it tells, then search everywhere for every code: there must be none.

        ``mail show`` says what a mail's row says, under the settings, and reads nothing else: one that is as it was at
        the last look is not shown anew.
        """
        self.oda("mail", "list", "--json")
        self.oda("request", "list", "--all", "--json")
        self.oda("journal", "verify")
        with self.database.read() as connection:
            rows = connection.execute(text("SELECT * FROM outgoing_mail ORDER BY id")).all()
        mails = {row.id: (*row, self.desk.config.read_text()) for row in rows}
        for number in (number for number, row in mails.items() if self.last_mails.get(number) != row):
            self.oda("mail", "show", str(number))
            self.oda("mail", "show", str(number), "--json")
        self.last_mails = mails
        for reference in self._references():
            self.oda("request", "show", reference)
            self.oda("request", "show", reference, "--json")
        hits = [hit for log in self.folder.rglob("*-wal") for hit in search(CODES, log)]  # before it is emptied
        hits += self.hits_in_output(*PIECES) + self.hits_in_storage(*CODES)
        assert not hits, "\n".join(map(str, hits))

    def print_papers(self) -> None:
        """Every paper of every request, for the next look."""
        for reference in self._references():
            self.oda("paper", "charter", reference, "-o", "-")
            self.oda("paper", "slip", reference, "-o", "-", code=None)

    def hits(self, *secrets: str) -> list[Hit]:
        """Where these stand: files, rows, logs, outputs."""
        return self.hits_in_output(*secrets) + self.hits_in_storage(*secrets)

    def hits_in_output(self, *secrets: str) -> list[Hit]:
        """Where these stand in what was logged and written since the last time."""
        logs, outputs = self.ear.logs, self.written
        self.ear.logs, self.written = {}, []
        hits = [hit for name, lines in logs.items() for hit in search_each(secrets, lines, name)]
        papers = [output for output in outputs if isinstance(output, bytes) and output.startswith(b"%PDF")]
        hits += [hit for paper in papers for hit in search(secrets, paper, name="outputs")]
        return hits + search_each(secrets, (output for output in outputs if output not in papers), "outputs")

    def hits_in_storage(self, *secrets: str) -> list[Hit]:
        """Where these stand in the files of the installation and in the rows of its database, as they are now.

        All that SQLite wrote is first brought into its file, over what it had there.
        """
        if not self.database.is_postgresql:
            stored.checkpoint(self.database)
        return search(secrets, self.folder) + search_each(secrets, stored.rows(self.database), "rows")

    def on_disk(self, *secrets: str) -> list[Hit]:
        """Where these stand in what PostgreSQL itself keeps: its files, its log of writes, its log, a dump."""
        if not self.database.is_postgresql:
            return []
        files = dict(stored.server_files(self.database, self.begun, self.position))
        hits = [hit for path, content in files.items() for hit in search(secrets, content, name=str(path), deep=False)]
        hits += search(secrets, "\n".join(map(str, files)), name="names")
        return hits + search(secrets, stored.dump(self.database), name="dump")

    def _column(self, query: str) -> list[str]:
        with self.database.read() as connection:
            return [str(value) for value in connection.execute(text(query)).scalars()]

    def _references(self) -> list[str]:
        return self._column("SELECT reference FROM delegation_request ORDER BY reference")


@contextmanager
def leak_search_installation(backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeakSearch]:
    """An installation in an empty folder with a relay of its own, heard from its first word."""
    clock = FakeClock(make.NOW)
    replace_system_clock(monkeypatch, clock)
    monkeypatch.setenv("ODA_DEBUG", "1")
    with listening(monkeypatch) as ear, ScriptedRelay() as relay, fresh_url(backend, folder) as url:
        config = make_installation(folder, url, clock)
        with config.open("a") as file:
            file.write(f"    port: {relay.port}\n    security: none\n")
        app = bootstrap(load_settings(find_settings(str(config), {})), {}, clock=clock)
        try:
            yield LeakSearch(Desk(config, app, clock), relay, folder, ear)
        finally:
            app.close()


@pytest.fixture
def leak_search(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeakSearch]:
    with leak_search_installation(backend, tmp_path, monkeypatch) as installation:
        yield installation
