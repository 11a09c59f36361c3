"""Days and years as the settings write them: a day of every year, a date, a school year, a timezone."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from notifications.settings import refusal
from states.school_year import SchoolYear
from states.timetable import MonthDay

DAY_PATTERN = "(0[1-9]|[12][0-9]|3[01])"


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise refusal(f"« {name} » n'est pas un fuseau horaire", "par exemple Europe/Paris ou Indian/Reunion") from None
    return name


def month_day(text: str) -> MonthDay:
    """Read ``09-30`` as (9, 30). Raises ValueError when no such day comes every year."""
    read = datetime.strptime(f"2001-{text}", "%Y-%m-%d")  # noqa: DTZ007  2001 has no 29 February
    return read.month, read.day


def month_day_within(first: str, last: str) -> Callable[[str], str]:
    """The check of a day of every year between these two; its refusal says so."""

    def check(text: str) -> str:
        allowed = f"un jour écrit « mois-jour », de {first} à {last}"
        try:
            found = month_day(text)
        except ValueError:
            raise refusal(f"« {text} » n'est pas un jour de chaque année", allowed) from None
        if not month_day(first) <= found <= month_day(last):
            raise refusal(f"« {text} » est hors des dates permises", allowed)
        return "{:02d}-{:02d}".format(*found)

    return check


def _school_year(value: object) -> SchoolYear:
    if isinstance(value, SchoolYear):
        return value
    try:
        year = SchoolYear.parse(str(value))
    except ValueError as error:
        raise refusal(str(error)) from None
    if not 2000 <= year.start <= 2100:
        raise refusal(f"« {value} » est une année hors du calendrier", "de 2000-2001 à 2100-2101")
    return year


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise refusal(f"« {value} » n'est pas une date", "année-mois-jour, par exemple 2027-09-01") from None


Year = Annotated[
    SchoolYear,
    PlainValidator(_school_year, json_schema_input_type=Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{4}$")]),
    PlainSerializer(str),
]
Day = Annotated[date, BeforeValidator(_day)]
Timezone = Annotated[str, AfterValidator(_timezone)]
