"""What the operators are told of the ends of years: facts gathered for the mails (R52, R54)."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, exists, func, select

from notifications.mailer import Mailer
from states.brake import Hold
from states.school_year import YearEnd
from states.vocabulary import RemovalKind
from workflow.foresight import OCCURRENCE, done_key
from workflow.loading import REMOVAL
from workflow.rows import ESTABLISHMENT, IS_LIVE, REQUEST, establishment_from


class Reporter:
    """Writes to the operators, in the caller's transaction; who calls makes it happen once."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def year_ended(self, connection: Connection, end: YearEnd, revoked: int, now: datetime) -> None:
        """One report of a swept year: how many, and what is left to remove (R54)."""
        swept = OCCURRENCE.c.key == done_key(end) + ":" + ESTABLISHMENT.c.uai
        establishments = select(func.count()).where(OCCURRENCE.c.key.like(f"{done_key(end)}:%"))
        bare = func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox).is_(None)
        untold = select(ESTABLISHMENT).where(bare, exists().where(swept)).order_by(ESTABLISHMENT.c.uai)
        to_do = (
            select(REMOVAL.c.kind, func.count().label("number"))
            .join(REQUEST, REQUEST.c.reference == REMOVAL.c.reference)
            .where(REQUEST.c.school_year == str(end.school_year), REMOVAL.c.outcome.is_(None))
            .group_by(REMOVAL.c.kind)
        )
        counts: dict[str, int] = {row.kind: row.number for row in connection.execute(to_do)}
        report = self._mailer.year_end_report(
            end, revoked=revoked, establishments=connection.execute(establishments).scalar_one(),
            removals=counts.get(RemovalKind.REMOVE_RIGHTS.value, 0),
            questions=counts.get(RemovalKind.KEY_ENABLED.value, 0),
            without_mailbox=[establishment_from(row) for row in connection.execute(untold)],
        )  # fmt: skip
        self._mailer.enqueue(connection, [replace(report, dedupe_key=None)], now)

    def year_held(self, connection: Connection, end: YearEnd, hold: Hold, now: datetime) -> None:
        """The alert that a year's end is held, and why (R52)."""
        live = select(func.count()).where(REQUEST.c.school_year == str(end.school_year), IS_LIVE)
        requests = connection.execute(live).scalar_one()
        alert = self._mailer.brake_alert(end, requests=requests, why=hold.label)
        self._mailer.enqueue(connection, [replace(alert, dedupe_key=None)], now)
