"""Doing: one address a trigger, a batch, and the same refusals as everywhere (R7 to R10)."""

from dataclasses import MISSING, fields
from datetime import date
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, get_type_hints

from fastapi import APIRouter, Body, Depends, Header, Request, Response
from pydantic import Field, SecretStr, StrictBool, create_model
from starlette.exceptions import HTTPException

from portal.api import texts as words
from portal.api.auth import Acting, Caller, Rooms
from portal.api.field_types import LONGEST, Asked, Count, Day, Reference, Text, Told, Year
from portal.api.problems import Problem, ReasonOut, Refusal, declared, problem_of, reason_out
from portal.api.requests import PREFIX, Ref
from portal.texts import TRIGGER_TEXTS
from portal.web.context import WebContext
from states.commands import COMMANDS, Code, Command
from states.decision import Refused
from states.model import OnBehalf
from states.school_calendar import SchoolYear
from states.transitions import BY_TRIGGER
from states.vocabulary import RequestedBy, Role, State, Trigger
from workflow.engine.engine import Done, Result
from workflow.engine.sequence import execute_in_batches

# What each command is on the wire, made from the commands themselves: a new field of a command is a new field here.


OPEN: Final[dict[Trigger, type[Command]]] = {
    trigger: kind for trigger, kind in COMMANDS.items() if trigger is not Trigger.EXPIRE
}
"""The commands open to people: only the schedule says that a year is over (R50)."""


class Behalf(Asked):
    """The establishment's request to an operator (R5)."""

    who: Text = Field(description="Qui, dans l'établissement : nom et fonction.")
    how: RequestedBy = Field(description="Par quel moyen.")
    when: Day = Field(description="Quel jour.")


_KINDS: Final[dict[Any, Any]] = {
    str: Text, bool: StrictBool, int: Count, date: Day, SchoolYear: Year, OnBehalf: Behalf,
    Code: Annotated[SecretStr, Field(max_length=LONGEST)],
}  # fmt: skip


_REFERENCES = ("reference", "extends")


@cache
def body_of(trigger: Trigger) -> type[Asked]:
    """The body of ``POST /requests/{reference}/{trigger}``, or of a birth."""
    kind = OPEN[trigger]
    hints = get_type_hints(kind)
    members: dict[str, Any] = {}
    for one in fields(kind):
        if one.name == "reference":
            continue
        what, _ = words.of_field(trigger, one.name)
        default: Any = ... if one.default is MISSING else one.default
        members[one.name] = (_on_the_wire(one.name, hints[one.name]), Field(default, description=what))
    return create_model(f"{_camel(trigger)}Body", __base__=Asked, **members)


@cache
def entry_of(trigger: Trigger) -> type[Asked]:
    """The same within a batch: it says which command it is, and on which request."""
    members: dict[str, Any] = {"trigger": (Literal[trigger.value], Field(description=f"Toujours « {trigger.value} »."))}
    if any(one.name == "reference" for one in fields(OPEN[trigger])):
        members["reference"] = (Reference, Field(description=words.FIELDS["reference"][0]))
    return create_model(f"{_camel(trigger)}Entry", __base__=body_of(trigger), **members)


def command_of(trigger: Trigger, body: Asked, **more: Any) -> Command:
    """The command that a body asks for; ``more`` is what the address says."""
    kind = OPEN[trigger]
    said = {one.name: _plain(getattr(body, one.name)) for one in fields(kind) if one.name in type(body).model_fields}
    return kind(**(said | more))


@cache
def example_of(trigger: Trigger, *, behalf: bool = False) -> dict[str, Any]:
    """A body that is accepted, for a request that is where it must be."""
    found = {name: words.of_field(trigger, name)[1] for name in body_of(trigger).model_fields}
    return {name: value for name, value in found.items() if value is not None} | (
        {"on_behalf": words.BEHALF} if behalf else {}
    )


def _on_the_wire(name: str, hint: Any) -> Any:
    parts = getattr(hint, "__args__", ())
    if parts and type(None) in parts:
        (inner,) = (part for part in parts if part is not type(None))
        return _on_the_wire(name, inner) | None
    return Reference if name in _REFERENCES else _KINDS.get(hint, hint)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return Code(clear=value.get_secret_value())
    if isinstance(value, Behalf):
        return OnBehalf(who=value.who, how=value.how, when=value.when.isoformat())
    return value


def _camel(trigger: Trigger) -> str:
    return "".join(part.capitalize() for part in trigger.value.split("_"))


# A body is JSON, and says so: a form of another site can send nothing here.


_JSON: Final = "application/json"


