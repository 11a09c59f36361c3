"""Lists of requests, page after page, as quick at their end as at their beginning; a chef's, and a RUPN's own.

A RUPN reads of the requests that bear his address his own data and where they stand, nobody else's (R113).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from notifications.outbox.store import code_statuses
from states.commands import Renew
from states.model import Actor, Establishment, Facts, Policy, Report, Request
from states.rules.declaration import renewal_years
from states.school_calendar import SchoolCalendar, SchoolYear, YearEnd
from states.vocabulary import RUPN_CHANGES, CodeStatus, Role, State, Trigger
from workflow.database.journal_tables import EVENT
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, report_from, request_from
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REMOVAL, REPORT, REQUEST
from workflow.engine.loader import Loader
from workflow.requests.filters import UNDELIVERABLE, Filters, conditions, visible_to
from workflow.requests.next_actions import NextStep, PossibleAction, next_step, possible_actions

if TYPE_CHECKING:  # a list of requests needs no mail
    from notifications.mailer import Mailer

REQUEST_QUERY: Final = select(
    *REQUEST_COLUMNS,
    REQUEST.c.changed_at,
    REQUEST.c.since,
    ESTABLISHMENT.c.nom.label("establishment"),
    ESTABLISHMENT.c.commune,
    ESTABLISHMENT.c.departement,
    ESTABLISHMENT.c.chef_name.label("current_chef"),
).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
"""A request with its establishment, for ``lines_of``."""

MOST: Final = 50
"""Requests that his page shows, the latest first: one person has a few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLine:
    """One line. ``since``: the instant at which the request came to its state; ``changed_at``: its last event.

    ``chef_name`` declared the request; ``current_chef`` is the establishment's, as far as is known (R37).
    """

    reference: str
    state: State
    uai: str
    establishment: str
    commune: str
    departement: str
    nom: str
    prenom: str
    mail: str
    school_year: SchoolYear
    since: datetime
    changed_at: datetime
    version: int
    code_fate: CodeStatus
    expires_on: date | None
    handed_on: date | None
    removal_open: bool
    report_open: bool
    chef_name: str = ""
    current_chef: str = ""
    drane_declared_on: date | None = None
    delegated_on: date | None = None
    question_open: bool = False
    question_answered: bool = False
    drawn_in: int | None = None


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A page of lines; ``after`` is the cursor of the next page, None at the end."""

    lines: tuple[RequestLine, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChefRequest:
    """A request as its chef meets it, with its next step and the actions open to the reader.

    ``sent_back``: the rectorat sent it back and it has not been submitted again (R38); ``renewable``: it is the last
    one of somebody who has none for the year that is open (R33); ``submitted_at``: the last time that it was sent.
    """

    request: Request
    code_fate: CodeStatus
    next_step: NextStep | None
    actions: tuple[PossibleAction, ...]
    sent_back: bool
    renewable: bool
    submitted_at: datetime | None

    def may(self, trigger: Trigger) -> bool:
        """Return True when the reader may do this now."""
        return any(action.trigger is trigger for action in self.actions)


@dataclass(frozen=True, slots=True)
class ChefRequestPage:
    """Some requests, the live ones first, each part from the newest; ``after`` is the cursor of the next page."""

    items: tuple[ChefRequest, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class LastOfKind:
    """The last event of a kind: its number in its chain, and when."""

    seq: int
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RupnRequest:
    """One of his requests. ``submitted_at``: when it was last sent to the rectorat; ``said``: his own last report."""

    request: Request
    establishment: Establishment
    year_end: YearEnd
    code_fate: CodeStatus
    created_at: datetime
    since: datetime
    submitted_at: datetime | None = None
    said: Report | None = None

    @property
    def may_say(self) -> bool:
        """True while he may say that he is the RUPN no more: it is live, and nothing that he said waits."""
        return self.request.is_live and (self.said is None or not self.said.is_open)

    @property
    def expires_on(self) -> date:
        """The last day of his key, or of the school year while there is none."""
        return self.request.expires_on or self.year_end.last_day


def list_requests(
    connection: Connection, filters: Filters, scope: Actor, calendar: SchoolCalendar, *,
    after: str | None = None, limit: int = 50,
) -> RequestPage:  # fmt: skip
    """A page of what ``scope`` may see (R3), by reference; for the rectorat the codes that did not arrive stand first.

    ``after`` is the reference of the last line of the page before: it also tells in which of the two parts it stood.
    """
    wanted, rows, cursor = [visible_to(scope), *conditions(connection, filters, calendar)], list[Any](), after
    if not scope.is_establishment and not filters.undeliverable:
        last = select(REQUEST.c.reference).where(REQUEST.c.reference == after, UNDELIVERABLE)
        if after is None or connection.execute(last).first() is not None:
            rows, cursor = _rows_after(connection, [*wanted, UNDELIVERABLE], after, limit + 1), None
        wanted.append(~UNDELIVERABLE)
    if len(rows) <= limit:
        rows += _rows_after(connection, wanted, cursor, limit + 1 - len(rows))
    lines = lines_of(connection, rows[:limit])
    return RequestPage(lines, lines[-1].reference if len(rows) > limit else None)


def _rows_after(
    connection: Connection, wanted: Sequence[ColumnElement[bool]], after: str | None, count: int
) -> list[Any]:
    beyond = () if after is None else (REQUEST.c.reference > after,)
    query = REQUEST_QUERY.where(*wanted, *beyond).order_by(REQUEST.c.reference).limit(count)
    return list(connection.execute(query))


def lines_of(connection: Connection, rows: Sequence[Any]) -> tuple[RequestLine, ...]:
    """Lines of a page, with three more queries for the whole page."""
    requests = [request_from(row) for row in rows]
    references = [request.reference for request in requests]
    statuses = code_statuses(connection, requests)

    def among(column: ColumnElement[Any], is_open: ColumnElement[bool]) -> set[str]:
        return set(connection.execute(select(column).where(column.in_(references), is_open)).scalars())

    removals = among(REMOVAL.c.reference, REMOVAL.c.outcome.is_(None))
    reports = among(REPORT.c.reference, REPORT.c.settlement.is_(None))
    return tuple(
        RequestLine(
            reference=r.reference, state=r.state, uai=r.uai, establishment=row.establishment, commune=row.commune,
            departement=row.departement, nom=r.nom, prenom=r.prenom, mail=r.mail, school_year=r.school_year,
            since=row.since, changed_at=row.changed_at, version=r.version,
            code_fate=statuses[r.reference], expires_on=r.expires_on, handed_on=r.handed_on,
            removal_open=r.reference in removals, report_open=r.reference in reports,
            chef_name=r.chef_name, current_chef=row.current_chef, drane_declared_on=r.drane_declared_on,
            delegated_on=r.delegated_on,
            question_open=r.question_is_open, question_answered=r.question_answered_at is not None,
            drawn_in=r.drawn_in,
        )
        for r, row in zip(requests, rows, strict=True)
    )  # fmt: skip


def establishment_of(connection: Connection, uai: str) -> Establishment | None:
    """The establishment as in the directory; None for an unknown one."""
    row = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)).one_or_none()
    return establishment_from(row) if row else None


def list_chef_requests(
    connection: Connection, uai: str, scope: Actor, policy: Policy, mailer: "Mailer", now: datetime, *,
    after: str | None = None, limit: int = 50,
) -> ChefRequestPage:  # fmt: skip
    """A page of an establishment's requests, none of another's (R3). ``after``: the last reference before it."""
    references = _references(connection, uai, scope, after, limit + 1)
    page = references[:limit]
    commands = [Renew(reference=reference) for reference in page]  # any command on a request loads the same facts
    batch_facts = Loader(connection, mailer.code_statuses, lock=False).load(commands)
    kinds = (Trigger.SEND_BACK.value, Trigger.SUBMIT.value, Trigger.EXPIRE.value)  # that tell how it came to its state
    last = select(EVENT.c.stream, EVENT.c.kind, func.max(EVENT.c.seq), func.max(EVENT.c.at, type_=EVENT.c.at.type))
    last = last.where(EVENT.c.stream.in_(page), EVENT.c.kind.in_(kinds)).group_by(EVENT.c.stream, EVENT.c.kind)
    events: dict[str, dict[str, LastOfKind]] = {}
    for stream, kind, seq, at in connection.execute(last):
        events.setdefault(stream, {})[kind] = LastOfKind(seq, at)
    items = tuple(
        _chef_request(batch_facts.facts(command), scope, policy, now, events.get(command.reference, {}))
        for command in commands
    )
    return ChefRequestPage(items, page[-1] if len(references) > limit else None)


def _references(connection: Connection, uai: str, scope: Actor, after: str | None, count: int) -> list[str]:
    """First the live ones, then the rest; the last one of the page before tells in which part it stood."""
    query = select(REQUEST.c.reference).where(REQUEST.c.uai == uai, visible_to(scope))
    query = query.order_by(REQUEST.c.reference.desc()).limit(count)
    beyond = () if after is None else (REQUEST.c.reference < after,)
    closed = select(REQUEST.c.reference).where(REQUEST.c.reference == after, ~IS_LIVE)
    if after is not None and connection.execute(closed).first():
        return list(connection.execute(query.where(~IS_LIVE, *beyond)).scalars())
    references = list(connection.execute(query.where(IS_LIVE, *beyond)).scalars())
    if len(references) < count:
        references += list(connection.execute(query.where(~IS_LIVE).limit(count - len(references))).scalars())
    return references


def _chef_request(
    facts: Facts, scope: Actor, policy: Policy, now: datetime, events: Mapping[str, LastOfKind]
) -> ChefRequest:
    request = facts.request
    if request is None:
        raise LookupError("a request that was just read")
    actions = possible_actions(facts, scope, policy, now)
    ran_to_its_end = request.is_live or Trigger.EXPIRE.value in events
    may_renew = any(action.trigger is Trigger.RENEW for action in actions)
    sent_back, submitted = events.get(Trigger.SEND_BACK.value), events.get(Trigger.SUBMIT.value)
    return ChefRequest(
        request=request.with_(extends=None),  # which may be another establishment's (R3)
        code_fate=facts.code_fate,
        next_step=next_step(facts, policy, now),
        actions=actions,
        sent_back=request.is_live and sent_back is not None and sent_back.seq > (submitted.seq if submitted else 0),
        renewable=ran_to_its_end and may_renew and _awaits_renewal(facts, request, policy, now),
        submitted_at=submitted.at if submitted else None,
    )


def _awaits_renewal(facts: Facts, request: Request, policy: Policy, now: datetime) -> bool:
    """A key of this year or of the last, whose holder has no request yet for a year to which it can be renewed."""
    if not request.has_key or request.school_year.start < policy.calendar.open_years(now)[0].start - 1:
        return False
    years = renewal_years(request, policy.calendar, now)
    return not any(other.uai == request.uai and other.school_year in years for other in facts.others)


def list_rupn_requests(connection: Connection, actor: Actor, policy: Policy, mailer: "Mailer") -> list[RupnRequest]:
    """The requests that bear this RUPN's address, the live ones first; none for anybody else."""
    return _rupn_requests(connection, actor, policy, mailer)


