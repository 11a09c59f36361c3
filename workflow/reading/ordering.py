"""The orders of the worklist, each walked from the last line seen: as quick at its end as at its beginning."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, literal, select, tuple_

from states.vocabulary import Labelled, State
from workflow.rows import REQUEST

_INSTANT: Final = "%Y%m%dT%H%M%S.%fZ"
_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")


class Order(Labelled):
    """How the lines follow each other; the value stands in the address."""

    WAITING = "attente", "Attente, la plus longue d'abord"
    REFERENCE = "reference", "Référence, la plus récente d'abord"
    NAME = "nom", "Nom"
    ESTABLISHMENT = "etablissement", "Établissement, par UAI"
    STATE = "etat", "État, puis attente"


class Walk:
    """One walk in an order. ``after`` is what ``mark`` gave of the last line seen; one that nobody gave is ignored."""

    def __init__(self, order: Order, after: str | None) -> None:
        self._order = order
        self._state, self._since, self._reference = _read(after or "")

    @staticmethod
    def mark(order: Order, row: Any) -> str:
        """Where a walk stands after this row of a request."""
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
        """At most ``count`` rows of ``query`` that meet ``wanted``, which leaves ``states`` alone."""
        if self._order is Order.STATE:
            return self._by_state(connection, query, wanted, states, count)
        keys = _KEYS[self._order]
        order = (REQUEST.c.reference.desc(),) if self._order is Order.REFERENCE else keys
        return _found(connection, query, [*wanted, *self._beyond(connection, keys)], order, count)

    def _by_state(
        self, connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], states: Sequence[State],
        count: int,
    ) -> list[Any]:  # fmt: skip
        """State after state, in the order of a request's life, which is not that of their names."""
        rows: list[Any] = []
        left = [state for state in State if state in states]
        if self._state in left:
            left = left[left.index(self._state) :]
        for state in left:
            beyond = self._since_beyond() if state is self._state else []
            mine = [*wanted, REQUEST.c.state == state.value, *beyond]
            rows += _found(connection, query, mine, _KEYS[Order.WAITING], count - len(rows))
            if len(rows) >= count:
                break
        return rows

    def _beyond(self, connection: Connection, keys: Sequence[Column[Any]]) -> list[ColumnElement[bool]]:
        if not self._reference:
            return []
        if self._order is Order.WAITING:
            return self._since_beyond()
        if self._order is Order.REFERENCE:
            return [REQUEST.c.reference < self._reference]
        last = connection.execute(select(*keys).where(REQUEST.c.reference == self._reference)).one_or_none()
        return [_past(keys, last)] if last else []

    def _since_beyond(self) -> list[ColumnElement[bool]]:
        if self._since is None:
            return []
        return [_past((REQUEST.c.since, REQUEST.c.reference), (self._since, self._reference))]


_KEYS: Final[dict[Order, tuple[Column[Any], ...]]] = {
    Order.WAITING: (REQUEST.c.since, REQUEST.c.reference),
    Order.REFERENCE: (REQUEST.c.reference,),
    Order.NAME: (REQUEST.c.sorted_name, REQUEST.c.reference),
    Order.ESTABLISHMENT: (REQUEST.c.uai, REQUEST.c.school_year, REQUEST.c.reference),
}


def _found(
    connection: Connection, query: Any, wanted: Sequence[ColumnElement[bool]], order: Sequence[ColumnElement[Any]],
    count: int,
) -> list[Any]:  # fmt: skip
    """The first ``count`` rows, found in an index, then read whole: a filter passes over many to keep few."""
    first = select(REQUEST.c.reference).where(*wanted).order_by(*order).limit(count)
    return list(connection.execute(query.where(REQUEST.c.reference.in_(first)).order_by(*order)))


def _past(keys: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """The rows that follow these values in the order of these keys."""
    return tuple_(*keys) > tuple_(*(literal(value, key.type) for key, value in zip(keys, values, strict=True)))


def _read(mark: str) -> tuple[State | None, datetime | None, str]:
    """The parts of a mark: what cannot be read is left out."""
    *before, reference = mark.split("~")
    if not _REFERENCE.fullmatch(reference):
        return None, None, ""
    states = {state.value: state for state in State}
    state = states.get(before[0]) if len(before) == 2 else None
    try:
        since = datetime.strptime(before[-1], _INSTANT).replace(tzinfo=UTC) if before else None
    except ValueError:
        return None, None, ""
    return state, since, reference
