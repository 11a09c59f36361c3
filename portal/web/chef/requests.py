"""All the requests of an establishment, and one of them whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from notifications.rendering.papers import Paper, blank_charter
from notifications.rendering.pdf import compile_paper
from portal import documents as papers
from portal.texts import TRIGGER_TEXTS
from portal.web.actions.base import ActionContext, execute_action, load_request, show_action
from portal.web.actions.chef import CHEF_ACTIONS, SLUGS, sent_back
from portal.web.chef.declare import REMAINING
from portal.web.chef.home import Moment, Schools, items_of, may_act, moment_of, task_of, waiting
from portal.web.chef.home import words_of as mail_words
from portal.web.context import WebContext
from portal.web.dependencies import Chef, Context, Posted
from portal.web.security import Visitor
from states.decision import Scalar
from states.validation import person_key
from states.vocabulary import CodeStatus, Role, State, Step, Trigger
from workflow.mail.queries import received
from workflow.requests.detail import ERASED, EventView, RequestView
from workflow.requests.event_labels import event_details

router = APIRouter(prefix="/demandes")


_SHOWN: Final = frozenset({"uai", "school_year", "copy_kept", "drane_sent_by_us"})


@dataclass(frozen=True, kw_only=True)
class Told:
    """One line of the history, in plain words."""

    what: str
    who: str
    at: datetime
    details: tuple[tuple[str, str], ...]


@router.get("")
def all_of_them(request: Request, context: Context, visitor: Chef, schools: Schools, apres: str = "") -> Response:
    """The live ones first, the past years below."""
    page = items_of(context, visitor, apres or None)
    return context.pages.page(
        request, "chef/requests.html", visitor, school=schools[0], schools=schools, page=page, after=apres,
        may_act=may_act(context, visitor), live=[moment_of(one) for one in page.items if one.request.is_live],
        past=[one for one in page.items if not one.request.is_live], task_of=task_of, waiting=waiting,
        expected_days=context.app.settings.handling.expected_days,
    )  # fmt: skip


@router.get("/{reference}")
def one_of_them(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """Where it stands, what comes next, what can be done, its papers, its mails and its history."""
    view = load_request(context, visitor, reference)
    back = sent_back(view)
    moment = Moment(
        request=view.request, code_fate=view.code_fate, next_step=view.next_step, actions=view.actions,
        sent_back=back is not None,
    )  # fmt: skip
    with context.app.database.read() as connection:
        mails = received(connection, visitor.actor, view.request.uai, reference=reference).mails
    task = task_of(moment, on_its_page=True)
    return context.pages.page(
        request, "chef/request.html", visitor, view=view, moment=moment, task=task, back=back, mails=mails,
        step_to_redo=Step.of(str(back.data["step"])) if back else None,
        place=f"/etablissement/demandes/{reference}", may_act=may_act(context, visitor),
        waiting=waiting(moment, context.app.settings.handling.expected_days), others=_others(view, moment),
        can_finish=task is not None and len(REMAINING.get(view.request.state, ())) > 1,
        has_charter=view.request.state in REMAINING and _is_the_chef_s(view),
        history=[_told(event) for event in view.history],
        has_slip=view.request.state is State.CODE_ISSUED and view.code_fate is not CodeStatus.EXTENDED,
        began=view.history[0] if _has_new_chef(view, visitor) else None, mail_words=mail_words,
    )  # fmt: skip


def _is_the_chef_s(view: RequestView) -> bool:
    """Whether the establishment is waited for: not once the year is over."""
    return view.next_step is not None and view.next_step.who is Role.CHEF


def _others(view: RequestView, moment: Moment) -> list[tuple[str, str]]:
    """The other actions that are open, as (end of the address, label)."""
    slugs = {one.trigger: SLUGS[one.trigger] for one in view.actions if one.trigger in SLUGS}
    slugs.pop(moment.trigger or Trigger.DECLARE, None)
    if view.code_fate in (CodeStatus.WAITING, CodeStatus.UNDELIVERABLE):
        slugs.pop(Trigger.CONFIRM_HANDOVER, None)  # it would be refused: nothing has arrived (R58)
    if Trigger.RENEW in slugs:
        slugs[Trigger.RENEW] = "renouveler"
    return [(slug, CHEF_ACTIONS[SLUGS[trigger]].title) for trigger, slug in slugs.items()]


def _told(event: EventView) -> Told:
    """One event in plain words; who it was at the rectorat is nobody's business."""
    alone = dict.fromkeys((Role.SCHEDULE, Role.CONNECTOR), "le logiciel, de lui-même")
    actors = alone | dict.fromkeys((Role.OPERATOR, Role.READER), "le rectorat")
    notes = tuple((note.label, note.body or ERASED) for note in event.notes if note.field != "asked_by")
    return Told(
        what=TRIGGER_TEXTS[event.trigger].done, who=actors.get(event.role, event.actor), at=event.at,
        details=(*event_details(event.trigger, _worth_telling(event.data)), *notes),
    )  # fmt: skip


def _worth_telling(data: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What the page does not already show above."""
    return {key: value for key, value in data.items() if key not in _SHOWN}


def _has_new_chef(view: RequestView, visitor: Visitor) -> bool:
    """Whether another chef had begun this request: once this one acts, the delegation is checked anew (R37)."""
    before, now = view.request.chef_name, visitor.actor.name
    is_chef = visitor.actor.role is Role.CHEF
    return bool(view.request.is_live and is_chef and before and person_key(before, "") != person_key(now, ""))


# Each step of the establishment on its own page.


router_acts = APIRouter(prefix="/demandes/{reference}")


@router_acts.get("/{slug}")
def act_page(request: Request, context: Context, visitor: Chef, reference: str, slug: str) -> Response:
    """The page on which a step is prepared."""
    return show_action(request, ActionContext.load(context, visitor, reference), CHEF_ACTIONS, slug)


@router_acts.post("/{slug}")
def act(request: Request, context: Context, visitor: Chef, reference: str, slug: str, data: Posted) -> Response:
    """Do it."""
    return execute_action(request, ActionContext.load(context, visitor, reference), CHEF_ACTIONS, slug, data)


# The papers to print: the charter, the hand-over slip (R27, R31, R69).


router_papers = APIRouter()


@router_papers.get("/charte.pdf")
def blank(context: Context, _: Chef) -> Response:
    """A charter to fill in by hand, before any declaration."""
    return pdf(context, blank_charter(context.app.mailer.mail_context, context.app.mailer.wordings))


@router_papers.get("/demandes/{reference}/charte.pdf")
def charter(context: Context, visitor: Chef, reference: str) -> Response:
    """The charter of a request, ready to sign."""
    return pdf(context, papers.charter(context.app, load_request(context, visitor, reference)))


@router_papers.get("/demandes/{reference}/bordereau.pdf")
def slip(context: Context, visitor: Chef, reference: str) -> Response:
    """What the RUPN signs when the code is handed over; 404 while there is none."""
    view = load_request(context, visitor, reference)
    with context.app.database.read() as connection:
        try:
            made = papers.slip(context.app, connection, view)
        except papers.NoSlip:
            raise HTTPException(404) from None
    return pdf(context, made)


def pdf(context: WebContext, paper: Paper) -> Response:
    """A paper, opened in the browser under its own name."""
    content = compile_paper(paper, context.app.clock.now())
    disposition = f'inline; filename="{paper.filename}"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": disposition})
