"""Mails to the operators: the daily digest of all that is late (R80), the reports whose day has come (R32).

What is late is what the worklist shows as such: its filters are the only definition.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, bindparam, func, or_, select, tuple_, union, update

from notifications.mailer import Mailer
from notifications.messages.facts import (
    ChangeDue,
    HeldEnd,
    Late,
    LateDigest,
    LateGroup,
    Person,
    Place,
    SecurityWaves,
    Year,
)
from notifications.sql import UtcDateTime
from notifications.vocabulary import Audience, Draft, Kind
from states.model import Policy
from states.school_calendar import months_before
from states.vocabulary import Change, State, Trigger
from workflow.auth.rate_limit import FAILED_TOKENS, FORBIDDEN, FORGED_FORMS, OF_SUBJECTS, REFUSED_CALLS
from workflow.database.journal_tables import EVENT
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, report_from, request_from
from workflow.database.schedule_tables import NODE, OCCURRENCE
from workflow.database.tables import ESTABLISHMENT, REMOVAL, REPORT, REQUEST
from workflow.journal import chain
from workflow.journal.chain import OF_INSTALLATION
from workflow.requests.filters import CODE_LATE, COUNTED, Filters
from workflow.requests.worklist import Order, Worklist
from workflow.retention.erasure import count_awaited
from workflow.schedule.reminders import PAGE, WAITS_FOR_ESTABLISHMENT, JobDay, PageOfDrafts, marked_keys
from workflow.year_end.renewals import renewal_progress
from workflow.year_end.service import held_in

IS_DUE_REPORT: Final = and_(
    REPORT.c.settlement.is_(None), REPORT.c.due_told_at.is_(None), REPORT.c.effective_on <= bindparam("today")
)
"""The condition of the reports that ``tell_due_reports`` tells."""

_MANY_REFUSED: Final = 10
"""Mailboxes or addresses refused a sign-in link in one window, from which the operators are told."""

LISTED: Final = 5
"""Requests named of each kind: the mail stays short, the worklist has them all."""

_KEYS: Final = "digest:"

_MANY_TOKENS: Final = 50
"""Refused tokens from which the operators are told: a program with an old one stops at some."""

_MANY_FORGED: Final = 30
"""Forms that were not ours: a page left open over a new version makes some."""

_MANY_FORBIDDEN: Final = 50
"""Pages asked for in a role that has them not: a link sent to a colleague makes some."""

_MANY_CALLS: Final = 100
"""Calls of programs refused though their token is good: one that tries again what another has done makes some."""

_MANY_EXPORTS: Final = 30
"""Lists that one person took away: more than a day's work asks for."""


class _GroupedRows:
    """The statements, built once, of the rows of a table about requests: their ``count``, the ``first`` of them."""

    def __init__(self, table: Table, since: ColumnElement[datetime], where: ColumnElement[bool]) -> None:
        source = table.join(REQUEST, REQUEST.c.reference == table.c.reference)
        source = source.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        columns = (REQUEST.c.reference, REQUEST.c.uai, REQUEST.c.state, ESTABLISHMENT.c.nom, ESTABLISHMENT.c.commune)
        rows = select(*columns, since.label("since")).select_from(source).where(where)
        self.count = select(func.count()).select_from(source).where(where)
        self.first = rows.order_by(since, REQUEST.c.reference).limit(LISTED)


_SINCE: Final = bindparam("since", type_=UtcDateTime())

_IS_OPEN: Final = REMOVAL.c.closed_at.is_(None)

_OPEN_REMOVALS: Final = select(func.count()).where(_IS_OPEN)

_REOPENED: Final = select(EVENT.c.stream).where(EVENT.c.kind == Trigger.REOPEN_REMOVAL.value, EVENT.c.at >= _SINCE)

_IS_NEW_REMOVAL: Final = and_(_IS_OPEN, or_(REMOVAL.c.opened_at >= _SINCE, REMOVAL.c.reference.in_(_REOPENED)))
"""Those that were opened since, or opened again because they had been confirmed by mistake (R49)."""

_IS_NEW_REPORT: Final = and_(
    REPORT.c.settlement.is_(None),
    REPORT.c.reported_at >= _SINCE,
    REPORT.c.effective_on > bindparam("day"),
    REPORT.c.change != Change.KEY_COMPROMISED.value,
)

