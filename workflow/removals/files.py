"""The files exchanged with the ODA server's console: removals to do, written; removals done, read back (R48, R49, R83).

What is to be done is computed when the file is asked for. A row that is wrong is reported by its number, and stops no
other.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Final

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.messages.catalogue import MailContext
from notifications.messages.facts import Person, Place
from notifications.rendering import renderer as exports
from notifications.sql import batches
from states import french
from states.commands import ConfirmRemoval
from states.decision import Refused
from states.french import plural
from states.model import Actor
from states.refusals import Reason
from states.transitions import decide
from states.validation import fold, is_storable, normalise_reference, plain_hyphens, plainest
from states.vocabulary import RemovalOutcome
from workflow.engine.engine import Engine, Result, execute_in_batches
from workflow.engine.loader import Loader
from workflow.removals.tasks import RemovalFilters, RemovalLine, list_removals, removals_of
from workflow.settings.services import ExportSettings
from workflow.spreadsheets.reader import decode, open_table, read_bounded
from workflow.spreadsheets.workbook import WORKBOOKS, UnusableFile

PAGE: Final = 500
"""Lines that are read at once, in a transaction of their own: who downloads slowly holds nothing of the database."""

_CELL: Final = re.compile(r'"(?:[^"]|"")*"|[^;,\t|\r\n"]+')
"""A cell of the file, whatever separates the cells."""

_SHOWN: Final = 10
"""Replaced characters that are named."""

_ENDS: Final = {"crlf": "\r\n", "lf": "\n"}

_Record = tuple[int, Sequence[str] | None]
"""A record by its line: its cells, or None for one whose quote is never closed."""

_OUTCOME_WORDS: Final = {
    RemovalOutcome.REMOVED: (
        "supprimé", "supprimée", "supprimés", "supprimées", "clé supprimée", "clé retirée", "deleted",
    ),
    RemovalOutcome.ABSENT: (
        "absente", "déjà absent", "déjà absente", "absente du serveur", "déjà absente du serveur", "introuvable",
        "aucune clé", "not found",
        "missing",
    ),
    RemovalOutcome.EXPIRED: (
        "expiré", "expirée", "déjà expiré", "déjà expirée", "expirée sur le serveur", "déjà expirée sur le serveur",
    ),
    RemovalOutcome.KEPT: (
        "gardé", "gardée", "clé gardée", "gardée pour une autre demande", "conservé", "conservée", "clé conservée",
        "maintenue", "retirés", "droits retirés", "rights removed",
    ),
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

_EXAMPLES: Final = french.listing(list(EXAMPLES.values()), "ou")

_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")

_STARTS_WITH_REFERENCE: Final = re.compile(rf'\s*"?{_REFERENCE.pattern}', re.IGNORECASE)

_HOLDS_REFERENCE: Final = re.compile(_REFERENCE.pattern, re.IGNORECASE)

_SAID_SEPARATOR: Final = re.compile(r'"?sep=([;,\t])"?[;,\t]*', re.IGNORECASE)

_SEPARATORS: Final = (";", "\t", ",")

_COLUMNS: Final = {
    "reference": ("reference", "references", "reference de la demande", "demande"),
    "outcome": ("outcome", "resultat", "ce qui a ete fait", "fait", "suite"),
    "note": ("note", "precision", "remarque", "commentaire"),
}

_TITLES_WITHIN: Final = 10
"""The first lines among which titles are looked for: a title of the sheet may stand above them."""

_ASKED_TITLES: Final = "mettre en première ligne les titres référence, résultat, précision."

_MAX_QUOTED: Final = 60


@dataclass
class Replacements:
    """The characters that the file's encoding cannot write, by what stands for each, and in how many cells (R83).

    ``rows``: the removals that the file has.
    """

    rows: int = 0
    cells: int = 0
    characters: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """A sentence in French, to be said beside the file."""
        several = self.cells > 1
        pairs = [f"{before} → {after}" for before, after in sorted(self.characters.items())[:_SHOWN]]
        more = ", …" if len(self.characters) > _SHOWN else ""
        return (
            f"{plural(self.cells, 'cellule')} {'ont' if several else 'a'} des lettres que ce codage ne sait pas écrire,"
            f" remplacées par les plus proches : {', '.join(pairs)}{more}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalRow:
    """A removal to confirm; ``number`` is its line in the file, from 1."""

    number: int
    reference: str
    outcome: RemovalOutcome
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyRow:
    """A row that can be confirmed, with its task and the rules' warnings."""

    row: RemovalRow
    task: RemovalLine
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFault:
    """A row that cannot be confirmed: why, and what to do; ``written`` is its text, shortened."""

    number: int
    written: str
    message: str


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


