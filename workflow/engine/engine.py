"""The one write path: commands in, decisions written with their events and mails, in one transaction (R8).

Several commands are one act when steps are done all or none (R7); long lists are done in batches.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from notifications.ports import Clock, CodeLeaving, crash_point
from notifications.sql import Row, batches, insert_rows, update_rows
from states.commands import Command, OnRequest
from states.decision import (
    CloseRemoval,
    CloseReport,
    Decision,
    OpenRemoval,
    OpenReport,
    Refused,
    ReopenTask,
    RequestEvent,
)
from states.model import Actor, Establishment, Facts, Policy, Request
from states.refusals import Reason
from states.rules.schedule import FIRST_DAY
from states.school_calendar import SchoolYear
from states.transitions import all_reasons, decide
from states.vocabulary import CodeStatus, State, Trigger
from workflow.database.clock import refused_clock
from workflow.database.connection import Database
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable, LostRace
from workflow.database.journal_tables import EVENT, NOTE
from workflow.database.mapping import changed_columns, reference_of, search_words
from workflow.database.tables import COUNTER, REMOVAL, REPORT, REQUEST, WORD
from workflow.engine import idempotency
from workflow.engine.loader import BatchFacts, Loader
from workflow.journal.chain import EMPTY_CHAIN, ChainHead, JournalHasher

VERSION: Final = version("oda-delegations")
"""The version of this software, which only pyproject.toml says (R117)."""

ATTEMPTS: Final = 5
"""How often a transaction is tried before a lost race is raised."""

SOUND: Final = timedelta(days=30)
"""A clock that was found to be sound is not looked at again for this long, by itself: it is absurd years away."""

_SETTLED: Final = ("settlement", "settled_at", "revoke_on")
"""The columns of a report that a settlement writes."""

T = TypeVar("T")

Tell = Callable[[Connection, Sequence[RequestEvent], datetime], None]
"""Tells of events in the transaction that writes them."""

BATCH: Final = 100
"""Commands a transaction: short enough to leave the database to others in between."""

INTERRUPTED: Final = Reason(
    "interrupted", "R7", "La base de données n'a pas répondu : rien n'a changé pour cette demande",
    "Recommencer pour elle dans un instant.",
)  # fmt: skip

Step = Callable[[str], Command]
"""A command once the request's reference is known: empty for the first one of a request to be born."""


class ConcurrentUpdate(Exception):
    """A row was not as it had been loaded: the transaction is rolled back and tried again."""


