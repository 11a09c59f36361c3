"""The texts that name a person in requests of others: found, and erased when an operator chooses so (R111)."""

from collections.abc import Collection, Iterator, Set
from typing import Final

from sqlalchemy import Connection, delete, select, tuple_

from notifications.sql import batches
from states.characters import fold
from workflow.database.journal_tables import NOTE
from workflow.database.tables import PRIVATE_NOTE
from workflow.retention.limits import Counts

_NOTE_KEY: Final = (NOTE.c.stream, NOTE.c.seq, NOTE.c.field)
_AT_ONCE: Final = {"yield_per": 2000}


def written_names(prenom: str, nom: str) -> frozenset[str]:
    """A name as a text may bear it, folded: the prénom first, or the nom."""
    first, last = fold(prenom), fold(nom)
    return frozenset((f"{first} {last}".strip(), f"{last} {first}".strip())) - {""}


def find_mentions(connection: Connection, names: Set[str], own: Collection[str]) -> tuple[str, ...]:
    """Return the requests, but ``own``, of which a text bears one of these folded names or addresses."""
    found = {stream for stream, _, _ in _notes(connection, names)} | {
        reference for reference, _ in _private_notes(connection, names)
    }
    return tuple(sorted(found - set(own)))


def erase_mentions(connection: Connection, names: Set[str], references: Collection[str]) -> Counts:
    """Erase the texts of these requests that bear one of the names, and no other; the journal keeps their digests."""
    chosen = set(references)
    notes = [key for key in _notes(connection, names) if key[0] in chosen]
    private = [number for reference, number in _private_notes(connection, names) if reference in chosen]
    for keys in batches(notes):
        connection.execute(delete(NOTE).where(tuple_(*_NOTE_KEY).in_(keys)))
    for numbers in batches(private):
        connection.execute(delete(PRIVATE_NOTE).where(PRIVATE_NOTE.c.number.in_(numbers)))
    return Counts(texts=len(notes), notes=len(private))


def _notes(connection: Connection, names: Set[str]) -> Iterator[tuple[str, int, str]]:
    for stream, seq, field, body in connection.execute(select(*_NOTE_KEY, NOTE.c.body), execution_options=_AT_ONCE):
        if _bears(body, names):
            yield stream, seq, field


def _private_notes(connection: Connection, names: Set[str]) -> Iterator[tuple[str, int]]:
    columns = (PRIVATE_NOTE.c.reference, PRIVATE_NOTE.c.number, PRIVATE_NOTE.c.body)
    for reference, number, body in connection.execute(select(*columns), execution_options=_AT_ONCE):
        if _bears(body, names):
            yield reference, number


def _bears(body: str, names: Set[str]) -> bool:
    text = f" {fold(body)} "
    return any(f" {name} " in text for name in names)
