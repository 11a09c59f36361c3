"""The requests whose checks are to be made, with all that is compared with the rectorat's two lists (R34 to R37)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from states.model import Request
from states.policy import Policy
from states.rules.verification import Standing, check_problems, oldest_valid_day
from states.vocabulary import State, Trigger
from workflow.database.mapping import request_from
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.requests.collaboration import Assignment, assignments_of
from workflow.requests.detail import CheckView
from workflow.requests.filters import Filters, conditions, live_years
from workflow.requests.lists import REQUEST_QUERY
from workflow.requests.worklist import COUNTED, Count, HandledRequest, Keyset, Order

PAPER_ORDERS: Final = (Order.ESTABLISHMENT, Order.NAME)
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
