"""Checks every chain of the journal, and names what does not hold (R65)."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, String, exists, func, select, tuple_, type_coerce

from states.school_calendar import SchoolYear
from workflow.database.journal_tables import ACTOR, EVENT, INSTALLED, NOTE
from workflow.database.mapping import reference_of, school_year
from workflow.database.tables import COUNTER, REQUEST
from workflow.journal.chain import (
    ACTOR_NAMED,
    GENESIS,
    INSTALLATION,
    JournalHasher,
    canonical_instant,
    hash_of,
    is_erased,
)

SEALED_SPOTS: Final = (
    "une fin de chaîne retirée en même temps que la tête de chaîne gardée dans la demande",
    "une chaîne entière recalculée par qui peut écrire dans toute la base",
    "la dernière demande d'une année retirée avec ses événements et avec son numéro dans le compteur",
)
"""What a chain alone cannot show, and the seals do (R109)."""

UNPROVEN: Final = (
    "une note effacée, ou l'identité effacée d'un acteur : l'événement demeure, le texte ne peut plus être comparé",
    "ce que le journal ne porte pas : les noms et les adresses des demandes",
)
"""What neither shows."""

BLIND_SPOTS: Final = (*SEALED_SPOTS, *UNPROVEN)
"""What a check without the seals cannot show; its result says so each time."""

ACTORS: Final = "acteurs"
"""The place of an error about who stands behind a number: it is in no chain."""

STREAMED: Final = {"yield_per": 2000}
"""Read a result in pages of so many rows, whatever its length."""


def _raw(column: Column[Any], label: str) -> Any:
    """Select an instant as the driver gives it: one made unreadable is reported, not raised."""
    return type_coerce(column, String).label(label)


_EVENTS: Final = (
    *(c for c in EVENT.c if c.name != "at"),
    _raw(EVENT.c.at, "at"),
    REQUEST.c.reference,
    *(REQUEST.c[name] for name in ("state", "version", "uai", "school_year", "last_trigger")),
    *(REQUEST.c[name] for name in ("chain_head", "chain_length")),
    _raw(REQUEST.c.changed_at, "changed_at"),
)


@dataclass(frozen=True, slots=True)
class JournalError:
    """An error of the journal: where (``seq`` None for a whole stream), and what, in French."""

    stream: str
    seq: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.stream}{f', événement {self.seq}' if self.seq is not None else ''} : {self.message}"


def count_events(connection: Connection) -> int:
    """Count the events to check."""
    return connection.execute(select(func.count()).select_from(EVENT)).scalar_one()


class Verifier:
    """Checks the whole journal in pages, chain by chain, in bounded memory and a few queries a page (R65)."""

    def __init__(
        self, connection: Connection, hasher: JournalHasher, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """``progress`` is given how many more events were checked. ``events`` and ``streams`` count them.

        ``erased_actors`` counts the numbers whose identity was erased, ``unproven_actors`` those that no event commits
        to: the next ``oda database upgrade`` or seal does.
        """
        self._connection = connection
        self._hasher = hasher
        self._progress = progress
        self.events = 0
        self.streams = 0
        self.erased_actors = 0
        self.unproven_actors = 0

    def flaws(self) -> Iterator[JournalError]:
        """Yield every error: chain after chain, who acts, then what has no chain and what has no number."""
        yield from self._chains()
        yield from self._actors()
        yield from self._without_events()
        yield from _numbering_errors(self._connection)

    def _chains(self) -> Iterator[JournalError]:
        installed = self._installed()
        for stream, rows in groupby(self._rows(), key=lambda row_and_notes: row_and_notes[0].stream):
            self.streams += 1
            chain, owner = Chain(stream), None
            for row, notes in rows:
                owner = installed if stream == INSTALLATION else row if row.reference else None
                yield from chain.check_next(row)
                commitments = _mapping(_read(row.canonical).get("notes"))
                for name, note in notes.items():  # each is committed to by its event (R64)
                    expected = self._hasher.commitment(note.nonce, row.stream, row.seq, name, note.body)
                    if commitments.get(name) != expected:
                        yield JournalError(row.stream, row.seq, f"la note « {name} » a été modifiée ou ajoutée")
            yield from chain.check_end(owner)

    def _rows(self) -> Iterator[tuple[Row[Any], dict[str, Row[Any]]]]:
        """Yield each event with its request, and the notes beside it."""
        query = select(*_EVENTS).outerjoin(REQUEST, REQUEST.c.reference == EVENT.c.stream)
        ordered = query.order_by(EVENT.c.stream, EVENT.c.seq)
        for page in self._connection.execute(ordered, execution_options=STREAMED).partitions():
            first, last, place = page[0], page[-1], tuple_(NOTE.c.stream, NOTE.c.seq)
            beside = select(NOTE).where(place >= (first.stream, first.seq), place <= (last.stream, last.seq))
            notes: dict[tuple[str, int], dict[str, Row[Any]]] = {}
            for note in self._connection.execute(beside):
                notes.setdefault((note.stream, note.seq), {})[note.field] = note
            for row in page:
                self.events += 1
                yield row, notes.get((row.stream, row.seq), {})
            self._progress(len(page))

    def _installed(self) -> Any:
        columns = (INSTALLED.c.chain_head, INSTALLED.c.chain_length)
        return self._connection.execute(select(*columns)).first()

    def _actors(self) -> Iterator[JournalError]:
        """Compare who stands behind each number with the commitment that the journal holds of it (R109)."""
        query = select(EVENT.c.canonical).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == ACTOR_NAMED)
        texts = self._connection.execute(query.order_by(EVENT.c.seq.desc()), execution_options=STREAMED).scalars()
        # Of several commitments the first holds; one that is unreadable is told by its chain.
        named = [data for data in map(event_data, texts) if isinstance(data.get("number"), int)]
        committed = {data["number"]: str(data.get("who")) for data in named}
        for actor in self._connection.execute(select(ACTOR).order_by(ACTOR.c.number)):
            who = committed.pop(actor.number, None)
            if is_erased(actor):
                self.erased_actors += 1
            elif who is None:
                self.unproven_actors += 1
            elif who != self._hasher.identity(actor.nonce, actor.number, actor.key, actor.label):
                yield JournalError(ACTORS, None, f"modifié : le numéro {actor.number} désigne une autre identité")
        for number in sorted(committed):
            yield JournalError(ACTORS, None, f"retiré : la base ne dit plus qui le numéro {number} désigne")

    def _without_events(self) -> Iterator[JournalError]:
        """Yield the notes without their event, the requests without any, and the installation without its own."""
        event = exists().where(EVENT.c.stream == NOTE.c.stream, EVENT.c.seq == NOTE.c.seq)
        stray = select(NOTE.c.stream, NOTE.c.seq, NOTE.c.field).where(~event)
        for note in self._connection.execute(stray, execution_options=STREAMED):
            yield JournalError(note.stream, note.seq, f"la note « {note.field} » n'a plus d'événement")
        events = exists().where(EVENT.c.stream == REQUEST.c.reference)
        query = select(REQUEST.c.reference).where(~events)
        for reference in self._connection.execute(query, execution_options=STREAMED).scalars():
            yield JournalError(reference, None, "retiré : tous les événements de cette demande manquent")
        installed = self._installed()
        own = select(EVENT.c.seq).where(EVENT.c.stream == INSTALLATION).limit(1)
        if installed and installed.chain_length and self._connection.execute(own).first() is None:
            message = f"retiré : les {installed.chain_length} événements de l'installation manquent"
            yield JournalError(INSTALLATION, None, message)


@dataclass
class Chain:
    """The end of one stream as far as it was checked; ``birth`` is the data of its first event."""

    stream: str
    seq: int = 0
    head: str = GENESIS
    state: str | None = None
    kind: str | None = None
    at: str | None = None
    birth: dict[str, Any] = field(default_factory=dict)

    def check_next(self, row: Any) -> Iterator[JournalError]:
        """Yield the errors of the next event, which becomes the chain's end. ``row.at`` may be the driver's text."""
        if not isinstance(row.seq, int) or not isinstance(row.canonical, str):
            yield JournalError(self.stream, None, f"modifié : l'événement « {row.seq} » est illisible")
            return
        if row.seq <= self.seq:
            yield JournalError(self.stream, row.seq, "inséré : les événements sont numérotés à partir de 1")
            return
        follows = row.seq == self.seq + 1
        if not follows:
            yield JournalError(self.stream, self.seq + 1, _gone(self.seq + 1, row.seq - 1))
        content = _read(row.canonical)
        yield from (
            JournalError(self.stream, row.seq, message) for message in self._errors_of_text(row, content, follows)
        )
        self.seq, self.head, self.kind = row.seq, row.hash, row.kind
        self.state, self.at = content.get("to", row.to_state), content.get("at")
        if row.seq == 1:
            self.birth = _mapping(content.get("data"))

    def _errors_of_text(self, row: Any, content: dict[str, Any], follows: bool) -> Iterator[str]:
        if hash_of(row.canonical) != row.hash:
            yield "modifié : son empreinte ne correspond plus à son texte"
        if not content:
            yield "modifié : son texte est illisible"
            return
        yield from _differences(row, content)
        if follows and content.get("prev") != self.head:
            before = f"il ne scelle pas l'événement {row.seq - 1} : l'un des deux a été modifié, inséré ou déplacé"
            yield "modifié ou inséré : il ne commence pas sa chaîne" if row.seq == 1 else before
        if follows and content.get("from") != self.state:
            yield "inséré ou déplacé : il ne part pas de l'état où mène le précédent"

    def check_end(self, owner: Any) -> Iterator[JournalError]:
        """Compare the chain with the head stored in its owner: a request or the installation, None when it is gone."""
        if owner is None:
            yield JournalError(self.stream, None, "inséré : ces événements sont d'une demande qui n'existe pas")
        elif owner.chain_length > self.seq:
            yield JournalError(
                self.stream, self.seq + 1, f"{_gone(self.seq + 1, owner.chain_length)}, à la fin de la chaîne"
            )
        elif owner.chain_length < self.seq:
            message = f"inséré à la fin : la chaîne devait finir à l'événement {owner.chain_length}"
            yield JournalError(self.stream, owner.chain_length + 1, message)
        elif owner.chain_head != self.head:
            yield JournalError(self.stream, self.seq, "modifié : la tête de chaîne gardée à part ne correspond pas")
        elif self.stream != INSTALLATION:
            yield from (JournalError(self.stream, None, message) for message in self._differences_from(owner))

    def _differences_from(self, request: Any) -> Iterator[str]:
        """Compare what the request says with what the journal says of it."""
        both = {
            "l'état": (request.state, self.state), "la version": (request.version, self.seq),
            "la dernière action": (request.last_trigger, self.kind),
            "sa date": (instant_text(request.changed_at), self.at),
            "l'établissement": (request.uai, self.birth.get("uai")),
            "l'année scolaire": (request.school_year, self.birth.get("school_year")),
        }  # fmt: skip
        for name, (stored, journal) in both.items():
            if stored != journal:
                yield f"la demande a été modifiée : {name} y est « {stored} », « {journal} » dans le journal"


def event_data(canonical: Any) -> dict[str, Any]:
    """The data of an event; empty when its text cannot be read, which the check of its chain tells."""
    return _mapping(_read(canonical).get("data"))


def instant_text(raw: Any) -> str | None:
    """Return an instant as the journal writes it, from what a driver gives; None when it was made unreadable."""
    try:
        at = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
        return canonical_instant(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, AttributeError):
        return None


def _gone(first: int, last: int) -> str:
    return "retiré" if first == last else f"retiré, ainsi que les suivants jusqu'à l'événement {last}"


def _read(canonical: Any) -> dict[str, Any]:
    """The content of a canonical text; empty when it cannot be read."""
    try:
        return _mapping(json.loads(canonical))
    except (ValueError, TypeError, RecursionError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _differences(row: Any, content: dict[str, Any]) -> Iterator[str]:
    """Compare the columns, which are copied from the text: one that differs was changed alone."""
    columns = {
        "stream": row.stream, "seq": row.seq, "kind": row.kind, "from": row.from_state, "to": row.to_state,
        "actor": row.actor, "role": row.role, "at": instant_text(row.at),
    }  # fmt: skip
    for name, value in columns.items():
        if content.get(name) != value:
            yield f"modifié : sa colonne « {name} » ne dit plus ce que dit son texte"


def _numbering_errors(connection: Connection) -> Iterator[JournalError]:
    """Yield the references that were given and are gone, or exist without having been given (R65).

    Those that a restoration left out were given to nobody (R116): its event tells them.
    """
    skipped = _skipped_references(connection)
    last = {row.school_year: row.last for row in connection.execute(select(COUNTER))}
    order = (REQUEST.c.school_year, func.length(REQUEST.c.reference), REQUEST.c.reference)
    query = select(REQUEST.c.school_year, REQUEST.c.reference).order_by(*order)
    requests = connection.execute(query, execution_options=STREAMED)
    for year, rows in groupby(requests, key=lambda row: str(row.school_year)):
        yield from _numbers(year, (row.reference for row in rows), last.pop(year, 0), skipped.get(year, ()))
    for year, number in last.items():
        yield from _numbers(year, iter(()), number, skipped.get(year, ()))


def _skipped_references(connection: Connection) -> dict[str, list[range]]:
    """The numbers that restorations left out, by school year, in their order."""
    skipped: dict[str, list[range]] = {}
    query = select(EVENT.c.canonical).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == "restored")
    for row in connection.execute(query.order_by(EVENT.c.seq)):
        text = str(event_data(row.canonical).get("skipped", ""))
        for year, first, last in re.findall(r"ODA-(\d{4})-(\d{5,9}) ODA-\1-(\d{5,9})", text):
            numbers = range(int(first), int(last) + 1)
            skipped.setdefault(str(SchoolYear(int(year) - 1)), []).append(numbers)
    return skipped


def _numbers(year: str, references: Iterator[str], last: int, skipped: Sequence[range]) -> Iterator[JournalError]:
    """Compare the references of a year, in their order, with the last number given."""
    expected = 1
    for reference in references:
        match = re.fullmatch(r"ODA-\d{4}-(\d{5,})", reference)
        try:
            number = int(match[1]) if match else 0
            is_own = match is not None and reference_of(school_year(year), number) == reference
        except ValueError:  # no year, or digits beyond measure
            is_own = False
        if not is_own:
            yield JournalError(
                reference, None, f"la demande a été modifiée : cette référence n'est pas de l'année {year}"
            )
            continue
        if number > expected:
            yield from _holes(year, expected, number - 1, skipped)
        if number > last:
            yield JournalError(reference, None, f"insérée : le compteur de l'année {year} s'arrête à {last}")
        expected = number + 1
    if expected <= last:
        yield from _holes(year, expected, last, skipped)


def _holes(year: str, first: int, last: int, skipped: Sequence[range]) -> Iterator[JournalError]:
    """Yield the numbers that are gone from ``first`` to ``last``, but for those that were left out."""
    try:
        parsed = school_year(year)
    except ValueError:
        yield JournalError(f"compteur « {year} »", None, "modifié : cette année n'existe pas")
        return
    for numbers in skipped:
        if first <= numbers.start and numbers[-1] <= last:
            if first < numbers.start:
                yield _hole(parsed, first, numbers.start - 1)
            first = numbers.stop
    if first <= last:
        yield _hole(parsed, first, last)


def _hole(parsed: SchoolYear, first: int, last: int) -> JournalError:
    upto = "" if first == last else f", ainsi que les suivantes jusqu'à {reference_of(parsed, last)}"
    return JournalError(reference_of(parsed, first), None, f"retirée{upto} : numérotée et n'existe plus")
