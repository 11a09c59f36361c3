"""Mails to establishments of the schedule's own accord: reminders, the year's end, its renewal (R15, R78, R79, R81).

A reminder is of a step that does not move, or of a code not handed over. One mail a day reminds an establishment of all
that waits there. How many were made of each request is counted from the mails and the requests that they name, so that
no action has anything to keep right (docs/adr/0019).

They leave from an hour of the day on, as the digest does, by a job that any machine may do: page after page, each its
own short transaction, so that a kill loses nothing; done whole, it is marked by its key, which makes it happen once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    union,
    union_all,
)

from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import (
    Ended,
    HandoverReminder,
    Person,
    Place,
    RenewalInvitation,
    StalledReminder,
    WaitingRequest,
    Year,
    YearEndNotice,
)
from notifications.outbox.store import MAIL_REQUESTS, MAILS
from notifications.ports import crash_point
from notifications.sql import insert_new
from notifications.vocabulary import CODE_MAILS, Audience, Draft, Kind, Stage
from states.model import Establishment, Policy, Request, Timetable
from states.rules.schedule import (
    INVITED_AFTER,
    NO_REMINDER,
    DueNotice,
    Invitation,
    NoticeDay,
    Reminders,
    due_notice,
    invitation_periods,
    is_reminder_due,
    notice_days,
)
from states.school_calendar import DayKind, SchoolYear, YearEnd
from states.vocabulary import Settlement, State
from workflow.database.connection import Database
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, mailbox_of, request_from
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REPORT, REQUEST
from workflow.year_end.renewals import renewed, renewed_among, with_key

PAGE: Final = 500
"""Establishments or requests a transaction."""

PageOfDrafts = Callable[[Connection, str], tuple[Sequence[Draft], str | None]]
"""Return the mails of what follows a place, and the place to go on from, None at the end. It writes nothing."""

WAITS_FOR_ESTABLISHMENT: Final = (State.DECLARED, State.DELEGATED, State.CHARTER_SIGNED)
"""The states in which a request waits for its establishment."""

_CODES: Final = [kind.value for kind in CODE_MAILS]

_CODE, _LATER = MAILS.alias("code_mail"), MAILS.alias("later_code")

ARRIVED: Final = exists().where(
    _CODE.c.reference == REQUEST.c.reference,
    _CODE.c.kind.in_(_CODES),
    _CODE.c.stage.in_((Stage.SENT.value, Stage.UNCERTAIN.value)),
    ~exists().where(_LATER.c.reference == _CODE.c.reference, _LATER.c.kind.in_(_CODES), _LATER.c.id > _CODE.c.id),
)
"""True if the establishment may have received the code: the same verdict as ``notifications.outbox.admin`` (R58)."""

_PLACE: Final = (
    ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox
)  # fmt: skip


_MARKED: Final = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True, kw_only=True)
class JobDay:
    """The instant of a job, aware UTC, and the policy in force then."""

    now: datetime
    policy: Policy

    @property
    def day(self) -> date:
        """The académie's day."""
        return self.policy.calendar.today(self.now)

    @property
    def has_begun(self) -> bool:
        """True from the hour at which the day's mails leave."""
        return self.now.astimezone(self.policy.calendar.timezone).hour >= self.policy.timetable.hour

    @property
    def over_at(self) -> datetime:
        """24:00 of the day, aware UTC."""
        return self.policy.calendar.midnight(self.day + timedelta(days=1))

    @property
    def running_years(self) -> tuple[SchoolYear, ...]:
        """The years not ended that may have requests, found without asking the database."""
        years = (SchoolYear(self.day.year + shift) for shift in (-2, -1, 0, 1))
        return tuple(year for year in years if not self.policy.calendar.has_ended(year, self.now))


def run_daily_job(database: Database, mailer: Mailer, page: PageOfDrafts, job_day: JobDay, keys: Sequence[str]) -> int:
    """Write the mails of every page, then mark ``keys``; return how many mails are new.

    Stopped anywhere and begun again, or run by two nodes at once, it writes each mail once: by its dedupe key.
    """
    count, after = 0, ""
    while True:
        with database.write() as connection:
            drafts, following = page(connection, after)
            count += mailer.enqueue(connection, drafts, job_day.now)
            if following is None and keys:
                # One that another node has marked stays as it is.
                rows = [{"key": key, "at": job_day.now, "requests": count} for key in keys]
                connection.execute(insert_new(connection, OCCURRENCE), rows)
            crash_point("duties.before_commit")
        crash_point("duties.after_page")
        if following is None:
            return count
        after = following


