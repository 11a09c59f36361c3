"""/rectorat/retraits: the rights to remove on the ODA server, and many confirmed at once (R47 to R49, R83)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from portal.web.actions.base import load_request
from portal.web.context import Context, Operator, Posted, Rectorat, Typed, WebContext
from portal.web.download import Download, made_in_turn
from portal.web.forms import Field, Form, Shape, address, blank, departement_of, filled, list_problem, year_of
from portal.web.security import Visitor
from states.commands import ConfirmRemoval
from states.decision import Refused
from states.validation import normalise_uai
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.engine.engine import Result
from workflow.engine.idempotency import key_of
from workflow.engine.sequence import BATCH, execute_in_batches
from workflow.removals.connector.queue import CallView, calls_of
from workflow.removals.connector.service import ask_again
from workflow.removals.export import Replacements, removals_file
from workflow.removals.tasks import (
    MOST,
    RemovalFilters,
    RemovalLine,
    RemovalPage,
    count_removals,
    list_removals,
    open_references,
    removals_of,
    years_with_open,
)

REMOVALS_PATH: Final = "/rectorat/retraits"

PARTS: Final = {"": RemovalKind.REMOVE_RIGHTS, "questions": RemovalKind.KEY_ENABLED, "confirmes": None}
"""The parts of the list, by the word of the address (``vue``)."""

SHOWN = 50
"""Removals listed in full on the page of confirmation."""

_CONFIRMATION = (
    Field(
        name="outcome", label="Ce qui a été fait sur le serveur ODA", shape=Shape.CHOICE,
        options=tuple((outcome.value, outcome.label.capitalize()) for outcome in RemovalOutcome),
        missing="Dire ce qui a été fait sur le serveur ODA.",
    ),
    Field(
        name="note", label="Précision", shape=Shape.AREA, required=False,
        hint="La même pour toutes, sans nommer personne.",
    ),
)  # fmt: skip

router = APIRouter(prefix=REMOVALS_PATH, include_in_schema=False)


@dataclass(frozen=True)
class RemovalQuery:
    """The filters as the address bears them; ``vue`` is the part of the list."""

    vue: Annotated[str, Query(max_length=20)] = ""
    annee: Annotated[str, Query(max_length=20)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    etablissement: Annotated[str, Query(max_length=40)] = ""

    def filters(self) -> RemovalFilters:
        """Raises ValueError in French."""
        if self.vue not in PARTS:
            raise ValueError("Cette liste n'existe pas : choisir une des trois listes.")
        return RemovalFilters(
            kind=PARTS[self.vue], confirmed=self.vue == "confirmes", school_year=year_of(self.annee),
            departement=departement_of(self.departement), uai=normalise_uai(self.etablissement),
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
        counts=counts, years=[(str(year), str(year)) for year in years], query=query, calls=calls,
        kind=PARTS.get(query.vue), RemovalKind=RemovalKind, all_ticked=bool(coches),
        tick_all=query.address(suite=suite, coches="oui"),
        first=query.address() if suite else None, more=query.address(suite=page.after) if page.after else None,
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
    request: Request, context: Context, visitor: Operator, query: Annotated[RemovalQuery, Depends()],
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
            references = open_references(connection, filters, MOST)
            counts = count_removals(connection, filters)
            matching = sum(counts.values()) if filters.kind is None else counts[filters.kind]
        lines = removals_of(connection, references, context.app.policy, context.app.mailer)
    still_open = [line for line in lines if line.outcome is None]
    beyond = max(0, matching - len(still_open))
    return _render_confirmation(request, context, visitor, still_open, blank(_CONFIRMATION), beyond=beyond)


@router.post("/confirmer")
def confirm_removals(request: Request, context: Context, visitor: Operator, data: Typed) -> Response:
    """Confirm them in slices, each refused or done by itself; a form sent twice has the same results (R10, R49)."""
    app, form = context.app, filled(_CONFIRMATION, data)
    references = sorted(set(str(data.get("references") or "")[: MOST * 40].split()))[:MOST]
    with app.database.read() as connection:
        lines = removals_of(connection, references, app.policy, app.mailer)
    lines = tuple(sorted(lines, key=lambda line: line.request.uai))  # those of a school in one slice, so in one mail
    if not form.is_right or not lines:
        return _render_confirmation(request, context, visitor, lines, form, status=422)
    outcome, note = RemovalOutcome.of(form.values["outcome"]), form.values["note"] or ""
    commands = [ConfirmRemoval(reference=line.request.reference, outcome=outcome, note=note) for line in lines]
    executed = execute_in_batches(
        app.engine, commands, visitor.actor, size=BATCH,
        key=lambda _, batch: key_of(app.hasher, f"web:{form.key}", batch),
    )  # fmt: skip
    results = list(map(RemovalResult, lines, executed))
    return context.pages.page(
        request, "rectorat/removals_done.html", visitor, outcome=outcome,
        refused=[result for result in results if isinstance(result.result, Refused)],
        accepted=[result for result in results if not isinstance(result.result, Refused)],
        warned=[result for result in results if not isinstance(result.result, Refused) and result.result.warnings],
    )  # fmt: skip


def _render_confirmation(
    request: Request, context: WebContext, visitor: Visitor, lines: Sequence[RemovalLine], form: Form, *,
    beyond: int = 0, status: int = 200,
) -> Response:  # fmt: skip
    return context.pages.page(
        request, "rectorat/removals_confirm.html", visitor, status=status, form=form, lines=lines[:SHOWN],
        count=len(lines), hidden=len(lines) - SHOWN, beyond=beyond,
        references=" ".join(line.request.reference for line in lines),
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
        download = Download(pieces, export.filename, f"{export.media_type}; charset={charset}")
        if not replacements.cells or lettres == "remplacer":
            return download
        download.close()
        return context.pages.page(
            request, "rectorat/removals_letters.html", visitor, replacements=str(replacements), back=query.address(),
            download=query.address(f"{REMOVALS_PATH}/export", lettres="remplacer"),
        )  # fmt: skip

    return await made_in_turn(make)
