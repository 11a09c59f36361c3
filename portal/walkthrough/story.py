"""What the walkthrough tells: who, where, when. Everybody in it is invented, and so is every establishment."""

from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from states.school_calendar import SchoolYear

ZONE: Final = ZoneInfo("Europe/Paris")
YEAR: Final = SchoolYear(2026)

UAI: Final = "0319042K"
OTHER_UAI: Final = "0329017C"
"""Another establishment, whose request goes no further than its declaration."""

OPERATOR: Final = "operateur.oda@ac-toulouse.fr"
CHEF: Final = "Olivier Castelmaure"
OTHER_CHEF: Final = "Bertrand Vidalot"

NOM, PRENOM, MAIL = "Roquelaure", "Camille", "camille.roquelaure@ac-toulouse.fr"
OTHER_NOM, OTHER_PRENOM, OTHER_MAIL = "Puylaurens", "Sacha", "sacha.puylaurens@ac-toulouse.fr"

CODE: Final = "RV5QX2M9TZ"
"""The initialisation code, which only the mail as it is received may show (R60)."""


def instant(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    """An instant of the story, by the clocks of Toulouse."""
    return datetime(year, month, day, hour, minute, tzinfo=ZONE)


INSTALLED: Final = instant(2026, 9, 1, 8, 0)
DECLARED: Final = instant(2026, 9, 3, 9, 10)
DELEGATED: Final = instant(2026, 9, 7, 14, 20)
SIGNED: Final = instant(2026, 9, 10, 11, 5)
SUBMITTED: Final = instant(2026, 9, 11, 8, 40)
TOO_EARLY: Final = instant(2026, 9, 14, 10, 5)
LISTING_CHECKED: Final = instant(2026, 9, 14, 10, 15)
DELEGATION_CHECKED: Final = instant(2026, 9, 14, 10, 20)
ISSUED: Final = instant(2026, 9, 14, 10, 40)
HANDED_OVER: Final = instant(2026, 9, 17, 16, 30)
ELSEWHERE: Final = instant(2026, 10, 5, 10, 0)
MONTHS: Final = tuple(instant(2026 + (month > 12), (month - 1) % 12 + 1, 15, 7) for month in range(10, 18))
"""When the schedule is seen passing, from October to May."""
PREVIEWED: Final = instant(2027, 6, 15, 9, 30)
SUMMER: Final = (instant(2027, 7, 5, 7), instant(2027, 8, 5, 7))
EVE: Final = instant(2027, 8, 31, 23, 59)
OVER: Final = instant(2027, 9, 1, 0, 0)
AGAIN: Final = instant(2027, 9, 1, 0, 1)
REMOVED: Final = instant(2027, 9, 1, 8, 30)
VERIFIED: Final = instant(2027, 9, 1, 9, 0)

DRANE_DAY: Final = date(2026, 9, 2)


class StoryClock:
    """The one clock of the installation: it stands where the story put it."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def move(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)