def marked_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Return those of these keys whose job was done whole."""
    return set(connection.execute(_MARKED, {"keys": list(keys)}).scalars())


@dataclass(frozen=True, kw_only=True)
class ReminderKind:
    """One kind of reminder: the requests it is about, since when they wait, after which delays it leaves."""

    kind: Kind
    where: ColumnElement[bool]
    since: ColumnElement[datetime]
    delays: Callable[[Timetable], tuple[int, ...]]

    @property
    def before(self) -> str:
        """The name, in a statement, of the instant before which it came to wait."""
        return f"{self.kind.value}_before"


STALLED: Final = ReminderKind(
    kind=Kind.STALLED_REMINDER,
    where=or_(*(REQUEST.c.state == literal_column(f"'{state.value}'") for state in WAITS_FOR_ESTABLISHMENT)),
    since=REQUEST.c.since,
    delays=lambda timetable: timetable.stalled,
)

HANDOVER: Final = ReminderKind(
    kind=Kind.HANDOVER_REMINDER,
    where=and_(
        REQUEST.c.state == literal_column("'code_issued'"),
        REQUEST.c.handed_on.is_(None),
        REQUEST.c.extends.is_(None),
        REQUEST.c.key_elsewhere.is_(False),
        REQUEST.c.drawn_at.is_(None),  # another code is being made
        ARRIVED,
    ),
    since=REQUEST.c.code_issued_at,
    delays=lambda timetable: timetable.handover,
)

REMINDER_KINDS: Final = (STALLED, HANDOVER)


@dataclass(frozen=True, kw_only=True, slots=True)
class DueReminder:
    """A request that is to be reminded of on a day: its row, and why it waits."""

    reminder: ReminderKind
    row: Any

    @property
    def waiting_since(self) -> datetime:
        since: datetime = self.row.stands_since
        return since


@dataclass(frozen=True, slots=True)
class DueInvitation:
    """An invitation to renew for ``year`` that may leave on a day (R81)."""

    year: SchoolYear
    invitation: Invitation

    @property
    def key(self) -> str:
        """Its occurrence."""
        suffix = "" if self.invitation is Invitation.CAMPAIGN else f":{self.invitation.value}"
        return f"invitation:{self.year}{suffix}"


def reminders_key(day: date) -> str:
    """The occurrence of a day's reminders."""
    return f"reminders:{day}"


def reminders_page(job_day: JobDay) -> PageOfDrafts:
    """Make the reminders of a day, by UAI: one mail an establishment, whatever waits for it.

    One that cannot leave before the day's end is cancelled (R57).
    """

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        uais = _waiting_establishments(connection, job_day, after)
        if not uais:
            return [], None
        due: dict[str, list[DueReminder]] = {uai: [] for uai in uais}
        for reminder in REMINDER_KINDS:
            for found in _due_reminders(connection, reminder, job_day, uais):
                due[found.row.uai].append(found)
        page = [_draft(reminders, job_day) for reminders in due.values() if reminders]
        return page, uais[-1] if len(uais) == PAGE else None

    return drafts


def _come_before(job_day: JobDay) -> dict[ReminderKind, datetime]:
    """The kinds of reminders that have delays, each with the instant before which what it is of has come to wait."""
    midnight, day = job_day.policy.calendar.midnight, job_day.day
    timetable = job_day.policy.timetable
    first = ((reminder, delay) for reminder in REMINDER_KINDS for delay in reminder.delays(timetable)[:1])
    return {reminder: midnight(day - timedelta(days=delay - 1)) for reminder, delay in first}


def _waiting_establishments(connection: Connection, job_day: JobDay, after: str) -> list[str]:
    """One page of the UAI that follow ``after`` and have a request that has waited for long enough."""
    before = _come_before(job_day)
    if not before:
        return []
    parameters = {reminder.before: instant for reminder, instant in before.items()} | {"after": after}
    query = _establishments_waiting_for(tuple(before))
    return list(connection.execute(query, waiting_parameters(job_day) | parameters).scalars())


