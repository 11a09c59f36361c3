"""The lines of a file as what they ask, each by its number; a line that is wrong is told and stops no other (R83)."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from states import french
from states.vocabulary import RemovalOutcome
from states.words import fold, is_kept
from workflow.removal_files.outcomes import EXAMPLES, outcome_of
from workflow.removal_files.text import FileRefused

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
    if not is_kept("".join(cells)):
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
