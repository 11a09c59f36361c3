"""The two lists that prove a request, of the DRANE and of DelegCE: which is in force, and a new one (R93)."""

from datetime import date, datetime
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from portal.api.auth import ActingOperator, Context, OfRectorat
from portal.api.field_types import Day, RequestModel, ResponseModel
from portal.api.files import FILE_BODY, FileSent
from portal.api.problems import Refusal, of_form, refusal_responses
from portal.api.schemas import ReasonOut
from workflow.database.file_tables import ListKind
from workflow.evidence.columns import choice_kind, columns_of
from workflow.evidence.importer import ListRefused, ListReport
from workflow.evidence.parser import likely_date, read_list, with_titles
from workflow.spreadsheets.reader import read_table
from workflow.spreadsheets.unusable import UnusableFile

router = APIRouter(tags=["listes"])

KindPath = Annotated[ListKind, Path(description="La liste.")]


class ListParameters(RequestModel):
    """How to read a list."""

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
    """What an import changes, or would."""

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


@router.get("/lists/{kind}", summary="Une liste", operation_id="show_list", responses=refusal_responses())
def get_list(context: Context, caller: OfRectorat, kind: KindPath) -> ListImports:
    """Ses imports ; le premier est en vigueur (R93)."""
    del caller
    return ListImports(items=[ListImportOut.model_validate(done) for done in context.app.lists.imports(kind)])


@router.post(
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
