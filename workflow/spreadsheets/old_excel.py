"""The workbooks of Excel before 2007 (.xls): what calamine does not say of them, read from their records (R91).

Runs in the child process, before calamine: ``olefile`` opens the container, and refuses one whose parts do not stand.
"""

import io
import struct
from collections.abc import Iterator
from typing import Final

import olefile

from workflow.spreadsheets.unusable import ADVICE, broken_workbook, formula, password_protected, unusable

_STREAMS: Final = ("Workbook", "Book")
"""Of Excel 97 to 2003, of Excel 95."""

_BEGIN, _END, _SHEET, _ENCRYPTED = 0x0809, 0x000A, 0x0085, 0x002F

_FORMULAS: Final = (0x0006, 0x0206, 0x0406)


def records_of(content: bytes) -> bytes:
    """The stream of records of a workbook. Raises UnusableFile for another document, or one under a password."""
    with olefile.OleFileIO(io.BytesIO(content)) as container:
        if container.exists("EncryptedPackage"):
            raise password_protected()
        name = next((name for name in _STREAMS if container.exists(name)), None)
        if name is None:
            raise unusable("c'est un document d'une autre sorte, pas un classeur", advice=ADVICE)
        with container.openstream(name) as stream:
            records: bytes = stream.read()
    if any(kind == _ENCRYPTED for kind, _ in _records(records, 0)):
        raise password_protected()
    return records


def refuse_formula(records: bytes, sheet: int) -> None:
    """Raise UnusableFile when a sheet, by its rank from 0, holds a formula."""
    starts = [struct.unpack_from("<I", body)[0] for kind, body in _records(records, 0) if kind == _SHEET]
    for kind, body in _records(records, starts[sheet]):
        if kind in _FORMULAS:
            row, column = struct.unpack_from("<HH", body)
            raise formula(row + 1, f"colonne {column + 1}")


def _records(content: bytes, start: int) -> Iterator[tuple[int, memoryview]]:
    """The records of the part that begins there, those of the charts within it included."""
    view, depth = memoryview(content), 0
    while start < len(view):
        kind, size = struct.unpack_from("<HH", view, start)
        start += 4 + size
        if start > len(view):
            break
        depth += (kind == _BEGIN) - (kind == _END)
        yield kind, view[start - size : start]
        if depth <= 0:
            return
    raise broken_workbook()
