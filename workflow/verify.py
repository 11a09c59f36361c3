"""Checks every chain of the journal, and names what does not hold (R65)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from states.school_year import SchoolYear
from workflow import installation
from workflow.journal import GENESIS, INSTALLATION, Notary, canonical_instant, hash_of
from workflow.references import COUNTER, reference_of
from workflow.rows import REQUEST, school_year
from workflow.writing import EVENT, NOTE

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that does not hold: where (``seq`` None for a whole stream), and what, in French."""

    stream: str
    seq: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.stream}{f', événement {self.seq}' if self.seq is not None else ''} : {self.message}"


BLIND_SPOTS = (
    "une fin de chaîne retirée en même temps que la tête de chaîne gardée dans la demande",
    "une chaîne entière recalculée par qui peut écrire dans toute la base",
    "une note effacée : son événement demeure, son texte ne peut plus être comparé",
)
"""What a chain alone cannot show, told plainly with every result."""


@dataclass
class _Chain:
    """Where the walk along one stream stands."""

    stream: str
    seq: int = 0
    head: str = GENESIS
    state: str | None = None


class Verifier:
    """Walks the whole journal in pages, in the order of the chains, in bounded memory."""

    def __init__(self, connection: Connection, notary: Notary) -> None:
        self._connection = connection
        self._notary = notary
        self.events = 0
        self.streams = 0
        self._open = ""
        self._heads: dict[str, tuple[str, int, str | None]] = {}

    def flaws(self) -> Iterator[Flaw]:
        """Every flaw, stream by stream."""
        chain: _Chain | None = None
        for row, notes in self._rows():
            if chain is None or row.stream != chain.stream:
                if chain:
                    yield from self._end(chain)
                chain = _Chain(row.stream)
                self._open = row.stream
                self.streams += 1
            self.events += 1
            yield from self._link(chain, row, notes)
        if chain:
            yield from self._end(chain)
        yield from self._missing()

    def _rows(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        after: tuple[str, int] = ("", 0)
        while True:
            query = select(EVENT).order_by(EVENT.c.stream, EVENT.c.seq).limit(PAGE)
            later = (EVENT.c.stream > after[0]) | ((EVENT.c.stream == after[0]) & (EVENT.c.seq > after[1]))
            page = self._connection.execute(query.where(later)).all()
            if not page:
                return
            first, last = page[0].stream, page[-1].stream
            self._learn_heads(first, last)
            span = (NOTE.c.stream >= first, NOTE.c.stream <= last)
            notes: dict[tuple[str, int], dict[str, Any]] = {}
            for note in self._connection.execute(select(NOTE).where(*span)):
                notes.setdefault((note.stream, note.seq), {})[note.field] = note
            for row in page:
                yield row, notes.get((row.stream, row.seq), {})
            after = (page[-1].stream, page[-1].seq)

    def _learn_heads(self, first: str, last: str) -> None:
        """The heads of a page's chains; the one that the page before left open is kept."""
        columns = (REQUEST.c.reference, REQUEST.c.chain_head, REQUEST.c.chain_length, REQUEST.c.state)
        span = (REQUEST.c.reference >= first, REQUEST.c.reference <= last)
        self._heads = {stream: head for stream, head in self._heads.items() if stream == self._open}
        for reference, head, length, state in self._connection.execute(select(*columns).where(*span)):
            self._heads[reference] = (head, length, state)
        own = (installation.INSTALLED.c.chain_head, installation.INSTALLED.c.chain_length)
        for head, length in self._connection.execute(select(*own)):
            self._heads[INSTALLATION] = (head, length, None)

    def _link(self, chain: _Chain, row: Any, notes: dict[str, Any]) -> Iterator[Flaw]:
        def flaw(message: str) -> Flaw:
            return Flaw(row.stream, row.seq, message)

        if row.seq != chain.seq + 1:
            lost = f"{chain.seq + 1}" if row.seq == chain.seq + 2 else f"{chain.seq + 1} à {row.seq - 1}"
            yield Flaw(row.stream, row.seq, f"retiré avant lui : {lost}")
        if hash_of(row.canonical) != row.hash:
            yield flaw("modifié : son empreinte ne correspond plus à son texte")
        content = _read(row.canonical)
        if content is None:
            yield flaw("modifié : son texte est illisible")
        else:
            yield from (flaw(message) for message in _differences(row, content))
            if content.get("prev") != chain.head and row.seq == chain.seq + 1:
                yield flaw("inséré, déplacé, ou précédé d'un événement modifié : il ne scelle pas le précédent")
            if content.get("from") not in (None, chain.state) and row.seq == chain.seq + 1:
                yield flaw("déplacé ou inséré : il ne part pas de l'état où mène le précédent")
            yield from (flaw(message) for message in self._notes(row, content, notes))
        chain.seq, chain.head, chain.state = row.seq, row.hash, row.to_state

    def _notes(self, row: Any, content: dict[str, Any], notes: dict[str, Any]) -> Iterator[str]:
        promised = content.get("notes", {})
        for field, note in notes.items():
            seen = self._notary.commitment(note.nonce, row.stream, row.seq, field, note.body)
            if promised.get(field) != seen:
                yield f"la note « {field} » a été modifiée ou ajoutée"

    def _end(self, chain: _Chain) -> Iterator[Flaw]:
        """A chain against the head kept outside it."""
        kept = self._heads.get(chain.stream)
        if kept is None:
            yield Flaw(chain.stream, None, "ces événements sont d'une demande qui n'existe pas")
            return
        head, length, state = kept
        if length > chain.seq:
            yield Flaw(
                chain.stream, length, f"retiré de la fin : la chaîne a {chain.seq} événements au lieu de {length}"
            )
        elif length < chain.seq:
            yield Flaw(chain.stream, chain.seq, f"inséré à la fin : la chaîne devait finir à l'événement {length}")
        elif head != chain.head:
            yield Flaw(chain.stream, chain.seq, "modifié : la tête de chaîne ne correspond pas")
        if state is not None and state != chain.state and length == chain.seq:
            yield Flaw(
                chain.stream, chain.seq, f"la demande est dans l'état « {state} », le journal dit « {chain.state} »"
            )

    def _missing(self) -> Iterator[Flaw]:
        """Requests without a chain, references given and gone, and an installation without its own chain."""
        chained = select(EVENT.c.stream).where(EVENT.c.seq == 1)
        bare = select(REQUEST.c.reference).where(REQUEST.c.reference.not_in(chained))
        for reference in self._connection.execute(bare).scalars():
            yield Flaw(reference, None, "retiré : tous les événements de cette demande manquent")
        for row in self._connection.execute(select(COUNTER)):
            yield from self._holes(school_year(row.school_year), row.last)
        kept = self._connection.execute(select(installation.INSTALLED.c.chain_length)).scalar()
        events = self._connection.execute(select(EVENT.c.seq).where(EVENT.c.stream == INSTALLATION).limit(1)).first()
        if kept and events is None:
            yield Flaw(INSTALLATION, None, f"retiré : les {kept} événements de l'installation manquent")

    def _holes(self, year: SchoolYear, last: int) -> Iterator[Flaw]:
        query = select(REQUEST.c.reference).where(REQUEST.c.school_year == str(year))
        existing = set(self._connection.execute(query).scalars())
        for number in range(1, last + 1):
            if reference_of(year, number) not in existing:
                yield Flaw(reference_of(year, number), None, "retiré : cette demande a été numérotée et n'existe plus")


def _read(canonical: str) -> dict[str, Any] | None:
    try:
        content = json.loads(canonical)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _differences(row: Any, content: dict[str, Any]) -> Iterator[str]:
    """The columns are read from the text: one that differs was changed alone."""
    expected = {
        "stream": row.stream, "seq": row.seq, "kind": row.kind, "from": row.from_state, "to": row.to_state,
        "actor": row.actor, "role": row.role, "at": canonical_instant(row.at),
    }  # fmt: skip
    for name, value in expected.items():
        if content.get(name) != value:
            yield f"modifié : sa colonne « {name} » ne dit plus ce que dit son texte"
