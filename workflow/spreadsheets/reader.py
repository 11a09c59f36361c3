"""A table read from a file as people have it: CSV of any separator and usual encoding, XLSX, XLS or ODS (R91).

The content of a file says what it is, never its name. Nothing is written anywhere, no formula is evaluated.
"""

import csv
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import dropwhile, islice
from typing import BinaryIO, Final

from states import french
from states.validation import is_wrongly_decoded
from workflow.settings.yaml_reader import quote
from workflow.spreadsheets.workbook import (
    ADVICE,
    WORKBOOKS,
    UnusableFile,
    formula,
    read_workbook,
    too_many_columns,
    unusable,
)

SEPARATORS: Final = (";", "\t", "|", ",")

MOST_COLUMNS: Final = 1_000

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")

_SIGNATURES: Final = (
    (b"\x1f\x8b", "c'est un fichier compressé", "le décompresser, et donner le fichier qu'il contient"),
    (b"7z\xbc\xaf", "c'est un fichier compressé", "le décompresser, et donner le fichier qu'il contient"),
    (b"Rar!", "c'est un fichier compressé", "le décompresser, et donner le fichier qu'il contient"),
    (b"%PDF", "c'est un PDF", ADVICE),
    (b"<", "c'est une page web, peut-être une page d'erreur ou de connexion",
     "l'ouvrir dans un tableur et l'enregistrer au format .xlsx, ou refaire l'export"),
    (b"{", "c'est du JSON", ADVICE),
    (b"[", "c'est du JSON", ADVICE),
)  # fmt: skip

_NOT_TEXT: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f]")

_NOT_FRENCH: Final = re.compile(r"[^\x00-\x7fÀ-ÖØ-öø-ÿœŒŸ€«»‘’°²\u00a0]")
"""What the accents of another encoding of eight bits become, among what a French text hardly needs."""

_SAID_SEPARATOR: Final = re.compile(r'"?sep=([;,\t|])"?[;,\t|]*\s*', re.IGNORECASE)

_TEXT_FORMULA: Final = re.compile(r'="((?:[^"]|"")*)"')

_FORMULA: Final = re.compile(r"=\s*[-+@(\"'\w]")

_SAMPLE: Final = 65_536
"""Characters of the file's start from which the separator is read."""

_SAMPLE_ROWS: Final = 200

_ENCODE: Final = "refaire l'export, ou l'enregistrer de nouveau au format « CSV UTF-8 » ou .xlsx"

MOST_BYTES: Final = 20_000_000
"""Bytes of a file, unless the caller says otherwise: the open directory of one académie takes 2 MB."""

MOST_ROWS: Final = 50_000
"""Rows of a file, titles included, unless the caller says otherwise."""

_HOUR: Final = re.compile(r"(?<=\d)[T ]\d{1,2}[:h]\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?$")

_IN_WORDS: Final = re.compile(r"(\d{1,2})(?:er)?\s+([a-zéû]+)\.?\s+(\d{4})")

_MONTHS: Final = {name.replace("é", "e").replace("û", "u"): number for number, name in enumerate(french.MONTHS, 1)}

_SERIAL_ZERO: Final = date(1899, 12, 30)

_FIRST_SERIAL: Final = 20_000  # 1954: a smaller number is a count or a year

_LAST_SERIAL: Final = 2_958_465  # 31/12/9999


