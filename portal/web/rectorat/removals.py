"""/rectorat/retraits: the rights to remove on the ODA server, and many confirmed at once (R47 to R49, R83).

They are confirmed by the list, from a file or from pasted lines: first what was understood, then a result a line. No
file is kept: between the two pages, the form carries the lines.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.datastructures import FormData

from notifications.rendering.markup import NBSP
from portal.exports.lists import READ_TOGETHER, removals_workbook
from portal.web.actions.base import load_request
from portal.web.context import Context, Operator, Posted, ProvenOperator, Rectorat, Typed, WebContext
from portal.web.download import ChosenFormat, Download, download_list, made_in_turn
from portal.web.file_import import Upload, Uploaded
from portal.web.forms import (
    REFERENCE,
    Field,
    Form,
    Shape,
    address,
    blank,
    departement_of,
    filled,
    list_problem,
    year_of,
)
from portal.web.security import Visitor
from states.commands import ConfirmRemoval, OnRequest, ReopenRemoval
from states.decision import Refused
from states.refusals import Reason
from states.validation import departement_name, normalise_uai, storable
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.engine.engine import BATCH, Result, execute_in_batches
from workflow.engine.idempotency import key_of
from workflow.journal.security_log import ExportedList
from workflow.removals.connector.queue import CallView, calls_of
from workflow.removals.connector.service import ask_again
from workflow.removals.files import (
    EXAMPLES,
    FileLooksCut,
    FileRefused,
    FileRow,
    RemovalRow,
    Replacements,
    check_rows,
    confirm_rows,
    read_removals,
    removals_file,
)
from workflow.removals.tasks import (
    MOST_TASKS,
    RemovalFilters,
    RemovalLine,
    RemovalPage,
    count_removals,
    list_removals,
    open_references,
    removals_of,
    walk_removals,
    years_with_open,
)

REMOVALS_PATH: Final = "/rectorat/retraits"

PARTS: Final = {"": RemovalKind.REMOVE_RIGHTS, "questions": RemovalKind.KEY_ENABLED, "confirmes": None}
"""The parts of the list, by the word of the address (``vue``)."""

SHOWN = 50
"""Removals listed in full on the page of confirmation."""

AS_SHOWN: Final = "ligne"
"""Chosen instead of one outcome for all: each was done as its line said (R49)."""

_CHANGED_LINE: Final = Reason(
    "changed_line", "R49", "Ce qu'il y a à faire a changé depuis que la liste a été montrée",
    "Relire la ligne, puis confirmer ce qui a été fait.",
)  # fmt: skip

_WHY_REOPEN: Final = (
    Field(name="why", label="Pourquoi ?", shape=Shape.AREA, hint="La même raison pour tous, sans nommer personne."),
)

_SHOWN_LINE: Final = re.compile(rf"({REFERENCE.pattern})(?::({'|'.join(RemovalOutcome)}))?")
"""A reference of the form, with the outcome of who does what its line said."""

router = APIRouter(prefix=REMOVALS_PATH, include_in_schema=False)

MOST_LINES: Final = 5000
"""Lines at once; the command takes more."""

MOST_BYTES: Final = 500_000

SHOWN_LINES: Final = 200
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

file_router = APIRouter(prefix=f"{REMOVALS_PATH}/fichier", include_in_schema=False)


@dataclass(frozen=True)
class RemovalQuery:
    """The filters as the address bears them; ``vue`` is the part of the list."""

    vue: Annotated[str, Query(max_length=20)] = ""
    annee: Annotated[str, Query(max_length=20)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    etablissement: Annotated[str, Query(max_length=40)] = ""
    nom: Annotated[str, Query(max_length=200)] = ""

    def filters(self) -> RemovalFilters:
        """Raises ValueError in French."""
        if self.vue not in PARTS:
            raise ValueError("Cette liste n'existe pas : choisir une des trois listes.")
        return RemovalFilters(
            kind=PARTS[self.vue], confirmed=self.vue == "confirmes", school_year=year_of(self.annee),
            departement=departement_of(self.departement), uai=normalise_uai(self.etablissement),
            name=self.nom,
        )  # fmt: skip

    def address(self, path: str = REMOVALS_PATH, **extra: str | None) -> str:
        return address(path, **{**vars(self), **extra})


def load_calls(context: WebContext, connection: Connection, references: Iterable[str]) -> Mapping[str, CallView]:
    """The connector's calls for these removals, by reference; none where no server is called (R84)."""
    return calls_of(connection, references) if context.app.connector else {}


