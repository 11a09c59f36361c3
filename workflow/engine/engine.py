"""The one write path: commands in, decisions written with their events and mails, in one transaction (R8)."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from notifications.ports import Clock, crash_point
from notifications.sql import Row as Row_of_writing
from notifications.sql import insert_rows, update_rows
from states.commands import Command, OnRequest, Renew
from states.decide import decide
from states.decision import CloseRemoval, CloseReport, Decision, OpenRemoval, OpenReport, Refused, RequestEvent
from states.model import Actor, Establishment, Facts, Request
from states.policy import Policy
from states.refusals import Reason
from states.school_calendar import SchoolYear
from states.vocabulary import CodeStatus, State, Trigger
from workflow.database.connection import Database
from workflow.database.mapping import changed_columns, reference_of
from workflow.database.tables import COUNTER, EVENT, NOTE, REMOVAL, REPORT, REQUEST
from workflow.engine import idempotency
from workflow.engine.loader import BatchFacts, Loader
from workflow.journal.chain import EMPTY, JournalHasher, Link

# What a batch of decisions writes, gathered as rows before anything is written.


Row = dict[str, Any]


@dataclass
class Plan:
    """Rows by table, in the order in which they are written; ``events`` are what subscribers are told."""

    event_rows: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    births: list[Row] = field(default_factory=list)
    changes: dict[tuple[str, ...], list[Row]] = field(default_factory=dict)
    removals: list[Row] = field(default_factory=list)
    removals_closed: list[Row] = field(default_factory=list)
    reports: list[Row] = field(default_factory=list)
    reports_settled: list[Row] = field(default_factory=list)
    events: list[RequestEvent] = field(default_factory=list)

    def add(
        self,
        decision: Decision,
        before: Request | None,
        batch_facts: BatchFacts,
        actor: Actor,
        now: datetime,
        hasher: JournalHasher,
    ) -> int:
        """Take a decision in: its event, its request, its effects. Returns the event's number in its stream."""
        request = decision.request
        link = batch_facts.links.get(request.reference, EMPTY) if before else EMPTY
        notes = hasher.notes(request.reference, link.length + 1, decision.notes) if decision.notes else []
        states = (decision.source.value if decision.source else None, request.state.value)
        event = hasher.event(
            (request.reference, link), decision.trigger.value, states, actor, now, decision.data, notes
        )
        self.event_rows.append(event)
        self.notes += notes
        batch_facts.links[request.reference] = Link(event["hash"], event["seq"])
        self._request(before, request, event, actor)
        if decision.effects:
            self._effects(decision, now)
        return int(event["seq"])

    def _request(self, before: Request | None, request: Request, event: Row, actor: Actor) -> None:
        stamp = {
            "changed_at": event["at"], "last_trigger": event["kind"], "last_actor": actor.label,
            "chain_head": event["hash"], "chain_length": event["seq"],
        }  # fmt: skip
        if before is None or before.state is not request.state:
            stamp["since"] = event["at"]
        columns = changed_columns(before, request) | stamp
        if before is None:
            self.births.append(columns | {"created_at": event["at"]})
            return
        columns.pop("reference", None)
        where = {"b_reference": request.reference, "b_version": before.version}
        self.changes.setdefault(tuple(columns), []).append(columns | where)

    def _effects(self, decision: Decision, now: datetime) -> None:
        reference = decision.request.reference
        for effect in decision.effects:
            match effect:
                case OpenRemoval(kind):
                    self.removals.append({"reference": reference, "kind": kind.value, "opened_at": now})
                case CloseRemoval(outcome):
                    row = {"b_reference": reference, "outcome": outcome.value, "closed_at": now}
                    self.removals_closed.append(row)
                case OpenReport(report):
                    self.reports.append(
                        {
                            "reference": reference, "number": report.number, "change": report.change.value,
                            "effective_on": report.effective_on, "reported_at": now,
                        }
                    )  # fmt: skip
                case CloseReport(number, settlement):
                    row = {"b_reference": reference, "b_number": number, "settlement": settlement.value}
                    self.reports_settled.append(row | {"settled_at": now})
                case _:
                    pass  # sealed codes are the mails' business: they read the events


def waves(references: Sequence[str | None]) -> list[list[int]]:
    """Positions grouped so that no group names a request twice: the nth action on a request is in the nth group."""
    seen: Counter[str] = Counter()
    groups: dict[int, list[int]] = {}
    for position, reference in enumerate(references):
        turn = seen[reference] if reference else 0
        groups.setdefault(turn, []).append(position)
        if reference:
            seen[reference] += 1
    return [groups[turn] for turn in sorted(groups)]