class _Undone(Exception):
    """Raised to undo what the steps before the refused one had written."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__()
        self.refusal = refusal


class Subscriber(Protocol):
    """Whoever is told of what happens, in the same transaction: the mails."""

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None: ...

    def code_statuses(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeStatus]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """An accepted command. ``replayed``: it had been done before under the same key (R10)."""

    reference: str
    trigger: Trigger
    state: State
    version: int
    warnings: tuple[Reason, ...] = ()
    replayed: bool = False


Result = Done | Refused


class Engine:
    """Executes commands. Everything that changes a request goes through ``execute``, ``run`` or ``write``.

    ``tell`` is told of every event, those of ``without_mails`` included: the webhooks (R118).
    """

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, policy: Policy, subscriber: Subscriber,
        tell: Tell | None = None,
    ) -> None:  # fmt: skip
        self.database = database
        self.clock = clock
        self.hasher = hasher
        self.policy = policy
        self._subscriber, self._tell = subscriber, tell
        self.on_commit: Callable[[], None] = lambda: None
        self._sound_until = FIRST_DAY

    def execute(self, commands: Sequence[Command], actor: Actor, *, key: str | None = None) -> list[Result]:
        """Decide and write a batch in one transaction; one result a command, in order.

        A refused command changes nothing and does not stop the others. ``key`` makes the batch idempotent (R10).
        Raises DatabaseBusy, DatabaseUnreachable.
        """
        return self.in_transaction(lambda connection, now: self.run(connection, commands, actor, now, key=key))

    def in_transaction(self, work: Callable[[Connection, datetime], T]) -> T:
        """Do ``work`` in one write transaction, again when it lost a race (R9), then call ``on_commit``.

        What ``work`` raises undoes all of it. Raises DatabaseBusy, DatabaseUnreachable.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.database.write() as connection:
                    result = work(connection, self.clock.now())
                    crash_point("engine.before_commit")
                crash_point("engine.after_commit")
                self.on_commit()
                return result
            except (ConcurrentUpdate, CodeLeaving, IntegrityError, LostRace):
                if attempt == ATTEMPTS:
                    raise
                time.sleep(0.02 * attempt)
        raise AssertionError("unreachable")

    def run(
        self, connection: Connection, commands: Sequence[Command], actor: Actor, now: datetime, *,
        key: str | None = None,
    ) -> list[Result]:  # fmt: skip
        """Execute a batch inside a transaction that the caller holds.

        Commands on one request are decided one after the other, each on the facts that the one before it wrote. All
        are refused under an absurd clock (R52).
        """
        if refusal := self.refused_clock(connection, now):
            return [Refused((refusal,)) for _ in commands]
        results: dict[int, Result] = {}
        for positions in group_by_request(commands):
            batch_facts = Loader(connection, self._subscriber.code_statuses).load([commands[p] for p in positions])
            batch = WriteBatch()
            for position in positions:
                own_key = f"{key}#{position}" if key is not None and len(commands) > 1 else key
                results[position] = self._execute_one(
                    connection, batch, batch_facts, commands[position], actor, now, own_key
                )
            if batch.event_rows:
                self.write(connection, batch, now)
        return [results[position] for position in range(len(commands))]

    def refused_clock(self, connection: Connection, now: datetime) -> Reason | None:
        """The refusal of whatever is asked under an absurd clock (R52); one query a month while it is sound."""
        if FIRST_DAY <= now < self._sound_until:
            return None
        reason = refused_clock(connection, now)
        if reason is None:
            self._sound_until = now + SOUND
        return reason

    def without_mails(self) -> "Engine":
        """Return the same engine without mails: for steps that another one follows at once (R55)."""
        silent = _SilentSubscriber(self._subscriber)
        return Engine(self.database, self.clock, self.hasher, self.policy, silent, self._tell)

    def facts(self, connection: Connection, command: Command) -> Facts:
        """Load the facts that one command is decided on, locked."""
        return Loader(connection, self._subscriber.code_statuses).load([command]).facts(command)

    def plan(
        self, batch_facts: BatchFacts, commands: Sequence[Command], actor: Actor, now: datetime
    ) -> "WriteBatch":  # fmt: skip
        """Decide commands on existing requests without writing anything: a sweep, or its dry run (R53)."""
        batch = WriteBatch()
        for command in commands:
            facts = batch_facts.facts(command)
            decision = decide(facts, command, actor, now, self.policy)
            if isinstance(decision, Decision) and not decision.is_birth:
                self._record(batch, decision, facts, batch_facts, actor, now)
        return batch

    def write(self, connection: Connection, batch: "WriteBatch", now: datetime) -> None:
        """Write a batch, and tell the subscriber. Raises ConcurrentUpdate when a request changed since."""
        crash_point("engine.before_write")
        batch.write(connection)
        crash_point("engine.after_write")
        self._subscriber.handle(connection, batch.events, now)
        if self._tell:
            self._tell(connection, batch.events, now)

    def _execute_one(
        self, connection: Connection, batch: "WriteBatch", batch_facts: BatchFacts, command: Command, actor: Actor,
        now: datetime, key: str | None,
    ) -> Result:  # fmt: skip
        if key is not None and (replayed := self._replayed(connection, command, actor, now, key)):
            return replayed
        facts = batch_facts.facts(command)
        decision = decide(facts, command, actor, now, self.policy)
        if isinstance(decision, Refused):
            return decision
        if decision.is_birth:
            reference = next_reference(connection, decision.request.school_year)
            decision = replace(decision, request=decision.request.with_(reference=reference))
        self._record(batch, decision, facts, batch_facts, actor, now)
        request = decision.request
        if key is not None:
            digest = idempotency.digest(self.hasher, command)
            first = idempotency.FirstResult(digest, request.reference, request.version)
            idempotency.remember(connection, actor, command, key, now, first)
        return Done(
            reference=request.reference, trigger=decision.trigger, state=request.state, version=request.version,
            warnings=decision.warnings,
        )  # fmt: skip

    def _record(
        self, batch: "WriteBatch", decision: Decision, facts: Facts, batch_facts: BatchFacts, actor: Actor,
        now: datetime,
    ) -> None:  # fmt: skip
        """Add a decision to what is written, and to the facts that the next ones are decided on."""
        before = None if decision.is_birth else facts.request
        request = decision.request
        seq = batch.add(decision, before, batch_facts, actor, now, self.hasher)
        if decision.trigger is Trigger.EXPIRE:  # a sweep looks at no request by its person
            batch_facts.requests[request.reference] = request
        else:
            batch_facts.add(request)
        batch_facts.live_requests[request.uai] += request.is_live - (before is not None and before.is_live)
        establishment = facts.establishment or Establishment(uai=request.uai, nom=request.uai, is_open=False)
        batch.events.append(
            RequestEvent(
                decision=decision, before=before, establishment=establishment, actor=actor, at=now, seq=seq,
                year_end=self.policy.calendar.end_of(request.school_year), others=facts.others,
            )
        )  # fmt: skip

    def _replayed(
        self, connection: Connection, command: Command, actor: Actor, now: datetime, key: str
    ) -> Result | None:
        """Return what the same key gave before, or a refusal when it comes with other content (R10)."""
        first = idempotency.recall(connection, actor, command, key, now)
        if first is None:
            return None
        if not idempotency.is_same(self.hasher, first.digest, command):
            return Refused((idempotency.OTHER_CONTENT,), first.reference)
        query = select(REQUEST.c.state).where(REQUEST.c.reference == first.reference)
        state = State(connection.execute(query).scalar_one())
        return Done(
            reference=first.reference, trigger=command.trigger, state=state, version=first.version, replayed=True
        )


