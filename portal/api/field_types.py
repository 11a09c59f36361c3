"""Field types of the interface: strict, so that exactly what the description says is accepted."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from states.french import parse_day
from states.school_calendar import SchoolYear
from states.validation import is_storable

LONGEST: Final = 2000

REFERENCE: Final = r"^ODA-[0-9]{4}-[0-9]{5,9}$"

UAI: Final = r"^[0-9]{7}[A-Z]$"

_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _day(value: Any) -> date:
    """Only ``2026-09-14``: what a program writes is not guessed at."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ISO_DAY.fullmatch(value):
        raise PydanticCustomError("oda_day", "Donner un jour qui existe, au format 2026-09-14")
    try:
        return parse_day(value)
    except ValueError:
        raise PydanticCustomError("oda_day", "Donner un jour qui existe, au format 2026-09-14") from None


def _instant(value: Any) -> datetime:
    """An instant with its offset, of this century: without one, nobody knows whose midnight it is."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        if instant is not None and instant.tzinfo and _FIRST <= instant <= _LAST:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("oda_instant", "Donner un instant avec son décalage, par exemple 2026-09-14T08:00:00Z")


def _year(value: Any) -> SchoolYear:
    if isinstance(value, SchoolYear):
        return value
    try:
        return SchoolYear.parse(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("oda_year", "Donner une année scolaire, par exemple 2026-2027") from None


def _text(value: str) -> str:
    if not is_storable(value):
        raise PydanticCustomError("oda_text", "Retirer le caractère U+0000")
    return value


Day = Annotated[date, BeforeValidator(_day)]

Instant = Annotated[datetime, BeforeValidator(_instant)]

Year = Annotated[
    SchoolYear,
    PlainValidator(_year),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-2[01][0-9]{2}$", "examples": ["2026-2027"]}),
]

Text = Annotated[
    str, Field(max_length=LONGEST, json_schema_extra={"pattern": r"^[^\x00]*$"}), AfterValidator(_text)
]  # fmt: skip
"""Any text that a database can store; the rules judge the rest."""

Reference = Annotated[str, Field(pattern=REFERENCE, examples=["ODA-2027-00001"])]

Uai = Annotated[str, Field(pattern=UAI, examples=["0310001H"])]

Count = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


class RequestModel(BaseModel):
    """Base of what is received: an unknown field is refused, for it was meant to say something."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """Base of what is sent back."""

    model_config = ConfigDict(from_attributes=True)
