"""The file's establishments against those known: what is new, changed, gone, and what would be lost (R66, R67)."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from workflow.directory.entries import Entry
from workflow.directory.imported import Change, Changed, Loss, Named

WRITTEN = ("nom", "kind", "commune", "departement", "mailbox", "is_open", "is_listed")
"""The columns of ``Establishment`` that an import writes: never ``set_mailbox``, an operator's choice (R14)."""

Row = dict[str, Any]


def row_of(entry: Entry) -> Row:
    """The columns of an establishment that the file names."""
    return {"uai": entry.uai, "is_listed": True} | {name: getattr(entry, name) for name in WRITTEN[:-1]}


@dataclass
class Comparison:
    """What an import has to write. ``births`` are whole rows, ``updates`` rows whose ``WRITTEN`` columns change;
    ``moved`` are the establishments whose mailbox in force becomes another."""

    births: list[Row] = field(default_factory=list)
    updates: list[Row] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    gone: list[Named] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    unchanged: int = 0
    without_mailbox: int = 0
    _base: int = 0
    _lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("gone", "closed", "mailbox"), 0))

    @property
    def loss(self) -> Loss:
        return Loss(base=self._base, **self._lost)

    @property
    def new(self) -> tuple[Named, ...]:
        return tuple(Named(row["uai"], row["nom"]) for row in self.births)

    def meet(self, before: Row, entry: Entry | None, is_spared: bool) -> None:
        """One establishment that was known; ``entry`` None when the file does not name it, or not readably."""
        after = before
        if entry is not None:
            after = before | row_of(entry)
            self._differ(before, after)
        elif is_spared:
            pass  # the refused row is told of already
        elif before["is_listed"]:
            after = before | {"is_open": False, "is_listed": False}
            self.gone.append(Named(before["uai"], before["nom"]))
            self.updates.append(after)
        self._weigh(before, after)

    def _differ(self, before: Row, after: Row) -> None:
        changes = tuple(Change(n, before[n], after[n]) for n in WRITTEN if before[n] != after[n])
        if not changes:
            self.unchanged += 1
            return
        self.changed.append(Changed(after["uai"], after["nom"], changes))
        self.updates.append(after)

    def welcome(self, entry: Entry) -> None:
        row = row_of(entry) | {"set_mailbox": None}
        self.births.append(row)
        self._look(row)

    def _weigh(self, before: Row, after: Row) -> None:
        self._look(after)
        if _mailbox(before) != _mailbox(after):
            self.moved.add(after["uai"])
        if not (before["is_listed"] and before["is_open"]):
            return
        self._base += 1
        if not after["is_listed"]:
            self._lost["gone"] += 1
        elif not after["is_open"]:
            self._lost["closed"] += 1
        elif _mailbox(before) and not _mailbox(after):
            self._lost["mailbox"] += 1

    def _look(self, after: Row) -> None:
        if not after["is_open"]:
            self.closed.add(after["uai"])
        elif not _mailbox(after):
            self.without_mailbox += 1


def _mailbox(row: Row) -> str | None:
    """The mailbox in force (R14)."""
    mailbox: str | None = row["set_mailbox"] or row["mailbox"]
    return mailbox


def compare(known: Iterable[Row], entries: Mapping[str, Entry], spared: Set[str]) -> Comparison:
    """Hold the file against every establishment known, listed or not, in the order of the UAI."""
    comparison, seen = Comparison(), set()
    for before in known:
        uai = before["uai"]
        seen.add(uai)
        comparison.meet(before, entries.get(uai), uai in spared)
    for uai, entry in entries.items():
        if uai not in seen:
            comparison.welcome(entry)
    return comparison
