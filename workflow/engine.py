"""The one write path: commands in, decisions written with their events and mails, in one transaction (R8)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from notifications.ports import Clock, crash_point
from states.actors import Actor
from states.case import Decision, Refused
from states.commands import Command, OnRequest, Renew
from states.decide import decide
from states.facts import Establishment, Facts, Request
from states.happening import Happening
from states.policy import Policy
from states.refusals import Reason
from states.vocabulary import CodeFate, State, Trigger
from workflow import idempotency
from workflow.database import Database
from workflow.journal import Notary
from workflow.known import Known
from workflow.loading import Loader
from workflow.plan import Plan, waves
from workflow.references import next_reference
from workflow.writing import LostRace, write

ATTEMPTS = 5
T = TypeVar("T")


class Subscriber(Protocol):
    """Who is told of what happens, in the same transaction: the mails."""

    def react(self, connection: Connection, happenings: Sequence[Happening], now: datetime) -> None: ...

    def code_fates(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeFate]: ...


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
        self, database: Database, clock: Clock, notary: Notary, policy: Policy, subscriber: Subscriber
    ) -> None:
        self.database = database
        self.clock = clock
        self.notary = notary
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
            except (LostRace, IntegrityError, OperationalError) as error:
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

    def quiet(self) -> "Engine":
        """The same engine, telling nobody: for steps that another one follows at once (R55)."""
        return Engine(self.database, self.clock, self.notary, self.policy, _Unheard(self._subscriber))

    def facts(self, connection: Connection, command: Command) -> Facts:
        """What the decision of one command looks at, locked."""
        return Loader(connection, self._subscriber.code_fates).load([command]).facts(command)

    def plan(self, known: Known, commands: Sequence[Command], actor: Actor, now: datetime) -> Plan:
        """What these commands write, on requests that exist, without writing it: a sweep, or its dry run (R53)."""
        plan = Plan()
        for command in commands:
            facts = known.facts(command)
            decision = decide(facts, command, actor, now, self.policy)
            if isinstance(decision, Decision) and not decision.is_birth:
                self._take(plan, decision, facts, known, actor, now)
        return plan

    def write(self, connection: Connection, plan: Plan, now: datetime) -> None:
        """Write what was planned, and tell who subscribes. Raises LostRace when a request changed since."""
        crash_point("engine.before_write")
        write(connection, plan)
        crash_point("engine.after_write")
        self._subscriber.react(connection, plan.happenings, now)

    def _wave(
        self, connection: Connection, commands: Sequence[Command], actor: Actor, now: datetime,
        keys: Sequence[str | None],
    ) -> list[Result]:  # fmt: skip
        known = Loader(connection, self._subscriber.code_fates).load(commands)
        plan, results = Plan(), []
        for command, key in zip(commands, keys, strict=True):
            result = self._replayed(connection, command, actor, now, key) or self._one(
                connection, plan, known, command, actor, now
            )
            if key is not None and isinstance(result, Done) and not result.replayed:
                done = idempotency.Remembered(
                    idempotency.digest(self.notary, command), result.reference, result.version
                )
                idempotency.remember(connection, actor, command, key, now, done)
            results.append(result)
        if plan.events:
            self.write(connection, plan, now)
        return results

    def _one(
        self, connection: Connection, plan: Plan, known: Known, command: Command, actor: Actor, now: datetime
    ) -> Result:
        facts = known.facts(command)
        decision = decide(facts, command, actor, now, self.policy)
        if isinstance(decision, Refused):
            return decision
        if decision.is_birth:
            reference = next_reference(connection, decision.request.school_year)
            decision = replace(decision, request=decision.request.with_(reference=reference))
        self._take(plan, decision, facts, known, actor, now)
        request = decision.request
        return Done(
            reference=request.reference, trigger=decision.trigger, state=request.state, version=request.version,
            warnings=decision.warnings,
        )  # fmt: skip

    def _take(self, plan: Plan, decision: Decision, facts: Facts, known: Known, actor: Actor, now: datetime) -> None:
        before = None if decision.is_birth else facts.request
        request = decision.request
        seq = plan.add(decision, before, known, actor, now, self.notary)
        if decision.trigger is Trigger.EXPIRE:
            known.requests[request.reference] = request
        else:
            known.learn(request)
        plan.happenings.append(
            Happening(
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
        if before.digest != idempotency.digest(self.notary, command):
            return Refused((idempotency.other_content(),))
        request = Loader(connection, self._subscriber.code_fates).load([_Asked(reference=before.reference)])
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

    def react(self, connection: Connection, happenings: Sequence[Happening], now: datetime) -> None:
        pass

    def code_fates(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeFate]:
        return self.subscriber.code_fates(connection, requests)


class _Asked(Renew):
    """A command that only names a request, to load it."""


def _nowhere(request: Request) -> Establishment:
    return Establishment(uai=request.uai, nom=request.uai, is_open=False)


def _worth_trying_again(error: Exception) -> bool:
    """A race lost to another process: the second attempt sees what the first one did (R9)."""
    if isinstance(error, OperationalError):
        return "deadlock" in str(error.orig).lower() or "could not serialize" in str(error.orig).lower()
    return True
