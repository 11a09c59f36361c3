"""One tick: what time asks for, done once however often and wherever it is called (R50 to R52, R57, R61, R78)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from notifications.mailer import Mailer
from notifications.outbox.admin import discard_stale_links
from notifications.vocabulary import Erasure
from states.model import Actor
from states.rules.schedule import BrakeDecision, Hold
from states.school_calendar import SchoolYear, YearEnd
from workflow.auth.rate_limit import close_windows
from workflow.auth.sessions import delete_expired_sessions
from workflow.auth.sign_in_links import sealed_for
from workflow.database.connection import this_host
from workflow.database.tables import LINKS
from workflow.engine import idempotency
from workflow.engine.engine import Engine
from workflow.journal.chain import JournalHasher
from workflow.schedule.daily_job import JobDay, PageOfDrafts, marked_keys, run_daily_job
from workflow.schedule.digest import digest_key, digest_page, tell_due_reports
from workflow.schedule.nodes import NodeMonitor, forget_silent
from workflow.schedule.notices import (
    due_notices,
    invitation_key,
    invitation_page,
    invitation_year,
    notice_key,
    notice_keys,
    notice_page,
)
from workflow.schedule.reminders import REMINDER_KINDS, reminders_key, reminders_page
from workflow.year_end.service import YearEnds


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyMails:
    """Number of mails written by the daily jobs of a call, of each kind."""

    notices: int = 0
    reminders: int = 0
    invitations: int = 0
    digests: int = 0

    def __add__(self, other: "DailyMails") -> "DailyMails":
        return DailyMails(
            notices=self.notices + other.notices, reminders=self.reminders + other.reminders,
            invitations=self.invitations + other.invitations, digests=self.digests + other.digests,
        )  # fmt: skip


@dataclass
class TickResult:
    """Results of a tick, for a log line or a terminal."""

    revoked: dict[SchoolYear, int] = field(default_factory=dict)
    new_holds: list[tuple[YearEnd, Hold]] = field(default_factory=list)
    waiting: list[YearEnd] = field(default_factory=list)
    erased: int = 0
    due_reports: int = 0
    daily_mails: DailyMails = field(default_factory=DailyMails)
    clock_skew: timedelta | None = None
    """Skew of this machine's clock, positive when it is fast, when that forbids it to act (R82)."""


class Ticker:
    """The schedule, called every minute by the worker's scheduler, or by ``oda tick``."""

    def __init__(
        self, engine: Engine, year_ends: YearEnds, mailer: Mailer, actor: Actor, machines: NodeMonitor | None = None,
        host: str | None = None,
    ) -> None:  # fmt: skip
        """``machines`` watches this machine's clock where the database's is the reference; None where its own is (R82).

        ``host``: this machine's name, the system's when None.
        """
        self._engine = engine
        self._year_ends = year_ends
        self._mailer = mailer
        self._actor = actor
        self._machines = machines
        self._daily_jobs = DailyJobs(engine, mailer)
        self._host = host or this_host()

    def tick(self, progress: Callable[[int], None] = lambda _: None) -> TickResult:
        """Evaluate the years, sweep those that may run, erase what is too old, write what the day asks for.

        Nothing of that on a machine whose clock is off (R82).
        """
        result = TickResult(clock_skew=self._machines.refused(self._actor, self._host) if self._machines else None)
        if result.clock_skew is not None:
            return result
        for status in self._year_ends.observe(self._actor, self._host):
            if status.verdict is BrakeDecision.RUN:
                result.revoked[status.end.school_year] = self._year_ends.run(status.end, self._actor, progress)
            elif status.verdict is BrakeDecision.HOLD and status.hold:
                result.new_holds.append((status.end, status.hold))
            elif status.verdict is BrakeDecision.HELD:
                result.waiting.append(status.end)
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            keep = timedelta(days=self._mailer.mail_context.code_keep_days)
            result.erased = self._mailer.erase_overdue(connection, now - keep, now)
            idempotency.forget_old(connection, now)
            forget_silent(connection, now)
            cleanup_expired(connection, self._mailer, self._engine.hasher, now)
            result.due_reports = tell_due_reports(connection, self._mailer, self._engine.policy, now)
        result.daily_mails = self._daily_jobs.run()
        return result


def cleanup_expired(connection: Connection, mailer: Mailer, hasher: JournalHasher, now: datetime) -> None:
    """Erase expired sign-in links with their unsent mails, and forget old sessions and attempts (R72 to R74)."""
    expired = LINKS.c.expires_at <= now
    digests = connection.execute(select(LINKS.c.digest).where(expired)).scalars().all()
    if digests:
        mailer.erase_links(connection, map(sealed_for, digests), Erasure.OVERDUE, now)
        connection.execute(delete(LINKS).where(expired))
    discard_stale_links(connection, now)
    delete_expired_sessions(connection, now)
    close_windows(connection, hasher, now)


class DailyJobs:
    """The mails written once a day: notices, reminders, invitations, the digest (R78 to R81).

    Called at each tick. Any number of nodes may do the same job at once: each mail is still written once.
    """

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def run(self) -> DailyMails:
        """Do the jobs of the day that are not whole yet; one query when they all are, none before the hour.

        Raises DatabaseBusy, DatabaseUnreachable: what is left is done at the next call.
        """
        job_day = JobDay(now=self._engine.clock.now(), policy=self._engine.policy)
        mails = DailyMails()
        if not job_day.has_begun:
            return mails
        invited_year = invitation_year(job_day)
        keys = [*notice_keys(job_day), *self._keys_of_day(job_day)]
        keys += [invitation_key(invited_year)] if invited_year else []
        if not keys:
            return mails
        with self._engine.database.read() as connection:
            marked = marked_keys(connection, keys)
        for end, notice in due_notices(job_day, marked):
            page = notice_page(self._mailer, end, notice, job_day)
            mails += DailyMails(notices=self._do(page, job_day, *(notice_key(end, delay) for delay in notice.delays)))
        if invited_year and (key := invitation_key(invited_year)) not in marked:
            mails += DailyMails(invitations=self._do(invitation_page(invited_year, job_day), job_day, key))
        for key in self._keys_of_day(job_day):
            if key in marked:
                continue
            if key == digest_key(job_day.day):
                mails += DailyMails(digests=self._do(digest_page(self._mailer, job_day), job_day, key))
            else:
                stalled, handover = (reminders_page(reminder, job_day) for reminder in REMINDER_KINDS)
                mails += DailyMails(reminders=self._do(stalled, job_day) + self._do(handover, job_day, key))
        return mails

    def _keys_of_day(self, job_day: JobDay) -> Iterator[str]:
        """The jobs that each day has of its own: reminders on a school day, the digest on a working day."""
        if job_day.policy.days.is_school_day(job_day.day):
            yield reminders_key(job_day.day)
        if job_day.policy.days.is_working_day(job_day.day):
            yield digest_key(job_day.day)

    def _do(self, page: PageOfDrafts, job_day: JobDay, *keys: str) -> int:
        return run_daily_job(self._engine.database, self._mailer, page, job_day, keys)
