"""/rectorat/retraits: the rights to remove on the ODA server, and those that were (R47 to R49)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from sqlalchemy import Connection

from notifications.sql import batches
from portal.web.actions.base import load_request
from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Posted, Rectorat
from portal.web.forms import Field, Form, Shape, address, blank, departement_of, filled, year_of
from portal.web.security import Visitor
from states.commands import ConfirmRemoval
from states.decision import Refused
from states.validation import normalise_uai
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.engine.engine import Result
from workflow.removals.connector import service as again
from workflow.removals.connector.queue import CallView, calls_of
from workflow.removals.export import removals_file
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
from workflow.settings.removals import ExportSettings

# What the connector's calls became, beside the removals; and one asked for again (R84).


router_removals_call = APIRouter(prefix="/rectorat/retraits", include_in_schema=False)


def calls_shown(context: WebContext, connection: Connection, references: Iterable[str]) -> Mapping[str, CallView]:
    """The calls of these tasks; none where no server is called."""
    return calls_of(connection, references) if context.app.connector else {}


@router_removals_call.post("/{reference}/redemander")
def ask_again(request: Request, context: Context, visitor: Operator, reference: str, data: Posted) -> Response:  # noqa: ARG001
    """Have the server asked anew; done twice, or for a call that needs nothing, it changes nothing."""
    known = load_request(context, visitor, reference).request.reference
    again.ask_again(context.app.engine, visitor.actor, [known])
    return RedirectResponse(f"/rectorat/demandes/{known}#retrait-des-droits", status_code=303)


router = APIRouter(prefix="/rectorat/retraits", include_in_schema=False)


PLACE = "/rectorat/retraits"


PARTS = {"": RemovalKind.REMOVE_RIGHTS, "questions": RemovalKind.KEY_ENABLED, "confirmes": None}
"""The parts of the list, by the word that the address bears."""


@dataclass(frozen=True)
class Wanted:
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

    def address(self, place: str = PLACE, **more: str | None) -> str:
        return address(place, **{**vars(self), **more})


@router.get("")
def listing(
    request: Request, context: Context, visitor: Rectorat, wanted: Annotated[Wanted, Depends()], suite: str = "",
    coches: str = "",
) -> HTMLResponse:  # fmt: skip
    """What is to be removed today."""
    app = context.app
    called: Mapping[str, CallView] = {}
    page, problem, counts = RemovalPage((), None), "", dict.fromkeys(RemovalKind, 0)
    with app.database.read() as connection:
        years = years_with_open(connection)
        try:
            filters = wanted.filters()
            counts = count_removals(connection, filters)
            page = list_removals(connection, filters, app.policy, app.mailer, after=suite[:80])
            called = calls_shown(context, connection, [line.request.reference for line in page.lines])
        except ValueError as error:
            problem = str(error) if not suite else "Cette suite de liste n'existe pas : repartir de la première page."
    return context.pages.page(
        request, "rectorat/removals.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        counts=counts, years=[(str(year), str(year)) for year in years], wanted=wanted, called=called,
        kind=PARTS.get(wanted.vue), RemovalKind=RemovalKind, all_ticked=bool(coches),
        tick_all=wanted.address(suite=suite, coches="oui"),
        first=wanted.address() if suite else None, more=wanted.address(suite=page.after) if page.after else None,
    )  # fmt: skip


# Confirming many removals at once: those of a page, or all that the filters leave, a result for each (R49).


router_removals_confirm = APIRouter(prefix=PLACE, include_in_schema=False)


SLICE = 100
"""How many are confirmed in one transaction."""


SHOWN = 50


FIELDS = (
    Field(
        name="outcome", label="Ce qui a été fait sur le serveur ODA", shape=Shape.CHOICE,
        options=tuple((one.value, one.label.capitalize()) for one in RemovalOutcome),
        missing="Dire ce qui a été fait sur le serveur ODA.",
    ),
    Field(
        name="note", label="Précision", shape=Shape.AREA, required=False,
        hint="La même pour toutes, sans nommer personne.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A line and what came of it."""

    line: RemovalLine
    result: Result


