"""/rectorat/fin-d-annee: the ends to come, held by the brake, under way, past (R50 to R54)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from notifications.rendering.papers import PaperUnmakeable
from notifications.rendering.pdf import compile_paper, stored_year_end_report
from portal.exports import HEADINGS, HEADINGS_NOT_RENEWED_ROWS, MEDIA_TYPE, csv_text, filename, rows
from portal.exports import filename_not_renewed_rows as filename_of_year_end_not_renewed
from portal.exports import rows_not_renewed_rows as rows_of_year_end_not_renewed
from portal.texts import how_found
from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Posted, Rectorat
from portal.web.forms import Field, Form, Shape, address, blank, departement_of, filled
from portal.web.security import Visitor
from states.french import parse_day
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.app import App
from workflow.journal import installation
from workflow.settings.sections import spellings
from workflow.year_end.overview import YearInPlay, past_ends, years_in_play
from workflow.year_end.preview import Place, Preview, PreviewPage
from workflow.year_end.renewals import (
    NotRenewedPage,
    all_not_renewed,
    count_had_key,
    count_not_renewed,
    list_not_renewed,
)
from workflow.year_end.report import account_of
from workflow.year_end.service import NothingHeld

router = APIRouter(prefix="/rectorat/fin-d-annee", include_in_schema=False)


PLACE = "/rectorat/fin-d-annee"


EVERY = 5
"""Seconds between two looks at an end that is under way."""


DONE = {"confirmee": "la fin d'année est confirmée, les révocations commencent"}
"""What was done, by the word that the address bears."""


@router.get("")
def showing(request: Request, context: Context, visitor: Rectorat, fait: str = "", arret: str = "") -> HTMLResponse:
    """Each year in play, then the past ones; while one runs the page follows it, unless who reads stopped that."""
    years = in_play(context)
    with context.app.database.read() as connection:
        past = past_ends(connection)
    zone = context.app.settings.academie.zone
    opening_day = context.app.policy.calendar.opening_day
    running = any(year.is_running for year in years)
    answer = page(
        request, context, visitor, "rectorat/year_end.html", years=years, past=past, notice=DONE.get(fait, ""),
        how={year.end.school_year: how_found(year.end, zone) for year in years},
        opens={year.end.school_year: opening_day(year.end.school_year.next) for year in years},
        stopped=bool(arret),
    )  # fmt: skip
    if running and not arret:
        answer.headers["Refresh"] = f"{EVERY}; url={PLACE}"  # one that a reader can stop, as RGAA 13.1 asks
    return answer


@router.get("/{year}/bilan.pdf")
def report(context: Context, visitor: Rectorat, year: str) -> Response:  # noqa: ARG001
    """The report of a past end, as it was joined to the operators' mail (R54, R69)."""
    app, wanted = context.app, str(year_named(year))
    with app.database.read() as connection:
        found = stored_year_end_report(
            connection, wanted, app.mailer.mail_context, app.mailer.wordings, app.clock.now()
        )
    if found is None:
        raise HTTPException(404)
    try:
        content = compile_paper(*found)
    except PaperUnmakeable:
        raise HTTPException(500) from None
    named = {"Content-Disposition": f'attachment; filename="{found[0].filename}"'}
    return Response(content, media_type="application/pdf", headers=named)


def in_play(context: WebContext) -> tuple[YearInPlay, ...]:
    """The years in play with what the brake would say of each now."""
    app = context.app
    with app.database.read() as connection:
        return years_in_play(connection, app.year_ends.verdicts(connection, app.clock.now()))


def page(
    request: Request, context: WebContext, visitor: Visitor, template: str, *, years: tuple[YearInPlay, ...],
    status: int = 200, **scope: Any,
) -> HTMLResponse:  # fmt: skip
    """A page of this family: whatever it shows, it says first which end the brake holds."""
    held = [year for year in years if year.hold]
    return context.pages.page(request, template, visitor, status=status, years=years, held=held, **scope)


def year_named(text: str) -> SchoolYear:
    """The school year of an address; 404 for anything else."""
    try:
        return SchoolYear.parse(text)
    except ValueError:
        raise HTTPException(404) from None


# An operator lets a held end run: said twice, written to the journal, begun at once (R52).


router_year_end_confirm = APIRouter(prefix=PLACE, include_in_schema=False)


_FIELDS = (
    Field(
        name="sure", label="J'ai relu la date et le nombre de demandes : toutes doivent être révoquées",
        shape=Shape.CHECK, missing="Cocher cette case pour confirmer : les révocations ne se défont pas.",
    ),
)  # fmt: skip


