"""The import of « comptes activés »: numbers of accounts by place and day, each row taken or refused (R91, R100).

The numbers of a day replace those of that day, counted in the journal. Rates are never read: a rate says nothing of how
many accounts it counts.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from notifications.sql import batches
from states import french
from states.decision import Scalar
from states.model import Actor
from states.validation import code_of_departement, fold, normalise_uai
from workflow.database.connection import Database
from workflow.database.file_tables import ACTIVATION
from workflow.database.tables import ESTABLISHMENT
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.settings.sections import normalise_departement
from workflow.settings.yaml_reader import quote
from workflow.spreadsheets.columns import Columns, ColumnSpec
from workflow.spreadsheets.reader import parse_day
from workflow.spreadsheets.workbook import unusable

KIND: Final = "activation"
"""Names the choice of columns."""

_NUMBERS: Final = [column.name for column in ACTIVATION.c if column.name.endswith(("_accounts", "_activated"))]

EARLIEST: Final = date(2000, 1, 1)

_COLLEGES, _LYCEES, _PUPILS, _PARENTS = "élèves des collèges", "élèves des lycées", "élèves", "responsables"

PAIRS: Final = {"college": _COLLEGES, "lycee": _LYCEES, "pupil": _PUPILS, "parent": _PARENTS}
"""The accounts that are counted, in words."""

_OTHER_WORDS: Final = {
    "college": ("élèves collèges", "élèves collège", "collèges", "élèves (collèges)"),
    "lycee": ("élèves lycées", "élèves lycée", "lycées", "élèves (lycées)"),
    "pupil": ("élève", "tous les élèves", "élèves total"),
    "parent": ("responsables légaux", "parents", "responsable", "représentants légaux"),
}

_OF_THE_REPORT: Final = {
    "college": ("comptes élèves activés (collèges)",), "lycee": ("comptes élèves activés (lycées)",),
}  # fmt: skip
"""Titles of the report that a DRANE publishes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoneCount:
    """The numbers of a place that a day had, and that the file does not give any more."""

    counted_on: date
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivationRow:
    """The accounts of an establishment (``place`` is its UAI) or of a département on one day, by column."""

    line: int
    counted_on: date
    place: str
    departement: str
    numbers: Mapping[str, int | None]

    @property
    def key(self) -> tuple[date, str]:
        return self.counted_on, self.place


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRow:
    """A row that is left out: where it is, what it is about as written, and why."""

    line: int
    written: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivationPlan:
    """The changes that an import would make: ``unchanged`` counts the rows that are stored as they are."""

    new: tuple[ActivationRow, ...]
    changed: tuple[ActivationRow, ...]
    unchanged: int
    gone: tuple[GoneCount, ...]
    refused: tuple[RefusedRow, ...]

    @property
    def changes_something(self) -> bool:
        return bool(self.new or self.changed or self.gone)


def plan_import(
    connection: Connection, columns: Columns, *, departements: Sequence[str], today: date, default_day: date | None
) -> ActivationPlan:
    """Say what an import would change, writing nothing. Raises UnusableFile."""
    require_numbers(columns)
    query = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.departement, ESTABLISHMENT.c.kind)
    schools = {row.uai: SchoolOfAccounts(row.departement, row.kind) for row in connection.execute(query)}
    academie = Academie(establishments=schools, departements=departements, today=today, default_day=default_day)
    return _compared(connection, read_accounts(columns.records(), academie))


def import_activation(
    database: Database, hasher: JournalHasher, columns: Columns, actor: Actor, now: datetime, *,
    departements: Sequence[str], today: date, default_day: date | None, digest: str,
) -> ActivationPlan:  # fmt: skip
    """Do it, in one transaction, and return what changed; nothing is written when nothing changes.

    ``digest``: that of the file, which is not kept. Raises UnusableFile, ClockRefused, DatabaseBusy.
    """
    with database.write() as connection:
        chain.lock(connection)  # a second import waits, and is compared with what the first one wrote
        plan = plan_import(
            connection, columns, departements=departements, today=today, default_day=default_day
        )  # fmt: skip
        if not plan.changes_something:
            return plan
        replaced = [row.key for row in plan.changed] + [(gone.counted_on, gone.place) for gone in plan.gone]
        for day, place in replaced:
            connection.execute(delete(ACTIVATION).where(ACTIVATION.c.counted_on == day, ACTIVATION.c.place == place))
        for batch in batches((*plan.new, *plan.changed)):
            rows = [
                {"counted_on": row.counted_on, "place": row.place, "departement": row.departement, **row.numbers}
                for row in batch
            ]
            connection.execute(insert(ACTIVATION), rows)
        counts: dict[str, Scalar] = {
            "new": len(plan.new), "changed": len(plan.changed), "unchanged": plan.unchanged, "gone": len(plan.gone),
            "refused": len(plan.refused), "file": digest,
        }  # fmt: skip
        chain.record(connection, hasher, "activation_imported", actor, now, counts)
    return plan


