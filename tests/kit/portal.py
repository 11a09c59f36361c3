"""A whole portal for tests: an installation with a few schools, a clock, and people already signed in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient
from sqlalchemy import insert, update

from portal.app import assembled
from portal.web.context import WebContext
from states import commands as c
from states.commands import Command
from states.model import Actor
from states.school_calendar import SchoolYear
from states.vocabulary import CheckOutcome, Role
from tests.kit.clock import FakeClock
from tests.kit.installation import OPERATOR, READER, make_installation_in
from tests.kit.plain_client import PlainClient
from workflow.app import App, bootstrap
from workflow.auth.sessions import SessionUser
from workflow.database.access_tables import SESSIONS
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Done
from workflow.settings.loader import load_settings

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 9, 14, 10, 0, tzinfo=PARIS)
SCHOOLS = {
    "0310001H": ("Collège Jean-Jaurès", "Collège", "Colomiers", "31", "ce.0310001h@ac-toulouse.fr"),
    "0310002J": ("Lycée Pierre-de-Fermat", "Lycée", "Toulouse", "31", "ce.0310002j@ac-toulouse.fr"),
    "0310003K": ("Collège sans boîte", "Collège", "Muret", "31", None),
    "0120001X": ("Collège Joseph-Fabre", "Collège", "Rodez", "12", "ce.0120001x@ac-toulouse.fr"),
}
CHEF = SessionUser(role=Role.CHEF, subject="0310001H", name="Claire Martin")
OTHER_CHEF = SessionUser(role=Role.CHEF, subject="0120001X", name="Luce Faure")
DEPUTY = SessionUser(role=Role.DEPUTY, subject="0310001H", name="Jean Vidal")
TWO_SCHOOLS = SessionUser(role=Role.CHEF, subject="0310001H,0310002J", name="Claire Martin")
STAFF = SessionUser(role=Role.OPERATOR, subject=OPERATOR)
RUPN = SessionUser(role=Role.RUPN, subject="rupn2@ac-toulouse.fr")
"""Whom the second request is about."""
DRANE = SessionUser(role=Role.READER, subject=READER)


class Portal:
    """``app`` and ``clock`` for what happens behind the pages, ``client`` to look at them."""

    def __init__(self, app: App, clock: FakeClock) -> None:
        self.app, self.clock = app, clock
        self.context = WebContext.of(app)
        self.asgi = assembled(self.context)
        self._actors: dict[SessionUser, Actor] = {}

    def secret(self, session_user: SessionUser) -> str:
        """The cookie of a session of this person."""
        with self.app.database.write() as connection:
            return self.context.sessions.open(connection, session_user, self.clock.now())

    def client(self, session_user: SessionUser | None = None) -> TestClient:
        """A browser without JavaScript, signed in as this person, or nobody; redirections are followed."""
        client = PlainClient(self.asgi, base_url=self.context.settings.address, raise_server_exceptions=False)
        if session_user:
            client.cookies.set(self.context.cookie, self.secret(session_user))
        return client

    def prove_all(self) -> None:
        """Everybody who is signed in proves anew who they are (R105)."""
        with self.app.database.write() as connection:
            connection.execute(update(SESSIONS).values(proved_at=self.clock.now()))

    def actor(self, session_user: SessionUser) -> Actor:
        return self.context.sessions.actor(session_user)

    def do(self, command: Command, session_user: SessionUser) -> Done:
        """Act without a page; what is refused fails the test."""
        (done,) = self.do_all([command], session_user)
        return done

    def do_all(self, commands: Sequence[Command], session_user: SessionUser) -> list[Done]:
        """The same, in one transaction."""
        actor = self._actors.get(session_user) or self._actors.setdefault(session_user, self.actor(session_user))
        done: list[Done] = []
        for result in self.app.engine.execute(commands, actor):
            assert isinstance(result, Done), result
            done.append(result)
        return done

    def declared(self, number: int = 1, session_user: SessionUser = CHEF, **other: Any) -> str:
        """A request of somebody new; returns its reference."""
        values = {"uai": session_user.uais[0], "nom": f"Nom{_letters(number)}", "prenom": "Prénom",
                  "mail": f"rupn{number}@ac-toulouse.fr"}  # fmt: skip
        return self.do(c.Declare(**values | other), session_user).reference

    def submitted(self, number: int = 1, session_user: SessionUser = CHEF, **other: Any) -> str:
        """A request that waits for the rectorat."""
        today = self.app.policy.calendar.today(self.clock.now())
        reference, version = self.declared(number, session_user, **other), self.app.settings.charter.version
        nom, mail = f"Nom{_letters(number)}", f"rupn{number}@ac-toulouse.fr"
        steps = [
            c.Delegate(reference=reference, why="accueil des familles", made_on=today),
            c.SignCharter(reference=reference, signed_on=today, version=version, copy_kept=True),
            c.Submit(reference=reference, nom=nom, prenom="Prénom", mail=mail),
        ]
        self.do_all(steps, session_user)
        return reference

    def checked(self, number: int = 1, session_user: SessionUser = CHEF, **other: Any) -> str:
        """A request whose two checks are done."""
        reference = self.submitted(number, session_user, **other)
        checks = (c.CheckListing, c.CheckDelegation)
        outcome, source = CheckOutcome.POSITIVE, "liste reçue"
        self.do_all([check(reference=reference, outcome=outcome, source=source) for check in checks], STAFF)
        return reference

    def issued(self, number: int = 1, session_user: SessionUser = CHEF, code: str = "Ab12Cd34", **other: Any) -> str:
        """A request with its code."""
        reference = self.checked(number, session_user, **other)
        self.do(c.IssueCode(reference=reference, code=c.Code(clear=code)), STAFF)
        return reference

    def issued_last_year(self, number: int = 9) -> str:
        """A key of 2025-2026, asked for in June; its year is over, and the sweep has not passed yet."""
        now = self.clock.now()
        self.clock.set(datetime(2026, 6, 10, 9, tzinfo=PARIS))
        reference = self.issued(number, school_year=SchoolYear(2025))
        self.clock.set(now)
        return reference

    def ended_last_year(self, *numbers: int) -> list[str]:
        """Keys of 2025-2026, revoked by its end: the schedule ran as summer ended."""
        references = [self.issued_last_year(number) for number in numbers]
        now = self.clock.now()
        for day in (datetime(2026, 8, 29, 9, tzinfo=PARIS), now):
            self.clock.set(day)
            self.app.ticker.tick()
        return references

    def close(self) -> None:
        self.app.close()


def _letters(number: int) -> str:
    """A name takes no digit."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


