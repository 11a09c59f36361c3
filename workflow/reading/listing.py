"""The worklist: requests page after page, as quick at its end as at its beginning."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from notifications.fates import code_fates
from states.actors import Actor
from states.school_year import SchoolCalendar, SchoolYear
from states.vocabulary import CodeFate, State
from workflow.reading.filters import Filters, conditions
from workflow.reading.scope import within
from workflow.reading.undelivered import UNDELIVERABLE
from workflow.rows import ESTABLISHMENT, REMOVAL, REPORT, REQUEST, REQUEST_COLUMNS, request_from

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
    code_fate: CodeFate
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
    wanted = [within(scope), *conditions(connection, filters, calendar)]
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
    fates = code_fates(connection, requests)
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
