"""/rectorat/chiffres and the readers' first page: the figures at two dates, as tables, charts and files (R2, R99).

/rectorat/activation: EduConnect accounts activated at two days, where help is missing, their import (R100).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from sqlalchemy import Connection

from notifications.rendering.markup import short_day
from portal.diagrams import activation_svg, declared_chart, weeks_chart
from portal.documents import make_activation, make_figures
from portal.exports.lists import activation_workbook, figures_workbook, help_workbook
from portal.exports.spreadsheet_files import FileFormat, Workbook
from portal.web.context import Context, Rectorat, WebContext
from portal.web.download import ChosenFormat, download_list, made_in_turn, paper_download, workbook_download
from portal.web.file_import import SHOWN, FileImport, ImportPreview, PreviewList, ReadyImport, import_pages
from portal.web.forms import Field, Shape, address, departement_of
from portal.web.security import Visitor
from portal.web.worklist.filters import CheckChoice, StateChoice, Task, WorklistCriteria
from portal.web.worklist.page import DASHBOARD, EXPORT, STATES, FilterCounter, Tile
from states import french
from states.school_calendar import SchoolYear
from states.validation import departement_name
from workflow.activation.importer import (
    COLUMNS,
    KIND,
    PAIRS,
    ActivationPlan,
    ActivationRow,
    import_activation,
    plan_import,
)
from workflow.activation.rates import (
    Measure,
    activation_table,
    known_days,
    percent_text,
    points_text,
    usual_days,
    where_help_is_missing,
)
from workflow.app import App
from workflow.figures.account import FiguresAccount, FiguresChoice, account_of, choose, years_counted
from workflow.figures.ledger import CountingUnderWay
from workflow.figures.tables import headline, shown, tables_of, warnings_of
from workflow.journal.security_log import ExportedList
from workflow.requests.worklist import Worklist
from workflow.year_end.renewals import renewal_progress

FIGURES_PATH: Final = "/rectorat/chiffres"

FIRST_DAY: Final = date(2000, 1, 1)

router = APIRouter(include_in_schema=False)

_NOT_REVOKED: Final = tuple(counter for counter in STATES if StateChoice.REVOKED not in counter.criteria.states)

_WITHOUT_DRANE_DATE: Final = FilterCounter(
    criteria=WorklistCriteria(tasks=(Task.WITHOUT_DRANE_DATE,)),
    singular="RUPN sans date de déclaration à la DRANE", plural="RUPN sans date de déclaration à la DRANE",
)  # fmt: skip

_NEGATIVE: Final = FilterCounter(
    criteria=WorklistCriteria(checks=CheckChoice.NEGATIVE),
    singular="demande dont une vérification est négative", plural="demandes dont une vérification est négative",
)  # fmt: skip

_LISTS: Final = (_WITHOUT_DRANE_DATE, _NEGATIVE)

ACTIVATION_PATH: Final = "/rectorat/activation"

PAGE_SIZE: Final = 50

MEASURES: Final = {"responsables": Measure.PARENTS, "eleves": Measure.PUPILS}
"""By what the establishments are sorted, by the word of the address (``tri``): the first is the usual one."""

activation_router = APIRouter(prefix=ACTIVATION_PATH, include_in_schema=False)

_GONE: Final = Field(
    name="disparus", label="Effacer les nombres qui ne sont plus dans le fichier", shape=Shape.CHECK,
    hint="Le fichier dit tout d'une date : ce qu'il n'en donne plus est effacé.",
    missing="Cocher cette case si le fichier est entier ; sinon, donner un fichier qui dit tout de sa date.",
)  # fmt: skip


@dataclass(frozen=True)
class FiguresQuery:
    """The page's address: two days, looked at at their end, and the school year of the requests."""

    jour: Annotated[str, Query(max_length=30)] = ""
    comparer: Annotated[str, Query(max_length=30)] = ""
    annee: Annotated[str, Query(max_length=20)] = ""

    def address(self, path: str = FIGURES_PATH, **other: str) -> str:
        return address(path, **vars(self), **other)

    def choice(self, connection: Connection, app: App) -> FiguresChoice:
        """The days and the year that are asked for, or proposed where nothing is. Raises ValueError in French."""
        calendar = app.policy.calendar
        return choose(
            connection, calendar, calendar.today(app.clock.now()), day=_day(self.jour), before=_day(self.comparer),
            year=SchoolYear.parse(self.annee) if self.annee.strip() else None,
        )  # fmt: skip


def _day(typed: str) -> date | None:
    """The day of an address, None without one. Raises ValueError in French."""
    if not typed.strip():
        return None
    day = french.parse_day(typed)
    if day < FIRST_DAY:
        raise ValueError(f"« {typed} » est hors limites : donner un jour depuis le 01/01/2000")
    return day


