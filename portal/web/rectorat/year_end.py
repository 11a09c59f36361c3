"""/rectorat/fin-d-annee: ends to come, held by the brake, running, past; keys to extend (R40, R50 to R54, R81)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from notifications.rendering.papers import PaperUnmakeable, compile_paper, stored_year_end_report
from portal.exports.lists import keys_to_extend_workbook, not_renewed_workbook, preview_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.texts import how_found
from portal.web.context import Context, Posted, ProvenOperator, Rectorat, Typed, WebContext
from portal.web.download import ChosenFormat, Download, download_list
from portal.web.forms import (
    NO_SUCH_PAGE,
    REFERENCE,
    Field,
    Form,
    Shape,
    address,
    blank,
    departement_of,
    filled,
    list_problem,
)
from portal.web.security import Visitor
from portal.web.worklist.bulk import execute_all
from states.commands import IssueCode
from states.decision import Refused
from states.french import parse_day
from states.school_calendar import SchoolYear
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.database.clock import ClockRefused
from workflow.engine.engine import Result
from workflow.journal import chain
from workflow.journal.security_log import ExportedList
from workflow.settings.sections import spellings
from workflow.year_end.preview import Preview, PreviewCursor, PreviewPage
from workflow.year_end.renewals import (
    NotRenewedPage,
    all_not_renewed,
    count_had_key,
    count_not_renewed,
    list_keys_to_extend,
    list_not_renewed,
    renewal_progress,
)
from workflow.year_end.report import ActiveYearEnd, account_of, active_year_ends, past_ends
from workflow.year_end.service import NothingHeld

YEAR_END_PATH: Final = "/rectorat/fin-d-annee"

PREVIEW_PATH: Final = f"{YEAR_END_PATH}/apercu"

REFRESH_SECONDS: Final = 5
"""Between two refreshes of the page while an end is under way."""

CONFIRMED: Final = "la fin d'année est confirmée, les révocations commencent"

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)

PREVIEW_PAGE_SIZE = 25
"""Establishments on a page of the preview."""

LONGEST_BAR: Final = 100
"""Width of the longest bar of the account's picture, in units of its view box."""

_CONFIRMATION = (
    Field(
        name="sure", label="J'ai relu la date et le nombre de demandes : toutes doivent être révoquées",
        shape=Shape.CHECK, missing="Cocher cette case pour confirmer : les révocations ne se défont pas.",
    ),
)  # fmt: skip

router = APIRouter(include_in_schema=False)

MOST_KEYS: Final = 300
"""Keys extended at once; the rest stays for the next time."""

TICKED: Final = "cle"

_KEY: Final = re.compile(rf"({REFERENCE.pattern}):([0-9]{{1,9}}):({REFERENCE.pattern})")
"""A renewal, its version, and the request whose key it would keep."""


def load_years(context: WebContext) -> tuple[ActiveYearEnd, ...]:
    """The years in play, with what the brake would say of each now."""
    app = context.app
    with app.database.read() as connection:
        return active_year_ends(connection, app.year_ends.statuses(connection, app.clock.now()))


def render_year_end(
    request: Request, context: WebContext, visitor: Visitor, template: str, *, years: tuple[ActiveYearEnd, ...],
    status: int = 200, **scope: Any,
) -> HTMLResponse:  # fmt: skip
    """Render a page of this family; every one says first which end the brake holds."""
    held_years = [year for year in years if year.hold]
    return context.pages.page(request, template, visitor, status=status, years=years, held_years=held_years, **scope)


def parse_year(text: str) -> SchoolYear:
    """The school year of an address. Raises HTTPException (404) for anything else."""
    try:
        return SchoolYear.parse(text)
    except ValueError:
        raise HTTPException(404) from None


@router.get(YEAR_END_PATH)
def show_year_ends(request: Request, context: Context, visitor: Rectorat, arret: str = "") -> HTMLResponse:
    """Show each year in play, then the past ones; the page follows a running end unless the reader stopped that."""
    years = load_years(context)
    with context.app.database.read() as connection:
        past = past_ends(connection)
        renewals = renewal_progress(connection, context.app.policy, context.app.clock.now())
    zone = context.app.settings.academie.zone
    opening_day = context.app.policy.calendar.opening_day
    response = render_year_end(
        request, context, visitor, "rectorat/year_end.html", years=years, past=past, renewals=renewals,
        origins={year.end.school_year: how_found(year.end, zone) for year in years},
        openings={year.end.school_year: opening_day(year.end.school_year.next) for year in years},
        is_stopped=bool(arret),
    )  # fmt: skip
    if not arret and any(year.is_running for year in years):
        # RGAA 13.1 asks that a reader can stop it.
        response.headers["Refresh"] = f"{REFRESH_SECONDS}; url={YEAR_END_PATH}"
    return response


