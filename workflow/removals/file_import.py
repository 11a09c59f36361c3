"""Removals confirmed from a file: decode it, parse its rows, check them by the rules, confirm them (R49, R83).

A row that is wrong is reported by its number and stops no other.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.sql import batches
from states.commands import ConfirmRemoval
from states.decide import decide
from states.decision import Refused
from states.french import listing
from states.model import Actor
from states.refusals import Reason
from states.validation import fold, is_storable
from states.vocabulary import RemovalOutcome
from workflow.engine.engine import Engine, Result
from workflow.engine.loader import Loader
from workflow.engine.sequence import execute_in_batches
from workflow.removals.tasks import RemovalLine, removals_of


class FileRefused(Exception):
    """The whole file cannot be taken; the message is French, and says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalRow:
    """A removal to confirm; ``number`` is its line in the file, from 1."""

    number: int
    reference: str
    outcome: RemovalOutcome
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFault:
    """A row that cannot be confirmed: why, and what to do; ``written`` is its text, shortened."""

    number: int
    written: str
    message: str


FileRow = RemovalRow | RowFault


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyRow:
    """A row that can be confirmed, with its task and the rules' warnings."""

    row: RemovalRow
    task: RemovalLine
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRows:
    """The rows that can be confirmed, and those that are set aside, each in the file's order."""

    ready: tuple[ReadyRow, ...]
    faults: tuple[RowFault, ...]


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row and the engine's result."""

    row: RemovalRow
    result: Result


