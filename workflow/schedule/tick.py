"""One tick: what time asks for, done once however often and wherever it is called (R50 to R52, R57, R61, R78, R99).

Each step is its own: one that fails, or a row that cannot be read, is told and stops no other. Revocations on the day
that an operator set when settling a report are among them, once each (R46).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    true,
)
from sqlalchemy.exc import SQLAlchemyError

from notifications.encryption import HAS_OVERDUE
from notifications.mailer import Mailer
from notifications.outbox.queue import HAS_FUTURE, IS_STALE_LINK, LONGEST_PAUSE, discard_stale_links
from notifications.ports import crash_point, words_of
from notifications.vocabulary import Erasure
from states.commands import Revoke
from states.model import Actor, Policy
from states.rules.changes import REVOKE_REASONS
from states.rules.schedule import BrakeDecision, ClockFault, Hold
from states.rules.verification import oldest_valid_day
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import Change
from workflow.auth import rate_limit
from workflow.auth.access import (
    HAS_ACCESS_OF_RECTORAT,
    IS_OF_PAST_YEAR,
    end_access_of_removed,
    end_bindings_of_past_years,
)
from workflow.auth.actors import People
from workflow.auth.second_factor import ABANDONED_AFTER
from workflow.auth.sessions import REMEMBERED
from workflow.auth.sign_in_links import sealed_for
from workflow.auth.substitutions import MAY_EXPIRE, Substitutions
from workflow.auth.substitutions import REMEMBERED as SUBSTITUTIONS_REMEMBERED
from workflow.database.access_tables import FACTOR, KEPT_FORMS, LINKS, SESSIONS
from workflow.database.clock import held_clock
from workflow.database.connection import this_host
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable
from workflow.database.file_tables import STAGED_IMPORTS
from workflow.database.mapping import is_readable_year, school_year, unreadable_requests
from workflow.database.schedule_tables import OCCURRENCE, is_held
from workflow.database.tables import IS_LIVE, REPORT, REQUEST
from workflow.engine import idempotency
from workflow.engine.clock_check import ClockCheck
from workflow.engine.engine import Done, Engine
from workflow.evidence.delegation_attribute import IS_PAST_CLAIM, forget_claims
from workflow.evidence.list_checks import ListCheckResult, ListChecks
from workflow.evidence.lists import HAS_LISTS, Lists, list_rows_key
from workflow.figures.ledger import FigureLedger
from workflow.journal.chain import JournalHasher
from workflow.journal.sealing import JournalSealer, SigningKeyMissing, seal_key
from workflow.retention.service import Retention, erasure_key
from workflow.schedule.digest import IS_DUE_REPORT, digest_key, digest_page, tell_due_reports
from workflow.schedule.nodes import FORGOTTEN, HAS_SILENT, NodeMonitor, forget_silent
from workflow.schedule.reminders import (
    JobDay,
    PageOfDrafts,
    due_invitation,
    due_notices,
    invitation_page,
    marked_keys,
    notice_key,
    notice_keys,
    notice_page,
    reminders_key,
    reminders_page,
    run_daily_job,
)
from workflow.settings.services import WebhooksSettings
from workflow.spreadsheets import staged_imports
from workflow.webhooks import queue as deliveries
from workflow.year_end.service import YearEnds, strange_years

_log = logging.getLogger("oda")

BATCH: Final = 100
"""Requests a transaction."""

FORESEEN: Final[ColumnElement[bool]] = REPORT.c.revoke_on.is_not(None) & IS_LIVE
"""The condition on reports, with their request, that a revocation is foreseen for."""

_KEPT_FOR: Final[tuple[tuple[Table, ColumnElement[Any], timedelta], ...]] = (
    (SESSIONS, SESSIONS.c.expires_at, REMEMBERED),
    (KEPT_FORMS, KEPT_FORMS.c.kept_at, REMEMBERED),
    (FACTOR, case((FACTOR.c.confirmed_at.is_(None), FACTOR.c.begun_at)), ABANDONED_AFTER),
    (STAGED_IMPORTS, STAGED_IMPORTS.c.kept_at, staged_imports.KEPT),
    (idempotency.KEY, idempotency.KEY.c.at, idempotency.KEPT),
)
"""Rows that need nothing but to be forgotten: since when each counts, and for how long it is kept (R10, R73, R91)."""

_HAS_OLD_ROWS: Final = or_(
    *(exists().where(since <= bindparam(f"{table.name}_since")) for table, since, _ in _KEPT_FOR)
)
"""The condition under which ``delete_old_rows`` finds any."""

_HAS_EXPIRED: Final = or_(
    exists().where(LINKS.c.expires_at <= bindparam("now")), exists().where(IS_STALE_LINK), rate_limit.HAS_OVER
)
"""The condition under which ``cleanup_expired`` finds anything."""

_HAS_DATED: Final = exists().where(
    REPORT.c.reference == REQUEST.c.reference, FORESEEN, REPORT.c.revoke_on <= bindparam("today")
)
"""The condition under which ``revoke_dated`` may find any."""

_HAS_TO_TIDY: Final = or_(_HAS_OLD_ROWS, HAS_SILENT, _HAS_EXPIRED)

_HAS_PAST_CLAIM: Final = exists().where(IS_PAST_CLAIM)

_HAS_PAST_BINDING: Final = exists().where(IS_OF_PAST_YEAR)

_HAS_DUE_REPORT: Final = exists().where(IS_DUE_REPORT)

HELD_SENTENCE: Final = (
    "La base a été restaurée : rien ne part et rien n'est fait de soi-même tant qu'un opérateur ne le dit pas"
    " (oda mail list, puis oda restore release)."
)

Step = Callable[[str], AbstractContextManager[None]]
"""Surrounds a step of a tick, by its name in French."""


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


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step of a tick that failed: its name in French, and the class of its error, which holds no secret."""

    step: str
    error: str


