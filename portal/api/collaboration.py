"""Who handles a request, and the operators' private notes on it (R88): between operators, shown to nobody else."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Response
from pydantic import Field

from portal.api.auth import ActingOperator, Caller, Context, Installation, OfOperator
from portal.api.field_types import RequestModel, ResponseModel, Text
from portal.api.json_bodies import only_json
from portal.api.problems import Refusal, refusal_responses
from portal.api.requests import PREFIX, ReferencePath, load_request
from workflow.requests.collaboration import PrivateNote, assignments_of, notes_of

router = APIRouter(tags=["travail à plusieurs"])

NoteNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="Le numéro de la note.", examples=[1])]


class NoteBody(RequestModel):
    """A note to write."""

    text: Text = Field(description="La note, de 500 caractères au plus.", examples=["le chef rappelle jeudi"])


class NoteOut(ResponseModel):
    """A note."""

    number: int
    author: str
    written_at: datetime
    text: str


class Notes(ResponseModel):
    """The notes of a request, the latest first."""

    items: list[NoteOut]


class AssignmentOut(ResponseModel):
    """Who handles a request now; both are null when nobody does."""

    address: str | None
    until: datetime | None


@router.get(
    "/requests/{reference}/notes", summary="Les notes privées", operation_id="list_notes",
    responses=refusal_responses(404),
)  # fmt: skip
def list_notes(context: Context, caller: OfOperator, reference: ReferencePath) -> Notes:
    """Celles des opérateurs, la dernière d'abord (R88)."""
    load_request(context, caller, reference)
    with context.app.database.read() as connection:
        return Notes(items=[_note_out(note) for note in notes_of(connection, reference)])


@router.post(
    "/requests/{reference}/notes", summary="Écrire une note", operation_id="write_note", status_code=201,
    responses=refusal_responses(400, 404, 408, 409, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def write_note(
    context: Context, caller: ActingOperator, reference: ReferencePath, body: Annotated[NoteBody, Body()],
    response: Response,
) -> NoteOut:  # fmt: skip
    """Une note que les opérateurs seuls lisent, et que chacun d'eux peut effacer (R88)."""
    load_request(context, caller, reference)
    if reasons := context.app.private_notes.write(reference, caller.actor, body.text):
        raise Refusal(reasons)
    with context.app.database.read() as connection:
        note = notes_of(connection, reference)[0]
    response.headers["Location"] = f"{PREFIX}/requests/{reference}/notes/{note.number}"
    return _note_out(note)


@router.delete(
    "/requests/{reference}/notes/{number}", summary="Effacer une note", operation_id="erase_note", status_code=204,
    responses=refusal_responses(404, 409),
)  # fmt: skip
def erase_note(context: Context, caller: ActingOperator, reference: ReferencePath, number: NoteNumber) -> None:
    """Pour de bon ; une note qui n'est plus là ne change rien (R88)."""
    load_request(context, caller, reference)
    context.app.private_notes.erase(reference, number)


@router.get(
    "/requests/{reference}/assignment", summary="Qui s'en occupe", operation_id="show_assignment",
    responses=refusal_responses(404),
)  # fmt: skip
def get_assignment(context: Context, caller: OfOperator, reference: ReferencePath) -> AssignmentOut:
    """L'opérateur qui s'en occupe à présent, et jusqu'à quand (R88)."""
    return _assignment(context, caller, reference)


@router.put(
    "/requests/{reference}/assignment", summary="S'en occuper", operation_id="take_request",
    responses=refusal_responses(404, 409),
)  # fmt: skip
def take_request(context: Context, caller: ActingOperator, reference: ReferencePath) -> AssignmentOut:
    """Pour un moment, qui que ce soit qui s'en occupait ; cela n'empêche personne d'agir (R88)."""
    load_request(context, caller, reference)
    context.app.assignments.take(reference, caller.actor)
    return _assignment(context, caller, reference)


@router.delete(
    "/requests/{reference}/assignment", summary="Ne plus s'en occuper", operation_id="release_request",
    status_code=204, responses=refusal_responses(404, 409),
)  # fmt: skip
def release_request(context: Context, caller: ActingOperator, reference: ReferencePath) -> None:
    """La demande n'est plus à personne (R88)."""
    load_request(context, caller, reference)
    context.app.assignments.release(reference)


def _assignment(context: Installation, caller: Caller, reference: str) -> AssignmentOut:
    load_request(context, caller, reference)
    app = context.app
    with app.database.read() as connection:
        found = assignments_of(connection, [reference], app.clock.now()).get(reference)
    return AssignmentOut(address=found.address if found else None, until=found.until if found else None)


def _note_out(note: PrivateNote) -> NoteOut:
    return NoteOut(number=note.number, author=note.author, written_at=note.written_at, text=note.body)
