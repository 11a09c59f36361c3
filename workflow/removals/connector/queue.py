"""The calls as rows: made for open tasks, claimed by a lease, and what came of them (R84).

The column ``asked`` holds a question's identifier: its digest and a number that grows whenever it is asked under a new
key, ``3f9c….2``.
``next_at`` is when a waiting call is due; while a machine holds it, when its lease runs out: it is then due again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection, delete, exists, literal, select, update

from notifications.mailer import Mailer
from notifications.outbox.retry import RetryRules
from notifications.ports import crash_point
from notifications.sql import insert_new
from states.commands import ConfirmRemoval
from states.decision import Refused
from states.model import Actor
from states.vocabulary import CallStage, RemovalKind, RemovalOutcome
from workflow.database.tables import CALL, REMOVAL
from workflow.engine.engine import Engine
from workflow.removals.connector.client import Answer, CallOutcome, Question, cleaned, question_of
from workflow.removals.tasks import removals_of
from workflow.settings.services import ConnectorSettings

PAGE: Final = 500
"""Calls that a round creates at most."""

LONGEST_WAIT: Final = timedelta(days=1)
"""No wait nor lease is longer, whatever the server asks."""


REOPENED: Final = "confirmé, puis rouvert par un opérateur"

_OPEN: Final = REMOVAL.c.closed_at.is_(None)


_OF_CALL: Final = REMOVAL.c.reference == CALL.c.reference


_WAITS: Final = CALL.c.stage == CallStage.WAITING.value


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedCall:
    """A call that this machine has claimed until ``until``, after ``attempts`` so far."""

    reference: str
    question_id: str
    attempts: int
    until: datetime

    @property
    def key(self) -> str:
        """The same for the same question of this installation, whoever asks it again."""
        return f"{self.reference}.{self.question_id}"


def take_in(connection: Connection, kinds: Sequence[RemovalKind], now: datetime) -> None:
    """Make the calls of open tasks that have none, and forget those of tasks that an operator closed meanwhile.

    The call of a task that was reopened after its answer is left to the operators: asked again under the same key, the
    server would only say the same.
    One that waits for longer than any wait lasts is due: a clock that was ahead put it off (R52).
    """
    put_off_too_far = CALL.c.next_at > now + LONGEST_WAIT
    connection.execute(update(CALL).where(_WAITS, put_off_too_far).values(next_at=now, leased_until=None))
    closed = exists().where(_OF_CALL, ~_OPEN)
    connection.execute(delete(CALL).where(_WAITS, closed, CALL.c.next_at <= now))
    reopened = exists().where(_OF_CALL, _OPEN)
    given_back = {"stage": CallStage.REFUSED.value, "answer": REOPENED, "changed_at": now}
    connection.execute(update(CALL).where(CALL.c.stage == CallStage.DONE.value, reopened).values(given_back))
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
    connection.execute(insert_new(connection, CALL).from_select(columns, missing))


def claim(
    connection: Connection, kinds: Sequence[RemovalKind], now: datetime, lease: timedelta, limit: int
) -> list[ClaimedCall]:
    """Claim the calls that have been due the longest; none is claimed twice, on however many machines."""
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
    calls = [
        ClaimedCall(reference=row.reference, question_id=row.asked, attempts=row.attempts, until=until) for row in rows
    ]
    _write(connection, [call.reference for call in calls], leased_until=until, next_at=until)
    return calls


def is_ours(connection: Connection, call: ClaimedCall) -> bool:
    """True if the call is still ours and about the same question; it is locked until the transaction's end."""
    is_same = (
        _WAITS,
        CALL.c.reference == call.reference,
        CALL.c.leased_until == call.until,
        CALL.c.asked == call.question_id,
    )
    return connection.execute(select(CALL.c.reference).where(*is_same).with_for_update()).first() is not None


def ask_anew(connection: Connection, call: ClaimedCall, digest: str, now: datetime) -> ClaimedCall:
    """Give the call a new key for a new question, with no attempt counted yet. The lease stays as it is."""
    question_id = f"{digest}.{number_of(call.question_id) + 1}"
    _write(connection, [call.reference], asked=question_id, attempts=0, changed_at=now)
    return ClaimedCall(reference=call.reference, question_id=question_id, attempts=0, until=call.until)


