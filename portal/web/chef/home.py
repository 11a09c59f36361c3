"""Where a chef starts: what to do now, for each RUPN, the most urgent first."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from portal.web.chef.words import Moment, in_service, task_of, waiting
from portal.web.installed import Installed
from portal.web.visitors import Chef, Here, Posted, Visitor
from states.facts import Establishment
from states.vocabulary import Role
from workflow.reading.agenda import Item, Items, agenda, establishment_of
from workflow.reading.taking_over import MOST, open_year

router = APIRouter()
A_YEAR = 365 * 24 * 3600


def schools(here: Here, visitor: Chef) -> list[Establishment]:
    """The establishments of the session, the one in view first."""
    with here.house.database.read() as connection:
        found = [establishment_of(connection, uai) for uai in visitor.entrant.uais]
    known = [one for one in found if one is not None]
    return sorted(known, key=lambda one: one.uai != visitor.uai)


Schools = Annotated[list[Establishment], Depends(schools)]


def may_act(here: Installed, visitor: Visitor) -> bool:
    """Whether the académie lets this visitor act: a deputy, unless it says no (R4)."""
    return visitor.actor.role is not Role.DEPUTY or here.house.policy.deputy_may_act


def items_of(here: Installed, visitor: Visitor, after: str | None = None) -> Items:
    """A page of the requests of the establishment in view; what cannot be a reference begins at the beginning."""
    after = after if after and after.isascii() and after.isprintable() else None
    house = here.house
    with house.database.read() as connection:
        return agenda(
            connection, visitor.uai, visitor.actor, house.policy, house.mailer, house.clock.now(), after=after
        )


def moment_of(item: Item) -> Moment:
    """What the words say of it."""
    return Moment(
        request=item.request, code_fate=item.code_fate, next_step=item.next_step, actions=item.actions,
        sent_back=item.sent_back,
    )  # fmt: skip


@router.get("")
def home(
    request: Request, here: Here, visitor: Chef, schools: Schools, repris: Annotated[int, Query(ge=0, le=MOST)] = 0
) -> Response:
    """One sentence and one button for each RUPN; what waits for the rectorat; who can be renewed."""
    items = items_of(here, visitor).items
    moments = [moment_of(item) for item in items if item.request.is_live]
    tasks = [task for moment in moments if (task := task_of(moment))]
    busy = {task.moment.request.reference for task in tasks}
    idle = [moment for moment in moments if moment.request.reference not in busy]
    return here.pages.page(
        request, "chef/home.html", visitor, schools=schools, school=schools[0], may_act=may_act(here, visitor),
        tasks=sorted(tasks, key=lambda task: task.rank), expected_days=here.house.settings.handling.expected_days,
        waiting=[moment for moment in idle if not in_service(moment)],
        in_service=[moment for moment in idle if in_service(moment)],
        waiting_words=waiting, renewals=[item for item in items if item.renewable], is_empty=not items,
        next_year=open_year(here.house.policy, here.house.clock.now()), taken_over=repris,
    )  # fmt: skip


@router.post("/choisir")
def choose(here: Here, visitor: Chef, data: Posted) -> Response:
    """Which of its establishments is in view: a choice, no right."""
    uai = str(data.get("uai") or "")
    if uai not in visitor.entrant.uais:
        raise HTTPException(404)
    answer = RedirectResponse("/etablissement", status_code=303)
    answer.set_cookie(
        here.uai_cookie, uai, max_age=A_YEAR, path="/", httponly=True, secure=here.is_https, samesite="lax"
    )
    return answer