@router.get("")
def show_removals(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[RemovalQuery, Depends()], suite: str = "",
    coches: str = "",
) -> HTMLResponse:  # fmt: skip
    """List what is to be removed today, or was."""
    app = context.app
    calls: Mapping[str, CallView] = {}
    page, problem, counts = RemovalPage((), None), "", dict.fromkeys(RemovalKind, 0)
    with app.database.read() as connection:
        years = years_with_open(connection)
        try:
            filters = query.filters()
            counts = count_removals(connection, filters)
            page = list_removals(connection, filters, app.policy, app.mailer, after=suite[:80])
            calls = load_calls(context, connection, [line.request.reference for line in page.lines])
        except ValueError as error:
            problem = list_problem(error, suite)
    return context.pages.page(
        request, "rectorat/removals.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        departements=[(code, f"{departement_name(code)} ({code})") for code in app.settings.academie.departements],
        counts=counts, years=[(str(year), str(year)) for year in years], query=query, calls=calls,
        kind=PARTS.get(query.vue), RemovalKind=RemovalKind, all_ticked=bool(coches),
        tick_all=query.address(suite=suite, coches="oui"),
        more=query.address(suite=page.after) if page.after else None,
    )  # fmt: skip


@router.get("/liste/export")
async def export_removal_list(
    context: Context,
    visitor: Rectorat,
    query: Annotated[RemovalQuery, Depends()],
    file_format: ChosenFormat,
) -> Response:
    """The part of the list that is shown, for a spreadsheet (R92); the file of the ODA console is another (R83)."""
    app = context.app
    return await download_list(
        context.export_of(visitor, ExportedList.REMOVALS), file_format, page=query.address(),
        workbook_of=lambda connection: removals_workbook(
            walk_removals(connection, query.filters(), app.policy, app.mailer, at_once=READ_TOGETHER),
            app.settings.zoneinfo,
        ),
    )  # fmt: skip


@router.post("/{reference}/redemander")
def retry_call(request: Request, context: Context, visitor: Operator, reference: str, data: Posted) -> Response:  # noqa: ARG001
    """Have the server asked anew; done twice, or for a call that needs nothing, it changes nothing (R84)."""
    reference = load_request(context, visitor, reference).request.reference
    ask_again(context.app.engine, visitor.actor, [reference])
    return RedirectResponse(f"/rectorat/demandes/{reference}#retrait-des-droits", status_code=303)


@dataclass(frozen=True)
class RemovalResult:
    """A removal of the list and the result of its confirmation."""

    line: RemovalLine
    result: Result


@router.get("/confirmer")
def show_removals_to_confirm(
    request: Request, context: Context, visitor: ProvenOperator, query: Annotated[RemovalQuery, Depends()],
    choix: Annotated[list[str] | None, Query(max_length=200)] = None, tout: str = "",
) -> Response:  # fmt: skip
    """Show what is about to be confirmed: the ticked lines, or all that the filters leave.

    The form carries their very references, so that what is confirmed is what was shown.
    """
    references, matching = choix or [], 0
    with context.app.database.read() as connection:
        try:
            filters = query.filters()
        except ValueError:
            return RedirectResponse(query.address(), status_code=303)
        if tout and not filters.confirmed:
            references = open_references(connection, filters, MOST_TASKS)
            counts = count_removals(connection, filters)
            matching = sum(counts.values()) if filters.kind is None else counts[filters.kind]
        lines = removals_of(connection, references, context.app.policy, context.app.mailer)
    still_open = [line for line in lines if line.outcome is None]
    beyond = max(0, matching - len(still_open))
    form = blank(_confirmation(_outcomes_shown(still_open)))
    return _render_confirmation(request, context, visitor, still_open, form, beyond=beyond)


