"""The machines that share one database: when each was last heard of, whether its clock lets it act (R50, R82, R115)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from notifications.mailer import Mailer
from notifications.sql import update_rows
from notifications.vocabulary import RelayCertificate
from states.decision import Scalar
from states.french import plural, span
from states.model import Actor
from states.vocabulary import Labelled
from workflow.database.clock import DatabaseClock
from workflow.database.journal_tables import INSTALLED
from workflow.database.schedule_tables import MACHINE_COUNTER, NODE
from workflow.engine.engine import Engine
from workflow.journal import chain

LIMIT: Final = timedelta(seconds=60)
"""Largest difference allowed between a machine's clock and the database's."""

FORGOTTEN: Final = timedelta(days=30)
"""Time for which a silent machine stays listed: those of containers come and go."""

SILENT: Final = timedelta(minutes=5)
"""A machine writes its heartbeat every minute: without one for so long, it is taken to be stopped."""

_IS_LONG_SILENT: Final = and_(
    func.coalesce(NODE.c.heard_at, NODE.c.seen_at) < bindparam("silent_since"),
    NODE.c.seen_at < bindparam("silent_since"),
)

_IS_OF_NOBODY: Final = MACHINE_COUNTER.c.host.not_in(select(NODE.c.host))

HAS_SILENT: Final = or_(exists().where(_IS_LONG_SILENT), exists().where(_IS_OF_NOBODY))
"""The condition under which ``forget_silent`` finds anything: machines silent since before ``silent_since``."""


class NodeState(Labelled):
    """State of a machine: at work, refused for its clock, or silent."""

    WORKING = "working", "en service"
    REFUSED = "refused", "s'abstient : horloge à corriger"
    SILENT = "silent", "sans nouvelle"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One machine. ``skew``: how far ahead of the database's its clock is, None where its own judges (SQLite).

    ``seen_at`` is when it was last heard of; ``refused_at`` since when its clock forbids it to act.
    """

    host: str
    seen_at: datetime
    skew: timedelta | None
    refused_at: datetime | None
    state: NodeState


_NAMED: Final = select(NODE).where(NODE.c.host == bindparam("machine"))


class NodeMonitor:
    """Check before each tick whether this machine may act, and record it for the others to see.

    Every decision takes the time from the database's clock wherever it runs; a machine that disagrees with it
    abstains all the same, for nobody knows which of the two is wrong.
    """

    def __init__(self, engine: Engine, mailer: Mailer, clock: DatabaseClock) -> None:
        self._engine, self._mailer, self._clock = engine, mailer, clock

    def refused(self, actor: Actor, host: str) -> timedelta | None:
        """Return the skew of this machine's clock when it forbids it to act, positive when it is fast; else None.

        Raises DatabaseUnreachable, DatabaseBusy.
        """
        sample = self._clock.refresh()
        is_off = abs(sample.skew) - sample.doubt > LIMIT
        with self._engine.database.write() as connection:
            chain.lock(connection)
            self._record_state(connection, actor, host, sample.skew, is_off=is_off)
        return sample.skew if is_off else None

    def _record_state(self, connection: Connection, actor: Actor, host: str, skew: timedelta, *, is_off: bool) -> None:
        now = self._clock.now()
        row = connection.execute(_NAMED, {"machine": host}).one_or_none()
        refused_at = row.refused_at if row else None
        values: dict[str, Any] = {"skew_seconds": round(skew.total_seconds(), 3), "heard_at": now}
        if is_off != bool(refused_at):
            data: dict[str, Scalar] = {"machine": host, "skew_seconds": round(skew.total_seconds())}
            kind = "clock_refused" if is_off else "clock_agreed"
            chain.record(connection, self._engine.hasher, kind, actor, now, data)
            values |= {"refused_at": now if is_off else None}
            if is_off:
                self._mailer.enqueue(connection, [self._mailer.reports.clock_alert(host, skew, now)], now)
        if row:
            update_rows(connection, NODE, ("host",), tuple(values), [{"b_host": host, **values}])
        else:
            installed_at = connection.execute(select(INSTALLED.c.created_at)).scalar_one()
            connection.execute(insert(NODE), [{"host": host, "seen_at": installed_at, **values}])


def nodes(connection: Connection, now: datetime) -> tuple[Node, ...]:
    """Every machine heard of lately, by name."""
    return tuple(_node(row, now) for row in connection.execute(select(NODE).order_by(NODE.c.host)))


def refused_count(connection: Connection, now: datetime) -> int:
    """Count the machines that abstain at this moment because of their clock."""
    refused = select(NODE).where(NODE.c.refused_at.is_not(None))
    return sum(_node(row, now).state is NodeState.REFUSED for row in connection.execute(refused))


def _node(row: Any, now: datetime) -> Node:
    seen_at = max(row.heard_at, row.seen_at) if row.heard_at else row.seen_at
    state = NodeState.REFUSED if row.refused_at else NodeState.WORKING
    return Node(
        host=row.host, seen_at=seen_at, skew=timedelta(seconds=row.skew_seconds) if row.heard_at else None,
        refused_at=row.refused_at, state=NodeState.SILENT if now - seen_at > SILENT else state,
    )  # fmt: skip


def gap_words(skew: timedelta) -> str:
    """``avance de 3 minutes``, ``retarde de 90 secondes``."""
    return f"{'avance' if skew > timedelta(0) else 'retarde'} de {span(abs(skew))}"


def refusal(skew: timedelta) -> str:
    """The French sentence of a machine that abstains."""
    limit = plural(LIMIT // timedelta(seconds=1), "seconde")
    return (
        f"L'horloge de cette machine {gap_words(skew)} sur celle de la base : l'échéancier ne passe pas ici tant"
        f" qu'elles ne s'accordent pas à {limit} près (R82)."
    )


def record_certificate(connection: Connection, host: str, certificate: RelayCertificate) -> None:
    """Record what this machine, which has ticked, has just seen of the relay's certificate (R115)."""
    values = {"certificate_until": certificate.until, "certificate_refused": certificate.refused}
    connection.execute(update(NODE).where(NODE.c.host == host).values(values))


def seen_certificate(connection: Connection, now: datetime) -> RelayCertificate | None:
    """Return the relay's certificate as the machines at work saw it last, the worst first; None when none saw any."""
    is_seen = or_(NODE.c.certificate_until.is_not(None), NODE.c.certificate_refused.is_not(None))
    rows = [
        row for row in connection.execute(select(NODE).where(is_seen)) if _node(row, now).state is NodeState.WORKING
    ]
    if refused := [row.certificate_refused for row in rows if row.certificate_refused is not None]:
        return RelayCertificate(refused=refused[0])
    return RelayCertificate(until=min(row.certificate_until for row in rows)) if rows else None


def forget_silent(connection: Connection, now: datetime) -> None:
    """Forget the machines silent for a month; the caller has just recorded its own heartbeat (R52)."""
    connection.execute(delete(NODE).where(_IS_LONG_SILENT), {"silent_since": now - FORGOTTEN})
    connection.execute(delete(MACHINE_COUNTER).where(_IS_OF_NOBODY))