@router_year_end_confirm.get("/{year}/confirmer")
def prepare(request: Request, context: Context, visitor: Operator, year: str) -> Response:
    """What is held, why, and what the confirmation would do."""
    return _page(request, context, visitor, year_named(year), blank(_FIELDS))


@router_year_end_confirm.post("/{year}/confirmer")
def confirm(
    request: Request, context: Context, visitor: Operator, year: str, data: Posted, after: BackgroundTasks
) -> Response:
    """Confirm; the revocations begin behind the answer, and the schedule finishes them should this process stop."""
    wanted, form = year_named(year), filled(_FIELDS, data)
    if not form.is_right:
        return _page(request, context, visitor, wanted, form, status=422)
    try:
        end = context.app.year_ends.confirm(wanted, visitor.actor)
    except NothingHeld:
        return _page(request, context, visitor, wanted, form, status=422)
    after.add_task(_revoke, context.app, end)
    return RedirectResponse(f"{PLACE}?fait=confirmee", status_code=303)


def _revoke(app: App, end: YearEnd) -> None:
    app.year_ends.run(end, installation.schedule_actor(app.database))


def _page(
    request: Request, context: WebContext, visitor: Visitor, wanted: SchoolYear, form: Form, status: int = 200
) -> Response:
    """The page of confirmation; of an end that nothing holds it says so, and confirms nothing."""
    years = in_play(context)
    year = next((one for one in years if one.end.school_year == wanted and _is_held(one)), None)
    return page(
        request, context, visitor, "rectorat/year_end_confirm.html", years=years, year=year, wanted=wanted, form=form,
        status=status if year else 422,
    )  # fmt: skip


def _is_held(year: YearInPlay) -> bool:
    return year.hold is not None and year.held_at is not None


# Files made while they are sent, so that their size costs no memory.


Row = Sequence[object]


def spreadsheet(
    context: WebContext, filename: str, headings: Sequence[str], rows: Callable[[Connection], Iterable[Row]]
) -> StreamingResponse:
    """A CSV file whose rows are read in one transaction, the picture of one instant, as the reader takes them."""

    def read() -> Iterator[Row]:
        with context.app.database.read() as connection:
            yield from rows(connection)

    named = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingResponse(csv_text(headings, read()), media_type=MEDIA_TYPE, headers=named)


# /rectorat/fin-d-annee/apercu: what the end of a year would do on a given day; nothing is written (R53).


router_year_end_preview = APIRouter(prefix=PLACE, include_in_schema=False)


FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)


SIZE = 25
"""Establishments on a page."""