# Statements are built once: to build one takes as long as to execute it.
@cache
def _establishments_waiting_for(reminders: tuple[ReminderKind, ...]) -> Select[Any]:
    joined = REQUEST.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
    uais = select(REQUEST.c.uai).select_from(joined).where(REQUEST.c.uai > bindparam("after"))
    each = union(*(uais.where(*_long_waiting(reminder)) for reminder in reminders))
    found = each.subquery()
    return select(found.c.uai).order_by(found.c.uai).limit(PAGE)


def _long_waiting(reminder: ReminderKind) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the requests that have waited for the first delay."""
    return (*waiting_requests(reminder), reminder.since < bindparam(reminder.before))


def _due_reminders(
    connection: Connection, reminder: ReminderKind, job_day: JobDay, uais: list[str]
) -> Iterator[DueReminder]:
    """The requests of these establishments that one kind of reminder is due for, by reference."""
    before, delays = _come_before(job_day).get(reminder), reminder.delays(job_day.policy.timetable)
    if before is None:
        return
    parameters = {reminder.before: before, "uais": uais}
    rows = connection.execute(_WAITING_FOR[reminder], waiting_parameters(job_day) | parameters).all()
    if not rows:
        return
    sent = sent_reminders(connection, reminder, job_day, uais)
    for row in rows:
        since = job_day.policy.calendar.today(row.stands_since)
        reminders = sent.get(row.reference, NO_REMINDER)
        if is_reminder_due(since, delays, reminders, job_day.day, job_day.policy.days):
            yield DueReminder(reminder=reminder, row=row)


def waiting_requests(reminder: ReminderKind) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the requests that wait for their establishment, and on it: it is open and can be written to.

    Not those of which a report is to be settled, nor those that await a new code: it is the operators' turn (R46).
    The day is given by ``waiting_parameters``.
    """
    to_settle = and_(REPORT.c.settlement.is_(None), REPORT.c.effective_on <= bindparam("day"))
    new_code = and_(
        REPORT.c.settlement == Settlement.REISSUED.value, REPORT.c.settled_at >= REQUEST.c.code_issued_at
    )  # fmt: skip
    return (
        reminder.where, REQUEST.c.school_year.in_(bindparam("running_years", expanding=True)),
        ESTABLISHMENT.c.is_open,
        func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") != "",
        ~exists().where(REPORT.c.reference == REQUEST.c.reference, or_(to_settle, new_code)),
    )  # fmt: skip


_WAITING_FOR: Final = {
    reminder: select(*REQUEST_COLUMNS, reminder.since.label("stands_since"), *_PLACE)
    .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
    .where(*_long_waiting(reminder), REQUEST.c.uai.in_(bindparam("uais", expanding=True)))
    .order_by(REQUEST.c.reference)
    for reminder in REMINDER_KINDS
}


def waiting_parameters(job_day: JobDay) -> dict[str, Any]:
    """What the conditions of ``waiting_requests`` name, on this day."""
    return {"day": job_day.day, "running_years": [str(year) for year in job_day.running_years]}


def sent_reminders(
    connection: Connection, reminder: ReminderKind, job_day: JobDay, uais: Sequence[str] | None = None
) -> dict[str, Reminders]:
    """The reminders of what waits since it came where it stands, in one query; of some establishments, or of all.

    One that was sent again to another mailbox counts once.
    """
    today = job_day.policy.calendar.today
    rows = connection.execute(_sent_since(reminder, of_some=uais is not None), {"uais": uais or ()})
    return {reference: Reminders(count, today(last)) for reference, count, last in rows}


