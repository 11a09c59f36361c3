"""Removals confirmed from a file or from pasted lines: first what was understood, then a result a line (R49, R83).

No file is kept: between the two pages, the form carries the lines.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from notifications.rendering.typography import NBSP
from portal.web.context import Context, Upload, Uploaded, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.rectorat.removals import REMOVALS_PATH
from portal.web.security import Visitor
from portal.web.step_up import ProvenOperator
from states.decision import Refused
from states.validation import storable
from states.vocabulary import RemovalOutcome
from workflow.removals.file_import import (
    EXAMPLES,
    FileLooksCut,
    FileRefused,
    FileRow,
    RemovalRow,
    check_rows,
    confirm_rows,
    read_removals,
)
from workflow.removals.tasks import removals_of

MOST: Final = 5000
"""Lines at once; the command takes more."""

MOST_BYTES: Final = 500_000

SHOWN: Final = 200
"""Lines of each list that a page shows."""

_COMPLETE: Final = "Le fichier est entier, bien qu'il ait l'air coupé"

_READING: Final = (
    Field(
        name="outcome", label="Ce qui a été fait, pour les lignes qui ne le disent pas", shape=Shape.SELECT,
        options=tuple((outcome.value, outcome.label.capitalize()) for outcome in RemovalOutcome), required=False,
    ),
    Field(
        name="entier", label=_COMPLETE, shape=Shape.CHECK, required=False,
        hint="À cocher seulement si la lecture a été refusée pour cela, et que toutes les lignes y sont.",
    ),
)  # fmt: skip

router = APIRouter(prefix=f"{REMOVALS_PATH}/fichier", include_in_schema=False)


@router.get("")
def show_file_form(request: Request, context: Context, visitor: ProvenOperator) -> Response:
    """Ask for a file, or for lines."""
    return _render_file_form(request, context, visitor, blank(_READING))


@router.post("")
def read_file(request: Request, context: Context, visitor: ProvenOperator, upload: Uploaded) -> Response:
    """Show what was understood, line by line; nothing is done yet."""
    form = filled(_READING, upload.fields)
    pasted, outcome = upload.text("lignes"), form.values.get("outcome")
    if upload.is_given_back:
        return _render_file_form(request, context, visitor, form, pasted=pasted)
    rows, problems = [], [state.error for state in form.errors]
    try:
        rows = read_removals(
            _content_of(upload), RemovalOutcome.of(outcome) if outcome else None, most=MOST, most_bytes=MOST_BYTES,
            is_complete=bool(form.values.get("entier")) or not upload.content,
        )  # fmt: skip
    except FileRefused as refused:
        remedy = f" S'il est déjà entier, cocher « {_COMPLETE} »." if isinstance(refused, FileLooksCut) else ""
        problems.insert(0, f"{refused}{remedy}")
    if problems:
        return _render_file_form(request, context, visitor, form, pasted=pasted, problems=problems)
    return _render_understood(request, context, visitor, rows)


def _show_again(request: Request, context: WebContext, visitor: Visitor, upload: Upload) -> Response:
    """Show anew what was about to be confirmed when the session ended: it is judged again, and nothing is done."""
    try:
        return _render_understood(request, context, visitor, load_lines(upload.text("lignes")))
    except (ValueError, RecursionError):
        return _render_file_form(request, context, visitor, blank(_READING))


def _render_understood(request: Request, context: WebContext, visitor: Visitor, rows: Sequence[FileRow]) -> Response:
    with context.app.database.read() as connection:
        understood = check_rows(connection, rows, visitor.actor, context.app.engine, context.app.mailer)
    lines = [line.row for line in understood.ready]
    counts = Counter(line.outcome for line in lines)
    return context.pages.page(
        request, "rectorat/removals_file_read.html", visitor, form=blank(()), understood=understood, shown=SHOWN,
        counts=[(outcome, counts[outcome]) for outcome in RemovalOutcome if counts[outcome]], lines=dump_lines(lines),
    )  # fmt: skip


@router.post("/confirmer")
def confirm_lines(request: Request, context: Context, visitor: ProvenOperator, upload: Uploaded) -> Response:
    """Confirm them, each refused or done by itself; a form sent twice has the same results (R10)."""
    form, app = filled((), upload.fields), context.app
    if upload.is_given_back:
        return _show_again(request, context, visitor, upload)
    try:
        lines = load_lines(upload.text("lignes"))
    except (ValueError, RecursionError):
        problem = "Ces lignes n'ont pas été reçues entières, et rien n'est fait : donner le fichier de nouveau."
        return _render_file_form(request, context, visitor, blank(_READING), problems=[problem])
    results = list(confirm_rows(app.engine, lines, visitor.actor, key=f"web:{form.key}"))
    with app.database.read() as connection:
        tasks = removals_of(connection, [result.row.reference for result in results], app.policy, app.mailer)
    aside = upload.text("ecartees")  # lines set aside, as the form says; it is only shown
    return context.pages.page(
        request, "rectorat/removals_file_done.html", visitor, shown=SHOWN,
        aside=int(aside) if aside.isascii() and aside.isdigit() and len(aside) <= 4 else 0,
        tasks={task.request.reference: task for task in tasks},
        refused=[result for result in results if isinstance(result.result, Refused)],
        accepted=[result for result in results if not isinstance(result.result, Refused)],
        warned=[result for result in results if not isinstance(result.result, Refused) and result.result.warnings],
    )  # fmt: skip


def dump_lines(lines: Sequence[RemovalRow]) -> str:
    """The lines as JSON for a hidden field of the form."""
    return json.dumps(
        [[line.number, line.reference, line.outcome.value, line.note] for line in lines], ensure_ascii=False
    )


def load_lines(text: str) -> list[RemovalRow]:
    """The lines of a hidden field. Raises ValueError when they are not as ``dump_lines`` wrote them."""
    rows: Any = json.loads(text[: 2 * MOST_BYTES])
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST:
        raise ValueError("not the lines of a file")
    lines = []
    for row in rows:
        match row:
            case [int(number), str(reference), str(outcome), str(note)] if number > 0:
                lines.append(
                    RemovalRow(number=number, reference=reference[:40], outcome=RemovalOutcome.of(outcome), note=note)
                )
            case _:
                raise ValueError("not a line of a file")
    return lines


def _content_of(upload: Upload) -> bytes:
    """The file, or the pasted lines; one of the two. Raises FileRefused."""
    if upload.too_large:
        raise FileRefused("Ce fichier dépasse 500 ko : le couper en plusieurs, et les donner l'un après l'autre.")
    pasted = upload.text("lignes")
    if upload.content and pasted.strip():
        raise FileRefused("Un fichier et des lignes collées à la fois : ne garder que l'un des deux.")
    content = upload.content or pasted.encode("utf-8", "replace")
    if not content.strip():
        raise FileRefused("Choisir un fichier qui n'est pas vide, ou coller des lignes.")
    return content


def _render_file_form(
    request: Request,
    context: WebContext,
    visitor: Visitor,
    form: Form,
    *,
    pasted: str = "",
    problems: Sequence[str] = (),
) -> Response:
    return context.pages.page(
        request, "rectorat/removals_file.html", visitor, status=422 if problems else 200, form=form,
        typed=storable(pasted), problems=problems, most=f"{MOST:,}".replace(",", NBSP),
        examples=[(word, outcome.label) for outcome, word in EXAMPLES.items()],
    )  # fmt: skip
