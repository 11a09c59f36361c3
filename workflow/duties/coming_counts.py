"""On how many requests the software will act: one query for each kind of date, whatever their number (R86)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, case, distinct, func, select

from notifications.seals import FOR_LINK
from notifications.tables import SEALS
from states.reminding import NEVER, Reminded
from states.school_year import SchoolYear
from workflow.duties import invitations, reminders
from workflow.duties.passing import Today
from workflow.rows import ESTABLISHMENT, IS_LIVE, REPORT, REQUEST

Stand = tuple[date, str, Reminded]
"""Since which day a request waits, its school year, the reminders already made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """The live requests of a year, in how many establishments, and how many of both have a key."""

    requests: int = 0
    establishments: int = 0
    with_key: int = 0
    places_with_key: int = 0


_NONE: Final = Live()


class Counts:
    """The figures behind a calendar, in one read transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        has_key = REQUEST.c.code_issued_at.is_not(None)
        query = select(
            REQUEST.c.school_year, func.count().label("requests"),
            func.count(distinct(REQUEST.c.uai)).label("establishments"),
            func.count(REQUEST.c.code_issued_at).label("with_key"),
            func.count(distinct(case((has_key, REQUEST.c.uai)))).label("places_with_key"),
        ).where(IS_LIVE).group_by(REQUEST.c.school_year)  # fmt: skip
        rows = (dict(row._mapping) for row in connection.execute(query))
        self._live: Mapping[str, Live] = {row.pop("school_year"): Live(**row) for row in rows}

    def live(self, year: SchoolYear) -> Live:
        """The live requests of a year."""
        return self._live.get(str(year), _NONE)

    def invited(self, year: SchoolYear) -> tuple[int, int]:
        """How many requests the invitation to renew for ``year`` would name, in how many establishments (R81)."""
        counts = select(func.count(), func.count(distinct(REQUEST.c.uai)))
        joined = counts.select_from(REQUEST).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        requests, establishments = self._connection.execute(joined.where(*invitations.invited(year))).one()
        return requests, establishments

    def waiting(self, matter: reminders.Matter, today: Today) -> Counter[Stand]:
        """How many requests wait for their establishment since each day, with as many reminders made (R79)."""
        wanted = reminders.waiting(matter, today)
        query = select(REQUEST.c.reference, REQUEST.c.school_year, matter.since.label("stands_since"))
        joined = query.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai).where(*wanted)
        made = reminders.made_of(self._connection, matter, today, matter.where)
        local = today.policy.calendar.today
        return Counter(
            (local(row.stands_since), row.school_year, made.get(row.reference, NEVER))
            for row in self._connection.execute(joined)
        )

    def reports(self, first: date, last: date) -> dict[date, int]:
        """How many reports of live requests fall due on each day after ``first`` (R32)."""
        query = (
            select(REPORT.c.effective_on, func.count())
            .join(REQUEST, REQUEST.c.reference == REPORT.c.reference)
            .where(REPORT.c.settlement.is_(None), REPORT.c.due_told_at.is_(None), IS_LIVE)
            .where(REPORT.c.effective_on > first, REPORT.c.effective_on <= last)
            .group_by(REPORT.c.effective_on)
        )
        return {day: count for day, count in self._connection.execute(query)}  # noqa: C416

    def sealed(self) -> list[datetime]:
        """When each code that is still kept was sealed (R61)."""
        kept = (SEALS.c.ciphertext.is_not(None), ~SEALS.c.reference.startswith(FOR_LINK))
        return list(self._connection.execute(select(SEALS.c.sealed_at).where(*kept)).scalars())
