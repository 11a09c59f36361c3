"""Files of the open directory, made by tests: each keyword replaces a cell of a sound row."""

from collections.abc import Mapping
from io import BytesIO

from states.validation import UAI_LETTERS
from workflow.directory.parser import COLUMNS, DirectoryEntry, DirectoryFile, DirectoryReader

HEADING = ";".join(COLUMNS)


def uai_of(number: int) -> str:
    """The UAI of the Haute-Garonne with that number: 1 is ``0310001H``."""
    digits = 310000 + number
    return f"{digits:07d}{UAI_LETTERS[digits % 23]}"


def row(uai: str = "0310001H", **cells: str) -> dict[str, str]:
    """``nom``, ``kind``, ``commune``, ``departement``, ``academie``, ``mail``, ``etat`` replace a cell."""
    sound = {
        "uai": uai, "nom": f"Collège {uai}", "kind": "Collège", "commune": "Toulouse", "departement": "031",
        "academie": "16", "mail": f"ce.{uai.strip().lower()}@ac-toulouse.fr", "etat": "OUVERT",
    }  # fmt: skip
    return sound | cells


def rows(count: int, first: int = 1, **cells: str) -> list[dict[str, str]]:
    return [row(uai_of(number), **cells) for number in range(first, first + count)]


def cell(text: str) -> str:
    """A cell, in quotes when it must be."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ';"\r\n') else text


def text_of(*lines: Mapping[str, str]) -> str:
    return "\n".join([HEADING, *(";".join(map(cell, line.values())) for line in lines), ""])


def file_of(*lines: Mapping[str, str]) -> bytes:
    return text_of(*lines).encode()


def read_bytes(content: bytes, *, is_complete: bool = False) -> DirectoryReader:
    """What a file says of the académie of Toulouse, without any database."""
    return DirectoryReader(16).read(DirectoryFile(BytesIO(content), is_complete).records())


def read(*lines: Mapping[str, str]) -> DirectoryReader:
    return read_bytes(file_of(*lines))


def entry(**cells: str) -> DirectoryEntry:
    """The only establishment of a file whose row has these cells."""
    (only_entry,) = read(row(**cells)).entries.values()
    return only_entry
