"""The search of the rectorat: requests of every state and year, by whatever one has at hand (R89).

A reference, whole or its number alone; names in any order, case and accents; a mail.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, func, select

from states.characters import fold
from states.model import Actor
from states.school_calendar import SchoolYear
from states.validation import clean_mail, fold_mail
from states.vocabulary import State
from workflow.database.mapping import reference_of
from workflow.database.tables import REQUEST, WORD
from workflow.requests.filters import visible_to, years_with_requests
from workflow.requests.worklist import COUNTED, Count, count_query

MOST: Final = 50
"""Requests shown: who finds more types another word."""

SHORTEST: Final = 2
"""Letters of a word that is looked for among the names: one alone begins a name in five."""

_NUMBER: Final = re.compile(r"(?:oda )?(?:([0-9]{4}) )?0*([0-9]{1,9})")
"""A folded reference: « oda 2027 00079 », « 2027 79 », « oda 79 », « 79 »."""

_LAST: Final = "\U0010ffff"
"""What follows every word that begins alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """``references`` of the requests found, the latest first, ``MOST`` at most; ``count`` and ``states`` of them all.

    ``exact``: the reference that was typed whole, when it exists.
    """

    references: tuple[str, ...]
    count: Count
    states: tuple[tuple[State, int], ...]
    exact: str | None


def search(connection: Connection, scope: Actor, text: str, limit: int | None = MOST) -> SearchResult:
    """The requests that this text names, of what ``scope`` may see (R3); None for ``limit``: all their references."""
    found, exact = _found(connection, scope, text)
    counts: dict[str, int] = {}
    if found is not None:
        matches = select(REQUEST.c.state).where(*found).limit(COUNTED + 1).subquery()
        query = select(matches.c.state, func.count().label("number")).group_by(matches.c.state)
        counts = {row.state: row.number for row in connection.execute(query)}
    references: Sequence[str] = ()
    if counts:
        latest = select(REQUEST.c.reference).where(*found or ()).order_by(REQUEST.c.reference.desc()).limit(limit)
        references = connection.execute(latest).scalars().all()
    return SearchResult(
        references=tuple(references), count=Count(sum(counts.values())),
        states=tuple((state, counts[state.value]) for state in State if state.value in counts),
        exact=exact,
    )  # fmt: skip


def count_named(connection: Connection, scope: Actor, text: str) -> Count:
    """Count the requests of every state and year that this text names, exactly up to ``COUNTED``."""
    found, _ = _found(connection, scope, text)
    if found is None:
        return Count(0)
    return Count(connection.execute(count_query(found)).scalar_one())


def _found(connection: Connection, scope: Actor, text: str) -> tuple[list[ColumnElement[bool]] | None, str | None]:
    """The conditions on the requests that the text names, None when it names none; the reference typed whole."""
    numbers, exact = _numbered(connection, scope, text)
    if numbers:
        return [REQUEST.c.reference.in_(numbers), visible_to(scope)], exact
    words = [fold_mail(clean_mail(text))] if "@" in text else fold(text).split()
    if not words or max(map(len, words)) < SHORTEST:
        return None, None
    longest, *others = sorted(words, key=len, reverse=True)
    also = WORD.alias("also")
    first = select(WORD.c.reference).where(_begins(WORD.c.word, longest))
    for word in others:
        first = first.where(exists().where(also.c.reference == WORD.c.reference, _begins(also.c.word, word)))
    return [REQUEST.c.reference.in_(first), visible_to(scope)], None


def _begins(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """As a range, which an index serves on both databases."""
    return (column >= word) & (column < word + _LAST)


def _numbered(connection: Connection, scope: Actor, text: str) -> tuple[list[str], str | None]:
    """The requests of this number, and the one of this number and year."""
    match = _NUMBER.fullmatch(fold(text))
    if match is None:
        return [], None
    year, number = match[1], int(match[2])
    years = [SchoolYear(int(year) - 1)] if year else years_with_requests(connection)
    candidates = [reference_of(each, number) for each in years]
    query = select(REQUEST.c.reference).where(REQUEST.c.reference.in_(candidates), visible_to(scope))
    references = list(connection.execute(query).scalars())
    return references, references[0] if year and references else None
