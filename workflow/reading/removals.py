"""The rights to remove on the ODA server as a worklist, and those that were confirmed (R47 to R49)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from notifications.mailer import Mailer
from states.policy import Policy
from states.school_year import SchoolYear
from states.vocabulary import RemovalKind
from states.words import normalise_uai
from workflow.reading.filters import spellings
from workflow.reading.removal_lines import KINDS, WHOLE, RemovalLine, joined, lines_of
from workflow.rows import ESTABLISHMENT, REMOVAL, REQUEST, school_year

MOST: Final = 2000
"""How many can be confirmed at once."""
_OPEN: Final = REMOVAL.c.closed_at.is_(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalFilters:
    """None or empty leaves everything in; ``confirmed``: those that were, instead of those that wait."""

    kind: RemovalKind | None = None
    confirmed: bool = False
    school_year: SchoolYear | None = None
    departement: str = ""
    uai: str = ""


@dataclass(frozen=True, slots=True)
class RemovalPage:
    """Some lines; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[RemovalLine, ...]
    after: str | None


def list_removals(
    connection: Connection, filters: RemovalFilters, policy: Policy, mailer: Mailer, *,
    after: str | None = None, limit: int = 50,
) -> RemovalPage:  # fmt: skip
    """A page of open tasks by reference, or of confirmed ones, the latest first; the same few queries for any page.

    Raises ValueError when ``after`` is none of what a page gave.
    """
    query = _tasks(select(*WHOLE), filters).limit(limit + 1)
    query = _latest_first(query, after) if filters.confirmed else _in_order(query, after)
    rows = connection.execute(query).all()
    lines = lines_of(connection, rows[:limit], policy, mailer)
    return RemovalPage(lines, _cursor(lines[-1], filters) if len(rows) > limit else None)


def open_references(connection: Connection, filters: RemovalFilters, limit: int) -> list[str]:
    """The references of the open tasks that the filters leave, the first ``limit`` by reference."""
    query = _in_order(_tasks(select(REMOVAL.c.reference), filters), None)
    return list(connection.execute(query.limit(limit)).scalars())


def count_removals(connection: Connection, filters: RemovalFilters) -> dict[RemovalKind, int]:
    """How many open tasks the filters leave, their kind set aside, by kind, zero included."""
    counts = joined(select(REMOVAL.c.kind, func.count())).where(_OPEN, *_places(filters)).group_by(REMOVAL.c.kind)
    found = {KINDS[kind]: count for kind, count in connection.execute(counts)}
    return {kind: found.get(kind, 0) for kind in RemovalKind}


def years_with_open(connection: Connection) -> list[SchoolYear]:
    """The school years that have an open task, the latest first."""
    query = joined(select(REQUEST.c.school_year)).where(_OPEN).distinct()
    return sorted((school_year(text) for text in connection.execute(query).scalars()), reverse=True)


def _tasks(query: Select[Any], filters: RemovalFilters) -> Select[Any]:
    narrowed = joined(query).where(~_OPEN if filters.confirmed else _OPEN, *_places(filters))
    return narrowed.where(REMOVAL.c.kind == filters.kind.value) if filters.kind else narrowed


def _places(filters: RemovalFilters) -> Iterator[ColumnElement[bool]]:
    if filters.school_year:
        yield REQUEST.c.school_year == str(filters.school_year)
    if filters.departement:
        yield ESTABLISHMENT.c.departement.in_(spellings(filters.departement))
    if filters.uai:
        yield REQUEST.c.uai == normalise_uai(filters.uai)


def _in_order(query: Select[Any], after: str | None) -> Select[Any]:
    return query.where(REMOVAL.c.reference > (after or "")).order_by(REMOVAL.c.reference)


def _latest_first(query: Select[Any], after: str | None) -> Select[Any]:
    closed = REMOVAL.c.closed_at
    if after:
        instant, reference = after.split("|")
        at = datetime.fromisoformat(instant)
        query = query.where(or_(closed < at, (closed == at) & (REMOVAL.c.reference < reference)))
    return query.order_by(closed.desc(), REMOVAL.c.reference.desc())


def _cursor(last: RemovalLine, filters: RemovalFilters) -> str:
    reference = last.request.reference
    return f"{last.closed_at.isoformat()}|{reference}" if filters.confirmed and last.closed_at else reference
