"""/rectorat/listes: the list of RUPN and that of delegations, in force, imported, searched (R93)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from portal.exports.lists import list_workbook
from portal.exports.workbook import Workbook
from portal.web.context import Context, Rectorat, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.file_import import (
    SHOWN,
    FileImport,
    ImportPreview,
    ImportRefused,
    PreviewList,
    ReadyImport,
    import_pages,
)
from portal.web.forms import Field, Shape, address
from portal.web.security import Visitor
from states import french
from states.refusals import Reason
from workflow.database.file_tables import ListKind
from workflow.evidence.columns import choice_kind, columns_of, usual_columns
from workflow.evidence.importer import MASSIVE_LOSS, ChangedRow, ListRefused, ListReport
from workflow.evidence.lists import MOST_EXPORTED, NO_END, place_of_entry, search_entries
from workflow.evidence.parser import ListRow, RowRemark, likely_date, read_list, with_titles
from workflow.journal.exports import ExportedList
from workflow.spreadsheets.columns import ColumnSpec
from workflow.spreadsheets.reader import Table

LISTS_PATH: Final = "/rectorat/listes"

SLUGS: Final = {ListKind.LISTING: "rupn", ListKind.DELEGATION: "delegations"}
"""Each list in the addresses of its pages."""

PAGE_SIZE: Final = 50

IMPORTS_SHOWN: Final = 10

Words = Annotated[str, Query(max_length=200)]

router = APIRouter(include_in_schema=False)


@router.get(LISTS_PATH)
def show_lists(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """Show both lists: in force since when, of what date, and the imports before."""
    imports = {kind: context.app.lists.imports(kind, limit=IMPORTS_SHOWN) for kind in ListKind}
    return context.pages.page(
        request, "rectorat/lists.html", visitor, imports=imports, slugs=SLUGS, ListKind=ListKind,
        keep_months=context.app.settings.retention.lists,
    )  # fmt: skip


@router.get(f"{LISTS_PATH}/{{slug}}")
def show_list(
    request: Request, context: Context, visitor: Rectorat, slug: str, mots: Words = "",
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """Show the rows of a list in force, found by UAI, name or address."""
    kind, lists, path = _kind_of(slug), context.app.lists, f"{LISTS_PATH}/{slug}"
    entries = lists.search(kind, mots, limit=PAGE_SIZE + 1, after=suite)
    imports = lists.imports(kind, limit=1)
    more = address(path, mots=mots, suite=place_of_entry(entries[PAGE_SIZE - 1])) if len(entries) > PAGE_SIZE else None
    return context.pages.page(
        request, "rectorat/lists_rows.html", visitor, kind=kind, in_force=imports[0] if imports else None,
        entries=entries[:PAGE_SIZE], words=mots, first=address(path, mots=mots) if suite else None, more=more,
        ListKind=ListKind, export=address(f"{path}/export", mots=mots),
    )  # fmt: skip


@router.get(f"{LISTS_PATH}/{{slug}}/export")
async def export_list(
    context: Context, visitor: Rectorat, slug: str, file_format: ChosenFormat, mots: Words = ""
) -> Response:  # fmt: skip
    """The rows that the words leave, as a file (R92)."""
    kind = _kind_of(slug)

    def workbook(connection: Connection) -> Workbook:
        return list_workbook(kind, search_entries(connection, kind, mots, limit=MOST_EXPORTED))

    return await download_list(
        context.export_of(visitor, _EXPORTED[kind]), file_format, workbook, address(f"{LISTS_PATH}/{slug}", mots=mots)
    )


_EXPORTED: Final = {ListKind.LISTING: ExportedList.LISTING, ListKind.DELEGATION: ExportedList.DELEGATION}


def _kind_of(slug: str) -> ListKind:
    """The list of an address. Raises HTTPException (404) when there is none."""
    for kind, own in SLUGS.items():
        if own == slug:
            return kind
    raise HTTPException(404)


_DATE: Final = Field(
    name="date", label="Date de la liste", shape=Shape.DAY, required=False,
    hint="Le jour où elle a été tirée de l'application, qui n'est pas forcément aujourd'hui : une liste plus ancienne"
    " qu'une demande ne prouve rien. À laisser vide si cette date est écrite dans le fichier, au-dessus de ses titres.",
)  # fmt: skip

_TITLES: Final = {
    ListKind.LISTING: "Importer la liste des RUPN", ListKind.DELEGATION: "Importer la liste des délégations",
}  # fmt: skip


class ListImportPage(FileImport):
    """The import of one of the two lists."""

    def __init__(self, kind: ListKind) -> None:
        self.list_kind = kind
        self.kind = choice_kind(kind)
        self.path = f"{LISTS_PATH}/{SLUGS[kind]}/importer"
        self.title = _TITLES[kind]
        self.above = (("/rectorat", "Accueil"), (LISTS_PATH, "Listes"))
        self.specs = usual_columns(kind)
        self.help_template = f"rectorat/lists_help_{kind.value}.html"

    def fields(self, context: WebContext) -> Sequence[Field]:
        imports = context.app.lists.imports(self.list_kind, limit=1)
        first = imports[0].list_date if imports else None
        return (replace(_DATE, first=first, last=context.app.lists.today),)

    def prepared(self, table: Table) -> Table:
        return with_titles(self.list_kind, table)

    def specs_of(self, table: Table) -> Sequence[ColumnSpec]:
        return columns_of(self.list_kind, table)

    def preview(self, context: WebContext, visitor: Visitor, ready: ReadyImport) -> ImportPreview:  # noqa: ARG002
        report, is_read_in_file = self._report(context, ready)
        if report.reasons:
            raise ImportRefused(_with_way_back(report.reasons))
        return ImportPreview(
            summary=_summary(report, is_read_in_file=is_read_in_file), lists=_lists(report),
            confirmations=[_confirmation(reason) for reason in report.doubtful],
            changes_something=report.changes_something, button="Mettre cette liste en vigueur",
        )  # fmt: skip

    def confirm(self, context: WebContext, visitor: Visitor, ready: ReadyImport, ticked: Sequence[str]) -> str:
        read = read_list(self.list_kind, ready.table, ready.columns, is_complete=ready.is_complete)
        list_date = self._date(context, ready)
        try:
            report = context.app.lists.import_read(read, list_date, visitor.actor, accepted=ticked)
        except ListRefused as refused:
            raise ImportRefused(refused.reasons) from None
        if report.number is None or list_date is None:
            return "rien n'a changé, cette liste était déjà en vigueur"
        done = f"la {self.list_kind.label} du {french.day(list_date)} est en vigueur, {_counts(report)}"
        return ". ".join([done, *(sentence.rstrip(".") for sentence in report.compared)])

    def _date(self, context: WebContext, ready: ReadyImport) -> Any:
        return ready.values.get("date") or likely_date(ready.table, ready.columns, "", context.app.lists.today)

    def _report(self, context: WebContext, ready: ReadyImport) -> tuple[ListReport, bool]:
        read = read_list(self.list_kind, ready.table, ready.columns, is_complete=ready.is_complete)
        list_date = self._date(context, ready)
        return context.app.lists.preview(read, list_date), list_date is not None and not ready.values.get("date")


def _summary(report: ListReport, *, is_read_in_file: bool) -> list[str]:
    """The sentences above a preview: what would change, the date, and what of the file is left out."""
    day = french.day(report.list_date) if report.list_date else ""
    if not report.changes_something:
        return [f"Cette liste est déjà en vigueur, avec la date du {day} : rien ne changerait."]
    source = ", comme le fichier le dit au-dessus de ses titres" if is_read_in_file else ""
    before = f" Elle remplace celle du {french.day(report.before.list_date)}." if report.before else ""
    said = [
        f"{french.plural(report.rows, 'ligne')} : {_counts(report)}.",
        f"Date de la liste : {day}{source}.{before}",
    ]  # fmt: skip
    if report.outside:
        whose = "d'établissements qui ne sont" if len(report.outside) > 1 else "d'un établissement qui n'est"
        verb = "ne sont pas prises" if len(report.outside) > 1 else "n'est pas prise"
        said.append(f"{french.plural(len(report.outside), 'ligne')} {whose} pas dans l'annuaire {verb}.")
    if report.repeated:
        verb = "en répètent d'autres, et comptent" if report.repeated > 1 else "en répète une autre, et compte"
        said.append(f"{french.plural(report.repeated, 'ligne')} {verb} une fois.")
    if report.silent:
        said.append(f"{french.plural(report.silent, 'personne')} sans délégation.")
    return said


def _counts(report: ListReport) -> str:
    return french.listing(
        [
            french.plural(len(report.new), "nouvelle"), french.plural(len(report.changed), "changée"),
            french.plural(len(report.gone), "disparue"), french.plural(report.unchanged, "inchangée"),
            french.plural(len(report.refused), "refusée"),
        ]
    )  # fmt: skip


def _lists(report: ListReport) -> list[PreviewList]:
    return [
        _remarks("Lignes refusées", report.refused),
        _rows("Lignes disparues", report.gone),
        PreviewList(
            title="Lignes changées", headings=("Personne", "UAI", "Ce qui change"), count=len(report.changed),
            rows=[(_person(c.after), c.after.uai, _changes(c)) for c in report.changed[:SHOWN]],
        ),
        _rows("Lignes nouvelles", report.new),
        _remarks("Lignes d'établissements qui ne sont pas dans l'annuaire", report.outside),
    ]  # fmt: skip


def _rows(title: str, rows: Sequence[ListRow]) -> PreviewList:
    shown = [(_person(row), row.uai, row.mail or "sans adresse") for row in rows[:SHOWN]]
    return PreviewList(title=title, headings=("Personne", "UAI", "Adresse"), rows=shown, count=len(rows))


def _remarks(title: str, remarks: Sequence[RowRemark]) -> PreviewList:
    shown = [(f"Ligne {remark.line}", remark.message) for remark in remarks[:SHOWN]]
    return PreviewList(title=title, headings=("Ligne", "Pourquoi"), rows=shown, count=len(remarks))


def _person(row: ListRow) -> str:
    return f"{french.family_name_in_capitals(row.nom)} {row.prenom}".strip() or row.mail


_CHANGED: Final = {
    "nom": "nom", "prenom": "prénom", "usage_name": "nom d'usage", "mail": "adresse",
    "other_mails": "autres adresses", "application": "application", "begins": "début", "ends": "fin",
    "author": "délégué par", "recorded_on": "date",
}  # fmt: skip


def _changes(pair: ChangedRow) -> str:
    """The columns of a row that say otherwise: « adresse : a@b.fr → c@b.fr »."""
    values = ((label, getattr(pair.before, name), getattr(pair.after, name)) for name, label in _CHANGED.items())
    return " ; ".join(f"{label} : {_shown(old)} → {_shown(new)}" for label, old, new in values if old != new)


def _shown(value: Any) -> str:
    if value == NO_END:
        return "sans fin"
    return french.day(value) if isinstance(value, date) else value or "(vide)"


def _confirmation(reason: Reason) -> Field:
    """The box to tick for what a person must judge; its name is the reason's code."""
    label = "Cette perte est voulue" if reason.code == MASSIVE_LOSS else "Elle a bien été tirée de nouveau"
    return Field(
        name=reason.code, label=label, shape=Shape.CHECK, hint=f"{reason.message}. {reason.remedy}",
        missing="Vérifier, puis cocher cette case ; sinon, donner un autre fichier.",
    )  # fmt: skip


def _with_way_back(reasons: Sequence[Reason]) -> list[Reason]:
    """Refusals of the date, which is typed with the file."""
    return [
        replace(reason, remedy=f"{reason.remedy} Donner le fichier de nouveau, avec sa date.") for reason in reasons
    ]


for list_kind in ListKind:
    router.include_router(import_pages(ListImportPage(list_kind)))
