"""Actions of programs: one route per trigger, a batch, the drawn codes; the same refusals as everywhere (R7 to R10).

The file of a batch of drawn codes holds them in clear: it is taken by a person who has just proved who they are, by no
program (R60, R97).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, get_type_hints

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from pydantic import Field, SecretStr, StrictBool, create_model

from portal.api.auth import Acting, ActingOperator, Caller, Context, Installation, OfRectorat, count_commands
from portal.api.problems import Problem, Refusal, of_form, only_json, problem_of, refusal_responses
from portal.api.requests import PREFIX, Limit, ReferencePath, next_page, path_of
from portal.api.schemas import LONGEST, Count, Day, ReasonOut, Reference, RequestModel, ResponseModel, Text, Year
from portal.texts import TRIGGER_TEXTS
from states.commands import COMMANDS, Code, Command
from states.decision import Refused
from states.model import OnBehalf
from states.school_calendar import SchoolYear
from states.transitions import BY_TRIGGER
from states.vocabulary import RequestedBy, Role, State, Trigger
from workflow.auth.rate_limit import REFUSED_CALLS
from workflow.codes.batches import (
    MOST_DRAWN,
    BatchView,
    UnknownBatch,
    erase_codes,
    list_batches,
    load_batch,
    send_codes,
)
from workflow.engine.engine import Result, execute_in_batches

OPEN: Final[dict[Trigger, type[Command]]] = {
    trigger: kind
    for trigger, kind in COMMANDS.items()
    if trigger not in (Trigger.EXPIRE, Trigger.DRAW_CODE, Trigger.OPEN_CODE)
}
"""The commands open to programs: only the schedule says that a year is over (R50), and codes are drawn in batches,
whose file a person takes to the ODA server (R97)."""

BIRTHS: Final = (Trigger.DECLARE, Trigger.RENEW)

MOST: Final = 100
"""Commands in a batch."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=100, pattern="^[!-~]+$",
        description="La même clé, avec le même corps, dans les sept jours : l'action n'est faite qu'une fois (R10).",
    ),
]  # fmt: skip

_TEXT = "quelques mots, sans nom ni donnée de santé"

FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "reference": ("La référence de la demande.", "ODA-2027-00001"),
    "expected_version": ("La version lue : si la demande a changé depuis, l'action est refusée (R9).", None),
    "on_behalf": ("Qui, dans l'établissement, l'a demandé ; pour un opérateur seulement (R5).", None),
    "uai": ("L'UAI de l'établissement (R11).", "0310001H"),
    "nom": ("Le nom du RUPN, comme dans l'annuaire de l'académie (R16).", "Durand"),
    "prenom": ("Son prénom (R16).", "Zoé"),
    "mail": ("Son adresse académique (R16).", "zoe.durand@ac-toulouse.fr"),
    "school_year": ("L'année scolaire ; absente : celle qui est proposée (R20).", "2026-2027"),
    "drane_declared_on": ("Le jour de la déclaration à la DRANE ; absent : pas encore (R25).", "2026-09-10"),
    "mail_confirmed": ("C'est bien l'adresse professionnelle du RUPN, bien que d'un autre domaine (R16).", None),
    "homonym_confirmed": ("C'est bien une autre personne, de mêmes nom et prénom (R17).", None),
    "why": (f"Pourquoi : {_TEXT}.", "accueil des familles"),
    "note": (f"Une précision : {_TEXT}.", None),
    "made_on": ("Le jour où la délégation a été faite dans DelegCE.", "2026-09-14"),
    "signed_on": ("Le jour de la signature.", "2026-09-14"),
    "version": ("La version signée, lue sur la charte.", "2026-1"),
    "copy_kept": ("L'exemplaire signé est conservé dans l'établissement.", True),
    "outcome": ("Ce que la vérification a trouvé.", "positive"),
    "source": (f"Où l'on a regardé : {_TEXT}.", "liste de la DRANE du 14 septembre"),
    "checked_on": ("Le jour de la vérification ; absent : aujourd'hui (R36).", "2026-09-14"),
    "step": ("L'étape à refaire.", "charter"),
    "code": ("Le code d'initialisation ; il n'est jamais renvoyé ni journalisé (R41, R60).", "Ab12Cd34"),
    "extends": ("La demande dont la clé sert aussi ici, au lieu d'un code (R40).", None),
    "key_elsewhere": ("La personne a déjà une clé, qui sert à une autre application : aucun code (R40).", None),
    "expires_on": ("L'expiration portée sur le serveur ODA ; absente : la fin de l'année (R43).", "2027-08-31"),
    "new_key_confirmed": ("La personne a déjà une clé, et une nouvelle est voulue (R42).", None),
    "drawn": ("Le code tiré pour cette demande est sur le serveur ODA : son courriel peut partir (R97).", None),
    "handed_on": ("Le jour de la remise.", "2026-09-14"),
    "change": ("Ce qui change.", "departure"),
    "effective_on": ("À partir de quel jour.", "2026-10-01"),
    "settlement": ("La suite donnée.", "no_effect"),
    "revoke_on": ("Le jour où l'échéancier révoquera, pour une révocation datée seulement (R46).", None),
    "report": ("Le numéro du signalement ; absent : le seul qui soit ouvert.", 1),
    "reason": ("La raison.", None),
    "question": (f"La question, que l'établissement lira : {_TEXT}.", "le RUPN est-il bien celui de la liste ?"),
    "answer": (f"La réponse : {_TEXT}.", "oui, la liste est en retard"),
    "sent_on": ("Le jour de la transmission à la DRANE ; absent : aujourd'hui (R96).", "2026-09-14"),
    "what": ("Ce qui a été transmis ; absent : ce que la demande a à transmettre.", None),
    "seen": ("L'empreinte de la ligne transmise ; absente : la demande telle qu'elle est.", None),
    "settle_change.why": (f"Pourquoi : {_TEXT}.", "le départ est annulé"),
    "reopen_removal.why": (f"Pourquoi : {_TEXT}.", "confirmé pour une autre demande"),
    "send_back.why": (f"Pourquoi : {_TEXT}.", "charte de l'an passé"),
    "reissue_code.reason": ("La raison.", "not_received"),
    "withdraw.reason": ("La raison.", "not_needed"),
    "revoke.reason": ("La raison.", "departure"),
    "confirm_removal.outcome": ("Ce qui a été fait sur le serveur ODA.", "removed"),
    "confirm_expiry.expires_on": ("L'expiration portée ; absente : la fin de l'année (R43).", "2027-07-31"),
    "renew.school_year": ("L'année scolaire ; absente : la dernière qui soit ouverte (R33).", None),
    "amend.nom": ("Le nom corrigé ; après la charte, elle est à signer de nouveau.", None),
    "amend.prenom": ("Le prénom corrigé, de même.", None),
    "amend.mail": ("L'adresse corrigée.", "z.durand@ac-toulouse.fr"),
    "amend.drane_declared_on": ("Le jour de la déclaration à la DRANE.", None),
}
"""A field's sentence and example, of every action or of one (``trigger.field``); None: the example leaves it out."""

BEHALF: Final[dict[str, Any]] = {"who": "Mme Martin, principale", "how": "telephone", "when": "2026-09-14"}
router = APIRouter(tags=["actions"], dependencies=[Depends(only_json)])
batches_router = APIRouter(tags=["codes tirés"])
BatchNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="Le numéro du lot.", examples=[1])]


class Behalf(RequestModel):
    """The establishment's request to an operator (R5)."""

    who: Text = Field(description="Qui, dans l'établissement : nom et fonction.")
    how: RequestedBy = Field(description="Par quel moyen.")
    when: Day = Field(description="Quel jour.")


_WIRE_TYPES: Final[dict[Any, Any]] = {
    str: Text, bool: StrictBool, int: Count, date: Day, SchoolYear: Year, OnBehalf: Behalf,
    Code: Annotated[SecretStr, Field(max_length=LONGEST)],
}  # fmt: skip


