"""An operator lets a held end run: said twice, written to the journal, begun at once (R52)."""

from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.rectorat.year_end import PLACE, in_play, page, year_named
from portal.web.visitors import Here, Operator, Posted, Visitor
from states.school_year import SchoolYear, YearEnd
from workflow import installation
from workflow.house import House
from workflow.reading.year_ends import YearInPlay
from workflow.year_end import NothingHeld

router = APIRouter(prefix=PLACE, include_in_schema=False)
_FIELDS = (
    Field(
        name="sure", label="J'ai relu la date et le nombre de demandes : toutes doivent être révoquées",
        shape=Shape.CHECK, missing="Cocher cette case pour confirmer : les révocations ne se défont pas.",
    ),
)  # fmt: skip


@router.get("/{year}/confirmer")
def prepare(request: Request, here: Here, visitor: Operator, year: str) -> Response:
    """What is held, why, and what the confirmation would do."""
    return _page(request, here, visitor, year_named(year), blank(_FIELDS))


@router.post("/{year}/confirmer")
def confirm(
    request: Request, here: Here, visitor: Operator, year: str, data: Posted, after: BackgroundTasks
) -> Response:
    """Confirm; the revocations begin behind the answer, and the schedule finishes them should this process stop."""
    wanted, form = year_named(year), filled(_FIELDS, data)
    if not form.is_right:
        return _page(request, here, visitor, wanted, form, status=422)
    try:
        end = here.house.year_ends.confirm(wanted, visitor.actor)
    except NothingHeld:
        return _page(request, here, visitor, wanted, form, status=422)
    after.add_task(_revoke, here.house, end)
    return RedirectResponse(f"{PLACE}?fait=confirmee", status_code=303)


def _revoke(house: House, end: YearEnd) -> None:
    house.year_ends.run(end, installation.schedule_actor(house.database))


def _page(
    request: Request, here: Installed, visitor: Visitor, wanted: SchoolYear, form: Form, status: int = 200
) -> Response:
    """The page of confirmation; of an end that nothing holds it says so, and confirms nothing."""
    years = in_play(here)
    year = next((one for one in years if one.end.school_year == wanted and _is_held(one)), None)
    return page(
        request, here, visitor, "rectorat/year_end_confirm.html", years=years, year=year, wanted=wanted, form=form,
        status=status if year else 422,
    )  # fmt: skip


def _is_held(year: YearInPlay) -> bool:
    return year.hold is not None and year.held_at is not None