def load_figures(app: App, query: FiguresQuery) -> FiguresAccount:
    """The figures of an address. Raises ValueError in French, CountingUnderWay."""
    with app.database.read() as connection:
        choice = query.choice(connection, app)
        return account_of(connection, app.figures, app.policy.calendar, choice, app.settings.figures.targets)


@router.get(FIGURES_PATH)
def show_figures(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[FiguresQuery, Depends()]
) -> HTMLResponse:
    """The figures at two dates; while the journal is being counted, the page says so."""
    app, problem, account = context.app, "", None
    with app.database.read() as connection:
        years = years_counted(connection)
        try:
            choice = query.choice(connection, app)
        except ValueError as error:
            problem, choice = f"{str(error).rstrip('.')}.", FiguresQuery().choice(connection, app)
    try:
        account = None if problem else load_figures(app, query)
    except CountingUnderWay:
        account = None
    tables = {table.key: table for table in tables_of(account, app.figures.rules)} if account else {}
    charts = {}
    if account and not account.now.is_empty:
        charts = {"declared": declared_chart(account), "weeks": weeks_chart(account)}
    return context.pages.page(
        request, "rectorat/figures.html", visitor, status=422 if problem else 200, query=query, problem=problem,
        choice=choice, account=account, tables=tables, shown=shown,
        year_options=[(str(year), str(year)) for year in years],
        charts={key: (Markup(chart.svg), chart) for key, chart in charts.items()},  # noqa: S704 - our own, escaped
        formats=tuple(FileFormat),
        headline=headline(account) if account else (), warnings=warnings_of(account) if account else (),
    )  # fmt: skip


@router.get(f"{FIGURES_PATH}/export")
async def export_figures(
    context: Context,
    visitor: Rectorat,
    query: Annotated[FiguresQuery, Depends()],
    format: Annotated[str, Query(max_length=10)] = FileFormat.XLSX.value,
) -> Response:
    """The tables of the page as a workbook, a sheet each; the page says what is wrong with the dates (R92)."""
    app, export = context.app, context.export_of(visitor, ExportedList.FIGURES)

    def make() -> Response:
        try:
            account, file_format = load_figures(app, query), FileFormat(format)
        except (ValueError, CountingUnderWay):
            return RedirectResponse(query.address(), status_code=303)
        workbook = figures_workbook(account, tables_of(account, app.figures.rules))
        return workbook_download(export, workbook, file_format, query.address())

    return await made_in_turn(make)


@router.get(f"{FIGURES_PATH}/chiffres.pdf")
async def print_figures(
    context: Context,
    visitor: Rectorat,
    query: Annotated[FiguresQuery, Depends()],
) -> Response:
    """The figures on paper; the page says what is wrong with the dates."""
    app, export = context.app, context.export_of(visitor, ExportedList.FIGURES)

    def make() -> Response:
        try:
            account = load_figures(app, query)
        except (ValueError, CountingUnderWay):
            return RedirectResponse(query.address(), status_code=303)
        return paper_download(export, app.clock, lambda: make_figures(app, account), query.address())

    return await made_in_turn(make)


