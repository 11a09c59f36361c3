"""The report of an import of the directory: plain values for the command line, the pages and the journal (R66)."""

from collections.abc import Sequence
from dataclasses import dataclass

from states.french import listing, plural
from states.refusals import Reason
from states.validation import departement_name

MAILBOX_SET = "mailbox_set"
"""Kind of the journal's event by which an operator chooses a mailbox (R14)."""

MAILBOX_CONFIRMED = "mailbox_confirmed"
"""Kind of the journal's event by which a second operator confirms it (R14)."""

NEW_CHEF = "new_chef"
"""Kind of the journal's event by which an operator says who is chef from now on (R37)."""

MASSIVE_SHARE = 5
"""An import that loses more than one establishment in five is massive (R67)."""

UNUSUAL_SHARE = 50
"""More than one in fifty that the file no longer names is unusual: closures are a few a year, and are announced first
by the file itself. A file cut between two lines looks like any other (R67)."""

MASSIVE_COUNT = 5
"""Establishments lost from which an import may be massive: in a small directory one closure is no catastrophe."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning on a row or the refusal of it, in French; ``line`` counts from 1, ``uai`` is as read."""

    line: int
    uai: str
    message: str


@dataclass(frozen=True, slots=True)
class EstablishmentName:
    """The UAI and the name of an establishment."""

    uai: str
    nom: str


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column of ``Establishment`` that an import changes."""

    column: str
    before: str | bool | None
    after: str | bool | None


@dataclass(frozen=True, slots=True)
class EstablishmentChange:
    """An establishment whose columns an import changes; ``nom`` is the new one."""

    uai: str
    nom: str
    changes: tuple[ColumnChange, ...]


@dataclass(frozen=True, slots=True)
class StrandedRequest:
    """A live request of an establishment that is closed once the import is done."""

    reference: str
    uai: str


@dataclass(frozen=True, slots=True)
class Loss:
    """The establishments, of the ``base`` listed and open before, now gone from the file, closed or without mailbox.

    ``departements``: those of the directory of which the file no longer names any establishment.
    """

    base: int
    gone: int
    closed: int
    mailbox: int
    departements: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.gone + self.closed + self.mailbox

    @property
    def is_massive(self) -> bool:
        """True if a person must accept it before anything is written (R67)."""
        return bool(self.departements) or self._is_large or self.looks_cut

    @property
    def _is_large(self) -> bool:
        return self.total >= MASSIVE_COUNT and self.total * MASSIVE_SHARE > self.base

    @property
    def looks_cut(self) -> bool:
        """True if the file leaves out few, but more than closures explain, as one that was cut between two lines."""
        is_unusual = self.gone >= MASSIVE_COUNT and self.gone * UNUSUAL_SHARE > self.base
        return is_unusual and not self._is_large


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """The result of an import: its changes, made or only foreseen (``is_dry_run``), and its remarks.

    Counts are rows for ``rows``, ``outside_academie``, ``outside_scope``, ``repeated`` and ``differing``, else
    establishments. ``digest`` is the file's SHA-256.
    """

    digest: str
    is_dry_run: bool
    new: tuple[EstablishmentName, ...]
    changed: tuple[EstablishmentChange, ...]
    gone: tuple[EstablishmentName, ...]
    unchanged: int
    without_mailbox: int
    refused: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    rows: int
    outside_academie: int
    outside_scope: int
    repeated: int
    differing: int
    stranded: tuple[StrandedRequest, ...]
    loss: Loss

    @property
    def changes_something(self) -> bool:
        return bool(self.new or self.changed or self.gone)


class DirectoryRefused(Exception):
    """An import or a change of mailbox that is refused, with all its reasons; nothing has changed (R7)."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = tuple(reasons)


def massive_loss(loss: Loss) -> Reason:
    """The refusal of a massive loss, with its numbers, so that a person can judge (R67)."""
    return Reason(
        "massive_loss", "R67",
        f"Cet import ferait perdre {loss.total} des {loss.base} établissements ouverts :"
        f" {plural(loss.gone, 'disparu')}, {plural(loss.closed, 'fermé')},"
        f" {loss.mailbox} sans boîte désormais{_departements_gone(loss)}",
        "Vérifier que le fichier est entier (--dry-run en donne la liste) ; si c'est voulu, confirmer la perte"
        " (--accept-loss).",
    )  # fmt: skip


def _departements_gone(loss: Loss) -> str:
    if not loss.departements:
        return " ; d'un fichier entier il en disparaît rarement autant" if loss.looks_cut else ""
    which = "du département" if len(loss.departements) == 1 else "des départements"
    names = listing([departement_name(code) for code in loss.departements])
    return f" ; plus aucun {which} {names}, comme d'un fichier coupé"
