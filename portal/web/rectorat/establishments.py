"""/rectorat/etablissements: found by name, town or UAI; mailboxes, mails, requests, the import (R11 to R15, R66)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from portal.exports.lists import establishments_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.texts import DIRECTORY_COLUMNS
from portal.web.actions.base import behalf_fields, on_behalf, show_result, with_refusal
from portal.web.actions.chef import CONFIRMATIONS, with_proposed_names
from portal.web.chef.declare import declaration, declaration_fields, with_confirmations
from portal.web.context import Context, Operator, Posted, ProvenOperator, Rectorat, Typed, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.file_import import (
    SHOWN,
    FileImport,
    ImportPreview,
    ImportRefused,
    PreviewLink,
    PreviewList,
    ReadyImport,
    import_pages,
)
from portal.web.forms import Field, Form, Shape, address, blank, departement_of, filled
from portal.web.security import Visitor
from states.decision import Refused
from states.french import plural
from states.refusals import Reason
from workflow.database.clock import ClockRefused
from workflow.directory.importer import DirectoryRefused, ImportReport, massive_loss
from workflow.directory.parser import SPECS, Remark
from workflow.directory.service import (
    DIRECTORY,
    MOST_EXPORTED,
    EstablishmentFilters,
    EstablishmentLine,
    EstablishmentRequest,
    count_stuck_mails,
    find_last_mailbox_decision,
    list_establishments,
)
from workflow.journal.security_log import ExportedList
from workflow.mail import MailFilters, list_mails

ESTABLISHMENTS_PATH: Final = "/rectorat/etablissements"

PAGE_SIZE: Final = 50

LAST_MAILS: Final = 5
"""Mails shown on the page of an establishment."""

NOTICES: Final = {
    "boite": "la boîte est fixée, les imports de l'annuaire ne la changeront plus",
    "annuaire": "la boîte est de nouveau celle de l'annuaire",
    "confirmee": "la boîte est confirmée, les codes y partent",
    "deja": "c'était déjà la boîte de l'établissement, rien n'a changé",
}
"""Sentence shown after an action."""

_WHY = Field(
    name="why", label="Pourquoi", shape=Shape.AREA, missing="Dire pourquoi en une phrase.",
    hint="Une phrase, sans nommer personne : elle reste dans le journal.",
)  # fmt: skip

_SET_MAILBOX = (
    Field(
        name="address", label="Adresse de la boîte", shape=Shape.MAIL, missing="Donner l'adresse de la boîte.",
        hint="La boîte fonctionnelle de l'établissement, par exemple ce.0310001h@ac-toulouse.fr.",
    ),
    _WHY,
)  # fmt: skip

_CLEAR_MAILBOX = (_WHY,)

_MAILBOX_CONFIRMED: Final = Field(
    name="mail_confirmed", label="C'est bien la boîte de l'établissement", shape=Shape.CHECK, required=False,
)  # fmt: skip
"""Shown only after a refusal for an address outside the usual domains (R14)."""

router = APIRouter(prefix=ESTABLISHMENTS_PATH, include_in_schema=False)

_LOSS: Final = "perte"

_NO: Final = {True: "oui", False: "non", None: "(vide)", "": "(vide)"}


@dataclass(frozen=True)
class EstablishmentQuery:
    """The filters as the address bears them."""

    mots: Annotated[str, Query(max_length=200)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    sans_boite: Annotated[str, Query(max_length=5)] = ""
    fermes: Annotated[str, Query(max_length=5)] = ""

    def criteria(self) -> EstablishmentFilters:
        """Raises ValueError in French."""
        return EstablishmentFilters(
            departement=departement_of(self.departement) or None, is_open=not self.fermes, text=self.mots,
            without_mailbox=bool(self.sans_boite),
        )  # fmt: skip

    def address(self, after: str | None = None, path: str = ESTABLISHMENTS_PATH) -> str:
        return address(path, **vars(self), suite=after)


@router.get("")
def show_establishments(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[EstablishmentQuery, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:  # fmt: skip
    """List the establishments, by UAI."""
    lines: list[EstablishmentLine] = []
    problem = ""
    try:
        lines = context.app.directory.establishments(
            visitor.actor, query.criteria(), limit=PAGE_SIZE + 1, after=suite
        )  # fmt: skip
    except ValueError as error:
        problem = str(error)
    return context.pages.page(
        request, "rectorat/establishments.html", visitor, status=422 if problem else 200, lines=lines[:PAGE_SIZE],
        problem=problem, query=query,
        export=query.address(path=f"{ESTABLISHMENTS_PATH}/export"),
        more=query.address(lines[PAGE_SIZE - 1].uai) if len(lines) > PAGE_SIZE else None,
    )  # fmt: skip


@router.get("/export")
async def export_establishments(
    context: Context, visitor: Rectorat, query: Annotated[EstablishmentQuery, Depends()], file_format: ChosenFormat
) -> Response:
    """The filtered list as a file (R87, R92)."""

    def workbook(connection: Connection) -> Workbook:
        return establishments_workbook(list_establishments(connection, visitor.actor, query.criteria(), MOST_EXPORTED))

    return await download_list(
        context.export_of(visitor, ExportedList.ESTABLISHMENTS), file_format, workbook, query.address()
    )


@router.get("/{uai}")
def show_establishment(request: Request, context: Context, visitor: Rectorat, uai: str) -> HTMLResponse:
    """Show one establishment whole."""
    return _render_establishment(request, context, visitor, uai)


def _render_establishment(
    request: Request,
    context: WebContext,
    visitor: Visitor,
    uai: str,
    refusals: Sequence[Reason] = (),
    status: int = 200,
) -> HTMLResponse:
    place, requests = _load_establishment(context, visitor, uai)
    with context.app.database.read() as connection:
        mails = list_mails(connection, MailFilters(uai=place.uai), limit=LAST_MAILS)
        last_set, stuck = find_last_mailbox_decision(connection, place.uai), count_stuck_mails(connection, place.uai)
    set_mailbox, codes_from = context.app.directory.set_mailbox_of(place.uai)
    return context.pages.page(
        request, "rectorat/establishments_one.html", visitor, status=status, place=place, requests=requests,
        mails=mails, last_set=last_set, stuck=stuck, codes_from=codes_from, refusals=refusals,
        bindings=context.app.bindings.list_of([place.uai]), last_day=context.app.bindings.last_day,
        is_own_mailbox=set_mailbox is not None and set_mailbox.operator in visitor.actor.numbers,
    )  # fmt: skip


@router.get("/{uai}/boite")
def show_mailbox_form(request: Request, context: Context, visitor: ProvenOperator, uai: str) -> Response:
    """Show the form that sets the mailbox (R14)."""
    place, _ = _load_establishment(context, visitor, uai)
    return _render_mailbox(request, context, visitor, place, blank(_SET_MAILBOX))


@router.post("/{uai}/boite")
def save_mailbox(request: Request, context: Context, visitor: ProvenOperator, uai: str, data: Typed) -> Response:
    """Set it."""
    confirmed = [_MAILBOX_CONFIRMED] if _MAILBOX_CONFIRMED.name in data else []
    return _change_mailbox(request, context, visitor, uai, filled([*_SET_MAILBOX, *confirmed], data))


@router.post("/{uai}/boite/confirmer")
def confirm_mailbox(request: Request, context: Context, visitor: ProvenOperator, uai: str, data: Posted) -> Response:
    """Confirm the mailbox that another operator has set, as the page showed it: codes leave for it at once (R14)."""
    place, _requests = _load_establishment(context, visitor, uai)
    try:
        is_done = context.app.directory.confirm_mailbox(place.uai, visitor.actor, seen=str(data.get("boite") or ""))
    except (DirectoryRefused, ClockRefused) as refused:
        return _render_establishment(request, context, visitor, place.uai, refused.reasons, status=422)
    notice = NOTICES["confirmee" if is_done else "deja"]
    return context.success_messages.redirect(visitor, f"{ESTABLISHMENTS_PATH}/{place.uai}", notice)


@router.get("/{uai}/boite/annuaire")
def show_clearing_form(request: Request, context: Context, visitor: ProvenOperator, uai: str) -> Response:
    """Show the form that gives the directory's mailbox back; without a set one there is nothing to give back."""
    place, _ = _load_establishment(context, visitor, uai)
    if not place.set_mailbox:
        return RedirectResponse(f"{ESTABLISHMENTS_PATH}/{place.uai}", status_code=303)
    return _render_mailbox(request, context, visitor, place, blank(_CLEAR_MAILBOX), clearing=True)


