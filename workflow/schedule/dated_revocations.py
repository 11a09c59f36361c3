"""Revocations on a day that an operator set when settling a report: done by the schedule, once each (R46)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, insert, select

from notifications.ports import crash_point
from states.commands import Revoke
from states.model import Actor
from states.policy import Policy
from states.rules.changes import REVOKE_REASONS
from states.vocabulary import Change
from workflow.database.mapping import is_readable_year, school_year
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import IS_LIVE, REPORT, REQUEST
from workflow.engine.engine import Done, Engine

BATCH: Final = 100
"""Requests a transaction."""

FORESEEN: Final[ColumnElement[bool]] = REPORT.c.revoke_on.is_not(None) & IS_LIVE
"""The condition on reports, with their request, that a revocation is foreseen for."""


def dated_revocation_key(reference: str) -> str:
    """The occurrence of a request's revocation."""
    return f"revocation:{reference}"


def revoke_dated(engine: Engine, actor: Actor) -> int:
    """Revoke the requests whose day has come, in batches, each its own transaction; return how many.

    Any number of machines may do it at once: the rules refuse what is done already, or was settled otherwise. A request
    whose school year has ended is left to the year's end, which the brake may hold (R51, R52).
    """
    with engine.database.read() as connection:
        due = _due(connection, engine.policy, engine.clock.now())
    return sum(_revoke(engine, actor, due[start : start + BATCH]) for start in range(0, len(due), BATCH))


def _due(connection: Connection, policy: Policy, now: datetime) -> list[Revoke]:
    today = policy.calendar.today(now)
    query = (
        select(REPORT.c.reference, REPORT.c.change, REQUEST.c.school_year)
        .join(REQUEST, REQUEST.c.reference == REPORT.c.reference)
        .where(FORESEEN, REPORT.c.revoke_on <= today)
        .order_by(REPORT.c.revoke_on.desc(), REPORT.c.number.desc())  # the earliest one of a request stays
    )
    reasons = {
        row.reference: REVOKE_REASONS[Change.of(row.change)]
        for row in connection.execute(query)
        if is_readable_year(row.school_year) and not policy.calendar.has_ended(school_year(row.school_year), now)
    }
    return [Revoke(reference=reference, reason=reason) for reference, reason in sorted(reasons.items())]


def _revoke(engine: Engine, actor: Actor, commands: Sequence[Revoke]) -> int:
    def work(connection: Connection, now: datetime) -> int:
        done = [result for result in engine.run(connection, commands, actor, now) if isinstance(result, Done)]
        if done:
            rows = [{"key": dated_revocation_key(result.reference), "at": now, "requests": 1} for result in done]
            connection.execute(insert(OCCURRENCE), rows)
        crash_point("dated_revocations.before_commit")
        return len(done)

    return engine.in_transaction(work)
