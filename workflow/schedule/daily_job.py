"""One daily job, page after page: each page is its own short transaction, so that a kill loses nothing.

A job that was done whole is marked by its key, which makes it happen once (R50, R78 to R81).
"""

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
from workflow.database.schedule_tables import OCCURRENCE

PAGE: Final = 500
"""Establishments or requests a transaction."""


PageOfDrafts = Callable[[Connection, str], tuple[Sequence[Draft], str | None]]
"""Return the mails of what follows a place, and the place to go on from, None at the end. It writes nothing."""


@dataclass(frozen=True, kw_only=True)
class JobDay:
    """The instant of a job, aware UTC, and the policy in force then."""

    now: datetime
    policy: Policy

    @property
    def day(self) -> date:
        """The académie's day."""
        return self.policy.calendar.today(self.now)

    @property
    def has_begun(self) -> bool:
        """True from the hour at which the day's mails leave."""
        return self.now.astimezone(self.policy.calendar.timezone).hour >= self.policy.timetable.hour

    @property
    def over_at(self) -> datetime:
        """24:00 of the day, aware UTC."""
        return self.policy.calendar.midnight(self.day + timedelta(days=1))

    @property
    def running_years(self) -> tuple[SchoolYear, ...]:
        """The years not ended that may have requests, found without asking the database."""
        years = (SchoolYear(self.day.year + shift) for shift in (-2, -1, 0, 1))
        return tuple(year for year in years if not self.policy.calendar.has_ended(year, self.now))


def run_daily_job(database: Database, mailer: Mailer, page: PageOfDrafts, job_day: JobDay, keys: Sequence[str]) -> int:
    """Write the mails of every page, then mark ``keys``; return how many mails are new.

    Stopped anywhere and begun again, or run by two nodes at once, it writes each mail once: by its dedupe key.
    """
    count, after = 0, ""
    while True:
        with database.write() as connection:
            drafts, following = page(connection, after)
            count += mailer.enqueue(connection, drafts, job_day.now)
            if following is None and keys:
                # One that another node has marked stays as it is.
                rows = [{"key": key, "at": job_day.now, "requests": count} for key in keys]
                connection.execute(insert_new(connection, OCCURRENCE), rows)
            crash_point("duties.before_commit")
        crash_point("duties.after_page")
        if following is None:
            return count
        after = following


def marked_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Return those of these keys whose job was done whole."""
    return set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(list(keys)))).scalars())
