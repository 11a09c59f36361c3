"""A daily pass, page after page: each page its own short transaction, so that a kill loses nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from notifications.mailer import Mailer
from notifications.messages.mail import Draft
from notifications.ports import crash_point
from notifications.sql import insert_new
from states.policy import Policy
from states.school_calendar import SchoolYear
from workflow.database.connection import Database
from workflow.database.tables import OCCURRENCE

# The passes that were made whole, by their keys: what makes each of them happen once (R50, R78 to R81).


def among(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of these keys that are marked."""
    return set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(list(keys)))).scalars())


def mark(connection: Connection, keys: Iterable[str], now: datetime, mails: int) -> None:
    """Mark passes as whole; ``mails``: how many they wrote. One that another node has marked stays as it is."""
    rows = [{"key": key, "at": now, "requests": mails} for key in keys]
    if rows:
        connection.execute(insert_new(connection, OCCURRENCE), rows)


PAGE: Final = 500
"""Establishments or requests a transaction."""


Page = Callable[[Connection, str], tuple[Sequence[Draft], str | None]]
"""The mails of what follows a place, and the place to go on from, None at the end. It writes nothing."""


@dataclass(frozen=True, kw_only=True)
class Today:
    """The instant of a pass, aware UTC, under the policy of then."""

    now: datetime
    policy: Policy

    @property
    def day(self) -> date:
        """The académie's day."""
        return self.policy.calendar.today(self.now)

    @property
    def has_begun(self) -> bool:
        """Whether the hour has come from which the day's mails leave."""
        return self.now.astimezone(self.policy.calendar.timezone).hour >= self.policy.timetable.hour

    @property
    def over_at(self) -> datetime:
        """24:00 of the day, aware UTC."""
        return self.policy.calendar.midnight(self.day + timedelta(days=1))

    @property
    def running(self) -> tuple[SchoolYear, ...]:
        """The years not ended of which requests may be: without asking the database."""
        years = (SchoolYear(self.day.year + shift) for shift in (-2, -1, 0, 1))
        return tuple(year for year in years if not self.policy.calendar.has_ended(year, self.now))


def walk(database: Database, mailer: Mailer, page: Page, today: Today, keys: Sequence[str]) -> int:
    """Make a pass, then mark it whole under ``keys``; returns how many mails are new.

    Stopped anywhere and begun again, or made by two nodes at once, it writes each mail once: by its dedupe key.
    """
    made, after = 0, ""
    while True:
        with database.write() as connection:
            drafts, following = page(connection, after)
            made += mailer.enqueue(connection, drafts, today.now)
            if following is None:
                mark(connection, keys, today.now, made)
            crash_point("duties.before_commit")
        crash_point("duties.after_page")
        if following is None:
            return made
        after = following
