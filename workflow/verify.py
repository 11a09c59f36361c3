"""Checks every chain of the journal, and names what does not hold (R65)."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Row, String, exists, func, select, tuple_, type_coerce

from workflow import installation
from workflow.flaws import Chain, Flaw, note_flaws
from workflow.journal import INSTALLATION, Notary
from workflow.numbering import STREAMED, numbering_flaws
from workflow.rows import REQUEST
from workflow.writing import EVENT, NOTE

__all__ = ["BLIND_SPOTS", "Flaw", "Verifier", "count_events"]

BLIND_SPOTS = (
    "une fin de chaîne retirée en même temps que la tête de chaîne gardée dans la demande",
    "une chaîne entière recalculée par qui peut écrire dans toute la base",
    "la dernière demande d'une année retirée avec ses événements et avec son numéro dans le compteur",
    "une note effacée : son événement demeure, son texte ne peut plus être comparé",
    "ce que le journal ne porte pas : les noms, les adresses, et qui est derrière un numéro d'acteur",
)
"""What a chain alone cannot show, told plainly with every result."""

AnyRow = Row[Any]


def _raw(column: Column[Any], label: str) -> Any:
    """An instant as the driver gives it: one made unreadable is a flaw to name, not an error to raise."""
    return type_coerce(column, String).label(label)


_EVENTS = (
    *(c for c in EVENT.c if c.name != "at"),
    _raw(EVENT.c.at, "at"),
    REQUEST.c.reference,
    *(REQUEST.c[name] for name in ("state", "version", "uai", "school_year", "last_trigger")),
    *(REQUEST.c[name] for name in ("chain_head", "chain_length")),
    _raw(REQUEST.c.changed_at, "changed_at"),
)


def count_events(connection: Connection) -> int:
    """How many events there are to check."""
    return connection.execute(select(func.count()).select_from(EVENT)).scalar_one()


class Verifier:
    """Walks the whole journal in pages, in the order of the chains, in bounded memory and a few queries a page."""

    def __init__(
        self, connection: Connection, notary: Notary, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """``progress`` is told how many more events were checked. ``events`` and ``streams`` count them."""
        self._connection = connection
        self._notary = notary
        self._progress = progress
        self.events = 0
        self.streams = 0

    def flaws(self) -> Iterator[Flaw]:
        """Every flaw: the chains one after the other, then what has no chain and what has no number."""
        yield from self._chains()
        yield from self._stray_notes()
        yield from self._without_events()
        yield from numbering_flaws(self._connection)

    def _chains(self) -> Iterator[Flaw]:
        installed = self._installed()
        for stream, rows in groupby(self._rows(), key=lambda found: found[0].stream):
            self.streams += 1
            chain, kept = Chain(stream), None
            for row, notes in rows:
                kept = installed if stream == INSTALLATION else row if row.reference else None
                yield from chain.follow(row)
                yield from note_flaws(self._notary, row, notes)
            yield from chain.end(kept)

    def _rows(self) -> Iterator[tuple[AnyRow, dict[str, AnyRow]]]:
        """Each event with its request, and the notes beside it."""
        query = select(*_EVENTS).outerjoin(REQUEST, REQUEST.c.reference == EVENT.c.stream)
        ordered = query.order_by(EVENT.c.stream, EVENT.c.seq)
        for page in self._connection.execute(ordered, execution_options=STREAMED).partitions():
            notes = self._notes(page[0], page[-1])
            for row in page:
                self.events += 1
                yield row, notes.get((row.stream, row.seq), {})
            self._progress(len(page))

    def _notes(self, first: AnyRow, last: AnyRow) -> dict[tuple[str, int], dict[str, AnyRow]]:
        place = tuple_(NOTE.c.stream, NOTE.c.seq)
        span = (place >= (first.stream, first.seq), place <= (last.stream, last.seq))
        notes: dict[tuple[str, int], dict[str, AnyRow]] = {}
        for note in self._connection.execute(select(NOTE).where(*span)):
            notes.setdefault((note.stream, note.seq), {})[note.field] = note
        return notes

    def _installed(self) -> Any:
        columns = (installation.INSTALLED.c.chain_head, installation.INSTALLED.c.chain_length)
        return self._connection.execute(select(*columns)).first()

    def _stray_notes(self) -> Iterator[Flaw]:
        theirs = exists().where(EVENT.c.stream == NOTE.c.stream, EVENT.c.seq == NOTE.c.seq)
        query = select(NOTE.c.stream, NOTE.c.seq, NOTE.c.field).where(~theirs)
        for note in self._connection.execute(query, execution_options=STREAMED):
            yield Flaw(note.stream, note.seq, f"la note « {note.field} » n'a plus d'événement")

    def _without_events(self) -> Iterator[Flaw]:
        """A request without any event, or an installation without its own."""
        events = exists().where(EVENT.c.stream == REQUEST.c.reference)
        query = select(REQUEST.c.reference).where(~events)
        for reference in self._connection.execute(query, execution_options=STREAMED).scalars():
            yield Flaw(reference, None, "retiré : tous les événements de cette demande manquent")
        installed = self._installed()
        own = select(EVENT.c.seq).where(EVENT.c.stream == INSTALLATION).limit(1)
        if installed and installed.chain_length and self._connection.execute(own).first() is None:
            message = f"retiré : les {installed.chain_length} événements de l'installation manquent"
            yield Flaw(INSTALLATION, None, message)