def decode(content: bytes) -> str:
    """Decode UTF-8, marked or not, UTF-16 that is marked, or windows-1252. Raises UnusableFile on anything else, and on
    accents that another encoding or a wrong conversion has spoilt: names would be false.
    """
    start = content[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, what, advice in _SIGNATURES:
        if start.startswith(signature):
            raise unusable(what, advice=advice)
    if not content.startswith(_UTF_16) and b"\0" in content:
        raise unusable(
            "c'est du texte en UTF-16 sans sa marque, ou un fichier qui n'est pas du texte", advice=ADVICE
        )  # fmt: skip
    try:
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("windows-1252", "replace")
        if spoilt := _NOT_FRENCH.search(text):
            raise _spoilt(text, spoilt.start()) from None
    if _NOT_TEXT.search(text):
        raise unusable("ce n'est pas un fichier de texte", advice=ADVICE)
    if (lost := text.find("\ufffd")) >= 0:
        raise _spoilt(text, lost)
    for number, line in enumerate(() if text.isascii() else text.splitlines(), 1):
        if is_wrongly_decoded(line):
            raise unusable(f"les accents sont abîmés (« {quote(line)} »)", number, advice=_ENCODE)
    return text


def _spoilt(text: str, place: int) -> UnusableFile:
    line = text.count("\n", 0, place) + 1
    around = text[max(place - 20, 0) : place + 20]
    message = f"les accents sont abîmés, ou l'encodage est inconnu (« {quote(around)} »)"
    return unusable(message, line, advice=_ENCODE)


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    said = _SAID_SEPARATOR.match(text)
    is_said = said is not None and (said.end() == len(text) or "\n" in said[0] or "\r" in said[0])
    separator = said[1] if said and is_said else separator_of(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in rows:
            if not (is_said and line == 1):
                if len(cells) > MOST_COLUMNS:
                    raise too_many_columns(MOST_COLUMNS, line)
                yield line, [_value(cell, line) if cell.startswith("=") else cell for cell in cells]
            line = rows.line_num + 1
    except csv.Error:
        message = "guillemet qui n'est pas refermé, ou refermé au milieu d'une cellule ; ou cellule démesurée"
        raise unusable(
            message, line, advice="corriger cette ligne, ou donner un classeur (.xlsx, .xls, .ods)"
        ) from None


def separator_of(text: str) -> str:
    """The mark that parts the most lines into the same number of cells; of two, that which makes more of them."""
    sample = text[:_SAMPLE]
    scores: dict[str, tuple[int, int]] = {}
    for mark in SEPARATORS:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
        try:
            widths = Counter(len(cells) for cells in islice(rows, _SAMPLE_ROWS) if len(cells) > 1)
        except csv.Error:
            continue
        scores[mark] = max(((count, width) for width, count in widths.items()), default=(0, 0))
    return max(scores, key=lambda mark: scores[mark], default=SEPARATORS[0])


def _value(cell: str, line: int) -> str:
    """Read a cell that begins as a formula: ``="0310001H"`` only keeps a text as it is, ``0310001H``."""
    if match := _TEXT_FORMULA.fullmatch(cell):
        return match[1].replace('""', '"')
    if _FORMULA.match(cell):
        raise formula(line, quote(cell, 30))
    return cell


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row that is not empty: its line in the file or the sheet (from 1), and its cells.

    A cell is the text that a person reads, on one line: a date is ``2026-11-12``, a whole number ``42``, none ``""``.
    """

    line: int
    cells: tuple[str, ...]

    def cell(self, place: int | None) -> str:
        """The cell at a place (from 0); empty beyond the row's end, and for a column that the file has not."""
        return self.cells[place] if place is not None and place < len(self.cells) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A file's rows, its titles among them.

    ``digest``: SHA-256 of the file. ``signs_of_cut``: why the file looks cut, a French phrase without a full stop; None
    when nothing shows it: the caller refuses the file until somebody vouches for it (``refuse_if_cut``). ``sheet`` and
    ``other_sheets`` are those of a workbook: the first sheet that holds something is read, alone.
    """

    rows: tuple[TableRow, ...]
    digest: str
    signs_of_cut: str | None = None
    sheet: str | None = None
    other_sheets: tuple[str, ...] = ()

    def refuse_if_cut(self, *, is_complete: bool) -> None:
        """Raise UnusableFile when the file shows a sign of being cut and nobody says that it ``is_complete``."""
        if self.signs_of_cut and not is_complete:
            raise unusable(
                f"{self.signs_of_cut}, le fichier est peut-être coupé",
                advice="le reprendre entier ; s'il l'est, le dire (--file-is-complete)",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTable:
    """A file whose rows come one after the other, for a reader that keeps few of them; the facts are a ``Table``'s.

    ``is_ended`` False: a text whose last line has no end. ``is_text``: its rows may differ in width.
    """

    rows: Iterator[TableRow]
    digest: str
    is_text: bool
    is_ended: bool = True
    sheet: str | None = None
    other_sheets: tuple[str, ...] = ()


def read_table(file: BinaryIO, *, most_bytes: int = MOST_BYTES, most_rows: int = MOST_ROWS) -> Table:
    """Read a binary file from where it stands to its end. Raises UnusableFile, in French, with what to do.

    A file that is larger than ``most_bytes`` is refused without being read, when its size can be known.
    """
    source = open_table(file, most_bytes=most_bytes, most_rows=most_rows)
    rows = tuple(source.rows)
    if not rows:
        raise unusable("le fichier est vide", advice="donner un fichier qui a des titres de colonnes, puis des lignes")
    signs = _signs_of_cut(rows, is_ended=source.is_ended) if source.is_text else None
    return Table(
        rows=rows, digest=source.digest, signs_of_cut=signs, sheet=source.sheet, other_sheets=source.other_sheets
    )  # fmt: skip


def open_table(file: BinaryIO, *, most_bytes: int = MOST_BYTES, most_rows: int = MOST_ROWS) -> OpenTable:
    """As ``read_table``, but the rows come one after the other, and raise UnusableFile then."""
    content = read_bounded(file, most_bytes)
    digest = hashlib.sha256(content).hexdigest()
    if content.startswith(WORKBOOKS):
        workbook = read_workbook(content, most_rows=most_rows)
        rows = _rows(workbook.rows, most_rows)
        return OpenTable(
            rows=rows, digest=digest, is_text=False, sheet=workbook.sheet, other_sheets=workbook.other_sheets
        )  # fmt: skip
    text = decode(content)
    is_ended = text.endswith(("\n", "\r"))
    return OpenTable(rows=_rows(_records(text), most_rows), digest=digest, is_text=True, is_ended=is_ended)


def read_bounded(file: BinaryIO, most_bytes: int) -> bytes:
    """The bytes of a file from where it stands; raises UnusableFile when there are more than ``most_bytes``."""
    if file.seekable():
        place = file.tell()
        size = file.seek(0, os.SEEK_END) - place
        file.seek(place)
        if size > most_bytes:
            raise _too_large(most_bytes)
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _too_large(most_bytes)
    return content


def parse_day(cell: str) -> date:
    """Read a day as files have it: ``2026-11-12``, ``12/11/2026``, ``20261112``, « 12 novembre 2026 », ``46338``.

    An hour that follows is left out. The number is the one that Excel and LibreOffice keep: days since 30/12/1899.
    Raises ValueError with what is wrong, in French, without a full stop.
    """
    written = _HOUR.sub("", cell.strip())
    if written.isascii() and written.isdecimal():
        if len(written) == len("20261112"):
            return french.parse_day(f"{written[:4]}-{written[4:6]}-{written[6:]}")
        if _FIRST_SERIAL <= int(written[:9]) <= _LAST_SERIAL:
            return _SERIAL_ZERO + timedelta(days=int(written))
    if match := _IN_WORDS.fullmatch(written.lower()):
        month = _MONTHS.get(match[2].replace("é", "e").replace("û", "u"))
        if month:
            written = f"{match[1]}/{month}/{match[3]}"
    return french.parse_day(written)


def _rows(records: Iterable[tuple[int, list[str]]], most_rows: int) -> Iterator[TableRow]:
    count = 0
    for line, cells in records:
        tidy = tuple([" ".join(cell.split()) for cell in cells])
        if any(tidy):
            count += 1
            if count > most_rows:
                raise unusable(
                    f"plus de {french.number(most_rows)} lignes", advice="couper en plusieurs fichiers, ou n'exporter"
                    " que ce qui concerne l'académie",
                )  # fmt: skip
            yield TableRow(line, tidy)


def _signs_of_cut(rows: tuple[TableRow, ...], *, is_ended: bool) -> str | None:
    """Say why a text file looks cut: a last line without an end, or a number of cells that changes.

    Narrower lines may stand above the titles.
    """
    if not is_ended:
        return f"la dernière ligne ({rows[-1].line}) n'a pas de fin"
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    below = dropwhile(lambda row: len(row.cells) < width, rows)
    if lines := [row.line for row in below if len(row.cells) != width]:
        return f"{french.lines(lines)} n'{'ont' if len(lines) > 1 else 'a'} pas {width} cellules comme les autres"
    return None


def _too_large(most_bytes: int) -> UnusableFile:
    size = f"{most_bytes // 1_000_000} Mo" if most_bytes >= 1_000_000 else f"{most_bytes // 1000} ko"
    return unusable(
        f"le fichier dépasse {size}", advice="n'exporter que ce qui concerne l'académie, ou le couper en plusieurs"
    )
