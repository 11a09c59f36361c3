"""Doing: one address a trigger, a batch, and the same refusals as everywhere (R7 to R10)."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, Response
from pydantic import Field

from portal.api import words
from portal.api.bodies import OPEN, body_of, command_of, example_of
from portal.api.callers import Acting, Caller, Rooms
from portal.api.errors import Refusal
from portal.api.kinds import Asked, Told
from portal.api.media import only_json
from portal.api.pages import PREFIX
from portal.api.problems import ReasonOut, declared, reason_out
from portal.api.requests import Ref
from portal.web.installed import Installed
from states.case import Refused
from states.commands import Command
from states.table import BY_TRIGGER
from states.vocabulary import Role, State, Trigger
from workflow.engine import Done

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


def executed(here: Installed, caller: Caller, command: Command, key: str | None, response: Response) -> DoneOut:
    """Do it. Raises Refusal with all its reasons; a birth says where its request is."""
    (result,) = here.house.engine.execute([command], caller.actor, key=f"api:{key}" if key else None)
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

    def birth(here: Rooms, caller: Acting, asked: Asked, response: Response, key: Key = None) -> DoneOut:
        return executed(here, caller, command_of(trigger, asked), key, response)

    def change(
        here: Rooms, caller: Acting, reference: Ref, asked: Asked, response: Response, key: Key = None
    ) -> DoneOut:
        return executed(here, caller, command_of(trigger, asked, reference=reference), key, response)

    endpoint: Any = birth if trigger is Trigger.DECLARE else change
    endpoint.__annotations__["asked"] = Annotated[body_of(trigger), Body(openapi_examples=examples_of(trigger))]
    router.add_api_route(
        "/requests" if trigger is Trigger.DECLARE else f"/requests/{{reference}}/{trigger.value}",
        endpoint, methods=["POST"], operation_id=trigger.value, status_code=201 if trigger in BIRTHS else 200,
        summary=trigger.label[:1].upper() + trigger.label[1:], description=words.ACTIONS[trigger],
        responses=declared(400, 404, 409, 413, 415),
    )  # fmt: skip


for _trigger in OPEN:
    _add(_trigger)
