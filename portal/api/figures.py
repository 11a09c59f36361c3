"""The figures of the académie as tables, the same as those of the page (R99)."""

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field

from portal.api.auth import Context, OfRectorat
from portal.api.field_types import Day, RequestModel, ResponseModel, Year
from portal.api.problems import Refusal, of_form, refusal_responses
from workflow.figures.account import DayToCome, account_of, choose
from workflow.figures.ledger import CountingUnderWay
from workflow.figures.tables import tables_of, warnings_of

_FIRST_DAY: Final = date(2000, 1, 1)

router = APIRouter(tags=["chiffres"])


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


@router.get("/figures", summary="Les chiffres", operation_id="show_figures", responses=refusal_responses(409))
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