async def _only_json(request: Request) -> None:
    """Raises HTTPException (415)."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().casefold()
    if kind != _JSON:
        raise HTTPException(415)


only_json: Final = Depends(_only_json)


router = APIRouter(tags=["actions"], dependencies=[only_json])


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=100, pattern="^[!-~]+$",
        description="La même clé, avec le même corps, dans les sept jours : l'action n'est faite qu'une fois (R10).",
    ),
]  # fmt: skip


BIRTHS: Final = (Trigger.DECLARE, Trigger.RENEW)


class DoneOut(Told):
    """An accepted command."""

    reference: str
    trigger: Trigger
    state: State
    version: int
    warnings: list[ReasonOut] = Field(description="Ce qui n'empêche pas, mais qu'il faut savoir (R19, R21, R49).")
    replayed: bool = Field(description="Déjà fait sous cette clé : rien n'est fait deux fois (R10).")


def done_out(done: Done) -> DoneOut:
    """What was done, for a program."""
    return DoneOut(
        reference=done.reference, trigger=done.trigger, state=done.state, version=done.version,
        warnings=[reason_out(warning) for warning in done.warnings], replayed=done.replayed,
    )  # fmt: skip


def executed(context: WebContext, caller: Caller, command: Command, key: str | None, response: Response) -> DoneOut:
    """Do it. Raises Refusal with all its reasons; a birth says where its request is."""
    (result,) = context.app.engine.execute([command], caller.actor, key=f"api:{key}" if key else None)
    if isinstance(result, Refused):
        raise Refusal(result.reasons)
    if result.trigger in BIRTHS:
        response.headers["Location"] = f"{PREFIX}/requests/{result.reference}"
    return done_out(result)


def examples_of(trigger: Trigger) -> dict[str, Any]:
    """The bodies shown in the description; what an establishment does, an operator may at its request (R5)."""
    shown = {"simple": {"summary": "L'essentiel", "value": example_of(trigger)}}
    if Role.CHEF in BY_TRIGGER[trigger].roles and Role.OPERATOR not in BY_TRIGGER[trigger].roles:
        whole = example_of(trigger, behalf=True)
        shown["behalf"] = {"summary": "Par un opérateur, à la demande de l'établissement", "value": whole}
    return shown


def _add(trigger: Trigger) -> None:
    """The route of a trigger; its body is that of the command."""

    def birth(context: Rooms, caller: Acting, asked: Asked, response: Response, key: Key = None) -> DoneOut:
        return executed(context, caller, command_of(trigger, asked), key, response)

    def change(
        context: Rooms, caller: Acting, reference: Ref, asked: Asked, response: Response, key: Key = None
    ) -> DoneOut:
        return executed(context, caller, command_of(trigger, asked, reference=reference), key, response)

    endpoint: Any = birth if trigger is Trigger.DECLARE else change
    endpoint.__annotations__["asked"] = Annotated[body_of(trigger), Body(openapi_examples=examples_of(trigger))]
    router.add_api_route(
        "/requests" if trigger is Trigger.DECLARE else f"/requests/{{reference}}/{trigger.value}",
        endpoint, methods=["POST"], operation_id=trigger.value, status_code=201 if trigger in BIRTHS else 200,
        summary=trigger.label[:1].upper() + trigger.label[1:], description=TRIGGER_TEXTS[trigger].api,
        responses=declared(400, 404, 409, 413, 415),
    )  # fmt: skip


for _trigger in OPEN:
    _add(_trigger)


# Many commands at once: one result each, in order; a refused one does not stop the others (R8).


router_batch = APIRouter(tags=["actions"], dependencies=[only_json])


MOST = 100


Entry: Any = Annotated[reduce(or_, [entry_of(trigger) for trigger in OPEN]), Field(discriminator="trigger")]


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


@router_batch.post(
    "/batch", summary="Plusieurs commandes", operation_id="batch", responses=declared(400, 413, 415),
)  # fmt: skip
def batch(
    context: Rooms,
    caller: Acting,
    asked: Annotated[
        BatchBody, Body(openapi_examples={"simple": {"summary": "Deux vérifications", "value": _EXAMPLE}})
    ],
    key: Key = None,
) -> Results:
    """Jusqu'à cent commandes en une transaction ; celle qui est refusée n'empêche pas les autres."""
    commands = [_command(entry) for entry in asked.commands]
    results = execute_in_batches(
        context.app.engine, commands, caller.actor, key=lambda *_: f"api-batch:{key}" if key else None
    )
    return Results(results=[_told(result) for result in results])


def _command(entry: Any) -> Any:
    more = {"reference": entry.reference} if hasattr(entry, "reference") else {}
    return command_of(Trigger.of(entry.trigger), entry, **more)


def _told(result: Result) -> Accepted | Declined:
    if isinstance(result, Refused):
        return Declined(problem=problem_of(result.reasons))
    return Accepted(done=done_out(result))
