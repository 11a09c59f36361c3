"""Mails to establishments about the school year: its end is announced (R15, R78), its renewal invited (R81)."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import Ended, Place, RenewalInvitation, Year, YearEndNotice
from notifications.messages.mail import Draft
from notifications.vocabulary import Audience, Kind
from states.model import Establishment, Request
from states.rules.schedule import DueNotice, NoticeDay, due_notice, notice_days
from states.school_calendar import DayKind, SchoolYear, YearEnd
from states.vocabulary import Trigger
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, request_from
from workflow.database.tables import ESTABLISHMENT, EVENT, IS_LIVE, REQUEST
from workflow.schedule.daily_job import PAGE, JobDay, PageOfDrafts
from workflow.year_end.renewals import renewed


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
        groups = _by_establishment(connection, (REQUEST.c.school_year == str(end.school_year), IS_LIVE), after)
        for establishment, requests in groups:
            context = YearEndNotice(
                establishment=Place.of(establishment), year=Year.of(end), days_left=notice.days_left,
                rupns=tuple(map(Ended.of, requests)),
            )  # fmt: skip
            page.append(Draft(
                kind=Kind.YEAR_END_NOTICE, audience=Audience.ESTABLISHMENT, recipient=establishment.mailbox or "",
                context=context, uai=establishment.uai, not_after=not_after,
                dedupe_key=f"year-end-{notice_key(end, notice.delays[-1])}:{establishment.uai}",
            ))  # fmt: skip
        return page, groups[-1][0].uai if len(groups) == PAGE else None

    return drafts


INVITED_WITHIN: Final = timedelta(days=60)
"""Delay after its day during which a missed invitation still leaves."""


def invitation_key(year: SchoolYear) -> str:
    """The occurrence of the invitation to renew for ``year``."""
    return f"invitation:{year}"


def invitation_year(job_day: JobDay) -> SchoolYear | None:
    """The year for which establishments are invited to renew on that day; None when they are not.

    It is a school day, or a working day where the calendar knows nothing, once the year's declarations are open.
    """
    year = SchoolYear(job_day.day.year)
    first = date(year.start, *job_day.policy.timetable.invite_on)
    kind = job_day.policy.days.kind(job_day.day)
    if not first <= job_day.day <= first + INVITED_WITHIN or kind not in (DayKind.SCHOOL, DayKind.UNKNOWN):
        return None
    return year if year in job_day.policy.calendar.open_years(job_day.now) else None


def invited_requests(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the requests of the year before ``year`` that are named, joined to their establishments.

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


def invitation_page(year: SchoolYear, job_day: JobDay) -> PageOfDrafts:
    """Make the invitations of the establishments, by UAI."""
    calendar = job_day.policy.calendar
    last, upcoming = Year.of(calendar.end_of(SchoolYear(year.start - 1))), Year.of(calendar.end_of(year))

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:
        groups = _by_establishment(connection, invited_requests(year), after)
        page = [
            Draft(
                kind=Kind.RENEWAL_INVITATION, audience=Audience.ESTABLISHMENT, uai=establishment.uai,
                recipient=establishment.mailbox or "", dedupe_key=f"{invitation_key(year)}:{establishment.uai}",
                context=RenewalInvitation(
                    establishment=Place.of(establishment), year=last, next_year=upcoming,
                    rupns=tuple(map(Ended.of, requests)),
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
