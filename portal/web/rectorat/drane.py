"""/rectorat/drane: what is to be sent to the DRANE, the files made of it, and every RUPN declared (R25, R96).

/rectorat/listes: the list of RUPN and that of delegations, in force, imported, searched (R93).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from portal.exports.lists import declared_workbook, list_workbook, transmission_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.web.context import Context, Operator, Posted, Rectorat, Typed, WebContext
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
from portal.web.forms import REFERENCE, Field, Form, Shape, address, blank, filled
from portal.web.security import Visitor
from states import french
from states.decision import Refused
from states.refusals import Reason
from states.vocabulary import DRANE_MOVEMENTS, DraneStanding
from workflow import drane
from workflow.database.file_tables import ListKind
from workflow.drane import Transmission, WaitingLines
from workflow.evidence.lists import (
    MASSIVE_LOSS,
    MOST_EXPORTED,
    NO_END,
    ChangedRow,
    ListRefused,
    ListReport,
    place_of_entry,
    search_entries,
)
from workflow.evidence.parser import (
    ListRow,
    RowRemark,
    choice_kind,
    columns_of,
    likely_date,
    read_list,
    usual_columns,
    with_titles,
)
from workflow.journal.security_log import ExportedList
from workflow.requests.filters import years_with_requests
from workflow.spreadsheets.columns import ColumnSpec
from workflow.spreadsheets.reader import Table

DRANE_PATH: Final = "/rectorat/drane"

PAGE_SIZE: Final = 50

TO_SEND_STEM: Final = "a-transmettre-drane"

_PARTS: Final = {"ajouts": DraneStanding.TO_ADD, "corrections": DraneStanding.TO_CORRECT,
                 "retraits": DraneStanding.TO_REMOVE}  # fmt: skip
"""The parts of the list, by the word of the address (``vue``)."""

_LABELS: Final = {"": "Tout", "ajouts": "À transmettre", "corrections": "Corrections", "retraits": "À retirer"}

router = APIRouter(prefix=DRANE_PATH, include_in_schema=False)

LISTS_PATH: Final = "/rectorat/listes"

SLUGS: Final = {ListKind.LISTING: "rupn", ListKind.DELEGATION: "delegations"}
"""Each list in the addresses of its pages."""

IMPORTS_SHOWN: Final = 10

Words = Annotated[str, Query(max_length=200)]

lists_router = APIRouter(include_in_schema=False)

_EXPORTED: Final = {ListKind.LISTING: ExportedList.LISTING, ListKind.DELEGATION: ExportedList.DELEGATION}

_DATE: Final = Field(
    name="date", label="Date de la liste", shape=Shape.DAY, required=False,
    hint="Le jour où elle a été tirée de l'application, qui n'est pas forcément aujourd'hui : une liste plus ancienne"
    " qu'une demande ne prouve rien. À laisser vide si cette date est écrite dans le fichier, au-dessus de ses titres.",
)  # fmt: skip

_TITLES: Final = {
    ListKind.LISTING: "Importer la liste des RUPN", ListKind.DELEGATION: "Importer la liste des délégations",
}  # fmt: skip

_CHANGED: Final = {
    "nom": "nom", "prenom": "prénom", "usage_name": "nom d'usage", "mail": "adresse",
    "other_mails": "autres adresses", "application": "application", "begins": "début", "ends": "fin",
    "author": "délégué par", "recorded_on": "date",
}  # fmt: skip


def sent_by_us(context: WebContext) -> bool:
    """Return True where the rectorat transmits the RUPN to the DRANE (setting ``drane.declaration``)."""
    return context.app.settings.drane.declaration == "sent_by_us"


@router.get("")
def show_drane(
    request: Request, context: Context, visitor: Rectorat, vue: Annotated[str, Query(max_length=20)] = "",
    suite: Annotated[str, Query(max_length=20)] = "", coches: Annotated[str, Query(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Show what is to be sent and the transmissions made, where we transmit; the list of all RUPN anyhow."""
    app, ours = context.app, sent_by_us(context)
    vue = vue if vue in _PARTS else ""
    with app.database.read() as connection:
        years = drane.open_drane_years(connection, app.policy, app.clock.now())
        counts = drane.count_to_send(connection, years) if ours else dict.fromkeys(DRANE_MOVEMENTS, 0)
        after = suite if REFERENCE.fullmatch(suite) else ""
        to_send = partial(drane.lines_to_send, connection, years, what=_PARTS.get(vue))
        lines = to_send(after=after, limit=PAGE_SIZE + 1) if ours else []
        made = drane.transmissions(connection) if ours else []
        known = years_with_requests(connection)
    page, more, total = lines[:PAGE_SIZE], len(lines) > PAGE_SIZE, sum(counts.values())
    return context.pages.page(
        request, "rectorat/drane.html", visitor, sent_by_us=ours, lines=page, form=blank(()), vue=vue, made=made,
        parts_of_list=[(word, label, counts[_PARTS[word]] if word else total) for word, label in _LABELS.items()],
        total=total, counts=counts, years=list(reversed(known)), all_ticked=bool(coches),
        tick_all=address(DRANE_PATH, vue=vue, suite=suite, coches="oui"),
        can_prepare=visitor.is_operator and any(line.prepared_in is None for line in page),
        more=address(DRANE_PATH, vue=vue, suite=page[-1].request.reference) if more else None,
        DraneStanding=DraneStanding, movements=DRANE_MOVEMENTS,
    )  # fmt: skip