@dataclass
class TickResult:
    """Results of a tick, for a log line or a terminal."""

    revoked: dict[SchoolYear, int] = field(default_factory=dict)
    new_holds: list[tuple[YearEnd, Hold]] = field(default_factory=list)
    waiting: list[YearEnd] = field(default_factory=list)
    dated: int = 0
    """Requests revoked on the day that an operator had set (R46)."""
    list_checks: ListCheckResult = field(default_factory=ListCheckResult)
    """What the two lists have settled, or put in question (R94, R95)."""
    erased: int = 0
    due_reports: int = 0
    daily_mails: DailyMails = field(default_factory=DailyMails)
    clock_skew: timedelta | None = None
    """Skew of this machine's clock, positive when it is fast, when that forbids it to act (R82)."""
    clock_fault: ClockFault | None = None
    """Why the clock is not believed, when that holds back what cannot be undone (R52)."""
    is_held: bool = False
    """The base was restored, and nobody has released it: nothing is done (R116)."""
    set_aside: list[str] = field(default_factory=list)
    """What bears a school year that no calendar has, named in French: it stops nothing (R52)."""
    unsealed: str = ""
    """Why the journal could not be sealed, a French clause: told, and tried again (R109)."""
    failures: list[StepFailure] = field(default_factory=list)

    @property
    def may_act(self) -> bool:
        """False when this machine must do nothing of its own accord."""
        return self.clock_skew is None and self.clock_fault is None and not self.is_held

    @property
    def is_well(self) -> bool:
        """True when this tick did all that it had to do."""
        return self.may_act and not self.failures

    @property
    def troubles(self) -> tuple[str, ...]:
        """The faults that stopped nothing else, in French sentences."""
        rows = (f"Mise de côté, son année n'étant d'aucun calendrier : {name}." for name in self.set_aside)
        steps = (f"Le travail « {failure.step} » a échoué ({failure.error})." for failure in self.failures)
        seal = (f"Le journal n'est pas scellé : {self.unsealed}.",) if self.unsealed else ()
        held = (HELD_SENTENCE,) if self.is_held else ()
        return (*held, *rows, *seal, *steps)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do one step, whose failure stops no other. Raises DatabaseBusy, DatabaseUnreachable, which stop all."""
        try:
            yield
        except (DatabaseBusy, DatabaseUnreachable):
            raise
        except Exception as error:
            _log.error("step failed: %s (%s)", name, words_of(error))
            self.failures.append(StepFailure(name, type(error).__name__))


@cache
def _is_unmarked(name: str) -> ColumnElement[bool]:
    """The condition that the occurrence given as ``NAME_key`` has not happened."""
    return ~exists().where(OCCURRENCE.c.key == bindparam(f"{name}_key"))


_HAS_LIST_ROWS: Final = and_(HAS_LISTS, _is_unmarked("list_rows"))


_select_conditions: Final[Callable[..., Select[Any]]] = lru_cache(maxsize=16)(select)
"""Make one statement of these conditions, the same for every ticker that has the same steps."""


def dated_revocation_key(reference: str) -> str:
    """The occurrence of a request's revocation."""
    return f"revocation:{reference}"


