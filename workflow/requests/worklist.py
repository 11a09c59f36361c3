"""The operator's worklist: lines in any order with their checks, counts, and the next request to issue.

Each order is walked from the last line seen, so that its end is as quick as its beginning. The requests
whose checks are to be made come with all that is compared with the rectorat's two lists (R34 to R37).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, func, literal, or_, select, tuple_

from notifications.sql import batches
from states.model import Actor, Policy, Request
from states.refusals import Reason
from states.rules.verification import Standing, check_problems, oldest_valid_day
from states.validation import chef_sort_key, fold
from states.vocabulary import CodeStatus, Labelled, State, Trigger
from workflow.auth.actors import KNOWN_CHEF
from workflow.database.journal_tables import EVENT, NOTE
from workflow.database.mapping import live_years, request_from
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.requests.collaboration import Assignment, assignments_of
from workflow.requests.detail import CheckView
from workflow.requests.filters import COUNTED, Checks, Count, Filters, conditions, count_query, visible_to
from workflow.requests.lists import REQUEST_QUERY, RequestLine, lines_of

PAGE: Final = 50

RECENT: Final = 500
"""How many of the last events a source is looked for in: a wider look would grow with the journal."""

SCHOOLS_AT_ONCE: Final = 200
"""Schools whose requests are looked for together, in the order of their names."""

_INSTANT: Final = "%Y%m%dT%H%M%S.%fZ"

_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")

_SORTED: Final = select(REQUEST.c.reference, REQUEST.c.since, REQUEST.c.state)

_REFERENCES: Final = select(REQUEST.c.reference).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)


class Order(Labelled):
    """Orders of the lines; the value stands in the address."""

    WAITING = "attente", "Attente, la plus longue d'abord"
    LATEST = "recentes", "Attente, la plus courte d'abord"
    REFERENCE = "reference", "Référence, la plus récente d'abord"
    NAME = "nom", "Nom"
    NAME_BACKWARDS = "nom-z", "Nom, de Z à A"
    ESTABLISHMENT = "etablissement", "Département, puis établissement, par UAI"
    ESTABLISHMENT_BACKWARDS = "etablissement-z", "Département, puis établissement, du dernier UAI au premier"
    SCHOOL = "ecole", "Nom de l'établissement"
    SCHOOL_BACKWARDS = "ecole-z", "Nom de l'établissement, de Z à A"
    CHEF = "chef", "Nom du chef d'établissement"
    CHEF_BACKWARDS = "chef-z", "Nom du chef d'établissement, de Z à A"
    STATE = "etat", "État, puis attente"

    @property
    def is_descending(self) -> bool:
        return self in (
            Order.LATEST, Order.REFERENCE, Order.NAME_BACKWARDS, Order.ESTABLISHMENT_BACKWARDS, Order.SCHOOL_BACKWARDS,
            Order.CHEF_BACKWARDS,
        )  # fmt: skip

    @property
    def is_of_schools(self) -> bool:
        return self.is_of_chefs or self in (Order.SCHOOL, Order.SCHOOL_BACKWARDS)

    @property
    def is_of_chefs(self) -> bool:
        """True of the schools by their chefs' names, those whose chef is not known after all others."""
        return self in (Order.CHEF, Order.CHEF_BACKWARDS)


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
        """True if both checks allow a code today, and none is drawn yet (R39, R97)."""
        is_checked = self.listing is Mark.POSITIVE and self.delegation is Mark.POSITIVE
        return is_checked and self.line.drawn_in is None

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
    """A page of lines; ``after`` and ``before`` are the cursors of the next page and of the one before, None at the
    ends; ``rank`` counts the lines before the first of these."""

    lines: tuple[WorkLine, ...]
    after: str | None
    before: str | None = None
    rank: Count = Count(0)  # noqa: RUF009 (frozen)


