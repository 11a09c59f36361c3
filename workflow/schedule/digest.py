"""The operators' digest: once a working day, all that is late, or nothing at all (R80).

What is late is what the worklist shows as such: its filters are the only definition.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, case, func, select, tuple_, update

from notifications.mailer import Mailer
from notifications.messages import planning as facts_of
from notifications.messages.facts import ChangeDue, HeldEnd, Late, LateDigest, LateGroup, Place
from notifications.messages.mail import Draft
from notifications.vocabulary import Audience, Kind
from states.policy import Policy
from states.vocabulary import State
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, report_from, request_from
from workflow.database.tables import ESTABLISHMENT, NODE, REMOVAL, REPORT, REQUEST
from workflow.journal import installation
from workflow.removals.tasks import joined
from workflow.requests.filters import Filters
from workflow.requests.worklist import COUNTED, Order, WorkLine, Worklist
from workflow.schedule.daily_job import Page, Today
from workflow.schedule.reminders import OURS
from workflow.year_end.service import held_in

FIRST: Final = 5
"""How many requests are named of each kind: the mail stays short, the worklist has them all."""


def key(day: date) -> str:
    """The occurrence of a day's digest."""
    return f"digest:{day}"


def page(mailer: Mailer, today: Today) -> Page:
    """The one digest of a day, which does not leave after it; none when nothing is late."""

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:  # noqa: ARG001
        facts = late(connection, mailer, today)
        digest = Draft(
            kind=Kind.LATE_DIGEST, audience=Audience.OPERATORS, recipient=mailer.settings.operators_mailbox,
            context=facts, dedupe_key=key(today.day), not_after=today.over_at,
        )  # fmt: skip
        return ([digest] if facts.points else []), None

    return drafts


def filters_of(policy: Policy, expected_days: int, day: date) -> dict[str, Filters]:
    """What is late on a day, as the worklist would be narrowed to it."""
    midnight, timetable = policy.calendar.midnight, policy.timetable
    found = {
        "to_handle": Filters(submitted_before=midnight(day - timedelta(days=expected_days))),
        "undelivered": Filters(undeliverable=True),
        "reports": Filters(report_due_on=day),
    }
    if timetable.stalled:
        found["stalled"] = Filters(states=OURS, since_before=midnight(day - timedelta(days=timetable.stalled[-1])))
    if timetable.handover:
        since = midnight(day - timedelta(days=timetable.handover[-1]))
        found["not_handed"] = Filters(not_handed_over=True, since_before=since)
    return found


def late(connection: Connection, mailer: Mailer, today: Today) -> LateDigest:
    """All that is late, in the same few queries however many requests there are."""
    worklist = Worklist(connection, installation.schedule_actor_in(connection), today.policy, today.now)
    filters = filters_of(today.policy, mailer.mail_context.expected_days, today.day)
    counts = worklist.counts(filters)
    groups = {
        name: LateGroup(
            total=counts[name].number,
            requests=tuple(_late(one, today) for one in worklist.page(filters[name], Order.WAITING, None, FIRST).lines),
        )
        for name in filters if counts[name].number
    }  # fmt: skip
    first = groups.pop("to_handle", LateGroup())
    removals, removals_open = _removals(connection, today)
    return LateDigest(
        on=today.day, total=first.total, requests=first.requests, **groups, removals=removals,
        removals_open=removals_open, held=_held(connection, today), machines=_machines(connection),
    )  # fmt: skip


def _late(one: WorkLine, today: Today) -> Late:
    line = one.line
    place = Place(uai=line.uai, nom=line.establishment, commune=line.commune)
    since = today.policy.calendar.today(line.since)
    return Late(reference=line.reference, establishment=place, state=line.state, since=since)


