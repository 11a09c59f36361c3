"""One request on one page for the rectorat, its papers, and every action that an operator can do of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from notifications.messages.mail import Mail
from notifications.outbox.admin import listing
from notifications.vocabulary import Stage
from portal import documents as papers
from portal.web.actions.base import Action, ActionContext, execute_action, load_request, show_action
from portal.web.actions.chef import CHEF as CHEF_ACTIONS
from portal.web.actions.operator import OPERATOR_ACTIONS, keys_in_use, ready_reasons, source_of
from portal.web.chef.requests import pdf
from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Posted, Rectorat
from portal.web.forms import Form, blank
from portal.web.rectorat.removals import calls_shown
from portal.web.worklist.filters import Criteria, origin_of
from states.vocabulary import CheckOutcome, CodeStatus, State, Trigger
from workflow.removals.connector.queue import CallView
from workflow.requests.detail import CheckView, EventView, RequestView
from workflow.requests.worklist import Left, next_of_list, next_ready

# What the page of a request says of its code and of its mails, in sentences.


FATES: Final = {
    CodeStatus.NONE: "Aucun code en cours.",
    CodeStatus.WAITING: "Le courriel du code n'est pas encore parti : il attend son tour.",
    CodeStatus.ACCEPTED: "Le courriel du code est parti ; l'établissement n'a pas encore confirmé la remise.",
    CodeStatus.UNCERTAIN: "On ne sait pas si le courriel du code est arrivé : demander à l'établissement.",
    CodeStatus.UNDELIVERABLE: "Le code n'est pas arrivé : corriger la boîte et renvoyer le courriel, ou réémettre.",
    CodeStatus.EXTENDED: "La clé existante a été étendue : il n'y a pas de code à remettre.",
    CodeStatus.HANDED_OVER: "Le code a été remis au RUPN en main propre.",
}
"""What became of the code (R58)."""


HAPPENED: Final = {
    Trigger.DECLARE: "RUPN déclaré",
    Trigger.DELEGATE: "Délégation attestée",
    Trigger.SIGN_CHARTER: "Charte signée enregistrée",
    Trigger.SUBMIT: "Demande envoyée au rectorat",
    Trigger.CHECK_LISTING: "Liste des RUPN vérifiée",
    Trigger.CHECK_DELEGATION: "Délégation vérifiée",
    Trigger.SEND_BACK: "Demande renvoyée à l'établissement",
    Trigger.REISSUE_CODE: "Code réémis",
    Trigger.CONFIRM_HANDOVER: "Remise confirmée",
    Trigger.CONFIRM_EXPIRY: "Date d'expiration cochée",
    Trigger.REPORT_CHANGE: "Changement signalé",
    Trigger.SETTLE_CHANGE: "Signalement réglé",
    Trigger.AMEND: "Déclaration corrigée",
    Trigger.WITHDRAW: "Demande abandonnée",
    Trigger.REVOKE: "Demande révoquée",
    Trigger.EXPIRE: "Demande révoquée, l'année étant finie",
    Trigger.CONFIRM_REMOVAL: "Retrait des droits confirmé",
    Trigger.RENEW: "Demande née d'un renouvellement",
}
"""Each event of the history (R8)."""


_COLOURS: Final = {
    Stage.SENT: "success",
    Stage.DEAD: "error",
    Stage.UNCERTAIN: "warning",
    Stage.RETRY: "warning",
    Stage.PENDING: "info",
    Stage.SENDING: "info",
}


def happened(event: EventView) -> str:
    """An event in a few words."""
    if event.trigger is Trigger.ISSUE_CODE:
        return "Clé existante étendue" if event.data.get("extends") else "Code émis"
    return HAPPENED[event.trigger]


def told(event: EventView) -> list[tuple[str, str]]:
    """What an event says further, free texts included."""
    notes = [(note.label, "(texte effacé)" if note.body is None else f"« {note.body} »") for note in event.notes]
    return [*event.details, *notes]


def colour(mail: Mail) -> str:
    """The kind of badge that a mail's stage deserves; empty for a plain one."""
    return _COLOURS.get(mail.stage, "")


# What the page of a request shows beside the request itself: its mails, its buttons, the form of its next step.