def put_off(connection: Connection, call: ClaimedCall, answer: Answer, now: datetime, next_at: datetime) -> None:
    """Release the call, to be made again at ``next_at``."""
    _write(
        connection, [call.reference], leased_until=None, next_at=next_at, attempts=call.attempts, status=answer.status,
        answer=answer.words, changed_at=now,
    )  # fmt: skip


def end(connection: Connection, call: ClaimedCall, stage: CallStage, answer: Answer, now: datetime) -> None:
    """End the call: done, or for an operator."""
    _write(
        connection, [call.reference], stage=stage.value, leased_until=None, next_at=None, attempts=call.attempts,
        status=answer.status, answer=answer.words, changed_at=now,
    )  # fmt: skip


def drop(connection: Connection, reference: str) -> None:
    """Delete the call of a removal that an operator has confirmed."""
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
        question_id = f"{digest_of(row.asked)}.{number_of(row.asked) + 1}"
        _write(connection, [row.reference], stage=CallStage.WAITING.value, asked=question_id, attempts=0, next_at=now,
               leased_until=None, changed_at=now)  # fmt: skip
    return [row.reference for row in rows]


def digest_of(question_id: str) -> str:
    return question_id.partition(".")[0]


def number_of(question_id: str) -> int:
    return int(question_id.partition(".")[2] or 0)


def _write(connection: Connection, references: Sequence[str], **values: Any) -> None:
    if references:
        connection.execute(update(CALL).where(CALL.c.reference.in_(references)).values(values))


DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240, 360))
"""Waits between two attempts; the last repeats itself, and each is up to a quarter longer."""


CONTRADICTION: Final = "le serveur répond « {} », ce qui n'est pas ce qui lui était demandé : à vérifier"


class Recorder:
    """Write the end of a call, or put it off. Each method is one short transaction; None if it was not ours."""

    def __init__(self, engine: Engine, mailer: Mailer, settings: ConnectorSettings, actor: Actor) -> None:
        self._engine = engine
        self._mailer = mailer
        self._actor = actor
        self._rules = RetryRules(settings.max_attempts, DELAYS, retry_uncertain=True)

    def under_its_key(self, call: ClaimedCall, question: Question) -> ClaimedCall | None:
        """Return the call to make, under a new key when its question has changed."""
        if digest_of(call.question_id) == question.digest:
            return call

        def work(connection: Connection, now: datetime) -> ClaimedCall | None:
            if not is_ours(connection, call):
                return None
            return ask_anew(connection, call, question.digest, now)

        return self._engine.in_transaction(work)

    def drop(self, call: ClaimedCall) -> None:
        """Delete the call of a removal that an operator has confirmed meanwhile."""
        self._engine.in_transaction(lambda connection, _: drop(connection, call.reference))

    def give_back(self, call: ClaimedCall, answer: Answer) -> CallStage | None:
        """Leave to the operators what was not even asked."""

        def work(connection: Connection, now: datetime) -> CallStage | None:
            if not is_ours(connection, call):
                return None
            end(connection, call, CallStage.REFUSED, answer, now)
            return CallStage.REFUSED

        return self._engine.in_transaction(work)

    def record(self, call: ClaimedCall, answer: Answer) -> CallStage | None:
        """Write what this answer makes of the call; returns the stage in which it is then."""

        def work(connection: Connection, now: datetime) -> CallStage | None:
            if answer.verdict is CallOutcome.ANSWERED:
                return self._confirm(connection, call, answer, now)
            if not is_ours(connection, call):
                return None
            if answer.verdict is CallOutcome.LATER and answer.after:  # as the server asked: this is no failure
                put_off(connection, call, answer, now, now + answer.after)
                return CallStage.WAITING
            tried = replace(call, attempts=call.attempts + 1)
            if answer.verdict is CallOutcome.REFUSED or tried.attempts >= self._rules.max_attempts:
                end(connection, tried, CallStage.REFUSED, answer, now)
                return CallStage.REFUSED
            wait = self._rules.delay(tried.attempts, crc32(call.reference.encode()))
            put_off(connection, tried, answer, now, now + wait)
            return CallStage.WAITING

        return self._engine.in_transaction(work)

    def _confirm(self, connection: Connection, call: ClaimedCall, answer: Answer, now: datetime) -> CallStage | None:
        """Confirm by the rules, under their locks, unless the question has changed: it is then asked anew."""
        command = ConfirmRemoval(
            reference=call.reference, outcome=answer.outcome or RemovalOutcome.REMOVED, note=answer.words
        )
        self._engine.facts(connection, command)  # takes the locks under which the question is looked at again
        if not is_ours(connection, call):
            return None
        lines = removals_of(connection, [call.reference], self._engine.policy, self._mailer)
        question = question_of(lines[0], self._engine.hasher) if lines else None
        if question is None:  # an operator has confirmed it meanwhile
            drop(connection, call.reference)
            return None
        if question.digest != digest_of(call.question_id):
            anew = ask_anew(connection, call, question.digest, now)
            put_off(connection, anew, Answer(verdict=CallOutcome.LATER, status=answer.status), now, now)
            return CallStage.WAITING
        if command.outcome not in question.answers:
            return self._refused(connection, call, answer, CONTRADICTION.format(command.outcome.label), now)
        [result] = self._engine.run(connection, [command], self._actor, now)
        if isinstance(result, Refused):
            return self._refused(connection, call, answer, result.reasons[0].message, now)
        end(connection, replace(call, attempts=call.attempts + 1), CallStage.DONE, answer, now)
        crash_point("connector.before_commit")
        return CallStage.DONE

    def _refused(self, connection: Connection, call: ClaimedCall, answer: Answer, why: str, now: datetime) -> CallStage:
        """Leave to the operators a call whose answer does not hold."""
        words = f"{why} (réponse du serveur : {answer.words})" if answer.words else why
        answer = replace(answer, words=cleaned(words))
        end(connection, replace(call, attempts=call.attempts + 1), CallStage.REFUSED, answer, now)
        return CallStage.REFUSED


