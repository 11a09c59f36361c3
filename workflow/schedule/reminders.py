"""Reminders to the establishments: a step that does not move, a code not handed over (R79).

How many were made is counted from the mails, so that there is nothing to keep beside them (docs/adr/0019).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal_column, or_, select

from notifications.messages.facts import HandoverReminder, Person, Place, StalledReminder, Year
from notifications.messages.mail import Draft
from notifications.outbox.tables import MAILS
from notifications.vocabulary import CODE_KINDS, Audience, Kind, Stage
from states.policy import Timetable
from states.rules.schedule import NO_REMINDER, Reminders, is_reminder_due
from states.vocabulary import Settlement, State
from workflow.database.mapping import REQUEST_COLUMNS, mailbox_of, request_from
from workflow.database.tables import ESTABLISHMENT, REPORT, REQUEST
from workflow.schedule.daily_job import PAGE, JobDay, PageOfDrafts

WAITS_FOR_ESTABLISHMENT: Final = (State.DECLARED, State.DELEGATED, State.CHARTER_SIGNED)
"""The states in which a request waits for its establishment."""


_CODES: Final = [kind.value for kind in CODE_KINDS]


_CODE, _LATER = MAILS.alias("code_mail"), MAILS.alias("later_code")


ARRIVED: Final = exists().where(
    _CODE.c.reference == REQUEST.c.reference,
    _CODE.c.kind.in_(_CODES),
    _CODE.c.stage.in_((Stage.SENT.value, Stage.UNCERTAIN.value)),
    ~exists().where(_LATER.c.reference == _CODE.c.reference, _LATER.c.kind.in_(_CODES), _LATER.c.id > _CODE.c.id),
)
"""True if the establishment may have received the code: the same verdict as ``notifications.outbox.admin`` (R58)."""


@dataclass(frozen=True, kw_only=True)
class ReminderKind:
    """One kind of reminder: the requests it is about, since when they wait, after which delays it leaves."""

    kind: Kind
    where: ColumnElement[bool]
    since: ColumnElement[datetime]
    delays: Callable[[Timetable], tuple[int, ...]]


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
        ARRIVED,
    ),
    since=REQUEST.c.code_issued_at,
    delays=lambda timetable: timetable.handover,
)


REMINDER_KINDS: Final = (STALLED, HANDOVER)


def reminders_key(day: date) -> str:
    """The occurrence of a day's reminders."""
    return f"reminders:{day}"


def reminders_page(reminder: ReminderKind, job_day: JobDay) -> PageOfDrafts:
    """Make the reminders of a day, by reference; one that cannot leave before its end is cancelled (R57)."""
    calendar, delays = job_day.policy.calendar, reminder.delays(job_day.policy.timetable)

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        if not delays:
            return [], None
        before = calendar.midnight(job_day.day - timedelta(days=delays[0] - 1))
        query = (
            select(*REQUEST_COLUMNS, reminder.since.label("stands_since"), *_PLACE)
            .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
            .where(*waiting_requests(reminder, job_day), reminder.since < before, REQUEST.c.reference > after)
        )
        rows = connection.execute(query.order_by(REQUEST.c.reference).limit(PAGE)).all()
        sent = sent_reminders(connection, reminder, job_day, REQUEST.c.reference.in_([row.reference for row in rows]))
        due = (
            _draft(reminder, row, sent.get(row.reference, NO_REMINDER).count + 1, job_day) for row in rows
            if is_reminder_due(
                calendar.today(row.stands_since), delays, sent.get(row.reference, NO_REMINDER), job_day.day,
                job_day.policy.days,
            )
        )  # fmt: skip
        return list(due), rows[-1].reference if len(rows) == PAGE else None

    return drafts


def waiting_requests(reminder: ReminderKind, job_day: JobDay) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the requests that wait for their establishment, and on it: it is open and can be written to.

    Not those of which a report is to be settled, nor those that await a new code: it is the operators' turn (R46).
    """
    to_settle = and_(REPORT.c.settlement.is_(None), REPORT.c.effective_on <= job_day.day)
    new_code = and_(
        REPORT.c.settlement == Settlement.REISSUED.value, REPORT.c.settled_at >= REQUEST.c.code_issued_at
    )  # fmt: skip
    return (
        reminder.where, REQUEST.c.school_year.in_([str(year) for year in job_day.running_years]),
        ESTABLISHMENT.c.is_open,
        func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") != "",
        ~exists().where(REPORT.c.reference == REQUEST.c.reference, or_(to_settle, new_code)),
    )  # fmt: skip


def sent_reminders(
    connection: Connection, reminder: ReminderKind, job_day: JobDay, condition: ColumnElement[bool]
) -> dict[str, Reminders]:
    """The reminders of these requests since each came where it stands, in one query.

    One that was sent again to another mailbox counts once.
    """
    query = (
        select(REQUEST.c.reference, func.count(), func.max(MAILS.c.created_at))
        .join(MAILS, MAILS.c.reference == REQUEST.c.reference)
        .where(condition, MAILS.c.kind == reminder.kind.value, MAILS.c.replaces_id.is_(None))
        .where(MAILS.c.created_at > reminder.since)  # one of that very instant was of where it stood before
        .group_by(REQUEST.c.reference)
    )
    today = job_day.policy.calendar.today
    return {reference: Reminders(count, today(last)) for reference, count, last in connection.execute(query)}


_PLACE: Final = (
    ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox
)  # fmt: skip


def _draft(reminder: ReminderKind, row: Any, number: int, job_day: JobDay) -> Draft:
    request, calendar = request_from(row), job_day.policy.calendar
    facts: dict[str, Any] = {
        "reference": request.reference, "rupn": Person.of(request),
        "establishment": Place(uai=request.uai, nom=row.place, commune=row.commune),
        "year": Year.of(calendar.end_of(request.school_year)),
    }  # fmt: skip
    day = calendar.today(row.stands_since)
    context: Any = (
        HandoverReminder(**facts, issued_on=day) if reminder is HANDOVER
        else StalledReminder(**facts, state=request.state, since=day)
    )  # fmt: skip
    stand = f"{request.state.value}:{row.stands_since.isoformat()}"
    return Draft(
        kind=reminder.kind, audience=Audience.ESTABLISHMENT, recipient=mailbox_of(row) or "", context=context,
        uai=request.uai, reference=request.reference, not_after=job_day.over_at,
        dedupe_key=f"reminder:{request.reference}:{stand}:{number}",
    )  # fmt: skip