@router.post("/{uai}/boite/annuaire")
def clear_mailbox(request: Request, context: Context, visitor: ProvenOperator, uai: str, data: Typed) -> Response:
    """Give the directory's mailbox back."""
    return _change_mailbox(request, context, visitor, uai, filled(_CLEAR_MAILBOX, data), clearing=True)


@router.get("/{uai}/declarer")
def show_declaration_form(request: Request, context: Context, visitor: Operator, uai: str) -> Response:
    """Show the form by which an operator declares for a chef who telephoned (R5, R25)."""
    place, _ = _load_establishment(context, visitor, uai)
    return _render_declaration(request, context, visitor, place, blank(_declaration_fields(context)))


@router.post("/{uai}/declarer")
def declare_on_behalf(request: Request, context: Context, visitor: Operator, uai: str, data: Typed) -> Response:
    """Declare, and lead to the request."""
    place, _ = _load_establishment(context, visitor, uai)
    form = with_proposed_names(filled(with_confirmations(_declaration_fields(context), data), data), data)
    if not form.is_right:
        return _render_declaration(request, context, visitor, place, form, status=422)
    command = replace(declaration(place.uai, form.values), on_behalf=on_behalf(form.values))
    (result,) = context.app.engine.execute([command], visitor.actor, key=f"web:{form.key}")
    if isinstance(result, Refused):
        form = with_refusal(form, result, visitor, CONFIRMATIONS)
        return _render_declaration(request, context, visitor, place, form, status=422)
    return show_result(request, context, visitor, result)


