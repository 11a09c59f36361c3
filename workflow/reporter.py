"""What the operators are told of the ends of years: facts gathered for the mails (R52, R54)."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, case, exists, func, literal, select, union_all

from notifications.contexts import DepartementCount
from notifications.mailer import Mailer
from states.brake import Hold
from states.school_year import YearEnd
from workflow.endings import COUNTED, COUNTED_AS
from workflow.foresight import OCCURRENCE, done_key
from workflow.rows import ESTABLISHMENT, IS_LIVE, REMOVAL, REQUEST, establishment_from


class Reporter:
    """Writes to the operators, in the caller's transaction; who calls makes it happen once."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def year_ended(self, connection: Connection, end: YearEnd, revoked: int, now: datetime) -> None:
        """One report of a swept year: how many, département by département, and what is left to remove (R54)."""
        swept = OCCURRENCE.c.key == done_key(end) + ":" + ESTABLISHMENT.c.uai
        bare = func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox).is_(None)
        untold = select(ESTABLISHMENT).where(bare, exists().where(swept)).order_by(ESTABLISHMENT.c.uai)
        counts = _by_departement(connection, end)
        report = self._mailer.year_end_report(
            end, revoked=revoked, establishments=sum(one.establishments for one in counts),
            removals=sum(one.removals for one in counts), questions=sum(one.questions for one in counts),
            without_mailbox=[establishment_from(row) for row in connection.execute(untold)], departements=counts,
        )  # fmt: skip
        self._mailer.enqueue(connection, [replace(report, dedupe_key=None)], now)

    def year_held(self, connection: Connection, end: YearEnd, hold: Hold, now: datetime) -> None:
        """The alert that a year's end is held, and why (R52)."""
        live = select(func.count()).where(REQUEST.c.school_year == str(end.school_year), IS_LIVE)
        requests = connection.execute(live).scalar_one()
        alert = self._mailer.brake_alert(end, requests=requests, why=hold.label)
        self._mailer.enqueue(connection, [replace(alert, dedupe_key=None)], now)


def _by_departement(connection: Connection, end: YearEnd) -> list[DepartementCount]:
    """What the sweep revoked, and what is left to remove of the whole year, in one query; sorted by code."""
    none, code = literal(0), ESTABLISHMENT.c.departement.label("code")
    swept = select(
        code, literal(1).label("establishments"), OCCURRENCE.c.requests.label("revoked"), none.label("removals"),
        none.label("questions"),
    ).join(OCCURRENCE, OCCURRENCE.c.key == done_key(end) + ":" + ESTABLISHMENT.c.uai)  # fmt: skip
    to_do = (
        select(code, none, none, *(case((REMOVAL.c.kind == kind.value, 1), else_=0) for kind in COUNTED_AS))
        .join(REQUEST, REQUEST.c.uai == ESTABLISHMENT.c.uai)
        .join(REMOVAL, REMOVAL.c.reference == REQUEST.c.reference)
        .where(REQUEST.c.school_year == str(end.school_year), REMOVAL.c.outcome.is_(None))
    )
    each = union_all(swept, to_do).subquery()
    sums = (func.sum(each.c[name]).label(name) for name in COUNTED)
    rows = connection.execute(select(each.c.code, *sums).group_by(each.c.code))
    counts = (DepartementCount(code=row.code, **{name: int(getattr(row, name)) for name in COUNTED}) for row in rows)
    return sorted(counts, key=lambda one: one.code)
