"""/rectorat/chiffres and the readers' first page: the figures at two dates, as tables, charts and files (R2, R99)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from sqlalchemy import Connection

from portal.charts import Chart, declared_chart, weeks_chart
from portal.documents import make_figures
from portal.exports.lists import figures_workbook
from portal.exports.workbook import FileFormat
from portal.web.context import Context, Rectorat
from portal.web.download import made_in_turn, paper_download, workbook_download
from portal.web.forms import address
from portal.web.worklist.filters import CheckChoice, StateChoice, Task, WorklistCriteria
from portal.web.worklist.page import DASHBOARD, EXPORT, STATES, FilterCounter, Tile
from states.french import parse_day
from states.school_calendar import SchoolYear
from workflow.app import App
from workflow.figures.account import FiguresAccount, FiguresChoice, account_of, choose, years_counted
from workflow.figures.ledger import CountingUnderWay
from workflow.figures.tables import headline, shown, tables_of, warnings_of
from workflow.journal.exports import ExportedList
from workflow.requests.worklist import Worklist
from workflow.year_end.renewals import renewal_progress

FIGURES_PATH: Final = "/rectorat/chiffres"

FIRST_DAY: Final = date(2000, 1, 1)

router = APIRouter(include_in_schema=False)


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
    day = parse_day(typed)
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
    return context.pages.page(
        request, "rectorat/figures.html", visitor, status=422 if problem else 200, query=query, problem=problem,
        choice=choice, account=account, tables=tables, shown=shown,
        year_options=[(str(year), str(year)) for year in years],
        charts=_charts(account) if account and not account.now.is_empty else {}, formats=tuple(FileFormat),
        headline=headline(account) if account else (), warnings=warnings_of(account) if account else (),
    )  # fmt: skip


def _charts(account: FiguresAccount) -> dict[str, tuple[Markup, Chart]]:
    charts = {"declared": declared_chart(account), "weeks": weeks_chart(account)}
    return {key: (Markup(chart.svg), chart) for key, chart in charts.items()}  # noqa: S704 (written by us, escaped)


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
            account, file_format = load_figures(app, query), FileFormat.of(format)
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