def of_field(trigger: Trigger, name: str) -> tuple[str, Any]:
    """The sentence and the example of a field of a command."""
    return FIELDS.get(f"{trigger.value}.{name}") or FIELDS[name]


@cache
def body_of(trigger: Trigger) -> type[RequestModel]:
    """The body of ``POST /requests/{reference}/{trigger}``, or of a birth."""
    command = OPEN[trigger]
    hints = get_type_hints(command)
    members: dict[str, Any] = {}
    for field in fields(command):
        if field.name in ("reference", "evidence"):  # what a program has read is no row of an imported list (R94)
            continue
        description, _ = of_field(trigger, field.name)
        default: Any = ... if field.default is MISSING else field.default
        members[field.name] = (_wire_type(field.name, hints[field.name]), Field(default, description=description))
    return create_model(f"{_camel(trigger)}Body", __base__=RequestModel, **members)


@cache
def entry_of(trigger: Trigger) -> type[RequestModel]:
    """The same within a batch, with its trigger and the request's reference."""
    members: dict[str, Any] = {"trigger": (Literal[trigger.value], Field(description=f"Toujours « {trigger.value} »."))}
    if any(field.name == "reference" for field in fields(OPEN[trigger])):
        members["reference"] = (Reference, Field(description=FIELDS["reference"][0]))
    return create_model(f"{_camel(trigger)}Entry", __base__=body_of(trigger), **members)


def command_from_body(trigger: Trigger, body: RequestModel, **from_address: Any) -> Command:
    """The command that a body asks for."""
    kind, names = OPEN[trigger], type(body).model_fields
    values = {field.name: getattr(body, field.name) for field in fields(kind) if field.name in names}
    for name, value in values.items():
        if isinstance(value, SecretStr):
            values[name] = Code(clear=value.get_secret_value())
        elif isinstance(value, Behalf):
            values[name] = OnBehalf(who=value.who, how=value.how, when=value.when.isoformat())
    return kind(**(values | from_address))


@cache
def example_of(trigger: Trigger, *, behalf: bool = False) -> dict[str, Any]:
    """A body that is accepted, for a request that is where it must be."""
    examples = {name: of_field(trigger, name)[1] for name in body_of(trigger).model_fields}
    return {name: value for name, value in examples.items() if value is not None} | (
        {"on_behalf": BEHALF} if behalf else {}
    )


def _wire_type(name: str, hint: Any) -> Any:
    alternatives = getattr(hint, "__args__", ())
    if type(None) in alternatives:
        (inner,) = (alternative for alternative in alternatives if alternative is not type(None))
        return _wire_type(name, inner) | None
    return Reference if name in ("reference", "extends") else _WIRE_TYPES.get(hint, hint)


def _camel(trigger: Trigger) -> str:
    return "".join(part.capitalize() for part in trigger.value.split("_"))


class DoneOut(ResponseModel):
    """An accepted command."""

    reference: str
    trigger: Trigger
    state: State
    version: int
    warnings: list[ReasonOut] = Field(description="Ce qui n'empêche pas, mais qu'il faut savoir (R19, R21, R49).")
    replayed: bool = Field(description="Déjà fait sous cette clé : rien n'est fait deux fois (R10).")


def _execute(context: Installation, caller: Caller, command: Command, key: str | None, response: Response) -> DoneOut:
    """Raises Refusal with all its reasons; the response to a birth has the new request's address."""
    count_commands(context, caller, 1)
    (result,) = context.app.engine.execute([command], caller.actor, key=f"api:{key}" if key else None)
    if isinstance(result, Refused):
        raise Refusal(result.reasons)
    if result.trigger in BIRTHS:
        response.headers["Location"] = f"{PREFIX}/requests/{result.reference}"
    return DoneOut.model_validate(result)


