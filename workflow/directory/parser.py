"""The file of the open directory: its rows, then the establishments of one académie that they name (R66, R67)."""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from states.characters import fold, without_invisible
from states.validation import clean, clean_mail, has_uai_form, mail_problem, normalise_uai, uai_problem
from workflow.directory.model import Remark
from workflow.settings.form_errors import quote
from workflow.settings.sections import normalise_departement

COLUMNS = (
    "identifiant_de_l_etablissement", "nom_etablissement", "type_etablissement", "nom_commune", "code_departement",
    "code_academie", "mail", "etat",
)  # fmt: skip
"""The columns that are read, in any order; the others are ignored."""

SEPARATOR = ";"

MAX_LINE = 1_000_000

MAX_REMARKS = 50_000
"""Remarks beyond which the file is not read to its end: gigabytes of nonsense would be kept in memory."""

MAX_NOM = 200

LONGEST_CODE = 9

KEPT_KINDS = frozenset(map(fold, ("Collège", "Lycée", "EREA", "Autre")))
"""``type_etablissement`` of those that can have a RUPN: the second degree, its special schools, and « Autre »: better
one establishment too many than one that cannot declare."""

OUTSIDE_KINDS = frozenset(map(fold, ("Ecole", "Médico-social", "Service Administratif", "Information et orientation")))
"""``type_etablissement`` of those that cannot: no chef d'établissement delegates there. Counted, never an error.

A kind on neither list is taken with a warning, so that no establishment is lost unseen.
"""

OPEN_BY_STATE = {
    fold(state): is_open
    for states, is_open in ((("OUVERT", "A FERMER"), True), (("A OUVRIR", "FERME", "FERMEE"), False))
    for state in states
}
"""``etat`` of an establishment that works today, were it to close at the end of the year; and of the others (R12)."""