INLINE: Final = (Trigger.ISSUE_CODE, Trigger.SETTLE_CHANGE, Trigger.CONFIRM_REMOVAL)
"""The next steps whose form stands on the page itself; the checks have their own, smaller."""


CHECKS: Final = (Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION)


MAILS: Final = 50


Inline = tuple[Action, Form]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckCard:
    """One of the two checks. ``may``: this visitor can record it; ``form`` does so in one click while it does not
    count; ``motif`` is the ready reason with which a request that failed it is sent back."""

    title: str
    name: str
    found: CheckView
    action: Action
    form: Form | None
    may: bool
    source: str
    motif: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Buttons:
    """The other actions: in the operator's own name, and for the establishment that asked (R5)."""

    own: tuple[Action, ...]
    on_behalf: tuple[Action, ...]


def page_context(action_context: ActionContext, request: Request, actions: Mapping[str, Action]) -> dict[str, Any]:
    """All of it, as the template takes it."""
    context, view = action_context.web, action_context.view
    by_trigger = {action.trigger: action for action in reversed(list(actions.values()))}
    inline = _inline(action_context, by_trigger)
    return {
        "view": view,
        "action_context": action_context,
        "since": since(view),
        "fate": FATES[view.code_fate],
        "mails": _mails(context, view),
        "colour": colour,
        "happened": happened,
        "told": told,
        "cards": _cards(action_context, by_trigger),
        "inline": inline,
        "buttons": _buttons(view, by_trigger, inline),
        "actions": by_trigger,
        "expiry": _expiry(action_context),
        "call": _call(context, view),
        "holders": {one.reference for one in keys_in_use(action_context)},
        "following": _next_request(action_context, request),
    }


def since(view: RequestView) -> datetime:
    """When the request came to its state."""
    return next((e.at for e in reversed(view.history) if e.source is not e.target), view.created_at)


def _call(context: WebContext, view: RequestView) -> CallView | None:
    """What the connector asked the ODA server, if it did (R84)."""
    if view.removal is None or context.app.connector is None:
        return None
    with context.app.database.read() as connection:
        return calls_shown(context, connection, [view.request.reference]).get(view.request.reference)


def _mails(context: WebContext, view: RequestView) -> tuple[Mail, ...]:
    with context.app.database.read() as connection:
        return listing(connection, reference=view.request.reference, limit=MAILS).mails


def _cards(action_context: ActionContext, actions: Mapping[Trigger, Action]) -> tuple[CheckCard, ...]:
    """The two checks, once the rectorat has the request, or had it."""
    view = action_context.view
    told = (
        ("Liste des RUPN", "liste", view.listing, "absent-de-la-liste"),
        ("Délégation dans DelegCE", "delegation", view.delegation, "delegation-introuvable"),
    )
    if view.request.state is not State.REQUESTED and not any(found.check for _, _, found, _ in told):
        return ()
    return tuple(
        CheckCard(
            title=title, name=name, found=found, action=actions[trigger],
            form=blank(()) if action_context.is_open(trigger) and not found.is_valid else None,
            may=action_context.is_open(trigger),
            source=source_of(action_context, trigger) if action_context.is_open(trigger) else "",
            motif=motif if found.check and found.check.outcome is CheckOutcome.NEGATIVE else "",
        )
        for (title, name, found, motif), trigger in zip(told, CHECKS, strict=True)
    )  # fmt: skip


def _inline(action_context: ActionContext, actions: Mapping[Trigger, Action]) -> Inline | None:
    step = action_context.view.next_step
    if step is None or step.trigger not in INLINE or not action_context.is_open(step.trigger):
        return None
    action = actions[step.trigger]
    return action, blank(action.fields(action_context))


def _expiry(action_context: ActionContext) -> Form | None:
    """The form that ticks, in one click, that the key bears the year's end on the server (R43)."""
    may = action_context.view.expiry_differs and action_context.is_open(Trigger.CONFIRM_EXPIRY)
    return blank(()) if may else None


def _buttons(view: RequestView, actions: Mapping[Trigger, Action], inline: Inline | None) -> Buttons:
    """But the checks, which have their cards, and what has its form on the page."""
    shown = {*CHECKS, *([inline[0].trigger] if inline else [])}
    known = [(one, actions[one.trigger]) for one in view.actions if one.trigger in actions.keys() - shown]
    return Buttons(
        own=tuple(action for one, action in known if not one.on_behalf),
        on_behalf=tuple(action for one, action in known if one.on_behalf),
    )


