"""The papers of a request, as PDF: the charter, the slip of the hand-over, the sheet of the first connection."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Response

from notifications.rendering.papers import Paper, PaperUnmakeable
from notifications.rendering.pdf import compile_paper
from portal.api.auth import Caller, Context, Installation, Reading
from portal.api.files import PDF, attached, file_answer
from portal.api.problems import Refusal, of_form, refusal_responses
from portal.api.requests import ReferencePath, load_request
from portal.documents import NoSlip, make_charter, make_first_connection, make_slip
from workflow.requests.detail import RequestView

_ANSWERS: Final = file_answer(PDF) | refusal_responses(404, 409)

router = APIRouter(tags=["documents"])


@router.get(
    "/requests/{reference}/charter.pdf", summary="La charte", operation_id="print_charter",
    response_class=Response, responses=_ANSWERS,
)  # fmt: skip
def print_charter(context: Context, caller: Reading, reference: ReferencePath) -> Response:
    """Prête à signer, au nom du RUPN (R27)."""
    return _printed(context, caller, reference, lambda view: make_charter(context.app, view))


@router.get(
    "/requests/{reference}/handover-slip.pdf", summary="Le bordereau de remise", operation_id="print_handover_slip",
    response_class=Response, responses=_ANSWERS,
)  # fmt: skip
def print_slip(context: Context, caller: Reading, reference: ReferencePath) -> Response:
    """Ce que le RUPN signe à la remise du code, qui n'y est pas (R31)."""

    def make(view: RequestView) -> Paper:
        with context.app.database.read() as connection:
            return make_slip(context.app, connection, view)

    return _printed(context, caller, reference, make)


@router.get(
    "/requests/{reference}/first-connection.pdf", summary="La première connexion",
    operation_id="print_first_connection", response_class=Response, responses=_ANSWERS,
)  # fmt: skip
def print_first_connection(context: Context, caller: Reading, reference: ReferencePath) -> Response:
    """La feuille qui dit au RUPN comment se connecter (R69)."""
    return _printed(context, caller, reference, lambda view: make_first_connection(context.app, view))


def _printed(
    context: Installation, caller: Caller, reference: str, make: Callable[[RequestView], Paper]
) -> Response:  # fmt: skip
    """Raises Refusal: 404, 409 when there is nothing to print."""
    view = load_request(context, caller, reference)
    try:
        paper = make(view)
    except NoSlip as nothing:
        message, remedy = (text[:1].upper() + text[1:] for text in (nothing.why, nothing.remedy))
        raise Refusal((of_form("no_slip", message, f"{remedy}."),), 409) from None
    except PaperUnmakeable:
        message = "Ce document n'a pas pu être fait : son modèle est à corriger"
        raise Refusal((of_form("paper_unmakeable", message, "Le dire à l'administrateur."),), 409) from None
    return attached(compile_paper(paper, context.app.clock.now()), filename=paper.filename, media_type=PDF)
