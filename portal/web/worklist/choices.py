"""The closed answers of the worklist's filters: what stands in the address, and the French beside it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from states.vocabulary import Labelled, State
from workflow.reading.filters import Checks


class StateChoice(Labelled):
    """One state, all the live ones, or all of them."""

    DECLARED = "declaree", "déclarée"
    DELEGATED = "deleguee", "déléguée"
    CHARTER_SIGNED = "charte-signee", "charte signée"
    REQUESTED = "demandee", "demandée"
    CODE_ISSUED = "code-transmis", "code transmis"
    REVOKED = "revoquee", "révoquée"
    LIVE = "en-cours", "toutes celles en cours"
    ALL = "toutes", "toutes, même révoquées"

    @property
    def state(self) -> State | None:
        """The state that it names; None when it names several."""
        return State[self.name] if self.name in State.__members__ else None


class CheckChoice(Labelled):
    """What the two checks of a request that waits for the rectorat say today."""

    TO_DO = "a-faire", "à faire"
    READY = "positives", "positives, prête à émettre"
    NEGATIVE = "negatives", "négatives"
    TOO_OLD = "trop-anciennes", "trop anciennes"

    @property
    def checks(self) -> Checks:
        return Checks[self.name]


class Task(Labelled):
    """What calls for somebody, whatever the state."""

    UNDELIVERED = "non-remis", "code non remis"
    REPORT_DUE = "signalement-a-regler", "signalement à régler"
    REPORT = "signalement", "signalement ouvert, même à venir"
    LATE = "retard", "en retard"
    HANDOVER = "remise", "remise à confirmer"
    REMOVAL = "retrait", "retrait à confirmer"
    EXPIRY = "expiration", "expiration à cocher"

    @property
    def sentence(self) -> str:
        """Alone, as a tag says it."""
        return self.label[:1].upper() + self.label[1:]


class Age(Labelled):
    """For how long in its state, in days of the calendar."""

    FEW_DAYS = "0-2", "moins de 3 jours"
    A_WEEK = "3-7", "3 à 7 jours"
    A_MONTH = "8-30", "8 à 30 jours"
    LONGER = "31", "plus de 30 jours"


Bounds = tuple[date | None, date | None]
"""Came to its state before the first day, and not before the second."""


def _between(youngest: int, oldest: int | None) -> Callable[[date], Bounds]:
    """From ``youngest`` to ``oldest`` days ago, both included."""

    def bounds(today: date) -> Bounds:
        before = today - timedelta(days=youngest - 1) if youngest else None
        return before, today - timedelta(days=oldest) if oldest is not None else None

    return bounds


AGES: Final = {
    Age.FEW_DAYS: _between(0, 2),
    Age.A_WEEK: _between(3, 7),
    Age.A_MONTH: _between(8, 30),
    Age.LONGER: _between(31, None),
}
