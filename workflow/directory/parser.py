"""The file of the open directory: its rows, then the establishments of one académie that they name (R66, R67)."""

import codecs
import csv
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import chain, islice
from typing import BinaryIO, Protocol

from states.french import lines as lines_of
from states.french import plural
from states.validation import (
    clean,
    clean_mail,
    fold,
    has_uai_form,
    is_wrongly_decoded,
    mail_problem,
    normalise_uai,
    uai_problem,
    without_invisible,
)
from workflow.settings.sections import normalise_departement
from workflow.settings.yaml_reader import quote
from workflow.spreadsheets.columns import TITLES_WITHIN, Columns, ColumnSpec, recognise
from workflow.spreadsheets.reader import Table, TableRow, open_table, separator_of
from workflow.spreadsheets.workbook import UnusableFile, unusable

SPECS = (
    ColumnSpec(
        "identifiant_de_l_etablissement", "UAI",
        ("Code UAI", "Numéro UAI", "N° UAI", "RNE", "Code RNE", "Code établissement", "Numéro d'établissement"),
    ),
    ColumnSpec("nom_etablissement", "Nom de l'établissement", ("Nom", "Établissement", "Dénomination", "Appellation")),
    ColumnSpec("type_etablissement", "Type d'établissement", ("Type", "Type établissement")),
    ColumnSpec("nom_commune", "Commune", ("Ville", "Localité", "Libellé commune", "Nom de la commune")),
    ColumnSpec("code_departement", "Code du département", ("Département", "Code département", "Dép.")),
    ColumnSpec("code_academie", "Code de l'académie", ("Académie", "Code académie")),
    ColumnSpec(
        "mail", "Adresse de la boîte",
        ("Boîte", "Boîte fonctionnelle", "Adresse électronique", "Courriel", "Mél", "E-mail", "Email"),
    ),
    ColumnSpec("etat", "État", ("État de l'établissement", "État établissement", "Ouvert ou fermé")),
    ColumnSpec("telephone", "Téléphone", ("Tél.", "Numéro de téléphone"), required=False),
    ColumnSpec(
        "libelle_departement", "Nom du département", ("Libellé département", "Libellé du département"), required=False
    ),
    ColumnSpec("libelle_nature", "Nature de l'établissement", ("Nature", "Libellé nature"), required=False),
    ColumnSpec(
        "civilite_chef", "Civilité du chef d'établissement",
        ("Civilité", "Civilité chef", "Civilité du chef", "Civilité directeur", "Civilité du responsable"),
        required=False,
    ),
    ColumnSpec("siren_siret", "SIRET", ("Numéro SIRET", "N° SIRET", "SIREN SIRET", "SIREN/SIRET"), required=False),
)  # fmt: skip
"""The columns that are read, in any order, by the open directory's names or by those that people write."""

COLUMNS = tuple(spec.key for spec in SPECS if spec.required)

OPTIONAL = tuple(spec.key for spec in SPECS if not spec.required)
"""The columns that are read when the file has them: what it does not give stays as it was."""

MOST_BYTES = 80_000_000
"""Bytes of a file that is read whole: the open directory of the country has 50 million in any format."""

MOST_ROWS = 150_000

SEPARATOR = ";"

MAX_LINE = 1_000_000

MAX_REMARKS = 50_000
"""Remarks beyond which the file is not read to its end: gigabytes of nonsense would be kept in memory."""

MAX_NOM = 200

LONGEST_CODE = 9

DIGITS = 10
"""Digits of a telephone number in France."""

LONGEST_NUMBER = 30

LONGEST_WORDS = 100

LONGEST_CIVILITY = 20

SIRET_DIGITS = 14

KEPT_KINDS = frozenset(map(fold, ("Collège", "Lycée", "EREA", "Autre")))
"""``type_etablissement`` of those that can have a RUPN: the second degree, its special schools, and « Autre »: better
one establishment too many than one that cannot declare."""

OUTSIDE_KINDS = frozenset(map(fold, ("Ecole", "Médico-social", "Service Administratif", "Information et orientation")))
"""``type_etablissement`` of those that cannot: no chef d'établissement delegates there. Counted, never an error.

A kind on neither list is taken with a warning, so that no establishment is lost unseen.
"""