@dataclass
class WriteBatch:
    """Rows by table, in the order in which they are written; ``events`` are what the subscriber is told.

    ``updates`` are rows of requests by the columns that they change; ``words`` those by which they are found, anew for
    the ``renamed``.
    """

    event_rows: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    inserts: list[Row] = field(default_factory=list)
    updates: dict[tuple[str, ...], list[Row]] = field(default_factory=dict)
    words: list[Row] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    removals: list[Row] = field(default_factory=list)
    removals_changed: list[Row] = field(default_factory=list)
    reports: list[Row] = field(default_factory=list)
    reports_settled: list[Row] = field(default_factory=list)
    events: list[RequestEvent] = field(default_factory=list)

    def add(
        self, decision: Decision, before: Request | None, batch_facts: BatchFacts, actor: Actor, now: datetime,
        hasher: JournalHasher,
    ) -> int:  # fmt: skip
        """Add a decision: its event, its request, its effects. Return the event's number in its stream."""
        request = decision.request
        head = batch_facts.chain_heads.get(request.reference, EMPTY_CHAIN) if before else EMPTY_CHAIN
        notes = hasher.notes(request.reference, head.length + 1, decision.notes) if decision.notes else []
        states = (decision.source.value if decision.source else None, request.state.value)
        event = hasher.event(
            (request.reference, head), decision.trigger.value, states, actor, now, decision.data, notes
        )
        self.event_rows.append(event)
        self.notes += notes
        batch_facts.chain_heads[request.reference] = ChainHead(event["hash"], event["seq"])
        self._add_request(before, request, event, actor)
        if decision.effects:
            self._add_effects(decision, now)
        return int(event["seq"])

    def write(self, connection: Connection) -> None:
        """Write the rows: the only statements of the software that change a request (R8).

        Events first: the database refuses a state whose event is not there (see the guards of the schema). Raises
        ConcurrentUpdate when a row is not as it was loaded.
        """
        insert_rows(connection, EVENT, self.event_rows)
        insert_rows(connection, NOTE, self.notes)
        insert_rows(connection, REQUEST, self.inserts)
        for columns, rows in self.updates.items():
            _update(connection, REQUEST, ("reference", "version"), columns, rows)
        if self.renamed:
            connection.execute(delete(WORD).where(WORD.c.reference.in_(self.renamed)))
        insert_rows(connection, WORD, self.words)
        insert_rows(connection, REMOVAL, self.removals)
        _update(connection, REMOVAL, ("reference",), ("outcome", "closed_at"), self.removals_changed)
        insert_rows(connection, REPORT, self.reports)
        _update(connection, REPORT, ("reference", "number"), _SETTLED, self.reports_settled)

    def _add_request(self, before: Request | None, request: Request, event: Row, actor: Actor) -> None:
        stamp = {
            "changed_at": event["at"], "last_trigger": event["kind"], "last_actor": actor.label,
            "written_by": VERSION, "chain_head": event["hash"], "chain_length": event["seq"],
        }  # fmt: skip
        if before is None or before.state is not request.state:
            stamp["since"] = event["at"]
        columns = changed_columns(before, request) | stamp
        if "person" in columns:
            self.words += [{"reference": request.reference, "word": word} for word in search_words(request)]
        if before is None:
            self.inserts.append(columns | {"created_at": event["at"]})
            return
        if "person" in columns:
            self.renamed.append(request.reference)
        columns.pop("reference", None)
        where = {"b_reference": request.reference, "b_version": before.version}
        self.updates.setdefault(tuple(columns), []).append(columns | where)

    def _add_effects(self, decision: Decision, now: datetime) -> None:
        reference = decision.request.reference
        for effect in decision.effects:
            match effect:
                case OpenRemoval(kind):
                    self.removals.append({"reference": reference, "kind": kind.value, "opened_at": now})
                case CloseRemoval(outcome):
                    row = {"b_reference": reference, "outcome": outcome.value, "closed_at": now}
                    self.removals_changed.append(row)
                case ReopenTask(_):
                    self.removals_changed.append({"b_reference": reference, "outcome": None, "closed_at": None})
                case OpenReport(report):
                    self.reports.append(
                        {
                            "reference": reference, "number": report.number, "change": report.change.value,
                            "effective_on": report.effective_on, "reported_at": now,
                        }
                    )  # fmt: skip
                case CloseReport(report, settlement, revoke_on):
                    row = {"b_reference": reference, "b_number": report.number, "settlement": settlement.value}
                    self.reports_settled.append(row | {"settled_at": now, "revoke_on": revoke_on})
                case _:
                    pass  # sealed codes are the mails' business: they read the events


