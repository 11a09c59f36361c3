"""Notes on a request, between operators: erasable texts that stand beside the journal, and leave the rectorat never.

No mail, export, page of a chef or of a reader shows them (R88).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from states import refusals
from states.model import Actor
from states.refusals import Reason
from states.rules.fields import text_problems
from states.validation import clean_text
from workflow.database.clock import require_right_clock
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import PRIVATE_NOTE, REQUEST
from workflow.engine.engine import Engine
from workflow.journal.installation import address_in

MOST: Final = 20
"""Notes on one request."""

LONGEST: Final = 500
"""Characters of a note."""


_TOO_LONG: Final = Reason(
    "note_too_long", "R88", f"La note dépasse {LONGEST} caractères", "La raccourcir, ou l'écrire en deux notes.",
    "private_note",
)  # fmt: skip

_TOO_MANY: Final = Reason(
    "too_many_notes", "R88", f"Cette demande a déjà {MOST} notes, le plus permis",
    "Effacer celles qui ne servent plus.", "private_note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """A note. ``number`` counts within its request."""

    number: int
    author: str
    written_at: datetime
    body: str


class PrivateNotes:
    """Notes are written and erased here."""

    def __init__(self, engine: Engine) -> None:
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
            if len(body) > LONGEST:
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
