"""Operators at work together on a request: « je m'en occupe », and the notes that they leave each other (R88)."""

from dataclasses import dataclass
from typing import Final, Self

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions.base import ActionContext
from portal.web.context import Context, Operator, Posted, Typed
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.worklist.position import origin_of
from workflow.requests.collaboration import LONGEST, Assignment, PrivateNote, assignments_of, notes_of

NOTE: Final = Field(
    name="private_note", label="Note pour vos collègues", shape=Shape.AREA,
    hint=f"{LONGEST} caractères au plus. Ni santé ni vie privée. Seuls les opérateurs la lisent, et peuvent l'effacer.",
    missing="Écrire la note.",
)  # fmt: skip

router = APIRouter(prefix="/rectorat/demandes", include_in_schema=False)
"""Before the actions of a request, whose addresses are as wide."""


@dataclass(frozen=True, kw_only=True)
class Collaboration:
    """What colleagues are told of a request; ``note_form`` is None for who may write none."""

    assignment: Assignment | None
    is_own: bool
    notes: tuple[PrivateNote, ...]
    note_form: Form | None

    @classmethod
    def load(cls, action_context: ActionContext) -> Self:
        """A reader is shown who handles the request, and no note."""
        app, visitor, reference = action_context.app, action_context.visitor, action_context.reference
        with app.database.read() as connection:
            assignment = assignments_of(connection, [reference], app.clock.now()).get(reference)
            notes = notes_of(connection, reference) if visitor.is_operator else ()
        is_own = assignment is not None and assignment.is_of(visitor.actor)
        form = blank((NOTE,)) if visitor.is_operator else None
        return cls(assignment=assignment, is_own=is_own, notes=notes, note_form=form)


@router.post("/{reference}/suivi")
def assign(request: Request, context: Context, visitor: Operator, reference: str, data: Posted) -> Response:
    """Take the request, or release it whoever has it."""
    action_context = ActionContext.load(context, visitor, reference, origin_of(request))
    if data.get("suivi") == "laisser":
        context.app.assignments.release(action_context.reference)
    else:
        context.app.assignments.take(action_context.reference, visitor.actor)
    return RedirectResponse(f"{action_context.address_of()}#suivi", status_code=303)


@router.post("/{reference}/notes")
def write_note(request: Request, context: Context, visitor: Operator, reference: str, data: Typed) -> Response:
    """Write a note; a refused one stays on a page of its own, with its reasons."""
    action_context = ActionContext.load(context, visitor, reference, origin_of(request))
    form = filled((NOTE,), data)
    if form.is_right:
        form = form.refused(
            context.app.private_notes.write(action_context.reference, visitor.actor, form.values["private_note"])
        )
    if form.is_right:
        return RedirectResponse(f"{action_context.address_of()}#notes", status_code=303)
    return context.pages.page(
        request, "rectorat/note.html", visitor, status=422, action_context=action_context, form=form
    )


@router.post("/{reference}/notes/{number}/effacer")
def erase_note(
    request: Request,
    context: Context,
    visitor: Operator,
    reference: str,
    number: int,
    data: Posted,  # noqa: ARG001
) -> Response:
    """Erase a note for good."""
    action_context = ActionContext.load(context, visitor, reference, origin_of(request))
    context.app.private_notes.erase(action_context.reference, number)
    return RedirectResponse(f"{action_context.address_of()}#notes", status_code=303)