def _load_establishment(
    context: WebContext, visitor: Visitor, uai: str
) -> tuple[EstablishmentLine, list[EstablishmentRequest]]:
    """The establishment and its requests. Raises HTTPException (404) for an unknown one."""
    try:
        return context.app.directory.establishment(visitor.actor, uai)
    except DirectoryRefused:
        raise HTTPException(404) from None


def _change_mailbox(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, *, clearing: bool = False
) -> Response:
    place, _ = _load_establishment(context, visitor, uai)
    if not form.is_right:
        return _render_mailbox(request, context, visitor, place, form, clearing=clearing, status=422)
    new_address = None if clearing else form.values["address"]
    try:
        change = context.app.directory.set_mailbox(
            place.uai, new_address, form.values["why"], visitor.actor,
            confirmed=bool(form.values.get(_MAILBOX_CONFIRMED.name)),
        )  # fmt: skip
    except (DirectoryRefused, ClockRefused) as refused:
        form = form.asking([_MAILBOX_CONFIRMED], refused.reasons).refused(refused.reasons)
        return _render_mailbox(request, context, visitor, place, form, clearing=clearing, status=422)
    notice = ("annuaire" if clearing else "boite") if change.is_done else "deja"
    return context.success_messages.redirect(visitor, f"{ESTABLISHMENTS_PATH}/{place.uai}", NOTICES[notice])


def _render_mailbox(
    request: Request, context: WebContext, visitor: Visitor, place: EstablishmentLine, form: Form, *,
    clearing: bool = False, status: int = 200,
) -> Response:  # fmt: skip
    return context.pages.page(
        request, "rectorat/establishments_mailbox.html", visitor, status=status, place=place, form=form,
        clearing=clearing,
    )  # fmt: skip


def _declaration_fields(context: WebContext) -> Sequence[Field]:
    """The chef's form, then who asked, how and when (R5)."""
    return [*declaration_fields(context), *behalf_fields(context.pages.today())]


def _render_declaration(
    request: Request, context: WebContext, visitor: Visitor, place: EstablishmentLine, form: Form, status: int = 200
) -> Response:
    return context.pages.page(
        request, "rectorat/establishments_declare.html", visitor, status=status, place=place, form=form
    )


class DirectoryImport(FileImport):
    """The import of the open directory."""

    kind = DIRECTORY
    needs_proof = True
    path = f"{ESTABLISHMENTS_PATH}/import"
    title = "Importer l'annuaire"
    above = (("/rectorat", "Accueil"), (ESTABLISHMENTS_PATH, "Établissements"))
    specs = SPECS
    help_template = "rectorat/directory_import_help.html"

    def preview(self, context: WebContext, visitor: Visitor, ready: ReadyImport) -> ImportPreview:
        """Compare the file with the directory, writing nothing."""
        report = context.app.directory.import_table(ready.table, ready.columns, visitor.actor, dry_run=True)
        return ImportPreview(
            summary=list(_summary(report)), lists=_lists(report), changes_something=report.changes_something,
            confirmations=[_loss_field(report)] if report.loss.is_massive else [], button="Importer l'annuaire",
        )  # fmt: skip

    def confirm(self, context: WebContext, visitor: Visitor, ready: ReadyImport, ticked: Sequence[str]) -> str:
        """Import it; the loss may have grown since it was shown, and is then refused."""
        try:
            report = context.app.directory.import_table(
                ready.table, ready.columns, visitor.actor, accept_loss=_LOSS in ticked
            )
        except DirectoryRefused as refused:  # what is lost has become massive since it was shown
            remedy = "Relire ce qui suit, puis accepter la perte si elle est voulue."
            raise ImportRefused([replace(reason, remedy=remedy) for reason in refused.reasons]) from None
        counts = _counts(report)
        return f"l'annuaire est importé, {counts}" if report.changes_something else "l'annuaire était déjà celui-ci"


