"""The settings of the school year: campaign, end, holidays and reminders (R20, R22, R77 to R79, R81)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from notifications.settings import Section, refusal, refusals
from states.french import day as french_day
from states.policy import MonthDay
from states.school_calendar import EndRule, Period, SchoolDays, SchoolYear
from workflow.settings.holidays import SchoolHolidays, Zone, public_holidays

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
    """Make the check of a day of every year between these two."""

    def check(text: str) -> str:
        allowed = f"un jour écrit « mois-jour », de {first} à {last}"
        try:
            month_and_day = month_day(text)
        except ValueError:
            raise refusal(f"« {text} » n'est pas un jour de chaque année", allowed) from None
        if not month_day(first) <= month_and_day <= month_day(last):
            raise refusal(f"« {text} » est hors des dates permises", allowed)
        return "{:02d}-{:02d}".format(*month_and_day)

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

MAX_DELAYS: Final = 10

Delays = tuple[int, ...]


def _in_order(*, descending: bool, example: str) -> Callable[[Delays], Delays]:
    def check(values: Delays) -> Delays:
        if list(values) != sorted(set(values), reverse=descending):
            way = "grand au plus petit" if descending else "petit au plus grand"
            raise refusal(f"ces délais doivent aller du plus {way}, chacun une seule fois", f"par exemple {example}")
        return values

    return check


Ascending: Final = AfterValidator(_in_order(descending=False, example="[7, 14, 30], ou [] pour aucun rappel"))

Descending: Final = AfterValidator(_in_order(descending=True, example="[30, 7], ou [] pour aucune annonce"))

RENTREE_BETWEEN: tuple[MonthDay, MonthDay] = ((8, 1), (10, 15))

END_BETWEEN: tuple[MonthDay, MonthDay] = ((5, 1), (10, 31))

END_RULES = {"eve_of_rentree": EndRule.EVE_OF_RENTREE, "summer_start": EndRule.SUMMER_START}


def _end_rule(text: str) -> str:
    if text in END_RULES:
        return text
    try:
        return month_day_within("06-01", "10-31")(text)
    except PydanticCustomError as error:
        allowed = f"eve_of_rentree, summer_start, ou {(error.context or {})['allowed']}"
        raise refusal(error.message(), allowed) from None


def _outside(
    days: dict[SchoolYear, date], between: tuple[MonthDay, MonthDay], subject: str, shift: int
) -> Iterator[tuple[str, PydanticCustomError]]:
    for year, day in days.items():
        first, last = (date(year.start + shift, *bound) for bound in between)
        if not first <= day <= last:
            allowed = f"du {french_day(first)} au {french_day(last)}"
            yield str(year), refusal(f"le {french_day(day)} ne peut pas être {subject} {year}", allowed)


CampaignDay = Annotated[
    str,
    AfterValidator(month_day_within("03-01", "10-31")),
    Field(json_schema_extra={"pattern": f"^(0[3-9]|10)-{DAY_PATTERN}$"}),
]

Notice = Annotated[int, Field(ge=1, le=120)]

End = Annotated[
    str,
    AfterValidator(_end_rule),
    Field(json_schema_extra={"pattern": f"^(eve_of_rentree|summer_start|(0[6-9]|10)-{DAY_PATTERN})$"}),
]


class CampaignSettings(Section):
    """The opening of declarations for a school year (R20), and the invitation to renew those of the last (R81)."""

    opens: CampaignDay = Field(
        "06-01", description="Jour (mois-jour) qui ouvre les déclarations de l'année scolaire suivante (R20)."
    )
    invite_on: CampaignDay | None = Field(
        None,
        description="Jour (mois-jour, dès l'ouverture) à partir duquel un établissement est invité à renouveler ses"
        " RUPN, le premier jour de classe ; null : sept jours après l'ouverture. Ceux qui restent à renouveler le sont"
        " encore à la rentrée (R81).",
    )

    @field_validator("invite_on")
    @classmethod
    def _once_open(cls, value: str | None, info: ValidationInfo) -> str | None:
        opens = info.data.get("opens")
        if value and opens and month_day(value) < month_day(opens):
            raise refusal(f"les déclarations n'ouvrent que le {opens}", f"un jour écrit « mois-jour », dès {opens}")
        return value


class SchoolYearSettings(Section):
    """The rule that ends a school year (R22), and its notices beforehand (R78)."""

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
    notices: Annotated[tuple[Notice, ...], Descending] = Field(
        (30, 7),
        max_length=MAX_DELAYS,
        description="Combien de jours avant la fin de l'année elle est annoncée aux établissements, chacun une fois ;"
        " [] : jamais (R78).",
    )

    @field_validator("rentree_dates")
    @classmethod
    def _rentrees_in_season(cls, days: dict[SchoolYear, date]) -> dict[SchoolYear, date]:
        if problems := list(_outside(days, RENTREE_BETWEEN, "la rentrée de", shift=0)):
            raise refusals(problems)
        return days

    @field_validator("end_dates")
    @classmethod
    def _ends_in_season(cls, days: dict[SchoolYear, date]) -> dict[SchoolYear, date]:
        if problems := list(_outside(days, END_BETWEEN, "la fin de", shift=1)):
            raise refusals(problems)
        return days


_FIRST, _LAST = (8, 1), (9, 30)
"""A year's holidays lie from 1 August before its first day to 30 September after its last: overseas included."""


