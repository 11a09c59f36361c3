"""The house opened without anybody in it: for the schedule, the worker, and what only looks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from portal.cli.context import App
from portal.cli.disk import writing

if TYPE_CHECKING:
    from states.school_year import SchoolYear, YearEnd
    from workflow.database import Database
    from workflow.house import House
    from workflow.settings import Settings


@contextmanager
def house_of(app: App) -> "Iterator[House]":
    """The installation of the settings; its connections are given back at the end.

    A cron's account needs not be an operator: what acts is the schedule. Raises what ``opening.opened`` raises.
    """
    from workflow.house import bootstrap

    house = bootstrap(app.settings(), os.environ)
    try:
        yield house
    finally:
        house.close()


@contextmanager
def database_of(settings: "Settings") -> "Iterator[Database]":
    """The database alone, at whatever version it is. Raises SharedFile, SecretRefused."""
    from workflow.house import open_database

    database = open_database(settings, os.environ, must_exist=False)
    try:
        yield database
    finally:
        database.dispose()


def make_private(path: Path) -> None:
    """A file that this account alone reads, empty when it was not there: the database will hold personal data.

    Raises CliFailure when it cannot be made.
    """
    with writing(path, "vérifier le réglage database.url et les droits de ce compte sur le dossier"):
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT, 0o600))


def end_in_words(end: "YearEnd", zone: str | None = None) -> str:
    """``31 août 2027 à 24 h (veille de la rentrée des élèves)``; ``zone`` is the académie's holiday zone (R22)."""
    from states.french import day
    from states.school_year import EndRule

    how = {
        EndRule.EVE_OF_RENTREE: "veille de la rentrée des élèves",
        EndRule.SUMMER_START: f"début des vacances d'été{f' de la zone {zone}' if zone else ''}",
        EndRule.FIXED_DAY: "jour fixe du réglage school_year.end",
        EndRule.GIVEN: "date donnée dans school_year.end_dates",
        EndRule.DEFAULT: "DATE PAR DÉFAUT, faute de date connue",
    }
    return f"{day(end.last_day)} à 24 h ({how[end.rule]})"


def running_year(settings: "Settings") -> "SchoolYear":
    """The school year that runs today by the machine's clock: the earliest that has not ended."""
    from notifications.ports import SystemClock

    return settings.calendar().open_years(SystemClock().now())[0]
