"""The two lists: imported by operators, read by the rectorat (R93)."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, tzinfo

from notifications.ports import Clock
from states.model import Actor
from workflow.auth.actors import require_operator
from workflow.database.connection import Database
from workflow.database.file_tables import ListKind
from workflow.evidence.importer import import_list, preview_list
from workflow.evidence.lists import ListEntry, ListImport, list_imports, search_entries
from workflow.evidence.model import ListReport
from workflow.evidence.parser import ReadList
from workflow.evidence.retention import erase_unneeded_rows
from workflow.journal.chain import JournalHasher


def _check_nothing(kind: ListKind, actor: Actor) -> Iterable[str]:  # noqa: ARG001
    """No request is compared: in a test of the lists alone."""
    return ()


@dataclass(frozen=True)
class Lists:
    """The list of RUPN and that of delegations; ``zone`` is the académie's time.

    ``keep_months``: how long the rows that no request needs are kept.
    ``after_import`` is called once a new list is in force and committed: requests are then compared with it (R94, R95),
    and it says in French what came of it.
    """

    database: Database
    hasher: JournalHasher
    clock: Clock
    zone: tzinfo
    after_import: Callable[[ListKind, Actor], Iterable[str]] = _check_nothing
    keep_months: int = 3

    @property
    def today(self) -> date:
        return self.clock.now().astimezone(self.zone).date()

    def preview(self, read: ReadList, list_date: date | None) -> ListReport:
        """What the import would change, and why it would be refused; nothing is written."""
        return preview_list(self.database, read, list_date, self.today)

    def import_read(
        self, read: ReadList, list_date: date | None, actor: Actor, *, accepted: Collection[str] = ()
    ) -> ListReport:
        """Make what was read the list in force; done again, it changes nothing (R93).

        ``accepted``: the codes of the report's ``doubtful`` reasons that somebody has read and accepts. Raises
        NotAllowed, ListRefused, DatabaseBusy, DatabaseUnreachable.
        """
        require_operator(actor, "importer une liste")
        report = import_list(
            self.database, self.hasher, self.clock, read, list_date, actor, zone=self.zone, accepted=accepted
        )
        if report.number is None:
            return report
        return replace(report, compared=tuple(self.after_import(read.kind, actor)))

    def erase_unneeded_rows(self, actor: Actor) -> int:
        """Erase the rows that no request needs any more; called by the schedule, it does so once a day."""
        now = self.clock.now()
        return erase_unneeded_rows(self.database, self.hasher, actor, now, self.zone, self.keep_months)

    def imports(self, kind: ListKind, *, limit: int = 20) -> list[ListImport]:
        """The imports of a list, the newest, which is in force, first."""
        with self.database.read() as connection:
            return list_imports(connection, kind, limit=limit)

    def search(self, kind: ListKind, words: str, *, limit: int, after: str = "") -> list[ListEntry]:
        """A page of the entries in force, by UAI, that have these words in their UAI, their names or their address."""
        with self.database.read() as connection:
            return search_entries(connection, kind, words, limit=limit, after=after)