class PeriodSettings(Section):
    """School holidays: both days are without school."""

    first: Day = Field(description="Premier jour sans classe.")
    last: Day = Field(description="Dernier jour sans classe, veille de la reprise.")

    @field_validator("last")
    @classmethod
    def _after_the_first(cls, last: date, info: ValidationInfo) -> date:
        first = info.data.get("first")
        if first and last < first:
            raise refusal(f"ces vacances finiraient avant de commencer, le {french_day(first)}")
        return last

    @property
    def days(self) -> Period:
        return self.first, self.last


Periods = Annotated[tuple[PeriodSettings, ...], Field(min_length=1, max_length=30)]


class HolidaysSettings(Section):
    """Holidays that the calendars of the zones lack: Corsica, overseas, years to come, an académie's own days off."""

    school: dict[Year, Periods] = Field(
        default_factory=dict,
        description="Toutes les vacances d'une année scolaire, été compris, à la place de celles de la zone :"
        " 2026-2027: [{first: 2026-10-17, last: 2026-11-01}, …] (R77).",
    )
    days_off: tuple[Day, ...] = Field(
        (), description="Autres jours chômés de l'académie, comme un pont : des dates. Rien n'y est rappelé (R77)."
    )

    @field_validator("school")
    @classmethod
    def _in_their_year(
        cls, school: dict[SchoolYear, tuple[PeriodSettings, ...]]
    ) -> dict[SchoolYear, tuple[PeriodSettings, ...]]:
        problems: list[tuple[tuple[str | int, ...], PydanticCustomError]] = []
        for year, periods in school.items():
            earliest, latest = date(year.start, *_FIRST), date(year.end_year, *_LAST)
            for index, period in enumerate(periods):
                if not earliest <= period.first <= period.last <= latest:
                    message = f"ces vacances ne sont pas de l'année {year}"
                    allowed = f"du {french_day(earliest)} au {french_day(latest)}"
                    problems.append(((str(year), index), refusal(message, allowed)))
            in_order = sorted(enumerate(periods), key=lambda numbered: numbered[1].days)
            for (_, earlier), (index, later) in pairwise(in_order):
                if later.first <= earlier.last:
                    message = f"ces vacances commencent avant que celles du {french_day(earlier.first)} soient finies"
                    problems.append(((str(year), index), refusal(message)))
        if problems:
            raise refusals(problems)
        return school


def school_days(
    settings: HolidaysSettings,
    departements: tuple[str, ...],
    zone: Zone | None,
    rentrees: Mapping[SchoolYear, date],
) -> SchoolDays:
    """The days off of these départements: a year given in the settings replaces the zone's whole year (R77)."""
    return SchoolDays(
        public_holidays=public_holidays(departements),
        days_off=frozenset(settings.days_off),
        holidays=SchoolHolidays(
            zone=zone,
            rentrees=dict(rentrees),
            from_settings={year: tuple(sorted(p.days for p in periods)) for year, periods in settings.school.items()},
        ),
    )


_HOURS = "de 0 à 20, sauf 2"


def _hour_of_every_day(hour: int) -> int:
    if hour == 2:
        raise refusal("cette heure n'existe pas une nuit de mars, et revient deux fois une nuit d'octobre", _HOURS)
    return hour


Delay = Annotated[int, Field(ge=1, le=365)]

Hour = Annotated[
    int, Field(ge=0, le=20), AfterValidator(_hour_of_every_day), Field(json_schema_extra={"not": {"const": 2}})
]


class RemindersSettings(Section):
    """One reminder for each delay, in days, on school days only (R79)."""

    stalled_after_days: Annotated[tuple[Delay, ...], Ascending] = Field(
        (7, 14, 30),
        max_length=MAX_DELAYS,
        description="Jours après lesquels une étape qui n'avance pas est rappelée, une fois pour chacun ; [] : jamais"
        " (R79).",
    )
    handover_after_days: Annotated[tuple[Delay, ...], Ascending] = Field(
        (5, 12, 25),
        max_length=MAX_DELAYS,
        description="Jours après lesquels un code dont la remise n'est pas confirmée est rappelé ; [] : jamais (R79).",
    )
    hour: Hour = Field(
        8,
        description="Heure de l'académie à partir de laquelle partent annonces, rappels, invitations et récapitulatifs,"
        " de 0 à 20, sauf 2.",
    )
