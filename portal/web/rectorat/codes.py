"""/rectorat/codes: batches of codes drawn for the ODA server's console, and a file of typed ones (R97, R98)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from portal.texts import TRIGGER_TEXTS
from portal.web.actions.base import read_action, render_refused, version_of
from portal.web.actions.operator import OPERATOR_ACTIONS
from portal.web.context import Context, Operator, Posted, ProvenOperator, Rectorat, Typed, WebContext
from portal.web.file_import import GONE, WHOLE, Uploaded
from portal.web.forms import REFERENCE, Form, blank, filled
from portal.web.rectorat.request import load_action
from portal.web.security import Visitor
from portal.web.worklist.bulk import CODES_PATH, BatchResult, render_batch
from states.decision import Refused
from states.french import plural
from states.vocabulary import ReissueReason, Trigger
from workflow.codes.batches import (
    MOST_DRAWN,
    CodeResult,
    Drawing,
    UnknownBatch,
    batch_state,
    check_codes,
    draw_codes,
    drawings_anew,
    erase_codes,
    issue_codes,
    list_batches,
    load_batch,
    read_code_file,
    read_codes,
    send_codes,
    take_back_codes,
)
from workflow.codes.reading import CodesFileRefused, take_file
from workflow.requests.worklist import Worklist
from workflow.spreadsheets.staged_imports import StagedFile
from workflow.spreadsheets.workbook import UnusableFile

SHOWN: Final = 50
"""Batches of the list."""

KIND: Final = "codes"
"""The kind of the files of codes, among those that wait for their confirmation."""

ALL, TICKED, BUT_TICKED, ERASE, ANEW = "toutes", "cochees", "sauf", "effacer", "retirer"
"""The actions on a batch: the values of its buttons."""

DRAW: Final = "tirer-un-code"
"""The end of the address at which one code is drawn."""

_READING: Final = (replace(WHOLE, required=False),)

router = APIRouter(prefix=CODES_PATH, include_in_schema=False)

request_router = APIRouter(prefix="/rectorat/demandes", include_in_schema=False)
"""Its address is one of those that the page of a request has for its actions: it comes before them."""


@router.get("")
def show_batches(request: Request, context: Context, visitor: Rectorat, avant: str = "") -> Response:
    """The batches, the last one first."""
    before = int(avant) if avant.isascii() and avant.isdecimal() and len(avant) < 10 else None
    with context.app.database.read() as connection:
        batches = list_batches(connection, before=before, limit=SHOWN + 1)
    more = f"{CODES_PATH}?avant={batches[SHOWN - 1].number}" if len(batches) > SHOWN else ""
    return context.pages.page(
        request, "rectorat/codes.html", visitor, batches=batches[:SHOWN], more=more, state_of=batch_state,
        draws=context.app.policy.draws_codes,
    )  # fmt: skip


@router.get("/fichier")
def show_code_file_form(request: Request, context: Context, visitor: ProvenOperator) -> Response:
    """Ask for a file of typed codes."""
    return _render_file_form(request, context, visitor)


@router.post("/fichier")
def read_typed_codes(request: Request, context: Context, visitor: ProvenOperator, upload: Uploaded) -> Response:
    """Say what would be done of each line; nothing is, and no code is shown."""
    if upload.is_given_back:
        return _render_file_form(request, context, visitor, form=filled(_READING, upload.fields))
    if upload.too_large or not upload.content:
        problem = "Ce fichier dépasse 900 ko : le couper en plusieurs." if upload.too_large else "Choisir un fichier."
        return _render_file_form(request, context, visitor, problem)
    try:
        table = read_code_file(BytesIO(upload.content), is_complete=upload.text(WHOLE.name) == "oui")
        secret = context.app.staged_imports.keep(KIND, visitor.actor, StagedFile(table=table))
    except UnusableFile as error:
        return _render_file_form(request, context, visitor, str(error))
    lines = check_codes(context.app.engine, context.app.mailer, read_codes(table), visitor.actor)
    return context.pages.page(
        request, "rectorat/codes_file_read.html", visitor, form=blank(()), secret=secret,
        ready=[line for line in lines if line.is_ready], refused=[line for line in lines if not line.is_ready],
    )  # fmt: skip


@router.post("/fichier/confirmer")
def issue_typed_codes(request: Request, context: Context, visitor: ProvenOperator, data: Posted) -> Response:
    """Issue the codes that were read; each line has its result, and what was read is erased."""
    app, secret = context.app, str(data.get("attente") or "")
    staged = app.staged_imports.find(KIND, visitor.actor, secret)
    if staged is None:
        return _render_file_form(request, context, visitor, GONE)
    key = f"web:{filled((), data).key}"
    results = issue_codes(app.engine, read_codes(staged.table), visitor.actor, key=key)
    app.staged_imports.erase(KIND, visitor.actor, secret)
    return _render_file_results(request, context, visitor, results)


@router.get("/annuler-envois")
def leave_taken_back(visitor: Rectorat) -> Response:  # noqa: ARG001
    """The page of a result, read again: the batches."""
    return RedirectResponse(CODES_PATH, status_code=303)


@router.post("/annuler-envois")
def take_back_mails(request: Request, context: Context, visitor: Operator, data: Posted) -> Response:
    """Take back at once the mails of codes that are still held, each decided for itself (R62)."""
    app, versions = context.app, _versions(str(data.get("envois") or ""))
    results = take_back_codes(app.engine, versions, visitor.actor, key=f"web:{filled((), data).key}")
    with app.database.read() as connection:
        lines = Worklist(connection, visitor.actor, app.policy, app.clock.now()).lines(list(results))
    return context.pages.page(
        request, "rectorat/codes_taken_back.html", visitor, status=200 if results else 422,
        lines={line.line.reference: line.line for line in lines}, result=BatchResult("annulé", results),
    )  # fmt: skip


@router.post("/fichier/abandonner")
def forget_typed_codes(context: Context, visitor: Operator, data: Posted) -> Response:
    """Erase what was read."""
    context.app.staged_imports.erase(KIND, visitor.actor, str(data.get("attente") or ""))
    sentence = "ce qui avait été lu est effacé, aucun code n'est émis"
    return context.success_messages.redirect(visitor, f"{CODES_PATH}/fichier", sentence)


@router.get("/{number}")
def show_batch(request: Request, context: Context, visitor: Rectorat, number: int) -> Response:
    """One batch: what is to be done of it, or was."""
    return render_batch(request, context, visitor, number)


@router.get("/{number}/suite")
@router.get("/{number}/fichier")
def leave_batch_action(visitor: Rectorat, number: int) -> Response:  # noqa: ARG001
    """The page of a result, read again: the batch as it is now."""
    return RedirectResponse(f"{CODES_PATH}/{number}", status_code=303)


@router.post("/{number}/fichier")
def download_codes(request: Request, context: Context, visitor: ProvenOperator, number: int, data: Posted) -> Response:
    """The file for the ODA server's console, made in memory and kept nowhere; taken again only for a reason (R97)."""
    app, form, settings = context.app, filled((), data), context.app.settings.code.file
    why = str(data.get("why") or "")[:2000]
    try:
        file = take_file(app.engine, app.mailer, settings, number, visitor.actor, key=form.key, why=why)
    except UnknownBatch:
        raise HTTPException(404) from None
    except CodesFileRefused as refused:
        return render_batch(request, context, visitor, number, reasons=refused.reasons, status=422)
    charset = settings.encoding.removesuffix("-sig")
    stem, dot, ending = settings.filename.rpartition(".")
    name = f"{stem}-lot-{number}{dot}{ending}" if stem else settings.filename
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(file.content, media_type=f"{settings.media_type}; charset={charset}", headers=headers)