import_router = import_pages(DirectoryImport())


def _counts(report: ImportReport) -> str:
    return ", ".join((
        plural(len(report.new), "nouveau", "nouveaux"), plural(len(report.changed), "changé"),
        plural(len(report.gone), "disparu"), plural(report.unchanged, "inchangé"),
    ))  # fmt: skip


def _summary(report: ImportReport) -> Iterable[str]:
    counts = _counts(report)
    yield f"L'import donnerait : {counts}." if report.changes_something else f"Rien ne changerait : {counts}."
    yield (
        f"Lignes lues : {report.rows}, dont {report.outside_academie} d'une autre académie, {report.outside_scope} hors"
        f" du second degré, {plural(report.repeated, 'répétée')}, {plural(len(report.refused), 'refusée')}."
    )
    if report.without_mailbox:
        without = plural(report.without_mailbox, "établissement ouvert serait", "établissements ouverts seraient")
        yield f"{without} sans boîte : personne ne pourrait s'y connecter."
    if report.chosen_mailboxes:
        chosen = plural(report.chosen_mailboxes, "boîte nouvelle ne porte", "boîtes nouvelles ne portent")
        yield (
            f"{chosen} pas l'UAI de l'établissement dans le domaine de l'académie : ce choix serait compté comme le"
            " vôtre, et aucun code n'y partirait avant l'accord d'un autre opérateur, ou un délai (R120)."
        )


def _loss_field(report: ImportReport) -> Field:
    reason = massive_loss(report.loss)
    return Field(
        name=_LOSS, label="Accepter cette perte", shape=Shape.CHECK,
        hint=f"{reason.message} ({reason.rule}). Vérifier d'abord que le fichier est entier.",
        missing="Vérifier que le fichier est entier ; si la perte est voulue, cocher cette case.",
    )  # fmt: skip


def _lists(report: ImportReport) -> list[PreviewList]:
    names = ("Établissement", "UAI")
    return [
        PreviewList(
            title="Demandes en cours d'établissements fermés, à traiter", headings=("Demande", "UAI"),
            rows=[
                (PreviewLink(r.reference, f"/rectorat/demandes/{r.reference}"), r.uai) for r in report.stranded[:SHOWN]
            ],
            count=len(report.stranded), note="Leur établissement sera fermé : les révoquer, ou vérifier l'annuaire.",
        ),
        _remarks("Lignes refusées", report.refused, "Ces établissements restent tels qu'ils sont."),
        PreviewList(
            title="Disparus de l'annuaire, donc fermés", headings=names,
            rows=[(place.nom, place.uai) for place in report.gone[:SHOWN]], count=len(report.gone),
        ),
        PreviewList(
            title="Changés", headings=(*names, "Ce qui change"), count=len(report.changed),
            rows=[
                (place.nom, place.uai, " ; ".join(
                    f"{DIRECTORY_COLUMNS[change.column]} : {_shown_lines(change.before)} → {_shown_lines(change.after)}"
                    for change in place.changes
                ))
                for place in report.changed[:SHOWN]
            ],
        ),
        PreviewList(
            title="Nouveaux", headings=names, rows=[(place.nom, place.uai) for place in report.new[:SHOWN]],
            count=len(report.new),
        ),
        _remarks("Avertissements", report.warnings, "Ces lignes sont prises quand même."),
    ]  # fmt: skip


def _remarks(title: str, remarks: Sequence[Remark], note: str) -> PreviewList:
    rows = [(f"Ligne {remark.line}", remark.uai or "illisible", remark.message) for remark in remarks[:SHOWN]]
    return PreviewList(title=title, headings=("Ligne", "UAI", "Pourquoi"), rows=rows, count=len(remarks), note=note)


def _shown_lines(value: str | bool | None) -> str:
    return _NO[value] if value in _NO else str(value)