@router.get("/export")
async def export_to_send(
    context: Context, visitor: Rectorat, file_format: ChosenFormat, vue: str = ""
) -> Response:  # fmt: skip
    """The news to send as a file, in the DRANE's columns; it prepares nothing."""
    app = context.app

    def workbook(connection: Connection) -> Workbook:
        if not sent_by_us(context):
            raise ValueError
        years = drane.open_drane_years(connection, app.policy, app.clock.now())
        lines = drane.lines_to_send(connection, years, what=_PARTS.get(vue))
        return transmission_workbook(TO_SEND_STEM, lines, app.settings.drane.columns)

    return await download_list(
        context.export_of(visitor, ExportedList.TO_SEND), file_format, workbook, address(DRANE_PATH, vue=vue)
    )


@router.get("/declares")
async def export_declared(
    context: Context, visitor: Rectorat, file_format: ChosenFormat, annee: str = ""
) -> Response:  # fmt: skip
    """Every RUPN declared for a school year, with its state: the DRANE's own list, whatever the setting."""

    def workbook(connection: Connection) -> Workbook:
        years = {str(year): year for year in years_with_requests(connection)}
        if annee not in years:
            raise ValueError
        lines = drane.declared_lines(connection, years[annee])
        return declared_workbook(years[annee], lines, sent_by_us=sent_by_us(context))

    return await download_list(
        context.export_of(visitor, ExportedList.DECLARED), file_format, workbook, address(DRANE_PATH, annee=annee)
    )


@router.post("/preparer")
def prepare_transmission(context: Context, visitor: Operator, data: Posted) -> Response:
    """Make a transmission of the ticked lines, or of all that is in none, and lead to it."""
    if not sent_by_us(context):
        return RedirectResponse(DRANE_PATH, status_code=303)
    ticked = [str(word) for word in data.getlist("choix") if REFERENCE.fullmatch(str(word))]
    if not ticked and not data.get("tout"):
        return context.success_messages.redirect(
            visitor, DRANE_PATH, "aucune ligne n'était choisie, rien n'est préparé"
        )
    number = drane.prepare(context.app.engine, visitor.actor, references=None if data.get("tout") else ticked)
    if number is None:
        return context.success_messages.redirect(
            visitor, DRANE_PATH, "rien n'est préparé, ces lignes sont déjà dans une transmission, ou transmises"
        )
    return context.success_messages.redirect(visitor, f"{DRANE_PATH}/{number}", "la transmission est préparée")


@router.get("/{number}")
def show_transmission(request: Request, context: Context, visitor: Rectorat, number: int) -> Response:
    """Show one transmission: its file, and the lines that are not said to be sent."""
    return _render(request, context, visitor, number, blank(_fields(context)))


@router.get("/{number}/fichier")
async def export_transmission(
    context: Context, visitor: Rectorat, number: int, file_format: ChosenFormat
) -> Response:  # fmt: skip
    """The file of a transmission: its lines that wait, as they were when it was made."""
    _load(context, number)

    def workbook(connection: Connection) -> Workbook:
        lines = drane.waiting_lines(connection, number).lines
        return transmission_workbook(f"transmission-drane-{number}", lines, context.app.settings.drane.columns)

    return await download_list(
        context.export_of(visitor, ExportedList.TRANSMISSION), file_format, workbook, f"{DRANE_PATH}/{number}"
    )


@router.post("/{number}/transmis")
def note_sent(request: Request, context: Context, visitor: Operator, number: int, data: Typed) -> Response:
    """Record the ticked lines as sent on this day; said twice, the second is told that it was (R9)."""
    _load(context, number)
    form = filled(_fields(context), data)
    ticked = {str(word) for word in data.getlist("choix") if REFERENCE.fullmatch(str(word))}
    if not form.is_right or not ticked:
        return _render(request, context, visitor, number, form, ticked=ticked, status=422)
    sent_on = form.values["sent_on"]
    results = drane.note_sent(context.app.engine, number, ticked, sent_on, visitor.actor)
    refused = [(reference, result) for reference, result in results if isinstance(result, Refused)]
    count = len(results) - len(refused)
    if refused or not results:
        return _render(request, context, visitor, number, form, refused=refused, noted=count, status=422)
    lines = french.plural(count, "ligne est notée transmise", "lignes sont notées transmises")
    return context.success_messages.redirect(
        visitor, f"{DRANE_PATH}/{number}", f"{lines} à la DRANE le {french.day(sent_on)}"
    )


