"""All the requests of an establishment, and one of them whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from portal.done import DONE
from portal.web.actions.acting import seen
from portal.web.actions.chef import CHEF, SLUGS
from portal.web.actions.proposals import sent_back
from portal.web.chef.home import Schools, items_of, may_act, moment_of
from portal.web.chef.mails import words_of as mail_words
from portal.web.chef.steps import REMAINING
from portal.web.chef.words import Moment, task_of, waiting
from portal.web.visitors import Chef, Here, Visitor
from states.case import Scalar
from states.vocabulary import CodeFate, Role, State, Trigger
from states.words import person_key
from workflow.reading.history import ERASED, EventView
from workflow.reading.mailbox import received
from workflow.reading.view import RequestView
from workflow.reading.words import details

router = APIRouter(prefix="/demandes")
_SHOWN: Final = frozenset({"uai", "school_year", "copy_kept", "drane_sent_by_us"})
_ENDED: Final = "l'année scolaire est finie : la demande est close"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One line of the history, in plain words."""

    what: str
    who: str
    at: datetime
    details: tuple[tuple[str, str], ...]


@router.get("")
def all_of_them(request: Request, here: Here, visitor: Chef, schools: Schools, apres: str = "") -> Response:
    """The live ones first, the past years below."""
    page = items_of(here, visitor, apres or None)
    return here.pages.page(
        request, "chef/requests.html", visitor, school=schools[0], schools=schools, page=page, after=apres,
        may_act=may_act(here, visitor), live=[moment_of(one) for one in page.items if one.request.is_live],
        past=[one for one in page.items if not one.request.is_live], task_of=task_of, waiting=waiting,
        expected_days=here.house.settings.handling.expected_days,
    )  # fmt: skip


@router.get("/{reference}")
def one_of_them(request: Request, here: Here, visitor: Chef, reference: str) -> Response:
    """Where it stands, what comes next, what can be done, its papers, its mails and its history."""
    view = seen(here, visitor, reference)
    back = sent_back(view)
    moment = Moment(
        request=view.request, code_fate=view.code_fate, next_step=view.next_step, actions=view.actions,
        sent_back=back is not None,
    )  # fmt: skip
    with here.house.database.read() as connection:
        mails = received(connection, visitor.actor, view.request.uai, reference=reference).mails
    task = task_of(moment, on_its_page=True)
    return here.pages.page(
        request, "chef/request.html", visitor, view=view, moment=moment, task=task, back=back, mails=mails,
        place=f"/etablissement/demandes/{reference}", may_act=may_act(here, visitor),
        waiting=waiting(moment, here.house.settings.handling.expected_days), others=_others(view, moment),
        can_finish=task is not None and len(REMAINING.get(view.request.state, ())) > 1,
        has_charter=view.request.state in REMAINING and _is_the_chef_s(view),
        history=[_told(event) for event in view.history],
        has_slip=view.request.state is State.CODE_ISSUED and view.code_fate is not CodeFate.EXTENDED,
        began=view.history[0] if _has_new_chef(view, visitor) else None, mail_words=mail_words,
    )  # fmt: skip


def _is_the_chef_s(view: RequestView) -> bool:
    """Whether the establishment is waited for: not once the year is over."""
    return view.next_step is not None and view.next_step.who is Role.CHEF


def _others(view: RequestView, moment: Moment) -> list[tuple[str, str]]:
    """The other actions that are open, as (end of the address, label)."""
    slugs = {one.trigger: SLUGS[one.trigger] for one in view.actions if one.trigger in SLUGS}
    slugs.pop(moment.trigger or Trigger.DECLARE, None)
    if view.code_fate in (CodeFate.WAITING, CodeFate.UNDELIVERABLE):
        slugs.pop(Trigger.CONFIRM_HANDOVER, None)  # it would be refused: nothing has arrived (R58)
    if Trigger.RENEW in slugs:
        slugs[Trigger.RENEW] = "renouveler"
    return [(slug, CHEF[SLUGS[trigger]].title) for trigger, slug in slugs.items()]


def _told(event: EventView) -> Told:
    """One event in plain words; who it was at the rectorat is nobody's business."""
    alone = dict.fromkeys((Role.SCHEDULE, Role.CONNECTOR), "le logiciel, de lui-même")
    actors = alone | dict.fromkeys((Role.OPERATOR, Role.READER), "le rectorat")
    notes = tuple((note.label, note.body or ERASED) for note in event.notes if note.field != "asked_by")
    return Told(
        what=DONE.get(event.trigger, _ENDED), who=actors.get(event.role, event.actor), at=event.at,
        details=(*details(event.trigger, _worth_telling(event.data)), *notes),
    )  # fmt: skip


def _worth_telling(data: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What the page does not already show above."""
    return {key: value for key, value in data.items() if key not in _SHOWN}


def _has_new_chef(view: RequestView, visitor: Visitor) -> bool:
    """Whether another chef had begun this request: once this one acts, the delegation is checked anew (R37)."""
    before, now = view.request.chef_name, visitor.actor.name
    is_chef = visitor.actor.role is Role.CHEF
    return bool(view.request.is_live and is_chef and before and person_key(before, "") != person_key(now, ""))