_BROKEN_KINDS = frozenset(
    fold(re.sub(r"[^\x00-\x7f]", lost, kind)) for kind in ("Collège", "Lycée", "Médico-social") for lost in ("", "?")
)
"""Those kinds once a conversion has lost their accents."""

OPEN_BY_STATE = {
    fold(state): is_open
    for states, is_open in ((("OUVERT", "A FERMER"), True), (("A OUVRIR", "FERME", "FERMEE"), False))
    for state in states
}
"""``etat`` of an establishment that works today, were it to close at the end of the year; and of the others (R12)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row: the line on which it begins (from 1), its values in the order of ``COLUMNS``, and what ails its form.

    ``more``: its values in the order of ``OPTIONAL``, None for a column that the file has not. A row with too many or
    too few cells has a ``problem``; only its UAI is then to be trusted, when it reads as one.
    """

    line: int
    values: tuple[str, ...]
    more: tuple[str | None, ...] = (None,) * len(OPTIONAL)
    problem: str | None = None


class DirectorySource(Protocol):
    """The rows that an import reads, once, then the SHA-256 of the file that they come from."""

    @property
    def digest(self) -> str: ...

    def records(self) -> Iterator[Record]:
        """Its rows, without the titles nor the empty lines. Raises UnusableFile."""
        ...


@dataclass(frozen=True, slots=True)
class DirectoryTable:
    """A table that was read, whose columns are known: rows of another width are refused one by one."""

    columns: Columns
    digest: str

    def records(self) -> Iterator[Record]:
        return _records_of(self.columns, self.columns.rows)