class UnusableFile(Exception):
    """The file cannot be imported and nothing has changed; the message says why and what to do, in French (R67)."""


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
            indexes = _column_indexes(heading)
            begins = rows.line_num + 1
            for row in rows:
                if len(row) == len(heading):
                    if any(row):
                        yield Record(begins, tuple([row[index] for index in indexes]))
                elif any(row):
                    values = tuple(row[index] if index < len(row) else "" for index in indexes)
                    yield Record(begins, values, f"la ligne compte {len(row)} cellules au lieu de {len(heading)}")
                begins = rows.line_num + 1
        except csv.Error:
            raise _unusable(
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
                _refuse_other_formats(raw)
                begun = True
            if len(raw) == MAX_LINE:
                raise _unusable("cette ligne est démesurée, ce n'est pas l'annuaire", number)
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError:
                message = "le texte n'est pas en UTF-8, sans doute en Latin-1 (Windows-1252)"
                raise _unusable(message, number) from None
            yield line
        if not begun:
            raise _unusable("le fichier est vide")


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectoryEntry:
    """An establishment as the file gives it: the columns that an import writes, ``mailbox`` None when unusable."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    mailbox: str | None
    is_open: bool


@dataclass
class DirectoryReader:
    """The establishments of the académie of number ``academie``, gathered from a file row by row.

    ``spared``: the UAI of refused rows. The file does name these establishments, so they are left as they are.
    """

    academie: int
    rows: int = 0
    outside_academie: int = 0
    outside_scope: int = 0
    repeated: int = 0
    differing: int = 0
    refused: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    spared: set[str] = field(default_factory=set)
    _lines: dict[str, tuple[int, DirectoryEntry]] = field(default_factory=dict)
    _unknown_kinds: set[str] = field(default_factory=set)

    @property
    def entries(self) -> dict[str, DirectoryEntry]:
        """The establishments by UAI, in the order of the UAI."""
        return {uai: self._lines[uai][1] for uai in sorted(self._lines)}

    def read(self, records: Iterable[Record]) -> "DirectoryReader":
        """Take every row; returns itself. Raises UnusableFile when none is an establishment of this académie (R67)."""
        for record in records:
            self.rows += 1
            self._take(record)
            if len(self.refused) + len(self.warnings) > MAX_REMARKS:
                message = f"déjà {MAX_REMARKS} lignes refusées ou douteuses, ce n'est pas l'annuaire"
                raise _unusable(message, record.line)
        if not self._lines:
            raise _unusable(
                f"aucun établissement de l'académie {self.academie:02d} dans ce fichier"
                f" (lignes lues : {self.rows}, hors académie : {self.outside_academie},"
                f" hors périmètre : {self.outside_scope}, refusées : {len(self.refused)})",
                advice="prendre le fichier entier, et vérifier le réglage academie.code",
            )
        return self

    def _take(self, record: Record) -> None:
        kind, academie = record.values[2], record.values[5].strip()
        if record.problem:
            self._refuse(record, [record.problem])
        elif not academie.isdecimal() or len(academie) > LONGEST_CODE:
            self._refuse(record, [f"le code d'académie « {quote(academie)} » n'est pas un nombre"])
        elif int(academie) != self.academie:
            self.outside_academie += 1
        elif _fold(kind) in OUTSIDE_KINDS:
            self.outside_scope += 1
        else:
            entry, remarks = parse_entry(record.values)
            if entry is None:
                self._refuse(record, remarks)
                return
            if _fold(kind) not in KEPT_KINDS:
                self._warn_of_kind(record.line, entry.uai, kind)
            self.warnings += [Remark(record.line, entry.uai, remark) for remark in remarks]
            self._keep(record.line, entry)

    def _refuse(self, record: Record, reasons: list[str]) -> None:
        uai = normalise_uai(record.values[0])
        if has_uai_form(uai):
            self.spared.add(uai)
        self.refused.append(Remark(record.line, quote(uai), " ; ".join(reasons)))

    def _warn_of_kind(self, line: int, uai: str, kind: str) -> None:
        """Warn once of an unknown kind. Raises UnusableFile on broken accents: every primary school would come in."""
        if "Ã" in kind or "\ufffd" in kind:
            raise _unusable(f"les accents sont abîmés (« {quote(kind)} »)", line)
        if (name := tidy(kind)) not in self._unknown_kinds:
            self._unknown_kinds.add(name)
            self.warnings.append(Remark(line, uai, f"le type « {quote(name)} » n'est pas connu : pris quand même"))

    def _keep(self, line: int, entry: DirectoryEntry) -> None:
        """Keep one row of a UAI: the open one with a mailbox. The choice never depends on the order of the rows."""
        new = (line, entry)
        old = self._lines.setdefault(entry.uai, new)
        if old is new:
            return
        if old[1] == entry:
            self.repeated += 1
            return
        self.differing += 1
        better = min(old, new, key=lambda row: _preference(row[1]))
        self._lines[entry.uai] = better
        message = f"déjà à la ligne {old[0]} avec d'autres valeurs : la ligne {better[0]} est gardée"
        self.warnings.append(Remark(line, entry.uai, message))


def parse_entry(values: tuple[str, ...]) -> tuple[DirectoryEntry | None, list[str]]:
    """Read the values of ``COLUMNS``: an entry and the warnings on it, or None and the reasons that refuse it.

    The académie and the kind have been looked at before. A bad mailbox is never mended: an operator may set it
    (R13, R14).
    """
    uai, nom, kind, commune, departement, _, mail, state = values
    uai, nom, is_open = normalise_uai(uai), tidy(nom), OPEN_BY_STATE.get(_fold(state))
    refusals = []
    if not has_uai_form(uai):
        refusals.append(f"« {quote(uai)} » n'est pas un UAI (7 chiffres et une lettre)")
    if not nom:
        refusals.append("le nom de l'établissement est vide")
    if len(nom) > MAX_NOM:
        refusals.append(f"le nom de l'établissement compte {len(nom)} caractères, {MAX_NOM} au plus")
    if is_open is None:
        refusals.append(f"l'état « {quote(state)} » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)")
    if is_open is None or refusals:
        return None, refusals
    warnings = [problem] if (problem := uai_problem(uai)) else []
    try:
        departement = normalise_departement(departement)
    except ValueError as error:
        departement = ""
        warnings.append(f"{error} : établissement pris sans département")
    mailbox = clean_mail(mail) or None
    if mailbox and (problem := _mailbox_problem(mailbox)):
        warnings.append(f"la boîte « {quote(mailbox)} » {problem} : établissement pris sans boîte")
        mailbox = None
    entry = DirectoryEntry(
        uai=uai, nom=nom, kind=tidy(kind), commune=tidy(commune), departement=departement, mailbox=mailbox,
        is_open=is_open,
    )  # fmt: skip
    return entry, warnings


def tidy(text: str) -> str:
    """A cell on one line, without invisible characters."""
    line = " ".join(text.split())
    return clean(without_invisible(line))


_fold = lru_cache(maxsize=256)(fold)
"""``fold`` for kinds and states: a few words that return in every row."""

_SEVERAL = re.compile(r"[,;/\s]+")


def _mailbox_problem(mail: str) -> str | None:
    if sum("@" in part for part in _SEVERAL.split(mail)) > 1:
        return "compte plusieurs adresses"
    return mail_problem(mail)


def _preference(entry: DirectoryEntry) -> tuple[object, ...]:
    return (
        not entry.is_open, entry.mailbox is None, entry.nom, entry.kind, entry.commune, entry.departement,
        entry.mailbox or "",
    )  # fmt: skip


_ADVICE = "télécharger l'export CSV de l'annuaire (fr-en-annuaire-education), séparateur point-virgule, en UTF-8"


def _unusable(why: str, line: int | None = None, advice: str = _ADVICE) -> UnusableFile:
    """The refusal of a whole file; ``line`` counts from 1."""
    where = f"ligne {line} : " if line else ""
    return UnusableFile(f"{where}{why}. Que faire : {advice}.")


_BOM = b"\xef\xbb\xbf"

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


def _refuse_other_formats(head: bytes) -> None:
    start = head.lstrip()[:4]
    for signature, content in _SIGNATURES:
        if start.startswith(signature):
            raise _unusable(content)
    if b"\0" in head:
        raise _unusable("c'est du texte en UTF-16, ou un fichier qui n'est pas du texte")


def _column_indexes(heading: list[str]) -> tuple[int, ...]:
    """The index of each of ``COLUMNS``, whatever the case of the heading and however its words are joined."""
    names = [fold(name) for name in heading]
    folded = {column: fold(column) for column in COLUMNS}
    missing = [column for column, name in folded.items() if name not in names]
    twice = [column for column, name in folded.items() if names.count(name) > 1]
    if len(heading) == 1 and any(mark in heading[0] for mark in ",\t|"):
        raise _unusable("les colonnes ne sont pas séparées par des points-virgules", 1)
    if len(missing) == len(COLUMNS):
        raise _unusable(f"ce n'est pas l'annuaire : la première ligne est « {quote(SEPARATOR.join(heading))} »", 1)
    if missing:
        raise _unusable(f"il manque {_columns(missing)}", 1)
    if twice:
        raise _unusable(f"le fichier a deux fois {_columns(twice)}", 1)
    return tuple(names.index(name) for name in folded.values())


def _columns(names: list[str]) -> str:
    return f"{'la colonne' if len(names) == 1 else 'les colonnes'} {', '.join(names)}"
