"""A request shared among operators: who handles it now, and their notes on it (R88).

None of it is an event: it changes no request and leaves the rectorat never. Notes are erasable texts that stand beside
the journal; an assignment stops nobody and ends by itself. See ``docs/adr/0023-working-together.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Select, delete, func, insert, select

from notifications.sql import batches
from states import refusals
from states.decision import text_problems
from states.model import Actor
from states.refusals import Reason
from states.validation import clean_text
from workflow.database.clock import require_right_clock
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import ASSIGNMENT, PRIVATE_NOTE, REQUEST
from workflow.journal.chain import address_in

if TYPE_CHECKING:  # a list of requests must not load what sends mails
    from workflow.engine.engine import Engine

MOST: Final = 20
"""Notes on one request."""

LONGEST_NOTE: Final = 500
"""Characters of a note."""

_TOO_LONG: Final = Reason(
    "note_too_long", "R88", f"La note dépasse {LONGEST_NOTE} caractères", "La raccourcir, ou l'écrire en deux notes.",
    "private_note",
)  # fmt: skip

_TOO_MANY: Final = Reason(
    "too_many_notes", "R88", f"Cette demande a déjà {MOST} notes, le plus permis",
    "Effacer celles qui ne servent plus.", "private_note",
)  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """A note. ``number`` counts within its request."""

    number: int
    author: str
    written_at: datetime
    body: str


class PrivateNotes:
    """Notes are written and erased here."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def write(self, reference: str, actor: Actor, text: str) -> tuple[Reason, ...]:
        """Write a note; return why it is refused, nothing for one that is written. Raises ClockRefused (R52)."""
        body = clean_text(text)

        def work(connection: Connection, now: datetime) -> tuple[Reason, ...]:
            require_right_clock(connection, now)
            of_request = PRIVATE_NOTE.c.reference == reference
            erased = select(REQUEST.c.erased_at).where(REQUEST.c.reference == reference)
            if connection.execute(erased.with_for_update()).scalar() is not None:
                return (refusals.request_erased(reference),)
            count, last = connection.execute(
                select(func.count(), func.coalesce(func.max(PRIVATE_NOTE.c.number), 0)).where(of_request)
            ).one()
            reasons = list(text_problems("private_note", "La note", "R88", text))
            if len(body) > LONGEST_NOTE:
                reasons.append(_TOO_LONG)
            if count >= MOST:
                reasons.append(_TOO_MANY)
            if not reasons:
                row = {"reference": reference, "number": last + 1, "actor": actor.number, "at": now, "body": body}
                connection.execute(insert(PRIVATE_NOTE), [row])
            return tuple(reasons)

        return self._engine.in_transaction(work)

    def erase(self, reference: str, number: int) -> None:
        """Erase a note for good: anybody who reads it may. Raises ClockRefused (R52)."""

        def work(connection: Connection, now: datetime) -> None:
            require_right_clock(connection, now)
            same = (PRIVATE_NOTE.c.reference == reference, PRIVATE_NOTE.c.number == number)
            connection.execute(delete(PRIVATE_NOTE).where(*same))

        self._engine.in_transaction(work)


def notes_of(connection: Connection, reference: str) -> tuple[PrivateNote, ...]:
    """The notes on a request, the latest first; only operators are shown them."""
    query = (
        select(PRIVATE_NOTE, ACTOR.c.key)
        .join(ACTOR, ACTOR.c.number == PRIVATE_NOTE.c.actor)
        .where(PRIVATE_NOTE.c.reference == reference)
        .order_by(PRIVATE_NOTE.c.number.desc())
    )
    return tuple(
        PrivateNote(number=row.number, author=address_in(row.key), written_at=row.at, body=row.body)
        for row in connection.execute(query)
    )