def _add_route(trigger: Trigger) -> None:
    """The route of a trigger; its body is that of the command.

    Of what an establishment does, the description also shows the body by which an operator does it at its request (R5).
    """

    def birth(context: Context, caller: Acting, body: RequestModel, response: Response, key: Key = None) -> DoneOut:
        return _execute(context, caller, command_from_body(trigger, body), key, response)

    def change(
        context: Context, caller: Acting, reference: ReferencePath, body: RequestModel, response: Response,
        key: Key = None,
    ) -> DoneOut:  # fmt: skip
        return _execute(context, caller, command_from_body(trigger, body, reference=reference), key, response)

    endpoint: Any = birth if trigger is Trigger.DECLARE else change
    examples: dict[str, Any] = {"simple": {"summary": "L'essentiel", "value": example_of(trigger)}}
    if Role.CHEF in BY_TRIGGER[trigger].roles and Role.OPERATOR not in BY_TRIGGER[trigger].roles:
        example = example_of(trigger, behalf=True)
        examples["behalf"] = {"summary": "Par un opérateur, à la demande de l'établissement", "value": example}
    endpoint.__annotations__["body"] = Annotated[body_of(trigger), Body(openapi_examples=examples)]
    router.add_api_route(
        "/requests" if trigger is Trigger.DECLARE else f"/requests/{{reference}}/{path_of(trigger)}",
        endpoint, methods=["POST"], operation_id=trigger.value, status_code=201 if trigger in BIRTHS else 200,
        summary=trigger.label[:1].upper() + trigger.label[1:], description=TRIGGER_TEXTS[trigger].api,
        responses=refusal_responses(400, 404, 408, 409, 413, 415),
    )  # fmt: skip


for _trigger in OPEN:
    _add_route(_trigger)


Entry: Any = Annotated[reduce(or_, [entry_of(trigger) for trigger in OPEN]), Field(discriminator="trigger")]


_BATCH_EXAMPLE = {
    "commands": [
        {"trigger": trigger.value, "reference": "ODA-2027-00001"} | example_of(trigger)
        for trigger in (Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION)
    ]
}


class BatchBody(RequestModel):
    """Commands, done in order."""

    commands: list[Entry] = Field(min_length=1, max_length=MOST, description="Les commandes, dans l'ordre.")


class Accepted(ResponseModel):
    """A command that was done."""

    outcome: Literal["done"] = "done"
    done: DoneOut


class Declined(ResponseModel):
    """A command that was refused; nothing of it was done."""

    outcome: Literal["refused"] = "refused"
    problem: Problem


class Results(ResponseModel):
    """One result per command, in the same order."""

    results: list[Annotated[Accepted | Declined, Field(discriminator="outcome")]]


@router.post(
    "/batch", summary="Plusieurs commandes", operation_id="batch", responses=refusal_responses(400, 408, 413, 415),
)  # fmt: skip
def execute_batch(
    request: Request,
    context: Context,
    caller: Acting,
    body: Annotated[
        BatchBody, Body(openapi_examples={"simple": {"summary": "Deux vérifications", "value": _BATCH_EXAMPLE}})
    ],
    key: Key = None,
) -> Results:
    """Jusqu'à cent commandes en une transaction ; celle qui est refusée n'empêche pas les autres."""
    commands: list[Any] = [
        command_from_body(Trigger(entry.trigger), entry, **entry.model_dump(include={"reference"}))
        for entry in body.commands
    ]
    count_commands(context, caller, len(commands))
    results = execute_in_batches(
        context.app.engine, commands, caller.actor, key=lambda *_: f"api-batch:{key}" if key else None
    )
    answers: list[Accepted | Declined] = [
        Declined(problem=problem_of(result.reasons))
        if isinstance(result, Refused)
        else Accepted(done=DoneOut.model_validate(result))
        for result in results
    ]
    refused = sum(isinstance(answer, Declined) and answer.problem.is_counted for answer in answers)
    if refused:
        context.count_refusal(REFUSED_CALLS, request, refused)
    return Results(results=answers)


class BatchParameters(RequestModel):
    """A place in the list of batches."""

    after: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, description="Le curseur : le dernier numéro.")
    limit: Limit = 50


class BatchOut(ResponseModel):
    """A batch, without any code."""

    number: int
    drawn_at: datetime
    drawn_by: str
    size: int
    files_taken: int
    done_at: datetime | None
    is_open: bool
    waiting: list[str]
    references: list[str]


