"""The announcement of a year's end: one mail an establishment that has a live request of it (R15, R78)."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import Connection, select

from notifications import facts_of
from notifications.catalogue import CATALOGUE
from notifications.contexts import YearEndNotice
from notifications.mail import Draft
from notifications.mailer import Mailer
from notifications.planning import ended, not_written
from notifications.vocabulary import Audience, Kind
from states import notices
from states.notices import DueNotice
from states.school_year import YearEnd
from workflow.duties.passing import PAGE, Page, Today
from workflow.rows import ESTABLISHMENT, IS_LIVE, REQUEST, REQUEST_COLUMNS, establishment_from, request_from


def key(end: YearEnd, before: int) -> str:
    """The occurrence of a notice; the end's day is in it, for an end may be moved and is announced anew."""
    return f"notice:{end.school_year}:{end.last_day}:{before}"


def keys_to_ask(today: Today) -> Iterator[str]:
    """The occurrences that tell which notices of the running years have left."""
    for end, plan in _begun(today):
        yield from (key(end, before) for one in plan for before in one.before)


def due(today: Today, marked: set[str]) -> Iterator[tuple[YearEnd, DueNotice]]:
    """The notices to send today."""
    for end, plan in _begun(today):
        sent = [before for one in plan for before in one.before if key(end, before) in marked]
        found = notices.due(end, plan, today.day, sent, today.policy.days)
        if found:
            yield end, found


def _begun(today: Today) -> Iterator[tuple[YearEnd, Sequence[notices.Planned]]]:
    """The ends to come whose announcement has begun, with their planned notices."""
    for year in today.running:
        end = today.policy.calendar.end_of(year)
        plan = notices.planned(end, today.policy.days, today.policy.timetable.notices)
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
                dedupe_key=f"year-end-{key(end, notice.before[-1])}:{uai}",
            )  # fmt: skip
            found += [draft] if draft.recipient else [draft, not_written(mailer.settings.operators_mailbox, draft)]
        return found, uais[-1] if len(uais) == PAGE else None

    return drafts
