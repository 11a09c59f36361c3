"""What an operator at work would otherwise look for: the next request to issue, the list that was read last."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from states import checks
from states.policy import Policy
from states.vocabulary import State, Trigger
from workflow.foresight import live_years
from workflow.reading.filters import Checks, Filters, conditions
from workflow.reading.ordering import Order, Walk
from workflow.rows import ESTABLISHMENT, REQUEST
from workflow.writing import EVENT, NOTE

RECENT: Final = 500
"""How many of the last events are looked at for a source: a wider look would grow with the journal."""


def next_ready(connection: Connection, policy: Policy, now: datetime, after: str) -> str | None:
    """The reference of a request whose two checks allow a code today (R39): the one that follows ``after``, else the
    first; never ``after`` itself, and None when no other is left."""
    ready = _ready(connection, policy, now, Filters(), after)
    query = _REFERENCES.where(*ready).order_by(REQUEST.c.reference <= after, REQUEST.c.reference).limit(1)
    found: str | None = connection.execute(query).scalar()
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A request that was just dealt with, and where it stood in the lists: ``since`` when the rectorat had it."""

    reference: str
    since: datetime
    state: str = State.REQUESTED.value


def next_of_list(
    connection: Connection, policy: Policy, now: datetime, filters: Filters, order: Order, left: Left
) -> str | None:
    """The same among what ``filters`` leave, in that ``order``: the one that follows ``left``, else the first."""
    if filters.checks not in (None, Checks.READY):
        return None
    ready = _ready(connection, policy, now, filters, left.reference)
    for after in (Walk.mark(order, left), None):
        if rows := Walk(order, after).rows(connection, _REFERENCES, ready, (State.REQUESTED,), 1):
            return str(rows[0].reference)
    return None


_REFERENCES: Final = select(REQUEST.c.reference).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)


def _ready(
    connection: Connection, policy: Policy, now: datetime, filters: Filters, but: str
) -> list[ColumnElement[bool]]:
    """What a code can be issued for today, among what the filters leave, but one request."""
    oldest = checks.oldest_day(policy.calendar.today(now), policy.checks_max_age_days)
    wanted: list[Any] = conditions(
        connection, replace(filters, checks=Checks.READY, oldest_check=oldest), policy.calendar
    )
    years = [str(year) for year in live_years(connection) if not policy.calendar.has_ended(year, now)]
    return [*wanted, REQUEST.c.school_year.in_(years), REQUEST.c.reference != but]


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
