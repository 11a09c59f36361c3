"""The columns of an import, recognised by their titles or chosen by hand (R91)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import select

from notifications.ports import Clock
from notifications.sql import upsert
from states import french
from states.validation import fold
from workflow.database.connection import Database
from workflow.database.file_tables import COLUMN_CHOICES as C
from workflow.settings.yaml_reader import quote
from workflow.spreadsheets.reader import Table, TableRow
from workflow.spreadsheets.workbook import UnusableFile, unusable

TITLES_WITHIN: Final = 20
"""The first rows among which the titles are looked for: a title of the sheet, a date, a logo may stand above them."""

Choice = Mapping[str, int | None]
"""The place (from 0) of each column by its key, as a person chose it; None: the file has not this column."""

_CHOOSE: Final = "désigner une colonne du fichier pour chaque donnée, une fois chacune"


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column that an import reads.

    ``key`` is its name in the code, ``title`` in French, ``names`` the other titles that mean it; case, accents and
    marks between the words do not matter. An import does without a column that is not ``required``.
    """

    key: str
    title: str
    names: tuple[str, ...] = ()
    required: bool = True

    @property
    def folded(self) -> frozenset[str]:
        return frozenset(map(fold, (self.key, self.title, *self.names)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The places that the columns of an import have in a table: ``places`` by key, from 0.

    ``titles`` is the row taken for the titles, and ``rows`` those below it. ``missing`` are the required columns that
    no title names, ``ambiguous`` the places of those that several name: both are to be chosen by hand.
    """

    specs: Sequence[ColumnSpec]
    titles: TableRow
    rows: Sequence[TableRow]
    places: Mapping[str, int]
    missing: Sequence[ColumnSpec]
    ambiguous: Mapping[str, Sequence[int]]

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.ambiguous

    @property
    def digest(self) -> str:
        """The print of the titles, under which a choice is kept: the same for the same titles."""
        return _titles_digest(self.titles)

    def value(self, row: TableRow, key: str) -> str:
        """The cell of a row in that column; empty when the table has not the column."""
        return row.cell(self.places.get(key))

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The line and the values by key of each row below the titles; a column that is not there is empty."""
        for row in self.rows:
            yield row.line, {spec.key: self.value(row, spec.key) for spec in self.specs}

    def problems(self) -> list[str]:
        """Say what is to be chosen by hand, in French, a sentence without a full stop for each."""
        said = [f"aucun titre ne dit où est la colonne « {spec.title} »" for spec in self.missing]
        for places in self.ambiguous.values():
            names = [f"« {quote(self.titles.cells[place], 40)} » ({letter(place)})" for place in places]
            said.append(f"les colonnes {french.listing(names)} veulent dire la même chose")
        return said

    def refuse_if_incomplete(self, *, advice: str) -> None:
        """Raise UnusableFile with every column that is missing or named twice, and the titles that were read."""
        if not self.is_complete:
            titles = french.listing([f"« {quote(title, 30)} »" for title in self.titles.cells if title][:12])
            raise unusable(f"{' ; '.join(self.problems())} (titres lus : {titles})", self.titles.line, advice=advice)


def recognise(table: Table, specs: Sequence[ColumnSpec], choice: Choice | None = None) -> Columns:
    """Find the columns of a table by its titles; ``choice`` says where some are, and goes before the titles.

    Raises UnusableFile when the choice names a column that the table has not, or one column twice.
    """
    titles = _titles_row(table, specs)
    meanings = _meanings(titles, specs)
    chosen = _checked(choice or {}, titles, specs)
    taken = {place for place in chosen.values() if place is not None}
    places = {key: place for key, place in chosen.items() if place is not None}
    ambiguous: dict[str, Sequence[int]] = {}
    for key, candidates in meanings.items():
        free = [place for place in candidates if place not in taken]
        if key in chosen or not free:
            continue
        if len(free) == 1:
            places[key] = free[0]
        else:
            ambiguous[key] = free
    missing = [spec for spec in specs if spec.required and spec.key not in places and spec.key not in ambiguous]
    rows = [row for row in table.rows if row.line > titles.line and row.cells != titles.cells]
    return Columns(specs=specs, titles=titles, rows=rows, places=places, missing=missing, ambiguous=ambiguous)


def letter(place: int) -> str:
    """The name that a spreadsheet gives to a column: 0 is ``A``, 26 is ``AA``."""
    above, within = divmod(place, 26)
    return (letter(above - 1) if above else "") + chr(ord("A") + within)


def place_of(column: str, titles: TableRow) -> int:
    """The place of a column named by its letter or by its title. Raises UnusableFile."""
    named = [place for place, title in enumerate(titles.cells) if title and fold(title) == fold(column)]
    if len(named) == 1:
        return named[0]
    lettered = [place for place in range(len(titles.cells)) if letter(place) == column.strip().upper()]
    if lettered and not named:
        return lettered[0]
    why = "plusieurs colonnes ont le titre" if named else "aucune colonne n'a le titre ni la lettre"
    raise unusable(f"{why} « {quote(column)} »", titles.line, advice="nommer la colonne par sa lettre : A, B, C…")


class ColumnChoices:
    """The choices of this installation, by kind of import and print of the titles; no one's data is in them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def recognise(
        self, kind: str, table: Table, specs: Sequence[ColumnSpec], choice: Choice | None = None,
        named: Mapping[str, str] | None = None,
    ) -> Columns:  # fmt: skip
        """Find the columns of a table: as ``choice`` says, else as a person last said for the same titles.

        ``named`` is a choice as a command says it, of some columns. Raises UnusableFile when a choice cannot be; a kept
        one that no longer can is left aside.
        """
        titles = _titles_row(table, specs)
        if named:
            choice = _named_choice(named, titles, specs)
        if choice is not None:
            return recognise(table, specs, choice)
        kept = self.find(kind, _titles_digest(titles))
        try:
            return recognise(table, specs, kept)
        except UnusableFile:
            return recognise(table, specs)

    def find(self, kind: str, titles: str) -> Choice | None:
        """The choice kept for these titles."""
        query = select(C.c.places).where(C.c.kind == kind, C.c.titles == titles)
        with self._database.read() as connection:
            places = connection.execute(query).scalar_one_or_none()
        return None if places is None else json.loads(places)

    def keep(self, kind: str, columns: Columns) -> None:
        """Keep where the columns of a table are: those that it has not are kept as not being there."""
        places = {spec.key: columns.places.get(spec.key) for spec in columns.specs}
        row = {
            "kind": kind, "titles": columns.digest, "places": json.dumps(places), "chosen_at": self._clock.now(),
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(upsert(connection, C, row, ["kind", "titles"]))


def _titles_row(table: Table, specs: Sequence[ColumnSpec]) -> TableRow:
    """The row of the titles: of the first rows, the one that names the most columns, else has the most cells."""
    return max(
        islice(table.rows, TITLES_WITHIN),
        key=lambda row: (len(_meanings(row, specs)), sum(map(bool, row.cells)), -row.line),
    )


def _titles_digest(titles: TableRow) -> str:
    """The print of titles, whatever their case and accents."""
    return hashlib.sha256("\n".join(map(fold, titles.cells)).rstrip().encode()).hexdigest()


def _named_choice(named: Mapping[str, str], titles: TableRow, specs: Sequence[ColumnSpec]) -> Choice:
    """A choice as a command says it: each column by the name of what is read, then by its letter or its title.

    Nothing after the name: the file has not this column. Raises UnusableFile.
    """
    choice: dict[str, int | None] = {}
    for name, column in named.items():
        spec = next((spec for spec in specs if fold(name) in spec.folded), None)
        if spec is None:
            known = french.listing([f"« {known_spec.title} »" for known_spec in specs])
            raise unusable(f"« {quote(name)} » n'est pas une donnée de ce fichier", advice=f"nommer l'une de {known}")
        choice[spec.key] = place_of(column, titles) if column else None
    return choice


def _meanings(row: TableRow, specs: Sequence[ColumnSpec]) -> dict[str, list[int]]:
    """The places of the cells that name each column, for those that are named."""
    folded = [fold(cell) for cell in row.cells]
    places = {spec.key: [place for place, name in enumerate(folded) if name in spec.folded] for spec in specs}
    return {key: named for key, named in places.items() if named}


def _checked(choice: Choice, titles: TableRow, specs: Sequence[ColumnSpec]) -> dict[str, int | None]:
    """The choice of the columns that are read. A kept choice may hold others, from an older version of the import."""
    keys = {spec.key: spec for spec in specs}
    chosen = {key: place for key, place in choice.items() if key in keys}
    by_place: dict[int, str] = {}
    for key, place in chosen.items():
        if place is None:
            continue
        if not 0 <= place < len(titles.cells):
            raise unusable(f"le fichier n'a pas de colonne {letter(max(place, 0))}", advice=_CHOOSE)
        if place in by_place:
            both = french.listing([f"« {keys[k].title} »" for k in (by_place[place], key)])
            raise unusable(f"la colonne {letter(place)} est désignée à la fois pour {both}", advice=_CHOOSE)
        by_place[place] = key
    return chosen
