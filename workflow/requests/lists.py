"""The worklist: requests page after page, as quick at its end as at its beginning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from notifications.mailer import Mailer
from notifications.outbox.admin import code_statuses
from states.commands import Renew
from states.model import Actor, Establishment, Facts, Request
from states.policy import Policy
from states.rules.declaration import renewal_years
from states.school_calendar import SchoolCalendar, SchoolYear
from states.vocabulary import CodeStatus, State, Trigger
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, request_from
from workflow.database.tables import ESTABLISHMENT, EVENT, IS_LIVE, REMOVAL, REPORT, REQUEST
from workflow.engine.loader import Loader
from workflow.requests.filters import UNDELIVERABLE, Filters, conditions, visible_to
from workflow.requests.next_actions import NextStep, PossibleAction, next_step, possible_actions

QUERY = select(
    *REQUEST_COLUMNS,
    REQUEST.c.changed_at,
    REQUEST.c.since,
    ESTABLISHMENT.c.nom.label("establishment"),
    ESTABLISHMENT.c.commune,
    ESTABLISHMENT.c.departement,
).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
"""A request with its establishment: what ``lines_of`` reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLine:
    """One line. ``since``: the instant at which the request came to its state; ``changed_at``: its last event."""

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


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[RequestLine, ...]
    after: str | None


def list_requests(
    connection: Connection, filters: Filters, scope: Actor, calendar: SchoolCalendar, *,
    after: str | None = None, limit: int = 50,
) -> Page:  # fmt: skip
    """A page of what ``scope`` may see (R3), by reference; for the rectorat the codes that did not arrive stand first.

    ``after`` is the reference of the last line seen.
    """
    wanted = [visible_to(scope), *conditions(connection, filters, calendar)]
    pages = _in_order if scope.is_establishment or filters.undeliverable else _worst_first
    rows = pages(connection, wanted, after, limit + 1)
    more = len(rows) > limit
    lines = lines_of(connection, rows[:limit])
    return Page(lines, lines[-1].reference if more else None)


def _in_order(
    connection: Connection, wanted: Sequence[ColumnElement[bool]], after: str | None, count: int
) -> list[Any]:
    beyond = () if after is None else (REQUEST.c.reference > after,)
    query = QUERY.where(*wanted, *beyond).order_by(REQUEST.c.reference).limit(count)
    return list(connection.execute(query))


def _worst_first(
    connection: Connection, wanted: Sequence[ColumnElement[bool]], after: str | None, count: int
) -> list[Any]:
    """First the codes that did not arrive, then the rest; the last line seen tells in which of the two we are."""
    rows: list[Any] = []
    if after is None or _is_undeliverable(connection, after):
        rows = _in_order(connection, [*wanted, UNDELIVERABLE], after, count)
        after = None
    if len(rows) < count:
        rows += _in_order(connection, [*wanted, ~UNDELIVERABLE], after, count - len(rows))
    return rows


def _is_undeliverable(connection: Connection, reference: str) -> bool:
    query = select(REQUEST.c.reference).where(REQUEST.c.reference == reference, UNDELIVERABLE)
    return connection.execute(query).first() is not None


def lines_of(connection: Connection, rows: Sequence[Any]) -> tuple[RequestLine, ...]:
    """The page's lines, with what three more queries, one for the whole page each, tell of them."""
    requests = [request_from(row) for row in rows]
    references = [request.reference for request in requests]
    fates = code_statuses(connection, requests)
    removals = _having(connection, REMOVAL.c.reference, REMOVAL.c.outcome.is_(None), references)
    reports = _having(connection, REPORT.c.reference, REPORT.c.settlement.is_(None), references)
    return tuple(
        RequestLine(
            reference=r.reference, state=r.state, uai=r.uai, establishment=row.establishment, commune=row.commune,
            departement=row.departement, nom=r.nom, prenom=r.prenom, mail=r.mail, school_year=r.school_year,
            since=row.since, changed_at=row.changed_at, version=r.version,
            code_fate=fates[r.reference], expires_on=r.expires_on, handed_on=r.handed_on,
            removal_open=r.reference in removals, report_open=r.reference in reports,
        )
        for r, row in zip(requests, rows, strict=True)
    )  # fmt: skip


def _having(
    connection: Connection, column: ColumnElement[Any], still_open: ColumnElement[bool], references: Sequence[str]
) -> set[str]:
    return set(connection.execute(select(column).where(column.in_(references), still_open)).scalars())


# An establishment's requests as its chef meets them: each with what it waits for and what can be done of it.