FileRow = RemovalRow | RowFault


class FileRefused(Exception):
    """The whole file cannot be taken; the message is French, and says what to do."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The places of the columns that are read; ``titles`` is the line that names them, empty when none does."""

    places: Mapping[str, int]
    titles: Sequence[str] = ()

    @property
    def width(self) -> int:
        return len(self.titles) or len(self.places)

    def unread_outcomes(self, records: Sequence[_Record]) -> str | None:
        """The reason why these titles cannot be taken: they name no outcome, a column that is not read says some, and
        the default would be false. None when they can."""
        if "outcome" in self.places:
            return None
        for number, cells in records:
            for place, cell in enumerate(cells or ()):
                if place < len(self.titles) and place not in self.places.values() and parse_outcome(cell):
                    return (
                        f"La colonne « {_short(self.titles[place])} » a l'air de dire ce qui a été fait (« {cell} »,"
                        f" ligne {number}), et n'est pas lue : l'appeler « résultat »."
                    )
        return None


_IN_ORDER: Final = _Columns({"reference": 0, "outcome": 1, "note": 2})


class OpenRemovals:
    """The open tasks that the filters leave, by reference, read page by page each time they are asked for."""

    def __init__(
        self, engine: Engine, mailer: Mailer, filters: RemovalFilters, counted: "Replacements | None" = None
    ) -> None:  # fmt: skip
        """``counted`` is told how many there were. Raises ValueError in French when the filters ask for those that are
        confirmed."""
        if filters.confirmed:
            raise ValueError("Ce qui est confirmé n'est plus à faire : exporter une des deux autres listes.")
        self._engine, self._mailer, self._filters = engine, mailer, filters
        self._counted = counted or Replacements()

    def __iter__(self) -> Iterator[exports.Removal]:
        after: str | None = None
        database, policy, mailer = self._engine.database, self._engine.policy, self._mailer
        self._counted.rows = 0
        while True:
            with database.read() as connection:
                page = list_removals(connection, self._filters, policy, mailer, after=after, limit=PAGE)
            context = mailer.mail_context
            self._counted.rows += len(page.lines)
            yield from (_exported(line, context) for line in page.lines)
            if page.after is None:
                return
            after = page.after


def removals_file(
    engine: Engine, mailer: Mailer, settings: ExportSettings, filters: RemovalFilters,
    replacements: Replacements | None = None,
) -> Iterator[bytes]:  # fmt: skip
    """The file, piece by piece, in the form of the template and of ``removals.export``.

    ``replacements`` is filled as it goes. Raises ValueError at once when the filters ask for confirmed ones; then
    DatabaseBusy, DatabaseUnreachable and notifications.rendering.renderer.Unexportable as it goes.
    """
    lines = OpenRemovals(engine, mailer, filters, replacements or Replacements())
    today = engine.policy.calendar.today(engine.clock.now())
    pieces = exports.removals(mailer.wordings, lines, today, mailer.mail_context)
    return encoded(pieces, settings, replacements)


def encoded(
    pieces: Iterable[str], settings: ExportSettings, replacements: Replacements | None = None
) -> Iterator[bytes]:  # fmt: skip
    """The text as the settings want it written; what their encoding lacks is counted in ``replacements``."""
    mark = "\ufeff" if settings.encoding == "utf-8-sig" else ""
    codec = "windows-1252" if settings.encoding == "windows-1252" else "utf-8"
    replacements = Replacements() if replacements is None else replacements
    for piece in pieces:
        text = mark + piece.replace("\n", _ENDS[settings.line_ends])
        try:
            yield text.encode(codec)
        except UnicodeEncodeError:
            yield _CELL.sub(partial(_nearest, codec, replacements), text).encode(codec)
        mark = ""


def _nearest(codec: str, replacements: Replacements, cell: re.Match[str]) -> str:
    """A cell with the nearest that the encoding holds for each character that it lacks."""
    text = unicodedata.normalize("NFC", cell[0])
    lacking = {c: plainest(c, codec) for c in set(text) if not c.encode(codec, "ignore")}
    if lacking:
        replacements.cells += 1
        replacements.characters |= lacking
    return "".join(lacking.get(c, c) for c in text)


def _exported(line: RemovalLine, context: MailContext) -> exports.Removal:
    request, todo = line.request, line.todo
    if todo is None:
        raise AssertionError("an open task has something to do")
    return exports.Removal(
        reference=request.reference,
        establishment=Place(uai=request.uai, nom=line.establishment, commune=line.commune),
        departement=line.departement or "",
        rupn=Person(nom=request.nom, prenom=request.prenom, mail=request.mail),
        school_year=str(request.school_year),
        action=todo.action, asks=line.is_question, since=context.day_of(line.opened_at),
        expires_on=request.expires_on, new_expiry=todo.expires_on, kept_for=todo.kept_for,
        following=todo.following, to_verify=todo.to_verify,
    )  # fmt: skip


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


