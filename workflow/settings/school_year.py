"""The campaign's opening and the school year's end, as the settings give them (R20, R22)."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from notifications.settings import Section, refusal, refusals
from states.french import day as french_day
from states.school_year import EndRule, SchoolYear
from states.timetable import MonthDay
from workflow.settings.dates import DAY_PATTERN, Day, Year, month_day_within
from workflow.settings.delays import MAX_DELAYS, Descending

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
    days: dict[SchoolYear, date], between: tuple[MonthDay, MonthDay], what: str, shift: int
) -> Iterator[tuple[str, PydanticCustomError]]:
    for year, day in days.items():
        first, last = (date(year.start + shift, *bound) for bound in between)
        if not first <= day <= last:
            allowed = f"du {french_day(first)} au {french_day(last)}"
            yield str(year), refusal(f"le {french_day(day)} ne peut pas être {what} {year}", allowed)


CampaignDay = Annotated[
    str,
    AfterValidator(month_day_within("03-01", "10-31")),
    Field(json_schema_extra={"pattern": f"^(0[3-9]|10)-{DAY_PATTERN}$"}),
]
InvitationDay = Annotated[
    str,
    AfterValidator(month_day_within("08-16", "10-31")),
    Field(json_schema_extra={"pattern": "^(08-(1[6-9]|2[0-9]|3[01])|(09|10)-" + DAY_PATTERN + ")$"}),
]
Notice = Annotated[int, Field(ge=1, le=120)]
End = Annotated[
    str,
    AfterValidator(_end_rule),
    Field(json_schema_extra={"pattern": f"^(eve_of_rentree|summer_start|(0[6-9]|10)-{DAY_PATTERN})$"}),
]


class CampaignSettings(Section):
    """When declarations for a school year open (R20), and when those of the year before are invited to renew (R81)."""

    opens: CampaignDay = Field(
        "06-01", description="Jour (mois-jour) qui ouvre les déclarations de l'année scolaire suivante (R20)."
    )
    invite_on: InvitationDay = Field(
        "09-10",
        description="Jour (mois-jour) à partir duquel un établissement est invité à renouveler ses RUPN de l'an passé,"
        " le premier jour de classe (R81).",
    )


class SchoolYearSettings(Section):
    """How the end of a school year is found (R22), and when it is told beforehand (R78)."""

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
        if found := list(_outside(days, RENTREE_BETWEEN, "la rentrée de", shift=0)):
            raise refusals(found)
        return days

    @field_validator("end_dates")
    @classmethod
    def _ends_in_season(cls, days: dict[SchoolYear, date]) -> dict[SchoolYear, date]:
        if found := list(_outside(days, END_BETWEEN, "la fin de", shift=1)):
            raise refusals(found)
        return days
