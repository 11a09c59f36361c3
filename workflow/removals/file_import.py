"""Removals confirmed from the rows of a file: checked by the rules, then confirmed (R49, R83).

A row that is wrong is reported by its number and stops no other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.sql import batches
from states.commands import ConfirmRemoval
from states.decide import decide
from states.decision import Refused
from states.model import Actor
from states.refusals import Reason
from workflow.engine.engine import Engine, Result
from workflow.engine.loader import Loader
from workflow.engine.sequence import execute_in_batches
from workflow.removals.file_parser import FileRow, RemovalRow, RowFault
from workflow.removals.tasks import RemovalLine, removals_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyRow:
    """A row that can be confirmed, with its task and the rules' warnings."""

    row: RemovalRow
    task: RemovalLine
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedRows:
    """The rows that can be confirmed, and those that are set aside, each in the file's order."""

    ready: tuple[ReadyRow, ...]
    faults: tuple[RowFault, ...]


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row and the engine's result."""

    row: RemovalRow
    result: Result


def check_rows(
    connection: Connection, rows: Sequence[FileRow], actor: Actor, engine: Engine, mailer: Mailer
) -> CheckedRows:
    """Decide every row as the engine would now; a few queries for 1000 rows, and nothing written or locked (R49)."""
    ready: list[ReadyRow] = []
    faults = [row for row in rows if isinstance(row, RowFault)]
    now = engine.clock.now()
    for batch in batches([row for row in rows if isinstance(row, RemovalRow)]):
        references = [row.reference for row in batch]
        lines = removals_of(connection, references, engine.policy, mailer)
        tasks = {line.request.reference: line for line in lines}
        commands = list(map(command_of, batch))
        facts = Loader(connection, mailer.code_statuses, lock=False).load(commands)
        for row, command in zip(batch, commands, strict=True):
            task = tasks.get(row.reference)
            if task and task.done:
                message = f"C'est déjà confirmé : {task.done[:1].lower()}{task.done[1:]}."
                faults.append(RowFault(number=row.number, written=row.reference, message=message))
                continue
            decision = decide(facts.facts(command), command, actor, now, engine.policy)
            if isinstance(decision, Refused):
                message = " ".join(f"{r.message} ({r.rule}). {r.remedy}" for r in decision.reasons)
                faults.append(RowFault(number=row.number, written=row.reference, message=message))
            elif task:
                ready.append(ReadyRow(row=row, task=task, warnings=decision.warnings))
    return CheckedRows(ready=tuple(ready), faults=tuple(sorted(faults, key=lambda fault: fault.number)))


def confirm_rows(
    engine: Engine, rows: Sequence[RemovalRow], actor: Actor, *, key: str | None, refuse_rest: bool = True
) -> Iterator[RowResult]:
    """Yield each row's result once its batch is done. ``key`` makes the same rows sent twice one action (R10).

    ``refuse_rest`` and the errors are those of ``execute_in_batches``.
    """
    results = execute_in_batches(
        engine, list(map(command_of, rows)), actor, refuse_rest=refuse_rest,
        key=lambda start, _: None if key is None else f"{key}:{start}",
    )  # fmt: skip
    yield from map(RowResult, rows, results)


def command_of(row: RemovalRow) -> ConfirmRemoval:
    """The engine's command for a row."""
    return ConfirmRemoval(reference=row.reference, outcome=row.outcome, note=row.note)