_COLUMNS: Final = (
    CALL.c.reference, CALL.c.stage, CALL.c.attempts, CALL.c.status, CALL.c.answer, CALL.c.next_at, CALL.c.leased_until,
    CALL.c.changed_at, REMOVAL.c.closed_at,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class CallView:
    """One call for display.

    ``answer`` is the server's words, or ours about it; ``next_at`` None when it waits for nobody; ``is_held``: a
    machine is at it; ``is_open``: its task is still to be confirmed.
    """

    reference: str
    stage: CallStage
    attempts: int
    status: int | None
    answer: str
    next_at: datetime | None
    is_held: bool
    changed_at: datetime
    is_open: bool

    @property
    def may_be_asked_again(self) -> bool:
        """True if an operator may have it asked anew."""
        return self.is_open and self.stage is CallStage.REFUSED


def calls_of(connection: Connection, references: Iterable[str]) -> Mapping[str, CallView]:
    """The calls of these requests' tasks, in one query; a request without one is left out."""
    query = _query().where(CALL.c.reference.in_(sorted(references)))
    return {row.reference: _view(row) for row in connection.execute(query)}


def list_calls(connection: Connection, *, stage: CallStage | None = None, limit: int = 200) -> list[CallView]:
    """Calls by reference, of one stage when one is given."""
    query = _query().order_by(CALL.c.reference).limit(limit)
    if stage:
        query = query.where(CALL.c.stage == stage.value)
    return [_view(row) for row in connection.execute(query)]


def _query() -> Any:
    return select(*_COLUMNS).join(REMOVAL, REMOVAL.c.reference == CALL.c.reference)


def _view(row: Any) -> CallView:
    return CallView(
        reference=row.reference, stage=CallStage(row.stage), attempts=row.attempts, status=row.status,
        answer=row.answer, next_at=row.next_at, is_held=row.leased_until is not None, changed_at=row.changed_at,
        is_open=row.closed_at is None,
    )  # fmt: skip
