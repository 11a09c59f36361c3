"""What does not hold in a chain of the journal, judged event by event, without a database (R65)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workflow.journal import GENESIS, INSTALLATION, Notary, canonical_instant, hash_of


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that does not hold: where (``seq`` None for a whole stream), and what, in French."""

    stream: str
    seq: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.stream}{f', événement {self.seq}' if self.seq is not None else ''} : {self.message}"


@dataclass
class Chain:
    """Where the walk along one stream stands; ``born`` is what its first event says of the request."""

    stream: str
    seq: int = 0
    head: str = GENESIS
    state: str | None = None
    kind: str | None = None
    at: str | None = None
    born: dict[str, Any] = field(default_factory=dict)

    def follow(self, row: Any) -> Iterator[Flaw]:
        """The flaws of the next event, which then becomes the chain's end. ``row.at`` may be as the driver gave it."""
        if not isinstance(row.seq, int) or not isinstance(row.canonical, str):
            yield Flaw(self.stream, None, f"modifié : l'événement « {row.seq} » est illisible")
            return
        if row.seq <= self.seq:
            yield Flaw(self.stream, row.seq, "inséré : les événements sont numérotés à partir de 1")
            return
        follows = row.seq == self.seq + 1
        if not follows:
            yield Flaw(self.stream, self.seq + 1, _gone(self.seq + 1, row.seq - 1))
        content = _read(row.canonical)
        yield from (Flaw(self.stream, row.seq, message) for message in self._of_text(row, content, follows))
        self.seq, self.head, self.kind = row.seq, row.hash, row.kind
        self.state, self.at = content.get("to", row.to_state), content.get("at")
        if row.seq == 1:
            self.born = _mapping(content.get("data"))

    def _of_text(self, row: Any, content: dict[str, Any], follows: bool) -> Iterator[str]:
        if hash_of(row.canonical) != row.hash:
            yield "modifié : son empreinte ne correspond plus à son texte"
        if not content:
            yield "modifié : son texte est illisible"
            return
        yield from _differences(row, content)
        if follows and content.get("prev") != self.head:
            yield _unsealed(row.seq)
        if follows and content.get("from") != self.state:
            yield "inséré ou déplacé : il ne part pas de l'état où mène le précédent"

    def end(self, kept: Any) -> Iterator[Flaw]:
        """The whole chain against the head kept outside it; ``kept`` None when nothing keeps it."""
        if kept is None:
            yield Flaw(self.stream, None, "inséré : ces événements sont d'une demande qui n'existe pas")
        elif kept.chain_length > self.seq:
            yield Flaw(self.stream, self.seq + 1, f"{_gone(self.seq + 1, kept.chain_length)}, à la fin de la chaîne")
        elif kept.chain_length < self.seq:
            message = f"inséré à la fin : la chaîne devait finir à l'événement {kept.chain_length}"
            yield Flaw(self.stream, kept.chain_length + 1, message)
        elif kept.chain_head != self.head:
            yield Flaw(self.stream, self.seq, "modifié : la tête de chaîne gardée à part ne correspond pas")
        elif self.stream != INSTALLATION:
            yield from (Flaw(self.stream, None, message) for message in self._of_request(kept))

    def _of_request(self, kept: Any) -> Iterator[str]:
        """What the request itself says, where the journal says it too."""
        said = {
            "l'état": (kept.state, self.state), "la version": (kept.version, self.seq),
            "la dernière action": (kept.last_trigger, self.kind), "sa date": (instant_text(kept.changed_at), self.at),
            "l'établissement": (kept.uai, self.born.get("uai")),
            "l'année scolaire": (kept.school_year, self.born.get("school_year")),
        }  # fmt: skip
        for what, (request, journal) in said.items():
            if request != journal:
                yield f"la demande a été modifiée : {what} y est « {request} », « {journal} » dans le journal"


def note_flaws(notary: Notary, row: Any, notes: dict[str, Any]) -> Iterator[Flaw]:
    """The free texts found beside an event, against the commitments that it holds (R64)."""
    promised = _mapping(_read(row.canonical).get("notes"))
    for name, note in notes.items():
        if promised.get(name) != notary.commitment(note.nonce, row.stream, row.seq, name, note.body):
            yield Flaw(row.stream, row.seq, f"la note « {name} » a été modifiée ou ajoutée")


def instant_text(raw: Any) -> str | None:
    """An instant as the journal writes it, from what a driver gives: SQLite's may have been made unreadable."""
    try:
        at = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
        return canonical_instant(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, AttributeError):
        return None


def _gone(first: int, last: int) -> str:
    return "retiré" if first == last else f"retiré, ainsi que les suivants jusqu'à l'événement {last}"


def _unsealed(seq: int) -> str:
    if seq == 1:
        return "modifié ou inséré : il ne commence pas sa chaîne"
    return f"il ne scelle pas l'événement {seq - 1} : l'un des deux a été modifié, inséré ou déplacé"


def _read(canonical: Any) -> dict[str, Any]:
    """The content of a canonical text; empty when it cannot be read."""
    try:
        return _mapping(json.loads(canonical))
    except (ValueError, TypeError, RecursionError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _differences(row: Any, content: dict[str, Any]) -> Iterator[str]:
    """The columns are read from the text: one that differs was changed alone."""
    columns = {
        "stream": row.stream, "seq": row.seq, "kind": row.kind, "from": row.from_state, "to": row.to_state,
        "actor": row.actor, "role": row.role, "at": instant_text(row.at),
    }  # fmt: skip
    for name, value in columns.items():
        if content.get(name) != value:
            yield f"modifié : sa colonne « {name} » ne dit plus ce que dit son texte"