_LATE_REMOVALS: Final = _GroupedRows(
    REMOVAL, REMOVAL.c.opened_at, and_(_IS_OPEN, REMOVAL.c.opened_at < bindparam("before"))
)

_NEW_REMOVALS: Final = _GroupedRows(REMOVAL, REMOVAL.c.opened_at, _IS_NEW_REMOVAL)

_NEW_REPORTS: Final = _GroupedRows(REPORT, REPORT.c.reported_at, _IS_NEW_REPORT)

_CLOCKS_OFF: Final = select(NODE.c.host).where(NODE.c.refused_at.is_not(None)).order_by(NODE.c.host)
"""The machines whose clock differs from the database's (R82)."""

_LAST: Final = select(func.max(OCCURRENCE.c.at)).where(OCCURRENCE.c.key.startswith(_KEYS))

_IS_RECENT: Final = and_(OF_INSTALLATION, EVENT.c.at > _SINCE)

_REFUSALS: Final = select(EVENT.c.canonical).where(_IS_RECENT, EVENT.c.kind == "door_refused")

_EXPORTS: Final = select(func.count()).where(_IS_RECENT, EVENT.c.kind == "exported").group_by(EVENT.c.actor)

_ASKED_WITHOUT_MAILBOX: Final = (
    select(ESTABLISHMENT)
    .where(ESTABLISHMENT.c.link_asked_at > _SINCE, ESTABLISHMENT.c.is_open)
    .where(func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox).is_(None))
    .order_by(ESTABLISHMENT.c.uai)
    .limit(LISTED)
)
"""The establishments of which somebody asked for a link since then, and that still have no mailbox (R72)."""


def digest_key(day: date) -> str:
    """The occurrence of a day's digest."""
    return f"{_KEYS}{day}"


def digest_page(mailer: Mailer, job_day: JobDay, troubles: tuple[str, ...] = ()) -> PageOfDrafts:
    """Make the one digest of a day, which does not leave after it; none when nothing is late.

    ``troubles`` are sentences about what the schedule could not do.
    """

    def drafts(connection: Connection, after: str) -> tuple[Sequence[Draft], str | None]:  # noqa: ARG001
        facts = replace(late_digest(connection, mailer, job_day), troubles=troubles)
        digest = Draft(
            kind=Kind.LATE_DIGEST, audience=Audience.OPERATORS, recipient=mailer.settings.operators_mailbox,
            context=facts, dedupe_key=digest_key(job_day.day), not_after=job_day.over_at,
        )  # fmt: skip
        return ([digest] if facts.points or facts.news else []), None

    return drafts


def next_digest(connection: Connection, job_day: JobDay) -> JobDay:
    """The next working day whose digest was not made: today's may still leave."""
    calendar, day = job_day.policy.calendar, job_day.day
    while not job_day.policy.days.is_working_day(day) or marked_keys(connection, [digest_key(day)]):
        day += timedelta(days=1)
    hour = calendar.midnight(day) + timedelta(hours=job_day.policy.timetable.hour)
    return replace(job_day, now=max(hour, job_day.now))


def count_news(connection: Connection, job_day: JobDay) -> int:
    """Count the requests of which a day's digest would tell something new, each once, when it is one mail a day."""
    since = _last_digest(connection, job_day)
    requests = (REQUEST.c.state == State.REQUESTED.value, REQUEST.c.since >= since)
    told = union(
        select(REQUEST.c.reference).where(*requests),
        select(REMOVAL.c.reference).where(_IS_NEW_REMOVAL),
        select(REPORT.c.reference).where(_IS_NEW_REPORT),
    ).subquery()
    news = {"since": since, "day": job_day.day}
    return connection.execute(select(func.count()).select_from(told), news).scalar_one()


