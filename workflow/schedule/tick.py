"""One tick: what time asks for, done once however often and wherever it is called (R50 to R52, R57, R61, R78)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from notifications.mailer import Mailer
from notifications.outbox import admin as outbox
from notifications.vocabulary import Erasure
from states.model import Actor
from states.rules.schedule import BrakeDecision, Hold
from states.school_calendar import SchoolYear, YearEnd
from workflow.auth import rate_limit as knocks
from workflow.auth import sessions
from workflow.auth.sign_in_links import sealed_for
from workflow.database.connection import this_host
from workflow.database.tables import LINKS
from workflow.engine import idempotency
from workflow.engine.engine import Engine
from workflow.schedule import daily_job as occurrences
from workflow.schedule import digest, notices, reminders
from workflow.schedule import notices as invitations
from workflow.schedule.daily_job import Page, Today, walk
from workflow.schedule.digest import tell_due_reports
from workflow.schedule.nodes import NodeMonitor, forget_silent
from workflow.year_end.service import YearEnds

# The doors' housekeeping, at each tick: what has expired leaves no trace but the journal's (R72 to R74).


def cleanup_expired(connection: Connection, mailer: Mailer, now: datetime) -> None:
    """Erase the secrets of expired links with what of them has not left, and forget old sessions and tries."""
    over = LINKS.c.expires_at <= now
    expired = connection.execute(select(LINKS.c.digest).where(over)).scalars().all()
    if expired:
        mailer.erase_links(connection, map(sealed_for, expired), Erasure.OVERDUE, now)
        connection.execute(delete(LINKS).where(over))
    outbox.discard_stale_links(connection, now)
    sessions.forget_old(connection, now)
    knocks.forget_old(connection, now)


# What the software writes of its own accord, day after day (R78 to R81); called at each tick, it acts once a day.


@dataclass(frozen=True, kw_only=True, slots=True)
class DutiesDone:
    """How many mails a call has made: to how many establishments an end was announced, and so on."""

    notices: int = 0
    reminders: int = 0
    invitations: int = 0
    digests: int = 0

    def __add__(self, other: "DutiesDone") -> "DutiesDone":
        return DutiesDone(
            notices=self.notices + other.notices, reminders=self.reminders + other.reminders,
            invitations=self.invitations + other.invitations, digests=self.digests + other.digests,
        )  # fmt: skip


class DailyJobs:
    """The daily passes. Any number of nodes may make the same one at once: each mail is still made once."""

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def run(self) -> DutiesDone:
        """Make the passes of the day that are not whole yet; one query when they all are, none before the hour.

        Raises DatabaseBusy, DatabaseUnreachable: what is left is made at the next call.
        """
        today = Today(now=self._engine.clock.now(), policy=self._engine.policy)
        done = DutiesDone()
        if not today.has_begun:
            return done
        invited = invitations.due_invitations(today)
        keys = [*notices.keys_to_ask(today), *self._keys_of_day(today)]
        keys += [invitations.key_invitations(invited)] if invited else []
        if not keys:
            return done
        with self._engine.database.read() as connection:
            marked = occurrences.among(connection, keys)
        for end, notice in notices.due(today, marked):
            page = notices.page(self._mailer, end, notice, today)
            done += DutiesDone(notices=self._walk(page, today, [notices.key(end, one) for one in notice.delays]))
        if invited and invitations.key_invitations(invited) not in marked:
            page = invitations.page_invitations(invited, today)
            done += DutiesDone(invitations=self._walk(page, today, [invitations.key_invitations(invited)]))
        for key in self._keys_of_day(today):
            if key not in marked:
                done += self._of_day(key, today)
        return done

    def _keys_of_day(self, today: Today) -> Iterator[str]:
        """The passes that each day has of its own: reminders on a school day, the digest on a working day."""
        if today.policy.days.is_school_day(today.day):
            yield reminders.key(today.day)
        if today.policy.days.is_working_day(today.day):
            yield digest.key(today.day)

    def _of_day(self, key: str, today: Today) -> DutiesDone:
        if key == digest.key(today.day):
            return DutiesDone(digests=self._walk(digest.page(self._mailer, today), today, [key]))
        stalled, handover = (reminders.page(matter, today) for matter in reminders.MATTERS)
        made = self._walk(stalled, today, []) + self._walk(handover, today, [key])
        return DutiesDone(reminders=made)

    def _walk(self, page: Page, today: Today, keys: Sequence[str]) -> int:
        return walk(self._engine.database, self._mailer, page, today, keys)


# What the software writes of its own accord, once a day: notices, reminders, invitations, the digest (R78 to R81).


__all__ = ["DailyJobs", "DutiesDone"]


@dataclass
class TickResult:
    """What a tick did, for a log line or a terminal."""

    revoked: dict[SchoolYear, int] = field(default_factory=dict)
    held: list[tuple[YearEnd, Hold]] = field(default_factory=list)
    waiting: list[YearEnd] = field(default_factory=list)
    erased: int = 0
    due: int = 0
    duties: DutiesDone = field(default_factory=DutiesDone)
    refused: timedelta | None = None
    """How far this machine's clock is ahead of the database's, or behind it, when that forbids it to act (R82)."""


class Ticker:
    """Called every minute by the alarm clock, or by ``oda tick``."""

    def __init__(
        self, engine: Engine, year_ends: YearEnds, mailer: Mailer, actor: Actor, machines: NodeMonitor | None = None,
        host: str | None = None,
    ) -> None:  # fmt: skip
        """``machines`` watches this machine's clock where the database's judges; None where its own does (R82).

        ``host``: this machine's name, the system's when None.
        """
        self._engine = engine
        self._year_ends = year_ends
        self._mailer = mailer
        self._actor = actor
        self._machines = machines
        self._duties = DailyJobs(engine, mailer)
        self._host = host or this_host()

    def tick(self, progress: Callable[[int], None] = lambda _: None) -> TickResult:
        """Judge the years, sweep those that may run, erase what is too old, write what the day asks for.

        Nothing of that on a machine whose clock is off (R82).
        """
        done = TickResult(refused=self._machines.refused(self._actor, self._host) if self._machines else None)
        if done.refused is not None:
            return done
        for one in self._year_ends.observe(self._actor, self._host):
            if one.verdict is BrakeDecision.RUN:
                done.revoked[one.end.school_year] = self._year_ends.run(one.end, self._actor, progress)
            elif one.verdict is BrakeDecision.HOLD and one.hold:
                done.held.append((one.end, one.hold))
            elif one.verdict is BrakeDecision.HELD:
                done.waiting.append(one.end)
        self._keep_house(done)
        done.duties = self._duties.run()
        return done

    def _keep_house(self, done: TickResult) -> None:
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            kept = timedelta(days=self._mailer.mail_context.code_keep_days)
            done.erased = self._mailer.erase_overdue(connection, now - kept, now)
            idempotency.forget_old(connection, now)
            forget_silent(connection, now)
            cleanup_expired(connection, self._mailer, now)
            done.due = tell_due_reports(connection, self._mailer, self._engine.policy, now)