@contextmanager
def open_portal(
    folder: Path, url: str, now: datetime = START, settings: str = "", *, hold_seconds: int = 0
) -> Iterator[Portal]:
    """A portal on a fresh database; ``settings`` is added to ``config.yaml``; codes wait for
    ``hold_seconds``, unless it says so itself."""
    database = Database(url)
    try:
        yield _portal_in(database, folder, FakeClock(now), settings, hold_seconds)
    finally:
        database.dispose()


def _portal_in(database: Database, folder: Path, clock: FakeClock, settings: str, hold_seconds: int) -> Portal:
    config = make_installation_in(database, folder, clock)
    hold = "" if "\ncode:" in f"\n{settings}" else f"code:\n  hold_seconds: {hold_seconds}\n"
    text = config.read_text(encoding="utf-8").replace("code:\n  hold_seconds: 0\n", hold)
    config.write_text(text + settings, encoding="utf-8")
    app = bootstrap(load_settings(config), {}, clock=clock, database=database)
    names = ("nom", "kind", "commune", "departement", "mailbox")
    rows = [
        {"uai": uai, "is_open": True, "is_listed": True} | dict(zip(names, school, strict=True))
        for uai, school in SCHOOLS.items()
    ]
    with database.write() as connection:
        connection.execute(insert(ESTABLISHMENT), rows)
    return Portal(app, clock)