def _number_columns() -> Iterator[ColumnSpec]:
    for key, words in PAIRS.items():
        forms = (words, *_OTHER_WORDS[key])
        yield ColumnSpec(
            f"{key}_accounts", f"Comptes : {words}", required=False,
            names=tuple(name for form in forms for name in (f"comptes {form}", f"{form} comptes", f"nombre {form}")),
        )  # fmt: skip
        yield ColumnSpec(
            f"{key}_activated", f"Activés : {words}", required=False,
            names=tuple(
                name for form in forms
                for name in (f"comptes {form} activés", f"{form} activés", f"comptes activés {form}", f"{form} activé")
            ) + _OF_THE_REPORT.get(key, ()),
        )  # fmt: skip


COLUMNS: Final = (
    ColumnSpec("day", "Date", ("date du relevé", "relevé du", "date d'extraction", "jour"), required=False),
    ColumnSpec("uai", "UAI", ("code uai", "rne", "identifiant_de_l_etablissement", "numéro uai"), required=False),
    ColumnSpec("departement", "Département", ("code département", "code_departement", "libelle_departement", "dépt"),
               required=False),
    *_number_columns(),
)  # fmt: skip
"""The columns read of a file; every column of numbers goes with the one of its accounts."""


class SchoolOfAccounts(NamedTuple):
    """An establishment as the directory has it."""

    departement: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRows:
    """The rows that were understood of a file."""

    rows: tuple[ActivationRow, ...]
    refused: tuple[RefusedRow, ...]


@dataclass(frozen=True, kw_only=True)
class Academie:
    """The facts to compare a row with: the directory's establishments by UAI, the académie's départements, the day."""

    establishments: Mapping[str, SchoolOfAccounts]
    departements: Collection[str]
    today: date
    default_day: date | None = None
    """The day of the rows that bear none."""


class _Refused(Exception):
    """The reason for which a row is left out, in French, without a full stop."""


def require_numbers(columns: Columns) -> None:
    """Raise UnusableFile when the file has no place, no number, or numbers that go without their accounts."""
    places = columns.places
    if "uai" not in places and "departement" not in places:
        raise unusable(
            "aucune colonne ne dit de quel établissement ou de quel département il s'agit", columns.titles.line,
            advice="donner une colonne « UAI », ou une colonne « Département »",
        )  # fmt: skip
    present = [key for key in PAIRS if f"{key}_accounts" in places or f"{key}_activated" in places]
    alone = [PAIRS[key] for key in present if not {f"{key}_accounts", f"{key}_activated"} <= places.keys()]
    if alone or not present:
        why = f"{french.listing(alone)} : il faut le nombre de comptes et celui des comptes activés" if alone else (
            "aucune colonne ne donne un nombre de comptes, avec celui des comptes activés"
        )  # fmt: skip
        raise unusable(
            why, columns.titles.line,
            advice="donner des nombres de comptes, jamais des taux : « Comptes : élèves » et « Activés : élèves »",
        )  # fmt: skip


def read_accounts(records: Iterable[tuple[int, Mapping[str, str]]], academie: Academie) -> ReadRows:
    """Read each row, or say why not; a département is left out on a day when its establishments are given too."""
    reader = _Reader(academie)
    for line, record in records:
        reader.add(line, record)
    return reader.result()


