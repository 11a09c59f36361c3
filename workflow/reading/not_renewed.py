"""Who had a key until the end of a year, and has no request for the next one in that establishment (R81)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, exists, func, select, tuple_

from states.school_year import SchoolYear
from states.vocabulary import State, Trigger
from workflow.reading.filters import spellings
from workflow.renewals import renewed
from workflow.rows import ESTABLISHMENT, REQUEST
from workflow.writing import EVENT

_BATCH: Final = 1000
_NAMES: Final = ("reference", "nom", "prenom", "mail", "uai", "expires_on")
_COLUMNS: Final = (
    *(REQUEST.c[name] for name in _NAMES), ESTABLISHMENT.c.nom.label("establishment"), ESTABLISHMENT.c.commune,
    ESTABLISHMENT.c.departement, ESTABLISHMENT.c.is_open,
    func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "").label("mailbox"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRenewed:
    """One person, in one establishment; ``mailbox`` is empty when it has none."""

    reference: str
    nom: str
    prenom: str
    mail: str
    uai: str
    establishment: str
    commune: str
    departement: str
    is_open: bool
    mailbox: str
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class NotRenewedPage:
    """Some of them; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[NotRenewed, ...]
    after: str | None


def list_not_renewed(
    connection: Connection, year: SchoolYear, *, departement: str = "", after: str | None = None, limit: int = 50
) -> NotRenewedPage:
    """A page of those of ``year``, by UAI. Raises ValueError when ``after`` is none of what a page gave."""
    query = select(*_COLUMNS).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai).where(*_left(year))
    if departement:
        query = query.where(ESTABLISHMENT.c.departement.in_(spellings(departement)))
    if after:
        uai, reference = after.split("~")
        query = query.where(tuple_(REQUEST.c.uai, REQUEST.c.reference) > tuple_(uai, reference))
    rows = connection.execute(query.order_by(REQUEST.c.uai, REQUEST.c.reference).limit(limit + 1)).all()
    lines = tuple(_line(row) for row in rows[:limit])
    more = len(rows) > limit
    return NotRenewedPage(lines, f"{lines[-1].uai}~{lines[-1].reference}" if more else None)


def all_not_renewed(connection: Connection, year: SchoolYear, *, departement: str = "") -> Iterator[NotRenewed]:
    """Each of them, in bounded memory."""
    after: str | None = ""
    while after is not None:
        page = list_not_renewed(connection, year, departement=departement, after=after, limit=_BATCH)
        yield from page.lines
        after = page.after


def count_not_renewed(connection: Connection, year: SchoolYear) -> dict[str, int]:
    """How many in each département that has one, by its code."""
    place = ESTABLISHMENT.c.departement
    query = select(place, func.count()).join(REQUEST, REQUEST.c.uai == ESTABLISHMENT.c.uai).where(*_left(year))
    return {code: number for code, number in connection.execute(query.group_by(place).order_by(place))}  # noqa: C416


def count_had_key(connection: Connection, year: SchoolYear) -> int:
    """How many had a key until the end of that year, renewed or not."""
    query = select(func.count()).select_from(REQUEST).where(*had_key(year))
    return int(connection.execute(query).scalar_one())


def had_key(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    """The requests of a year that had a key until its end: revoked by it, and not before (R50)."""
    ended = exists().where(EVENT.c.stream == REQUEST.c.reference, EVENT.c.kind == Trigger.EXPIRE.value)
    return (
        REQUEST.c.school_year == str(year), REQUEST.c.state == State.REVOKED.value,
        REQUEST.c.code_issued_at.is_not(None), ended,
    )  # fmt: skip


def _left(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    return (*had_key(year), ~renewed(year))


def _line(row: Any) -> NotRenewed:
    return NotRenewed(**row._mapping)