@dataclass
class DirectoryFile:
    """A binary file being read once, from its start. ``digest`` is its SHA-256 once ``records`` has ended.

    ``is_complete``: somebody vouches for a file that shows a sign of being cut (R67). ``recognise`` finds the columns
    of a table by its first rows; ``has_choice``: somebody has named some. ``columns``: those of a file read whole.

    The open directory's own form, CSV in UTF-8 by semicolons, is read line by line: its 70,000 lines of 72 columns
    never stand in memory, and cost nothing but the line that is looked at. Any other form is read whole, within
    ``MOST_BYTES``, and its rows one by one (R91).
    """

    file: BinaryIO
    is_complete: bool = False
    recognise: Callable[[Table], Columns] = field(default=lambda table: recognise(table, SPECS))
    has_choice: bool = False
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256, init=False, repr=False)
    _digest: str = field(default="", init=False)
    columns: Columns | None = field(default=None, init=False)

    @property
    def digest(self) -> str:
        return self._digest or self._hash.hexdigest()

    def records(self) -> Iterator[Record]:
        """Its rows, without the titles nor the empty lines. Raises UnusableFile at the first thing amiss."""
        head = self.file.read(_HEAD) if self.file.seekable() else b""
        if head:
            self.file.seek(-len(head), os.SEEK_CUR)
        return self._streamed() if not self.has_choice and _is_open_directory(head) else self._read_whole()

    def _read_whole(self) -> Iterator[Record]:
        """The rows of a file of any form."""
        source = open_table(self.file, most_bytes=MOST_BYTES, most_rows=MOST_ROWS)
        self._digest = source.digest
        first = list(islice(source.rows, TITLES_WITHIN))
        if not first:
            raise _unusable("le fichier est vide")
        table = Table(rows=tuple(first), digest=source.digest)
        columns = self.recognise(table)
        columns.refuse_if_incomplete(advice=_ADVICE_COLUMNS)
        self.columns = columns
        line = first[-1].line
        for record in _records_of(columns, chain(columns.rows, source.rows)):
            if record.problem and not self.is_complete:
                raise _unusable(f"{record.problem}, le fichier est peut-être coupé", record.line, _ADVICE_WHOLE)
            line = record.line
            yield record
        if not source.is_ended and not self.is_complete:
            raise _unusable("la dernière ligne n'a pas de fin, le fichier est peut-être coupé", line, _ADVICE_WHOLE)

    def _streamed(self) -> Iterator[Record]:
        """The rows of the open directory's own form, line by line."""
        rows = csv.reader(self._lines(), delimiter=SEPARATOR, strict=True)
        try:
            indexes, more, width = _columns((rows.line_num, row) for row in rows if any(row))
            begins = rows.line_num + 1
            for row in rows:
                if len(row) == width:
                    if any(row):
                        yield Record(
                            begins, tuple([row[index] for index in indexes]),
                            tuple([None if index is None else row[index] for index in more]),
                        )  # fmt: skip
                elif any(row):
                    problem = _other_width(len(row), width)
                    if not self.is_complete:
                        raise _unusable(f"{problem}, le fichier est peut-être coupé", begins, _ADVICE_WHOLE)
                    values = tuple(row[index] if index < len(row) else "" for index in indexes)
                    yield Record(begins, values, problem=problem)
                begins = rows.line_num + 1
        except csv.Error:
            raise _unusable(
                "ce n'est plus du CSV : guillemets non refermés, cellule démesurée ou fins de ligne d'un autre âge",
                rows.line_num,
            ) from None

    def _lines(self) -> Iterator[str]:
        number, begun, is_ended = 0, False, True
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
            if is_wrongly_decoded(line):
                raise _unusable(f"les accents sont abîmés (« {quote(line)} »)", number)
            is_ended = raw.endswith(b"\n")
            yield line
        if not begun:
            raise _unusable("le fichier est vide")
        if not is_ended and not self.is_complete:
            message = "la dernière ligne n'a pas de fin, le fichier est peut-être coupé"
            raise _unusable(message, number, _ADVICE_WHOLE)


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning on a row or the refusal of it, in French; ``line`` counts from 1, ``uai`` is as read."""

    line: int
    uai: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectoryEntry:
    """An establishment as the file gives it: the columns that an import writes, ``mailbox`` None when unusable.

    The last five are None in a file without their column.
    """

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    mailbox: str | None
    is_open: bool
    telephone: str | None = None
    departement_name: str | None = None
    nature: str | None = None
    chef_civility: str | None = None
    siret: str | None = None


@dataclass
class DirectoryReader:
    """The establishments of the académie of number ``academie``, gathered from a file row by row.

    ``spared``: the UAI of refused rows. The file does name these establishments, so they are left as they are. When a
    refused row does not even tell its UAI, the file no longer ``names_everybody``: nobody is closed for being absent.
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
    names_everybody: bool = True
    _causes: "dict[_Cause, list[int]]" = field(default_factory=dict)
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
            raise self._nobody()
        return self

    def _nobody(self) -> UnusableFile:
        """The refusal of a file without an establishment to take: its counts, and what is refused most often."""
        counts = (
            f"aucun établissement de l'académie {self.academie:02d} dans ce fichier"
            f" (lignes lues : {self.rows}, hors académie : {self.outside_academie},"
            f" hors périmètre : {self.outside_scope}, refusées : {len(self.refused)})"
        )
        if not self.refused:
            return _unusable(counts, advice="prendre le fichier entier, et vérifier le réglage academie.code")
        cause, lines = max(self._causes.items(), key=lambda item: len(item[1]))
        example = next(remark.message for remark in self.refused if remark.line == lines[0])
        why = f"{counts} ; le plus souvent, {cause.value} : {lines_of(lines)} (« {example} »)"
        return _unusable(why, advice="reprendre l'export sans le retoucher, ou corriger ces lignes")

    def _take(self, record: Record) -> None:
        kind, academie = record.values[2], record.values[5].strip()
        if record.problem:
            self._refuse(record, {_Cause.CELLS: record.problem})
        elif not academie.isdecimal() or len(academie) > LONGEST_CODE:
            self._refuse(record, {_Cause.ACADEMIE: f"le code d'académie « {quote(academie)} » n'est pas un nombre"})
        elif int(academie) != self.academie:
            self.outside_academie += 1
        elif _fold(kind) in OUTSIDE_KINDS:
            self.outside_scope += 1
        else:
            entry, warnings, refusals = parse_entry(record.values, record.more)
            if entry is None:
                self._refuse(record, refusals)
                return
            if _fold(kind) not in KEPT_KINDS:
                self._warn_of_kind(record.line, entry.uai, kind)
            self.warnings += [Remark(record.line, entry.uai, warning) for warning in warnings]
            self._keep(record.line, entry)

    def _refuse(self, record: Record, reasons: "Mapping[_Cause, str]") -> None:
        uai, messages = normalise_uai(record.values[0]), list(reasons.values())
        if has_uai_form(uai):
            self.spared.add(uai)
        else:
            self.names_everybody = False
            messages.append("qui n'est pas dans le fichier n'est pas fermé, car c'est peut-être cette ligne")
        for cause in reasons:
            self._causes.setdefault(cause, []).append(record.line)
        self.refused.append(Remark(record.line, quote(uai), " ; ".join(messages)))

    def _warn_of_kind(self, line: int, uai: str, kind: str) -> None:
        """Warn once of an unknown kind. Raises UnusableFile on broken accents: every primary school would come in."""
        if "\ufffd" in kind or _fold(kind) in _BROKEN_KINDS:
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


