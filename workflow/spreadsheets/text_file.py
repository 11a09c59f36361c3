"""A table in a file of text: its encoding, its separator, its records (R91)."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from states.characters import is_wrongly_decoded
from workflow.settings.form_errors import quote
from workflow.spreadsheets.unusable import ADVICE, UnusableFile, formula, too_many_columns, unusable

SEPARATORS: Final = (";", "\t", "|", ",")

MOST_COLUMNS: Final = 1_000


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of text: its records by the line on which each begins (from 1), and whether its last line ``is_ended``."""

    records: Iterator[tuple[int, list[str]]]
    is_ended: bool


def read_text_file(content: bytes) -> TextFile:
    """Decode a file and part it into records, as they are asked for; they raise UnusableFile as this does."""
    text = decode(content)
    return TextFile(_records(text), text.endswith(("\n", "\r")))


def decode(content: bytes) -> str:
    """Decode UTF-8, marked or not, UTF-16 that is marked, or windows-1252. Raises UnusableFile on anything else, and on
    accents that another encoding or a wrong conversion has spoilt: names would be false.
    """
    _refuse_other_formats(content)
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
    if not text.isascii():
        _refuse_wrongly_decoded(text)
    return text


def unescaped(cell: str) -> str:
    """A cell without the formula that keeps a text as it is: ``="0310001H"`` is ``0310001H``."""
    match = _TEXT_FORMULA.fullmatch(cell)
    return match[1].replace('""', '"') if match else cell


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


def _refuse_other_formats(content: bytes) -> None:
    start = content[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, what, advice in _SIGNATURES:
        if start.startswith(signature):
            raise unusable(what, advice=advice)
    if not content.startswith(_UTF_16) and b"\0" in content:
        raise unusable(
            "c'est du texte en UTF-16 sans sa marque, ou un fichier qui n'est pas du texte", advice=ADVICE
        )  # fmt: skip


def _refuse_wrongly_decoded(text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if is_wrongly_decoded(line):
            raise unusable(f"les accents sont abîmés (« {quote(line)} »)", number, advice=_ENCODE)


_ENCODE: Final = "refaire l'export, ou l'enregistrer de nouveau au format « CSV UTF-8 » ou .xlsx"


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
                yield line, [_value(cell, line) for cell in _bounded_width(cells, line)]
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


def _bounded_width(cells: list[str], line: int) -> list[str]:
    if len(cells) > MOST_COLUMNS:
        raise too_many_columns(MOST_COLUMNS, line)
    return cells


def _value(cell: str, line: int) -> str:
    if not cell.startswith("="):
        return cell
    plain = unescaped(cell)
    if plain is cell and _FORMULA.match(cell):
        raise formula(line, quote(cell, 30))
    return plain