def _outcomes_shown(lines: Iterable[RemovalLine]) -> dict[str, str]:
    """The outcome of who does what each line says; empty for a question, which only who has looked can answer (R47)."""
    return {
        line.request.reference: "" if line.todo is None or line.is_question else line.todo.outcome.value
        for line in lines
    }


def _confirmation(shown: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields: one outcome for all, or each as its line says when every line says it."""
    outcomes = tuple((outcome.value, outcome.label.capitalize()) for outcome in RemovalOutcome)
    as_shown = ((AS_SHOWN, "Pour chacun, ce que dit sa ligne"),) if shown and all(shown.values()) else ()
    return (
        Field(
            name="outcome", label="Ce qui a été fait sur le serveur ODA", shape=Shape.CHOICE,
            options=(*as_shown, *outcomes), missing="Dire ce qui a été fait sur le serveur ODA.",
        ),
        Field(
            name="note", label="Précision", shape=Shape.AREA, required=False,
            hint="La même pour toutes, sans nommer personne.",
        ),
    )  # fmt: skip


def _lines_sent(data: FormData) -> dict[str, str]:
    """The references that a form carries, each with the outcome that its line said; anything else is ignored."""
    words = str(data.get("references") or "")[: MOST_TASKS * 40].split()
    matches = [match for word in words if (match := _SHOWN_LINE.fullmatch(word))]
    return {match[1]: match[2] or "" for match in sorted(matches, key=lambda match: match[1])[:MOST_TASKS]}


@router.post("/confirmer")
def confirm_removals(request: Request, context: Context, visitor: ProvenOperator, data: Typed) -> Response:
    """Confirm them in slices, each refused or done by itself; a form sent twice has the same results (R10, R49)."""
    app, shown = context.app, _lines_sent(data)
    form = filled(_confirmation(shown), data)
    with app.database.read() as connection:
        lines = removals_of(connection, list(shown), app.policy, app.mailer)
    lines = tuple(sorted(lines, key=lambda line: line.request.uai))  # those of a school in one slice, so in one mail
    if not form.is_right or not lines:
        return _render_confirmation(request, context, visitor, lines, form, status=422)
    chosen, note = form.values["outcome"], form.values["note"] or ""
    as_shown = chosen == AS_SHOWN
    today = _outcomes_shown(lines)
    changed = [ref for ref in today if as_shown and today[ref] and today[ref] != shown[ref]]
    commands = [
        ConfirmRemoval(reference=ref, outcome=RemovalOutcome(shown[ref] if as_shown else chosen), note=note)
        for ref in today
        if ref not in changed
    ]
    results = _execute(context, visitor, lines, commands, form.key, refused=changed)
    outcome = None if as_shown else RemovalOutcome(chosen)
    return _render_results(request, context, visitor, results, outcome=outcome, form=blank(_WHY_REOPEN))


@router.get("/rouvrir")
def show_removals_to_reopen(
    request: Request, context: Context, visitor: ProvenOperator,
    choix: Annotated[list[str] | None, Query(max_length=200)] = None,
) -> Response:  # fmt: skip
    """Show the confirmed removals that are about to be reopened, and ask why."""
    with context.app.database.read() as connection:
        lines = removals_of(connection, choix or [], context.app.policy, context.app.mailer)
    closed = [line for line in lines if line.outcome is not None]
    return _render_reopening(request, context, visitor, closed, blank(_WHY_REOPEN))


@router.post("/rouvrir")
def reopen_removals(request: Request, context: Context, visitor: ProvenOperator, data: Typed) -> Response:
    """Reopen them, each refused or done by itself: they were confirmed by mistake (R49)."""
    app, form, sent = context.app, filled(_WHY_REOPEN, data), _lines_sent(data)
    with app.database.read() as connection:
        lines = removals_of(connection, list(sent), app.policy, app.mailer)
    lines = tuple(sorted(lines, key=lambda line: line.request.uai))  # those of a school in one slice, so in one mail
    if not form.is_right or not lines:
        return _render_reopening(request, context, visitor, lines, form, status=422)
    commands = [ReopenRemoval(reference=line.request.reference, why=form.values["why"]) for line in lines]
    results = _execute(context, visitor, lines, commands, form.key)
    return _render_results(request, context, visitor, results, reopened=True)


def _execute(
    context: WebContext, visitor: Visitor, lines: Sequence[RemovalLine], commands: Sequence[OnRequest], key: str,
    refused: Iterable[str] = (),
) -> list[RemovalResult]:  # fmt: skip
    """Execute them in slices; ``refused`` are the lines that changed since they were shown."""
    app = context.app
    executed = execute_in_batches(
        app.engine, commands, visitor.actor, size=BATCH, key=lambda _, batch: key_of(app.hasher, f"web:{key}", batch)
    )
    results: dict[str, Result] = {reference: Refused((_CHANGED_LINE,)) for reference in refused}
    results |= zip((command.reference for command in commands), executed, strict=True)
    return [RemovalResult(line, results[line.request.reference]) for line in lines]


def _render_results(
    request: Request, context: WebContext, visitor: Visitor, results: Sequence[RemovalResult], *,
    outcome: RemovalOutcome | None = None, reopened: bool = False, form: Form | None = None,
) -> Response:  # fmt: skip
    """The result of each; ``form``: to reopen those that were confirmed, if it was a mistake."""
    accepted = [result for result in results if not isinstance(result.result, Refused)]
    return context.pages.page(
        request, "rectorat/removals_done.html", visitor, outcome=outcome, reopened=reopened, reopening=form,
        refused=[result for result in results if isinstance(result.result, Refused)], accepted=accepted,
        warned=[result for result in accepted if not isinstance(result.result, Refused) and result.result.warnings],
        references=" ".join(result.line.request.reference for result in accepted),
    )  # fmt: skip


def _render_reopening(
    request: Request, context: WebContext, visitor: Visitor, lines: Sequence[RemovalLine], form: Form, status: int = 200
) -> Response:
    return context.pages.page(
        request, "rectorat/removals_reopen.html", visitor, status=status, form=form, lines=lines[:SHOWN],
        count=len(lines), hidden=len(lines) - SHOWN,
        references=" ".join(line.request.reference for line in lines),
    )  # fmt: skip


def _render_confirmation(
    request: Request, context: WebContext, visitor: Visitor, lines: Sequence[RemovalLine], form: Form, *,
    beyond: int = 0, status: int = 200,
) -> Response:  # fmt: skip
    return context.pages.page(
        request, "rectorat/removals_confirm.html", visitor, status=status, form=form, lines=lines[:SHOWN],
        count=len(lines), hidden=len(lines) - SHOWN, beyond=beyond,
        references=" ".join(f"{ref}:{outcome}" if outcome else ref for ref, outcome in _outcomes_shown(lines).items()),
    )  # fmt: skip


@router.get("/export")
async def export_removals(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[RemovalQuery, Depends()], lettres: str = ""
) -> Response:
    """The filtered list in the form of the académie's template (R48, R83).

    The list says what is wrong with the filters; a page says first which letters the encoding lacks, if any.
    """
    app = context.app
    export, replacements = app.settings.removals.export, Replacements()

    def make() -> Response:
        try:
            pieces = removals_file(app.engine, app.mailer, export, query.filters(), replacements)
        except ValueError:
            return RedirectResponse(query.address(), status_code=303)
        charset = export.encoding.removesuffix("-sig")
        download = Download(
            lambda file: file.writelines(pieces), export.filename, f"{export.media_type}; charset={charset}"
        )
        if not replacements.cells or lettres == "remplacer":
            suffix = export.filename.rpartition(".")[2].lower()
            leaving = context.export_of(visitor, ExportedList.REMOVALS_FILE)
            return leaving.recorded(download, suffix, rows=replacements.rows, page=query.address())
        download.close()
        return context.pages.page(
            request, "rectorat/removals_letters.html", visitor, replacements=str(replacements), back=query.address(),
            download=query.address(f"{REMOVALS_PATH}/export", lettres="remplacer"),
        )  # fmt: skip

    return await made_in_turn(make)


@file_router.get("")
def show_file_form(request: Request, context: Context, visitor: ProvenOperator) -> Response:
    """Ask for a file, or for lines."""
    return _render_file_form(request, context, visitor, blank(_READING))


@file_router.post("")
def read_file(request: Request, context: Context, visitor: ProvenOperator, upload: Uploaded) -> Response:
    """Show what was understood, line by line; nothing is done yet."""
    form = filled(_READING, upload.fields)
    pasted, outcome = upload.text("lignes"), form.values.get("outcome")
    if upload.is_given_back:
        return _render_file_form(request, context, visitor, form, pasted=pasted)
    rows, problems = [], [state.error for state in form.errors]
    try:
        rows = read_removals(
            _content_of(upload), RemovalOutcome(outcome) if outcome else None, most=MOST_LINES,
            most_bytes=MOST_BYTES,
            is_complete=bool(form.values.get("entier")) or not upload.content,
        )  # fmt: skip
    except FileRefused as refused:
        remedy = f" S'il est déjà entier, cocher « {_COMPLETE} »." if isinstance(refused, FileLooksCut) else ""
        problems.insert(0, f"{refused}{remedy}")
    if problems:
        return _render_file_form(request, context, visitor, form, pasted=pasted, problems=problems)
    return _render_understood(request, context, visitor, rows)


def _render_understood(request: Request, context: WebContext, visitor: Visitor, rows: Sequence[FileRow]) -> Response:
    with context.app.database.read() as connection:
        understood = check_rows(connection, rows, visitor.actor, context.app.engine, context.app.mailer)
    lines = [line.row for line in understood.ready]
    counts = Counter(line.outcome for line in lines)
    return context.pages.page(
        request, "rectorat/removals_file_read.html", visitor, form=blank(()), understood=understood, shown=SHOWN_LINES,
        counts=[(outcome, counts[outcome]) for outcome in RemovalOutcome if counts[outcome]], lines=dump_lines(lines),
    )  # fmt: skip


@file_router.post("/confirmer")
def confirm_lines(request: Request, context: Context, visitor: ProvenOperator, upload: Uploaded) -> Response:
    """Confirm them, each refused or done by itself; a form sent twice has the same results (R10)."""
    form, app = filled((), upload.fields), context.app
    if upload.is_given_back:
        try:  # the session ended meanwhile: the lines are shown and judged again, and nothing is done
            return _render_understood(request, context, visitor, load_lines(upload.text("lignes")))
        except (ValueError, RecursionError):
            return _render_file_form(request, context, visitor, blank(_READING))
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
        request, "rectorat/removals_file_done.html", visitor, shown=SHOWN_LINES,
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
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_LINES:
        raise ValueError("not the lines of a file")
    lines = []
    for row in rows:
        match row:
            case [int(number), str(reference), str(outcome), str(note)] if number > 0:
                lines.append(
                    RemovalRow(number=number, reference=reference[:40], outcome=RemovalOutcome(outcome), note=note)
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
        typed=storable(pasted), problems=problems, most=f"{MOST_LINES:,}".replace(",", NBSP),
        examples=[(word, outcome.label) for outcome, word in EXAMPLES.items()],
    )  # fmt: skip
