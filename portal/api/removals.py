"""The rights to remove on the ODA server: listed, taken as the console's file, confirmed by rows or by a file.

See R47 to R49 and R83.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import Field

from notifications.rendering.renderer import Unexportable
from portal.api.actions import Key
from portal.api.auth import (
    CSV,
    FILE_BODY,
    ActingOperator,
    Caller,
    Context,
    FileSent,
    Installation,
    OfRectorat,
    file_answer,
    leaving,
)
from portal.api.problems import Problem, Refusal, of_form, only_json, problem_of, refusal_responses
from portal.api.requests import Limit, next_page
from portal.api.schemas import ReasonOut, Reference, RequestModel, ResponseModel, Text, TodoOut, Uai, Year
from states.decision import Refused
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.journal.security_log import ExportedList
from workflow.removals.files import (
    FileLooksCut,
    FileRefused,
    RemovalRow,
    Replacements,
    check_rows,
    confirm_rows,
    read_removals,
    removals_file,
)
from workflow.removals.tasks import MOST_TASKS, RemovalFilters, list_removals

MOST_BYTES: Final = 500_000
"""Bytes of a file of confirmations, as on the page."""

router = APIRouter(tags=["retraits"])


class RemovalParameters(RequestModel):
    """Filters of the removals, those of the page."""

    kind: RemovalKind | None = Field(None, description="De ce genre : une clé à retirer, ou une question (R47).")
    school_year: Year | None = Field(None, description="D'une année scolaire.")
    departement: Text = Field("", description="D'un département : 31, 2A, 974.")
    uai: Uai | None = Field(None, description="D'un établissement.")
    name: Text = Field("", description="D'une personne : un bout de nom ou de prénom.")

    def filters(self, *, confirmed: bool = False) -> RemovalFilters:
        return RemovalFilters(
            kind=self.kind, confirmed=confirmed, school_year=self.school_year, departement=self.departement,
            uai=self.uai or "", name=self.name,
        )  # fmt: skip


class RemovalListParameters(RemovalParameters):
    """The same with a place in the list."""

    confirmed: bool = Field(False, description="Ceux qui sont confirmés, au lieu de ceux qui restent à faire.")
    after: Text | None = Field(None, description="Le curseur, tel que la page précédente l'a donné.")
    limit: Limit = 50


class RemovalLineOut(ResponseModel):
    """A removal of the list."""

    reference: str
    kind: RemovalKind
    uai: str
    establishment: str
    commune: str
    departement: str
    school_year: Year
    nom: str
    prenom: str
    mail: str
    expires_on: str | None
    opened_at: datetime
    todo: TodoOut | None
    outcome: RemovalOutcome | None
    closed_at: datetime | None
    closed_by: str | None


class Removals(ResponseModel):
    """A page of removals."""

    items: list[RemovalLineOut]
    next: str | None


class ConfirmationRow(RequestModel):
    """A removal that was done."""

    reference: Reference = Field(description="La référence de la demande.")
    outcome: RemovalOutcome = Field(description="Ce qui a été fait sur le serveur ODA.")
    note: Text = Field("", description="Une précision, sans nommer personne.")


class ConfirmationsBody(RequestModel):
    """Removals to confirm."""

    rows: list[ConfirmationRow] = Field(min_length=1, max_length=MOST_TASKS, description="Les retraits, dans l'ordre.")


class ConfirmationOut(ResponseModel):
    """The result of a row: confirmed, or why not."""

    row: int
    reference: str
    is_done: bool
    warnings: list[ReasonOut]
    problem: Problem | None


class Confirmations(ResponseModel):
    """One result per row, in order."""

    results: list[ConfirmationOut]


class RowAside(ResponseModel):
    """A row of a file that cannot be confirmed."""

    row: int
    written: str
    message: str


class ReadyOut(ResponseModel):
    """A row of a file that can be confirmed."""

    row: int
    reference: str
    outcome: RemovalOutcome
    warnings: list[ReasonOut]


class FileOut(ResponseModel):
    """The lines understood of a file, and those confirmed if that was asked for."""

    ready: list[ReadyOut]
    aside: list[RowAside]
    results: list[ConfirmationOut]


class FileParameters(RequestModel):
    """The reading of a file of confirmations."""

    outcome: RemovalOutcome | None = Field(None, description="Ce qui a été fait, pour les lignes qui ne le disent pas.")
    is_complete: bool = Field(False, description="Le fichier est entier, bien qu'il ait l'air coupé.")
    confirm: bool = Field(False, description="Confirmer les lignes comprises ; sinon, dire seulement ce qui l'est.")


@router.get("/removals", summary="Les retraits", operation_id="list_removals", responses=refusal_responses())
def list_tasks(
    context: Context, caller: OfRectorat, parameters: Annotated[RemovalListParameters, Query()], response: Response
) -> Removals:  # fmt: skip
    """Ce qu'il y a à retirer sur le serveur ODA aujourd'hui, par référence, ou ce qui a été confirmé (R48)."""
    del caller
    app = context.app
    filters = parameters.filters(confirmed=parameters.confirmed)
    try:
        with app.database.read() as connection:
            page = list_removals(
                connection, filters, app.policy, app.mailer, after=parameters.after, limit=parameters.limit
            )
    except ValueError:
        reason = of_form("bad_cursor", "Ce curseur n'est pas de cette liste", "Reprendre l'adresse donnée.", "after")
        raise Refusal((reason,), 422) from None
    items = [
        RemovalLineOut(
            reference=line.request.reference, kind=line.kind, uai=line.request.uai, establishment=line.establishment,
            commune=line.commune, departement=line.departement, school_year=line.request.school_year,
            nom=line.request.nom, prenom=line.request.prenom, mail=line.request.mail,
            expires_on=line.request.expires_on.isoformat() if line.request.expires_on else None,
            opened_at=line.opened_at, todo=TodoOut.model_validate(line.todo) if line.todo else None,
            outcome=line.outcome, closed_at=line.closed_at, closed_by=line.by or None,
        )
        for line in page.lines
    ]  # fmt: skip
    return Removals(items=items, next=next_page(response, "removals", parameters, page.after))


@router.get(
    "/removals/export", summary="Le fichier des retraits", operation_id="export_removals", response_class=Response,
    responses=file_answer(CSV, "text/plain") | refusal_responses(409),
)  # fmt: skip
def export_removals(
    context: Context, caller: OfRectorat, parameters: Annotated[RemovalParameters, Query()]
) -> Response:
    """Ce qui reste à faire, dans la forme que prend la console du serveur ODA (réglage `removals.export`) ; l'en-tête
    `X-Replaced-Cells` compte les cellules dont une lettre manque à son codage (R83)."""
    app, counted = context.app, Replacements()
    export = app.settings.removals.export
    try:
        content = b"".join(removals_file(app.engine, app.mailer, export, parameters.filters(), counted))
    except Unexportable:
        message = "Le fichier n'a pas pu être fait : son modèle est à corriger"
        raise Refusal((of_form("unexportable", message, "Le dire à l'administrateur."),), 409) from None
    response = leaving(
        context, caller, ExportedList.REMOVALS_FILE, content, filename=export.filename,
        media_type=f"{export.media_type}; charset={export.encoding.removesuffix('-sig')}", rows=counted.rows,
        criteria=parameters.model_dump(),
    )  # fmt: skip
    response.headers["X-Replaced-Cells"] = str(counted.cells)
    return response


@router.post(
    "/removals/confirmations", summary="Confirmer des retraits", operation_id="confirm_removals",
    responses=refusal_responses(400, 408, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def confirm_several(
    context: Context, caller: ActingOperator, body: Annotated[ConfirmationsBody, Body()], key: Key = None
) -> Confirmations:
    """Chacun confirmé ou refusé pour lui-même ; la même clé avec les mêmes lignes ne fait rien deux fois (R10, R49)."""
    rows = [
        RemovalRow(number=number, reference=row.reference, outcome=row.outcome, note=row.note)
        for number, row in enumerate(body.rows, start=1)
    ]
    return Confirmations(results=_confirm(context, caller, rows, key))


@router.post(
    "/removals/file", summary="Un fichier de retraits faits", operation_id="read_removals_file",
    responses=refusal_responses(408, 413, 415), openapi_extra=FILE_BODY,
)  # fmt: skip
def read_file(
    context: Context, caller: ActingOperator, parameters: Annotated[FileParameters, Query()], content: FileSent,
    key: Key = None,
) -> FileOut:  # fmt: skip
    """Ce que la console a rendu, en CSV, XLSX ou ODS : compris ligne par ligne, puis confirmé si `confirm` le dit ; une
    ligne fausse n'arrête pas les autres (R49, R83)."""
    app = context.app
    try:
        rows = read_removals(
            content, parameters.outcome, most=MOST_TASKS, most_bytes=MOST_BYTES, is_complete=parameters.is_complete
        )
    except FileRefused as refused:
        code, remedy = "bad_file", "Corriger le fichier, puis l'envoyer de nouveau."
        if isinstance(refused, FileLooksCut):
            code, remedy = "file_looks_cut", "S'il est entier, l'envoyer avec is_complete=true."
        raise Refusal((of_form(code, str(refused).rstrip("."), remedy),), 422) from None
    with app.database.read() as connection:
        checked = check_rows(connection, rows, caller.actor, app.engine, app.mailer)
    ready = [line.row for line in checked.ready]
    return FileOut(
        ready=[
            ReadyOut(
                row=line.row.number, reference=line.row.reference, outcome=line.row.outcome,
                warnings=[ReasonOut.model_validate(warning) for warning in line.warnings],
            )
            for line in checked.ready
        ],
        aside=[RowAside(row=fault.number, written=fault.written, message=fault.message) for fault in checked.faults],
        results=_confirm(context, caller, ready, key) if parameters.confirm else [],
    )  # fmt: skip


def _confirm(
    context: Installation, caller: Caller, rows: Sequence[RemovalRow], key: str | None
) -> list[ConfirmationOut]:
    results = confirm_rows(context.app.engine, rows, caller.actor, key=f"api-removals:{key}" if key else None)
    return [
        ConfirmationOut(
            row=done.row.number, reference=done.row.reference, is_done=not isinstance(done.result, Refused),
            warnings=[] if isinstance(done.result, Refused)
            else [ReasonOut.model_validate(warning) for warning in done.result.warnings],
            problem=problem_of(done.result.reasons) if isinstance(done.result, Refused) else None,
        )
        for done in results
    ]  # fmt: skip
