"""The references that a school year gave, against those that exist: a request removed whole is seen here (R65)."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, func, select

from workflow.flaws import Flaw
from workflow.references import COUNTER, reference_of
from workflow.rows import REQUEST, school_year

STREAMED: Final = {"yield_per": 2000}
"""Read a result in pages of so many rows, whatever its length."""


def numbering_flaws(connection: Connection) -> Iterator[Flaw]:
    """References given and gone, or there without having been given."""
    last = {row.school_year: row.last for row in connection.execute(select(COUNTER))}
    order = (REQUEST.c.school_year, func.length(REQUEST.c.reference), REQUEST.c.reference)
    query = select(REQUEST.c.school_year, REQUEST.c.reference).order_by(*order)
    found = connection.execute(query, execution_options=STREAMED)
    for year, rows in groupby(found, key=lambda row: str(row.school_year)):
        yield from _numbers(year, (row.reference for row in rows), last.pop(year, 0))
    for year, given in last.items():
        yield from _numbers(year, iter(()), given)


def _numbers(year: str, references: Iterator[str], last: int) -> Iterator[Flaw]:
    """The references of a year, in their order, against the last number given."""
    expected = 1
    for reference in references:
        number = _number_of(reference, year)
        if number is None:
            yield Flaw(reference, None, f"la demande a été modifiée : cette référence n'est pas de l'année {year}")
            continue
        if number > expected:
            yield _hole(year, expected, number - 1)
        if number > last:
            yield Flaw(reference, None, f"insérée : le compteur de l'année {year} s'arrête à {last}")
        expected = number + 1
    if expected <= last:
        yield _hole(year, expected, last)


def _number_of(reference: str, year: str) -> int | None:
    found = re.fullmatch(r"ODA-\d{4}-(\d{5,})", reference)
    try:
        return int(found[1]) if found and reference_of(school_year(year), int(found[1])) == reference else None
    except ValueError:
        return None


def _hole(year: str, first: int, last: int) -> Flaw:
    try:
        known = school_year(year)
    except ValueError:
        return Flaw(f"compteur « {year} »", None, "modifié : cette année n'existe pas")
    upto = "" if first == last else f", ainsi que les suivantes jusqu'à {reference_of(known, last)}"
    return Flaw(reference_of(known, first), None, f"retirée{upto} : numérotée et n'existe plus")
