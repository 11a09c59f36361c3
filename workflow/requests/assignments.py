"""Who handles a request now, told to colleagues and stopping none of them (R88).

Not an event: it changes no request and ends by itself. See ``docs/adr/0023-working-together.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Select, delete, insert, select

from notifications.sql import batches
from states.model import Actor
from workflow.database.clock import require_right_clock
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import ASSIGNMENT, REQUEST
from workflow.journal.installation import address_in

if TYPE_CHECKING:
    from workflow.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person of the rectorat and the instant at which they are no longer taken to handle the request."""

    actor: int
    address: str
    until: datetime

    def is_of(self, actor: Actor) -> bool:
        return self.actor == actor.number


class Assignments:
    """Requests are taken and released here, each for ``lasting`` at most."""

    def __init__(self, engine: "Engine", lasting: timedelta) -> None:
        self._engine, self._lasting = engine, lasting

    def take(self, reference: str, actor: Actor) -> None:
        """Assign a request to this actor, whoever had it. Raises ClockRefused (R52)."""

        def work(connection: Connection, now: datetime) -> None:
            require_right_clock(connection, now)
            over = (ASSIGNMENT.c.reference == reference) | (ASSIGNMENT.c.until <= now)
            connection.execute(delete(ASSIGNMENT).where(over))
            row = {"reference": reference, "actor": actor.number, "taken_at": now, "until": now + self._lasting}
            connection.execute(insert(ASSIGNMENT), [row])

        self._engine.in_transaction(work)

    def release(self, reference: str) -> None:
        """End the assignment of a request: anybody may. Raises ClockRefused (R52)."""

        def work(connection: Connection, now: datetime) -> None:
            require_right_clock(connection, now)
            connection.execute(delete(ASSIGNMENT).where(ASSIGNMENT.c.reference == reference))

        self._engine.in_transaction(work)


def assignments_of(connection: Connection, references: Sequence[str], now: datetime) -> Mapping[str, Assignment]:
    """The assignments of these requests at ``now``, by reference."""
    found: dict[str, Assignment] = {}
    query = assigned(now).add_columns(ACTOR.c.number, ACTOR.c.key, ASSIGNMENT.c.until)
    query = query.join(ACTOR, ACTOR.c.number == ASSIGNMENT.c.actor)
    for batch in batches(list(references)):
        for row in connection.execute(query.where(ASSIGNMENT.c.reference.in_(batch))):
            found[row.reference] = Assignment(row.number, address_in(row.key), row.until)
    return found


def assigned(now: datetime) -> Select[tuple[str]]:
    """The requests that somebody handles at ``now``; one that came to another state since is nobody's."""
    return (
        select(ASSIGNMENT.c.reference)
        .join(REQUEST, REQUEST.c.reference == ASSIGNMENT.c.reference)
        .where(ASSIGNMENT.c.until > now, ASSIGNMENT.c.taken_at >= REQUEST.c.since)
    )
