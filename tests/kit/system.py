"""The real engine, mails and ticks on a real database, with a clock that the test moves."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, text, update

from bench.population import mailer as real_mailer
from notifications.outbox.store import MAILS, SEALS
from states import commands as c
from states.commands import Command
from states.model import Actor, Policy
from states.school_calendar import SchoolCalendar, SchoolYear
from states.vocabulary import CheckOutcome, Role
from tests.kit.clock import FakeClock
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT, REMOVAL, REPORT, REQUEST
from workflow.engine.engine import Done, Engine, Result
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.journal.verification import Verifier
from workflow.schedule.tick import Ticker, TickResult
from workflow.year_end.service import NothingHeld, YearEndReporter, YearEnds

PARIS = ZoneInfo("Europe/Paris")
SCHOOLS = {"0310001H": "ce.0310001h@ac-toulouse.fr", "0310002J": "ce.0310002j@ac-toulouse.fr", "0310003K": None}
ACTORS = {
    "chef A": (Role.CHEF, "Claire Martin", {"0310001H"}),
    "nouveau chef A": (Role.CHEF, "Paul Roux", {"0310001H"}),
    "chef BC": (Role.CHEF, "Luce Faure", {"0310002J", "0310003K"}),
    "adjoint A": (Role.DEPUTY, "Jean Vidal", {"0310001H"}),
    "opérateur": (Role.OPERATOR, "", set()),
    "lecteur": (Role.READER, "", set()),
}
SUCCESSORS = {"0310001H": "Paul Roux"}
"""Who said to be the new chef of an establishment (R37)."""
KEY = JournalHasher(b"stateful" * 4)


def nom_of(number: int) -> str:
    """The nom of somebody invented, in letters alone: ``Nombc`` is number 12."""
    return "Nom" + str(number).translate(str.maketrans("0123456789", "abcdefghij"))


class System:
    """One installation; ``restart`` makes everything anew but the database and the clock."""

    def __init__(
        self, url: str, now: datetime, calendar: SchoolCalendar | None = None, code_hold: timedelta = timedelta(), *,
        code_by_link: bool = False,
    ) -> None:  # fmt: skip
        self.url = url
        self.policy = Policy(
            calendar=calendar or SchoolCalendar(timezone=PARIS), code_hold=code_hold, code_by_link=code_by_link
        )
        self.clock = FakeClock(now)
        self.mailer = real_mailer()
        self._open()
        self._install(now)
        self._meet()

    @classmethod
    def reopened(cls, url: str, now: datetime) -> "System":
        """A world on a database that one has already founded, as another process opens it."""
        system = cls.__new__(cls)
        system.url, system.clock, system.mailer = url, FakeClock(now), real_mailer()
        system.policy = Policy(calendar=SchoolCalendar(timezone=PARIS), code_hold=timedelta())
        system._open()
        system._meet()
        return system

    def _install(self, now: datetime) -> None:
        with self.database.write() as connection:
            chain.found_installation(connection, KEY, now)
            connection.execute(insert(ESTABLISHMENT), [
                {"uai": uai, "nom": f"Collège {uai}", "kind": "", "commune": "", "departement": "31", "mailbox": box,
                 "is_open": True, "is_listed": True, "chef_name": SUCCESSORS.get(uai, "")}
                for uai, box in SCHOOLS.items()
            ])  # fmt: skip

    def _meet(self) -> None:
        self.schedule = chain.schedule_actor(self.database)
        self.actors = {name: self._actor(name) for name in ACTORS}

    def _open(self) -> None:
        self.database = Database(self.url)
        self.engine = Engine(self.database, self.clock, KEY, self.policy, self.mailer)
        self.ends = YearEnds(self.engine, YearEndReporter(self.mailer))

    def _actor(self, name: str) -> Actor:
        role, own_name, schools = ACTORS[name]
        number = chain.actor_number(self.database, KEY, self.clock, name, name)
        return Actor(role=role, number=number, label=name, name=own_name, establishments=frozenset(schools))

    def restart(self, calendar: SchoolCalendar | None = None) -> None:
        """Stop and start again, perhaps with other settings of the school year."""
        self.database.dispose()
        if calendar:
            self.policy = replace(self.policy, calendar=calendar)
        self._open()

    def close(self) -> None:
        self.database.dispose()

    def do(self, command: Command, actor: Actor) -> Result:
        return self.engine.execute([command], actor)[0]

    def tick(self) -> TickResult:
        return Ticker(self.engine, self.ends, self.mailer, self.schedule).tick()

    def issued(self, number: int = 1, *, uai: str = "0310001H", chef: str = "chef A", only_ready: bool = False) -> str:
        """A request of somebody new, from its declaration to its code, or to just before; returns its reference."""
        today = self.policy.calendar.today(self.clock.now())
        nom, prenom, mail = nom_of(number), "Prénom", f"rupn{number}@ac-toulouse.fr"
        born = self.accept(c.Declare(uai=uai, nom=nom, prenom=prenom, mail=mail), chef)
        reference = born.reference
        self.accept(c.Delegate(reference=reference, why="accueil des familles", made_on=today), chef)
        signed = c.SignCharter(reference=reference, signed_on=today, version="2026-1", copy_kept=True)
        self.accept(signed, chef)
        self.accept(c.Submit(reference=reference, nom=nom, prenom=prenom, mail=mail), chef)
        outcome, source = CheckOutcome.POSITIVE, "liste reçue"
        self.accept(c.CheckListing(reference=reference, outcome=outcome, source=source), "opérateur")
        self.accept(c.CheckDelegation(reference=reference, outcome=outcome, source=source), "opérateur")
        if not only_ready:
            self.accept(c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34")), "opérateur")
        return reference

    def accept(self, command: Command, who: str) -> Done:
        """Do what must be accepted."""
        result = self.do(command, self.actors[who])
        assert isinstance(result, Done), str(result)
        return result

    def state(self, reference: str) -> str:
        return str(self.requests()[reference].state)

    def mails(self, kind: str) -> list[Any]:
        """The stored mails of a kind."""
        with self.database.read() as connection:
            return list(connection.execute(select(MAILS).where(MAILS.c.kind == kind)))

    def confirm(self, year: int) -> bool:
        """Let a held year run, as an operator does."""
        try:
            end = self.ends.confirm(SchoolYear(year), self.actors["opérateur"])
        except NothingHeld:
            return False
        self.ends.run(end, self.schedule)
        return True

    def send_mails(self) -> None:
        """Every mail that waits is taken by the relay."""
        with self.database.write() as connection:
            waiting = MAILS.c.stage.in_(("pending", "retry"))
            connection.execute(update(MAILS).where(waiting).values(stage="sent", next_attempt_at=None))

    def requests(self) -> dict[str, Any]:
        with self.database.read() as connection:
            return {row.reference: row for row in connection.execute(select(REQUEST))}

    def removals(self) -> dict[str, Any]:
        with self.database.read() as connection:
            return {row.reference: row for row in connection.execute(select(REMOVAL))}

    def reports(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(REPORT)))

    def sealed(self) -> set[str]:
        """The requests that have a code in the database, encrypted."""
        with self.database.read() as connection:
            query = select(SEALS.c.reference).where(SEALS.c.ciphertext.is_not(None))
            return set(connection.execute(query).scalars())

    def leaks(self) -> list[Any]:
        """Mails that may still leave though their code is erased: there must be none (R62)."""
        with self.database.read() as connection:
            query = select(MAILS.c.id).join(SEALS, SEALS.c.id == MAILS.c.seal_id).where(
                SEALS.c.ciphertext.is_(None), MAILS.c.stage.in_(("pending", "retry", "sending"))
            )  # fmt: skip
            return list(connection.execute(query))

    def event_counts(self) -> dict[str, int]:
        with self.database.read() as connection:
            streams = connection.execute(select(EVENT.c.stream)).scalars().all()
        return {stream: streams.count(stream) for stream in set(streams)}

    def flaws(self) -> list[str]:
        with self.database.read() as connection:
            return [str(flaw) for flaw in Verifier(connection, KEY).flaws()]

    def dump(self) -> dict[str, list[Any]]:
        """Every row of every table: what a preview must leave as it was."""
        with self.database.read() as connection:
            tables = [table.name for table in MAILS.metadata.sorted_tables]
            return {t: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{t}"')))) for t in tables}