@dataclass
class _Reader:
    academie: Academie
    rows: dict[tuple[date, str], ActivationRow] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)

    def add(self, line: int, record: Mapping[str, str]) -> None:
        written = record["uai"] or record["departement"]
        try:
            row = self._row(line, record)
            if twin := self.rows.get(row.key):
                raise _Refused(f"la ligne {twin.line} donne déjà ce lieu à cette date")
        except _Refused as refused:
            self.refused.append(RefusedRow(line=line, written=quote(written, 40), message=str(refused)))
            return
        self.rows[row.key] = row

    def result(self) -> ReadRows:
        schools = {(row.counted_on, row.departement) for row in self.rows.values() if row.place != row.departement}
        kept = []
        for row in self.rows.values():
            if row.place == row.departement and row.key in schools:
                message = "ses établissements sont donnés à la même date : ils s'additionnent"
                self.refused.append(RefusedRow(line=row.line, written=row.place, message=message))
            else:
                kept.append(row)
        return ReadRows(rows=tuple(kept), refused=tuple(sorted(self.refused, key=lambda row: row.line)))

    def _row(self, line: int, record: Mapping[str, str]) -> ActivationRow:
        place, departement, kind = self._place(record)
        numbers = {key: _number(record[key]) for pair in PAIRS for key in (f"{pair}_accounts", f"{pair}_activated")}
        for pair, words in PAIRS.items():
            accounts, activated = numbers[f"{pair}_accounts"], numbers[f"{pair}_activated"]
            if (accounts is None) is not (activated is None):
                raise _Refused(f"{words} : il faut les deux nombres, les comptes et ceux qui sont activés")
            if accounts is not None and activated is not None and activated > accounts:
                many = f"{french.number(activated)} comptes activés, pour {french.number(accounts)} comptes"
                raise _Refused(f"{words} : {many}")
        _complete(numbers, kind)
        if all(number is None for number in numbers.values()):
            raise _Refused("aucun nombre de comptes")
        return ActivationRow(
            line=line, counted_on=self._day(record["day"]), place=place, departement=departement, numbers=numbers
        )

    def _day(self, written: str) -> date:
        if not written:
            if self.academie.default_day is None:
                raise _Refused("aucune date : la donner avec le fichier, ou dans une colonne « Date »")
            return self.academie.default_day
        try:
            day = parse_day(written)
        except ValueError as error:
            raise _Refused(str(error)) from None
        if not EARLIEST <= day <= self.academie.today:
            raise _Refused(f"la date {french.day(day)} est à venir, ou trop ancienne")
        return day

    def _place(self, record: Mapping[str, str]) -> tuple[str, str, str]:
        """The place, its département and, of an establishment, its kind."""
        if written := record["uai"]:
            uai = normalise_uai(written)
            if (known := self.academie.establishments.get(uai)) is None:
                raise _Refused("cet UAI n'est pas dans l'annuaire")
            return uai, known.departement, known.kind
        if not (written := record["departement"]):
            raise _Refused("ni UAI, ni département")
        if fold(written).split()[:1] in (["academie"], ["total"], ["ensemble"]):
            raise _Refused("c'est un total : il se calcule")
        try:
            code: str | None = normalise_departement(written)
        except ValueError:
            code = code_of_departement(written)
        if code is None or code not in self.academie.departements:
            raise _Refused("ce n'est pas un département de l'académie")
        return code, code, ""


def _compared(connection: Connection, read: ReadRows) -> ActivationPlan:
    """Compare the rows with those of the same days: the file says all of a day, so what it leaves out is gone."""
    days = {row.counted_on for row in read.rows}
    stored: dict[tuple[date, str], Mapping[str, Any]] = {}
    for batch in batches(sorted(days)):
        rows = connection.execute(select(ACTIVATION).where(ACTIVATION.c.counted_on.in_(batch))).mappings()
        stored |= {(row["counted_on"], row["place"]): row for row in rows}
    new = [row for row in read.rows if row.key not in stored]
    known = [row for row in read.rows if row.key in stored]
    changed = [row for row in known if any(stored[row.key][name] != row.numbers[name] for name in _NUMBERS)]
    given = {row.key for row in read.rows}
    gone = [GoneCount(counted_on=day, place=place) for day, place in sorted(stored.keys() - given)]
    return ActivationPlan(
        new=tuple(new), changed=tuple(changed), unchanged=len(known) - len(changed), gone=tuple(gone),
        refused=read.refused,
    )  # fmt: skip


def _number(written: str) -> int | None:
    digits = written.replace(" ", "")
    if not digits:
        return None
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise _Refused(f"« {quote(written, 30)} » n'est pas un nombre de comptes")
    return int(digits)


def _complete(numbers: dict[str, int | None], kind: str) -> None:
    """Give the pupils of an establishment to its kind, and the total of all pupils when only its parts are given."""
    parts = ("college", "lycee")
    own = next((part for part in parts if fold(kind).startswith(part)), "")
    if own and all(numbers[f"{part}_accounts"] is None for part in parts):
        numbers |= {f"{own}_{end}": numbers[f"pupil_{end}"] for end in ("accounts", "activated")}
    accounts = [number for part in parts if (number := numbers[f"{part}_accounts"]) is not None]
    activated = [number for part in parts if (number := numbers[f"{part}_activated"]) is not None]
    total, total_activated = numbers["pupil_accounts"], numbers["pupil_activated"]
    if total is None or total_activated is None:
        if accounts:
            numbers |= {"pupil_accounts": sum(accounts), "pupil_activated": sum(activated)}
    elif not 0 <= total_activated - sum(activated) <= total - sum(accounts):
        raise _Refused("le total des élèves ne contient pas ceux des collèges et des lycées")
