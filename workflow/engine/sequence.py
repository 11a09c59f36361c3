"""Several commands as one act: steps that are done all or none (R7), and long lists in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from notifications.sql import batches
from states.commands import Command
from states.decide import all_reasons
from states.decision import Refused
from states.model import Actor
from states.refusals import Reason
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable
from workflow.engine.engine import Done, Engine, Result

BATCH: Final = 100
"""Commands a transaction: short enough to leave the database to others in between."""

INTERRUPTED: Final = Reason(
    "interrupted", "R7", "La base de données n'a pas répondu : rien n'a changé pour cette demande",
    "Recommencer pour elle dans un instant.",
)  # fmt: skip

Step = Callable[[str], Command]
"""A command once the request's reference is known: empty for the first one of a request to be born."""


class _Undone(Exception):
    """Raised to undo what the steps before the refused one had written."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__()
        self.refusal = refusal


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