def revoke_dated(engine: Engine, actor: Actor) -> int:
    """Revoke the requests whose day has come, in batches, each its own transaction; return how many.

    Any number of machines may do it at once: the rules refuse what is done already, or was settled otherwise. A request
    whose school year has ended is left to the year's end, which the brake may hold (R51, R52).
    """
    with engine.database.read() as connection:
        due = _due(connection, engine.policy, engine.clock.now())
    return sum(_revoke(engine, actor, due[start : start + BATCH]) for start in range(0, len(due), BATCH))


def _due(connection: Connection, policy: Policy, now: datetime) -> list[Revoke]:
    today = policy.calendar.today(now)
    query = (
        select(REPORT.c.reference, REPORT.c.change, REQUEST.c.school_year)
        .join(REQUEST, REQUEST.c.reference == REPORT.c.reference)
        .where(FORESEEN, REPORT.c.revoke_on <= today)
        .order_by(REPORT.c.revoke_on.desc(), REPORT.c.number.desc())  # the earliest one of a request stays
    )
    reasons = {
        row.reference: REVOKE_REASONS[Change(row.change)]
        for row in connection.execute(query)
        if is_readable_year(row.school_year) and not policy.calendar.has_ended(school_year(row.school_year), now)
    }
    return [Revoke(reference=reference, reason=reason) for reference, reason in sorted(reasons.items())]


def _revoke(engine: Engine, actor: Actor, commands: Sequence[Revoke]) -> int:
    def work(connection: Connection, now: datetime) -> int:
        done = [result for result in engine.run(connection, commands, actor, now) if isinstance(result, Done)]
        if done:
            rows = [{"key": dated_revocation_key(result.reference), "at": now, "requests": 1} for result in done]
            connection.execute(insert(OCCURRENCE), rows)
        crash_point("dated_revocations.before_commit")
        return len(done)

    return engine.in_transaction(work)


