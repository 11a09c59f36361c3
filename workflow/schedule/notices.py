"""The announcement of a year's end: one mail an establishment that has a live request of it (R15, R78)."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from notifications.mailer import Mailer
from notifications.messages import planning as facts_of
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import RenewalInvitation, YearEndNotice
from notifications.messages.mail import Draft
from notifications.messages.planning import ended, not_written
from notifications.vocabulary import Audience, Kind
from states.rules.schedule import DueNotice, NoticeDay, due_notice, notice_days
from states.school_calendar import DayKind, SchoolYear, YearEnd
from states.vocabulary import Trigger
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, request_from
from workflow.database.tables import ESTABLISHMENT, EVENT, IS_LIVE, REQUEST
from workflow.schedule.daily_job import PAGE, Page, Today
from workflow.year_end.renewals import renewed


def key(end: YearEnd, before: int) -> str:
    """The occurrence of a notice; the end's day is in it, for an end may be moved and is announced anew."""
    return f"notice:{end.school_year}:{end.last_day}:{before}"


def keys_to_ask(today: Today) -> Iterator[str]:
    """The occurrences that tell which notices of the running years have left."""
    for end, plan in _begun(today):
        yield from (key(end, delay) for planned in plan for delay in planned.delays)


def due(today: Today, marked: set[str]) -> Iterator[tuple[YearEnd, DueNotice]]:
    """The notices to send today."""
    for end, plan in _begun(today):
        sent = [delay for planned in plan for delay in planned.delays if key(end, delay) in marked]
        found = due_notice(end, plan, today.day, sent, today.policy.days)
        if found:
            yield end, found


def _begun(today: Today) -> Iterator[tuple[YearEnd, Sequence[NoticeDay]]]:
    """The ends to come whose announcement has begun, with their planned notices."""
    for year in today.running:
        end = today.policy.calendar.end_of(year)
        plan = notice_days(end, today.policy.days, today.policy.timetable.notices)
        if plan and plan[0].day <= today.day:
            yield end, plan


def page(mailer: Mailer, end: YearEnd, notice: DueNotice, today: Today) -> Page:
    """The notices of the establishments, by UAI; none leaves once the year has ended."""
    not_after = min(today.now + CATALOGUE[Kind.YEAR_END_NOTICE].lifetime, end.ends_at)

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        live = (REQUEST.c.school_year == str(end.school_year), IS_LIVE)
        following = select(REQUEST.c.uai).where(*live, REQUEST.c.uai > after).distinct()
        uais = list(connection.execute(following.order_by(REQUEST.c.uai).limit(PAGE)).scalars())
        schools = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais)))
        places = {row.uai: establishment_from(row) for row in schools}
        theirs = select(*REQUEST_COLUMNS).where(*live, REQUEST.c.uai.in_(uais))
        rows = connection.execute(theirs.order_by(REQUEST.c.uai, REQUEST.c.reference))
        found: list[Draft] = []
        for uai, together in groupby(map(request_from, rows), key=lambda request: request.uai):
            context = YearEndNotice(
                establishment=facts_of.place(places[uai]), year=facts_of.year(end), days_left=notice.days_left,
                rupns=tuple(ended(request) for request in together),
            )  # fmt: skip
            draft = Draft(
                kind=Kind.YEAR_END_NOTICE, audience=Audience.ESTABLISHMENT, recipient=places[uai].mailbox or "",
                context=context, uai=uai, not_after=not_after,
                dedupe_key=f"year-end-{key(end, notice.delays[-1])}:{uai}",
            )  # fmt: skip
            found += [draft] if draft.recipient else [draft, not_written(mailer.settings.operators_mailbox, draft)]
        return found, uais[-1] if len(uais) == PAGE else None

    return drafts


# The invitation to renew, once a year: to each establishment whose RUPN had a key and have no request yet (R81).


WITHIN: Final = timedelta(days=60)
"""How long after its day an invitation that was missed still leaves."""


_MAYBE_OPEN: Final = (DayKind.SCHOOL, DayKind.UNKNOWN)


def key_invitations(year: SchoolYear) -> str:
    """The occurrence of the invitation to renew for ``year``."""
    return f"invitation:{year}"


def due_invitations(today: Today) -> SchoolYear | None:
    """The year to which it is invited from today on, if it is: on a school day, or a working day where the calendar
    knows nothing, once the year's declarations are open."""
    year = SchoolYear(today.day.year)
    day = date(year.start, *today.policy.timetable.invite_on)
    if not day <= today.day <= day + WITHIN or today.policy.days.kind(today.day) not in _MAYBE_OPEN:
        return None
    return year if year in today.policy.calendar.open_years(today.now) else None


def invited(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    """Which requests of the year before ``year`` are named, as conditions on requests joined to establishments.

    Those that had a key to the end, or have it still, and are not renewed, whatever became of the renewal: one that
    the establishment abandoned says what it wanted.
    """
    expired = exists().where(EVENT.c.stream == REQUEST.c.reference, EVENT.c.kind == Trigger.EXPIRE.value)
    before = SchoolYear(year.start - 1)
    return (
        REQUEST.c.school_year == str(before), REQUEST.c.code_issued_at.is_not(None), or_(IS_LIVE, expired),
        ~renewed(before), ESTABLISHMENT.c.is_open,
        func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") != "",
    )  # fmt: skip


def page_invitations(year: SchoolYear, today: Today) -> Page:
    """The invitations of the establishments, by UAI."""
    calendar, wanted = today.policy.calendar, invited(year)
    last, upcoming = (facts_of.year(calendar.end_of(SchoolYear(year.start - 1))), facts_of.year(calendar.end_of(year)))

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        joined = REQUEST.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        following = select(REQUEST.c.uai).select_from(joined).where(*wanted, REQUEST.c.uai > after).distinct()
        uais = list(connection.execute(following.order_by(REQUEST.c.uai).limit(PAGE)).scalars())
        schools = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais)))
        places = {row.uai: establishment_from(row) for row in schools}
        theirs = select(*REQUEST_COLUMNS).select_from(joined).where(*wanted, REQUEST.c.uai.in_(uais))
        rows = connection.execute(theirs.order_by(REQUEST.c.uai, REQUEST.c.reference))
        found = []
        for uai, together in groupby(map(request_from, rows), key=lambda request: request.uai):
            context = RenewalInvitation(
                establishment=facts_of.place(places[uai]), year=last, next_year=upcoming,
                rupns=tuple(ended(request) for request in together),
            )  # fmt: skip
            found.append(
                Draft(
                    kind=Kind.RENEWAL_INVITATION, audience=Audience.ESTABLISHMENT, context=context, uai=uai,
                    recipient=places[uai].mailbox or "", dedupe_key=f"{key_invitations(year)}:{uai}",
                )
            )  # fmt: skip
        return found, uais[-1] if len(uais) == PAGE else None

    return drafts
