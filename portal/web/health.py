"""The health probe: three lines in plain words, more if a clock is off, about nobody."""

from datetime import timedelta
from typing import Final

from anyio import CapacityLimiter, move_on_after, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from notifications.ports import DatabaseTrouble
from portal.web.context import Context, WebContext
from states.french import plural
from states.rules.schedule import STEP_BACK
from workflow.database.signs_of_life import held_clock, last_heartbeat
from workflow.schedule.nodes import refused_count

LATE: Final = timedelta(minutes=5)
"""The schedule runs every minute: after this long without it, the answer is « attention »."""


_CLOCKS_OFF: Final = ("machine à remettre à l'heure", "machines à remettre à l'heure")


_DOWN: Final = "en panne\nbase : injoignable\n"


ANSWERED_S: Final = 5
"""Seconds after which a database that has not answered is said to be away."""


AT_ONCE: Final = 2


_limiter: Final[RunVar[CapacityLimiter]] = RunVar("health")


router = APIRouter(include_in_schema=False)


@router.get("/sante")
async def health(context: Context) -> PlainTextResponse:
    """« ok », « attention » or « en panne », then why; 503 when no page can be answered, in a bounded time.

    It takes neither a thread nor a connection of those that the pages share, so that it tells when they have none.
    """
    limiter = _limiter.get(None)
    if limiter is None:
        _limiter.set(limiter := CapacityLimiter(AT_ONCE))
    with move_on_after(ANSWERED_S):
        return await to_thread.run_sync(lambda: _health(context), abandon_on_cancel=True, limiter=limiter)
    return PlainTextResponse(_DOWN, 503)


def _health(context: WebContext) -> PlainTextResponse:
    try:
        with context.app.database.aside() as connection:
            now = context.app.clock.now()
            last_run, refused = last_heartbeat(connection, now), refused_count(connection, now)
            latest, held = last_heartbeat(connection), held_clock(connection)
    except DatabaseTrouble:
        return PlainTextResponse(_DOWN, 503)
    ago = max(now - last_run, context.app.ticker.since_tick or timedelta(0), timedelta(0))  # whatever the clock says
    is_future = latest - now > STEP_BACK
    word = "ok" if ago < LATE and not (refused or held or is_future) else "attention"
    clocks = f"horloges : {plural(refused, *_CLOCKS_OFF)}\n" if refused else ""
    if held:
        clocks += f"horloge à vérifier : {held.fault.label}\n"
    elif is_future:
        clocks += "horloge à vérifier : le dernier passage de l'échéancier est daté de l'avenir\n"
    return PlainTextResponse(
        f"{word}\nbase : joignable\néchéancier : dernier passage il y a {_duration(ago)}\n{clocks}"
    )


def _duration(ago: timedelta) -> str:
    for unit, singular, several in ((timedelta(days=1), "jour", "jours"), (timedelta(hours=1), "heure", "heures"),
                            (timedelta(minutes=1), "minute", "minutes")):  # fmt: skip
        if ago >= unit:
            return plural(ago // unit, singular, several)
    return plural(ago // timedelta(seconds=1), "seconde", "secondes")
