"""The preview of a year's end, the calendar of what the software will do by itself, the figures: nothing is written.

(R53, R86, R99)
"""

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from notifications.vocabulary import Kind
from portal.api.auth import Context, Installation, OfRectorat
from portal.api.problems import Refusal, of_form, refusal_responses
from portal.api.requests import Limit, next_page
from portal.api.schemas import Day, RequestModel, ResponseModel, Text, Year
from states.rules.schedule import Hold
from states.school_calendar import SchoolYear
from states.vocabulary import RemovalKind, State
from workflow.figures.account import DayToCome, account_of, choose
from workflow.figures.ledger import CountingUnderWay
from workflow.figures.tables import tables_of, warnings_of
from workflow.schedule.upcoming import ScheduledAction, upcoming
from workflow.settings.sections import spellings
from workflow.year_end.preview import Anomaly, EstablishmentEnd, Preview, PreviewCursor, YearSummary

router = APIRouter(tags=["fin d'année et calendrier"])
_FIRST_DAY: Final = date(2000, 1, 1)
figures_router = APIRouter(tags=["chiffres"])


class PreviewDay(RequestModel):
    """The day at whose end the years are looked at."""

    on: Day | None = Field(None, description="Au soir de ce jour ; absent : le dernier de l'année en cours.")


class PreviewParameters(PreviewDay):
    """Filters of the establishments of a preview."""

    departement: Text = Field("", description="D'un département : 31, 2A, 974.")
    anomalies_only: bool = Field(False, description="Seulement ceux qui méritent un regard.")
    after: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{4}\.[0-9]{7}[A-Z]$")] | None = Field(
        None, description="Le curseur, tel que la page précédente l'a donné."
    )
    limit: Limit = 50


class HoldOut(ResponseModel):
    """The reason that would hold the end of a year back (R51, R52)."""

    why: Hold
    sentence: str
    avoidable: bool


class YearOut(ResponseModel):
    """One school year, as its end would treat it."""

    school_year: Year
    last_day: date
    year_end_is_default: bool
    requests: int
    renewed: int
    establishments: int
    departements: dict[str, int]
    states: dict[str, int]
    removals: dict[str, int]
    mails: dict[str, int]
    anomalies: dict[str, int]
    without_mailbox: list[str]
    hold: HoldOut | None


class PreviewOut(ResponseModel):
    """The preview, counted."""

    on: date
    at: datetime
    years: list[YearOut]
    earlier_removals: dict[str, int]


class EndingOut(ResponseModel):
    """A request that would be revoked."""

    reference: str
    nom: str
    prenom: str
    state: State
    removal: RemovalKind | None
    renewed: bool
    anomalies: list[Anomaly]


class EstablishmentEndOut(ResponseModel):
    """An establishment whose requests would be revoked, and where its mail would go."""

    school_year: Year
    uai: str
    nom: str
    commune: str
    departement: str
    mailbox: str | None
    anomalies: list[Anomaly]
    requests: list[EndingOut]


class EstablishmentEnds(ResponseModel):
    """A page of establishments, year after year, by UAI."""

    items: list[EstablishmentEndOut]
    next: str | None


class ScheduledOut(ResponseModel):
    """Something that the software will do by itself."""

    day: date
    until: date | None
    action: ScheduledAction
    sentence: str
    requests: int | None
    establishments: int | None
    school_year: Year | None
    mail: Kind | None


class CalendarOut(ResponseModel):
    """The twelve months to come."""

    items: list[ScheduledOut]


@router.get(
    "/year-end/preview", summary="La prévision de la fin d'année", operation_id="preview_year_end",
    responses=refusal_responses(),
)  # fmt: skip
def preview_year_end(context: Context, caller: OfRectorat, parameters: Annotated[PreviewDay, Query()]) -> PreviewOut:
    """Ce qu'une fin d'année ferait ce jour-là, compté ; rien n'est écrit (R53)."""
    del caller
    app = context.app
    now = app.clock.now()
    day = parameters.on or _last_day(context)
    with app.database.read() as connection:
        at = _instant_of(context, day)
        summary = Preview(connection, app.year_ends, app.mailer, now=now, at=at).count()
    return PreviewOut(
        on=day, at=summary.at, years=[_year_out(year) for year in summary.years],
        earlier_removals={str(year): count for year, count in summary.earlier_removals.items()},
    )  # fmt: skip


@router.get(
    "/year-end/preview/establishments", summary="La prévision par établissement", operation_id="list_year_end",
    responses=refusal_responses(),
)  # fmt: skip
def list_year_end(
    context: Context, caller: OfRectorat, parameters: Annotated[PreviewParameters, Query()], response: Response
) -> EstablishmentEnds:
    """Les demandes qui seraient révoquées, par établissement ; rien n'est écrit (R53)."""
    del caller
    app = context.app
    now = app.clock.now()
    at = _instant_of(context, parameters.on or _last_day(context))
    departements = sorted(spellings(parameters.departement)) if parameters.departement else []
    cursor: PreviewCursor | None = None
    if parameters.after is not None:
        year, _, uai = parameters.after.partition(".")
        try:
            cursor = SchoolYear.parse(year), uai
        except ValueError:  # a year that is none
            reason = of_form(
                "bad_cursor", "Ce curseur n'est pas de cette liste", "Reprendre l'adresse donnée.", "after"
            )
            raise Refusal((reason,), 422) from None
    with app.database.read() as connection:
        page = Preview(connection, app.year_ends, app.mailer, now=now, at=at).page(
            after=cursor, departements=departements,
            anomalies_only=parameters.anomalies_only, limit=parameters.limit,
        )  # fmt: skip
    after = f"{page.after[0]}.{page.after[1]}" if page.after else None
    following = next_page(response, "year-end/preview/establishments", parameters, after)
    return EstablishmentEnds(items=[_establishment_out(line) for line in page.lines], next=following)


