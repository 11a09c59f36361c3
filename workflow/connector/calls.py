"""The calls as rows: made for open tasks, held by a lease, and what came of them (R84).

``asked`` is the question's digest and a number that grows whenever it is asked under a new key, ``3f9c….2``.
``next_at`` is when a waiting call is due; while a machine holds it, when its lease runs out: it is then due again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from states.vocabulary import CallStage, RemovalKind
from workflow import tables
from workflow.connector.answers import Answer
from workflow.rows import REMOVAL, table_of

CALL: Final = table_of(tables.RemovalCall)
PAGE: Final = 500
"""How many tasks a round takes in at most."""
_OPEN: Final = REMOVAL.c.closed_at.is_(None)
_OF_CALL: Final = REMOVAL.c.reference == CALL.c.reference
_WAITS: Final = CALL.c.stage == CallStage.WAITING.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A call that is ours until ``until``. ``asked`` as the row says it; ``attempts`` so far."""

    reference: str
    asked: str
    attempts: int
    until: datetime

    @property
    def key(self) -> str:
        """The same for the same question of this installation, whoever asks it again."""
        return f"{self.reference}.{self.asked}"


def take_in(connection: Connection, kinds: Sequence[RemovalKind], now: datetime) -> None:
    """Make the calls of open tasks that have none, and forget those of tasks that an operator closed meanwhile."""
    closed = exists().where(_OF_CALL, ~_OPEN)
    connection.execute(delete(CALL).where(_WAITS, closed, CALL.c.next_at <= now))
    missing = (
        select(
            REMOVAL.c.reference, literal(CallStage.WAITING.value), literal(""), literal(0), literal(""),
            literal(now, CALL.c.changed_at.type), literal(now, CALL.c.next_at.type),
        )
        .where(_OPEN, REMOVAL.c.kind.in_([kind.value for kind in kinds]), ~exists().where(_OF_CALL))
        .order_by(REMOVAL.c.reference)
        .limit(PAGE)
    )  # fmt: skip
    columns = ["reference", "stage", "asked", "attempts", "answer", "changed_at", "next_at"]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(CALL).from_select(columns, missing).on_conflict_do_nothing())


def hold(
    connection: Connection, kinds: Sequence[RemovalKind], now: datetime, lease: timedelta, limit: int
) -> list[Held]:
    """Hold the calls that have been due the longest; none is held twice, on however many machines."""
    due = (
        select(CALL.c.reference, CALL.c.asked, CALL.c.attempts)
        .join(REMOVAL, _OF_CALL)
        .where(_WAITS, CALL.c.next_at <= now, _OPEN, REMOVAL.c.kind.in_([kind.value for kind in kinds]))
        .order_by(CALL.c.next_at, CALL.c.reference)
        .limit(limit)
        .with_for_update(of=CALL, skip_locked=True)
    )
    rows = connection.execute(due).all()
    until = now + lease
    held = [Held(reference=row.reference, asked=row.asked, attempts=row.attempts, until=until) for row in rows]
    _write(connection, [one.reference for one in held], leased_until=until, next_at=until)
    return held


def is_ours(connection: Connection, held: Held) -> bool:
    """Whether it is still ours and about the same question, locked until the transaction's end."""
    mine = (_WAITS, CALL.c.reference == held.reference, CALL.c.leased_until == held.until, CALL.c.asked == held.asked)
    return connection.execute(select(CALL.c.reference).where(*mine).with_for_update()).first() is not None


def ask_anew(connection: Connection, held: Held, digest: str, now: datetime) -> Held:
    """The question is another: a new key, and no attempt counted yet. The lease stays as it is."""
    asked = f"{digest}.{number_of(held.asked) + 1}"
    _write(connection, [held.reference], asked=asked, attempts=0, changed_at=now)
    return Held(reference=held.reference, asked=asked, attempts=0, until=held.until)


def put_off(connection: Connection, held: Held, answer: Answer, now: datetime, next_at: datetime) -> None:
    """Give it back, to be asked again at ``next_at``."""
    _write(
        connection, [held.reference], leased_until=None, next_at=next_at, attempts=held.attempts, status=answer.status,
        answer=answer.words, changed_at=now,
    )  # fmt: skip


def end(connection: Connection, held: Held, stage: CallStage, answer: Answer, now: datetime) -> None:
    """It is over: done, or for an operator."""
    _write(
        connection, [held.reference], stage=stage.value, leased_until=None, next_at=None, attempts=held.attempts,
        status=answer.status, answer=answer.words, changed_at=now,
    )  # fmt: skip


def drop(connection: Connection, reference: str) -> None:
    """An operator has confirmed: the call has no object any more."""
    connection.execute(delete(CALL).where(CALL.c.reference == reference))


def again(connection: Connection, references: Iterable[str] | None, now: datetime) -> list[str]:
    """Ask anew, at once and under a new key, what was given back to the operators; None: all that was.

    Returns the references of the calls concerned: a call that waits, is done or has no open task is left alone.
    """
    refused = select(CALL.c.reference, CALL.c.asked).join(REMOVAL, _OF_CALL).where(
        CALL.c.stage == CallStage.REFUSED.value, _OPEN
    )  # fmt: skip
    if references is not None:
        refused = refused.where(CALL.c.reference.in_(sorted(references)))
    rows = connection.execute(refused.order_by(CALL.c.reference).with_for_update(of=CALL)).all()
    for row in rows:
        asked = f"{row.asked.partition('.')[0]}.{number_of(row.asked) + 1}"
        _write(connection, [row.reference], stage=CallStage.WAITING.value, asked=asked, attempts=0, next_at=now,
               leased_until=None, changed_at=now)  # fmt: skip
    return [row.reference for row in rows]


def digest_of(asked: str) -> str:
    return asked.partition(".")[0]


def number_of(asked: str) -> int:
    return int(asked.partition(".")[2] or 0)


def _write(connection: Connection, references: Sequence[str], **values: Any) -> None:
    if references:
        connection.execute(update(CALL).where(CALL.c.reference.in_(references)).values(values))