@router.post("/{number}/abandonner")
def give_up(context: Context, visitor: Operator, number: int, data: Posted) -> Response:  # noqa: ARG001
    """Forget what waits in a transmission that was not sent: it is to be sent again."""
    _load(context, number)
    count = drane.give_up(context.app.engine, number, visitor.actor)
    lines = french.plural(count, "ligne est de nouveau", "lignes sont de nouveau")
    return context.success_messages.redirect(visitor, DRANE_PATH, f"{lines} à transmettre")


def _fields(context: WebContext) -> tuple[Field, ...]:
    today = context.pages.today()
    return (
        Field(name="sent_on", label="Transmis à la DRANE le", shape=Shape.DAY, value=today.isoformat(), last=today),
    )


def _load(context: WebContext, number: int) -> tuple[Transmission, WaitingLines]:
    """A transmission and its lines that wait. Raises HTTPException (404)."""
    if not 0 < number < 2**31 or not sent_by_us(context):
        raise HTTPException(404)
    with context.app.database.read() as connection:
        matching = drane.transmissions(connection, number=number)
        if not matching:
            raise HTTPException(404)
        return matching[0], drane.waiting_lines(connection, number)


def _render(
    request: Request, context: WebContext, visitor: Visitor, number: int, form: Form, *, ticked: set[str] | None = None,
    refused: list[tuple[str, Refused]] | None = None, noted: int = 0, status: int = 200,
) -> Response:  # fmt: skip
    transmission, waiting = _load(context, number)
    return context.pages.page(
        request, "rectorat/drane_transmission.html", visitor, status=status, transmission=transmission,
        waiting=waiting, form=form, ticked=ticked, nothing_ticked=ticked is not None and not ticked,
        refused=refused or [], noted=noted, movements=DRANE_MOVEMENTS,
    )  # fmt: skip


@lists_router.get(LISTS_PATH)
def show_lists(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """Show both lists: in force since when, of what date, and the imports before."""
    imports = {kind: context.app.lists.imports(kind, limit=IMPORTS_SHOWN) for kind in ListKind}
    return context.pages.page(
        request, "rectorat/lists.html", visitor, imports=imports, slugs=SLUGS, ListKind=ListKind,
        keep_months=context.app.settings.retention.lists,
    )  # fmt: skip


@lists_router.get(f"{LISTS_PATH}/{{slug}}")
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
        entries=entries[:PAGE_SIZE], words=mots, more=more,
        ListKind=ListKind, export=address(f"{path}/export", mots=mots),
    )  # fmt: skip


@lists_router.get(f"{LISTS_PATH}/{{slug}}/export")
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


def _kind_of(slug: str) -> ListKind:
    """The list of an address. Raises HTTPException (404) when there is none."""
    for kind, own in SLUGS.items():
        if own == slug:
            return kind
    raise HTTPException(404)


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
        read = read_list(self.list_kind, ready.table, ready.columns, is_complete=ready.is_complete)
        list_date = self._date(context, ready)
        report = context.app.lists.preview(read, list_date)
        is_read_in_file = list_date is not None and not ready.values.get("date")
        if report.reasons:  # of the date, which is typed with the file
            again = "Donner le fichier de nouveau, avec sa date."
            raise ImportRefused([replace(reason, remedy=f"{reason.remedy} {again}") for reason in report.reasons])
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


def _summary(report: ListReport, *, is_read_in_file: bool) -> list[str]:
    """The sentences above a preview: what would change, the date, and what of the file is left out."""
    day = french.day(report.list_date) if report.list_date else ""
    if not report.changes_something:
        return [f"Cette liste est déjà en vigueur, avec la date du {day} : rien ne changerait."]
    source = ", comme le fichier le dit au-dessus de ses titres" if is_read_in_file else ""
    before = f" Elle remplace celle du {french.day(report.before.list_date)}." if report.before else ""
    sentences = [
        f"{french.plural(report.rows, 'ligne')} : {_counts(report)}.",
        f"Date de la liste : {day}{source}.{before}",
    ]  # fmt: skip
    if report.outside:
        whose = "d'établissements qui ne sont" if len(report.outside) > 1 else "d'un établissement qui n'est"
        verb = "ne sont pas prises" if len(report.outside) > 1 else "n'est pas prise"
        sentences.append(f"{french.plural(len(report.outside), 'ligne')} {whose} pas dans l'annuaire {verb}.")
    if report.repeated:
        verb = "en répètent d'autres, et comptent" if report.repeated > 1 else "en répète une autre, et compte"
        sentences.append(f"{french.plural(report.repeated, 'ligne')} {verb} une fois.")
    if report.silent:
        sentences.append(f"{french.plural(report.silent, 'personne')} sans délégation.")
    return sentences


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


for list_kind in ListKind:
    lists_router.include_router(import_pages(ListImportPage(list_kind)))
