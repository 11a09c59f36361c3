"""The end of a school year in words, the same on a page and in a terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from states.school_year import YearEnd


def how_found(end: "YearEnd", zone: str | None = None) -> str:
    """Where its date comes from (R22); ``zone`` is the académie's holiday zone."""
    from states.school_year import EndRule

    how = {
        EndRule.EVE_OF_RENTREE: "veille de la rentrée des élèves",
        EndRule.SUMMER_START: f"début des vacances d'été{f' de la zone {zone}' if zone else ''}",
        EndRule.FIXED_DAY: "jour fixe du réglage school_year.end",
        EndRule.GIVEN: "date donnée dans school_year.end_dates",
        EndRule.DEFAULT: "DATE PAR DÉFAUT, faute de date connue",
    }
    return how[end.rule]


def end_in_words(end: "YearEnd", zone: str | None = None) -> str:
    """``31 août 2027 à 24 h (veille de la rentrée des élèves)`` (R22)."""
    from states.french import day

    return f"{day(end.last_day)} à 24 h ({how_found(end, zone)})"