def late_digest(connection: Connection, mailer: Mailer, job_day: JobDay) -> LateDigest:
    """All that is late, in the same few queries however many requests there are."""
    calendar = job_day.policy.calendar
    worklist = Worklist(connection, chain.schedule_actor_in(connection), job_day.policy, job_day.now)
    filters = _late_filters(job_day.policy, mailer.mail_context.expected_days, job_day.day, job_day.now)
    since = _last_digest(connection, job_day) if mailer.settings.operators == "daily" else None
    if since:
        filters["new_requests"] = Filters(states=(State.REQUESTED,), since_after=since)
    counts = worklist.counts(filters)
    groups: dict[str, Any] = {
        name: LateGroup(
            total=counts[name].number,
            requests=tuple(
                Late(
                    reference=row.reference, state=State(row.state), since=calendar.today(row.since),
                    establishment=Place(uai=row.uai, nom=row.establishment, commune=row.commune),
                )
                for row in worklist.first_rows(filters[name], Order.WAITING, LISTED)
            ),
        )
        for name in filters if counts[name].number
    }  # fmt: skip
    first = groups.pop("to_handle", LateGroup())
    too_long = calendar.midnight(job_day.day - timedelta(days=job_day.policy.timetable.removals_late))
    removals = _group(connection, job_day, _LATE_REMOVALS, {"before": too_long})
    removals_open = connection.execute(_OPEN_REMOVALS).scalar_one()
    held_ends = tuple(
        HeldEnd(year=Year.of(calendar.end_of(year.school_year)), why=year.hold.label)
        for year in held_in(connection, calendar)
    )
    last_hour = _last_digest_hour(job_day)
    kept_since = calendar.midnight(months_before(job_day.day, mailer.mail_context.request_keep_months))
    refusals = refusals_since(connection, last_hour)
    refused = most_refused_subjects(refusals)
    if since:
        news = {"since": since, "day": job_day.day}
        groups["new_removals"] = _group(connection, job_day, _NEW_REMOVALS, news)
        groups["new_reports"] = _group(connection, job_day, _NEW_REPORTS, news)
    is_monday = job_day.day.weekday() == 0
    progress = renewal_progress(connection, job_day.policy, job_day.now) if is_monday else None
    return LateDigest(
        on=job_day.day, total=first.total, requests=first.requests, **groups, removals=removals,
        removals_open=removals_open, held=held_ends, machines=tuple(connection.execute(_CLOCKS_OFF).scalars()),
        refused_sign_ins=refused if refused >= _MANY_REFUSED else 0,
        waves=_security_waves(connection, refusals, last_hour), renewals=progress.sentence if progress else "",
        without_mailbox=tuple(
            Place(uai=row.uai, nom=row.nom, commune=row.commune)
            for row in connection.execute(_ASKED_WITHOUT_MAILBOX, {"since": last_hour})
        ),
        unerased=count_awaited(connection, kept_since) if is_monday else 0,
    )  # fmt: skip


def refusals_since(connection: Connection, since: datetime) -> list[Mapping[str, Any]]:
    """Return what the journal says of the tries refused since then: an entry a limit and a window (R75)."""
    return [json.loads(canonical)["data"] for canonical in connection.execute(_REFUSALS, {"since": since}).scalars()]


def most_refused_subjects(refusals: Sequence[Mapping[str, Any]]) -> int:
    """Return how many mailboxes, or mailboxes from one network, were refused a link in one window, at the most."""
    names = [limit.name for limit in OF_SUBJECTS]
    return max((refusal.get("subjects", 0) for refusal in refusals if refusal["limit"] in names), default=0)


def tell_due_reports(connection: Connection, mailer: Mailer, policy: Policy, now: datetime) -> int:
    """Tell the operators, once each, of the open reports whose day has come (R32); return how many.

    One that took effect on the day it was made was told then; one of a revoked request asks for nothing any more.
    """
    today = policy.calendar.today(now)
    due = (
        select(REPORT)
        .where(IS_DUE_REPORT)
        .order_by(REPORT.c.effective_on)
        .limit(PAGE)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due, {"today": today}).all()
    if not rows:
        return 0
    keys = [(row.reference, row.number) for row in rows]
    is_due = tuple_(REPORT.c.reference, REPORT.c.number).in_(keys)
    connection.execute(update(REPORT).where(is_due).values(due_told_at=now))
    announced = [row for row in rows if policy.calendar.today(row.reported_at) < row.effective_on]
    drafts = _report_drafts(connection, mailer, policy, announced)
    mailer.enqueue(connection, drafts, now)
    return len(drafts)


