"""The erasure of what is personal: by the schedule after its time, or at a person's request (R110, R111)."""

import logging
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from notifications.ports import Clock, crash_point
from notifications.sql import insert_new
from states.model import Actor
from states.refusals import Reason
from states.school_calendar import SchoolCalendar
from states.validation import chef_key, fold_mail
from states.vocabulary import Role
from workflow.auth.actors import NotAllowed, People, require_operator
from workflow.auth.substitutions import count_forgotten_substitutions
from workflow.database.connection import Database
from workflow.database.schedule_tables import OCCURRENCE, has_happened
from workflow.evidence.lists import count_unneeded_rows
from workflow.journal import chain
from workflow.journal.chain import JournalHasher, count_old_origins, delete_old_origins
from workflow.retention import erasure
from workflow.retention.erasure import Counts, Limits, erase_mentions
from workflow.retention.person import (
    ChefNamePlan,
    PersonFile,
    PersonPlan,
    erase_chef_name,
    erase_person,
    known_addresses,
    known_chef_keys,
    load_person,
    names_of_chef,
    names_of_person,
    plan_chef_name,
    plan_person,
)
from workflow.settings.sections import RetentionSettings

LEDGER_NAME: Final = "erasures.txt"

_LEDGER_LINE: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) ([0-9a-f]{64})")

_log = logging.getLogger("oda")

_PERSON_ERASED: Final = "person_erased"

_TELL: Final = "dire ce qui est gardé d'une personne"

_ERASE: Final = "effacer ce qui est gardé d'une personne"

MOST_BATCHES: Final = 50
"""Batches of each kind in one call: the rest is for the next one."""

Step = Callable[[Connection], Counts | None]
"""Erases a batch in the caller's transaction, and says what went; None once nothing is left."""


