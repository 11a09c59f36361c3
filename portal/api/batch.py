"""Many commands at once: one result each, in order; a refused one does not stop the others (R8)."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import Field

from portal.api.acting import DoneOut, Key, done_out
from portal.api.bodies import OPEN, command_of, entry_of, example_of
from portal.api.callers import Acting, Rooms
from portal.api.kinds import Asked, Told
from portal.api.media import only_json
from portal.api.problems import Problem, declared, problem_of
from states.case import Refused
from states.vocabulary import Trigger
from workflow.engine import Result

router = APIRouter(tags=["actions"], dependencies=[only_json])
MOST = 100
Entry: Any = Annotated[reduce(or_, [entry_of(trigger) for trigger in OPEN]), Field(discriminator="trigger")]
_BY_VALUE = {trigger.value: trigger for trigger in Trigger}
_EXAMPLE = {
    "commands": [
        {"trigger": trigger.value, "reference": "ODA-2027-00001"} | example_of(trigger)
        for trigger in (Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION)
    ]
}


class BatchBody(Asked):
    """Commands, done in order."""

    commands: list[Entry] = Field(min_length=1, max_length=MOST, description="Les commandes, dans l'ordre.")


class Accepted(Told):
    """A command that was done."""

    outcome: Literal["done"] = "done"
    done: DoneOut


class Declined(Told):
    """A command that was refused; nothing of it was done."""

    outcome: Literal["refused"] = "refused"
    problem: Problem


class Results(Told):
    """One result a command, in the same order."""

    results: list[Annotated[Accepted | Declined, Field(discriminator="outcome")]]


@router.post(
    "/batch", summary="Plusieurs commandes", operation_id="batch", responses=declared(400, 413, 415),
)  # fmt: skip
def batch(
    here: Rooms,
    caller: Acting,
    asked: Annotated[
        BatchBody, Body(openapi_examples={"simple": {"summary": "Deux vérifications", "value": _EXAMPLE}})
    ],
    key: Key = None,
) -> Results:
    """Jusqu'à cent commandes en une transaction ; celle qui est refusée n'empêche pas les autres."""
    commands = [_command(entry) for entry in asked.commands]
    results = here.house.engine.execute(commands, caller.actor, key=f"api-batch:{key}" if key else None)
    return Results(results=[_told(result) for result in results])


def _command(entry: Any) -> Any:
    more = {"reference": entry.reference} if hasattr(entry, "reference") else {}
    return command_of(_BY_VALUE[entry.trigger], entry, **more)


def _told(result: Result) -> Accepted | Declined:
    if isinstance(result, Refused):
        return Declined(problem=problem_of(result.reasons))
    return Accepted(done=done_out(result))
