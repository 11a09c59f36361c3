"""The requests of an establishment: their list, one of them whole, its papers, its code (R112), each of its actions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.rendering.papers import Paper, blank_charter, compile_paper
from portal.documents import NoSlip, make_charter, make_first_connection, make_slip
from portal.texts import happened
from portal.web.actions.base import ActionContext, action_pages, load_request, version_of, with_refusal
from portal.web.actions.chef import CHEF_ACTIONS, NEW_CODE, RETURN_KEY, SLUGS, has_key_in_use
from portal.web.chef.declare import REMAINING
from portal.web.chef.home import (
    Schools,
    Situation,
    list_items,
    may_act,
    situation_of,
    stage_sentence,
    task_of,
    waiting_sentence,
)
from portal.web.context import Chef, Context, Posted, ProvenChef, WebContext, chef, is_fresh
from portal.web.forms import blank
from portal.web.security import Visitor
from states.commands import OpenCode
from states.decision import Refused
from states.validation import chef_key
from states.vocabulary import ON_ITS_WAY, CodeStatus, Role, SignInMethod, State, Trigger
from workflow.codes.reading import open_code
from workflow.mail import list_received_mails
from workflow.requests.detail import ERASED, EventView, RequestView, event_details

router = APIRouter()

_SHOWN_ABOVE: Final = frozenset(
    {"uai", "school_year", "copy_kept", "drane_sent_by_us", "expires_on", "report", "reports"}
)
"""The data of an event that the page shows elsewhere, or that are the rectorat's."""


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One event of the history, in plain words."""

    event: str
    actor: str
    at: datetime
    details: tuple[tuple[str, str], ...]


@router.get("/charte.pdf")
def show_blank_charter(context: Context, _: Chef) -> Response:
    """A charter to fill in by hand, before any declaration."""
    return pdf(context, blank_charter(context.app.mailer.mail_context, context.app.mailer.wordings))


@router.get("/demandes")
def show_requests(request: Request, context: Context, visitor: Chef, schools: Schools, apres: str = "") -> Response:
    """The live requests first, the past years below."""
    page, calendar = list_items(context, visitor, apres or None), context.app.policy.calendar
    return context.pages.page(
        request, "chef/requests.html", visitor, school=schools[0], schools=schools, page=page, after=apres,
        may_act=may_act(context, visitor),
        live=[situation_of(item, calendar) for item in page.items if item.request.is_live],
        past=[item for item in page.items if not item.request.is_live], task_of=task_of,
        waiting_sentence=waiting_sentence, expected_days=context.app.settings.handling.expected_days,
    )  # fmt: skip


@router.get("/demandes/{reference}")
def show_chef_request(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """One request: where it stands, what comes next, its actions, papers, mails and history."""
    view = load_request(context, visitor, reference)
    submitted_at = max((event.at for event in view.history if event.trigger is Trigger.SUBMIT), default=None)
    situation = Situation(
        request=view.request, code_fate=view.code_fate, next_step=view.next_step, actions=view.actions,
        sent_back=view.sent_back is not None,
        sent_on=context.app.policy.calendar.today(submitted_at) if submitted_at else None,
    )  # fmt: skip
    with context.app.database.read() as connection:
        mails = list_received_mails(connection, visitor.actor, view.request.uai, reference=reference).mails
    task = task_of(situation, on_its_page=True)
    state = view.request.state
    may_report = any(action.trigger is Trigger.REPORT_CHANGE for action in view.actions)
    key_slugs = (NEW_CODE, RETURN_KEY) if may_report and has_key_in_use(view) else ()  # what a chef then comes for
    waits_for_chef = view.next_step is not None and view.next_step.who is Role.CHEF  # not once the year is over
    return context.pages.page(
        request, "chef/request.html", visitor, view=view, situation=situation, task=task, mails=mails,
        place=f"/etablissement/demandes/{reference}", may_act=may_act(context, visitor),
        waiting=waiting_sentence(situation, context.app.settings.handling.expected_days, context.pages.today()),
        others=_other_actions(view, situation), key_pages=[(slug, CHEF_ACTIONS[slug].title) for slug in key_slugs],
        can_finish=task is not None and len(REMAINING.get(state, ())) > 1,
        has_charter=state in REMAINING and waits_for_chef, history=[_history_line(event) for event in view.history],
        has_sheet=state in (State.REQUESTED, State.CODE_ISSUED),
        has_slip=state is State.CODE_ISSUED and view.code_fate is not CodeStatus.EXTENDED,
        began=view.history[0] if _has_new_chef(view, visitor) else None, stage_sentence=stage_sentence,
    )  # fmt: skip


def _other_actions(view: RequestView, situation: Situation) -> list[tuple[str, str]]:
    """The other actions that are open, as (end of the address, label)."""
    slugs = {action.trigger: SLUGS[action.trigger] for action in view.actions if action.trigger in SLUGS}
    slugs.pop(situation.trigger or Trigger.DECLARE, None)
    slugs.pop(Trigger.OPEN_CODE, None)  # the task of the page, or nobody's
    if view.code_fate in (*ON_ITS_WAY, CodeStatus.HELD, CodeStatus.TO_READ, CodeStatus.UNDELIVERABLE):
        slugs.pop(Trigger.CONFIRM_HANDOVER, None)  # it would be refused: nothing has arrived (R58)
    if Trigger.RENEW in slugs:
        slugs[Trigger.RENEW] = "renouveler"
    return [(slug, CHEF_ACTIONS[SLUGS[trigger]].title) for trigger, slug in slugs.items()]


def _history_line(event: EventView) -> HistoryLine:
    notes = tuple((note.label, note.body or ERASED) for note in event.notes if note.field != "asked_by")
    data = {key: value for key, value in event.data.items() if key not in _SHOWN_ABOVE}
    # after « par », somebody known by his function alone has its article
    articles = {Role.CHEF: "le ", Role.DEPUTY: "l'"} if event.actor.startswith(event.role.label) else {}
    return HistoryLine(
        event=happened(event), actor=articles.get(event.role, "") + event.actor, at=event.at,
        details=(*event_details(event.trigger, data), *notes),
    )  # fmt: skip


def _has_new_chef(view: RequestView, visitor: Visitor) -> bool:
    """Return True when another chef began this request: once this one acts, the delegation is checked anew (R37)."""
    before, now = chef_key(view.request.chef_name), chef_key(visitor.actor.chef_name or visitor.actor.name)
    is_new = visitor.actor.role is Role.CHEF and now == chef_key(view.establishment.chef_name)
    return bool(view.request.is_live and is_new and before and before != now)


def paper_pages(admitted: Callable[..., Awaitable[Visitor]]) -> APIRouter:
    """The papers of a request, for those whom this dependency lets in."""
    papers = APIRouter()
    Admitted = Annotated[Visitor, Depends(admitted)]  # noqa: N806 - a type

    @papers.get("/{reference}/charte.pdf")
    def show_charter(context: Context, visitor: Admitted, reference: str) -> Response:
        """The charter, ready to sign (R27)."""
        return pdf(context, make_charter(context.app, load_request(context, visitor, reference)))

    @papers.get("/{reference}/bordereau.pdf")
    def show_slip(context: Context, visitor: Admitted, reference: str) -> Response:
        """The slip that the RUPN signs when the code is handed over (R31); 404 while there is none."""
        view = load_request(context, visitor, reference)
        with context.app.database.read() as connection:
            try:
                paper = make_slip(context.app, connection, view)
            except NoSlip:
                raise HTTPException(404) from None
        return pdf(context, paper)

    @papers.get("/{reference}/fiche.pdf")
    def show_first_connection(context: Context, visitor: Admitted, reference: str) -> Response:
        """The sheet that tells the RUPN how to connect (R69)."""
        return pdf(context, make_first_connection(context.app, load_request(context, visitor, reference)))

    return papers


def pdf(context: WebContext, paper: Paper) -> Response:
    """A paper, opened in the browser under its own name (R69)."""
    content = compile_paper(paper, context.app.clock.now())
    disposition = f'inline; filename="{paper.filename}"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": disposition})


@router.get("/demandes/{reference}/code")
def show_code_page(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """The button that reads the code, and what it does; the code is not in it. Whoever read it is told."""
    action_context = ActionContext.load(context, visitor, reference)
    read_at = action_context.view.request.code_read_at
    if read_at is None and not action_context.is_open(Trigger.OPEN_CODE):
        return RedirectResponse(action_context.address, status_code=303)
    return _render_code(request, action_context, None)


@router.post("/demandes/{reference}/code")
def show_code(request: Request, context: Context, visitor: ProvenChef, reference: str, data: Posted) -> Response:
    """Show the code, which is erased by then; a second click on the same button shows it too, for a minute."""
    action_context = ActionContext.load(context, visitor, reference)
    app, method = context.app, visitor.session_user.method
    version = version_of(data)
    command = OpenCode(reference=reference, expected_version=version, method=method)
    opened = open_code(app.engine, app.mailer, command, visitor.actor, visitor.secret)
    if isinstance(opened, Refused):
        return _render_code(request, ActionContext.load(context, visitor, reference), opened)
    return context.pages.page(
        request, "chef/code_shown.html", visitor, action_context=action_context, view=action_context.view, code=opened,
    )  # fmt: skip


def _render_code(request: Request, action_context: ActionContext, refusal: Refused | None) -> Response:
    context, visitor, view = action_context.web, action_context.visitor, action_context.view
    form = with_refusal(blank(()), refusal, visitor) if refusal else blank(())
    opening = next((event for event in reversed(view.history) if event.trigger is Trigger.OPEN_CODE), None)
    return context.pages.page(
        request, "chef/code.html", visitor, status=422 if refusal else 200, action_context=action_context, view=view,
        form=form, is_readable=action_context.is_open(Trigger.OPEN_CODE), opening=opening,
        is_identified=visitor.session_user.method is not SignInMethod.MAIL_LINK, is_fresh=is_fresh(context, visitor),
        provider=context.app.settings.sign_in.provider(visitor.session_user.provider),
        keep_days=context.app.settings.code.keep_days,
    )  # fmt: skip


for pages in (paper_pages(chef), action_pages(CHEF_ACTIONS, chef)):  # an action takes any address
    router.include_router(pages, prefix="/demandes")