class _Cause(Enum):
    """The kinds of reasons that refuse a row, counted when a whole file is refused."""

    CELLS = "un autre nombre de cellules que les titres"
    ACADEMIE = "un code d'académie qui n'est pas un nombre"
    UAI = "un UAI illisible"
    NOM = "un nom vide ou trop long"
    STATE = "un état inconnu"


def parse_entry(
    values: tuple[str, ...], more: tuple[str | None, ...]
) -> tuple[DirectoryEntry | None, list[str], dict[_Cause, str]]:
    """Read the values of ``COLUMNS`` and ``OPTIONAL``: an entry and the warnings on it, or None and the reasons that
    refuse it.

    The académie and the kind have been looked at before. A bad mailbox is never mended: an operator may set it
    (R13, R14).
    """
    uai, nom, kind, commune, departement, _, mail, state = values
    telephone, departement_name, nature, civility, siret = more
    uai, nom, is_open = normalise_uai(uai), tidy(nom), OPEN_BY_STATE.get(_fold(state))
    refusals: dict[_Cause, str] = {}
    if not has_uai_form(uai):
        refusals[_Cause.UAI] = f"« {quote(uai)} » n'est pas un UAI (7 chiffres et une lettre)"
    if not nom:
        refusals[_Cause.NOM] = "le nom de l'établissement est vide"
    if len(nom) > MAX_NOM:
        refusals[_Cause.NOM] = f"le nom de l'établissement compte {len(nom)} caractères, {MAX_NOM} au plus"
    if is_open is None:
        refusals[_Cause.STATE] = f"l'état « {quote(state)} » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)"
    if is_open is None or refusals:
        return None, [], refusals
    warnings = [problem] if (problem := uai_problem(uai)) else []
    try:
        departement = normalise_departement(departement)
    except ValueError as error:
        departement = ""
        warnings.append(f"{error} : établissement pris sans département")
    mailbox = clean_mail(mail) or None
    is_several = mailbox and sum("@" in part for part in _SEVERAL.split(mailbox)) > 1
    if mailbox and (problem := "compte plusieurs adresses" if is_several else mail_problem(mailbox)):
        warnings.append(f"la boîte « {quote(mailbox)} » {problem} : établissement pris sans boîte")
        mailbox = None
    entry = DirectoryEntry(
        uai=uai, nom=nom, kind=tidy(kind), commune=tidy(commune), departement=departement, mailbox=mailbox,
        is_open=is_open, telephone=None if telephone is None else _readable_number(telephone),
        departement_name=None if departement_name is None else tidy(departement_name)[:LONGEST_WORDS],
        nature=None if nature is None else tidy(nature)[:LONGEST_WORDS],
        chef_civility=None if civility is None else tidy(civility)[:LONGEST_CIVILITY],
        siret=None if siret is None else _siret(siret),
    )  # fmt: skip
    return entry, warnings, {}


def tidy(text: str) -> str:
    """A cell on one line, without invisible characters."""
    line = " ".join(text.split())
    return clean(without_invisible(line))


def _readable_number(text: str) -> str:
    """A telephone number as it is read aloud: « 05 61 00 00 00 »; anything else as it stands, shortened."""
    digits = "".join(text.split()).replace(".", "")
    if len(digits) == DIGITS and digits.isdecimal():
        return " ".join(digits[start : start + 2] for start in range(0, DIGITS, 2))
    return tidy(text)[:LONGEST_NUMBER]


def _siret(text: str) -> str:
    """The digits of a SIRET; empty for anything else, a SIREN included, which names no place."""
    digits = "".join(text.split())
    return digits if len(digits) == SIRET_DIGITS and digits.isascii() and digits.isdecimal() else ""


