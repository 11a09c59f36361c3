"""Confirming removals from a file or from pasted lines: what was understood first, then a result a line (R49, R83).

No file is kept: between the two pages, the form carries the lines.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from notifications.rendering.typography import NBSP
from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Upload, Uploaded
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.rectorat.removals import PLACE
from portal.web.security import Visitor
from states.decision import Refused
from states.vocabulary import RemovalOutcome
from workflow.removals.file_import import EXAMPLES, Asked, FileRefused, confirm, judge, rows_of, text_of
from workflow.removals.tasks import removals_of

router = APIRouter(prefix=f"{PLACE}/fichier", include_in_schema=False)


MOST: Final = 5000
"""Lines at once; the command takes more."""


MOST_BYTES: Final = 500_000


SHOWN: Final = 200
"""Lines of each list that a page shows."""


FIELDS: Final = (
    Field(
        name="outcome", label="Ce qui a été fait, pour les lignes qui ne le disent pas", shape=Shape.SELECT,
        options=tuple((one.value, one.label.capitalize()) for one in RemovalOutcome), required=False,
    ),
)  # fmt: skip


@router.get("")
def ask(request: Request, context: Context, visitor: Operator) -> Response:
    """Which file, or which lines."""
    return _asking(request, context, visitor, blank(FIELDS))


@router.post("")
def understand(request: Request, context: Context, visitor: Operator, sent: Uploaded) -> Response:
    """What was understood of it, line by line; nothing is done yet."""
    form = filled(FIELDS, sent.fields)
    try:
        outcome = form.values.get("outcome")
        rows = rows_of(_text(sent), RemovalOutcome.of(outcome) if outcome else None, most=MOST)
    except FileRefused as refused:
        return _asking(request, context, visitor, form, typed=sent.text("lignes"), problem=str(refused))
    if not form.is_right:
        return _asking(request, context, visitor, form, typed=sent.text("lignes"), problem=form.errors[0].error)
    with context.app.database.read() as connection:
        found = judge(connection, rows, visitor.actor, context.app)
    counts = Counter(one.asked.outcome for one in found.ready)
    return context.pages.page(
        request, "rectorat/removals_file_read.html", visitor, form=blank(()), found=found, shown=SHOWN,
        counts=[(one, counts[one]) for one in RemovalOutcome if counts[one]],
        lines=packed([one.asked for one in found.ready]),
    )  # fmt: skip


@router.post("/confirmer")
def confirm_all(request: Request, context: Context, visitor: Operator, sent: Uploaded) -> Response:
    """Confirm them, each refused or done by itself; sent twice, the same answers (R10)."""
    form, app = filled((), sent.fields), context.app
    try:
        lines = unpacked(sent.text("lignes"))
    except (ValueError, RecursionError):
        problem = "Ces lignes n'ont pas été reçues entières, et rien n'est fait : donner le fichier de nouveau."
        return _asking(request, context, visitor, blank(FIELDS), problem=problem)
    told = [one for some in confirm(app.engine, lines, visitor.actor, key=f"web:{form.key}") for one in some]
    with app.database.read() as connection:
        known = removals_of(connection, [one.asked.reference for one in told], app.policy, app.mailer)
    return context.pages.page(
        request, "rectorat/removals_file_done.html", visitor, shown=SHOWN, aside=_count(sent.text("ecartees")),
        tasks={line.request.reference: line for line in known},
        refused=[one for one in told if isinstance(one.result, Refused)],
        accepted=[one for one in told if not isinstance(one.result, Refused)],
        warned=[one for one in told if not isinstance(one.result, Refused) and one.result.warnings],
    )  # fmt: skip


def packed(lines: Sequence[Asked]) -> str:
    """The lines as the form carries them."""
    return json.dumps([[one.number, one.reference, one.outcome.value, one.note] for one in lines], ensure_ascii=False)


def unpacked(text: str) -> list[Asked]:
    """The lines that a form carried. Raises ValueError when they are not as ``packed`` made them."""
    told: Any = json.loads(text[: 2 * MOST_BYTES])
    if not isinstance(told, list) or not 0 < len(told) <= MOST:
        raise ValueError("not the lines of a file")
    return [_line(one) for one in told]


def _line(told: Any) -> Asked:
    match told:
        case [int(number), str(reference), str(outcome), str(note)] if number > 0:
            return Asked(number=number, reference=reference[:40], outcome=RemovalOutcome.of(outcome), note=note)
    raise ValueError("not a line of a file")


def _count(text: str) -> int:
    """How many lines were set aside, as the form tells it; it is only shown."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def _text(sent: Upload) -> str:
    """The file's text, or the pasted lines; one of the two. Raises FileRefused."""
    if sent.too_large:
        raise FileRefused("Ce fichier dépasse 500 ko : le couper en plusieurs, et les donner l'un après l'autre.")
    pasted = sent.text("lignes")
    if sent.content and pasted.strip():
        raise FileRefused("Un fichier et des lignes collées à la fois : ne garder que l'un des deux.")
    content = sent.content or pasted.encode("utf-8", "replace")
    if not content.strip():
        raise FileRefused("Choisir un fichier qui n'est pas vide, ou coller des lignes.")
    return text_of(content, most=MOST_BYTES)


def _asking(
    request: Request, context: WebContext, visitor: Visitor, form: Form, *, typed: str = "", problem: str = ""
) -> Response:
    return context.pages.page(
        request, "rectorat/removals_file.html", visitor, status=422 if problem else 200, form=form,
        typed=typed.replace("\0", ""), problem=problem,
        most=f"{MOST:,}".replace(",", NBSP),
        examples=[(word, outcome.label) for outcome, word in EXAMPLES.items()],
    )  # fmt: skip
