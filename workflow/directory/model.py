"""What an import of the directory says: plain values for the command line, the pages and the journal (R66)."""

from collections.abc import Sequence
from dataclasses import dataclass

from states.french import plural
from states.refusals import Reason

KIND = "mailbox_set"


MASSIVE_SHARE = 5
"""An import that loses more than one establishment in five is massive (R67)…"""


MASSIVE_COUNT = 5
"""… from this number on: in a small directory one closure is no catastrophe."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say of a row: its line in the file (from 1), its UAI as read, what is odd or refused, in French."""

    line: int
    uai: str
    message: str


@dataclass(frozen=True, slots=True)
class Named:
    """An establishment, as a list names it."""

    uai: str
    nom: str


@dataclass(frozen=True, slots=True)
class Change:
    """A column of ``Establishment`` that an import changes."""

    column: str
    before: str | bool | None
    after: str | bool | None


@dataclass(frozen=True, slots=True)
class Changed:
    """An establishment of which the file says something new; ``nom`` is the new one."""

    uai: str
    nom: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Stranded:
    """A live request of an establishment that is closed once the import is done."""

    reference: str
    uai: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Of the ``base`` open establishments listed before: those gone from the file, closed, or without mailbox now."""

    base: int
    gone: int
    closed: int
    mailbox: int

    @property
    def total(self) -> int:
        return self.gone + self.closed + self.mailbox

    @property
    def is_massive(self) -> bool:
        """Whether it must be accepted by a person before anything is written (R67)."""
        return self.total >= MASSIVE_COUNT and self.total * MASSIVE_SHARE > self.base


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import changed, or would change (``is_dry_run``), and all that it saw.

    Counts are rows for ``rows``, ``outside_academie``, ``outside_scope``, ``repeated`` and ``differing``, else
    establishments. ``digest`` is the file's SHA-256.
    """

    digest: str
    is_dry_run: bool
    new: tuple[Named, ...]
    changed: tuple[Changed, ...]
    gone: tuple[Named, ...]
    unchanged: int
    without_mailbox: int
    refused: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    rows: int
    outside_academie: int
    outside_scope: int
    repeated: int
    differing: int
    stranded: tuple[Stranded, ...]
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
    """R67: the numbers, so that a person can judge."""
    return Reason(
        "massive_loss", "R67",
        f"Cet import ferait perdre {loss.total} des {loss.base} établissements ouverts :"
        f" {plural(loss.gone, 'disparu')}, {plural(loss.closed, 'fermé')},"
        f" {loss.mailbox} sans boîte désormais",
        "Vérifier que le fichier est entier (--dry-run en donne la liste) ; si c'est voulu, confirmer la perte"
        " (--accept-loss).",
    )  # fmt: skip


def bad_mailbox(problem: str) -> Reason:
    return Reason("bad_mailbox", "R14", f"L'adresse {problem}", "Donner une seule adresse électronique.", "address")


def why_needed(problem: str) -> Reason:
    return Reason(
        "why_needed", "R14", f"La raison {problem}", "Dire en une phrase pourquoi, sans nommer personne.", "why"
    )
