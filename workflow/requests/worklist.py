"""The operator's worklist: lines in any order with their checks, counts, and the next request to issue.

Each order is walked from the last line seen, so that its end is as quick as its beginning.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Select, func, literal, literal_column, select, tuple_

from states.model import Actor
from states.policy import Policy
from states.refusals import Reason
from states.rules.verification import check_problems, oldest_valid_day
from states.vocabulary import CodeStatus, Labelled, State, Trigger
from workflow.database.mapping import request_from
from workflow.database.tables import ESTABLISHMENT, EVENT, NOTE, REQUEST
from workflow.requests.assignments import Assignment, assignments_of
from workflow.requests.filters import Checks, Filters, conditions, live_years, visible_to
from workflow.requests.lists import REQUEST_QUERY, RequestLine, lines_of

PAGE: Final = 50

COUNTED: Final = 1000
"""A count stops here: beyond, « plus de 1 000 » says enough, and costs the same however many there are."""

RECENT: Final = 500
"""How many of the last events a source is looked for in: a wider look would grow with the journal."""

_INSTANT: Final = "%Y%m%dT%H%M%S.%fZ"

_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")


class Order(Labelled):
    """Orders of the lines; the value stands in the address."""

    WAITING = "attente", "Attente, la plus longue d'abord"
    REFERENCE = "reference", "Référence, la plus récente d'abord"
    NAME = "nom", "Nom"
    ESTABLISHMENT = "etablissement", "Établissement, par UAI"
    STATE = "etat", "État, puis attente"


class Mark(Labelled):
    """State of one check today; the label is what a line shows."""

    TO_DO = "to_do", "à faire"
    POSITIVE = "positive", "conforme"
    NEGATIVE = "negative", "introuvable"
    VOID = "void", "à refaire"
    TOO_OLD = "too_old", "trop ancienne"


_MARKS: Final = {
    "check_missing": Mark.TO_DO, "check_negative": Mark.NEGATIVE, "check_void": Mark.VOID,
    "check_too_old": Mark.TOO_OLD,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkLine:
    """A line with what an operator looks for.

    ``listing`` and ``delegation`` are None where no check is waited for; ``last_day``: the day that the key must bear
    on the ODA server (R43); ``days``: whole days in its state; ``assignment``: who handles it now (R88).
    """

    line: RequestLine
    listing: Mark | None
    delegation: Mark | None
    last_day: date
    expiry_differs: bool
    days: int
    assignment: Assignment | None = None

    @property
    def is_ready(self) -> bool:
        """True if both checks allow a code today (R39)."""
        return self.listing is Mark.POSITIVE and self.delegation is Mark.POSITIVE

    @property
    def awaits_handover(self) -> bool:
        issued = self.line.state is State.CODE_ISSUED
        return issued and self.line.code_fate not in (
            CodeStatus.HANDED_OVER,
            CodeStatus.EXTENDED,
            CodeStatus.UNDELIVERABLE,
        )


@dataclass(frozen=True, slots=True)
class WorkPage:
    """A page of lines; ``after`` is the cursor of the next page, None at the end."""

    lines: tuple[WorkLine, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """A number, exact up to ``COUNTED``."""

    number: int

    @property
    def is_exact(self) -> bool:
        return self.number <= COUNTED


class Worklist:
    """The requests that ``scope`` may see (R3), at ``now``."""

    def __init__(self, connection: Connection, scope: Actor, policy: Policy, now: datetime) -> None:
        self._connection, self._scope, self._policy, self._now = connection, scope, policy, now
        self._today = policy.calendar.today(now)

    def page(self, filters: Filters, order: Order, after: str | None, limit: int = PAGE) -> WorkPage:
        """A page. ``after`` is the cursor of the page before; one that cannot be read begins at the beginning."""
        rows = self._rows(filters, order, after, limit + 1, REQUEST_QUERY)
        lines = self._lines(rows[:limit])
        return WorkPage(lines, Keyset.cursor(order, rows[limit - 1]) if len(rows) > limit else None)

    def references(self, filters: Filters, order: Order, limit: int) -> list[str]:
        """The first references in this order, ``limit`` at most."""
        columns = select(REQUEST.c.reference, REQUEST.c.since, REQUEST.c.state)
        return [row.reference for row in self._rows(filters, order, None, limit, columns)]

    def lines(self, references: Sequence[str]) -> tuple[WorkLine, ...]:
        """These requests' lines, in this order; those that do not exist, or are not seen, are left out."""
        query = REQUEST_QUERY.where(REQUEST.c.reference.in_(references), visible_to(self._scope))
        lines = {line.line.reference: line for line in self._lines(list(self._connection.execute(query)))}
        return tuple(lines[reference] for reference in references if reference in lines)

    def counts(self, filters: Mapping[str, Filters]) -> dict[str, Count]:
        """Count the requests that each of these leaves, in one query."""
        if not filters:
            return {}
        columns = []
        for number, each in enumerate(filters.values()):
            matches: Select[Any] = select(literal_column("1")).select_from(REQUEST).where(*self._conditions(each))
            count = select(func.count()).select_from(matches.limit(COUNTED + 1).subquery())
            columns.append(count.scalar_subquery().label(f"n{number}"))
        row = self._connection.execute(select(*columns)).one()
        return {name: Count(number) for name, number in zip(filters, row, strict=True)}

    def _conditions(self, filters: Filters, *, walked: bool = False) -> list[ColumnElement[bool]]:
        oldest = filters.oldest_check or oldest_valid_day(self._today, self._policy.checks_max_age_days)
        dated = replace(filters, oldest_check=oldest)
        return [visible_to(self._scope), *conditions(self._connection, dated, self._policy.calendar, walked=walked)]

    def _rows(self, filters: Filters, order: Order, after: str | None, count: int, query: Any) -> list[Any]:
        states = filters.states or tuple(state for state in State if state is not State.REVOKED or not filters.live)
        if order is Order.STATE:
            filters = replace(filters, states=(), live=False)
        wanted = self._conditions(filters, walked=True)
        return Keyset(order, after).rows(self._connection, query, wanted, states, count)

    def _lines(self, rows: list[Any]) -> tuple[WorkLine, ...]:
        lines = lines_of(self._connection, rows)
        assigned = assignments_of(self._connection, [line.reference for line in lines], self._now)
        return tuple(self._line(row, line, assigned.get(line.reference)) for row, line in zip(rows, lines, strict=True))

    def _line(self, row: Any, line: RequestLine, assignment: Assignment | None) -> WorkLine:
        request, calendar = request_from(row), self._policy.calendar
        last_day = calendar.end_of(request.school_year).last_day
        listing = delegation = None
        if request.state is State.REQUESTED:
            problems = check_problems(request, self._today, self._policy.checks_max_age_days)
            listing = _mark(problems.get(Trigger.CHECK_LISTING))
            delegation = _mark(problems.get(Trigger.CHECK_DELEGATION))
        return WorkLine(
            line=line, listing=listing, delegation=delegation, last_day=last_day,
            expiry_differs=request.state is State.CODE_ISSUED and request.expiry_seen_for != last_day,
            days=max(0, (self._today - calendar.today(line.since)).days), assignment=assignment,
        )  # fmt: skip