@router.get(YEAR_END_PATH + "/{year}/bilan.pdf")
def download_report(context: Context, visitor: Rectorat, year: str) -> Response:
    """The report of a past end, as it was joined to the operators' mail (R54, R69)."""
    app, school_year = context.app, str(parse_year(year))
    with app.database.read() as connection:
        stored = stored_year_end_report(
            connection, school_year, app.mailer.mail_context, app.mailer.wordings, app.clock.now()
        )
    if stored is None:
        raise HTTPException(404)
    try:
        content = compile_paper(*stored)
    except PaperUnmakeable:
        raise HTTPException(500) from None
    download = Download(lambda file: file.write(content), stored[0].filename, "application/pdf")
    export = context.export_of(visitor, ExportedList.YEAR_END_REPORT)
    return export.recorded(download, "pdf", page=f"{YEAR_END_PATH}/{year}")


@dataclass(frozen=True)
class PreviewQuery:
    """The preview's address: the day, looked at at its end, and which establishments are listed."""

    jour: Annotated[str, Query(max_length=30)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    surprises: Annotated[str, Query(max_length=5)] = ""

    def address(self, after: str | None = None, path: str = PREVIEW_PATH) -> str:
        return address(path, **vars(self), suite=after)

    def departements(self) -> list[str]:
        """The spellings of the only département to list, none for all. Raises ValueError in French."""
        departement = departement_of(self.departement)
        return spellings(departement) if departement else []


@router.get(f"{YEAR_END_PATH}/apercu")
def show_preview(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[PreviewQuery, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """Show the figures of each year that would end by that day, and who would be revoked; write nothing (R53)."""
    page, summary, problem = PreviewPage((), None), None, ""
    day = _last_day_of_current_year(context)
    try:
        day = _parse_preview_day(query.jour) or day
        departements = query.departements()
        with context.app.database.read() as connection:
            preview = _preview(context, connection, day)
            summary = preview.count()
            page = preview.page(
                after=_parse_cursor(suite), departements=departements, anomalies_only=bool(query.surprises),
                limit=PREVIEW_PAGE_SIZE,
            )  # fmt: skip
    except ValueError as error:
        problem = str(error)
    return render_year_end(
        request, context, visitor, "rectorat/year_end_preview.html", years=load_years(context),
        status=422 if problem else 200, day=day, query=query,
        file=replace(query, jour=day.isoformat()).address(path=f"{PREVIEW_PATH}/export"), summary=summary,
        page=page, problem=problem,
        more=query.address(f"{page.after[0]}:{page.after[1]}") if page.after else None,
    )  # fmt: skip


@router.get(f"{YEAR_END_PATH}/apercu/export")
async def download_preview(
    context: Context,
    visitor: Rectorat,
    query: Annotated[PreviewQuery, Depends()],
    file_format: ChosenFormat,
) -> Response:
    """The same list as a file, one line a request (R92)."""

    def workbook(connection: Connection) -> Workbook:
        day = _parse_preview_day(query.jour) or _last_day_of_current_year(context)
        preview, departements = _preview(context, connection, day), query.departements()
        ends = preview.walk(departements=departements, anomalies_only=bool(query.surprises))
        return preview_workbook(ends, day)

    export = context.export_of(visitor, ExportedList.PREVIEW)
    return await download_list(export, file_format, workbook, query.address())


def _preview(context: WebContext, connection: Connection, day: date) -> Preview:
    app = context.app
    at = app.year_ends.instant_of(day)
    return Preview(connection, app.year_ends, app.mailer, now=app.clock.now(), at=at)


def _last_day_of_current_year(context: WebContext) -> date:
    calendar = context.app.policy.calendar
    return calendar.end_of(calendar.open_years(context.app.clock.now())[0]).last_day


def _parse_preview_day(text: str) -> date | None:
    """The day of the address, None without one. Raises ValueError in French."""
    if not text.strip():
        return None
    try:
        day = parse_day(text)
    except ValueError as error:
        raise ValueError(f"{error}.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"« {text} » est hors limites : il faut un jour du 01/01/2000 au 31/12/2099.")
    return day


def _parse_cursor(text: str) -> PreviewCursor | None:
    """The establishment after which a page begins, None for the first. Raises ValueError in French."""
    if not text:
        return None
    year, _, uai = text.partition(":")
    try:
        return SchoolYear.parse(year), uai
    except ValueError:
        raise ValueError(NO_SUCH_PAGE) from None


@router.get(YEAR_END_PATH + "/{year}/confirmer")
def show_confirmation(request: Request, context: Context, visitor: ProvenOperator, year: str) -> Response:
    """Show what is held, why, and what the confirmation would do (R52)."""
    return _render_confirmation(request, context, visitor, parse_year(year), blank(_CONFIRMATION))


@router.post(YEAR_END_PATH + "/{year}/confirmer")
def confirm_year_end(
    request: Request, context: Context, visitor: ProvenOperator, year: str, data: Typed, tasks: BackgroundTasks
) -> Response:
    """Confirm a held end; the revocations begin after the response, and the schedule finishes them if we stop (R52)."""
    app, school_year, form = context.app, parse_year(year), filled(_CONFIRMATION, data)
    if not form.is_right:
        return _render_confirmation(request, context, visitor, school_year, form, status=422)
    try:
        end = app.year_ends.confirm(school_year, visitor.actor)
    except ClockRefused as refused:
        form = form.refused(refused.reasons)
        return _render_confirmation(request, context, visitor, school_year, form, status=422)
    except NothingHeld:
        return _render_confirmation(request, context, visitor, school_year, form, status=422)
    tasks.add_task(lambda: app.year_ends.run(end, chain.schedule_actor(app.database)))
    return context.success_messages.redirect(visitor, YEAR_END_PATH, CONFIRMED)


def _render_confirmation(
    request: Request, context: WebContext, visitor: Visitor, school_year: SchoolYear, form: Form, status: int = 200
) -> Response:
    """The page of confirmation; of an end that nothing holds it says so, and confirms nothing."""
    years = load_years(context)
    year = next((year for year in years if year.end.school_year == school_year and year.hold and year.held_at), None)
    return render_year_end(
        request, context, visitor, "rectorat/year_end_confirm.html", years=years, year=year, school_year=school_year,
        form=form, status=status if year else 422,
    )  # fmt: skip


@dataclass(frozen=True)
class NotRenewedQuery:
    """The filter as the address bears it."""

    departement: Annotated[str, Query(max_length=20)] = ""

    def address(self, path: str, after: str | None = None) -> str:
        return address(path, departement=self.departement, suite=after)


def not_renewed_path(year: SchoolYear) -> str:
    return f"{YEAR_END_PATH}/{year}/non-renouveles"


@router.get(YEAR_END_PATH + "/{year}/non-renouveles")
def show_not_renewed(
    request: Request, context: Context, visitor: Rectorat, year: str, query: Annotated[NotRenewedQuery, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """List who had a key until the end and has no request for the next year, with a count a département (R81)."""
    school_year, page, problem = parse_year(year), NotRenewedPage((), None), ""
    with context.app.database.read() as connection:
        counts, had_key = count_not_renewed(connection, school_year), count_had_key(connection, school_year)
        try:
            departement = departement_of(query.departement)
            page = list_not_renewed(connection, school_year, departement=departement, after=suite or None)
        except ValueError as error:
            problem = list_problem(error, suite)
    list_path = not_renewed_path(school_year)
    return render_year_end(
        request, context, visitor, "rectorat/year_end_not_renewed.html", years=load_years(context),
        status=422 if problem else 200, year=school_year, end=context.app.policy.calendar.end_of(school_year),
        page=page, problem=problem, counts=counts, total=sum(counts.values()), had_key=had_key, query=query,
        list_path=list_path, file=query.address(f"{list_path}/export"),
        more=query.address(list_path, page.after) if page.after else None,
    )  # fmt: skip


@router.get(YEAR_END_PATH + "/{year}/non-renouveles/export")
async def download_not_renewed(
    context: Context,
    visitor: Rectorat,
    year: str,
    query: Annotated[NotRenewedQuery, Depends()],
    file_format: ChosenFormat,
) -> Response:
    """The whole list, under the same filter, as a file (R92)."""
    school_year = parse_year(year)

    def workbook(connection: Connection) -> Workbook:
        departement = departement_of(query.departement)
        return not_renewed_workbook(school_year, all_not_renewed(connection, school_year, departement=departement))

    page = query.address(not_renewed_path(school_year))
    export = context.export_of(visitor, ExportedList.NOT_RENEWED)
    return await download_list(export, file_format, workbook, page)


@router.get(YEAR_END_PATH + "/{year}")  # last, for it would take every other address of this family
def show_year_end_account(request: Request, context: Context, visitor: Rectorat, year: str) -> HTMLResponse:
    """Show the account of a past end, to look at again months later; of another, where to follow it (R85)."""
    school_year = parse_year(year)
    with context.app.database.read() as connection:
        account = account_of(connection, school_year)
        not_renewed = sum(count_not_renewed(connection, school_year).values()) if account else 0
    revoked = [share.revoked for share in account.shares] if account else []
    longest = max(revoked, default=0) or 1
    return render_year_end(
        request, context, visitor, "rectorat/year_end_report.html", years=load_years(context),
        status=200 if account else 404, school_year=school_year, account=account, not_renewed=not_renewed,
        end=context.app.policy.calendar.end_of(school_year),
        bars=[round(LONGEST_BAR * count / longest, 1) for count in revoked],
        RemovalKind=RemovalKind, RemovalOutcome=RemovalOutcome,
    )  # fmt: skip


@dataclass(frozen=True)
class ExtensionResult:
    """The reference of a renewal, and the result of its extension."""

    reference: str
    result: Result


@router.get(YEAR_END_PATH + "/{year}/cles-a-prolonger")
def show_keys_to_extend(request: Request, context: Context, visitor: Rectorat, year: str) -> HTMLResponse:
    """Show the verified renewals whose key is still to be extended; all are ticked."""
    return _render_keys(request, context, visitor, parse_year(year), blank(()))


@router.get(YEAR_END_PATH + "/{year}/cles-a-prolonger/export")
async def export_keys_to_extend(
    context: Context,
    visitor: Rectorat,
    year: str,
    file_format: ChosenFormat,
) -> Response:
    """The whole list as a file (R92)."""
    app, school_year = context.app, parse_year(year)

    def workbook(connection: Connection) -> Workbook:
        keys = list_keys_to_extend(connection, school_year, app.policy, app.clock.now())
        return keys_to_extend_workbook(school_year, keys, app.policy.calendar.end_of(school_year.next).last_day)

    return await download_list(
        context.export_of(visitor, ExportedList.KEYS_TO_EXTEND),
        file_format,
        workbook,
        f"{YEAR_END_PATH}/{year}/cles-a-prolonger",
    )


@router.post(YEAR_END_PATH + "/{year}/cles-a-prolonger")
def extend_keys(request: Request, context: Context, visitor: ProvenOperator, year: str, data: Posted) -> Response:
    """Extend the keys that were ticked, each refused or done by itself; sent twice, the same results (R10, R40)."""
    school_year, form = parse_year(year), filled((), data)
    matches = [match for text in data.getlist(TICKED)[:MOST_KEYS] if (match := _KEY.fullmatch(str(text)[:60]))]
    commands = {
        match[1]: IssueCode(reference=match[1], expected_version=int(match[2]), extends=match[3]) for match in matches
    }
    results = execute_all(context, visitor, commands, form.key)
    return _render_keys(request, context, visitor, school_year, blank(()), [ExtensionResult(*pair) for pair in results])


def _render_keys(
    request: Request, context: WebContext, visitor: Visitor, year: SchoolYear, form: Form,
    results: Iterable[ExtensionResult] | None = None,
) -> HTMLResponse:  # fmt: skip
    app, done = context.app, list(results or ())
    with app.database.read() as connection:
        keys = list_keys_to_extend(connection, year, app.policy, app.clock.now(), MOST_KEYS + 1)
    refused = [extension for extension in done if isinstance(extension.result, Refused)]
    nothing_ticked = results is not None and not done
    # Each box says the renewal as it was shown (R9), and the request whose key it would keep.
    values = {key.request.reference: f"{key.request.reference}:{key.request.version}:{key.source}" for key in keys}
    return render_year_end(
        request, context, visitor, "rectorat/keys_to_extend.html", years=load_years(context), form=form, year=year,
        status=422 if nothing_ticked else 200, keys=keys[:MOST_KEYS], values=values,
        has_more=len(keys) > MOST_KEYS, end=app.policy.calendar.end_of(year),
        last_day=app.policy.calendar.end_of(year.next).last_day,
        extended=[extension for extension in done if extension not in refused], refused=refused,
        nothing_ticked=nothing_ticked, ticked=TICKED,
    )  # fmt: skip