@router_removals_confirm.get("/confirmer")
def prepare(
    request: Request, context: Context, visitor: Operator, wanted: Annotated[Wanted, Depends()],
    choix: Annotated[list[str] | None, Query(max_length=200)] = None, tout: str = "",
) -> Response:  # fmt: skip
    """What is about to be confirmed, in full: the very references that the form then carries."""
    asked, matching = choix or [], 0
    with context.app.database.read() as connection:
        try:
            filters = wanted.filters()
        except ValueError:
            return RedirectResponse(wanted.address(), status_code=303)
        if tout and not filters.confirmed:
            asked = open_references(connection, filters, MOST)
            left = count_removals(connection, filters)
            matching = sum(left.values()) if filters.kind is None else left[filters.kind]
        lines = removals_of(connection, asked, context.app.policy, context.app.mailer)
    still = [line for line in lines if line.outcome is None]
    return _page(request, context, visitor, still, blank(FIELDS), beyond=max(0, matching - len(still)))


@router_removals_confirm.post("/confirmer")
def confirm(request: Request, context: Context, visitor: Operator, data: Posted) -> Response:
    """Confirm them, in slices, each refused or done by itself; sent twice, the same answers (R10)."""
    references, form = _references(str(data.get("references") or "")), filled(FIELDS, data)
    app = context.app
    with app.database.read() as connection:
        lines = removals_of(connection, references, app.policy, app.mailer)
    if not form.is_right or not lines:
        return _page(request, context, visitor, lines, form, status=422)
    told: list[Told] = []
    outcome, note = RemovalOutcome.of(form.values["outcome"]), form.values["note"] or ""
    for number, some in enumerate(batches(lines, SLICE)):
        commands = [ConfirmRemoval(reference=one.request.reference, outcome=outcome, note=note) for one in some]
        results = app.engine.execute(commands, visitor.actor, key=f"web:{form.key}:{number}")
        told += [Told(line, result) for line, result in zip(some, results, strict=True)]
    refused = [one for one in told if isinstance(one.result, Refused)]
    accepted = [one for one in told if not isinstance(one.result, Refused)]
    return context.pages.page(
        request, "rectorat/removals_done.html", visitor, outcome=outcome, refused=refused, accepted=accepted,
        warned=[one for one in accepted if not isinstance(one.result, Refused) and one.result.warnings],
    )  # fmt: skip


def _references(text: str) -> list[str]:
    """The references that the form carries, each once, in order."""
    return sorted(set(text[: MOST * 40].split()))[:MOST]


def _page(
    request: Request, context: WebContext, visitor: Visitor, lines: Sequence[RemovalLine], form: Form, *,
    beyond: int = 0, status: int = 200,
) -> Response:  # fmt: skip
    return context.pages.page(
        request, "rectorat/removals_confirm.html", visitor, status=status, form=form, lines=lines[:SHOWN],
        count=len(lines), hidden=len(lines) - SHOWN, beyond=beyond,
        references=" ".join(line.request.reference for line in lines),
    )  # fmt: skip


# The removals to do as a file, in the form that the académie's template gives (R48, R83).


router_removals_export = APIRouter(prefix=PLACE, include_in_schema=False)


@router_removals_export.get("/export")
def export(context: Context, _: Rectorat, wanted: Annotated[Wanted, Depends()]) -> Response:
    """What the filters leave, made while it is sent; what is wrong with them is told by the list."""
    try:
        pieces = removals_file(context.app, wanted.filters())
    except ValueError:
        return RedirectResponse(wanted.address(), status_code=303)
    first = next(pieces, b"")  # what fails at once has its page, rather than half a file
    form = context.app.settings.removals.export
    named = {"Content-Disposition": f'attachment; filename="{form.filename}"'}
    return StreamingResponse(chain((first,), pieces), media_type=_media_type(form), headers=named)


def _media_type(form: ExportSettings) -> str:
    """With the characters' encoding, where browsers and programs look for it."""
    return f"{form.media_type}; charset={form.encoding.removesuffix('-sig')}"
