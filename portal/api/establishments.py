"""The establishments of the directory, the mailbox of each, and the two lists of people that come with them.

A mailbox is read, set, given back, confirmed (R11 to R15). The lists of the DRANE and of DelegCE prove a request: the
one in force is read, a new one is imported (R93).
"""

from datetime import date, datetime
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from pydantic import Field, StrictBool

from portal.api.auth import FILE_BODY, ActingOperator, Caller, Context, FileSent, Installation, OfRectorat, Reading
from portal.api.problems import Refusal, of_form, only_json, refusal_responses
from portal.api.requests import Limit, next_page
from portal.api.schemas import UAI, Day, ReasonOut, RequestModel, ResponseModel, Text, Uai
from states.vocabulary import State
from workflow.database.file_tables import ListKind
from workflow.directory.importer import DirectoryRefused
from workflow.directory.service import (
    EstablishmentFilters,
    EstablishmentLine,
    count_stuck_mails,
    find_last_mailbox_decision,
)
from workflow.evidence.lists import ListRefused, ListReport
from workflow.evidence.parser import choice_kind, columns_of, likely_date, read_list, with_titles
from workflow.spreadsheets.reader import read_table
from workflow.spreadsheets.workbook import UnusableFile

UaiPath = Annotated[str, Path(description="L'UAI de l'établissement.", pattern=UAI, examples=["0310001H"])]
router = APIRouter(tags=["établissements"])
lists_router = APIRouter(tags=["listes"])
KindPath = Annotated[ListKind, Path(description="La liste.")]


class EstablishmentParameters(RequestModel):
    """Filters of the directory."""

    departement: Text | None = Field(None, description="D'un département, comme dans l'annuaire.")
    is_open: bool | None = Field(None, description="Ouverts seulement, ou fermés seulement.")
    without_mailbox: bool = Field(False, description="Seulement ceux qui n'ont pas de boîte (R13).")
    text: Text = Field("", description="Des mots du nom, de la commune ou de l'UAI.")
    after: Uai | None = Field(None, description="Le curseur : le dernier UAI de la page précédente.")
    limit: Limit = 50


class EstablishmentOut(ResponseModel):
    """An establishment of the directory."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    departement_name: str
    nature: str = Field(description="Vide si l'annuaire ne la donne pas.")
    telephone: str = Field(description="Vide si l'annuaire ne le donne pas.")
    chef_civility: str = Field(description="La civilité du chef d'établissement, vide si l'annuaire ne la donne pas.")
    mailbox: str | None = Field(description="La boîte en vigueur (R14).")
    directory_mailbox: str | None = Field(description="Celle de l'annuaire.")
    set_mailbox: str | None = Field(description="Celle qu'un opérateur a fixée.")
    is_open: bool
    is_listed: bool = Field(description="Présent dans le dernier annuaire importé.")
    live_requests: int


class Establishments(ResponseModel):
    """A page of establishments, by UAI."""

    items: list[EstablishmentOut]
    next: str | None = Field(description="L'adresse de la page suivante ; null à la fin.")


class Brief(ResponseModel):
    """A request, in a few words."""

    reference: str
    school_year: str
    nom: str
    prenom: str
    state: State
    changed_at: datetime


class EstablishmentWhole(EstablishmentOut):
    """An establishment with its requests."""

    requests: list[Brief]


@router.get("/establishments", summary="L'annuaire", operation_id="list_establishments", responses=refusal_responses())
def list_establishments(
    context: Context, caller: Reading, parameters: Annotated[EstablishmentParameters, Query()], response: Response
) -> Establishments:
    """Par UAI ; un établissement ne voit que lui-même (R3)."""
    criteria = EstablishmentFilters(**parameters.model_dump(exclude={"after", "limit"}))
    limit = parameters.limit
    matches = context.app.directory.establishments(
        caller.actor, criteria, limit=limit + 1, after=parameters.after or ""
    )
    items = [EstablishmentOut.model_validate(establishment) for establishment in matches[:limit]]
    after = items[-1].uai if len(matches) > limit else None
    return Establishments(items=items, next=next_page(response, "establishments", parameters, after))


@router.get(
    "/establishments/{uai}",
    summary="Un établissement",
    operation_id="show_establishment",
    responses=refusal_responses(404),
)
def get_establishment(context: Context, caller: Reading, uai: UaiPath) -> EstablishmentWhole:
    """Avec ses demandes."""
    try:
        establishment, requests = context.app.directory.establishment(caller.actor, uai)
    except DirectoryRefused as refused:
        raise Refusal(refused.reasons, 404) from None
    return EstablishmentWhole(
        **EstablishmentOut.model_validate(establishment).model_dump(),
        requests=[Brief.model_validate(request) for request in requests],
    )


class MailboxBody(RequestModel):
    """The mailbox to set."""

    address: Text = Field(description="L'adresse de la boîte fonctionnelle.", examples=["ce.0310001h@ac-toulouse.fr"])
    why: Text = Field(description="Pourquoi, en une phrase, sans nommer personne.", examples=["boîte remplacée"])
    mail_confirmed: StrictBool = Field(
        False, description="C'est bien la boîte de l'établissement, bien que d'un autre domaine (R14)."
    )


class ClearingBody(RequestModel):
    """The reason for taking the mailbox of the directory again."""

    why: Text = Field(description="Pourquoi, en une phrase, sans nommer personne.", examples=["annuaire corrigé"])


class MailboxOut(ResponseModel):
    """The mailbox of an establishment, and what is known of it."""

    uai: str
    mailbox: str | None
    directory_mailbox: str | None
    set_mailbox: str | None
    confirmed_at: datetime | None
    codes_from: datetime | None
    stuck_mails: int
    decided_at: datetime | None
    decided_by: str | None
    decided_why: str | None


class MailboxChangeOut(ResponseModel):
    """A change of mailbox."""

    uai: str
    before: str | None
    after: str | None
    is_done: bool
    undelivered: int
    codes_from: datetime | None


class NewChefBody(RequestModel):
    """The new chef of an establishment."""

    name: Text = Field(description="Ses prénom et nom.", examples=["Brigitte Nouvelle"])


class ChefChangeOut(ResponseModel):
    """The last chef known of an establishment."""

    uai: str
    before: str | None
    after: str
    is_done: bool


class MailboxConfirmedOut(ResponseModel):
    """A mailbox confirmed by a second operator."""

    uai: str
    is_done: bool


@router.get(
    "/establishments/{uai}/mailbox", summary="La boîte d'un établissement", operation_id="show_mailbox",
    responses=refusal_responses(404),
)  # fmt: skip
def get_mailbox(context: Context, caller: OfRectorat, uai: UaiPath) -> MailboxOut:
    """Celle de l'annuaire, celle qu'un opérateur a fixée et si un second l'a confirmée ; pour le rectorat (R14)."""
    line = _load_line(context, caller, uai)
    set_mailbox, codes_from = context.app.directory.set_mailbox_of(uai)
    with context.app.database.read() as connection:
        last, stuck = find_last_mailbox_decision(connection, uai), count_stuck_mails(connection, uai)
    return MailboxOut(
        uai=line.uai, mailbox=line.mailbox, directory_mailbox=line.directory_mailbox, set_mailbox=line.set_mailbox,
        confirmed_at=set_mailbox.confirmed_at if set_mailbox else None, codes_from=codes_from, stuck_mails=stuck,
        decided_at=last.at if last else None, decided_by=last.who if last else None,
        decided_why=last.why if last else None,
    )  # fmt: skip


