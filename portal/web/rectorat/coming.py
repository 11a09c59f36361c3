"""/rectorat/calendrier: every date of the months to come on which the software will act, listed and drawn (R86)."""

from collections.abc import Callable
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from notifications.vocabulary import Kind
from portal import agenda
from portal.web import calendar_drawing
from portal.web.narrowing import address
from portal.web.rectorat.year_end import PLACE as YEAR_END
from portal.web.rectorat.year_end import in_play, page
from portal.web.rendering import safe
from portal.web.visitors import Here, Rectorat
from portal.web.worklist.choices import StateChoice, Task
from portal.web.worklist.criteria import Criteria
from states.school_year import SchoolYear
from workflow.duties.coming import Coming, Deed, coming
from workflow.duties.reminders import OURS

router = APIRouter(include_in_schema=False)
PLACE = "/rectorat/calendrier"
Link = tuple[str, str]
"""Where to go, and the words that say so."""
HANDOVER: Final = (Criteria(tasks=(Task.HANDOVER,)).address(), "Remises à confirmer")
STALLED: Final = (Criteria(states=tuple(StateChoice[one.name] for one in OURS)).address(), "Demandes à poursuivre")
REPORTS: Final = (Criteria(tasks=(Task.REPORT,)).address(), "Signalements ouverts")
REMOVALS: Final = ("/rectorat/retraits", "Retraits à faire")
"""Today's lists from which those of a day come."""


@router.get(PLACE)
def showing(request: Request, here: Here, visitor: Rectorat) -> HTMLResponse:
    """What the software will do by itself, if nothing changes; nothing is written."""
    house, now = here.house, here.house.clock.now()
    with house.database.read() as connection:
        found = coming(connection, house.policy, house.mailer, now)
    today = house.policy.calendar.today(now)
    months = agenda.months(found, today)
    return page(
        request, here, visitor, "rectorat/calendar.html", years=in_play(here), found=found, months=months, Deed=Deed,
        pictures=[safe(calendar_drawing.picture(month, house.policy.days, today)) for month in months],
        legend=_legend(), brief=agenda.in_brief(found), nobody=agenda.concerns_nobody(found),
        links=partial(links_of, ended=partial(house.policy.calendar.has_ended, now=now)),
        unknown=[one for one in found if one.deed is Deed.UNKNOWN], last=agenda.horizon(today),
        hour=house.policy.timetable.hour,
    )  # fmt: skip


def links_of(one: Coming, *, ended: Callable[[SchoolYear], bool]) -> tuple[Link, ...]:
    """The pages that tell more of a date; ``ended``: whether a school year is over."""
    if one.requests == 0 and one.deed is not Deed.YEAR_END:
        return ()
    match one.deed:
        case Deed.REMINDERS:
            return (HANDOVER if one.mail is Kind.HANDOVER_REMINDER else STALLED,)
        case Deed.ERASURE:
            return (HANDOVER,)
        case Deed.REPORTS:
            return (REPORTS,)
    return _of_year(one, one.school_year, ended) if one.school_year else ()


def _of_year(one: Coming, year: SchoolYear, ended: Callable[[SchoolYear], bool]) -> tuple[Link, ...]:
    before = SchoolYear(year.start - 1)
    if one.deed is Deed.YEAR_END:
        return (address(f"{YEAR_END}/apercu", jour=str(one.day)), f"Aperçu de la fin de {year}"), REMOVALS
    if one.deed is Deed.NOTICE:
        return ((Criteria(states=(StateChoice.LIVE,), year=year).address(), f"Demandes en cours de {year}"),)
    if ended(before):
        return ((f"{YEAR_END}/{before}/non-renouveles", f"RUPN de {before} non renouvelés"),)
    return ((Criteria(states=(StateChoice.CODE_ISSUED,), year=before).address(), f"Clés de {before}"),)


def _legend() -> list[tuple[Markup, str]]:
    """What is drawn, and its words."""
    drawn = calendar_drawing.swatch
    kinds = [(safe(drawn(kind)), words) for kind, words in calendar_drawing.LEGEND.items()]
    ends = agenda.LETTERS[Deed.YEAR_END]
    marks = [
        (safe(drawn(letters=letter, ends=letter == ends)), deed.label) for deed, letter in agenda.LETTERS.items()
    ]  # fmt: skip
    return [(safe(drawn(is_today=True)), "aujourd'hui"), *kinds, *marks]
