"""The dates on which the software will act, as they are shown (R86): by month and day, each deed with its letter."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from states import french
from workflow.schedule.upcoming import HORIZON, ScheduledAction, ScheduledDate

LETTERS: Final = {
    ScheduledAction.YEAR_END: "F",
    ScheduledAction.NOTICE: "A",
    ScheduledAction.CAMPAIGN: "O",
    ScheduledAction.INVITATION: "I",
    ScheduledAction.REMINDERS: "R",
    ScheduledAction.REPORTS: "S",
    ScheduledAction.ERASURE: "E",
}
"""What a day bears in the picture; the digest, possible on any working day, and what is unknown bear none."""


WEEKDAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day on which something happens, and what."""

    day: date
    deeds: tuple[ScheduledDate, ...]

    @property
    def name(self) -> str:
        """``mardi 1er septembre``: the month's title says which year."""
        return f"{WEEKDAYS[self.day.weekday()]} {short(self.day)}"

    @property
    def letters(self) -> str:
        """Of its deeds, each once, in the order of the kinds: ``FR``."""
        found = {one.action for one in self.deeds}
        return "".join(letter for deed, letter in LETTERS.items() if deed in found)


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month of the calendar, with its days of action; there may be none."""

    first: date
    days: tuple[Day, ...]

    @property
    def name(self) -> str:
        """``septembre 2026``."""
        return f"{french.MONTHS[self.first.month - 1]} {self.first.year}"

    @property
    def anchor(self) -> str:
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True, kw_only=True)
class Brief:
    """One kind of deed in all: its dates, the earliest first, one for each day."""

    dates: tuple[ScheduledDate, ...]

    @property
    def next(self) -> ScheduledDate:
        return self.dates[0]

    @property
    def name(self) -> str:
        """``annonce de la fin d'année``, ``rappel : remise à confirmer``."""
        return self.next.mail.label if self.next.mail else self.next.action.label

    @property
    def letter(self) -> str:
        return LETTERS.get(self.next.action, "")

    @property
    def others(self) -> str:
        """``puis 3 autres dates, jusqu'au 31 août 2027``; empty when there is one date."""
        count = len(self.dates) - 1
        if not count:
            return ""
        last = french.day(self.dates[-1].day)
        return f"puis le {last}" if count == 1 else f"puis {count} autres dates, jusqu'au {last}"


def horizon(today: date) -> date:
    """The last day that is told."""
    return today + HORIZON


def months(found: Iterable[ScheduledDate], today: date) -> tuple[Month, ...]:
    """Every month from today's to that of the horizon; the digest, which has no date of its own, is left out."""
    days: dict[date, list[ScheduledDate]] = {}
    for one in found:
        if one.action is not ScheduledAction.DIGEST:
            days.setdefault(one.day, []).append(one)
    all_days = [Day(day=day, deeds=tuple(deeds)) for day, deeds in sorted(days.items())]
    return tuple(
        Month(first=first, days=tuple(one for one in all_days if one.day.replace(day=1) == first))
        for first in _firsts(today.replace(day=1), horizon(today))
    )


def in_brief(found: Iterable[ScheduledDate]) -> tuple[Brief, ...]:
    """Each kind of deed that has a date, in the order of the kinds."""
    kinds: dict[tuple[ScheduledAction, str], list[ScheduledDate]] = {}
    for one in found:
        if one.action in LETTERS:
            kinds.setdefault((one.action, one.mail.label if one.mail else ""), []).append(one)
    rank = list(LETTERS)
    return tuple(Brief(dates=tuple(kinds[key])) for key in sorted(kinds, key=lambda key: (rank.index(key[0]), key[1])))


def concerns_nobody(found: Iterable[ScheduledDate]) -> bool:
    """Whether no date is about any request: nothing is declared yet."""
    return not any(one.requests for one in found)


def short(day: date) -> str:
    """``1er septembre``."""
    return f"{french.day(day).rpartition(' ')[0]}"


def _firsts(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = (first + timedelta(days=31)).replace(day=1)