class Ticker:
    """The schedule, called every minute by the worker's scheduler, or by ``oda tick``."""

    def __init__(
        self, engine: Engine, year_ends: YearEnds, mailer: Mailer, actor: Actor, machines: NodeMonitor | None = None,
        host: str | None = None, clock_check: ClockCheck | None = None, people: People | None = None,
        figures: FigureLedger | None = None,
        list_checks: ListChecks | None = None,
        lists: Lists | None = None,
        retention: Retention | None = None,
        sealer: JournalSealer | None = None,
        substitutions: Substitutions | None = None,
        webhooks: WebhooksSettings | None = None,
    ) -> None:  # fmt: skip
        """``machines`` watches this machine's clock where the database's is the reference; None where its own is (R82).

        ``host``: this machine's name, the system's when None. ``clock_check`` None: no counter explains the clock.
        ``people``: whose access ends once the settings have removed them; None where nobody enters. ``figures`` None:
        nobody reads any. ``list_checks`` compares requests with the two lists, and ``lists`` forgets what they hold
        beyond need (R93); None where there are none. ``retention`` erases what is personal after its time (R110).
        ``sealer`` seals the journal once a day (R109); None: nobody does.
        ``substitutions``: whose days it ends (R114).
        ``webhooks``: for how long what other systems were told is kept (R118).
        """
        self._engine = engine
        self._year_ends = year_ends
        self._mailer = mailer
        self._codes_kept = timedelta(days=mailer.mail_context.code_keep_days)
        self._actor = actor
        self._machines = machines
        self._daily_jobs = DailyJobs(engine, mailer)
        self._host = host or this_host()
        self._clock_check = clock_check or ClockCheck(engine.hasher)
        self._people = people
        self._figures = figures
        self._list_checks = list_checks
        self._lists = lists
        self._substitutions = substitutions
        self._webhooks = webhooks
        self._retention = retention
        self._sealer = sealer

    @property
    def since_tick(self) -> timedelta | None:
        """Time since the last tick of this process, by the machine's counter; None where there is none."""
        return self._clock_check.since_tick

    def tick(self, progress: Callable[[int], None] = lambda _: None) -> TickResult:
        """Evaluate the years, sweep those that may run, erase what is too old, write what the day asks for.

        Nothing of that on a machine whose clock is off (R82), nor while a restoration is held (R116). While the clock
        is not believed, ends are evaluated and nothing else is done; when it has gone back, not even that (R52).
        """
        with self._engine.database.read() as connection:
            if is_held(connection):
                return TickResult(is_held=True)
        result = TickResult(clock_skew=self._machines.refused(self._actor, self._host) if self._machines else None)
        if result.clock_skew is not None:
            return result
        now = self._engine.clock.now()

        def alert(connection: Connection, fault: ClockFault) -> None:
            """Tell the operators by a mail that neither date keeps from leaving; not of what ends by itself at once."""
            if fault is ClockFault.STARTED:
                return
            held = held_clock(connection)
            known = held.known_at if held else now
            draft = self._mailer.reports.clock_doubt(self._host, fault, now, known)
            self._mailer.enqueue(connection, [draft], min(now, known))

        verdict = self._clock_check.judge(self._engine.database, self._actor, now, alert)
        result.clock_fault = verdict.fault if verdict.held else None
        if verdict.held and verdict.fault in (ClockFault.TOO_EARLY, ClockFault.BACK, ClockFault.STARTED):
            return result  # nothing can be foreseen at such a date; an end that waits for a start is held by nobody
        # The rows that a wrong clock has left come first, so that no other step meets them.
        with result.step("les lignes illisibles"):
            with self._engine.database.read() as connection:
                years, references = strange_years(connection), unreadable_requests(connection)
            if years:
                years = self._year_ends.set_aside(self._actor)
            result.set_aside += [f"la fin de l'année « {year} »" for year in years]
            result.set_aside += [f"la demande {reference}" for reference in references]
        with result.step("les fins d'année"):
            for status in self._year_ends.observe(self._actor, self._host, verdict):
                with result.step(f"la fin de l'année {status.end.school_year}"):
                    if status.verdict is BrakeDecision.RUN:
                        result.revoked[status.end.school_year] = self._year_ends.run(status.end, self._actor, progress)
                    elif status.verdict is BrakeDecision.HOLD and status.hold:
                        result.new_holds.append((status.end, status.hold))
                    elif status.verdict is BrakeDecision.HELD:
                        result.waiting.append(status.end)
        if not verdict.held:
            for step in self._due_steps(result):
                with result.step(step.name):
                    step.work()
            result.daily_mails = self._daily_jobs.run(result.step, lambda: result.troubles)
            if self._figures:
                with result.step("les chiffres"):
                    self._figures.catch_up()
        return result

    def _due_steps(self, result: TickResult) -> list["DueStep"]:
        """The steps that have something to do, found by one statement; all of them when it fails.

        Each then finds out for itself, so that what cannot be read stops no other.
        """
        steps = [*self._checks(result), *self._cleanings(result), *self._daily_cleanings(result)]
        try:
            with self._engine.database.read() as connection:
                conditions = _select_conditions(*(step.is_due for step in steps))
                due = connection.execute(conditions, self._parameters(self._engine.clock.now())).one()
        except SQLAlchemyError as error:
            _log.error("what is due could not be found (%s)", words_of(error))
            return steps
        return [step for step, is_due in zip(steps, due, strict=True) if is_due]

    def _checks(self, result: TickResult) -> Iterator["DueStep"]:
        """What the day asks of the requests themselves."""

        def revoke() -> None:
            result.dated = revoke_dated(self._engine, self._actor)

        yield DueStep("les révocations datées", _HAS_DATED, revoke)
        if list_checks := self._list_checks:

            def check() -> None:
                result.list_checks = list_checks.tick()

            yield DueStep("les vérifications d'après les listes", HAS_LISTS, check)

    def _daily_cleanings(self, result: TickResult) -> Iterator["DueStep"]:
        """What is erased, and sealed before, once a day: nothing of it can be undone."""
        if lists := self._lists:
            yield DueStep(
                "l'effacement des lignes des listes", _HAS_LIST_ROWS,
                lambda: lists.erase_unneeded_rows(self._actor),
            )  # fmt: skip
        if sealer := self._sealer:

            def seal() -> None:
                try:
                    sealer.seal_day()
                except SigningKeyMissing as missing:
                    result.unsealed = missing.why

            # Before retention erases anything of the journal; then the files that are owed (R109).
            yield DueStep("le sceau du journal", _is_unmarked("seal"), seal)
            yield DueStep("l'écriture des sceaux dans seal.folder", true(), sealer.write_files)
        if retention := self._retention:
            yield DueStep(
                "l'effacement de ce qui est personnel", _is_unmarked("erasure"),
                lambda: retention.erase_due(self._actor),
            )  # fmt: skip

    def _cleanings(self, result: TickResult) -> Iterator["DueStep"]:
        """The small things to erase, cancel or tell at this tick, each a step."""
        engine, mailer, now = self._engine, self._mailer, self._engine.clock.now()
        policy, hasher, today = engine.policy, engine.hasher, engine.policy.calendar.today(now)

        def erase_codes(connection: Connection) -> None:
            result.erased = mailer.erase_overdue(connection, now - self._codes_kept, now)

        def tidy(connection: Connection) -> None:
            delete_old_rows(connection, now)
            forget_silent(connection, now)
            cleanup_expired(connection, mailer, hasher, now)

        def tell_reports(connection: Connection) -> None:
            result.due_reports = tell_due_reports(connection, mailer, policy, now)

        def cleaning(step: str, is_due: ColumnElement[bool], work: Callable[[Connection], object]) -> DueStep:
            def in_transaction() -> None:
                with engine.database.write() as connection:
                    work(connection)

            return DueStep(step, is_due, in_transaction)

        yield cleaning(
            "les attentes trop longues", HAS_FUTURE, lambda connection: mailer.release_future(connection, now)
        )  # fmt: skip
        yield cleaning("l'effacement des codes", HAS_OVERDUE, erase_codes)
        yield cleaning("le ménage des connexions", _HAS_TO_TIDY, tidy)
        if webhooks := self._webhooks:
            yield cleaning(
                "l'oubli des messages aux autres logiciels", deliveries.HAS_OLD,
                lambda connection: deliveries.forget_old(connection, webhooks, now),
            )  # fmt: skip
        yield cleaning(
            "les délégations dites par une identité", _HAS_PAST_CLAIM,
            lambda connection: forget_claims(connection, policy, today),
        )  # fmt: skip
        yield cleaning(
            "les liaisons de l'an passé", _HAS_PAST_BINDING,
            lambda connection: end_bindings_of_past_years(connection, hasher, policy.calendar, now),
        )  # fmt: skip
        if people := self._people:
            yield cleaning(
                "les accès à finir", HAS_ACCESS_OF_RECTORAT,
                lambda connection: end_access_of_removed(connection, hasher, people, now),
            )  # fmt: skip
        if self._substitutions:
            yield DueStep("les suppléances à finir", MAY_EXPIRE, self._substitutions.expire)
        yield cleaning("les signalements du jour", _HAS_DUE_REPORT, tell_reports)

    def _parameters(self, now: datetime) -> dict[str, Any]:
        """The days, the instants and the marks that the conditions of the steps name, at this instant."""
        policy = self._engine.policy
        today = policy.calendar.today(now)
        parameters: dict[str, Any] = {
            "now": now,
            "today": today,
            "longest_wait": now + self._mailer.longest_wait,
            "longest_pause": now + LONGEST_PAUSE,
            "codes_since": now - self._codes_kept,
            **{f"{table.name}_since": now - kept_for for table, _, kept_for in _KEPT_FOR},
            "silent_since": now - FORGOTTEN,
            "most_counts": rate_limit.MOST_COUNTS,
            "oldest_check": oldest_valid_day(today, policy.checks_max_age_days),
            "last_end": policy.calendar.last_end(now),
            "remembered_since": now - SUBSTITUTIONS_REMEMBERED,
            "list_rows_key": list_rows_key(today),
            "seal_key": seal_key(today),
            "erasure_key": erasure_key(today),
        }
        if webhooks := self._webhooks:
            parameters |= {
                "endpoints": [endpoint.name for endpoint in webhooks.endpoints],
                "waits_since": now - deliveries.TOO_OLD,
                "ended_since": now - timedelta(days=webhooks.keep_days),
            }
        return parameters


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step of a tick, by its name in French. ``is_due``: the condition under which it does anything.

    The condition is built once, for to build one takes as long as to execute it; what it names is given at each tick.
    It is read before the step, and without its locks: what comes meanwhile is for the next tick.
    """

    name: str
    is_due: ColumnElement[bool]
    work: Callable[[], object]


def delete_old_rows(connection: Connection, now: datetime) -> None:
    """Delete the rows that are kept for a time that is over: see ``_KEPT_FOR``."""
    for table, since, kept_for in _KEPT_FOR:
        connection.execute(delete(table).where(since <= now - kept_for))


def cleanup_expired(connection: Connection, mailer: Mailer, hasher: JournalHasher, now: datetime) -> None:
    """Erase expired sign-in links with their unsent mails, and what is known of attempts (R72 to R75)."""
    expired = LINKS.c.expires_at <= now
    digests = connection.execute(select(LINKS.c.digest).where(expired)).scalars().all()
    if digests:
        mailer.erase_links(connection, map(sealed_for, digests), Erasure.OVERDUE, now)
        connection.execute(delete(LINKS).where(expired))
    discard_stale_links(connection, now)
    rate_limit.close_windows(connection, hasher, now)


class DailyJobs:
    """The mails written once a day: notices, reminders, invitations, the digest (R78 to R81).

    Called at each tick. Any number of nodes may do the same job at once: each mail is still written once.
    """

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def run(
        self, step: Step = lambda _: nullcontext(), troubles: Callable[[], tuple[str, ...]] = tuple
    ) -> DailyMails:  # fmt: skip
        """Do the jobs of the day that are not whole yet; one query when they all are, none before the hour.

        ``step`` surrounds each of them; ``troubles`` are told in the digest. Raises DatabaseBusy, DatabaseUnreachable:
        what is left is done at the next call, as is a job that failed.
        """
        job_day = JobDay(now=self._engine.clock.now(), policy=self._engine.policy)
        mails = DailyMails()
        if not job_day.has_begun:
            return mails
        invitation = due_invitation(job_day)
        keys = [*notice_keys(job_day), *self._keys_of_day(job_day)]
        keys += [invitation.key] if invitation else []
        if not keys:
            return mails
        with self._engine.database.read() as connection:
            marked = marked_keys(connection, keys)
        with step("les annonces de fin d'année"):
            for end, notice in due_notices(job_day, marked):
                page, done = notice_page(end, notice, job_day), notice.delays
                mails += DailyMails(notices=self._do(page, job_day, *(notice_key(end, delay) for delay in done)))
        if invitation and invitation.key not in marked:
            with step("les invitations à renouveler"):
                page = invitation_page(invitation, job_day)
                mails += DailyMails(invitations=self._do(page, job_day, invitation.key))
        for key in self._keys_of_day(job_day):
            if key in marked:
                continue
            if key == digest_key(job_day.day):
                with step("le récapitulatif"):
                    page = digest_page(self._mailer, job_day, troubles())
                    mails += DailyMails(digests=self._do(page, job_day, key))
            else:
                with step("les rappels"):
                    mails += DailyMails(reminders=self._do(reminders_page(job_day), job_day, key))
        return mails

    def _keys_of_day(self, job_day: JobDay) -> Iterator[str]:
        """The jobs that each day has of its own: reminders on a school day, the digest on a working day."""
        if job_day.policy.days.is_school_day(job_day.day):
            yield reminders_key(job_day.day)
        if job_day.policy.days.is_working_day(job_day.day):
            yield digest_key(job_day.day)

    def _do(self, page: PageOfDrafts, job_day: JobDay, *keys: str) -> int:
        return run_daily_job(self._engine.database, self._mailer, page, job_day, keys)
