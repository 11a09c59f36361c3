"""Reminders to the establishments: a step that does not move, a code not handed over (R79).

How many were made is counted from the mails, so that there is nothing to keep beside them (docs/adr/0019).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal_column, or_, select

from notifications.messages import planning as facts_of
from notifications.messages.facts import HandoverReminder, Place, StalledReminder
from notifications.messages.mail import Draft
from notifications.outbox.tables import MAILS
from notifications.vocabulary import CODE_KINDS, Audience, Kind, Stage
from states.policy import Timetable
from states.rules.schedule import NO_REMINDER, Reminders, is_reminder_due
from states.vocabulary import Settlement, State
from workflow.database.mapping import REQUEST_COLUMNS, mailbox_of, request_from
from workflow.database.tables import ESTABLISHMENT, REPORT, REQUEST
from workflow.schedule.daily_job import PAGE, Page, Today

OURS: Final = (State.DECLARED, State.DELEGATED, State.CHARTER_SIGNED)
"""The states in which an establishment's request waits for the establishment."""


_CODES: Final = [kind.value for kind in CODE_KINDS]


_CODE, _LATER = MAILS.alias("code_mail"), MAILS.alias("later_code")


ARRIVED: Final = exists().where(
    _CODE.c.reference == REQUEST.c.reference,
    _CODE.c.kind.in_(_CODES),
    _CODE.c.stage.in_((Stage.SENT.value, Stage.UNCERTAIN.value)),
    ~exists().where(_LATER.c.reference == _CODE.c.reference, _LATER.c.kind.in_(_CODES), _LATER.c.id > _CODE.c.id),
)
"""Whether the establishment may have received the code: the same verdict as ``notifications.outbox.admin`` (R58)."""


@dataclass(frozen=True, kw_only=True)
class ReminderKind:
    """A kind of reminder: which requests it is about, since when they wait, after which delays it leaves."""

    kind: Kind
    where: ColumnElement[bool]
    since: ColumnElement[datetime]
    delays: Callable[[Timetable], tuple[int, ...]]


_ISSUED: Final = (REQUEST.c.handed_on.is_(None), REQUEST.c.extends.is_(None))


STALLED: Final = ReminderKind(
    kind=Kind.STALLED_REMINDER,
    where=or_(*(REQUEST.c.state == literal_column(f"'{state.value}'") for state in OURS)),
    since=REQUEST.c.since,
    delays=lambda timetable: timetable.stalled,
)


HANDOVER: Final = ReminderKind(
    kind=Kind.HANDOVER_REMINDER,
    where=and_(REQUEST.c.state == literal_column("'code_issued'"), *_ISSUED, ARRIVED),
    since=REQUEST.c.code_issued_at,
    delays=lambda timetable: timetable.handover,
)


MATTERS: Final = (STALLED, HANDOVER)


def key(day: date) -> str:
    """The occurrence of a day's reminders."""
    return f"reminders:{day}"


def page(matter: ReminderKind, today: Today) -> Page:
    """The reminders of a day, by reference; one that cannot leave before its end is cancelled (R57)."""
    calendar, delays = today.policy.calendar, matter.delays(today.policy.timetable)

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        if not delays:
            return [], None
        before = calendar.midnight(today.day - timedelta(days=delays[0] - 1))
        query = (
            select(*REQUEST_COLUMNS, matter.since.label("stands_since"), *_PLACE)
            .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
            .where(*waiting(matter, today), matter.since < before, REQUEST.c.reference > after)
        )
        rows = connection.execute(query.order_by(REQUEST.c.reference).limit(PAGE)).all()
        made = made_of(connection, matter, today, REQUEST.c.reference.in_([row.reference for row in rows]))
        due = (
            _draft(matter, row, made.get(row.reference, NO_REMINDER).count + 1, today) for row in rows
            if is_reminder_due(
                calendar.today(row.stands_since), delays, made.get(row.reference, NO_REMINDER), today.day,
                today.policy.days,
            )
        )  # fmt: skip
        return list(due), rows[-1].reference if len(rows) == PAGE else None

    return drafts


def waiting(matter: ReminderKind, today: Today) -> tuple[ColumnElement[bool], ...]:
    """The requests that wait for their establishment, which is open and can be written to, as conditions on both.

    Not those of which a report is to be settled, nor those that await a new code: it is the operators' turn (R46).
    """
    to_settle = and_(REPORT.c.settlement.is_(None), REPORT.c.effective_on <= today.day)
    new_code = and_(
        REPORT.c.settlement == Settlement.REISSUED.value, REPORT.c.settled_at >= REQUEST.c.code_issued_at
    )  # fmt: skip
    return (
        matter.where, REQUEST.c.school_year.in_([str(year) for year in today.running]), ESTABLISHMENT.c.is_open,
        func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") != "",
        ~exists().where(REPORT.c.reference == REQUEST.c.reference, or_(to_settle, new_code)),
    )  # fmt: skip


def made_of(
    connection: Connection, matter: ReminderKind, today: Today, which: ColumnElement[bool]
) -> dict[str, Reminders]:
    """The reminders of these requests since each came where it stands, in one query.

    One that was sent again to another mailbox counts once.
    """
    query = (
        select(REQUEST.c.reference, func.count(), func.max(MAILS.c.created_at))
        .join(MAILS, MAILS.c.reference == REQUEST.c.reference)
        .where(which, MAILS.c.kind == matter.kind.value, MAILS.c.replaces_id.is_(None))
        .where(MAILS.c.created_at > matter.since)  # one of that very instant was of where it stood before
        .group_by(REQUEST.c.reference)
    )
    local = today.policy.calendar.today
    return {reference: Reminders(count, local(last)) for reference, count, last in connection.execute(query)}


_PLACE: Final = (
    ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox
)  # fmt: skip


def _draft(matter: ReminderKind, row: Any, number: int, today: Today) -> Draft:
    request, calendar = request_from(row), today.policy.calendar
    what: dict[str, Any] = {
        "reference": request.reference, "rupn": facts_of.person(request),
        "establishment": Place(uai=request.uai, nom=row.place, commune=row.commune),
        "year": facts_of.year(calendar.end_of(request.school_year)),
    }  # fmt: skip
    day = calendar.today(row.stands_since)
    context: Any = (
        HandoverReminder(**what, issued_on=day) if matter is HANDOVER
        else StalledReminder(**what, state=request.state, since=day)
    )  # fmt: skip
    stand = f"{request.state.value}:{row.stands_since.isoformat()}"
    return Draft(
        kind=matter.kind, audience=Audience.ESTABLISHMENT, recipient=mailbox_of(row) or "", context=context,
        uai=request.uai, reference=request.reference, not_after=today.over_at,
        dedupe_key=f"reminder:{request.reference}:{stand}:{number}",
    )  # fmt: skip
