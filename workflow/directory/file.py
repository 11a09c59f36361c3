"""The file of the open directory, read line by line: its columns found, and what it is when it is something else."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from states.words import fold
from workflow.settings.problems import shown

COLUMNS = (
    "identifiant_de_l_etablissement", "nom_etablissement", "type_etablissement", "nom_commune", "code_departement",
    "code_academie", "mail", "etat",
)  # fmt: skip
"""What is read of the file; its other columns are ignored, and the order is free."""

SEPARATOR = ";"
MAX_LINE = 1_000_000
_BOM = b"\xef\xbb\xbf"
_ADVICE = "télécharger l'export CSV de l'annuaire (fr-en-annuaire-education), séparateur point-virgule, en UTF-8"
_SIGNATURES = (
    (b"\xff\xfe", "c'est du texte en UTF-16"),
    (b"\xfe\xff", "c'est du texte en UTF-16"),
    (b"PK\x03\x04", "c'est un classeur (xlsx, ods) ou une archive zip"),
    (b"\xd0\xcf\x11\xe0", "c'est un classeur Excel"),
    (b"\x1f\x8b", "c'est un fichier compressé"),
    (b"%PDF", "c'est un PDF"),
    (b"<", "c'est une page web, peut-être une page d'erreur ou de connexion"),
    (b"{", "c'est du JSON"),
    (b"[", "c'est du JSON"),
)


class UnusableFile(Exception):
    """The file cannot be imported and nothing has changed; the message says why and what to do, in French (R67)."""


def unusable(why: str, line: int | None = None, advice: str = _ADVICE) -> UnusableFile:
    """The refusal of a whole file; ``line`` counts from 1."""
    where = f"ligne {line} : " if line else ""
    return UnusableFile(f"{where}{why}. Que faire : {advice}.")


@dataclass(frozen=True, slots=True)
class Record:
    """A row: the line on which it begins (from 1), its values in the order of ``COLUMNS``, and what ails its form.

    A row with too many or too few cells has a ``problem``; only its UAI is then to be trusted, when it reads as one.
    """

    line: int
    values: tuple[str, ...]
    problem: str | None = None


@dataclass
class DirectoryFile:
    """A binary file being read once, from its start. ``digest`` is its SHA-256 once ``records`` has ended."""

    file: BinaryIO
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256, init=False, repr=False)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def records(self) -> Iterator[Record]:
        """Its rows, without the heading nor the empty lines. Raises UnusableFile at the first thing amiss."""
        rows = csv.reader(self._lines(), delimiter=SEPARATOR, strict=True)
        try:
            heading = next((row for row in rows if row), [])
            places = _places(heading)
            begins = rows.line_num + 1
            for row in rows:
                if any(row):
                    yield _record(begins, row, places, len(heading))
                begins = rows.line_num + 1
        except csv.Error:
            raise unusable(
                "ce n'est plus du CSV : guillemets non refermés, cellule démesurée ou fins de ligne d'un autre âge",
                rows.line_num,
            ) from None

    def _lines(self) -> Iterator[str]:
        number, begun = 0, False
        while raw := self.file.readline(MAX_LINE):
            number += 1
            self._hash.update(raw)
            if number == 1:
                raw = raw.removeprefix(_BOM)
            if not begun and raw.strip():
                _refuse_other_kinds(raw)
                begun = True
            yield _decoded(raw, number)
        if not begun:
            raise unusable("le fichier est vide")


def _refuse_other_kinds(head: bytes) -> None:
    start = head.lstrip()[:4]
    for signature, what in _SIGNATURES:
        if start.startswith(signature):
            raise unusable(what)
    if b"\0" in head:
        raise unusable("c'est du texte en UTF-16, ou un fichier qui n'est pas du texte")


def _decoded(raw: bytes, number: int) -> str:
    if len(raw) == MAX_LINE:
        raise unusable("cette ligne est démesurée, ce n'est pas l'annuaire", number)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise unusable("le texte n'est pas en UTF-8, sans doute en Latin-1 (Windows-1252)", number) from None


def _places(heading: list[str]) -> tuple[int, ...]:
    """Where each of ``COLUMNS`` is, whatever the case of the heading and however its words are joined."""
    names = [fold(name) for name in heading]
    wanted = {column: fold(column) for column in COLUMNS}
    missing = [column for column, name in wanted.items() if name not in names]
    twice = [column for column, name in wanted.items() if names.count(name) > 1]
    if len(heading) == 1 and any(mark in heading[0] for mark in ",\t|"):
        raise unusable("les colonnes ne sont pas séparées par des points-virgules", 1)
    if len(missing) == len(COLUMNS):
        raise unusable(f"ce n'est pas l'annuaire : la première ligne est « {shown(SEPARATOR.join(heading))} »", 1)
    if missing:
        raise unusable(f"il manque {_columns(missing)}", 1)
    if twice:
        raise unusable(f"le fichier a deux fois {_columns(twice)}", 1)
    return tuple(names.index(name) for name in wanted.values())


def _columns(names: list[str]) -> str:
    return f"{'la colonne' if len(names) == 1 else 'les colonnes'} {', '.join(names)}"


def _record(line: int, row: list[str], places: tuple[int, ...], width: int) -> Record:
    if len(row) == width:
        return Record(line, tuple([row[place] for place in places]))
    values = tuple(row[place] if place < len(row) else "" for place in places)
    return Record(line, values, f"la ligne compte {len(row)} cellules au lieu de {width}")