def _late_filters(policy: Policy, expected_days: int, day: date, now: datetime) -> dict[str, Filters]:
    """The worklist's filters of what is late on a day, at ``now``, by the names of the digest's facts."""
    midnight, timetable = policy.calendar.midnight, policy.timetable
    filters = {
        "to_handle": Filters(submitted_before=midnight(day - timedelta(days=expected_days))),
        "undelivered": Filters(undeliverable=True),
        "waiting_codes": Filters(code_waits_since=now - CODE_LATE),
        "held_codes": Filters(code_drawn_before=now - CODE_LATE),
        "reports": Filters(report_due_on=day),
        "answers": Filters(question_answered=True),
    }
    if timetable.stalled:
        since = midnight(day - timedelta(days=timetable.stalled[-1]))
        filters["stalled"] = Filters(states=WAITS_FOR_ESTABLISHMENT, since_before=since)
    if timetable.handover:
        since = midnight(day - timedelta(days=timetable.handover[-1]))
        unread_since = midnight(day - timedelta(days=timetable.handover[0]))
        filters["unread_codes"] = Filters(code_unread=True, code_unread_before=unread_since)
        filters["not_handed"] = Filters(not_handed_over=True, since_before=since)
    return filters


def _last_digest_hour(job_day: JobDay) -> datetime:
    """The instant at which the digest of the working day before may have left."""
    day = job_day.day - timedelta(days=1)
    while not job_day.policy.days.is_working_day(day):
        day -= timedelta(days=1)
    return job_day.policy.calendar.midnight(day) + timedelta(hours=job_day.policy.timetable.hour)


def _last_digest(connection: Connection, job_day: JobDay) -> datetime:
    """The instant of the last digest, written or not; of the working day before when there was none."""
    return connection.execute(_LAST).scalar() or _last_digest_hour(job_day)


def _group(
    connection: Connection, job_day: JobDay, rows: _GroupedRows, parameters: Mapping[str, Any]
) -> LateGroup:  # fmt: skip
    """The rows of a table about requests as the digest tells them, the oldest named."""
    total: int = connection.execute(rows.count, parameters).scalar_one()
    if not total:
        return LateGroup()
    named = tuple(
        Late(
            reference=row.reference, establishment=Place(uai=row.uai, nom=row.nom, commune=row.commune),
            state=State(row.state), since=job_day.policy.calendar.today(row.since),
        )
        for row in connection.execute(rows.first, parameters)
    )  # fmt: skip
    return LateGroup(total=min(total, COUNTED + 1), requests=named)


def _report_drafts(connection: Connection, mailer: Mailer, policy: Policy, reports: list[Row[Any]]) -> list[Draft]:
    references = {row.reference for row in reports}
    rows = connection.execute(select(*REQUEST_COLUMNS).where(REQUEST.c.reference.in_(references)))
    requests = {row.reference: request_from(row) for row in rows}
    uais = {request.uai for request in requests.values()}
    rows = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais)))
    establishments = {row.uai: establishment_from(row) for row in rows}
    drafts = []
    for row in reports:
        request, report = requests[row.reference], report_from(row)
        if not request.is_live:
            continue
        context = ChangeDue(
            reference=request.reference, establishment=Place.of(establishments[request.uai]),
            rupn=Person.of(request), year=Year.of(policy.calendar.end_of(request.school_year)),
            number=report.number, change=report.change, effective_on=report.effective_on,
        )  # fmt: skip
        drafts.append(
            Draft(
                kind=Kind.CHANGE_DUE, audience=Audience.OPERATORS, recipient=mailer.settings.operators_mailbox,
                context=context, uai=request.uai, reference=request.reference,
            )
        )  # fmt: skip
    return drafts


def _security_waves(
    connection: Connection, refusals: Sequence[Mapping[str, Any]], since: datetime
) -> SecurityWaves:  # fmt: skip
    """Return what passed its threshold since then; the others stay at 0."""
    refused: Counter[str] = Counter()
    for refusal in refusals:
        refused[refusal["limit"]] += refusal["refused"]
    most = max(connection.execute(_EXPORTS, {"since": since}).scalars(), default=0)
    return SecurityWaves(
        tokens=_many(refused[FAILED_TOKENS.name], _MANY_TOKENS), forged=_many(refused[FORGED_FORMS.name], _MANY_FORGED),
        forbidden=_many(refused[FORBIDDEN.name], _MANY_FORBIDDEN), exports=_many(most, _MANY_EXPORTS),
        calls=_many(refused[REFUSED_CALLS.name], _MANY_CALLS),
    )  # fmt: skip


def _many(count: int, threshold: int) -> int:
    return count if count >= threshold else 0