class FileLooksCut(FileRefused):
    """The file shows a sign of being cut: it is read all the same once somebody says that it is complete."""


def read_removals(
    content: bytes, default: RemovalOutcome | None, *, most: int, most_bytes: int, is_complete: bool = False
) -> list[FileRow]:  # fmt: skip
    """Read a text of any usual encoding, or the first sheet of a workbook (R91), as ``parse_rows`` does.

    A workbook cannot be cut without being unreadable. Raises FileRefused.
    """
    try:
        read_bounded(BytesIO(content), most_bytes)
        if content.startswith(WORKBOOKS):
            table = open_table(BytesIO(content), most_bytes=most_bytes, most_rows=most + _TITLES_WITHIN)
            return _parse_records([(row.line, row.cells) for row in table.rows], default, most=most)
        text = decode(content)
    except UnusableFile as refusal:
        why = str(refusal)
        raise FileRefused(f"{why[:1].upper()}{why[1:]}") from None
    return parse_rows(text, default, most=most, is_complete=is_complete)


def parse_rows(text: str, default: RemovalOutcome | None, *, most: int, is_complete: bool = False) -> list[FileRow]:
    """Parse each line that is not empty, in order; ``default`` is the outcome of those that say none.

    One reference a line, or columns separated by ``;``, a tab or ``,``: the reference, the outcome, a note, in that
    order or as titles among the first lines name them, others being left out. Nothing is guessed: raises FileRefused
    when the first line is neither a reference nor titles that name one, when two columns mean the same, when one that
    is not read says outcomes; when there is no line, or more than ``most``. A file that shows a sign of being cut is
    refused too, unless somebody says that it ``is_complete``.
    """
    records: list[_Record] = [(number, cells) for number, cells in _records(text) if cells is None or any(cells)]
    return _parse_records(records, default, most=most, is_ended=None if is_complete else text.endswith(("\n", "\r")))


def parse_outcome(text: str) -> RemovalOutcome | None:
    """Read the outcome that a cell says; None when it is not understood."""
    return OUTCOMES.get(fold(text))


def _parse_records(
    records: Sequence[_Record], default: RemovalOutcome | None, *, most: int, is_ended: bool | None = None
) -> list[FileRow]:  # fmt: skip
    """Parse the rows; ``is_ended``: True if the last line has an end, None when no sign of a cut is looked for."""
    if len(records) > most:
        raise FileRefused(f"{len(records)} lignes, {most} au plus à la fois : couper en plusieurs fichiers.")
    columns, records = _columns_and_rows(records)
    if not records:
        raise FileRefused("Aucune ligne à lire : donner au moins une référence, par exemple ODA-2027-00042.")
    unread = columns.unread_outcomes(records) if columns else None
    cut = [] if is_ended is None else _signs_of_cut(columns, records, is_ended=is_ended)
    if unread:
        raise FileRefused(" ".join([unread, *cut]))
    if cut:
        raise FileLooksCut(" ".join(cut))
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


def _read_reference(cell: str) -> str | None:
    """Read the reference that is the whole of a cell; None when it is no reference."""
    reference = normalise_reference(cell)
    return reference if _REFERENCE.fullmatch(reference) else None


