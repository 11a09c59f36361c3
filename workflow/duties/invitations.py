"""The invitation to renew, once a year: to each establishment whose RUPN had a key and have no request yet (R81)."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from notifications import facts_of
from notifications.contexts import RenewalInvitation
from notifications.mail import Draft
from notifications.planning import ended
from notifications.vocabulary import Audience, Kind
from states.days import DayKind
from states.school_year import SchoolYear
from states.vocabulary import Trigger
from workflow.duties.passing import PAGE, Page, Today
from workflow.renewals import renewed
from workflow.rows import ESTABLISHMENT, IS_LIVE, REQUEST, REQUEST_COLUMNS, establishment_from, request_from
from workflow.writing import EVENT

WITHIN: Final = timedelta(days=60)
"""How long after its day an invitation that was missed still leaves."""
_MAYBE_OPEN: Final = (DayKind.SCHOOL, DayKind.UNKNOWN)


def key(year: SchoolYear) -> str:
    """The occurrence of the invitation to renew for ``year``."""
    return f"invitation:{year}"


def due(today: Today) -> SchoolYear | None:
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


def page(year: SchoolYear, today: Today) -> Page:
    """The invitations of the establishments, by UAI."""
    calendar, wanted = today.policy.calendar, invited(year)
    last, coming = (facts_of.year(calendar.end_of(SchoolYear(year.start - 1))), facts_of.year(calendar.end_of(year)))

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
                establishment=facts_of.place(places[uai]), year=last, next_year=coming,
                rupns=tuple(ended(request) for request in together),
            )  # fmt: skip
            found.append(
                Draft(
                    kind=Kind.RENEWAL_INVITATION, audience=Audience.ESTABLISHMENT, context=context, uai=uai,
                    recipient=places[uai].mailbox or "", dedupe_key=f"{key(year)}:{uai}",
                )
            )  # fmt: skip
        return found, uais[-1] if len(uais) == PAGE else None

    return drafts
