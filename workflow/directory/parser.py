"""The file of the open directory, read line by line: its columns found, and what it is when it is something else."""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from states.validation import clean, fold, has_uai_form, mail_problem, normalise_uai, uai_problem
from workflow.directory.model import Remark
from workflow.settings.form_errors import quote
from workflow.settings.sections import normalise_departement

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
    for signature, content in _SIGNATURES:
        if start.startswith(signature):
            raise unusable(content)
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
        raise unusable(f"ce n'est pas l'annuaire : la première ligne est « {quote(SEPARATOR.join(heading))} »", 1)
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


KEPT_KINDS = ("Collège", "Lycée", "EREA", "Autre")
"""``type_etablissement`` of who can have a RUPN: the second degree, its special schools, and « Autre »: better one
establishment too many than one that cannot declare."""


OUTSIDE_KINDS = ("Ecole", "Médico-social", "Service Administratif", "Information et orientation")
"""``type_etablissement`` of who cannot: no chef d'établissement delegates there. Counted, never an error."""


OPEN_STATES = ("OUVERT", "A FERMER")
"""``etat`` of an establishment that works today, were it to close at the end of the year (R12)."""


CLOSED_STATES = ("A OUVRIR", "FERME", "FERMEE")
"""``etat`` of an establishment that works no more, or not yet (R12)."""


_KEPT = frozenset(map(fold, KEPT_KINDS))


_OUTSIDE = frozenset(map(fold, OUTSIDE_KINDS))


_OPEN = frozenset(map(fold, OPEN_STATES))


_CLOSED = frozenset(map(fold, CLOSED_STATES))


@lru_cache(maxsize=256)
def is_outside(kind: str) -> bool:
    """Whether this kind has no RUPN; a kind that nobody foresaw is not outside, so that none is lost unseen."""
    return fold(kind) in _OUTSIDE


@lru_cache(maxsize=256)
def is_known(kind: str) -> bool:
    """Whether this kind is on one of the two lists, whatever its accents and case."""
    return fold(kind) in _KEPT or fold(kind) in _OUTSIDE


@lru_cache(maxsize=256)
def is_open(state: str) -> bool | None:
    """Whether an ``etat`` means open, whatever its accents and case; None when it says neither."""
    folded = fold(state)
    return True if folded in _OPEN else False if folded in _CLOSED else None


MAX_NOM = 200


