"""The lines of a file as what they ask, each by its number; a line that is wrong is told and stops no other (R83)."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.sql import batches
from states import french
from states.commands import ConfirmRemoval
from states.decide import decide
from states.decision import Refused
from states.model import Actor
from states.refusals import Reason
from states.validation import fold, is_storable
from states.vocabulary import RemovalOutcome
from workflow.engine.engine import Engine, Result
from workflow.engine.loader import Loader
from workflow.engine.sequence import execute_in_batches
from workflow.removals.tasks import RemovalLine, removals_of

# What was done on the ODA server, in the words that people write in a column (R49).


_WORDS_OUTCOMES: Final = {
    RemovalOutcome.REMOVED: (
        "supprimé", "supprimée", "supprimés", "supprimées", "clé supprimée", "retiré", "retirée", "retirés",
        "retirées", "droits retirés", "deleted",
    ),
    RemovalOutcome.ABSENT: (
        "absente", "déjà absent", "déjà absente", "absente du serveur", "introuvable", "aucune clé", "not found",
        "missing",
    ),
    RemovalOutcome.EXPIRED: (
        "expiré", "expirée", "déjà expiré", "déjà expirée", "expirée sur le serveur", "déjà expirée",
    ),
    RemovalOutcome.KEPT: ("gardé", "gardée", "clé gardée", "conservé", "conservée", "clé conservée", "maintenue"),
}  # fmt: skip


KNOWN: Final = {
    fold(word): outcome
    for outcome in RemovalOutcome
    for word in (outcome.value, outcome.label, *_WORDS_OUTCOMES[outcome])
}
"""Each outcome by what may be written of it, folded: without case, accents or hyphens."""


EXAMPLES: Final = {
    RemovalOutcome.REMOVED: "supprimée", RemovalOutcome.ABSENT: "absente", RemovalOutcome.EXPIRED: "expirée",
    RemovalOutcome.KEPT: "gardée",
}  # fmt: skip
"""The shortest word for each, to show."""


def outcome_of(text: str) -> RemovalOutcome | None:
    """What a cell says; None when it is not understood."""
    return KNOWN.get(fold(text))


# From the bytes of a file to its text; what is no text is refused, with what to do (R83).


_BINARY: Final = bytes({*range(32), 127} - {*b"\t\n\r\v\f"})


_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the files of spreadsheets begin, the new ones and the old."""


_TWO_BYTES: Final = (b"\xff\xfe", b"\xfe\xff")


class FileRefused(Exception):
    """The whole file cannot be taken; the message is French, and says what to do."""