@router.put(
    "/establishments/{uai}/mailbox", summary="Fixer la boîte", operation_id="set_mailbox",
    responses=refusal_responses(400, 404, 408, 409, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def set_mailbox(
    context: Context, caller: ActingOperator, uai: UaiPath, body: Annotated[MailboxBody, Body()]
) -> MailboxChangeOut:
    """La boîte que les imports de l'annuaire ne changeront plus ; ce qui l'était déjà ne change rien (R14)."""
    return _change(context, caller, uai, body.address, body.why, confirmed=body.mail_confirmed)


@router.post(
    "/establishments/{uai}/mailbox/clear", summary="Reprendre la boîte de l'annuaire", operation_id="clear_mailbox",
    responses=refusal_responses(400, 404, 408, 409, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def clear_mailbox(
    context: Context, caller: ActingOperator, uai: UaiPath, body: Annotated[ClearingBody, Body()]
) -> MailboxChangeOut:
    """La boîte est de nouveau celle que donne l'annuaire (R14)."""
    return _change(context, caller, uai, None, body.why)


@router.post(
    "/establishments/{uai}/mailbox/confirm", summary="Confirmer la boîte", operation_id="confirm_mailbox",
    responses=refusal_responses(404, 409),
)  # fmt: skip
def confirm_mailbox(context: Context, caller: ActingOperator, uai: UaiPath) -> MailboxConfirmedOut:
    """Celle qu'un autre opérateur a fixée : les codes y partent aussitôt (R14)."""
    line = _load_line(context, caller, uai)
    try:
        is_done = context.app.directory.confirm_mailbox(line.uai, caller.actor)
    except DirectoryRefused as refused:
        raise Refusal(refused.reasons) from None
    return MailboxConfirmedOut(uai=line.uai, is_done=is_done)


@router.post(
    "/establishments/{uai}/chef", summary="Dire qu'un nouveau chef est là", operation_id="name_new_chef",
    responses=refusal_responses(400, 404, 408, 409, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def name_new_chef(
    context: Context, caller: ActingOperator, uai: UaiPath, body: Annotated[NewChefBody, Body()]
) -> ChefChangeOut:
    """Le dernier chef connu ; ce qui ouvrait le portail au précédent prend fin (R37)."""
    line = _load_line(context, caller, uai)
    try:
        change = context.app.directory.name_new_chef(line.uai, body.name, caller.actor)
    except DirectoryRefused as refused:
        raise Refusal(refused.reasons) from None
    return ChefChangeOut.model_validate(change)


def _load_line(context: Installation, caller: Caller, uai: str) -> EstablishmentLine:
    """Raises Refusal (404)."""
    try:
        line, _ = context.app.directory.establishment(caller.actor, uai)
    except DirectoryRefused as refused:
        raise Refusal(refused.reasons, 404) from None
    return line


def _change(
    context: Installation, caller: Caller, uai: str, address: str | None, why: str, *, confirmed: bool = False
) -> MailboxChangeOut:
    uai = _load_line(context, caller, uai).uai
    try:
        change = context.app.directory.set_mailbox(uai, address, why, caller.actor, confirmed=confirmed)
    except DirectoryRefused as refused:
        raise Refusal(refused.reasons) from None
    return MailboxChangeOut.model_validate(change)


class ListParameters(RequestModel):
    """The date of a list, and what a person accepts of it."""

    list_date: Day | None = Field(None, description="Le jour de la liste ; absent : celui que le fichier dit.")
    is_complete: bool = Field(False, description="Le fichier est entier, bien qu'il ait l'air coupé.")
    accepted: list[str] = Field([], max_length=20, description="Les codes de `doubtful` qu'une personne accepte.")
    confirm: bool = Field(False, description="Mettre la liste en vigueur ; sinon, dire seulement ce qui changerait.")


class ListImportOut(ResponseModel):
    """An import of a list."""

    number: int
    name: str
    list_date: date
    imported_at: datetime
    who: str
    rows: int
    new: int
    changed: int
    gone: int
    refused: int


class ListImports(ResponseModel):
    """The imports of a list; the first is in force."""

    items: list[ListImportOut]


class ListRemark(ResponseModel):
    """A row that was not taken."""

    row: int
    message: str


class ListReportOut(ResponseModel):
    """The changes of an import, done or foreseen."""

    kind: ListKind
    is_done: bool
    list_date: date | None
    rows: int
    new: int
    changed: int
    gone: int
    unchanged: int
    aside: list[ListRemark]
    reasons: list[ReasonOut]
    doubtful: list[ReasonOut]
    compared: list[str]


@lists_router.get("/lists/{kind}", summary="Une liste", operation_id="show_list", responses=refusal_responses())
def get_list(context: Context, caller: OfRectorat, kind: KindPath) -> ListImports:
    """Ses imports ; le premier est en vigueur (R93)."""
    del caller
    return ListImports(items=[ListImportOut.model_validate(done) for done in context.app.lists.imports(kind)])


@lists_router.post(
    "/lists/{kind}/file", summary="Importer une liste", operation_id="import_list",
    responses=refusal_responses(408, 409, 413, 415), openapi_extra=FILE_BODY,
)  # fmt: skip
def import_list(
    context: Context, caller: ActingOperator, kind: KindPath, parameters: Annotated[ListParameters, Query()],
    content: FileSent,
) -> ListReportOut:  # fmt: skip
    """Le fichier tel qu'on l'a reçu, CSV ou classeur : ce qu'il changerait. Avec `confirm`, la liste vaut désormais,
    et les demandes lui sont comparées (R93 à R95)."""
    app = context.app
    try:
        table = with_titles(kind, read_table(BytesIO(content)))
        columns = app.column_choices.recognise(choice_kind(kind), table, columns_of(kind, table))
        read = read_list(kind, table, columns, is_complete=parameters.is_complete)
        day = parameters.list_date or likely_date(table, columns, "", app.lists.today)
        if not parameters.confirm:
            return _report_out(app.lists.preview(read, day))
        return _report_out(app.lists.import_read(read, day, caller.actor, accepted=parameters.accepted))
    except UnusableFile as unusable:
        message, _, remedy = str(unusable).partition(". Que faire : ")
        message, remedy = (text[:1].upper() + text[1:] for text in (message, remedy or "corriger le fichier."))
        raise Refusal((of_form("bad_file", message, remedy),), 422) from None
    except ListRefused as refused:
        raise Refusal(refused.reasons) from None


def _report_out(report: ListReport) -> ListReportOut:
    aside = sorted((*report.refused, *report.outside), key=lambda remark: remark.line)
    return ListReportOut(
        kind=report.kind, is_done=report.number is not None, list_date=report.list_date, rows=report.rows,
        new=len(report.new), changed=len(report.changed), gone=len(report.gone), unchanged=report.unchanged,
        aside=[ListRemark(row=remark.line, message=remark.message) for remark in aside],
        reasons=[ReasonOut.model_validate(reason) for reason in report.reasons],
        doubtful=[ReasonOut.model_validate(reason) for reason in report.doubtful], compared=list(report.compared),
    )  # fmt: skip