@router.get(
    "/calendar", summary="Le calendrier", operation_id="show_calendar", responses=refusal_responses()
)  # fmt: skip
def show_calendar(context: Context, caller: OfRectorat) -> CalendarOut:
    """Ce que le logiciel fera de lui-même dans les douze mois, si rien ne change (R86)."""
    del caller
    app = context.app
    with app.database.read() as connection:
        dates = upcoming(connection, app.policy, app.mailer, app.clock.now())
    return CalendarOut(items=[ScheduledOut.model_validate(scheduled) for scheduled in dates])


def _last_day(context: Installation) -> date:
    calendar = context.app.policy.calendar
    return calendar.end_of(calendar.open_years(context.app.clock.now())[0]).last_day


def _instant_of(context: Installation, day: date) -> datetime:
    """Raises Refusal (422) for a day out of any school calendar."""
    if not date(2000, 1, 1) <= day <= date(2099, 12, 31):
        reason = of_form("day_out_of_range", "Ce jour est hors du calendrier", "Donner un jour proche.", "on")
        raise Refusal((reason,), 422)
    return context.app.year_ends.instant_of(day)


def _year_out(year: YearSummary) -> YearOut:
    foreseen = year.foreseen_hold
    return YearOut(
        school_year=year.end.school_year, last_day=year.end.last_day, year_end_is_default=year.end.is_default,
        requests=year.requests, renewed=year.renewed, establishments=year.establishments,
        departements=dict(year.departements), states={state.value: count for state, count in year.states.items()},
        removals={kind.value: count for kind, count in year.removals.items()},
        mails={kind.value: count for kind, count in year.mails.items()},
        anomalies={anomaly.value: count for anomaly, count in year.anomalies.items()},
        without_mailbox=[place.uai for place in year.without_mailbox],
        hold=HoldOut(why=foreseen.hold, sentence=foreseen.hold.label, avoidable=foreseen.avoidable) if foreseen
        else None,
    )  # fmt: skip


def _establishment_out(line: EstablishmentEnd) -> EstablishmentEndOut:
    place = line.establishment
    return EstablishmentEndOut(
        school_year=line.school_year, uai=place.uai, nom=place.nom, commune=place.commune,
        departement=place.departement, mailbox=line.mail.recipient or None, anomalies=list(line.anomalies),
        requests=[
            EndingOut(
                reference=ending.request.reference, nom=ending.request.nom, prenom=ending.request.prenom,
                state=ending.request.state, removal=ending.removal, renewed=ending.renewed,
                anomalies=list(ending.anomalies),
            )
            for ending in line.requests
        ],
    )  # fmt: skip


class FigureParameters(RequestModel):
    """Two days, and the school year of the requests."""

    on: Day | None = Field(None, description="Au soir de ce jour ; absent : aujourd'hui, ou la fin de l'année.")
    before: Day | None = Field(None, description="Le jour auquel comparer ; absent : un an plus tôt, s'il y a lieu.")
    school_year: Year | None = Field(None, description="L'année des demandes ; absente : celle de chaque jour.")


class FigureTableOut(ResponseModel):
    """A table: each row is an object whose keys are the columns'."""

    key: str
    title: str
    note: str
    columns: dict[str, str]
    rows: list[dict[str, int | float | str | None]]


class FiguresOut(ResponseModel):
    """The figures at two days."""

    on: date
    before: date
    school_year: Year
    before_school_year: Year
    tables: list[FigureTableOut]
    warnings: list[str]


@figures_router.get("/figures", summary="Les chiffres", operation_id="show_figures", responses=refusal_responses(409))
def show_figures(context: Context, caller: OfRectorat, parameters: Annotated[FigureParameters, Query()]) -> FiguresOut:
    """Ce que la page « Chiffres » montre, à deux dates, par département ; une part est un nombre sur 100 (R99)."""
    del caller
    app = context.app
    for name, day in (("on", parameters.on), ("before", parameters.before)):
        if day and day < _FIRST_DAY:
            reason = of_form("day_out_of_range", "Ce jour est hors limites", "Donner un jour depuis 2000-01-01.", name)
            raise Refusal((reason,), 422)
    calendar = app.policy.calendar
    try:
        with app.database.read() as connection:
            choice = choose(
                connection, calendar, calendar.today(app.clock.now()), day=parameters.on, before=parameters.before,
                year=parameters.school_year,
            )  # fmt: skip
            account = account_of(connection, app.figures, calendar, choice, app.settings.figures.targets)
    except DayToCome as error:
        message, _, remedy = str(error).partition(" : ")
        raise Refusal((of_form("day_to_come", message, f"{remedy[:1].upper()}{remedy[1:]}", "on"),), 422) from None
    except CountingUnderWay:
        reason = of_form("counting", "Le journal est en train d'être compté", "Recommencer dans quelques minutes.")
        raise Refusal((reason,), 409) from None
    return FiguresOut(
        on=account.now.day, before=account.before.day, school_year=account.now.school_year,
        before_school_year=account.before.school_year,
        tables=[
            FigureTableOut(
                key=table.key, title=table.title, note=table.note, columns=table.columns,
                rows=[dict(zip(table.columns, row, strict=True)) for row in table.rows],
            )
            for table in tables_of(account, app.figures.rules)
        ],
        warnings=[warning.sentence for warning in warnings_of(account)],
    )  # fmt: skip