def find_rupn_request(
    connection: Connection, actor: Actor, reference: str, policy: Policy, mailer: "Mailer"
) -> RupnRequest | None:
    """One of them; None alike for an unknown one and for somebody else's (R3)."""
    return next(iter(_rupn_requests(connection, actor, policy, mailer, REQUEST.c.reference == reference)), None)


def _rupn_requests(
    connection: Connection, actor: Actor, policy: Policy, mailer: "Mailer", *where: Any
) -> list[RupnRequest]:
    if actor.role is not Role.RUPN or not actor.address:
        return []
    query = (
        select(*REQUEST_COLUMNS, REQUEST.c.created_at.label("created"), REQUEST.c.since.label("stands_since"))
        .where(REQUEST.c.folded_mail == actor.address, *where)
        .order_by(REQUEST.c.state == State.REVOKED.value, REQUEST.c.reference.desc())
        .limit(MOST)
    )
    rows = connection.execute(query).all()
    requests = [request_from(row) for row in rows]
    places = {request.uai: Establishment(uai=request.uai, nom=request.uai, is_open=False) for request in requests}
    for row in connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(sorted(places)))):
        places[row.uai] = establishment_from(row)
    references = [request.reference for request in requests]
    statuses = mailer.code_statuses(connection, requests)
    sent = (EVENT.c.stream.in_(references), EVENT.c.kind == Trigger.SUBMIT.value)
    submissions = connection.execute(select(EVENT.c.stream, EVENT.c.at).where(*sent).order_by(EVENT.c.seq))
    submitted = {row.stream: row.at for row in submissions}
    own = (REPORT.c.reference.in_(references), REPORT.c.change.in_([change.value for change in RUPN_CHANGES]))
    reports = connection.execute(select(REPORT).where(*own).order_by(REPORT.c.number))
    reported = {row.reference: report_from(row) for row in reports}
    return [
        RupnRequest(
            request=request, establishment=places[request.uai], code_fate=statuses[request.reference],
            year_end=policy.calendar.end_of(request.school_year), created_at=row.created, since=row.stands_since,
            submitted_at=submitted.get(request.reference), said=reported.get(request.reference),
        )
        for request, row in zip(requests, rows, strict=True)
    ]  # fmt: skip