def _mark(problem: Reason | None) -> Mark:
    """The mark of a check; a problem without a mark of its own is to do, never positive."""
    return _MARKS.get(problem.code, Mark.TO_DO) if problem else Mark.POSITIVE


class Keyset:
    """Pages of one order. ``after`` is the ``cursor`` of the last line seen; one that cannot be read is ignored."""

    def __init__(self, order: Order, after: str | None) -> None:
        self._order = order
        self._state, self._since, self._reference = _parse_cursor(after or "")

    @staticmethod
    def cursor(order: Order, row: Any) -> str:
        """The cursor of this row of a request."""
        instant = f"{row.since.astimezone(UTC):{_INSTANT}}"
        match order:
            case Order.WAITING:
                return f"{instant}~{row.reference}"
            case Order.STATE:
                return f"{row.state}~{instant}~{row.reference}"
        return str(row.reference)

    def rows(
        self, connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], states: Sequence[State],
        count: int,
    ) -> list[Any]:  # fmt: skip
        """At most ``count`` rows of ``query`` that meet ``wanted``, which sets no condition on ``states``."""
        if self._order is Order.STATE:
            return self._rows_by_state(connection, query, wanted, states, count)
        keys = _KEYS[self._order]
        order = (REQUEST.c.reference.desc(),) if self._order is Order.REFERENCE else keys
        return _select_rows(connection, query, [*wanted, *self._beyond(connection, keys)], order, count)

    def _rows_by_state(
        self, connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], states: Sequence[State],
        count: int,
    ) -> list[Any]:  # fmt: skip
        """State after state, in the order of a request's life, which is not that of their names."""
        rows: list[Any] = []
        remaining = [state for state in State if state in states]
        if self._state in remaining:
            remaining = remaining[remaining.index(self._state) :]
        for state in remaining:
            beyond = self._beyond_since() if state is self._state else []
            of_state = [*wanted, REQUEST.c.state == state.value, *beyond]
            rows += _select_rows(connection, query, of_state, _KEYS[Order.WAITING], count - len(rows))
            if len(rows) >= count:
                break
        return rows

    def _beyond(self, connection: Connection, keys: Sequence[Column[Any]]) -> list[ColumnElement[bool]]:
        if not self._reference:
            return []
        if self._order is Order.WAITING:
            return self._beyond_since()
        if self._order is Order.REFERENCE:
            return [REQUEST.c.reference < self._reference]
        last = connection.execute(select(*keys).where(REQUEST.c.reference == self._reference)).one_or_none()
        return [_follows(keys, last)] if last else []

    def _beyond_since(self) -> list[ColumnElement[bool]]:
        if self._since is None:
            return []
        return [_follows((REQUEST.c.since, REQUEST.c.reference), (self._since, self._reference))]


