"""When what does not move is reminded, and at what hour the software writes of its own accord (R78 to R81)."""

from typing import Annotated

from pydantic import AfterValidator, Field

from notifications.settings import Section, refusal
from workflow.settings.delays import MAX_DELAYS, Ascending

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
