"""The house opened without anybody in it: for the schedule, the worker, and what only looks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from portal.cli.context import App
from portal.cli.disk import writing

if TYPE_CHECKING:
    from states.school_year import SchoolYear
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


def running_year(settings: "Settings") -> "SchoolYear":
    """The school year that runs today by the machine's clock: the earliest that has not ended."""
    from notifications.ports import SystemClock

    return settings.calendar().open_years(SystemClock().now())[0]