@cache
def _sent_since(reminder: ReminderKind, *, of_some: bool) -> Select[Any]:
    condition = REQUEST.c.uai.in_(bindparam("uais", expanding=True)) if of_some else reminder.where
    kinds = [one.kind.value for one in REMINDER_KINDS]
    # one of that very instant was of where it stood before
    reminded = (condition, MAILS.c.kind.in_(kinds), MAILS.c.replaces_id.is_(None), MAILS.c.created_at > reminder.since)
    made = (REQUEST.c.reference, MAILS.c.created_at)
    of_their_own = select(*made).join(MAILS, MAILS.c.reference == REQUEST.c.reference).where(*reminded)
    beside_another = (
        select(*made)
        .join(MAIL_REQUESTS, MAIL_REQUESTS.c.reference == REQUEST.c.reference)
        .join(MAILS, MAILS.c.id == MAIL_REQUESTS.c.mail_id)
        .where(*reminded)
    )
    each = union_all(of_their_own, beside_another).subquery()
    return select(each.c.reference, func.count(), func.max(each.c.created_at)).group_by(each.c.reference)


def _draft(reminders: list[DueReminder], job_day: JobDay) -> Draft:
    """The mail of an establishment's reminders; a code that waits comes first."""
    ordered = sorted(reminders, key=lambda due: (due.reminder is not HANDOVER, due.row.reference))
    first, others = ordered[0], ordered[1:]
    request, calendar = request_from(first.row), job_day.policy.calendar
    facts: dict[str, Any] = {
        "reference": request.reference, "rupn": Person.of(request),
        "establishment": Place(uai=request.uai, nom=first.row.place, commune=first.row.commune),
        "year": Year.of(calendar.end_of(request.school_year)),
        "other_requests": tuple(
            WaitingRequest(
                reference=other.reference, rupn=Person.of(other), state=other.state,
                since=calendar.today(due.waiting_since),
                to_read=due.reminder is HANDOVER and other.code_unread_since is not None,
            )
            for due, other in ((due, request_from(due.row)) for due in others)
        ),
    }  # fmt: skip
    day = calendar.today(first.waiting_since)
    context: Any = (
        HandoverReminder(**facts, issued_on=day, to_read=request.code_unread_since is not None)
        if first.reminder is HANDOVER else StalledReminder(**facts, state=request.state, since=day)
    )  # fmt: skip
    return Draft(
        kind=first.reminder.kind, audience=Audience.ESTABLISHMENT, recipient=mailbox_of(first.row) or "",
        context=context, uai=request.uai, reference=request.reference, not_after=job_day.over_at,
        dedupe_key=f"reminders:{request.uai}:{job_day.day}",
        other_references=tuple(due.row.reference for due in others),
    )  # fmt: skip


def notice_key(end: YearEnd, delay: int) -> str:
    """The occurrence of a notice; the end's day is in it, for an end may be moved and is announced anew."""
    return f"notice:{end.school_year}:{end.last_day}:{delay}"


def notice_keys(job_day: JobDay) -> Iterator[str]:
    """The occurrences that tell which notices of the running years have left."""
    for end, plan in _begun(job_day):
        yield from (notice_key(end, delay) for planned in plan for delay in planned.delays)


def due_notices(job_day: JobDay, marked: set[str]) -> Iterator[tuple[YearEnd, DueNotice]]:
    """The notices to send on that day."""
    for end, plan in _begun(job_day):
        sent = [delay for planned in plan for delay in planned.delays if notice_key(end, delay) in marked]
        if notice := due_notice(end, plan, job_day.day, sent, job_day.policy.days):
            yield end, notice


def _begun(job_day: JobDay) -> Iterator[tuple[YearEnd, Sequence[NoticeDay]]]:
    """The ends to come whose announcement has begun, with their planned notices."""
    for year in job_day.running_years:
        end = job_day.policy.calendar.end_of(year)
        plan = notice_days(end, job_day.policy.days, job_day.policy.timetable.notices)
        if plan and plan[0].day <= job_day.day:
            yield end, plan