@router.post("/{number}/suite")
def act_on_batch(request: Request, context: Context, visitor: ProvenOperator, number: int, data: Posted) -> Response:
    """Send the mails of all or some, erase the codes that failed, or draw others; each is decided for itself."""
    app = context.app
    with app.database.read() as connection:
        try:
            batch = load_batch(connection, number)
        except UnknownBatch:
            raise HTTPException(404) from None
    ticked, action = _references(data.getlist("ref")), str(data.get("suite") or "")
    if problem := _problem(action, ticked):
        return render_batch(request, context, visitor, number, problem=problem, ticked=ticked, status=422)
    chosen = {ALL: _shown(data), BUT_TICKED: [ref for ref in _shown(data) if ref not in ticked]}.get(action, ticked)
    key = f"web:{filled((), data).key}"
    if action == ANEW:
        with app.database.read() as connection:
            drawings = drawings_anew(connection, number, [ref for ref in chosen if ref in batch.waiting])
        if not drawings:
            problem = "Les codes cochés n'attendent plus dans ce lot : ils sont transmis, effacés ou tirés de nouveau."
            return render_batch(request, context, visitor, number, problem=problem, status=422)
        drawn = draw_codes(app.engine, drawings, visitor.actor, key=key)
        result = BatchResult("tiré de nouveau", drawn.results)
        return render_batch(request, context, visitor, drawn.number or number, result=result)
    act, done = (erase_codes, "effacé") if action == ERASE else (send_codes, "à envoyer")
    results = act(app.engine, number, chosen, visitor.actor, key=key)
    return render_batch(request, context, visitor, number, result=BatchResult(done, results))


