"""What would become of each line of a file, by the rules that will judge it for good, before anything is done (R49)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from states.actors import Actor
from states.case import Refused
from states.commands import ConfirmRemoval
from states.decide import decide
from states.refusals import Reason
from workflow.house import House
from workflow.loading import Loader
from workflow.reading.removal_lines import RemovalLine, removals_of
from workflow.removal_files.rows import Asked, Fault, Row

_SLICE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A line that can be confirmed, with its task and what the rules warn of."""

    asked: Asked
    task: RemovalLine
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """The lines that can be confirmed, and those that are set aside, each in the file's order."""

    ready: tuple[Ready, ...]
    faults: tuple[Fault, ...]


def judge(connection: Connection, rows: Sequence[Row], actor: Actor, house: House) -> Understood:
    """Every line as the engine would decide it now; a few queries for 500 lines, and nothing written or locked."""
    asked = [row for row in rows if isinstance(row, Asked)]
    verdicts: list[Ready | Fault] = [row for row in rows if isinstance(row, Fault)]
    now = house.clock.now()
    for some in (asked[start : start + _SLICE] for start in range(0, len(asked), _SLICE)):
        verdicts += _judged(connection, some, actor, house, now)
    ready = [one for one in verdicts if isinstance(one, Ready)]
    faults = sorted((one for one in verdicts if isinstance(one, Fault)), key=lambda fault: fault.number)
    return Understood(ready=tuple(ready), faults=tuple(faults))


def command_of(asked: Asked) -> ConfirmRemoval:
    """What the line asks of the engine."""
    return ConfirmRemoval(reference=asked.reference, outcome=asked.outcome, note=asked.note)


def _judged(
    connection: Connection, some: Sequence[Asked], actor: Actor, house: House, now: datetime
) -> Iterator[Ready | Fault]:
    tasks = {
        line.request.reference: line
        for line in removals_of(connection, [one.reference for one in some], house.policy, house.mailer)
    }
    commands = [command_of(one) for one in some]
    known = Loader(connection, house.mailer.code_fates, lock=False).load(commands)
    for one, command in zip(some, commands, strict=True):
        task = tasks.get(one.reference)
        if task and task.done:
            yield _aside(one, f"C'est déjà confirmé : {task.done[:1].lower()}{task.done[1:]}.")
            continue
        decision = decide(known.facts(command), command, actor, now, house.policy)
        if isinstance(decision, Refused):
            yield _aside(one, " ".join(f"{r.message} ({r.rule}). {r.remedy}" for r in decision.reasons))
        elif task:
            yield Ready(asked=one, task=task, warnings=decision.warnings)


def _aside(one: Asked, message: str) -> Fault:
    return Fault(number=one.number, written=one.reference, message=message)