def notice_page(end: YearEnd, notice: DueNotice, job_day: JobDay) -> PageOfDrafts:
    """Make the notices of the establishments, by UAI; none leaves once the year has ended."""
    not_after = min(job_day.now + CATALOGUE[Kind.YEAR_END_NOTICE].lifetime, end.ends_at)

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        page: list[Draft] = []
        calendar, year = job_day.policy.calendar, end.school_year
        next_year_label = str(year.next) if year.next in calendar.open_years(job_day.now) else ""
        groups = _by_establishment(connection, (REQUEST.c.school_year == str(end.school_year), IS_LIVE), after)
        references = [request.reference for _, requests in groups for request in requests]
        renewals = renewed_among(connection, year, references) if next_year_label else set()
        for establishment, requests in groups:
            context = YearEndNotice(
                establishment=Place.of(establishment), year=Year.of(end), days_left=notice.days_left,
                rupns=tuple(Ended.of(request, renewed=request.reference in renewals) for request in requests),
                next_year_label=next_year_label,
            )  # fmt: skip
            page.append(Draft(
                kind=Kind.YEAR_END_NOTICE, audience=Audience.ESTABLISHMENT, recipient=establishment.mailbox or "",
                context=context, uai=establishment.uai, not_after=not_after,
                dedupe_key=f"year-end-{notice_key(end, notice.delays[-1])}:{establishment.uai}",
            ))  # fmt: skip
        return page, groups[-1][0].uai if len(groups) == PAGE else None

    return drafts


def due_invitation(job_day: JobDay) -> DueInvitation | None:
    """The invitation that may leave on that day; None when there is none.

    It is a school day, or a working day where the calendar knows nothing, once the year's declarations are open.
    """
    year, calendar = SchoolYear(job_day.day.year), job_day.policy.calendar
    if job_day.policy.days.kind(job_day.day) not in (DayKind.SCHOOL, DayKind.UNKNOWN):
        return None
    given = job_day.policy.timetable.invite_on
    invite_on = date(year.start, *given) if given else calendar.opening_day(year) + INVITED_AFTER
    for period in invitation_periods(invite_on, calendar.pupils_return(year)):
        if period.first <= job_day.day <= period.last and year in calendar.open_years(job_day.now):
            return DueInvitation(year, period.invitation)
    return None


def invited_requests(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the requests of the year before ``year`` that are named, joined to their establishments.

    Those that are not renewed, whatever became of the renewal: one that the establishment abandoned says what it
    wanted.
    """
    before = SchoolYear(year.start - 1)
    return (
        *with_key(before), ~renewed(before), ESTABLISHMENT.c.is_open,
        func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") != "",
    )  # fmt: skip


def invitation_page(due: DueInvitation, job_day: JobDay) -> PageOfDrafts:
    """Make the invitations of the establishments, by UAI."""
    calendar, year = job_day.policy.calendar, due.year
    is_over = calendar.has_ended(SchoolYear(year.start - 1), job_day.now)
    last, upcoming = Year.of(calendar.end_of(SchoolYear(year.start - 1))), Year.of(calendar.end_of(year))

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        groups = _by_establishment(connection, invited_requests(year), after)
        page = [
            Draft(
                kind=Kind.RENEWAL_INVITATION, audience=Audience.ESTABLISHMENT, uai=establishment.uai,
                recipient=establishment.mailbox or "", dedupe_key=f"{due.key}:{establishment.uai}",
                context=RenewalInvitation(
                    establishment=Place.of(establishment), year=last, next_year=upcoming,
                    rupns=tuple(map(Ended.of, requests)), is_over=is_over,
                ),
            )
            for establishment, requests in groups
        ]  # fmt: skip
        return page, groups[-1][0].uai if len(groups) == PAGE else None

    return drafts


def _by_establishment(
    connection: Connection, conditions: tuple[ColumnElement[bool], ...], after: str
) -> list[tuple[Establishment, list[Request]]]:
    """One page of the establishments that follow the UAI ``after``, with those of their requests that are meant."""
    joined = REQUEST.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
    following = select(REQUEST.c.uai).select_from(joined).where(*conditions, REQUEST.c.uai > after).distinct()
    uais = list(connection.execute(following.order_by(REQUEST.c.uai).limit(PAGE)).scalars())
    rows = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais)))
    establishments = {row.uai: establishment_from(row) for row in rows}
    query = select(*REQUEST_COLUMNS).select_from(joined).where(*conditions, REQUEST.c.uai.in_(uais))
    rows = connection.execute(query.order_by(REQUEST.c.uai, REQUEST.c.reference))
    groups = groupby(map(request_from, rows), key=lambda request: request.uai)
    return [(establishments[uai], list(requests)) for uai, requests in groups]