def _removals(connection: Connection, today: Today) -> tuple[LateGroup, int]:
    """The removals that have been open for too long, and how many are open in all."""
    calendar = today.policy.calendar
    before = calendar.midnight(today.day - timedelta(days=today.policy.timetable.removals_late))
    too_long = case((REMOVAL.c.opened_at < before, 1))
    is_open = REMOVAL.c.closed_at.is_(None)
    total, late_ones = connection.execute(select(func.count(), func.count(too_long)).where(is_open)).one()
    if not late_ones:
        return LateGroup(), total
    columns = (REQUEST.c.reference, REQUEST.c.uai, ESTABLISHMENT.c.nom, ESTABLISHMENT.c.commune, REMOVAL.c.opened_at)
    named = joined(select(*columns)).where(is_open, REMOVAL.c.opened_at < before)
    rows = connection.execute(named.order_by(REMOVAL.c.opened_at, REMOVAL.c.reference).limit(FIRST))
    longest = tuple(
        Late(
            reference=row.reference, establishment=Place(uai=row.uai, nom=row.nom, commune=row.commune),
            state=State.REVOKED, since=calendar.today(row.opened_at),
        )
        for row in rows
    )  # fmt: skip
    return LateGroup(total=min(late_ones, COUNTED + 1), requests=longest), total


def _held(connection: Connection, today: Today) -> tuple[HeldEnd, ...]:
    calendar = today.policy.calendar
    held = held_in(connection, calendar)
    return tuple(HeldEnd(year=facts_of.year(calendar.end_of(one.school_year)), why=one.hold.label) for one in held)


def _machines(connection: Connection) -> tuple[str, ...]:
    """The machines whose clock forbids them to act (R82)."""
    refused = select(NODE.c.host).where(NODE.c.refused_at.is_not(None)).order_by(NODE.c.host)
    return tuple(connection.execute(refused).scalars())


# Reports announced for a later day: the operators are told when that day comes (R32).


PAGE = 500


def tell_due_reports(connection: Connection, mailer: Mailer, policy: Policy, now: datetime) -> int:
    """Tell, once each, the open reports whose day has come; returns how many.

    One that took effect on the day it was made was told then; one of a revoked request asks for nothing any more.
    """
    today = policy.calendar.today(now)
    due = (
        select(REPORT)
        .where(REPORT.c.settlement.is_(None), REPORT.c.due_told_at.is_(None), REPORT.c.effective_on <= today)
        .order_by(REPORT.c.effective_on)
        .limit(PAGE)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due).all()
    if not rows:
        return 0
    keys = [(row.reference, row.number) for row in rows]
    mine = tuple_(REPORT.c.reference, REPORT.c.number).in_(keys)
    connection.execute(update(REPORT).where(mine).values(due_told_at=now))
    announced = [row for row in rows if policy.calendar.today(row.reported_at) < row.effective_on]
    drafts = _drafts(connection, mailer, policy, announced)
    mailer.enqueue(connection, drafts, now)
    return len(drafts)


def _drafts(connection: Connection, mailer: Mailer, policy: Policy, rows: list[Row]) -> list[Draft]:  # type: ignore[type-arg]
    references = {row.reference for row in rows}
    found = connection.execute(select(*REQUEST_COLUMNS).where(REQUEST.c.reference.in_(references))).all()
    requests = {row.reference: request_from(row) for row in found}
    uais = {request.uai for request in requests.values()}
    schools = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais))).all()
    places = {row.uai: establishment_from(row) for row in schools}
    drafts = []
    for row in rows:
        request, report = requests[row.reference], report_from(row)
        if not request.is_live:
            continue
        context = ChangeDue(
            reference=request.reference, establishment=facts_of.place(places[request.uai]),
            rupn=facts_of.person(request), year=facts_of.year(policy.calendar.end_of(request.school_year)),
            number=report.number, change=report.change, effective_on=report.effective_on,
        )  # fmt: skip
        drafts.append(
            Draft(
                kind=Kind.CHANGE_DUE, audience=Audience.OPERATORS, recipient=mailer.settings.operators_mailbox,
                context=context, uai=request.uai, reference=request.reference,
            )
        )  # fmt: skip
    return drafts
