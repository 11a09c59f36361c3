"""The settings of the school year: campaign, end, holidays and reminders (R20, R22, R77 to R79, R81).

School and public holidays come from two packages, which are read only when a day is asked about.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Annotated, Final, Literal

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
from states.model import MonthDay
from states.school_calendar import EndRule, Period, SchoolDays, SchoolYear, year_around

_SUBDIVISIONS: Final = {
    "57": "57", "67": "6AE", "68": "6AE", "971": "971", "972": "972", "973": "973", "974": "974", "975": "PM",
    "976": "976", "977": "BL", "978": "MF", "984": "TF", "986": "WF", "987": "PF", "988": "NC",
}  # fmt: skip
"""The départements whose public holidays are not those of all France, as the package holidays calls them."""

Zone = Literal["A", "B", "C"]

_DAY: Final = timedelta(days=1)

_FULL_SUMMER: Final = timedelta(days=28)

_SEASONS: Final = (
    ((10, 1), (11, 5)), ((12, 10), (12, 31)), ((1, 25), (3, 14)), ((3, 15), (5, 10)), ((6, 15), (7, 31)),
)  # fmt: skip
"""The days between which the holidays of autumn, Christmas, winter, spring and summer begin, in every zone."""

_SHORTEST: Final = timedelta(days=8)

DAY_PATTERN = "(0[1-9]|[12][0-9]|3[01])"

MAX_DELAYS: Final = 10

Delays = tuple[int, ...]

RENTREE_BETWEEN: tuple[MonthDay, MonthDay] = ((8, 1), (10, 15))

END_BETWEEN: tuple[MonthDay, MonthDay] = ((5, 1), (10, 31))

END_RULES = {"eve_of_rentree": EndRule.EVE_OF_RENTREE, "summer_start": EndRule.SUMMER_START}

Notice = Annotated[int, Field(ge=1, le=120)]

_FIRST, _LAST = (8, 1), (9, 30)
"""A year's holidays lie from 1 August before its first day to 30 September after its last: overseas included."""

Delay = Annotated[int, Field(ge=1, le=365)]


@lru_cache
def public_holidays(departements: tuple[str, ...]) -> Callable[[int], frozenset[date]]:
    """The public holidays of a calendar year: a day that is off in one of these départements is off (R77)."""
    subdivisions = frozenset(_SUBDIVISIONS.get(code) for code in departements)

    @lru_cache(maxsize=64)
    def of_year(year: int) -> frozenset[date]:
        from holidays import country_holidays

        return frozenset(
            day for subdivision in subdivisions for day in country_holidays("FR", subdiv=subdivision, years=year)
        )

    return of_year


@lru_cache
def ascension(calendar_year: int) -> date:
    """The Thursday of the Ascension."""
    from holidays import country_holidays

    return country_holidays("FR", years=calendar_year).get_named("Ascension")[0]


@lru_cache
def zone_days(zone: Zone) -> frozenset[date]:
    """Every day of school holidays that the package knows for this zone, Sundays included."""
    from vacances_scolaires_france import SchoolHolidayDates

    known = SchoolHolidayDates()
    years = range(known.min_year, known.max_year + 1)
    # By date, never by name: the package reads its names in the machine's encoding.
    return frozenset(day for year in years for day in known.holidays_for_year_and_zone(year, zone))


@lru_cache
def zone_periods(zone: Zone) -> tuple[Period, ...]:
    """The zone's school holidays, the earliest first: days that follow one another make one period."""
    days = zone_days(zone)
    firsts = sorted(day for day in days if day - _DAY not in days)
    lasts = sorted(day for day in days if day + _DAY not in days)
    return tuple(zip(firsts, lasts, strict=True))


@lru_cache
def summer_starts(zone: Zone) -> dict[SchoolYear, date]:
    """The first day of summer by the school year that it ends, for every summer that the package covers.

    A year that it does not cover is absent: the calendar then says that its end is the default date (R22).
    """
    return {year_around(period[0]): period[0] for period in zone_periods(zone) if _is_summer(period)}


def _is_summer(period: Period) -> bool:
    return period[0].month in (6, 7) and period[1] - period[0] >= _FULL_SUMMER


