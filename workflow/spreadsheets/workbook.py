"""The first sheet of a workbook, XLSX, XLS or ODS: an archive is inspected, then read in a child process (R91).

The child has little memory and little time, no network and no secret: a trapped workbook stops it, and nobody else.
The refusals of a whole file, a workbook or not, are here: why, at which line, what to do (R67).
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from notifications.rendering.child import ChildStopped, run_in_child

ADVICE: Final = "donner un fichier CSV, XLSX, XLS ou ODS"

ARCHIVES: Final = (b"PK\x03\x04", b"PK\x05\x06")

OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The container of a workbook of Excel before 2007, of any protected one, and of other documents."""

WORKBOOKS: Final = (*ARCHIVES, OLD_EXCEL)
"""How a file begins that is read as a workbook."""

MOST_ENTRIES: Final = 1_000
"""Files in the archive of a workbook: a sheet of pictures has some hundreds."""

MOST_UNCOMPRESSED: Final = 400_000_000
"""Bytes of the archive once uncompressed."""

READ_S: Final = 30
"""Seconds of processor that the child may use: a workbook of the académie takes one. The open directory of the whole
country, 70,000 rows of 72 columns, takes more as a workbook: its CSV is read instead."""

_LOCAL_HEADER: Final = 30

_PIECE: Final = 1_000_000


class UnusableFile(Exception):
    """The file cannot be taken and nothing has changed; the message says why and what to do, in French (R67, R91)."""


def unusable(why: str, line: int | None = None, *, advice: str) -> UnusableFile:
    """The refusal of a whole file; ``line`` counts from 1."""
    where = f"ligne {line} : " if line else ""
    return UnusableFile(f"{where}{why}. Que faire : {advice}.")


def formula(line: int | None, where: str) -> UnusableFile:
    """The refusal of a formula: none is evaluated, and the value that it last had may be an old one."""
    return unusable(
        f"une cellule contient une formule ({where}), et aucune n'est calculée", line,
        advice="dans le tableur, copier la feuille, la coller en « valeurs » (collage spécial), et donner ce fichier",
    )  # fmt: skip


def password_protected() -> UnusableFile:
    return unusable("ce fichier est protégé par un mot de passe", advice="l'enregistrer sans mot de passe")


def broken_workbook() -> UnusableFile:
    return unusable("ce classeur est abîmé ou incomplet", advice="le télécharger ou l'enregistrer de nouveau, entier")


def too_many_columns(most: int, line: int | None = None) -> UnusableFile:
    return unusable(f"plus de {most} colonnes", line, advice="n'exporter que les colonnes utiles")


@dataclass(frozen=True, slots=True)
class ReadSheet:
    """The sheet that was read, its rows by their number (from 1), and the names of the sheets that were not."""

    sheet: str
    other_sheets: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def read_workbook(content: bytes, *, most_rows: int) -> ReadSheet:
    """Read the first sheet that holds something. Raises UnusableFile, before any reading when the archive is a trap.

    The rows come out of a text of the child's, so that the cells of a large sheet never stand in memory all at once.
    """
    if content.startswith(ARCHIVES):
        inspect_archive(content)
    try:
        sheet, others, text = run_in_child(
            "workflow.spreadsheets.sheet:sheet_as_text", content, most_rows, step_s=READ_S
        )
    except ChildStopped as stopped:
        raise unusable(
            f"ce classeur est trop lourd à lire ({stopped.why.partition(',')[0]})",
            advice="le réduire aux colonnes et aux lignes utiles, ou donner un fichier CSV",
        ) from None
    rows = ((int(line), cells) for line, *cells in csv.reader(io.StringIO(text)))
    return ReadSheet(sheet, tuple(others), rows)


def inspect_archive(content: bytes) -> None:
    """Refuse what is no workbook, what is encrypted, and an archive whose content is out of measure.

    The sizes that the archive declares are looked at first, then those that come out of it, piece by piece.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if any(entry.flag_bits & 0x1 for entry in entries):
                raise password_protected()
            if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNCOMPRESSED:
                raise _out_of_measure()
            if len(set(names)) < len(names):
                raise broken_workbook()
            _refuse_other_archives(names, archive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, UnicodeDecodeError):
        raise broken_workbook() from None
    _refuse_lies(content, entries)


def _refuse_other_archives(names: list[str], archive: zipfile.ZipFile) -> None:
    if "xl/workbook.xml" in names:
        return
    if "mimetype" in names and "content.xml" in names:
        kind = archive.open("mimetype").read(100).strip()
        if kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
            return
    raise unusable("c'est une archive ZIP ou un document d'une autre sorte, pas un classeur", advice=ADVICE)


def _refuse_lies(content: bytes, entries: list[zipfile.ZipInfo]) -> None:
    """Uncompress every file of the archive, keeping nothing, up to what it declares."""
    for entry in entries:
        start = entry.header_offset + _LOCAL_HEADER
        names = content[start - 4 : start]
        start += int.from_bytes(names[:2], "little") + int.from_bytes(names[2:], "little")
        packed = memoryview(content)[start : start + entry.compress_size]
        if entry.compress_type == zipfile.ZIP_STORED:
            size = len(packed)
        elif entry.compress_type == zipfile.ZIP_DEFLATED:
            size = _uncompressed_size(packed, entry.file_size)
        else:
            raise broken_workbook()
        if size > entry.file_size:
            raise _out_of_measure()
        if size < entry.file_size:
            raise broken_workbook()


def _uncompressed_size(packed: memoryview, declared: int) -> int:
    """The size that comes out; one byte more than declared is enough to know."""
    stream, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    rest: bytes | memoryview = packed
    try:
        while not stream.eof and size <= declared:
            piece = stream.decompress(rest, _PIECE)
            rest = stream.unconsumed_tail
            size += len(piece)
            if not piece and not rest:
                break
    except zlib.error:
        raise broken_workbook() from None
    return size


def _out_of_measure() -> UnusableFile:
    return unusable(
        "ce classeur est démesuré une fois décompressé", advice="le réduire aux colonnes et aux lignes utiles"
    )  # fmt: skip
