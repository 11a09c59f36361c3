"""The figures of a year's end that is foreseen, counted by the database: the same as walking through it all (R53)."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select

from notifications.vocabulary import Kind
from states.vocabulary import RemovalKind, State
from workflow.endings import COUNTED_AS, Oddity, YearSummary
from workflow.reading.undelivered import UNDELIVERABLE
from workflow.renewals import renewed
from workflow.rows import ESTABLISHMENT, IS_LIVE, REPORT, REQUEST, establishment_from

_BARE: Final = func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") == ""
_REPORTED: Final = REQUEST.c.reference.in_(select(REPORT.c.reference).where(REPORT.c.settlement.is_(None)))
_TASK: Final = case(
    (REQUEST.c.code_issued_at.is_not(None), RemovalKind.REMOVE_RIGHTS.value),
    (REQUEST.c.key_possible, RemovalKind.KEY_ENABLED.value),
)
"""The task that a revocation opens (R47)."""


def count(connection: Connection, year: YearSummary) -> None:
    """Fill the summary, in a few queries whatever the number of requests."""
    _requests(connection, year)
    _establishments(connection, year)
    for oddity, condition in ((Oddity.CODE_UNDELIVERABLE, UNDELIVERABLE), (Oddity.OPEN_REPORT, _REPORTED)):
        if found := _how_many(connection, year, condition):
            year.oddities[oddity] = found
    year.renewed = _how_many(connection, year, renewed(year.end.school_year))


def _live(year: YearSummary) -> tuple[ColumnElement[bool], ...]:
    return (REQUEST.c.school_year == str(year.end.school_year), IS_LIVE)


def _how_many(connection: Connection, year: YearSummary, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(REQUEST).where(*_live(year), condition)
    return int(connection.execute(query).scalar_one())


def _requests(connection: Connection, year: YearSummary) -> None:
    place, task = ESTABLISHMENT.c.departement, _TASK.label("task")
    query = (
        select(place, REQUEST.c.state, task, func.count())
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(*_live(year))
        .group_by(place, REQUEST.c.state, task)
    )
    kinds, states = {kind.value: kind for kind in RemovalKind}, {state.value: state for state in State}
    for departement, state, kind, number in connection.execute(query):
        year.requests += number
        year.departements[departement] += number
        year.states[states[state]] += number
        year.shares[departement]["revoked"] += number
        if kind:
            year.removals[kinds[kind]] += number
            year.shares[departement][COUNTED_AS[kinds[kind]]] += number


def _establishments(connection: Connection, year: YearSummary) -> None:
    theirs = exists().where(REQUEST.c.uai == ESTABLISHMENT.c.uai, *_live(year))
    flags = (ESTABLISHMENT.c.departement, _BARE.label("bare"), ESTABLISHMENT.c.is_open)
    for departement, bare, is_open, number in connection.execute(
        select(*flags, func.count()).where(theirs).group_by(*flags)
    ):
        year.establishments += number
        year.shares[departement]["establishments"] += number
        if not is_open:
            year.oddities[Oddity.CLOSED] += number
        if bare:
            year.oddities[Oddity.NO_MAILBOX] += number
        else:
            year.mails[Kind.YEAR_END] += number
    untold = select(ESTABLISHMENT).where(theirs, _BARE).order_by(ESTABLISHMENT.c.uai)
    year.without_mailbox += [establishment_from(row) for row in connection.execute(untold)]


def next_uais(
    connection: Connection, year: YearSummary, *, after: str, departements: list[str], odd_only: bool, limit: int
) -> list[str]:
    """The establishments that follow ``after`` among those with a request to revoke, by UAI; ``departements`` are the
    spellings of one, none for all."""
    narrowed = _narrowed(select(ESTABLISHMENT.c.uai), year, departements, odd_only=odd_only)
    query = narrowed.where(ESTABLISHMENT.c.uai > after).order_by(ESTABLISHMENT.c.uai).limit(limit)
    return list(connection.execute(query).scalars())


def _narrowed(query: Select[Any], year: YearSummary, departements: list[str], *, odd_only: bool) -> Select[Any]:
    return query.where(and_(*_conditions(year, departements, odd_only=odd_only)))


def _conditions(year: YearSummary, departements: list[str], *, odd_only: bool) -> Iterator[ColumnElement[bool]]:
    theirs = (REQUEST.c.uai == ESTABLISHMENT.c.uai, *_live(year))
    if odd_only:
        odd = exists().where(*theirs, or_(UNDELIVERABLE, _REPORTED))
        yield or_(_BARE, ESTABLISHMENT.c.is_open.is_(False), odd)
    yield exists().where(*theirs)
    if departements:
        yield ESTABLISHMENT.c.departement.in_(departements)