@dataclass(frozen=True)
class ErasureLedger:
    """An append-only file outside the database: one line for each address, or name in an establishment, that is erased.

    A restored backup is erased again by it. It holds keyed digests and days, nothing else; it is to be saved with the
    secrets.
    """

    path: Path
    hasher: JournalHasher

    def digest(self, mail: str) -> str:
        """Return the digest under which an address is known here; without the journal's key nobody finds it."""
        return self.hasher.digest(f"erased person\x1f{fold_mail(mail)}")

    def digest_of_chef(self, uai: str, key: str) -> str:
        """Return the digest of a chef known by name alone: of the establishment, and the name's ``chef_key``."""
        return self.hasher.digest(f"erased chef\x1f{uai}\x1f{key}")

    def add(self, digests: Collection[str], day: date) -> None:
        """Write that whoever these digests are of is erased, for good before returning. Raises OSError."""
        lines = "".join(f"{day.isoformat()} {digest}\n" for digest in digests)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(descriptor)

    def read(self) -> Mapping[str, date]:
        """The last day of each digest; nothing while nobody was erased. A line that a kill cut short is left out.

        Raises OSError for a file that cannot be read.
        """
        days: dict[str, date] = {}
        try:
            lines = self.path.read_text("ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return days
        for line in lines:
            if match := _LEDGER_LINE.fullmatch(line):
                days[match[2]] = max(date.fromisoformat(match[1]), days.get(match[2], date.min))
            elif line:
                _log.warning("a line of %s is not an erasure", self.path.name)
        return days


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasurePreview:
    """The erasure of a day, before it is done.

    ``awaited``: requests that ended long enough ago and stay, their removal being open.
    """

    day: date
    limits: Limits
    counts: Counts
    awaited: int


@dataclass(frozen=True, kw_only=True)
class Retention:
    """The one place where what is personal goes. ``calendar`` is the académie's, ``settings`` its durations."""

    database: Database
    hasher: JournalHasher
    clock: Clock
    calendar: SchoolCalendar
    settings: RetentionSettings
    people: People
    ledger: ErasureLedger

    def preview(self, day: date | None = None) -> ErasurePreview:
        """Say what the schedule would erase on this day, today by default, if nothing else happened before."""
        day = day or self.calendar.today(self.clock.now())
        limits = Limits.on(day, self.settings, self.calendar)
        over = erasure.is_over(limits)
        with self.database.read() as connection:
            actors = erasure.forgettable_actors(connection, limits, self._members(), are_over_gone=True)
            counts = erasure.count_requests(connection, over) + Counts(
                mails=erasure.count_mails(connection, limits, over),
                texts=erasure.count_installation_texts(connection, limits.requests),
                list_rows=count_unneeded_rows(connection, limits.lists),
                actors=len(actors), chefs=len(erasure.nameless_chefs(connection, limits, actors)),
                tokens=erasure.count_tokens(connection, limits.requests),
                substitutions=count_forgotten_substitutions(connection, self.calendar.midnight(day)),
                addresses=count_old_origins(connection, limits.addresses),
            )  # fmt: skip
            awaited = erasure.count_awaited(connection, limits.requests)
        return ErasurePreview(day=day, limits=limits, counts=counts, awaited=awaited)

    def erase_due(self, actor: Actor) -> Counts:
        """Erase what is too old, once a day, in batches that each stand for themselves; return what went (R110).

        Interrupted, or done by several machines at once, it goes on where it was. What people asked to be erased goes
        again if a restored backup has brought it back.
        """
        now = self.clock.now()
        today = self.calendar.today(now)
        key, total, is_whole = erasure_key(today), Counts(), True
        limits = Limits.on(today, self.settings, self.calendar)
        with self.database.read() as connection:
            if has_happened(connection, key):
                return total
            due = erasure.due_kinds(connection, limits, self._members())
        for step in self._steps(limits, now, due):
            counts, is_done = self._in_batches(step, "personal_data_erased", actor, now)
            total += counts
            is_whole &= is_done
        if is_whole and self._leave_no_trace():
            with self.database.write() as connection:  # another machine may say it at the same instant
                connection.execute(insert_new(connection, OCCURRENCE), [{"key": key, "at": now, "requests": 0}])
        return total

    def erase_again(self, actor: Actor) -> Counts:
        """Erase whom a restored backup has brought back though they had asked to be erased; return what went (R111)."""
        now, total = self.clock.now(), Counts()
        for mail, until in self._to_erase_again():
            step = partial(self._erase_person, mail=mail, now=now, until=until)
            total += self._until_done(step, actor, now)
        for uai, key in self._chefs_to_erase_again():
            total += self._until_done(self._chef_step(key, uai, now), actor, now)
        return total

    def plan(self, mail: str) -> PersonPlan:
        """Say what erasing this person would do, and what it would leave, with the reason."""
        member = self.people.find_member(mail)
        with self.database.read() as connection:
            return plan_person(connection, mail, member[0].label if member else "", self.people.rupn_key(mail))

    def access(self, mail: str, actor: Actor) -> PersonFile:
        """All that is kept on this person, told by an operator, which is an event. Raises NotAllowed."""
        require_operator(actor, _TELL)
        member = self.people.find_member(mail)
        with self.database.read() as connection:
            person = load_person(connection, mail, actor, member[0].label if member else "")
        with self.database.write() as connection:
            chain.record(connection, self.hasher, "person_told", actor, self.clock.now(), person.numbers)
        return person

    def refusals(self, plan: PersonPlan) -> tuple[Reason, ...]:
        """Say why a person is not erased now, with what to do first; nothing when they may be."""
        live = (
            Reason(
                "person_live", "R111", f"La demande {reference} est en cours : ce qui y est gardé sert",
                f"La révoquer d'abord (oda request revoke {reference}), puis recommencer.", "mail",
            )
            for reference in plan.live
        )  # fmt: skip
        substitutions = (
            Reason(
                "person_substitution", "R111", f"La suppléance n° {number} n'est pas finie",
                f"Y mettre fin d'abord (oda substitution end {number}), puis recommencer.", "mail",
            )
            for number in plan.substitutions
        )  # fmt: skip
        if not plan.role:
            return (*live, *substitutions)
        of_settings = Reason(
            "person_in_settings", "R111", f"Cette adresse est, dans les réglages, celle d'un {plan.role}",
            "L'ôter d'abord de people dans config.yaml, puis recommencer.", "mail",
        )  # fmt: skip
        return (*live, *substitutions, of_settings)

    def erase(self, mail: str, actor: Actor, texts: Collection[str] = ()) -> Counts:
        """Erase a person at their request; return what went.

        ``texts``: of the plan's ``mentions``, those whose texts that name the person go too. The decision is written
        outside the database first: an interruption, or a backup restored later, does not lose it; those texts alone
        are to be chosen again. Raises NotAllowed, OSError when the decision cannot be written.
        """
        require_operator(actor, _ERASE)
        plan = self.plan(mail)
        if reasons := self.refusals(plan):
            raise NotAllowed(str(reasons[0]), reasons)
        now = self.clock.now()
        self.ledger.add([self.ledger.digest(plan.mail)], self.calendar.today(now))
        with self.database.read() as connection:
            names = names_of_person(connection, plan.mail)  # gone with the person's own requests
        counts = self._erase_mentions(names, set(texts) & set(plan.mentions), actor, now)
        counts += self._until_done(partial(self._erase_person, mail=plan.mail, now=now), actor, now)
        self._leave_no_trace()
        return counts

    def plan_chef(self, name: str, uai: str = "") -> ChefNamePlan:
        """Say where a chef's name stands, known without an address; what erasing it would do, and leave."""
        with self.database.read() as connection:
            return plan_chef_name(connection, name, uai, self._limits(self.clock.now()), self._members())

    def access_chef(self, name: str, actor: Actor, uai: str = "") -> ChefNamePlan:
        """Tell an operator where a chef's name stands, which is an event. Raises NotAllowed."""
        require_operator(actor, _TELL)
        plan = self.plan_chef(name, uai)
        with self.database.write() as connection:
            chain.record(connection, self.hasher, "person_told", actor, self.clock.now(), plan.numbers)
        return plan

    def erase_chef(self, name: str, actor: Actor, uai: str = "", texts: Collection[str] = ()) -> Counts:
        """Erase what may go of a chef known by name alone, as ``erase`` does of a person."""
        require_operator(actor, _ERASE)
        plan, now = self.plan_chef(name, uai), self.clock.now()
        key = chef_key(name)
        self.ledger.add([self.ledger.digest_of_chef(place, key) for place in plan.uais], self.calendar.today(now))
        counts = self._erase_mentions(names_of_chef(name), set(texts) & set(plan.mentions), actor, now)
        counts += self._until_done(self._chef_step(key, uai, now), actor, now)
        self._leave_no_trace()
        return counts

    def _erase_mentions(self, names: Set[str], references: Collection[str], actor: Actor, now: datetime) -> Counts:
        if not references:
            return Counts()
        with self.database.write() as connection:
            counts = erase_mentions(connection, names, references)
            if counts.data:
                chain.record(connection, self.hasher, _PERSON_ERASED, actor, now, counts.data)
        return counts

    def _chef_step(self, key: str, uai: str, now: datetime) -> Step:
        return partial(erase_chef_name, key=key, uai=uai, limits=self._limits(now), members=self._members())

    def _chefs_to_erase_again(self) -> list[tuple[str, str]]:
        """The establishments and names here whose erasure was decided: of a restored database, as a whole."""
        days = self.ledger.read()
        if not days:
            return []
        with self.database.read() as connection:
            known = sorted(known_chef_keys(connection))
        return [(uai, key) for uai, key in known if self.ledger.digest_of_chef(uai, key) in days]

    def _limits(self, now: datetime) -> Limits:
        return Limits.on(self.calendar.today(now), self.settings, self.calendar)

    def _steps(self, limits: Limits, now: datetime, due: Set[str]) -> Iterator[Step]:
        """Yield the steps of the kinds that are due; all of them when requests go, whose end lets the rest go too."""
        again, members = self._to_erase_again(), self._members()
        if again or "requests" in due:
            due = Counts().by_kind.keys()

        def forget_actors(connection: Connection) -> Counts | None:
            chain.lock(connection)  # two machines forget nobody twice
            numbers = erasure.forgettable_actors(connection, limits, members)
            return _some(actors=erasure.forget_actors(connection, numbers))

        if "requests" in due:
            yield lambda connection: erasure.erase_requests(connection, erasure.is_over(limits), now)
        for mail, until in again:
            yield partial(self._erase_person, mail=mail, now=now, until=until)
        if "mails" in due:
            yield lambda connection: _some(mails=erasure.erase_mails(connection, erasure.is_old_mail(limits), now))
        if "texts" in due:
            yield lambda connection: _some(texts=erasure.erase_installation_texts(connection, limits.requests))
        if "actors" in due:
            yield forget_actors
        if due & {"actors", "chefs"}:
            yield lambda connection: _some(chefs=erasure.forget_chefs(connection, erasure.nameless_chefs(connection)))
        if "tokens" in due:
            yield lambda connection: _some(
                tokens=erasure.erase_tokens(connection, erasure.is_spent_token(limits.requests))
            )
        if "addresses" in due:
            yield lambda connection: _some(addresses=delete_old_origins(connection, limits.addresses))

    def _to_erase_again(self) -> list[tuple[str, datetime]]:
        """The addresses here whose erasure was decided, each with the end of the day of that decision."""
        days = self.ledger.read()
        if not days:
            return []
        with self.database.read() as connection:
            known = sorted(known_addresses(connection))
        decided = ((mail, days.get(self.ledger.digest(mail))) for mail in known)
        return [(mail, self.calendar.midnight(day + timedelta(days=1))) for mail, day in decided if day]

    def _erase_person(
        self, connection: Connection, mail: str, now: datetime, until: datetime | None = None
    ) -> Counts | None:  # fmt: skip
        return erase_person(connection, mail, self.people.rupn_key(mail), now, until)

    def _until_done(self, step: Step, actor: Actor, now: datetime) -> Counts:
        """Repeat the step of a person until nothing is left; return what went."""
        total, is_done = Counts(), False
        while not is_done:
            counts, is_done = self._in_batches(step, _PERSON_ERASED, actor, now)
            total += counts
        return total

    def _in_batches(self, step: Step, kind: str, actor: Actor, now: datetime) -> tuple[Counts, bool]:
        """Repeat a step, each batch a transaction with its event; return what went, and whether nothing is left."""
        total = Counts()
        for _ in range(MOST_BATCHES):
            with self.database.write() as connection:
                counts = step(connection)
                if counts is not None and counts.data:
                    chain.record(connection, self.hasher, kind, actor, now, counts.data)
                crash_point("retention.before_commit")
            crash_point("retention.after_commit")
            if counts is None:
                return total, True
            total += counts
        return total, False

    def _leave_no_trace(self) -> bool:
        """Empty SQLite's write-ahead file, which still holds what was erased; False while somebody reads from it.

        PostgreSQL has its own ways (docs/exploitation.md).
        """
        if self.database.is_postgresql:
            return True
        with self.database.aside() as connection:
            own = connection.connection.cursor()  # outside any transaction, which would itself forbid it
            own.execute("PRAGMA busy_timeout = 500")
            is_busy = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not is_busy

    def _members(self) -> frozenset[str]:
        """The keys of the operators and readers of the settings: they work here still."""
        pairs = ((role, mail) for role in (Role.OPERATOR, Role.READER) for mail in self.people.members(role))
        return frozenset(f"{role.value}:{fold_mail(mail)}" for role, mail in pairs)


def erasure_key(day: date) -> str:
    """The occurrence of a day's erasure."""
    return f"erasure:{day}"


def _some(**numbers: int) -> Counts | None:
    counts = Counts(**numbers)
    return counts if counts.data else None
