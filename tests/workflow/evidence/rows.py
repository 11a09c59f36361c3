"""Rows of the two lists put in force without a file, and the requests that they are compared with."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from states.validation import fold_mail, person_key
from tests.kit import factories as make
from tests.workflow.requests.office import Office
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT, ListKind
from workflow.database.tables import ESTABLISHMENT, REPORT
from workflow.evidence.list_checks import ListChecks
from workflow.journal.chain import schedule_actor

CHEF = "Bernard Castaing"


class ListedOffice(Office):
    """An office whose requests are compared with lists; the chef known everywhere is ``CHEF``."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self.policy = replace(self.policy, delegation_applications=frozenset({"educonnect"}))
        self.engine.policy = self.policy
        with database.write() as connection:
            connection.execute(update(ESTABLISHMENT).values(chef_name=CHEF))
        self.checks = ListChecks(self.engine, schedule_actor(database))

    @property
    def today(self) -> date:
        return self.policy.calendar.today(self.clock.now())

    def list_of(self, kind: ListKind, *rows: Mapping[str, Any], on: date | None = None) -> list[int]:
        """Put these rows in force, those that are there already once more; return their numbers."""
        now = self.clock.now()
        counts = dict.fromkeys(("new", "changed", "gone", "refused"), 0)
        values = {"kind": kind.value, "list_date": on or self.today, "imported_at": now, "actor": self.operator.number,
                  "rows": len(rows), "digest": "", **counts}  # fmt: skip
        with self.database.write() as connection:
            query = insert(EVIDENCE_IMPORT).values(values).returning(EVIDENCE_IMPORT.c.number)
            number = int(connection.execute(query).scalar_one())
            return [self._entry(connection, kind, number, line, row) for line, row in enumerate(rows, 2)]

    def _entry(self, connection: Any, kind: ListKind, number: int, line: int, row: Mapping[str, Any]) -> int:
        columns: dict[str, Any] = {
            "kind": kind.value, "uai": make.UAI, "nom": make.NOM, "prenom": make.PRENOM, "mail": make.MAIL,
            "usage_name": "", "other_mails": "", "application": "", "author": "", "begins": None, "ends": None,
        } | (_DELEGATED if kind is ListKind.DELEGATION else {}) | dict(row)  # fmt: skip
        columns |= {"folded_mail": fold_mail(columns["mail"]), "person": person_key(columns["nom"], columns["prenom"])}
        table, last_read = EVIDENCE_ENTRY, {"last_import": number, "line": line}
        before = (table.c.last_import == number - 1, *(table.c[name] == value for name, value in columns.items()))
        known = connection.execute(select(table.c.id).where(*before)).scalar()
        if known:
            connection.execute(update(table).where(table.c.id == known).values(last_read))
            return int(known)
        query = insert(table).values(columns | last_read | {"first_import": number}).returning(table.c.id)
        return int(connection.execute(query).scalar_one())

    def reports(self, reference: str) -> list[Any]:
        with self.database.read() as connection:
            query = select(REPORT).where(REPORT.c.reference == reference).order_by(REPORT.c.number)
            return list(connection.execute(query))


_DELEGATED = {
    "application": "EduConnect", "author": CHEF, "begins": date(2026, 9, 15), "ends": date(9999, 12, 31),
}  # fmt: skip
