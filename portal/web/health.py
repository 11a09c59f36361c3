"""Whether the service is well, for a probe: three lines in plain words, about nobody."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from portal.web.visitors import Here
from states.french import plural
from workflow.database import DatabaseBusy, DatabaseUnreachable
from workflow.foresight import last_seen

LATE: Final = timedelta(minutes=5)
"""The schedule passes every minute: this long without it deserves a look."""

router = APIRouter(include_in_schema=False)


@router.get("/sante")
def health(here: Here) -> PlainTextResponse:
    """« ok », « attention » or « en panne », then why; 503 when no page can be answered."""
    try:
        with here.house.database.read() as connection:
            seen = last_seen(connection)
    except (DatabaseBusy, DatabaseUnreachable):
        return PlainTextResponse("en panne\nbase : injoignable\n", 503)
    ago = max(here.house.clock.now() - seen, timedelta(0))
    word = "ok" if ago < LATE else "attention"
    return PlainTextResponse(f"{word}\nbase : joignable\néchéancier : dernier passage il y a {_in_words(ago)}\n")


def _in_words(ago: timedelta) -> str:
    for unit, one, many in ((timedelta(days=1), "jour", "jours"), (timedelta(hours=1), "heure", "heures"),
                            (timedelta(minutes=1), "minute", "minutes")):  # fmt: skip
        if ago >= unit:
            return plural(ago // unit, one, many)
    return plural(ago // timedelta(seconds=1), "seconde", "secondes")