# References: ``ODA-2027-00042`` bears the year in which the school year ends, and a number without holes.


def next_reference(connection: Connection, year: SchoolYear) -> str:
    """The next reference of a school year; the counter's row is the lock until the transaction ends."""
    mine = COUNTER.c.school_year == str(year)
    raised = connection.execute(update(COUNTER).where(mine).values(last=COUNTER.c.last + 1))
    if raised.rowcount == 0:
        connection.execute(insert(COUNTER), [{"school_year": str(year), "last": 1}])
    last = connection.execute(select(COUNTER.c.last).where(mine)).scalar_one()
    return reference_of(year, last)


# Writes a plan: the only statements of the software that change a request (R8).


class ConcurrentUpdate(Exception):
    """A row was not as it had been loaded: the transaction is rolled back and tried again."""


def write(connection: Connection, plan: Plan) -> None:
    """Events first: the database refuses a state whose event is not there (see the guards of the schema)."""
    insert_rows(connection, EVENT, plan.event_rows)
    insert_rows(connection, NOTE, plan.notes)
    insert_rows(connection, REQUEST, plan.births)
    for columns, rows in plan.changes.items():
        _update(connection, REQUEST, ("reference", "version"), columns, rows)
    insert_rows(connection, REMOVAL, plan.removals)
    _update(connection, REMOVAL, ("reference",), ("outcome", "closed_at"), plan.removals_closed)
    insert_rows(connection, REPORT, plan.reports)
    _update(connection, REPORT, ("reference", "number"), ("settlement", "settled_at"), plan.reports_settled)


def _update(
    connection: Connection, table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rows: list[Row_of_writing]
) -> None:
    """Raises LostRace when a row no longer was as it had been loaded."""
    if update_rows(connection, table, keys, columns, rows) != len(rows):
        raise ConcurrentUpdate


ATTEMPTS = 5


T = TypeVar("T")


