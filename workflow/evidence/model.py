"""The report of an import of a list: plain values for the command line, the pages and the journal (R93)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from states import french
from states.refusals import Reason
from workflow.database.file_tables import ListKind
from workflow.evidence.lists import ListImport
from workflow.evidence.parser import ListRow, RowRemark

MASSIVE_SHARE = 5
"""An import by which more than one row in five disappears is massive (R93)."""

MASSIVE_COUNT = 5
"""Rows gone from which an import may be massive."""

SAME_FILE = "same_list_file"
"""Code of the refusal of the file of the list in force under another date: it is accepted by that code (R93)."""

MASSIVE_LOSS = "massive_list_loss"
"""Code of the refusal of a massive loss: it is accepted by that code (R93)."""


class ListRefused(Exception):
    """An import of a list that is refused, with all its reasons; nothing has changed (R7)."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that says otherwise than in the list in force, of the same person in the same establishment."""

    before: ListRow
    after: ListRow


@dataclass(frozen=True, kw_only=True, slots=True)
class ListReport:
    """The result of an import: made, or only foreseen when ``number`` is None; nothing was to do if it changes nothing.

    ``before`` is the list in force until then. ``outside`` are rows of establishments that the directory has not: left
    out, because no request can be theirs. ``reasons`` refuse the import, ``doubtful`` ones until somebody accepts them.
    """

    kind: ListKind
    list_date: date | None
    digest: str
    before: ListImport | None
    rows: int
    new: tuple[ListRow, ...]
    changed: tuple[ChangedRow, ...]
    gone: tuple[ListRow, ...]
    unchanged: int
    refused: tuple[RowRemark, ...]
    outside: tuple[RowRemark, ...]
    repeated: int
    silent: int
    reasons: tuple[Reason, ...]
    doubtful: tuple[Reason, ...]
    number: int | None = None
    compared: tuple[str, ...] = ()
    """What came of comparing the requests with the new list, in French (R94, R95)."""

    @property
    def changes_rows(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    @property
    def changes_something(self) -> bool:
        """True if the import makes a new list: other rows, or a later date."""
        return self.changes_rows or self.before is None or self.list_date != self.before.list_date


def is_massive(gone: int, rows: int) -> bool:
    return gone >= MASSIVE_COUNT and gone * MASSIVE_SHARE > rows


def date_refusals(list_date: date | None, today: date, before: ListImport | None) -> list[Reason]:
    """The refusals of the date of a list: not given, to come, or before that of the list in force (R93)."""
    if list_date is None:
        message, remedy = "La date de la liste manque", "Dire le jour où elle a été tirée de l'application."
        return [Reason("list_date_needed", "R93", message, remedy, "list_date")]
    if list_date > today:
        return [
            Reason(
                "list_date_to_come", "R93", f"La date de la liste, le {french.day(list_date)}, est à venir",
                "Donner le jour où elle a été tirée : aujourd'hui au plus tard.", "list_date",
            )
        ]  # fmt: skip
    if before is not None and list_date < before.list_date:
        return [
            Reason(
                "older_list", "R93",
                f"Cette liste est du {french.day(list_date)}, et celle en vigueur du {french.day(before.list_date)}",
                "Tirer une nouvelle liste, ou corriger la date.", "list_date",
            )
        ]  # fmt: skip
    return []


def same_file(before: ListImport, list_date: date) -> Reason:
    """The doubt about the very file of the list in force, under a later date: it was perhaps not drawn anew."""
    return Reason(
        SAME_FILE, "R93",
        f"C'est le fichier même de la liste en vigueur, daté du {french.day(before.list_date)}, et non du"
        f" {french.day(list_date)}",
        "Tirer une nouvelle liste, ou confirmer que celle-ci a bien été tirée de nouveau, sans rien de changé.",
        "list_date",
    )  # fmt: skip


def massive_loss(gone: int, rows: int) -> Reason:
    """The doubt about a list from which many rows have disappeared, with its numbers, so that a person can judge."""
    return Reason(
        MASSIVE_LOSS, "R93",
        f"{french.plural(gone, 'ligne')} des {french.number(rows)} de la liste en vigueur"
        f" {'ont' if gone > 1 else 'a'} disparu",
        "Vérifier que le fichier est entier, et qu'il est celui de toute l'académie ; si c'est voulu, le confirmer.",
    )  # fmt: skip