def decode_file(content: bytes, *, most: int) -> str:
    """Decode a file in UTF-8, marked or not, or in Latin-1; ``most`` is in bytes. Raises FileRefused."""
    if len(content) > most:
        size = f"{most // 1_000_000} Mo" if most >= 1_000_000 else f"{most // 1000} ko"
        raise FileRefused(f"Ce fichier dépasse {size} : le couper en plusieurs, et les donner l'un après l'autre.")
    if content.startswith(_WORKBOOKS):
        raise FileRefused("C'est un classeur de tableur : l'enregistrer au format CSV (UTF-8), puis donner ce fichier.")
    if content.startswith(_UTF_16):
        raise FileRefused("Ce fichier est en UTF-16 : l'enregistrer au format CSV (UTF-8).")
    if content.translate(None, _BINARY) != content:
        raise FileRefused("Ce n'est pas un fichier de texte : donner un fichier CSV, ou une référence par ligne.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("windows-1252", "replace")


def parse_rows(text: str, default: RemovalOutcome | None, *, most: int) -> list[FileRow]:
    """Parse each line that is not empty, in order; ``default`` is the outcome of those that say none.

    One reference a line, or columns separated by ``;``, a tab or ``,``: the reference, the outcome, a note, in that
    order or as a first line names them, others being left out. Raises FileRefused when there is no line, when there
    are more than ``most``, or when a first line names no column of references.
    """
    records = [(number, cells) for number, cells in _records(text) if cells is None or any(cells)]
    columns = _named_columns(records[0][1] or []) if records else None
    if columns:
        del records[0]
    if not records:
        raise FileRefused("Aucune ligne à lire : donner au moins une référence, par exemple ODA-2027-00042.")
    if len(records) > most:
        raise FileRefused(f"{len(records)} lignes, {most} au plus à la fois : couper en plusieurs fichiers.")
    first_lines: dict[str, int] = {}
    rows: list[FileRow] = []
    for number, cells in records:
        if cells is None:
            rows.append(
                RowFault(number=number, written="", message="Un guillemet y est ouvert et pas refermé : l'ôter.")
            )
            continue
        row = _parse_row(number, cells, columns or _IN_ORDER, default)
        if isinstance(row, RemovalRow):
            first = first_lines.setdefault(row.reference, number)
            if first != number:
                row = _fault(number, cells, f"Cette référence est déjà à la ligne {first} : n'en garder qu'une.")
        rows.append(row)
    return rows


def check_rows(
    connection: Connection, rows: Sequence[FileRow], actor: Actor, engine: Engine, mailer: Mailer
) -> CheckedRows:
    """Decide every row as the engine would now; a few queries for 1000 rows, and nothing written or locked (R49)."""
    ready: list[ReadyRow] = []
    faults = [row for row in rows if isinstance(row, RowFault)]
    now = engine.clock.now()
    for batch in batches([row for row in rows if isinstance(row, RemovalRow)]):
        references = [row.reference for row in batch]
        lines = removals_of(connection, references, engine.policy, mailer)
        tasks = {line.request.reference: line for line in lines}
        commands = list(map(command_of, batch))
        facts = Loader(connection, mailer.code_statuses, lock=False).load(commands)
        for row, command in zip(batch, commands, strict=True):
            task = tasks.get(row.reference)
            if task and task.done:
                message = f"C'est déjà confirmé : {task.done[:1].lower()}{task.done[1:]}."
                faults.append(RowFault(number=row.number, written=row.reference, message=message))
                continue
            decision = decide(facts.facts(command), command, actor, now, engine.policy)
            if isinstance(decision, Refused):
                message = " ".join(f"{r.message} ({r.rule}). {r.remedy}" for r in decision.reasons)
                faults.append(RowFault(number=row.number, written=row.reference, message=message))
            elif task:
                ready.append(ReadyRow(row=row, task=task, warnings=decision.warnings))
    return CheckedRows(ready=tuple(ready), faults=tuple(sorted(faults, key=lambda fault: fault.number)))


def confirm_rows(
    engine: Engine, rows: Sequence[RemovalRow], actor: Actor, *, key: str | None, refuse_rest: bool = True
) -> Iterator[RowResult]:
    """Yield each row's result once its batch is done. ``key`` makes the same rows sent twice one action (R10).

    ``refuse_rest`` and the errors are those of ``execute_in_batches``.
    """
    results = execute_in_batches(
        engine, list(map(command_of, rows)), actor, refuse_rest=refuse_rest,
        key=lambda start, _: None if key is None else f"{key}:{start}",
    )  # fmt: skip
    yield from map(RowResult, rows, results)


def command_of(row: RemovalRow) -> ConfirmRemoval:
    """The engine's command for a row."""
    return ConfirmRemoval(reference=row.reference, outcome=row.outcome, note=row.note)


_OUTCOME_WORDS: Final = {
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


OUTCOMES: Final = {
    fold(word): outcome
    for outcome in RemovalOutcome
    for word in (outcome.value, outcome.label, *_OUTCOME_WORDS[outcome])
}
"""Each outcome by the words that people write for it, folded: without case, accents or hyphens (R49)."""


EXAMPLES: Final = {
    RemovalOutcome.REMOVED: "supprimée", RemovalOutcome.ABSENT: "absente", RemovalOutcome.EXPIRED: "expirée",
    RemovalOutcome.KEPT: "gardée",
}  # fmt: skip
"""The shortest word for each, to show."""


_EXAMPLES: Final = listing(list(EXAMPLES.values()), "ou")


def parse_outcome(text: str) -> RemovalOutcome | None:
    """Read the outcome that a cell says; None when it is not understood."""
    return OUTCOMES.get(fold(text))


_BINARY: Final = bytes({*range(32), 127} - {*b"\t\n\r\v\f"})


_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of spreadsheet files, new (zip) and old."""


_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


_REFERENCE: Final = re.compile(r"[A-Z]{2,8}-[0-9]{4}-[0-9]{5,8}")


_STARTS_WITH_REFERENCE: Final = re.compile(rf'\s*"?{_REFERENCE.pattern}', re.IGNORECASE)


_SEPARATORS: Final = (";", "\t", ",")


_COLUMNS: Final = {
    "reference": ("reference", "references", "reference de la demande", "demande"),
    "outcome": ("outcome", "resultat", "ce qui a ete fait", "fait", "suite"),
    "note": ("note", "precision", "remarque", "commentaire"),
}


_IN_ORDER: Final = {"reference": 0, "outcome": 1, "note": 2}


_MAX_QUOTED: Final = 60


def _records(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the cells of each record by its line; a cell between quotes may hold several lines.

    None for a record whose quote is never closed, or closed only in the line of another reference: it alone is lost.
    """
    lines = re.split("\r\n|\r|\n", text)
    separator = next((mark for line in lines for mark in _SEPARATORS if mark in line), _SEPARATORS[0])
    first = 0
    while first < len(lines):
        last = _last_line(lines, first)
        yield first + 1, None if last is None else _cells("\n".join(lines[first : last + 1]), separator)
        first = first + 1 if last is None else last + 1


def _last_line(lines: Sequence[str], first: int) -> int | None:
    """Find the line that ends the record begun at ``first``."""
    in_quotes = False
    for place in range(first, len(lines)):
        if place > first and _STARTS_WITH_REFERENCE.match(lines[place]):
            return None
        in_quotes ^= lines[place].count('"') % 2 == 1
        if not in_quotes:
            return place
    return None


def _cells(record: str, separator: str) -> list[str] | None:
    try:
        cells = next(csv.reader(io.StringIO(record), delimiter=separator), [])
    except csv.Error:
        return None
    return [" ".join(cell.split()) for cell in cells]


def _named_columns(cells: Sequence[str]) -> dict[str, int] | None:
    """Find the columns that a first line names; None when it is already a row."""
    if any(_REFERENCE.fullmatch(cell.upper()) for cell in cells):
        return None
    folded = [fold(cell) for cell in cells]
    columns = {
        name: next(place for place, cell in enumerate(folded) if cell in words)
        for name, words in _COLUMNS.items()
        if any(cell in words for cell in folded)
    }
    if not columns:
        return None
    if "reference" not in columns:
        raise FileRefused("La première ligne ne nomme pas la colonne des références : l'appeler « référence ».")
    return columns


def _parse_row(number: int, cells: Sequence[str], columns: dict[str, int], default: RemovalOutcome | None) -> FileRow:
    values = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
    reference, word = values["reference"].upper(), values.get("outcome", "")
    if not is_storable("".join(cells)):
        return _fault(number, cells, "Cette ligne contient un caractère illisible : la taper de nouveau.")
    if not _REFERENCE.fullmatch(reference):
        return _fault(number, cells, "Ce n'est pas une référence : l'écrire comme ODA-2027-00042.")
    outcome = parse_outcome(word) if word else default
    if outcome is None and word:
        return _fault(number, cells, f"« {word[:_MAX_QUOTED]} » n'est pas compris : écrire {_EXAMPLES}.")
    if outcome is None:
        return _fault(number, cells, f"Rien ne dit ce qui a été fait : écrire {_EXAMPLES}.")
    return RemovalRow(number=number, reference=reference, outcome=outcome, note=values.get("note", ""))


def _fault(number: int, cells: Sequence[str], message: str) -> RowFault:
    text = " ; ".join(cell for cell in cells if cell)
    written = f"{text[:_MAX_QUOTED]}…" if len(text) > _MAX_QUOTED else text
    return RowFault(number=number, written=written, message=message)