def text_of(content: bytes, *, most: int) -> str:
    """The text of a file in UTF-8, marked or not, or in Latin-1; ``most`` is in bytes. Raises FileRefused."""
    if len(content) > most:
        size = f"{most // 1_000_000} Mo" if most >= 1_000_000 else f"{most // 1000} ko"
        raise FileRefused(f"Ce fichier dépasse {size} : le couper en plusieurs, et les donner l'un après l'autre.")
    if content.startswith(_WORKBOOKS):
        raise FileRefused("C'est un classeur de tableur : l'enregistrer au format CSV (UTF-8), puis donner ce fichier.")
    if content.startswith(_TWO_BYTES):
        raise FileRefused("Ce fichier est en UTF-16 : l'enregistrer au format CSV (UTF-8).")
    if content.translate(None, _BINARY) != content:
        raise FileRefused("Ce n'est pas un fichier de texte : donner un fichier CSV, ou une référence par ligne.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("windows-1252", "replace")


_REFERENCE: Final = re.compile(r"[A-Z]{2,8}-[0-9]{4}-[0-9]{5,8}")


_BEGINS: Final = re.compile(rf'\s*"?{_REFERENCE.pattern}', re.IGNORECASE)


_SEPARATORS: Final = (";", "\t", ",")


_COLUMNS: Final = {
    "reference": ("reference", "references", "reference de la demande", "demande"),
    "outcome": ("outcome", "resultat", "ce qui a ete fait", "fait", "suite"),
    "note": ("note", "precision", "remarque", "commentaire"),
}


_IN_ORDER: Final = {"reference": 0, "outcome": 1, "note": 2}


_SHOWN: Final = 60


_WORDS: Final = french.listing(list(EXAMPLES.values()), "ou")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What one line asks; ``number`` is its line in the file, from 1."""

    number: int
    reference: str
    outcome: RemovalOutcome
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with one line, and what to do; ``written`` is what stands there, shortened."""

    number: int
    written: str
    message: str


Row = Asked | Fault


def rows_of(text: str, default: RemovalOutcome | None, *, most: int) -> list[Row]:
    """Each line that is not empty, in order; ``default`` is the outcome of those that say none.

    One reference a line, or columns separated by ``;``, a tab or ``,``: the reference, what was done, a note, in that
    order or as a first line names them, others being left out. Raises FileRefused when there is no line, when there
    are more than ``most``, or when a first line names no column of references.
    """
    lines = [(number, cells) for number, cells in _records(text) if cells is None or any(cells)]
    columns = _named(lines[0][1] or []) if lines else None
    told = lines[1:] if columns else lines
    if not told:
        raise FileRefused("Aucune ligne à lire : donner au moins une référence, par exemple ODA-2027-00042.")
    if len(told) > most:
        raise FileRefused(f"{len(told)} lignes, {most} au plus à la fois : couper en plusieurs fichiers.")
    first: dict[str, int] = {}
    found: list[Row] = []
    for number, cells in told:
        if cells is None:
            found.append(Fault(number=number, written="", message="Un guillemet y est ouvert et pas refermé : l'ôter."))
            continue
        row = _row(number, cells, columns or _IN_ORDER, default)
        if isinstance(row, Asked):
            earlier = first.setdefault(row.reference, number)
            if earlier != number:
                row = _fault(number, cells, f"Cette référence est déjà à la ligne {earlier} : n'en garder qu'une.")
        found.append(row)
    return found


def _records(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """The cells of each line by its number; a cell between quotes may hold several lines. None for one whose quote is
    never closed, or closed only in the line of another reference: it alone is lost."""
    lines = re.split("\r\n|\r|\n", text)
    separator = next((one for line in lines for one in _SEPARATORS if one in line), _SEPARATORS[0])
    place = 0
    while place < len(lines):
        last = _closing(lines, place)
        whole = "\n".join(lines[place : last + 1]) if last is not None else ""
        yield place + 1, None if last is None else _cells(whole, separator)
        place = place + 1 if last is None else last + 1


def _closing(lines: Sequence[str], first: int) -> int | None:
    """Where the line that begins at ``first`` ends."""
    opened = False
    for place in range(first, len(lines)):
        if place > first and _BEGINS.match(lines[place]):
            return None
        opened ^= lines[place].count('"') % 2 == 1
        if not opened:
            return place
    return None


def _cells(record: str, separator: str) -> list[str] | None:
    try:
        found = next(csv.reader(io.StringIO(record), delimiter=separator), [])
    except csv.Error:
        return None
    return [" ".join(cell.split()) for cell in found]


def _named(cells: Sequence[str]) -> dict[str, int] | None:
    """Where the columns are when a first line names them; None when it is already one of those to read."""
    if any(_REFERENCE.fullmatch(cell.upper()) for cell in cells):
        return None
    folded = [fold(cell) for cell in cells]
    found = {
        name: next(place for place, cell in enumerate(folded) if cell in words)
        for name, words in _COLUMNS.items()
        if any(cell in words for cell in folded)
    }
    if not found:
        return None
    if "reference" not in found:
        raise FileRefused("La première ligne ne nomme pas la colonne des références : l'appeler « référence ».")
    return found


def _row(number: int, cells: Sequence[str], columns: dict[str, int], default: RemovalOutcome | None) -> Row:
    told = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
    reference, said = told["reference"].upper(), told.get("outcome", "")
    if not is_storable("".join(cells)):
        return _fault(number, cells, "Cette ligne contient un caractère illisible : la taper de nouveau.")
    if not _REFERENCE.fullmatch(reference):
        return _fault(number, cells, "Ce n'est pas une référence : l'écrire comme ODA-2027-00042.")
    outcome = outcome_of(said) if said else default
    if outcome is None and said:
        return _fault(number, cells, f"« {said[:_SHOWN]} » n'est pas compris : écrire {_WORDS}.")
    if outcome is None:
        return _fault(number, cells, f"Rien ne dit ce qui a été fait : écrire {_WORDS}.")
    return Asked(number=number, reference=reference, outcome=outcome, note=told.get("note", ""))


def _fault(number: int, cells: Sequence[str], message: str) -> Fault:
    written = " ; ".join(cell for cell in cells if cell)
    return Fault(
        number=number, written=f"{written[:_SHOWN]}…" if len(written) > _SHOWN else written, message=message
    )  # fmt: skip


# What would become of each line of a file, by the rules that will judge it for good, before anything is done (R49).


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A line that can be confirmed, with its task and what the rules warn of."""

    asked: Asked
    task: RemovalLine
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """The lines that can be confirmed, and those that are set aside, each in the file's order."""

    ready: tuple[Ready, ...]
    faults: tuple[Fault, ...]


def judge(connection: Connection, rows: Sequence[Row], actor: Actor, engine: Engine, mailer: Mailer) -> Understood:
    """Every line as the engine would decide it now; a few queries for 1000 lines, and nothing written or locked."""
    asked = [row for row in rows if isinstance(row, Asked)]
    verdicts: list[Ready | Fault] = [row for row in rows if isinstance(row, Fault)]
    now = engine.clock.now()
    for some in batches(asked):
        verdicts += _judged(connection, some, actor, engine, mailer, now)
    ready = [one for one in verdicts if isinstance(one, Ready)]
    faults = sorted((one for one in verdicts if isinstance(one, Fault)), key=lambda fault: fault.number)
    return Understood(ready=tuple(ready), faults=tuple(faults))


def command_of(asked: Asked) -> ConfirmRemoval:
    """What the line asks of the engine."""
    return ConfirmRemoval(reference=asked.reference, outcome=asked.outcome, note=asked.note)


def _judged(
    connection: Connection, some: Sequence[Asked], actor: Actor, engine: Engine, mailer: Mailer, now: datetime
) -> Iterator[Ready | Fault]:
    tasks = {
        line.request.reference: line
        for line in removals_of(connection, [one.reference for one in some], engine.policy, mailer)
    }
    commands = [command_of(one) for one in some]
    known = Loader(connection, mailer.code_statuses, lock=False).load(commands)
    for one, command in zip(some, commands, strict=True):
        task = tasks.get(one.reference)
        if task and task.done:
            yield _aside(one, f"C'est déjà confirmé : {task.done[:1].lower()}{task.done[1:]}.")
            continue
        decision = decide(known.facts(command), command, actor, now, engine.policy)
        if isinstance(decision, Refused):
            yield _aside(one, " ".join(f"{r.message} ({r.rule}). {r.remedy}" for r in decision.reasons))
        elif task:
            yield Ready(asked=one, task=task, warnings=decision.warnings)


def _aside(one: Asked, message: str) -> Fault:
    return Fault(number=one.number, written=one.reference, message=message)


# The lines of a file confirmed, slice after slice, each refused or done by itself (R49).


@dataclass(frozen=True, slots=True)
class Told:
    """A line and what came of it."""

    asked: Asked
    result: Result


def confirm(
    engine: Engine, lines: Sequence[Asked], actor: Actor, *, key: str | None, refuse_rest: bool = True
) -> Iterator[Told]:
    """Yield each line's result once its batch is done. ``key`` makes the same lines sent twice one action (R10).

    ``refuse_rest`` and the errors are those of ``execute_in_batches``.
    """
    results = execute_in_batches(
        engine, list(map(command_of, lines)), actor, refuse_rest=refuse_rest,
        key=lambda start, _: None if key is None else f"{key}:{start}",
    )  # fmt: skip
    yield from map(Told, lines, results)