def _update(
    connection: Connection, table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rows: list[Row]
) -> None:
    """Raise ConcurrentUpdate when a row is not as it was loaded."""
    if update_rows(connection, table, keys, columns, rows) != len(rows):
        raise ConcurrentUpdate


@dataclass(frozen=True, slots=True)
class _SilentSubscriber:
    """Writes no mail; what became of the codes is known all the same."""

    subscriber: Subscriber

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None:
        pass

    def code_statuses(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeStatus]:
        return self.subscriber.code_statuses(connection, requests)


def group_by_request(commands: Sequence[Command]) -> list[list[int]]:
    """Group positions so that no group names a request twice: the nth command on a request is in the nth group."""
    counts: Counter[str] = Counter()
    groups: dict[int, list[int]] = {}
    for position, command in enumerate(commands):
        reference = command.reference if isinstance(command, OnRequest) else None
        groups.setdefault(counts[reference] if reference else 0, []).append(position)
        if reference:
            counts[reference] += 1
    return [groups[turn] for turn in sorted(groups)]


def next_reference(connection: Connection, year: SchoolYear) -> str:
    """Return the next reference of a school year: ``ODA-2027-00042`` bears the year of its end, numbered without holes.

    The counter's row is locked until the transaction ends.
    """
    of_year = COUNTER.c.school_year == str(year)
    incremented = connection.execute(update(COUNTER).where(of_year).values(last=COUNTER.c.last + 1))
    if incremented.rowcount == 0:
        connection.execute(insert(COUNTER), [{"school_year": str(year), "last": 1}])
    last = connection.execute(select(COUNTER.c.last).where(of_year)).scalar_one()
    return reference_of(year, last)


