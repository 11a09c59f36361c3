"""The machines of the installation: when each was last heard of, how far off its clock is, whether it acts (R82)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from states.vocabulary import Labelled
from workflow.foresight import NODE

SILENT: Final = timedelta(minutes=5)
"""A machine speaks every minute: this long without it, and it is taken to be stopped."""


class NodeState(Labelled):
    """What a machine is doing."""

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


def nodes(connection: Connection, now: datetime) -> tuple[Node, ...]:
    """Every machine heard of lately, by name."""
    return tuple(_node(row, now) for row in connection.execute(select(NODE).order_by(NODE.c.host)))


def refused_count(connection: Connection, now: datetime) -> int:
    """How many machines abstain at this moment because of their clock."""
    refused = select(NODE).where(NODE.c.refused_at.is_not(None))
    return sum(_node(row, now).state is NodeState.REFUSED for row in connection.execute(refused))


def _node(row: Any, now: datetime) -> Node:
    seen_at = max(row.heard_at, row.seen_at) if row.heard_at else row.seen_at
    state = NodeState.REFUSED if row.refused_at else NodeState.WORKING
    return Node(
        host=row.host, seen_at=seen_at, skew=timedelta(seconds=row.skew_seconds) if row.heard_at else None,
        refused_at=row.refused_at, state=NodeState.SILENT if now - seen_at > SILENT else state,
    )  # fmt: skip
