"""The operator's worklist: lines in any order with what their checks say, how many there are, a whole selection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select

from states import checks
from states.actors import Actor
from states.facts import Request
from states.policy import Policy
from states.refusals import Reason
from states.vocabulary import CodeFate, Labelled, State
from workflow.reading.filters import Filters, conditions
from workflow.reading.listing import QUERY, RequestLine, lines_of
from workflow.reading.next_step import CHECKS
from workflow.reading.ordering import Order, Walk
from workflow.reading.scope import within
from workflow.rows import ESTABLISHMENT, REQUEST, request_from

PAGE: Final = 50
COUNTED: Final = 1000
"""How far a count goes: beyond, « plus de 1 000 » says enough, and costs the same however many there are."""


class Mark(Labelled):
    """What one check says today; the label is what a line says of it."""

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
    """A line with what an operator looks for. ``listing`` and ``delegation`` are None where no check is waited for;
    ``last_day``: the day that the key must bear on the ODA server (R43); ``days``: whole days in its state."""

    line: RequestLine
    listing: Mark | None
    delegation: Mark | None
    last_day: date
    expiry_differs: bool
    days: int

    @property
    def is_ready(self) -> bool:
        """Whether both checks allow a code today (R39)."""
        return self.listing is Mark.POSITIVE and self.delegation is Mark.POSITIVE

    @property
    def awaits_handover(self) -> bool:
        issued = self.line.state is State.CODE_ISSUED
        return issued and self.line.code_fate not in (CodeFate.HANDED_OVER, CodeFate.EXTENDED, CodeFate.UNDELIVERABLE)


@dataclass(frozen=True, slots=True)
class WorkPage:
    """``after`` is what to give for the next page, None at the end."""

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
    """What ``scope`` may see (R3), at ``now``."""

    def __init__(self, connection: Connection, scope: Actor, policy: Policy, now: datetime) -> None:
        self._connection, self._scope, self._policy, self._now = connection, scope, policy, now

    def page(self, filters: Filters, order: Order, after: str | None, limit: int = PAGE) -> WorkPage:
        """A page. ``after``: what the page before gave; one that cannot be read begins at the beginning."""
        rows = self._rows(filters, order, after, limit + 1, QUERY)
        more = len(rows) > limit
        lines = self._lines(rows[:limit])
        return WorkPage(lines, Walk.mark(order, rows[limit - 1]) if more else None)

    def references(self, filters: Filters, order: Order, limit: int) -> list[str]:
        """The first references in this order, ``limit`` at most."""
        columns = select(REQUEST.c.reference, REQUEST.c.since, REQUEST.c.state)
        return [row.reference for row in self._rows(filters, order, None, limit, columns)]

    def named(self, references: Sequence[str]) -> tuple[WorkLine, ...]:
        """These requests' lines, in this order; those that do not exist, or are not seen, are left out."""
        query = QUERY.where(REQUEST.c.reference.in_(references), within(self._scope))
        found = {line.line.reference: line for line in self._lines(list(self._connection.execute(query)))}
        return tuple(found[reference] for reference in references if reference in found)

    def counts(self, filters: Mapping[str, Filters]) -> dict[str, Count]:
        """How many requests each of these leaves, in one query."""
        if not filters:
            return {}
        columns = [self._bounded(one).label(f"n{number}") for number, one in enumerate(filters.values())]
        row = self._connection.execute(select(*columns)).one()
        return {name: Count(number) for name, number in zip(filters, row, strict=True)}

    def _bounded(self, filters: Filters) -> ColumnElement[int]:
        some: Select[Any] = select(literal_column("1")).select_from(REQUEST).where(*self._wanted(filters))
        return select(func.count()).select_from(some.limit(COUNTED + 1).subquery()).scalar_subquery()

    def _wanted(self, filters: Filters, *, walked: bool = False) -> list[ColumnElement[bool]]:
        oldest = checks.oldest_day(self._policy.calendar.today(self._now), self._policy.checks_max_age_days)
        dated = replace(filters, oldest_check=filters.oldest_check or oldest)
        return [within(self._scope), *conditions(self._connection, dated, self._policy.calendar, walked=walked)]

    def _rows(self, filters: Filters, order: Order, after: str | None, count: int, query: Any) -> list[Any]:
        states = filters.states or tuple(state for state in State if state is not State.REVOKED or not filters.live)
        bare = replace(filters, states=(), live=False) if order is Order.STATE else filters
        return Walk(order, after).rows(self._connection, query, self._wanted(bare, walked=True), states, count)

    def _lines(self, rows: list[Any]) -> tuple[WorkLine, ...]:
        lines = lines_of(self._connection, rows)
        return tuple(self._line(request_from(row), line) for row, line in zip(rows, lines, strict=True))

    def _line(self, request: Request, line: RequestLine) -> WorkLine:
        today = self._policy.calendar.today(self._now)
        last_day = self._policy.calendar.end_of(request.school_year).last_day
        listing, delegation = self._marks(request, today)
        return WorkLine(
            line=line, listing=listing, delegation=delegation, last_day=last_day,
            expiry_differs=request.state is State.CODE_ISSUED and request.expiry_seen_for != last_day,
            days=max(0, (today - self._policy.calendar.today(line.since)).days),
        )  # fmt: skip

    def _marks(self, request: Request, today: date) -> tuple[Mark | None, Mark | None]:
        if request.state is not State.REQUESTED:
            return None, None
        reasons = list(checks.problems(request, today, self._policy.checks_max_age_days))
        listing, delegation = (_mark(label, reasons) for label, _ in CHECKS)
        return listing, delegation


def _mark(label: str, reasons: list[Reason]) -> Mark:
    codes: Iterator[str] = (reason.code for reason in reasons if reason.message.startswith(label))
    return _MARKS.get(next(codes, ""), Mark.POSITIVE)


def kinds_and_departements(connection: Connection) -> tuple[list[str], list[str]]:
    """The kinds and the départements of the directory, to choose from."""
    rows = connection.execute(select(ESTABLISHMENT.c.kind, ESTABLISHMENT.c.departement).distinct()).all()
    return sorted({row.kind for row in rows} - {""}), sorted({row.departement for row in rows} - {""})