_KEYS: Final[dict[Order, tuple[Column[Any], ...]]] = {
    Order.WAITING: (REQUEST.c.since, REQUEST.c.reference),
    Order.REFERENCE: (REQUEST.c.reference,),
    Order.NAME: (REQUEST.c.sorted_name, REQUEST.c.reference),
    Order.ESTABLISHMENT: (REQUEST.c.uai, REQUEST.c.school_year, REQUEST.c.reference),
}


def _select_rows(
    connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], order: Sequence[ColumnElement[Any]],
    count: int,
) -> list[Any]:  # fmt: skip
    """The first ``count`` rows, found in an index, then read whole: a filter passes over many to keep few."""
    first = select(REQUEST.c.reference).where(*wanted).order_by(*order).limit(count)
    return list(connection.execute(query.where(REQUEST.c.reference.in_(first)).order_by(*order)))


def _follows(keys: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """The rows that follow these values in the order of these keys."""
    return tuple_(*keys) > tuple_(*(literal(value, key.type) for key, value in zip(keys, values, strict=True)))


def _parse_cursor(cursor: str) -> tuple[State | None, datetime | None, str]:
    """The parts of a cursor: what cannot be read is left out."""
    *before, reference = cursor.split("~")
    if not _REFERENCE.fullmatch(reference):
        return None, None, ""
    try:
        state = State.of(before[0]) if len(before) == 2 else None
        since = datetime.strptime(before[-1], _INSTANT).replace(tzinfo=UTC) if before else None
    except ValueError:
        return None, None, ""
    return state, since, reference


def kinds_and_departements(connection: Connection) -> tuple[list[str], list[str]]:
    """The kinds and the départements of the directory, to choose from."""
    rows = connection.execute(select(ESTABLISHMENT.c.kind, ESTABLISHMENT.c.departement).distinct()).all()
    return sorted({row.kind for row in rows} - {""}), sorted({row.departement for row in rows} - {""})


@dataclass(frozen=True, kw_only=True, slots=True)
class HandledRequest:
    """A request that was just dealt with, and where it stood in the lists: ``since`` when the rectorat had it."""

    reference: str
    since: datetime
    state: str = State.REQUESTED.value


def next_ready(connection: Connection, policy: Policy, now: datetime, after: str) -> str | None:
    """The next request whose two checks allow a code today (R39): the one after the reference ``after``, else the
    first; never ``after`` itself, and None when no other is left."""
    ready = _ready(connection, policy, now, Filters(), after)
    query = _REFERENCES.where(*ready).order_by(REQUEST.c.reference <= after, REQUEST.c.reference).limit(1)
    reference: str | None = connection.execute(query).scalar()
    return reference


def next_of_list(
    connection: Connection, policy: Policy, now: datetime, filters: Filters, order: Order, handled: HandledRequest
) -> str | None:
    """The same among what ``filters`` leave, in that ``order``: the one that follows ``handled``, else the first."""
    if filters.checks not in (None, Checks.READY):
        return None
    ready = _ready(connection, policy, now, filters, handled.reference)
    for after in (Keyset.cursor(order, handled), None):
        if rows := Keyset(order, after).rows(connection, _REFERENCES, ready, (State.REQUESTED,), 1):
            return str(rows[0].reference)
    return None


_REFERENCES: Final = select(REQUEST.c.reference).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)


def _ready(
    connection: Connection, policy: Policy, now: datetime, filters: Filters, but: str
) -> list[ColumnElement[bool]]:
    """The requests for which a code can be issued today, among what the filters leave, but one."""
    oldest = oldest_valid_day(policy.calendar.today(now), policy.checks_max_age_days)
    ready = replace(filters, checks=Checks.READY, oldest_check=oldest)
    years = [str(year) for year in live_years(connection) if not policy.calendar.has_ended(year, now)]
    return [
        *conditions(connection, ready, policy.calendar),
        REQUEST.c.school_year.in_(years),
        REQUEST.c.reference != but,
    ]


def last_source(connection: Connection, trigger: Trigger, actor: int) -> str:
    """The list that this actor read last for this check (R34), in his own words; empty when that was long ago."""
    recent = select(EVENT).order_by(EVENT.c.at.desc()).limit(RECENT).subquery()
    query = (
        select(NOTE.c.body)
        .join(recent, (NOTE.c.stream == recent.c.stream) & (NOTE.c.seq == recent.c.seq))
        .where(recent.c.kind == trigger.value, recent.c.actor == actor, NOTE.c.field == "source")
        .order_by(recent.c.at.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() or ""
