"""What an operator at work would otherwise look for: the next request to issue, the list that was read last."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from states import checks
from states.policy import Policy
from states.vocabulary import Trigger
from workflow.foresight import live_years
from workflow.reading.filters import Checks, Filters, conditions
from workflow.rows import ESTABLISHMENT, REQUEST
from workflow.writing import EVENT, NOTE

RECENT: Final = 500
"""How many of the last events are looked at for a source: a wider look would grow with the journal."""


def next_ready(connection: Connection, policy: Policy, now: datetime, after: str) -> str | None:
    """The reference of a request whose two checks allow a code today (R39): the one that follows ``after``, else the
    first; never ``after`` itself, and None when no other is left."""
    oldest = checks.oldest_day(policy.calendar.today(now), policy.checks_max_age_days)
    ready = conditions(connection, Filters(checks=Checks.READY, oldest_check=oldest), policy.calendar)
    years = [str(year) for year in live_years(connection) if not policy.calendar.has_ended(year, now)]
    query = (
        select(REQUEST.c.reference)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(*ready, REQUEST.c.school_year.in_(years), REQUEST.c.reference != after)
        .order_by(REQUEST.c.reference <= after, REQUEST.c.reference)
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar()
    return found


def last_source(connection: Connection, trigger: Trigger, actor: int) -> str:
    """The list that this actor read last for this check (R34), in his own words; empty when that was long ago."""
    recent = select(EVENT).order_by(EVENT.c.at.desc()).limit(RECENT).subquery()
    query = (
        select(NOTE.c.body)
        .join(recent, (NOTE.c.stream == recent.c.stream) & (NOTE.c.seq == recent.c.seq))
        .where(recent.c.kind == trigger.value, recent.c.actor == actor, NOTE.c.field == "source")
        .order_by(recent.c.at.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() or ""