def _is_ours(view: RequestView) -> bool:
    """Whether the rectorat still has the request before it."""
    return view.request.state is State.REQUESTED


def _next_request(action_context: ActionContext, request: Request) -> str | None:
    """The next request whose code can be issued, for an operator who is done with this one: of the list that he came
    from, if it was narrowed."""
    if not action_context.visitor.is_operator or not request.query_params.get("fait") or _is_ours(action_context.view):
        return None
    app = action_context.app
    now = app.clock.now()
    with app.database.read() as connection:
        if not action_context.origin:
            return next_ready(connection, app.policy, now, action_context.reference)
        criteria = Criteria.read(QueryParams(action_context.origin))
        left = Left(reference=action_context.reference, since=_arrived_at(action_context.view))
        return next_of_list(connection, app.policy, now, criteria.filters(app), criteria.order, left)


def _arrived_at(view: RequestView) -> datetime:
    """When the request last came to the rectorat, which is where it stood in a list."""
    arrivals = (e.at for e in reversed(view.history) if e.target is State.REQUESTED and e.source is not e.target)
    return next(arrivals, view.created_at)


# The papers of a request as PDF: the charter and the hand-over slip (R69).


router_request_papers = APIRouter(include_in_schema=False)
"""Included by the request's own router, before the actions, whose addresses are as wide as these."""


@router_request_papers.get("/{reference}/charte.pdf")
def charter(context: Context, visitor: Rectorat, reference: str) -> Response:
    """The charter, ready to sign (R27)."""
    return pdf(context, papers.charter(context.app, load_request(context, visitor, reference)))


@router_request_papers.get("/{reference}/bordereau.pdf")
def slip(context: Context, visitor: Rectorat, reference: str) -> Response:
    """The slip that goes with a code (R31); 404 where there is no code to hand over."""
    view = load_request(context, visitor, reference)
    with context.app.database.read() as connection:
        try:
            made = papers.slip(context.app, connection, view)
        except papers.NoSlip:
            raise HTTPException(404) from None
    return pdf(context, made)


router = APIRouter(prefix="/rectorat/demandes", include_in_schema=False)


router.include_router(router_request_papers)


_OWN: Final = frozenset(action.trigger for action in OPERATOR_ACTIONS.values())


ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {slug: action for slug, action in CHEF_ACTIONS.items() if action.trigger not in _OWN} | dict(OPERATOR_ACTIONS)
)
"""What an operator can do: in his own name, and for an establishment that asked (R5)."""


@router.get("/{reference}")
def one_request(request: Request, context: Context, visitor: Rectorat, reference: str) -> Response:
    """All that is known of a request; a reader is shown no form (R2)."""
    action_context = ActionContext.load(context, visitor, reference, origin_of(request))
    return context.pages.page(
        request, "rectorat/request.html", visitor, **page_context(action_context, request, ACTIONS)
    )


@router.get("/{reference}/{slug}")
def prepare(request: Request, context: Context, visitor: Operator, reference: str, slug: str) -> Response:
    """The page of an action."""
    action_context = ActionContext.load(context, visitor, reference, origin_of(request))
    return show_action(request, action_context, ACTIONS, slug, _given(request, context))


@router.post("/{reference}/{slug}")
def act(request: Request, context: Context, visitor: Operator, reference: str, slug: str, data: Posted) -> Response:
    """Do it."""
    action_context = ActionContext.load(context, visitor, reference, origin_of(request))
    return execute_action(request, action_context, ACTIONS, slug, data)


def _given(request: Request, context: WebContext) -> dict[str, str]:
    """What the address may propose: one of our own ready reasons, one of the request's reports; no words of its own."""
    motif = request.query_params.get("motif", "")
    given = {
        name: text
        for one in ready_reasons(context.app.settings)
        if one.slug == motif
        for name, text in (("step", one.step.value), ("why", one.text))
    }
    report = request.query_params.get("signalement", "")
    return given | ({"report": report} if report.isascii() and report.isdecimal() else {})