_KEYS: Final[dict[Order, tuple[Column[Any], ...]]] = {
    Order.WAITING: (REQUEST.c.since, REQUEST.c.reference),
    Order.LATEST: (REQUEST.c.since, REQUEST.c.reference),
    Order.REFERENCE: (REQUEST.c.reference,),
    Order.NAME: (REQUEST.c.sorted_name, REQUEST.c.reference),
    Order.NAME_BACKWARDS: (REQUEST.c.sorted_name, REQUEST.c.reference),
    Order.ESTABLISHMENT: (REQUEST.c.uai, REQUEST.c.school_year, REQUEST.c.reference),
    Order.ESTABLISHMENT_BACKWARDS: (REQUEST.c.uai, REQUEST.c.school_year, REQUEST.c.reference),
    Order.STATE: (REQUEST.c.since, REQUEST.c.reference),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class HandledRequest:
    """A request that was just dealt with, and where it stood in the lists: ``since`` when the rectorat had it."""

    reference: str
    since: datetime
    state: str = State.REQUESTED.value


PAPER_ORDERS: Final = (Order.ESTABLISHMENT, Order.NAME, Order.CHEF)
"""The orders of the lists on paper."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckLine:
    """A request and its school, as they are compared with a line of a list; ``assignment``: who handles it (R88)."""

    request: Request
    establishment: str
    commune: str
    departement: str
    listing: CheckView
    delegation: CheckView
    assignment: Assignment | None

    @property
    def is_ready(self) -> bool:
        """True if both checks allow a code today (R39)."""
        return self.listing.is_valid and self.delegation.is_valid


@dataclass(frozen=True, slots=True)
class CheckPage:
    """A page of lines; ``total`` counts those of every page, ``after`` is the cursor of the next one."""

    lines: tuple[CheckLine, ...]
    total: Count
    after: str | None


class Worklist:
    """The requests that ``scope`` may see (R3), at ``now``."""

    def __init__(self, connection: Connection, scope: Actor, policy: Policy, now: datetime) -> None:
        self._connection, self._scope, self._policy, self._now = connection, scope, policy, now
        self._today = policy.calendar.today(now)

    def page(
        self, filters: Filters, order: Order, after: str | None, limit: int = PAGE, *, before: str | None = None
    ) -> WorkPage:
        """The page that follows the cursor ``after``, or that comes just before the cursor ``before``.

        A cursor that cannot be read begins at the beginning.
        """
        wanted, states = self._wanted(filters, order)
        keyset = Keyset(order, before or after, backwards=bool(before))
        rows = keyset.rows(self._connection, REQUEST_QUERY, wanted, states, limit + 1)
        has_more, rows = len(rows) > limit, rows[-limit:] if keyset.is_backwards else rows[:limit]
        if not rows:
            return WorkPage((), None)
        rank = 0
        if keyset.is_placed:
            start = Keyset(order, Keyset.cursor(order, rows[0]), backwards=True)
            rank = start.count(self._connection, wanted, states)
        return WorkPage(
            self._lines(rows),
            Keyset.cursor(order, rows[-1]) if has_more or keyset.is_backwards else None,
            Keyset.cursor(order, rows[0]) if rank else None,
            Count(rank),
        )

    def walk(self, filters: Filters, order: Order, at_once: int) -> Iterator[WorkLine]:
        """Yield every line, ``at_once`` read together."""
        wanted, states = self._wanted(filters, order)
        cursor: str | None = None
        while rows := Keyset(order, cursor).rows(self._connection, REQUEST_QUERY, wanted, states, at_once):
            yield from self._lines(rows)
            cursor = Keyset.cursor(order, rows[-1])

    def references(self, filters: Filters, order: Order, limit: int) -> list[str]:
        """The first references in this order, ``limit`` at most."""
        return [row.reference for row in self._first(_SORTED, filters, order, limit)]

    def first_rows(self, filters: Filters, order: Order, limit: int) -> list[Any]:
        """The first rows of ``REQUEST_QUERY`` in this order, ``limit`` at most, for who needs nothing else of them."""
        return self._first(REQUEST_QUERY, filters, order, limit)

    def _first(self, query: Any, filters: Filters, order: Order, limit: int) -> list[Any]:
        wanted, states = self._wanted(filters, order)
        return Keyset(order, None).rows(self._connection, query, wanted, states, limit)

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
            columns.append(count_query(self._conditions(each)).scalar_subquery().label(f"n{number}"))
        row = self._connection.execute(select(*columns)).one()
        return {name: Count(number) for name, number in zip(filters, row, strict=True)}

    def _conditions(self, filters: Filters, *, walked: bool = False) -> list[ColumnElement[bool]]:
        oldest = filters.oldest_check or oldest_valid_day(self._today, self._policy.checks_max_age_days)
        dated = replace(filters, oldest_check=oldest)
        return [visible_to(self._scope), *conditions(self._connection, dated, self._policy.calendar, walked=walked)]

    def _wanted(self, filters: Filters, order: Order) -> tuple[list[ColumnElement[bool]], tuple[State, ...]]:
        """The conditions of these filters, and the states that an order by state walks one after the other."""
        states = filters.states or tuple(state for state in State if state is not State.REVOKED or not filters.live)
        if order is Order.STATE:
            filters = replace(filters, states=(), live=False)
        return self._conditions(filters, walked=True), states

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
    """Pages of one order, from the ``cursor`` of a line: what follows it, or ``backwards`` what comes before.

    The rows stand in the list's order either way. A cursor that cannot be read is ignored: the list from its beginning.
    """

    def __init__(self, order: Order, cursor: str | None, *, backwards: bool = False) -> None:
        self._order = order
        self._state, self._since, self._reference = _parse_cursor(cursor or "")
        needs_instant = order in (Order.WAITING, Order.LATEST, Order.STATE)
        self.is_placed = bool(self._reference) and (self._since is not None or not needs_instant)
        self.is_backwards = backwards and self.is_placed

    @staticmethod
    def cursor(order: Order, row: Any) -> str:
        """The cursor of this row of a request."""
        instant = f"{row.since.astimezone(UTC):{_INSTANT}}"
        match order:
            case Order.WAITING | Order.LATEST:
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
            rows: list[Any] = []
            for state in self._remaining(states):  # in the order of a request's life, which is not that of their names
                beyond = self._beyond_since() if state is self._state else []
                of_state = [*wanted, REQUEST.c.state == state.value, *beyond]
                rows += self._select(connection, query, of_state, count - len(rows))
                if len(rows) >= count:
                    break
        elif self._order.is_of_schools:
            rows = self._by_school(connection, query, wanted, count)
        else:
            rows = self._select(connection, query, [*wanted, *self._beyond(connection)], count)
        return rows[::-1] if self.is_backwards else rows

    def count(self, connection: Connection, wanted: Sequence[ColumnElement[bool]], states: Sequence[State]) -> int:
        """Count the same rows, exactly up to ``COUNTED``."""
        if self._order.is_of_schools:
            schools, of_last = self._schools_beyond(connection)
            conditions = [*wanted, *of_last, REQUEST.c.uai.in_(schools)] if of_last else wanted
            return int(connection.execute(count_query(conditions)).scalar_one())
        parts = [[*wanted, *self._beyond(connection)]]
        if self._order is Order.STATE:
            remaining = self._remaining(states)
            beyond = [self._beyond_since() if state is self._state else [] for state in remaining]
            parts = [
                [*wanted, REQUEST.c.state == state.value, *further]
                for state, further in zip(remaining, beyond, strict=True)
            ]
        return sum(connection.execute(count_query(part)).scalar_one() for part in parts)

    def _by_school(
        self, connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], count: int
    ) -> list[Any]:  # fmt: skip
        """The rows that follow by the names of their schools, or of their chefs, which are folded in no column: they
        are few, and walked some at a time."""
        rows: list[Any] = []
        schools, beyond = self._schools_beyond(connection)
        for some in batches(schools, SCHOOLS_AT_ONCE):
            places = {uai: place for place, uai in enumerate(some)}
            keys = select(REQUEST.c.uai, REQUEST.c.reference).where(*wanted, *beyond, REQUEST.c.uai.in_(some))
            by_reference = sorted(connection.execute(keys), key=lambda row: str(row.reference), reverse=self._goes_down)
            following = sorted(by_reference, key=lambda row: places[row.uai])[: count - len(rows)]
            if following:
                order = {row.reference: place for place, row in enumerate(following)}
                found = connection.execute(query.where(REQUEST.c.reference.in_(order)))
                rows += sorted(found, key=lambda row: order[row.reference])
            if len(rows) >= count:
                break
        return rows

    def _schools_beyond(self, connection: Connection) -> tuple[list[str], list[ColumnElement[bool]]]:
        """The UAI of the schools from the last line's on, in order, and what is true of the requests beyond it."""
        of_chefs = self._order.is_of_chefs
        chef = (KNOWN_CHEF.label("chef"),) if of_chefs else ()
        columns = (*(ESTABLISHMENT.c[name] for name in ("uai", "nom", "commune")), *chef)
        names = {
            place.uai: (
                of_chefs and (not place.chef, chef_sort_key(place.chef)),
                fold(place.nom),
                fold(place.commune),
                place.uai,
            )
            for place in connection.execute(select(*columns))
        }
        schools = sorted(names, key=names.__getitem__, reverse=self._goes_down)
        last = select(REQUEST.c.uai).where(REQUEST.c.reference == self._reference)
        uai = connection.execute(last).scalar() if self.is_placed else None
        if uai is None:
            return schools, []
        column, reference = REQUEST.c.reference, self._reference
        further = column < reference if self._goes_down else column > reference
        return schools[schools.index(uai) :], [or_(REQUEST.c.uai != uai, further)]

    def _remaining(self, states: Sequence[State]) -> list[State]:
        """The states still to be walked, in the order of a request's life or backwards."""
        remaining = [state for state in State if state in states]
        if self.is_backwards:
            remaining.reverse()
        return remaining[remaining.index(self._state) :] if self._state in remaining else remaining

    @property
    def _goes_down(self) -> bool:
        """True when the rows are read from the greatest: a descending order, or the other one backwards."""
        return self._order.is_descending is not self.is_backwards

    def _beyond(self, connection: Connection) -> list[ColumnElement[bool]]:
        if not self._reference:
            return []
        keys = _KEYS[self._order]
        if keys[0] is REQUEST.c.since:
            return self._beyond_since()
        if len(keys) == 1:
            return [self._follows(keys, (self._reference,))]
        last = connection.execute(select(*keys).where(REQUEST.c.reference == self._reference)).one_or_none()
        return [self._follows(keys, last)] if last else []

    def _beyond_since(self) -> list[ColumnElement[bool]]:
        if self._since is None:
            return []
        return [self._follows((REQUEST.c.since, REQUEST.c.reference), (self._since, self._reference))]

    def _follows(self, keys: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
        """The rows that are read after these values of these keys."""
        last = tuple_(*(literal(value, key.type) for key, value in zip(keys, values, strict=True)))
        return tuple_(*keys) < last if self._goes_down else tuple_(*keys) > last

    def _select(
        self, connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], count: int
    ) -> list[Any]:
        """The first ``count`` rows, found in an index, then read whole: a filter passes over many to keep few."""
        order = [key.desc() if self._goes_down else key for key in _KEYS[self._order]]
        first = select(REQUEST.c.reference).where(*wanted).order_by(*order).limit(count)
        return list(connection.execute(query.where(REQUEST.c.reference.in_(first)).order_by(*order)))


def _parse_cursor(cursor: str) -> tuple[State | None, datetime | None, str]:
    """The parts of a cursor: what cannot be read is left out."""
    *before, reference = cursor.split("~")
    if not _REFERENCE.fullmatch(reference):
        return None, None, ""
    try:
        state = State(before[0]) if len(before) == 2 else None
        since = datetime.strptime(before[-1], _INSTANT).replace(tzinfo=UTC) if before else None
    except ValueError:
        return None, None, ""
    return state, since, reference


def kinds_and_departements(connection: Connection) -> tuple[list[str], list[str]]:
    """The kinds and the départements of the directory, to choose from."""
    rows = connection.execute(select(ESTABLISHMENT.c.kind, ESTABLISHMENT.c.departement).distinct()).all()
    return sorted({row.kind for row in rows} - {""}), sorted({row.departement for row in rows} - {""})


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


class ChecksToMake:
    """The requests that wait for a check at ``now``: one is missing, saw other data, or is too old.

    Those with a negative check wait for something else: to be sent back. So do those of a year that has ended (R24).
    """

    def __init__(self, connection: Connection, policy: Policy, now: datetime) -> None:
        self._connection, self._policy, self._now = connection, policy, now
        self._today = policy.calendar.today(now)

    def page(self, order: Order, after: str | None, limit: int, departement: str = "") -> CheckPage:
        """A page. ``after`` is the cursor of the page before; one that cannot be read begins at the beginning."""
        wanted = self._conditions(Filters(departement=departement))
        rows = self._rows(REQUEST_QUERY, wanted, order, after, limit + 1)
        matches = select(REQUEST.c.reference).where(REQUEST.c.state == State.REQUESTED.value, *wanted)
        count = select(func.count()).select_from(matches.limit(COUNTED + 1).subquery())
        number = self._connection.execute(count).scalar_one()
        following = Keyset.cursor(order, rows[limit - 1]) if len(rows) > limit else None
        return CheckPage(self._lines(rows[:limit]), Count(number), following)

    def walk(self, order: Order, departement: str, at_once: int) -> Iterator[CheckLine]:
        """Yield what every page lists, in its order, ``at_once`` read together."""
        wanted, cursor = self._conditions(Filters(departement=departement)), None
        while rows := self._rows(REQUEST_QUERY, wanted, order, cursor, at_once):
            yield from self._lines(rows)
            cursor = Keyset.cursor(order, rows[-1])

    def lines(self, references: Sequence[str]) -> dict[str, CheckLine]:
        """These requests as they are now, whatever they wait for; those that do not exist are left out."""
        rows = self._connection.execute(REQUEST_QUERY.where(REQUEST.c.reference.in_(references)))
        return {line.request.reference: line for line in self._lines(rows.all())}

    def following(self, filters: Filters, order: Order, handled: HandledRequest) -> str | None:
        """The request that follows ``handled`` in this order among what ``filters`` leave, else the first other one."""
        wanted = [*self._conditions(filters), REQUEST.c.reference != handled.reference]
        columns = select(REQUEST.c.reference).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        for after in (Keyset.cursor(order, handled), None):
            if rows := self._rows(columns, wanted, order, after, 1):
                return str(rows[0].reference)
        return None

    def _rows(
        self, query: Any, wanted: Sequence[ColumnElement[bool]], order: Order, after: str | None, count: int
    ) -> list[Any]:
        only = REQUEST.c.state == State.REQUESTED.value
        return Keyset(order, after).rows(self._connection, query, [*wanted, only], (State.REQUESTED,), count)

    def _conditions(self, filters: Filters) -> list[ColumnElement[bool]]:
        oldest = oldest_valid_day(self._today, self._policy.checks_max_age_days)
        calendar = self._policy.calendar
        years = [str(year) for year in live_years(self._connection) if not calendar.has_ended(year, self._now)]
        return [
            *conditions(self._connection, filters, calendar),
            REQUEST.c.school_year.in_(years),
            or_(
                REQUEST.c.checks == Standing.TO_DO.value,
                (REQUEST.c.checks == Standing.POSITIVE.value) & (REQUEST.c.checked_on < oldest),
            ),
        ]

    def _lines(self, rows: Sequence[Any]) -> tuple[CheckLine, ...]:
        assigned = assignments_of(self._connection, [row.reference for row in rows], self._now)
        return tuple(self._line(row, assigned.get(row.reference)) for row in rows)

    def _line(self, row: Any, assignment: Assignment | None) -> CheckLine:
        request = request_from(row)
        problems = check_problems(request, self._today, self._policy.checks_max_age_days)
        return CheckLine(
            request=request, establishment=row.establishment, commune=row.commune, departement=row.departement,
            listing=CheckView(request.listing, problems.get(Trigger.CHECK_LISTING)),
            delegation=CheckView(request.delegation, problems.get(Trigger.CHECK_DELEGATION)), assignment=assignment,
        )  # fmt: skip