class Batches(ResponseModel):
    """A page of batches, the newest first."""

    items: list[BatchOut]
    next: str | None


class ReferencesBody(RequestModel):
    """Requests of a batch."""

    references: list[Reference] = Field(min_length=1, max_length=MOST_DRAWN, description="Les demandes du lot.")


class CodeResult(ResponseModel):
    """The result for the code of a request."""

    reference: str
    is_done: bool
    problem: Problem | None


class CodeResults(ResponseModel):
    """One result per request."""

    results: list[CodeResult]


@batches_router.get(
    "/code-batches", summary="Les lots", operation_id="list_code_batches", responses=refusal_responses()
)
def list_lots(
    context: Context, caller: OfRectorat, parameters: Annotated[BatchParameters, Query()], response: Response
) -> Batches:  # fmt: skip
    """Les lots de codes tirés, le dernier d'abord ; aucun code n'y est (R97)."""
    del caller
    limit = parameters.limit
    with context.app.database.read() as connection:
        batches = list_batches(connection, before=parameters.after, limit=limit + 1)
    after = batches[limit - 1].number if len(batches) > limit else None
    items = [_batch_out(batch) for batch in batches[:limit]]
    return Batches(items=items, next=next_page(response, "code-batches", parameters, after))


@batches_router.get(
    "/code-batches/{number}", summary="Un lot", operation_id="show_code_batch", responses=refusal_responses(404)
)  # fmt: skip
def get_batch(context: Context, caller: OfRectorat, number: BatchNumber) -> BatchOut:
    """Ses demandes, et celles dont le code attend encore (R97)."""
    del caller
    try:
        with context.app.database.read() as connection:
            return _batch_out(load_batch(connection, number))
    except UnknownBatch:
        raise _unknown() from None


@batches_router.post(
    "/code-batches/{number}/done", summary="« C'est fait »", operation_id="send_drawn_codes",
    responses=refusal_responses(400, 404, 408, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def mark_done(
    context: Context, caller: ActingOperator, number: BatchNumber, body: Annotated[ReferencesBody, Body()],
    key: Key = None,
) -> CodeResults:  # fmt: skip
    """Ces codes sont sur le serveur ODA : leurs courriels partent (R97)."""
    return _results(lambda text: send_codes(context.app.engine, number, body.references, caller.actor, key=text), key)


@batches_router.post(
    "/code-batches/{number}/erase", summary="Effacer des codes tirés", operation_id="erase_drawn_codes",
    responses=refusal_responses(400, 404, 408, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def erase_drawn(
    context: Context, caller: ActingOperator, number: BatchNumber, body: Annotated[ReferencesBody, Body()],
    key: Key = None,
) -> CodeResults:  # fmt: skip
    """Ceux que le serveur n'a pas pris : chaque demande redevient ce qu'elle était (R97)."""
    return _results(lambda text: erase_codes(context.app.engine, number, body.references, caller.actor, key=text), key)


def _results(act: Callable[[str], Mapping[str, Result]], key: str | None) -> CodeResults:
    """Raises Refusal (404) for an unknown batch."""
    try:
        results = act(f"api-codes:{key or secrets.token_hex(16)}")
    except UnknownBatch:
        raise _unknown() from None
    return CodeResults(results=[
        CodeResult(
            reference=reference, is_done=not isinstance(result, Refused),
            problem=problem_of(result.reasons) if isinstance(result, Refused) else None,
        )
        for reference, result in results.items()
    ])  # fmt: skip


def _unknown() -> Refusal:
    return Refusal((of_form("unknown_batch", "Aucun lot ne porte ce numéro", "Le lire dans la liste des lots."),), 404)


def _batch_out(batch: BatchView) -> BatchOut:
    return BatchOut(
        number=batch.number, drawn_at=batch.drawn_at, drawn_by=batch.drawn_by, size=batch.size,
        files_taken=batch.downloads, done_at=batch.done_at, is_open=batch.is_open, waiting=list(batch.waiting),
        references=list(batch.references),
    )  # fmt: skip