class Subscriber(Protocol):
    """Who is told of what happens, in the same transaction: the mails."""

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
    """Executes commands. Everything that changes a request goes through ``execute`` or ``run``."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, policy: Policy, subscriber: Subscriber
    ) -> None:
        self.database = database
        self.clock = clock
        self.hasher = hasher
        self.policy = policy
        self._subscriber = subscriber
        self.on_commit: Callable[[], None] = _nobody

    def execute(self, commands: Sequence[Command], actor: Actor, *, key: str | None = None) -> list[Result]:
        """Decide and write a batch in one transaction; one result a command, in order.

        A refused command changes nothing and does not stop the others. ``key`` makes the batch idempotent (R10).
        Raises DatabaseBusy, DatabaseUnreachable.
        """
        return self.committed(lambda connection, now: self.run(connection, commands, actor, now, key=key))

    def committed(self, work: Callable[[Connection, datetime], T]) -> T:
        """Do ``work`` in one write transaction, again when it lost a race (R9), then wake who waits for a commit.

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
            except (ConcurrentUpdate, IntegrityError, OperationalError) as error:
                if attempt == ATTEMPTS or not _worth_trying_again(error):
                    raise
                time.sleep(0.02 * attempt)
        raise AssertionError("unreachable")

    def run(
        self, connection: Connection, commands: Sequence[Command], actor: Actor, now: datetime, *,
        key: str | None = None,
    ) -> list[Result]:  # fmt: skip
        """The same inside a transaction that the caller holds."""
        results: dict[int, Result] = {}
        for positions in waves([c.reference if isinstance(c, OnRequest) else None for c in commands]):
            wave = [commands[p] for p in positions]
            keys = [f"{key}#{p}" if key is not None and len(commands) > 1 else key for p in positions]
            results |= zip(positions, self._wave(connection, wave, actor, now, keys), strict=True)
        return [results[position] for position in range(len(commands))]

    def without_mails(self) -> "Engine":
        """The same engine, telling nobody: for steps that another one follows at once (R55)."""
        return Engine(self.database, self.clock, self.hasher, self.policy, _Unheard(self._subscriber))

    def facts(self, connection: Connection, command: Command) -> Facts:
        """What the decision of one command looks at, locked."""
        return Loader(connection, self._subscriber.code_statuses).load([command]).facts(command)

    def plan(self, batch_facts: BatchFacts, commands: Sequence[Command], actor: Actor, now: datetime) -> Plan:
        """What these commands write, on requests that exist, without writing it: a sweep, or its dry run (R53)."""
        plan = Plan()
        for command in commands:
            facts = batch_facts.facts(command)
            decision = decide(facts, command, actor, now, self.policy)
            if isinstance(decision, Decision) and not decision.is_birth:
                self._take(plan, decision, facts, batch_facts, actor, now)
        return plan

    def write(self, connection: Connection, plan: Plan, now: datetime) -> None:
        """Write what was planned, and tell who subscribes. Raises LostRace when a request changed since."""
        crash_point("engine.before_write")
        write(connection, plan)
        crash_point("engine.after_write")
        self._subscriber.handle(connection, plan.events, now)

    def _wave(
        self, connection: Connection, commands: Sequence[Command], actor: Actor, now: datetime,
        keys: Sequence[str | None],
    ) -> list[Result]:  # fmt: skip
        batch_facts = Loader(connection, self._subscriber.code_statuses).load(commands)
        plan, results = Plan(), []
        for command, key in zip(commands, keys, strict=True):
            result = self._replayed(connection, command, actor, now, key) or self._one(
                connection, plan, batch_facts, command, actor, now
            )
            if key is not None and isinstance(result, Done) and not result.replayed:
                done = idempotency.FirstResult(
                    idempotency.digest(self.hasher, command), result.reference, result.version
                )
                idempotency.remember(connection, actor, command, key, now, done)
            results.append(result)
        if plan.event_rows:
            self.write(connection, plan, now)
        return results

    def _one(
        self, connection: Connection, plan: Plan, batch_facts: BatchFacts, command: Command, actor: Actor, now: datetime
    ) -> Result:
        facts = batch_facts.facts(command)
        decision = decide(facts, command, actor, now, self.policy)
        if isinstance(decision, Refused):
            return decision
        if decision.is_birth:
            reference = next_reference(connection, decision.request.school_year)
            decision = replace(decision, request=decision.request.with_(reference=reference))
        self._take(plan, decision, facts, batch_facts, actor, now)
        request = decision.request
        return Done(
            reference=request.reference, trigger=decision.trigger, state=request.state, version=request.version,
            warnings=decision.warnings,
        )  # fmt: skip

    def _take(
        self, plan: Plan, decision: Decision, facts: Facts, batch_facts: BatchFacts, actor: Actor, now: datetime
    ) -> None:
        before = None if decision.is_birth else facts.request
        request = decision.request
        seq = plan.add(decision, before, batch_facts, actor, now, self.hasher)
        if decision.trigger is Trigger.EXPIRE:
            batch_facts.requests[request.reference] = request
        else:
            batch_facts.learn(request)
        plan.events.append(
            RequestEvent(
                decision=decision, before=before, establishment=facts.establishment or _nowhere(request), actor=actor,
                at=now, seq=seq, year_end=self.policy.calendar.end_of(request.school_year), others=facts.others,
            )
        )  # fmt: skip

    def _replayed(
        self, connection: Connection, command: Command, actor: Actor, now: datetime, key: str | None
    ) -> Result | None:
        """What the same key gave before, refused when it comes with other content (R10)."""
        if key is None:
            return None
        before = idempotency.recall(connection, actor, command, key, now)
        if before is None:
            return None
        if not idempotency.is_same(self.hasher, before.digest, command):
            return Refused((idempotency.OTHER_CONTENT,))
        request = Loader(connection, self._subscriber.code_statuses).load([_Asked(reference=before.reference)])
        state = request.requests[before.reference].state
        return Done(
            reference=before.reference, trigger=command.trigger, state=state, version=before.version, replayed=True
        )


def _nobody() -> None:
    """Nobody waits for a commit in this process."""


@dataclass(frozen=True, slots=True)
class _Unheard:
    """Nobody is told; what became of the codes is known all the same."""

    subscriber: Subscriber

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None:
        pass

    def code_statuses(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeStatus]:
        return self.subscriber.code_statuses(connection, requests)


class _Asked(Renew):
    """A command that only names a request, to load it."""


def _nowhere(request: Request) -> Establishment:
    return Establishment(uai=request.uai, nom=request.uai, is_open=False)


def _worth_trying_again(error: Exception) -> bool:
    """A race lost to another process: the second attempt sees what the first one did (R9)."""
    if isinstance(error, OperationalError):
        return "deadlock" in str(error.orig).lower() or "could not serialize" in str(error.orig).lower()
    return True