@dataclass(frozen=True)
class Wanted:
    """What the address asks: the day, looked at at its end, and which establishments are listed."""

    jour: Annotated[str, Query(max_length=30)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    surprises: Annotated[str, Query(max_length=5)] = ""

    def address(self, after: str | None = None) -> str:
        return address(f"{PLACE}/apercu", **vars(self), suite=after)


@router_year_end_preview.get("/apercu")
def preview(
    request: Request, context: Context, visitor: Rectorat, wanted: Annotated[Wanted, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """The figures of each year that would end by that day, and who would be revoked."""
    seen, summary, problem = PreviewPage((), None), None, ""
    day = _proposed(context)
    try:
        day = _day(wanted.jour) or day
        departement = departement_of(wanted.departement)
        with context.app.database.read() as connection:
            found = _preview(context, connection, day)
            summary = found.count()
            seen = found.page(
                after=_place(suite), departements=spellings(departement) if departement else [],
                odd_only=bool(wanted.surprises), limit=SIZE,
            )  # fmt: skip
    except ValueError as error:
        problem = str(error)
    return page(
        request,
        context,
        visitor,
        "rectorat/year_end_preview.html",
        years=in_play(context),
        status=422 if problem else 200,
        day=day,
        wanted=wanted,
        summary=summary,
        seen=seen,
        problem=problem,
        first=wanted.address() if suite else None,
        more=wanted.address(f"{seen.after[0]}:{seen.after[1]}") if seen.after else None,
    )


@router_year_end_preview.get("/apercu.csv")
def preview_file(
    context: Context,
    visitor: Rectorat,  # noqa: ARG001
    jour: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """The same of the whole académie, one line a request."""
    try:
        day = _day(jour) or _proposed(context)
    except ValueError:  # which the page says in French
        return RedirectResponse(address(f"{PLACE}/apercu", jour=jour), status_code=303)
    return spreadsheet(context, filename(day), HEADINGS, lambda connection: rows(_preview(context, connection, day)))


def _preview(context: WebContext, connection: Connection, day: date) -> Preview:
    app = context.app
    at = app.year_ends.instant_of(day)
    return Preview(connection, app.year_ends, app.mailer, now=app.clock.now(), at=at)


def _proposed(context: WebContext) -> date:
    """The last day of the year that runs."""
    calendar = context.app.policy.calendar
    return calendar.end_of(calendar.open_years(context.app.clock.now())[0]).last_day


def _day(text: str) -> date | None:
    """The day asked for. Raises ValueError in French."""
    if not text.strip():
        return None
    try:
        day = parse_day(text)
    except ValueError as error:
        raise ValueError(f"{error}.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"« {text} » est hors limites : il faut un jour du 01/01/2000 au 31/12/2099.")
    return day


def _place(suite: str) -> Place | None:
    """Where a page begins, None at the beginning. Raises ValueError in French."""
    if not suite:
        return None
    year, _, uai = suite.partition(":")
    try:
        return SchoolYear.parse(year), uai
    except ValueError:
        raise ValueError("Cette suite de liste n'existe pas : repartir de la première page.") from None


# /rectorat/fin-d-annee/{year}/non-renouveles: who had a key until the end, and has no request for the next (R81).


router_year_end_not_renewed = APIRouter(prefix=PLACE, include_in_schema=False)


@dataclass(frozen=True)
class WantedYearEndNotRenewed:
    """The filter as the address bears it."""

    departement: Annotated[str, Query(max_length=20)] = ""

    def address(self, place: str, after: str | None = None) -> str:
        return address(place, departement=self.departement, suite=after)


def place_of(year: SchoolYear) -> str:
    return f"{PLACE}/{year}/non-renouveles"


@router_year_end_not_renewed.get("/{year}/non-renouveles")
def listing(
    request: Request,
    context: Context,
    visitor: Rectorat,
    year: str,
    wanted: Annotated[WantedYearEndNotRenewed, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """A page of them, with how many there are in each département."""
    of, found, problem = year_named(year), NotRenewedPage((), None), ""
    with context.app.database.read() as connection:
        counts, had_key = count_not_renewed(connection, of), count_had_key(connection, of)
        try:
            departement = departement_of(wanted.departement)
            found = list_not_renewed(connection, of, departement=departement, after=suite or None)
        except ValueError as error:
            problem = str(error) if not suite else "Cette suite de liste n'existe pas : repartir de la première page."
    place = place_of(of)
    return page(
        request, context, visitor, "rectorat/year_end_not_renewed.html", years=in_play(context),
        status=422 if problem else 200, year=of, end=context.app.policy.calendar.end_of(of), found=found,
        problem=problem, counts=counts, total=sum(counts.values()), had_key=had_key, wanted=wanted, place=place,
        file=wanted.address(f"{place}.csv"), first=wanted.address(place) if suite else None,
        more=wanted.address(place, found.after) if found.after else None,
    )  # fmt: skip


@router_year_end_not_renewed.get("/{year}/non-renouveles.csv")
def file(
    context: Context,
    visitor: Rectorat,  # noqa: ARG001
    year: str,
    wanted: Annotated[WantedYearEndNotRenewed, Depends()],
) -> Response:
    """The whole list, under the same filter."""
    of = year_named(year)
    try:
        departement = departement_of(wanted.departement)
    except ValueError:  # which the page says in French
        return RedirectResponse(wanted.address(place_of(of)), status_code=303)
    return spreadsheet(
        context, filename_of_year_end_not_renewed(of), HEADINGS_NOT_RENEWED_ROWS,
        lambda connection: rows_of_year_end_not_renewed(of, all_not_renewed(connection, of, departement=departement)),
    )  # fmt: skip


# /rectorat/fin-d-annee/{year}: what is left of an end that is over, to look at again months later (R85).


router_year_end_report = APIRouter(prefix=PLACE, include_in_schema=False)


BAR: Final = 100
"""The width of the picture's longest bar, in units of its view box."""


@router_year_end_report.get("/{year}")  # after every other address of this family, which it would take
def showing_year_end_report(request: Request, context: Context, visitor: Rectorat, year: str) -> HTMLResponse:
    """The account of a past end; of one that is not over, where to follow it."""
    wanted = year_named(year)
    with context.app.database.read() as connection:
        account = account_of(connection, wanted)
        not_renewed = sum(count_not_renewed(connection, wanted).values()) if account else 0
    longest = max((share.revoked for share in account.shares), default=0) if account else 0
    return page(
        request,
        context,
        visitor,
        "rectorat/year_end_report.html",
        years=in_play(context),
        status=200 if account else 404,
        wanted=wanted,
        account=account,
        not_renewed=not_renewed,
        end=context.app.policy.calendar.end_of(wanted),
        bars=[round(BAR * share.revoked / longest, 1) if longest else 0 for share in account.shares] if account else [],
        RemovalKind=RemovalKind,
        RemovalOutcome=RemovalOutcome,
    )