def _records(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the cells of each record by its line; a cell between quotes may hold several lines.

    None for a record whose quote is never closed, or closed only in the line of another reference: it alone is lost.
    """
    lines = re.split("\r\n|\r|\n", text)
    separator, first = _separator(lines), 0
    while first < len(lines):
        last = _last_line(lines, first)
        yield first + 1, None if last is None else _cells("\n".join(lines[first : last + 1]), separator)
        first = first + 1 if last is None else last + 1


def _separator(lines: list[str]) -> str:
    """The mark between the cells, as Excel's ``sep=;`` says it, else as the rows of references show it."""
    if lines and (said := _SAID_SEPARATOR.fullmatch(lines[0])):
        lines[0] = ""
        return said[1]
    rows = [line for line in lines if _HOLDS_REFERENCE.search(plain_hyphens(line))] or lines
    return next((mark for line in rows for mark in _SEPARATORS if mark in line), _SEPARATORS[0])


def _last_line(lines: Sequence[str], first: int) -> int | None:
    """Find the line that ends the record begun at ``first``."""
    in_quotes = False
    for place in range(first, len(lines)):
        if place > first and _STARTS_WITH_REFERENCE.match(plain_hyphens(lines[place])):
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


def _columns_and_rows(records: Sequence[_Record]) -> tuple[_Columns | None, list[_Record]]:
    """Find the titles among the first lines, and the rows that follow them; None when the rows have no titles."""
    for place, (_, cells) in enumerate(records[:_TITLES_WITHIN]):
        if cells is None or any(map(_read_reference, cells)):
            break
        if places := _named_columns(cells):
            rest = list(records[place + 1 :])
            _refuse_titles(rest)
            return _Columns(places, cells), rest
    if not records:
        return None, []
    number, cells = records[0]
    if not cells or not _read_reference(cells[0]):
        raise FileRefused(
            f"La ligne {number} n'est ni une référence, ni des titres de colonnes compris : {_ASKED_TITLES}"
        )
    _refuse_titles(records)
    wide = next((number for number, cells in records if cells and any(cells[_IN_ORDER.width :])), None)
    if wide:
        raise FileRefused(f"La ligne {wide} a plus de trois cellules, et aucun titre ne les nomme : {_ASKED_TITLES}")
    return None, list(records)


def _refuse_titles(records: Sequence[_Record]) -> None:
    """Refuse titles that stand among the rows: two files end to end, or lines sorted."""
    for number, cells in records:
        if cells and not any(map(_read_reference, cells)) and "reference" in _meanings(cells):
            raise FileRefused(f"Des titres de colonnes sont à la ligne {number}, après des lignes : {_ASKED_TITLES}")


def _signs_of_cut(columns: _Columns | None, records: Sequence[_Record], *, is_ended: bool) -> list[str]:
    """All that shows that the file may be cut: rows that have other cells than the titles, a last line without an end
    (R83)."""
    signs = []
    width = columns.width if columns else 0
    lines = [number for number, cells in records if cells is not None and len(cells) != width]
    if columns and lines:
        signs.append(
            f"{french.lines(lines)} n'{'ont' if len(lines) > 1 else 'a'} pas {width} cellules comme les titres"
        )
    if not is_ended:
        signs.append(f"sa dernière ligne ({records[-1][0]}) n'a pas de fin")
    return [f"Le fichier est peut-être coupé : {' ; '.join(signs)}. Le reprendre entier."] if signs else []


def _meanings(cells: Sequence[str]) -> dict[str, list[int]]:
    """The places of the cells that name each column, for those that are named."""
    folded = [fold(cell) for cell in cells]
    places = {name: [n for n, cell in enumerate(folded) if cell in words] for name, words in _COLUMNS.items()}
    return {name: found for name, found in places.items() if found}


def _named_columns(cells: Sequence[str]) -> dict[str, int] | None:
    """Find the columns that a line names; None when it names none."""
    meanings = _meanings(cells)
    if not meanings or (len(cells) == 1 and "reference" not in meanings):
        return None
    if "reference" not in meanings:
        raise FileRefused("La ligne des titres ne nomme pas la colonne des références : l'appeler « référence ».")
    for places in meanings.values():
        if len(places) > 1:
            names = french.listing([f"« {_short(cells[place])} »" for place in places], "et")
            raise FileRefused(f"Les colonnes {names} veulent dire la même chose : n'en garder qu'une.")
    return {name: places[0] for name, places in meanings.items()}


def _parse_row(number: int, cells: Sequence[str], columns: _Columns, default: RemovalOutcome | None) -> FileRow:
    values = {name: cells[place] if place < len(cells) else "" for name, place in columns.places.items()}
    reference, word, note = _read_reference(values["reference"]), values.get("outcome", ""), values.get("note", "")
    if not is_storable("".join(cells)):
        return _fault(number, cells, "Cette ligne contient un caractère illisible : la taper de nouveau.")
    if reference is None:
        return _fault(number, cells, "Ce n'est pas une référence : l'écrire comme ODA-2027-00042.")
    if any(cells[columns.width :]):
        return _fault(number, cells, "Cette ligne a plus de cellules que de titres : mettre des guillemets autour.")
    outcome = parse_outcome(word) if word else default
    if outcome is None and word:
        return _fault(number, cells, f"« {_short(word)} » n'est pas compris : écrire {_EXAMPLES}.")
    if note and parse_outcome(note):
        return _fault(number, cells, f"« {note} » est à la place de la précision : le mettre dans « résultat ».")
    if outcome is None:
        return _fault(number, cells, f"Rien ne dit ce qui a été fait : écrire {_EXAMPLES}.")
    return RemovalRow(number=number, reference=reference, outcome=outcome, note=note)


def _fault(number: int, cells: Sequence[str], message: str) -> RowFault:
    return RowFault(number=number, written=_short(" ; ".join(cell for cell in cells if cell)), message=message)


def _short(text: str) -> str:
    return f"{text[:_MAX_QUOTED]}…" if len(text) > _MAX_QUOTED else text
