"""Mails to establishments about the school year: its end is announced (R15, R78), its renewal invited (R81)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, func, select

from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import Ended, Place, RenewalInvitation, Year, YearEndNotice
from notifications.messages.mail import Draft
from notifications.vocabulary import Audience, Kind
from states.model import Establishment, Request
from states.rules.schedule import (
    INVITED_AFTER,
    DueNotice,
    Invitation,
    NoticeDay,
    due_notice,
    invitation_periods,
    notice_days,
)
from states.school_calendar import DayKind, SchoolYear, YearEnd
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, request_from
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REQUEST
from workflow.schedule.daily_job import PAGE, JobDay, PageOfDrafts
from workflow.year_end.renewals import renewed, renewed_among, with_key


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
