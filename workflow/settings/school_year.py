"""The campaign's opening and the school year's end, as the settings give them (R20, R22)."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, field_validator
from pydantic_core import PydanticCustomError

from notifications.settings import Section, refusal, refusals
from states.french import day as french_day
from states.school_year import EndRule, SchoolYear

MonthDay = tuple[int, int]
RENTREE_BETWEEN: tuple[MonthDay, MonthDay] = ((8, 1), (10, 15))
END_BETWEEN: tuple[MonthDay, MonthDay] = ((5, 1), (10, 31))
END_RULES = {"eve_of_rentree": EndRule.EVE_OF_RENTREE, "summer_start": EndRule.SUMMER_START}
_DAY_PATTERN = "(0[1-9]|[12][0-9]|3[01])"


def month_day(text: str) -> MonthDay:
    """Read ``09-30`` as (9, 30). Raises ValueError when no such day comes every year."""
    read = datetime.strptime(f"2001-{text}", "%Y-%m-%d")  # noqa: DTZ007  2001 has no 29 February
    return read.month, read.day


def _month_day_within(first: str, last: str) -> Callable[[str], str]:
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


def _end_rule(text: str) -> str:
    if text in END_RULES:
        return text
    try:
        return _month_day_within("06-01", "10-31")(text)
    except PydanticCustomError as error:
        allowed = f"eve_of_rentree, summer_start, ou {(error.context or {})['allowed']}"
        raise refusal(error.message(), allowed) from None


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


def _outside(
    days: dict[SchoolYear, date], between: tuple[MonthDay, MonthDay], what: str, shift: int
) -> Iterator[tuple[str, PydanticCustomError]]:
    for year, day in days.items():
        first, last = (date(year.start + shift, *bound) for bound in between)
        if not first <= day <= last:
            allowed = f"du {french_day(first)} au {french_day(last)}"
            yield str(year), refusal(f"le {french_day(day)} ne peut pas être {what} {year}", allowed)


Year = Annotated[
    SchoolYear,
    PlainValidator(_school_year, json_schema_input_type=Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{4}$")]),
    PlainSerializer(str),
]
Day = Annotated[date, BeforeValidator(_day)]
CampaignDay = Annotated[
    str,
    AfterValidator(_month_day_within("03-01", "10-31")),
    Field(json_schema_extra={"pattern": f"^(0[3-9]|10)-{_DAY_PATTERN}$"}),
]
End = Annotated[
    str,
    AfterValidator(_end_rule),
    Field(json_schema_extra={"pattern": f"^(eve_of_rentree|summer_start|(0[6-9]|10)-{_DAY_PATTERN})$"}),
]


class CampaignSettings(Section):
    """When declarations for a school year open (R20)."""

    opens: CampaignDay = Field(
        "06-01", description="Jour (mois-jour) qui ouvre les déclarations de l'année scolaire suivante (R20)."
    )


class SchoolYearSettings(Section):
    """How the end of a school year is found (R22)."""

    end: End = Field(
        "eve_of_rentree",
        description="Fin de l'année : eve_of_rentree (veille de la rentrée des élèves), summer_start (début des"
        " vacances d'été de la zone) ou un jour « mois-jour » comme 09-30 (R22).",
    )
    rentree_dates: dict[Year, Day] = Field(
        default_factory=dict,
        description="Jour de la rentrée des élèves au début de chaque année scolaire : 2027-2028: 2027-09-01.",
    )
    end_dates: dict[Year, Day] = Field(
        default_factory=dict,
        description="Dernier jour imposé pour une année, quelle que soit la règle : 2026-2027: 2027-07-10.",
    )

    @field_validator("rentree_dates")
    @classmethod
    def _rentrees_in_season(cls, days: dict[SchoolYear, date]) -> dict[SchoolYear, date]:
        if found := list(_outside(days, RENTREE_BETWEEN, "la rentrée de", shift=0)):
            raise refusals(found)
        return days

    @field_validator("end_dates")
    @classmethod
    def _ends_in_season(cls, days: dict[SchoolYear, date]) -> dict[SchoolYear, date]:
        if found := list(_outside(days, END_BETWEEN, "la fin de", shift=1)):
            raise refusals(found)
        return days