_fold = lru_cache(maxsize=256)(fold)
"""``fold`` for kinds and states: a few words that return in every row."""

_SEVERAL = re.compile(r"[,;/\s]+")


def _preference(entry: DirectoryEntry) -> tuple[object, ...]:
    return (
        not entry.is_open, entry.mailbox is None, entry.nom, entry.kind, entry.commune, entry.departement,
        entry.mailbox or "", entry.telephone or "", entry.departement_name or "", entry.nature or "",
        entry.chef_civility or "", entry.siret or "",
    )  # fmt: skip


_TITLES_WITHIN = 10
"""The first lines among which the titles are looked for."""

_ADVICE_COLUMNS = "renommer ces titres, ou désigner les colonnes (--column uai=B, ou à la page de l'import)"

_ADVICE_WHOLE = "reprendre le fichier entier ; s'il l'est, le dire (--file-is-complete)"

_ADVICE = "télécharger l'export CSV de l'annuaire (fr-en-annuaire-education), séparateur point-virgule, en UTF-8"


def _unusable(why: str, line: int | None = None, advice: str = _ADVICE) -> UnusableFile:
    return unusable(why, line, advice=advice)


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


def _columns(
    lines: Iterator[tuple[int, list[str]]],
) -> tuple[tuple[int, ...], tuple[int | None, ...], int]:  # fmt: skip
    """Find the titles among the first lines: the index of each of ``COLUMNS``, of each of ``OPTIONAL`` or None, and how
    many titles there are.

    Their case, and how their words are joined, do not matter. A line that holds an establishment ends the search.
    """
    first: tuple[int, list[str]] | None = None
    for number, cells in islice(lines, _TITLES_WITHIN):
        names = [fold(name) for name in cells]
        if sum(1 for spec in SPECS if spec.required and not spec.folded.isdisjoint(names)) > 1:
            return (*_indexes(number, names), len(cells))
        if len(cells) == 1 and sum(fold(name) in names[0] for name in COLUMNS) > 1:
            raise _unusable("les colonnes ne sont pas séparées par des points-virgules", number)
        first = first or (number, cells)
        if any(has_uai_form(normalise_uai(cell)) for cell in cells):
            break
    number, cells = first or (1, [])
    message = f"ce n'est pas l'annuaire : la première ligne est « {quote(SEPARATOR.join(cells))} »"
    raise _unusable(f"{message}, et les titres de l'annuaire ne sont pas au début", number)


def _indexes(number: int, names: Sequence[str]) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    places = {spec.key: [n for n, name in enumerate(names) if name in spec.folded] for spec in SPECS}
    if missing := [column for column in COLUMNS if not places[column]]:
        raise _unusable(f"il manque {_named(missing)}", number)
    if twice := [column for column, found in places.items() if len(found) > 1]:
        raise _unusable(f"le fichier a deux fois {_named(twice)}", number)
    more = tuple(places[column][0] if places[column] else None for column in OPTIONAL)
    return tuple(places[column][0] for column in COLUMNS), more


def _records_of(columns: Columns, rows: Iterable[TableRow]) -> Iterator[Record]:
    """The rows of a table whose columns are known."""
    width = len(columns.titles.cells)
    indexes = [columns.places[column] for column in COLUMNS]
    more = [columns.places.get(column) for column in OPTIONAL]
    for row in rows:
        problem = None
        if len(row.cells) != width:
            problem = _other_width(len(row.cells), width)
        yield Record(
            row.line, tuple([row.cell(index) for index in indexes]),
            tuple([None if index is None else row.cell(index) for index in more]), problem,
        )  # fmt: skip


def _other_width(count: int, width: int) -> str:
    return f"la ligne compte {plural(count, 'cellule')} au lieu de {width}"


_HEAD = 65_536
"""Bytes of the file's start that tell its form."""


def _is_open_directory(head: bytes) -> bool:
    """Return True for UTF-8 text by semicolons, and for what is no table at all: each then has its own refusal."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    if head.startswith(b"PK\x03\x04") or ("\r" in text and "\n" not in text):
        return False
    return separator_of(text) == SEPARATOR


def _named(columns: list[str]) -> str:
    return f"{'la colonne' if len(columns) == 1 else 'les colonnes'} {', '.join(columns)}"
