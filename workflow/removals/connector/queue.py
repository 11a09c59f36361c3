"""The calls as rows: made for open tasks, held by a lease, and what came of them (R84).

``asked`` is the question's digest and a number that grows whenever it is asked under a new key, ``3f9c….2``.
``next_at`` is when a waiting call is due; while a machine holds it, when its lease runs out: it is then due again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection, delete, exists, func, literal, select, update

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
from workflow.removals.connector.protocol import Answer, Asked, Verdict, asked, cleaned
from workflow.removals.tasks import removals_of
from workflow.settings.removals import ConnectorSettings

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
    connection.execute(insert_new(connection, CALL).from_select(columns, missing))


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


# What came of a call, written while it is still ours and about what is to be done now (R48, R49, R84).


DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240, 360))
"""Waits between two attempts; the last repeats itself, and each is up to a quarter longer."""


STILL_USED: Final = "la clé devait être gardée pour une autre demande, et le serveur répond « {} » : à vérifier"


class Recorder:
    """Writes the end of a call, or puts it off. Each method is one short transaction; None says it was not ours."""

    def __init__(self, engine: Engine, mailer: Mailer, settings: ConnectorSettings, actor: Actor) -> None:
        self._engine = engine
        self._mailer = mailer
        self._actor = actor
        self._rules = RetryRules(settings.max_attempts, DELAYS, retry_uncertain=True)

    def under_its_key(self, held: Held, question: Asked) -> Held | None:
        """The call as it may be made: under a new key when the question is not the one that it bears."""
        if digest_of(held.asked) == question.digest:
            return held

        def work(connection: Connection, now: datetime) -> Held | None:
            if not is_ours(connection, held):
                return None
            return ask_anew(connection, held, question.digest, now)

        return self._engine.in_transaction(work)

    def drop(self, held: Held) -> None:
        """An operator has confirmed it meanwhile: nothing is left to ask."""
        self._engine.in_transaction(lambda connection, _: drop(connection, held.reference))

    def give_back(self, held: Held, answer: Answer) -> CallStage | None:
        """Leave to the operators what was not even asked."""

        def work(connection: Connection, now: datetime) -> CallStage | None:
            if not is_ours(connection, held):
                return None
            end(connection, held, CallStage.REFUSED, answer, now)
            return CallStage.REFUSED

        return self._engine.in_transaction(work)

    def record(self, held: Held, answer: Answer) -> CallStage | None:
        """Write what this answer makes of the call; returns the stage in which it is then."""

        def work(connection: Connection, now: datetime) -> CallStage | None:
            if answer.verdict is Verdict.ANSWERED:
                return self._confirm(connection, held, answer, now)
            if not is_ours(connection, held):
                return None
            return self._put(connection, held, answer, now)

        return self._engine.in_transaction(work)

    def _put(self, connection: Connection, held: Held, answer: Answer, now: datetime) -> CallStage:
        """Later as the server asked, which is no failure; again after a wait; or never by itself."""
        if answer.verdict is Verdict.LATER and answer.after:
            put_off(connection, held, answer, now, now + answer.after)
            return CallStage.WAITING
        tried = replace(held, attempts=held.attempts + 1)
        if answer.verdict is Verdict.REFUSED or tried.attempts >= self._rules.max_attempts:
            end(connection, tried, CallStage.REFUSED, answer, now)
            return CallStage.REFUSED
        wait = self._rules.delay(tried.attempts, crc32(held.reference.encode()))
        put_off(connection, tried, answer, now, now + wait)
        return CallStage.WAITING

    def _confirm(self, connection: Connection, held: Held, answer: Answer, now: datetime) -> CallStage | None:
        """Confirm by the rules, under their locks, unless the question has changed: it is then asked anew."""
        command = ConfirmRemoval(
            reference=held.reference, outcome=answer.outcome or RemovalOutcome.REMOVED, note=answer.words
        )
        self._engine.facts(connection, command)  # takes the locks under which the question is looked at again
        if not is_ours(connection, held):
            return None
        lines = removals_of(connection, [held.reference], self._engine.policy, self._mailer)
        now_asked = asked(lines[0], self._engine.hasher) if lines else None
        if now_asked is None:  # an operator has confirmed it meanwhile
            drop(connection, held.reference)
            return None
        if now_asked.digest != digest_of(held.asked):
            anew = ask_anew(connection, held, now_asked.digest, now)
            put_off(connection, anew, Answer(verdict=Verdict.LATER, status=answer.status), now, now)
            return CallStage.WAITING
        if now_asked.keeps_key and command.outcome is not RemovalOutcome.KEPT:
            return self._refused(connection, held, answer, STILL_USED.format(command.outcome.label), now)
        [result] = self._engine.run(connection, [command], self._actor, now)
        if isinstance(result, Refused):
            return self._refused(connection, held, answer, result.reasons[0].message, now)
        end(connection, replace(held, attempts=held.attempts + 1), CallStage.DONE, answer, now)
        crash_point("connector.before_commit")
        return CallStage.DONE

    def _refused(self, connection: Connection, held: Held, answer: Answer, why: str, now: datetime) -> CallStage:
        """Given back to the operators: what the server says of it does not hold."""
        words = f"{why} (réponse du serveur : {answer.words})" if answer.words else why
        told = replace(answer, words=cleaned(words))
        end(connection, replace(held, attempts=held.attempts + 1), CallStage.REFUSED, told, now)
        return CallStage.REFUSED


# The connector's calls as people read them: beside a task, and as a list (R84).


_COLUMNS: Final = (
    CALL.c.reference, CALL.c.stage, CALL.c.attempts, CALL.c.status, CALL.c.answer, CALL.c.next_at, CALL.c.leased_until,
    CALL.c.changed_at, REMOVAL.c.closed_at,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class CallView:
    """One call. ``answer`` is the server's words, or ours about it; ``next_at`` None when it waits for nobody;
    ``is_held``: a machine is at it; ``is_open``: its task is still to be confirmed."""

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
        """Whether an operator may have it asked anew."""
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


def count_calls(connection: Connection) -> dict[CallStage, int]:
    """How many calls of open tasks are in each stage, and how many were done, zero included."""
    counts = (
        select(CALL.c.stage, func.count())
        .join(REMOVAL, REMOVAL.c.reference == CALL.c.reference)
        .where(REMOVAL.c.closed_at.is_(None) | (CALL.c.stage == CallStage.DONE.value))
        .group_by(CALL.c.stage)
    )
    found = {CallStage.of(stage): count for stage, count in connection.execute(counts)}
    return {stage: found.get(stage, 0) for stage in CallStage}


def _query() -> Any:
    return select(*_COLUMNS).join(REMOVAL, REMOVAL.c.reference == CALL.c.reference)


def _view(row: Any) -> CallView:
    return CallView(
        reference=row.reference, stage=CallStage.of(row.stage), attempts=row.attempts, status=row.status,
        answer=row.answer, next_at=row.next_at, is_held=row.leased_until is not None, changed_at=row.changed_at,
        is_open=row.closed_at is None,
    )  # fmt: skip