_SEVERAL = re.compile(r"[,;/\s]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An establishment as the file tells it: the columns that an import writes, ``mailbox`` None when unusable."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    mailbox: str | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """A parsed row: an entry, or the French reasons that refuse it; and the warnings on one that is kept."""

    entry: Entry | None
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def tidy(text: str) -> str:
    """A cell on one line, without invisible characters."""
    line = " ".join(text.split())
    return clean(line if line.isprintable() else "".join(c for c in line if c.isprintable()))


def parse_entry(values: tuple[str, ...]) -> ParsedEntry:
    """Read the values of ``file.COLUMNS``. The académie and the kind have been looked at before."""
    uai, nom, kind, commune, departement, _, mail, state = values
    uai, nom, opened = normalise_uai(uai), tidy(nom), is_open(state)
    refusals = [why for why in (_bad_uai(uai), _bad_nom(nom), _bad_state(state, opened)) if why]
    if refusals or opened is None:
        return ParsedEntry(None, refusals)
    letter = uai_problem(uai)
    place, odd_place = _departement(departement)
    mailbox, odd_mail = _mailbox(mail)
    warnings = [odd for odd in (letter, odd_place, odd_mail) if odd]
    entry = Entry(
        uai=uai, nom=nom, kind=tidy(kind), commune=tidy(commune), departement=place, mailbox=mailbox, is_open=opened
    )
    return ParsedEntry(entry, [], warnings)


def _bad_uai(uai: str) -> str | None:
    return None if has_uai_form(uai) else f"« {quote(uai)} » n'est pas un UAI (7 chiffres et une lettre)"


def _bad_nom(nom: str) -> str | None:
    if not nom:
        return "le nom de l'établissement est vide"
    return f"le nom de l'établissement compte {len(nom)} caractères, {MAX_NOM} au plus" if len(nom) > MAX_NOM else None


def _bad_state(state: str, opened: bool | None) -> str | None:
    return f"l'état « {quote(state)} » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)" if opened is None else None


def _departement(text: str) -> tuple[str, str | None]:
    try:
        return normalise_departement(text), None
    except ValueError as error:
        return "", f"{error} : établissement pris sans département"


def _mailbox(text: str) -> tuple[str | None, str | None]:
    """The mailbox as given, trimmed; else None and why: it is never mended, an operator may set it (R13, R14)."""
    mail = text.strip()
    if not mail:
        return None, None
    if sum("@" in part for part in _SEVERAL.split(mail)) > 1:
        problem: str | None = "compte plusieurs adresses"
    else:
        problem = mail_problem(mail)
    return (None, f"la boîte « {quote(mail)} » {problem} : établissement pris sans boîte") if problem else (mail, None)


MAX_REMARKS = 50_000
"""Beyond it the file is not read to its end: gigabytes of nonsense would be kept in memory to be told."""


LONGEST_CODE = 9


class _Seen(NamedTuple):
    line: int
    entry: Entry


@dataclass
class Reading:
    """What a file says of the académie of number ``academie``; fed row by row, it keeps only that one's.

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
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _strange: set[str] = field(default_factory=set)

    @property
    def entries(self) -> dict[str, Entry]:
        """The establishments by UAI, in the order of the UAI."""
        return {uai: self._seen[uai].entry for uai in sorted(self._seen)}

    def read(self, records: Iterable[Record]) -> "Reading":
        """Take every row. Raises UnusableFile when none is an establishment of this académie (R67)."""
        for record in records:
            self.rows += 1
            self._take(record)
            if len(self.refused) + len(self.warnings) > MAX_REMARKS:
                raise unusable(f"déjà {MAX_REMARKS} lignes refusées ou douteuses, ce n'est pas l'annuaire", record.line)
        if not self._seen:
            raise unusable(
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
        elif is_outside(kind):
            self.outside_scope += 1
        else:
            self._parse(record, kind)

    def _parse(self, record: Record, kind: str) -> None:
        parsed = parse_entry(record.values)
        if parsed.entry is None:
            self._refuse(record, parsed.refusals)
            return
        if not is_known(kind):
            self._wonder(record.line, parsed.entry.uai, kind)
        self.warnings += [Remark(record.line, parsed.entry.uai, odd) for odd in parsed.warnings]
        self._keep(_Seen(record.line, parsed.entry))

    def _refuse(self, record: Record, reasons: list[str]) -> None:
        uai = normalise_uai(record.values[0])
        if has_uai_form(uai):
            self.spared.add(uai)
        self.refused.append(Remark(record.line, quote(uai), " ; ".join(reasons)))

    def _wonder(self, line: int, uai: str, kind: str) -> None:
        """Say an unknown kind once. Broken accents would let every primary school in."""
        if "Ã" in kind or "\ufffd" in kind:
            raise unusable(f"les accents sont abîmés (« {quote(kind)} »)", line)
        if (name := tidy(kind)) not in self._strange:
            self._strange.add(name)
            self.warnings.append(Remark(line, uai, f"le type « {quote(name)} » n'est pas connu : pris quand même"))

    def _keep(self, new: _Seen) -> None:
        """Of two rows of an UAI, the open one with a mailbox; the choice never depends on their order."""
        old = self._seen.setdefault(new.entry.uai, new)
        if old is new:
            return
        if old.entry == new.entry:
            self.repeated += 1
            return
        self.differing += 1
        better = min(old, new, key=_preference)
        self._seen[new.entry.uai] = better
        message = f"déjà à la ligne {old.line} avec d'autres valeurs : la ligne {better.line} est gardée"
        self.warnings.append(Remark(new.line, new.entry.uai, message))


def _preference(candidate: _Seen) -> tuple[object, ...]:
    e = candidate.entry
    return (not e.is_open, e.mailbox is None, e.nom, e.kind, e.commune, e.departement, e.mailbox or "")