LIMIT: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One request. ``sent_back``: the rectorat sent it back and it has not been submitted again (R38);
    ``renewable``: it is the last one of somebody who has none for the year that is open (R33)."""

    request: Request
    code_fate: CodeStatus
    next_step: NextStep | None
    actions: tuple[PossibleAction, ...]
    sent_back: bool
    renewable: bool

    def may(self, trigger: Trigger) -> bool:
        """Whether the reader may do this now."""
        return any(action.trigger is trigger for action in self.actions)


@dataclass(frozen=True, slots=True)
class Items:
    """Some requests, the live ones first, each part from the newest; ``after``: what to give for the next page."""

    items: tuple[Item, ...]
    after: str | None


def establishment_of(connection: Connection, uai: str) -> Establishment | None:
    """The establishment as the directory tells it; None for an unknown one."""
    row = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)).one_or_none()
    return establishment_from(row) if row else None


def agenda(
    connection: Connection, uai: str, scope: Actor, policy: Policy, mailer: Mailer, now: datetime, *,
    after: str | None = None, limit: int = LIMIT,
) -> Items:  # fmt: skip
    """A page of an establishment's requests, none of another's (R3). ``after``: the last reference seen."""
    references = _references(connection, uai, scope, after, limit + 1)
    shown = references[:limit]
    asked = [Renew(reference=reference) for reference in shown]  # any command on a request asks for the same facts
    known = Loader(connection, mailer.code_statuses, lock=False).load(asked)
    events = _events(connection, shown)
    items = tuple(_item(known.facts(one), scope, policy, now, events.get(one.reference, {})) for one in asked)
    return Items(items, shown[-1] if len(references) > limit else None)


def _references(connection: Connection, uai: str, scope: Actor, after: str | None, count: int) -> list[str]:
    """First the live ones, then the rest; the last one seen tells in which of the two we are."""
    mine = (REQUEST.c.uai == uai, visible_to(scope))
    query = select(REQUEST.c.reference).where(*mine).order_by(REQUEST.c.reference.desc()).limit(count)
    beyond = () if after is None else (REQUEST.c.reference < after,)
    seen = select(REQUEST.c.reference).where(REQUEST.c.reference == after, ~IS_LIVE)
    if after is not None and connection.execute(seen).first():
        return list(connection.execute(query.where(~IS_LIVE, *beyond)).scalars())
    found = list(connection.execute(query.where(IS_LIVE, *beyond)).scalars())
    if len(found) < count:
        found += list(connection.execute(query.where(~IS_LIVE).limit(count - len(found))).scalars())
    return found


def _item(facts: Facts, scope: Actor, policy: Policy, now: datetime, events: Mapping[str, int]) -> Item:
    request = facts.request
    if request is None:
        raise LookupError("a request that was just read")
    back, submitted = events.get(Trigger.SEND_BACK.value, 0), events.get(Trigger.SUBMIT.value, 0)
    actions = possible_actions(facts, scope, policy, now)
    stands = request.is_live or Trigger.EXPIRE.value in events
    may_renew = any(one.trigger is Trigger.RENEW for one in actions)
    return Item(
        request=request.with_(extends=None),  # which may be another establishment's (R3)
        code_fate=facts.code_fate,
        next_step=next_step(facts, policy, now),
        actions=actions,
        sent_back=request.is_live and back > submitted,
        renewable=stands and may_renew and _awaits_renewal(facts, request, policy, now),
    )


def _awaits_renewal(facts: Facts, request: Request, policy: Policy, now: datetime) -> bool:
    """A key of this year or of the last, whose holder has no request yet for a year to which it can be renewed."""
    if not request.has_key or request.school_year.start < policy.calendar.open_years(now)[0].start - 1:
        return False
    years = renewal_years(request, policy.calendar, now)
    return not any(other.uai == request.uai and other.school_year in years for other in facts.others)


def _events(connection: Connection, references: Sequence[str]) -> dict[str, dict[str, int]]:
    """The last event of each kind that tells how a request came where it stands, by reference."""
    kinds = (Trigger.SEND_BACK.value, Trigger.SUBMIT.value, Trigger.EXPIRE.value)
    mine = (EVENT.c.stream.in_(references), EVENT.c.kind.in_(kinds))
    query = select(EVENT.c.stream, EVENT.c.kind, func.max(EVENT.c.seq)).where(*mine)
    last: dict[str, dict[str, int]] = {}
    for stream, kind, seq in connection.execute(query.group_by(EVENT.c.stream, EVENT.c.kind)):
        last.setdefault(stream, {})[kind] = seq
    return last
