"""The batches of drawn codes: listed, said to be on the ODA server, erased (R97).

The file of a batch holds codes in clear: it is taken by a person who has just proved who they are, by no program (R60).
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from pydantic import Field

from portal.api.actions import Key
from portal.api.auth import ActingOperator, Context, OfRectorat
from portal.api.field_types import Reference, RequestModel, ResponseModel
from portal.api.json_bodies import only_json
from portal.api.problems import Problem, Refusal, of_form, problem_of, refusal_responses
from portal.api.requests import Limit, next_page
from states.decision import Refused
from workflow.codes.batches import MOST, BatchView, UnknownBatch, erase_codes, list_batches, load_batch, send_codes
from workflow.engine.engine import Result

router = APIRouter(tags=["codes tirés"])

BatchNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="Le numéro du lot.", examples=[1])]


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

    references: list[Reference] = Field(min_length=1, max_length=MOST, description="Les demandes du lot.")


class CodeResult(ResponseModel):
    """What became of the code of a request."""

    reference: str
    is_done: bool
    problem: Problem | None


class CodeResults(ResponseModel):
    """One result per request."""

    results: list[CodeResult]


@router.get("/code-batches", summary="Les lots", operation_id="list_code_batches", responses=refusal_responses())
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


@router.get(
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


@router.post(
    "/code-batches/{number}/done", summary="« C'est fait »", operation_id="send_drawn_codes",
    responses=refusal_responses(400, 404, 408, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def mark_done(
    context: Context, caller: ActingOperator, number: BatchNumber, body: Annotated[ReferencesBody, Body()],
    key: Key = None,
) -> CodeResults:  # fmt: skip
    """Ces codes sont sur le serveur ODA : leurs courriels partent (R97)."""
    return _results(lambda text: send_codes(context.app.engine, number, body.references, caller.actor, key=text), key)


@router.post(
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
