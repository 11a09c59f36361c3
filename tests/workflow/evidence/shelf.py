"""The two lists on a database of their own, and the files that tests import there."""

from collections.abc import Iterable
from datetime import date
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from states.model import Actor
from states.validation import usual_uai
from tests.kit.clock import FakeClock
from tests.kit.factories import NOW, operator
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT, ListKind
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT
from workflow.evidence.lists import ListReport, Lists
from workflow.evidence.parser import ReadList, columns_of, read_list, with_titles
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.spreadsheets.columns import recognise
from workflow.spreadsheets.reader import read_table

DAY = date(2026, 10, 10)
"""The day on which most lists of tests were drawn."""

UAIS = tuple(usual_uai(f"0310{number:03d}X") for number in range(1, 41))

TITLES = "UAI;Nom;Prénom;Adresse électronique;Déclaré le"

DELEGATION_TITLES = "UAI;Nom;Prénom;Courriel;Module;Début;Fin;Délégué par;Délégué le"


def line(number: int = 0, **cells: str) -> str:
    """A line of the list of RUPN, of the person of that number; keywords replace cells."""
    sound = {"uai": UAIS[number], "nom": f"Dupont{_letters(number)}", "prenom": "Jeanne",
             "mail": f"jeanne.dupont{number}@ac-toulouse.fr", "date": "05/09/2026"}  # fmt: skip
    return ";".join((sound | cells).values())


def lines(count: int) -> list[str]:
    return [line(number) for number in range(count)]


def _letters(number: int) -> str:
    return chr(ord("a") + number // 26) + chr(ord("a") + number % 26)


def text_of(rows: Iterable[str], titles: str = TITLES) -> str:
    return "\n".join([titles, *rows, ""])


def read(text: str | bytes, kind: ListKind = ListKind.LISTING) -> ReadList:
    content = text if isinstance(text, bytes) else text.encode()
    table = with_titles(kind, read_table(BytesIO(content)))
    return read_list(kind, table, recognise(table, columns_of(kind, table)))


class Shelf:
    """Both lists of an académie of forty establishments."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.hasher = database, FakeClock(NOW), JournalHasher(b"a key for tests")
        self.checked: list[ListKind] = []
        self.lists = Lists(database, self.hasher, self.clock, ZoneInfo("Europe/Paris"), self._compared)
        with database.write() as connection:
            chain.found_installation(connection, self.hasher, NOW)
            connection.execute(insert(ESTABLISHMENT), [{"uai": uai, "nom": f"Collège {uai}"} for uai in UAIS])

    def _compared(self, kind: ListKind, _: Actor) -> list[str]:
        self.checked.append(kind)
        return []

    def bring(self, *rows: str, day: date | None = DAY, actor: Actor | None = None, **how: Any) -> ListReport:
        """Import a list of RUPN of these lines."""
        return self.bring_read(read(text_of(rows)), day, actor, **how)

    def bring_read(
        self, known: ReadList, day: date | None = DAY, actor: Actor | None = None, **how: Any
    ) -> ListReport:  # fmt: skip
        return self.lists.import_read(known, day, actor or operator(), **how)

    def entries(self) -> list[dict[str, Any]]:
        return self._rows(select(EVIDENCE_ENTRY).order_by(EVIDENCE_ENTRY.c.id))

    def names_in_force(self, kind: ListKind = ListKind.LISTING) -> list[str]:
        return [entry.nom for entry in self.lists.search(kind, "", limit=100)]

    def imports(self) -> list[dict[str, Any]]:
        return self._rows(select(EVIDENCE_IMPORT).order_by(EVIDENCE_IMPORT.c.number))

    def events(self) -> list[dict[str, Any]]:
        return self._rows(select(EVENT).order_by(EVENT.c.stream, EVENT.c.seq))

    def everything(self) -> tuple[list[dict[str, Any]], ...]:
        return self.entries(), self.imports(), self.events()

    def _rows(self, query: Any) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