@request_router.post("/{reference}/tirer-un-code")
def draw_one_code(
    request: Request, context: Context, visitor: Operator, reference: str, data: Typed
) -> Response:  # fmt: skip
    """Draw the code of one request, in a batch of its own, and lead to it (R97)."""
    action_context = load_action(request, context, visitor, reference)
    form = read_action(action_context, OPERATOR_ACTIONS, DRAW, data)
    if not form.is_right:
        return render_refused(request, action_context, OPERATOR_ACTIONS, DRAW, form, None)
    values = form.values
    drawing = Drawing(
        reference=action_context.reference, version=version_of(data), expires_on=values.get("expires_on"),
        reason=ReissueReason(values["reason"]) if values.get("reason") else None,
        new_key_confirmed=bool(values.get("new_key_confirmed")),
    )  # fmt: skip
    drawn = draw_codes(context.app.engine, [drawing], visitor.actor, key=f"web:{form.key}")
    result = drawn.results.get(action_context.reference)
    if drawn.number is None and isinstance(result, Refused):
        return render_refused(request, action_context, OPERATOR_ACTIONS, DRAW, form, result)
    sentence = TRIGGER_TEXTS[Trigger.DRAW_CODE].done
    return context.success_messages.redirect(visitor, f"{CODES_PATH}/{drawn.number}", sentence)


def _references(texts: Iterable[object]) -> list[str]:
    references = (str(text)[:40] for text in texts)
    return [reference for reference in dict.fromkeys(references) if REFERENCE.fullmatch(reference)][:MOST_DRAWN]


def _versions(text: str) -> dict[str, int | None]:
    """The requests of a hidden field, ``ODA-2026-00001/5 …``, by the version that was shown."""
    pairs = (item.partition("/")[::2] for item in text[: MOST_DRAWN * 60].split())
    versions = {reference: int(text) for reference, text in pairs if re.fullmatch("[0-9]{1,7}", text)}
    return {reference: versions[reference] for reference in _references(versions)}


def _shown(data: FormData) -> list[str]:
    """The requests that the page showed: what came or left since is not what was confirmed (R9)."""
    return _references(str(data.get("lot") or "")[: MOST_DRAWN * 40].split())


def _problem(action: str, ticked: Sequence[str]) -> str:
    if action == ALL and ticked:
        return (
            f"{plural(len(ticked), 'ligne est cochée', 'lignes sont cochées')} : dire si les courriels partent pour"
            " elles seules, ou pour toutes les autres."
        )
    if action in (TICKED, BUT_TICKED, ERASE, ANEW) and not ticked:
        return "Aucune ligne n'est cochée : en cocher au moins une."
    return "" if action in (ALL, TICKED, BUT_TICKED, ERASE, ANEW) else "Choisir ce qu'il faut faire de ce lot."


def _render_file_form(
    request: Request, context: WebContext, visitor: Visitor, problem: str = "", form: Form | None = None
) -> Response:
    return context.pages.page(
        request, "rectorat/codes_file.html", visitor, status=422 if problem else 200, problem=problem,
        form=form or blank(_READING),
    )  # fmt: skip


def _render_file_results(
    request: Request, context: WebContext, visitor: Visitor, results: Sequence[CodeResult]
) -> Response:
    app = context.app
    with app.database.read() as connection:
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        lines = worklist.lines([result.reference for result in results if result.reference])
    hold = app.policy.code_hold
    return context.pages.page(
        request, "rectorat/codes_file_done.html", visitor, lines={line.line.reference: line.line for line in lines},
        refused=[result for result in results if result.reasons],
        accepted=[result for result in results if not result.reasons],
        leaves_at=app.clock.now() + hold if hold else None, hold_key=blank(()).key,
        on_the_way=BatchResult("", {result.reference: result.result for result in results}).on_the_way,
    )  # fmt: skip