@lru_cache
def zone_years(zone: Zone) -> dict[SchoolYear, tuple[Period, ...]]:
    """The zone's holidays by school year, for those alone of which the package has all five.

    Past its last calendar it answers that no day is off, without a word: a year without its five is not known (R77).
    """
    by_year: dict[SchoolYear, list[Period]] = {}
    for period in zone_periods(zone):
        by_year.setdefault(year_around(period[0]), []).append(period)
    return {year: _with_bridge(year, periods) for year, periods in by_year.items() if _is_whole(periods)}


def _is_whole(periods: list[Period]) -> bool:
    """True if each season's holidays are there, and the summer to its end."""
    long = [(first.month, first.day) for first, last in periods if last - first >= _SHORTEST]
    to_its_end = any(_is_summer(period) and (period[1].month, period[1].day) >= (8, 20) for period in periods)
    return to_its_end and all(any(first <= begins <= last for begins in long) for first, last in _SEASONS)


def _with_bridge(year: SchoolYear, periods: list[Period]) -> tuple[Period, ...]:
    """The package forgets some years' Friday after the Ascension (2024 to 2026), off in every calendar since 2016."""
    thursday = ascension(year.end_year)
    if any(first <= thursday + _DAY <= last for first, last in periods):
        return tuple(periods)
    return tuple(sorted([*periods, (thursday, thursday + 2 * _DAY)]))


@dataclass(frozen=True, kw_only=True)
class SchoolHolidays(Mapping[SchoolYear, tuple[Period, ...]]):
    """The school holidays of every year that is known: the settings' own, else the zone's.

    ``rentrees``, the pupils' returns of the settings, give to the day the end of a zone's summer; they change
    nothing of a year ``from_settings``.
    """

    zone: Zone | None = None
    rentrees: Mapping[SchoolYear, date] = field(default_factory=dict)
    from_settings: Mapping[SchoolYear, tuple[Period, ...]] = field(default_factory=dict)

    @cached_property
    def _zone(self) -> dict[SchoolYear, tuple[Period, ...]]:
        years = dict(zone_years(self.zone)) if self.zone else {}
        for year, periods in years.items():
            if rentree := self.rentrees.get(year.next):
                years[year] = tuple((p[0], rentree - _DAY) if _is_summer(p) else p for p in periods)
        return years

    def __getitem__(self, year: SchoolYear) -> tuple[Period, ...]:
        return self.from_settings[year] if year in self.from_settings else self._zone[year]

    def __iter__(self) -> Iterator[SchoolYear]:
        return iter(sorted({*self.from_settings, *self._zone}))

    def __len__(self) -> int:
        return len({*self.from_settings, *self._zone})


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


def _in_order(*, descending: bool, example: str) -> Callable[[Delays], Delays]:
    def check(values: Delays) -> Delays:
        if list(values) != sorted(set(values), reverse=descending):
            way = "grand au plus petit" if descending else "petit au plus grand"
            raise refusal(f"ces délais doivent aller du plus {way}, chacun une seule fois", f"par exemple {example}")
        return values

    return check


Ascending: Final = AfterValidator(_in_order(descending=False, example="[7, 14, 30], ou [] pour aucun rappel"))

Descending: Final = AfterValidator(_in_order(descending=True, example="[30, 7], ou [] pour aucune annonce"))


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

    end: Annotated[
        str, Field(json_schema_extra={"pattern": f"^(eve_of_rentree|summer_start|(0[6-9]|10)-{DAY_PATTERN})$"})
    ] = Field(
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

    @field_validator("end")
    @classmethod
    def _is_an_end(cls, text: str) -> str:
        if text in END_RULES:
            return text
        try:
            return month_day_within("06-01", "10-31")(text)
        except PydanticCustomError as error:
            allowed = f"eve_of_rentree, summer_start, ou {(error.context or {})['allowed']}"
            raise refusal(error.message(), allowed) from None

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
    hour: int = Field(
        8,
        ge=0,
        le=20,
        json_schema_extra={"not": {"const": 2}},
        description="Heure de l'académie à partir de laquelle partent annonces, rappels, invitations et récapitulatifs,"
        " de 0 à 20, sauf 2.",
    )

    @field_validator("hour")
    @classmethod
    def _comes_every_day(cls, hour: int) -> int:
        if hour == 2:
            message = "cette heure n'existe pas une nuit de mars, et revient deux fois une nuit d'octobre"
            raise refusal(message, "de 0 à 20, sauf 2")
        return hour


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