def execute_sequence(
    engine: Engine, steps: Sequence[Step], actor: Actor, *, reference: str = "", key: str | None = None,
    dry_run: bool = False,
) -> Done | Refused:  # fmt: skip
    """Do the steps in order, in one transaction; return the last one's result, with the warnings of all.

    ``dry_run`` undoes them again: what a person has still to confirm is told together with the rest (R7).

    When one is refused, nothing is done, and the reasons of it and of those that follow are returned (R7).
    ``reference`` is that of an existing request. ``key`` makes the whole one action (R10): no trigger comes twice.
    The establishment gets the mail of the last step alone (R55). Raises ValueError without a step, DatabaseBusy,
    DatabaseUnreachable.
    """
    if not steps:
        raise ValueError("a sequence has at least one step")
    without_mails = engine.without_mails()

    def work(connection: Connection, now: datetime) -> Done:
        if refusal := engine.refused_clock(connection, now):
            raise _Undone(Refused((refusal,)))
        own_reference, warnings = reference, dict[Reason, None]()
        for number, step in enumerate(steps):
            step_engine = engine if number == len(steps) - 1 else without_mails
            (result,) = step_engine.run(connection, [step(own_reference)], actor, now, key=key)
            if isinstance(result, Refused):
                rest = [later(own_reference) for later in steps[number:]]
                facts = engine.facts(connection, rest[0])
                reasons = all_reasons(facts, result.reasons, rest, actor, now, engine.policy)
                raise _Undone(Refused(reasons, result.reference))
            done, own_reference = result, result.reference
            warnings |= dict.fromkeys(result.warnings)
        if dry_run:
            raise _Undone(Refused(()))
        return replace(done, warnings=tuple(warnings))

    try:
        return engine.in_transaction(work)
    except _Undone as undone:
        return undone.refusal


def execute_in_batches(
    engine: Engine, commands: Sequence[Command], actor: Actor, *,
    key: Callable[[int, Sequence[Command]], str | None] = lambda start, batch: None,  # noqa: ARG005
    size: int = BATCH, refuse_rest: bool = True,
) -> Iterator[Result]:  # fmt: skip
    """Execute a long list, each batch in its own transaction, and yield one result a command, in order.

    ``key`` makes a batch's idempotency key (R10) from the position of its first command and its commands. What is done
    stays done: once the database stops answering after a first batch, the rest is refused as INTERRUPTED without being
    tried, or, with ``refuse_rest`` False, the error is raised. Raises DatabaseBusy, DatabaseUnreachable.
    """
    start, is_interrupted = 0, False
    for batch in batches(commands, size):
        try:
            if not is_interrupted:
                yield from engine.execute(batch, actor, key=key(start, batch))
        except (DatabaseBusy, DatabaseUnreachable):
            if not start or not refuse_rest:
                raise
            is_interrupted = True
        if is_interrupted:
            yield from (Refused((INTERRUPTED,)) for _ in batch)
        start += len(batch)