@router.get(DASHBOARD)
def show_dashboard(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The main figures, beside those of an earlier day; the running years' requests, and the lists with their files.

    Whatever the worklist counts is counted by one query; the figures come from the journal (R99).
    """
    app, counters = context.app, (*_NOT_REVOKED, *_LISTS)
    filters = {str(rank): counter.criteria.filters(app, visitor.actor) for rank, counter in enumerate(counters)}
    with app.database.read() as connection:
        counts = Worklist(connection, visitor.actor, app.policy, app.clock.now()).counts(filters)
        renewals = renewal_progress(connection, app.policy, app.clock.now())
    figures = None
    with suppress(CountingUnderWay):
        figures = load_figures(app, FiguresQuery())
    tiles = tuple(Tile(counter, counts[str(rank)]) for rank, counter in enumerate(counters))
    return context.pages.page(
        request, "rectorat/dashboard.html", visitor, states=tiles[: len(_NOT_REVOKED)],
        lists=tiles[len(_NOT_REVOKED) :], renewals=renewals, export=EXPORT,
        live=WorklistCriteria(states=(StateChoice.LIVE,)), figures=figures,
        headline=headline(figures) if figures else (), warnings=warnings_of(figures) if figures else (),
    )  # fmt: skip


@dataclass(frozen=True)
class ActivationQuery:
    """The two days as the address bears them."""

    du: Annotated[str, Query(max_length=20)] = ""
    au: Annotated[str, Query(max_length=20)] = ""

    def days(self, known: Sequence[date]) -> tuple[date | None, date | None]:
        """The two days to compare, the earlier first; the usual ones where the address names none that is known."""
        by_text = {day.isoformat(): day for day in known}
        first, last = by_text.get(self.du), by_text.get(self.au)
        if last is None:
            usual_first, last = usual_days(known)
            first = first or usual_first
        if first is None or last is None or first == last:
            return None, last
        return min(first, last), max(first, last)

    def address(self, file: str, before: date | None, after: date | None) -> str:
        """The address of a file of the page, at these days."""
        du, au = (day.isoformat() if day else "" for day in (before, after))
        return address(f"{ACTIVATION_PATH}/{file}", du=du, au=au)


@dataclass(frozen=True)
class HelpQuery:
    """The filters of the establishments as the address bears them."""

    au: Annotated[str, Query(max_length=20)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    tri: Annotated[str, Query(max_length=20)] = "responsables"

    @property
    def measure(self) -> Measure:
        return MEASURES.get(self.tri, Measure.PARENTS)

    def day(self, known: Sequence[date]) -> date | None:
        return next((day for day in known if day.isoformat() == self.au), known[0] if known else None)


@activation_router.get("")
def show_activation(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[ActivationQuery, Depends()]
) -> Response:
    """Show the rates at two days, as tables and as a picture."""
    with context.app.database.read() as connection:
        known = known_days(connection)
        before, after = query.days(known)
        table = activation_table(connection, before, after) if after else None
    settings = context.app.settings.activation
    targets = {Measure.PUPILS: settings.target_pupils, Measure.PARENTS: settings.target_parents}
    charts = [
        (measure, Markup(activation_svg(table, measure, targets.get(measure))))  # noqa: S704 - our own, escaped
        for measure in (Measure.PUPILS, Measure.PARENTS)
        if table and table.academie.rate(measure) is not None
    ]
    return context.pages.page(
        request, "rectorat/activation.html", visitor, table=table, known=known, charts=charts, targets=targets,
        Measure=Measure, percent=percent_text, points=points_text, number=french.number,
        export=query.address("export", before, after), printed=query.address("comptes-actives.pdf", before, after),
    )  # fmt: skip


@activation_router.get("/export")
async def export_activation(
    context: Context, visitor: Rectorat, query: Annotated[ActivationQuery, Depends()],
    file_format: ChosenFormat,
) -> Response:  # fmt: skip
    """The rates of the page, and the numbers that they come from, as a file."""

    def workbook(connection: Connection) -> Workbook:
        before, after = query.days(known_days(connection))
        if after is None:
            raise ValueError
        return activation_workbook(activation_table(connection, before, after))

    return await download_list(
        context.export_of(visitor, ExportedList.ACTIVATION), file_format, workbook, ACTIVATION_PATH
    )


@activation_router.get("/comptes-actives.pdf")
async def print_activation(
    context: Context, visitor: Rectorat, query: Annotated[ActivationQuery, Depends()]
) -> Response:  # fmt: skip
    """The rates of the page on paper; the page when there is none."""

    def make() -> Response:
        with context.app.database.read() as connection:
            before, after = query.days(known_days(connection))
            table = activation_table(connection, before, after) if after else None
        if table is None:
            return RedirectResponse(ACTIVATION_PATH, status_code=303)
        export = context.export_of(visitor, ExportedList.ACTIVATION)
        return paper_download(export, context.app.clock, lambda: make_activation(context.app, table), ACTIVATION_PATH)

    return await made_in_turn(make)


@activation_router.get("/etablissements")
def show_establishments(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[HelpQuery, Depends()],
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:  # fmt: skip
    """Show the establishments that lack help: those without a key first, then the lowest rates."""
    place, problem, lines = f"{ACTIVATION_PATH}/etablissements", "", []
    with context.app.database.read() as connection:
        known = known_days(connection)
        day = query.day(known)
        try:
            departement = departement_of(query.departement)
            if day:
                lines = where_help_is_missing(connection, day, query.measure, departement=departement)
        except ValueError as error:
            problem = str(error)
    shown = lines[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return context.pages.page(
        request, "rectorat/activation_establishments.html", visitor, status=422 if problem else 200, query=query,
        day=day, known=known, lines=shown, count=len(lines), problem=problem, percent=percent_text,
        number=french.number,
        departements=[(code, departement_name(code)) for code in context.app.settings.academie.departements],
        measures=[(word, measure.label) for word, measure in MEASURES.items()],
        without_key=sum(not line.has_key for line in lines), export=address(f"{place}/export", **vars(query)),
        more=address(place, **vars(query), page=str(page + 1)) if page * PAGE_SIZE < len(lines) else None,
    )  # fmt: skip


@activation_router.get("/etablissements/export")
async def export_establishments(
    context: Context, visitor: Rectorat, query: Annotated[HelpQuery, Depends()], file_format: ChosenFormat
) -> Response:  # fmt: skip
    """The establishments that the filters leave, in the order of the page, as a file."""

    def workbook(connection: Connection) -> Workbook:
        day, departement = query.day(known_days(connection)), departement_of(query.departement)
        if day is None:
            raise ValueError
        lines = where_help_is_missing(connection, day, query.measure, departement=departement)
        return help_workbook(day, lines)

    page = address(f"{ACTIVATION_PATH}/etablissements", **vars(query))
    export = context.export_of(visitor, ExportedList.ACTIVATION_PLACES)
    return await download_list(export, file_format, workbook, page)


class ActivationImport(FileImport):
    """The import of « comptes activés »."""

    kind = KIND
    path = f"{ACTIVATION_PATH}/importer"
    title = "Importer les comptes activés"
    above = (("/rectorat", "Accueil"), (ACTIVATION_PATH, "Comptes EduConnect activés"))
    specs = COLUMNS
    lead = (
        "Une ligne par établissement ou par département : des nombres de comptes, et de comptes activés ; jamais des"
        " taux. Rien n'est fait tout de suite : la page suivante montre ce qui a été compris."
    )

    def fields(self, context: WebContext) -> Sequence[Field]:
        return (
            Field(
                name="day", label="Date du relevé", shape=Shape.DAY, required=False,
                hint="Pour les lignes qui n'ont pas de date.", last=context.pages.today(),
            ),
        )  # fmt: skip

    def preview(self, context: WebContext, visitor: Visitor, ready: ReadyImport) -> ImportPreview:  # noqa: ARG002
        with context.app.database.read() as connection:
            plan = plan_import(
                connection, ready.columns, departements=context.app.settings.academie.departements,
                today=context.pages.today(), default_day=ready.values.get("day"),
            )  # fmt: skip
        return ImportPreview(
            summary=summary_of(plan),
            lists=_lists(plan),
            confirmations=(_GONE,) if plan.gone else (),
            changes_something=plan.changes_something,
        )

    def confirm(self, context: WebContext, visitor: Visitor, ready: ReadyImport, ticked: Sequence[str]) -> str:  # noqa: ARG002
        app = context.app
        plan = import_activation(
            app.database, app.hasher, ready.columns, visitor.actor, app.clock.now(),
            departements=app.settings.academie.departements, today=context.pages.today(),
            default_day=ready.values.get("day"), digest=ready.table.digest,
        )  # fmt: skip
        return f"l'import est fait : {', '.join(counts_of(plan))}"


def counts_of(plan: ActivationPlan) -> list[str]:
    """The numbers of rows that are new, changed, as they were, gone, refused; in words."""
    return [
        french.plural(len(plan.new), "nouveau relevé", "nouveaux relevés"),
        french.plural(len(plan.changed), "changé", "changés"),
        french.plural(plan.unchanged, "inchangé", "inchangés"),
        french.plural(len(plan.gone), "disparu", "disparus"),
        french.plural(len(plan.refused), "ligne refusée", "lignes refusées"),
    ]


def summary_of(plan: ActivationPlan) -> list[str]:
    """The effect of an import, in sentences."""
    sentences = [f"{', '.join(counts_of(plan)).capitalize()}."]
    if not plan.changes_something:
        sentences.append("Rien à importer : tout ce qui a été compris est déjà enregistré.")
    return sentences


def _lists(plan: ActivationPlan) -> list[PreviewList]:
    headings = ("Lieu", "Date", *(words.capitalize() for words in PAIRS.values()))
    gone = [(item.place, short_day(item.counted_on)) for item in plan.gone[:SHOWN]]
    refused = [
        (f"Ligne {item.line}", item.written, f"{french.capital(item.message)}.") for item in plan.refused[:SHOWN]
    ]
    return [
        PreviewList(title="Nouveaux", headings=headings, rows=_cells(plan.new[:SHOWN]), count=len(plan.new)),
        PreviewList(title="Changés", headings=headings, rows=_cells(plan.changed[:SHOWN]), count=len(plan.changed)),
        PreviewList(title="Disparus", headings=("Lieu", "Date"), rows=gone, count=len(plan.gone)),
        PreviewList(title="Refusés", headings=("Ligne", "Lieu", "Raison"), rows=refused, count=len(plan.refused)),
    ]


def _cells(rows: Sequence[ActivationRow]) -> list[tuple[str, ...]]:
    return [
        (
            departement_name(row.place) if row.place == row.departement else row.place,
            short_day(row.counted_on),
            *(_pair(row, pair) for pair in PAIRS),
        )
        for row in rows
    ]


def _pair(row: ActivationRow, pair: str) -> str:
    accounts, activated = row.numbers[f"{pair}_accounts"], row.numbers[f"{pair}_activated"]
    if accounts is None or activated is None:
        return "—"
    return f"{french.number(activated)} sur {french.number(accounts)}"


import_router = import_pages(ActivationImport())
