"""/rectorat/demandes/{reference}: one request on one page, its papers, what operators tell each other, every action.

/rectorat/recherche: requests and establishments of every state and year, by whatever one has at hand (R89).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from notifications.outbox.admin import list_outbox
from notifications.sql import batches
from notifications.vocabulary import CODE_KINDS, Mail, Stage
from portal.exports.lists import READ_TOGETHER, search_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.texts import happened
from portal.web.actions.base import Action, ActionContext, action_pages
from portal.web.actions.chef import CHEF_ACTIONS
from portal.web.actions.operator import OPERATOR_ACTIONS, proposed_source, ready_reasons
from portal.web.chef.requests import paper_pages
from portal.web.context import Context, Operator, Posted, Rectorat, Typed, WebContext, is_fresh, operator, rectorat
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import Field, Form, Shape, address, blank, filled
from portal.web.rectorat.checks import row_value
from portal.web.rectorat.removals import load_calls
from portal.web.security import Visitor
from portal.web.worklist.filters import WorklistCriteria, origin_of
from states.rules.verification import changed_for_drane
from states.validation import fold, has_uai_form, normalise_uai
from states.vocabulary import CodeStatus, Role, State, Trigger
from workflow.database.file_tables import ListKind
from workflow.directory.service import MOST_EXPORTED, EstablishmentFilters, list_establishments
from workflow.evidence.delegation_attribute import ClaimedDelegation, claimed_delegations
from workflow.evidence.matching import ListComparison, Match, Matches
from workflow.journal.security_log import ExportedList
from workflow.mail import show_mail
from workflow.requests.collaboration import LONGEST_NOTE, Assignment, PrivateNote, assignments_of, notes_of
from workflow.requests.detail import CheckView, EventView, RequestView
from workflow.requests.filters import MOST, search
from workflow.requests.worklist import ChecksToMake, HandledRequest, Worklist, next_of_list, next_ready

CODE_STATUSES: Final = {
    CodeStatus.NONE: "Aucun code en cours.",
    CodeStatus.HELD: "Un code est tiré ; son courriel attend que le code soit dit sur le serveur ODA.",
    CodeStatus.WAITING: "Le courriel du code n'est pas encore parti : il attend son tour.",
    CodeStatus.SENDING: "Le courriel du code part en ce moment.",
    CodeStatus.ACCEPTED: "Le courriel du code est parti ; l'établissement n'a pas encore confirmé la remise.",
    CodeStatus.TO_READ: "Le code attend sur le portail : le chef d'établissement ne l'a pas encore lu.",
    CodeStatus.READ: "Le code a été lu sur le portail ; l'établissement n'a pas encore confirmé la remise.",
    CodeStatus.UNCERTAIN: "On ne sait pas si le courriel du code est arrivé : demander à l'établissement.",
    CodeStatus.UNDELIVERABLE: "Le code n'est pas arrivé, ou n'a pas été lu à temps : corriger la boîte et renvoyer"
    " le courriel, ou réémettre.",
    CodeStatus.EXTENDED: "La clé existante a été étendue : il n'y a pas de code à remettre.",
    CodeStatus.HANDED_OVER: "Le code a été remis au RUPN en main propre.",
}
"""Sentence on the status of the code (R58)."""

_BADGES: Final = {
    Stage.SENT: "success",
    Stage.DEAD: "error",
    Stage.UNCERTAIN: "warning",
    Stage.RETRY: "warning",
    Stage.PENDING: "info",
    Stage.SENDING: "info",
}

INLINE: Final = (Trigger.ISSUE_CODE, Trigger.SETTLE_CHANGE, Trigger.CONFIRM_REMOVAL)
"""The next steps whose form stands on the page itself; the checks have their own, smaller."""

CHECKS: Final = (Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION)

LAST_MAILS: Final = 50

_OPERATOR_TRIGGERS: Final = frozenset(action.trigger for action in OPERATOR_ACTIONS.values())

ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {slug: action for slug, action in CHEF_ACTIONS.items() if action.trigger not in _OPERATOR_TRIGGERS}
    | dict(OPERATOR_ACTIONS)
)
"""An operator's actions by slug: in their own name, and for an establishment that asked (R5)."""

_BY_TRIGGER: Final = {action.trigger: action for action in reversed(tuple(ACTIONS.values()))}

InlineForm = tuple[Action, Form]

router = APIRouter(prefix="/rectorat/demandes", include_in_schema=False)
"""Its papers come before its actions, whose addresses are as wide."""

NOTE: Final = Field(
    name="private_note", label="Note pour vos collègues", shape=Shape.AREA,
    hint=f"{LONGEST_NOTE} caractères au plus. Ni santé ni vie privée. Seuls les opérateurs la lisent, et"
    " peuvent l'effacer.",
    missing="Écrire la note.",
)  # fmt: skip

SEARCH_PATH: Final = "/rectorat/recherche"

LONGEST_SEARCH: Final = 100
"""Characters that are looked for."""

search_router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Collaboration:
    """The words between colleagues about a request; ``note_form`` is None for whoever may write none."""

    assignment: Assignment | None
    is_own: bool
    notes: tuple[PrivateNote, ...]
    note_form: Form | None

    @classmethod
    def load(cls, action_context: ActionContext, connection: Connection) -> Self:
        """A reader is shown who handles the request, and no note."""
        app, visitor, reference = action_context.app, action_context.visitor, action_context.reference
        assignment = assignments_of(connection, [reference], app.clock.now()).get(reference)
        notes = notes_of(connection, reference) if visitor.is_operator else ()
        is_own = assignment is not None and assignment.is_of(visitor.actor)
        form = blank((NOTE,)) if visitor.is_operator else None
        return cls(assignment=assignment, is_own=is_own, notes=notes, note_form=form)


def load_action(request: Request, context: WebContext, visitor: Visitor, reference: str) -> ActionContext:
    """The request, and the place in the worklist that an operator came from."""
    return ActionContext.load(context, visitor, reference, origin_of(request))


@router.post("/{reference}/suivi")
def assign(request: Request, context: Context, visitor: Operator, reference: str, data: Posted) -> Response:
    """Take the request, or release it whoever has it."""
    action_context = load_action(request, context, visitor, reference)
    if data.get("suivi") == "laisser":
        context.app.assignments.release(action_context.reference)
    else:
        context.app.assignments.take(action_context.reference, visitor.actor)
    return RedirectResponse(f"{action_context.address_of()}#suivi", status_code=303)


@router.post("/{reference}/notes")
def write_note(request: Request, context: Context, visitor: Operator, reference: str, data: Typed) -> Response:
    """Write a note; a refused one stays on a page of its own, with its reasons."""
    action_context = load_action(request, context, visitor, reference)
    form = filled((NOTE,), data)
    if form.is_right:
        form = form.refused(
            context.app.private_notes.write(action_context.reference, visitor.actor, form.values["private_note"])
        )
    if form.is_right:
        return RedirectResponse(f"{action_context.address_of()}#notes", status_code=303)
    return context.pages.page(
        request, "rectorat/note.html", visitor, status=422, action_context=action_context, form=form
    )


@router.post("/{reference}/notes/{number}/effacer")
def erase_note(
    request: Request,
    context: Context,
    visitor: Operator,
    reference: str,
    number: int,
    data: Posted,  # noqa: ARG001
) -> Response:
    """Erase a note for good."""
    action_context = load_action(request, context, visitor, reference)
    context.app.private_notes.erase(action_context.reference, number)
    return RedirectResponse(f"{action_context.address_of()}#notes", status_code=303)


@router.get("/{reference}")
def show_one_request(request: Request, context: Context, visitor: Rectorat, reference: str) -> Response:
    """Show all that is known of a request; a reader is shown no form (R2)."""
    action_context = load_action(request, context, visitor, reference)
    came_from_action = context.success_messages.read(request, visitor) is not None
    return context.pages.page(
        request, "rectorat/request.html", visitor,
        corrected_for_drane=changed_for_drane(action_context.view.request),
        **_page_scope(action_context, came_from_action=came_from_action),
    )  # fmt: skip


def proposed_values(request: Request, context: WebContext) -> dict[str, str]:
    """Field values that the address may propose: a ready reason, a report of the request; never words of its own."""
    slug, report = (request.query_params.get(name, "") for name in ("motif", "signalement"))
    values = {"report": report} if report.isascii() and report.isdecimal() else {}
    for reason in ready_reasons(context.app.settings):
        if reason.slug == slug:
            values |= {"step": reason.step.value, "why": reason.text}
    return values


router.include_router(paper_pages(rectorat))
router.include_router(action_pages(ACTIONS, operator, origin_of=origin_of, proposed=proposed_values))


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckCard:
    """One of the two checks. ``form`` records it in one click, while it does not count; ``motif`` is the ready reason
    with which a request that failed it is sent back."""

    title: str
    name: str
    view: CheckView
    action: Action
    form: Form | None
    can_record: bool
    source: str
    motif: str
    match: Match | None = None
    """What the imported list says, while the check is to be made (R94)."""
    claim: ClaimedDelegation | None = None
    """What the RUPN's own identity says of it, likewise (R113)."""

    @property
    def confirmed_row(self) -> str:
        """The answer that confirms the row that the list proposes; empty when there is none to confirm."""
        best = self.match.best if self.match else None
        return row_value(best) if best and self.form and not best.is_obstructed else ""


def _page_scope(action_context: ActionContext, *, came_from_action: bool) -> dict[str, Any]:
    """All that the template shows."""
    web, view = action_context.web, action_context.view
    reference = view.request.reference
    inline = _inline_form(action_context)
    with_own_form = {*CHECKS, Trigger.TAKE_BACK_CODE, *([inline[0].trigger] if inline else [])}
    buttons = [open_ for open_ in view.actions if open_.trigger in _BY_TRIGGER.keys() - with_own_form]
    can_tick_expiry = view.expiry_differs and action_context.is_open(Trigger.CONFIRM_EXPIRY)
    with web.app.database.read() as connection:
        mails = list_outbox(connection, reference=reference, limit=LAST_MAILS).mails
        # The last mail of a code that did not arrive (R58), unless the code was taken back.
        is_lost = view.code_fate is CodeStatus.UNDELIVERABLE and view.history[-1].trigger is not Trigger.TAKE_BACK_CODE
        lost = next((mail for mail in mails if mail.kind in CODE_KINDS), None) if is_lost else None
        can_resend = bool(lost and show_mail(connection, lost.id, web.app.mailer.settings.operators_mailbox).can_retry)
        call = load_calls(web, connection, [reference]).get(reference) if view.removal else None
        following = _next_to_issue(action_context, connection) if came_from_action else None
        next_to_check = _next_to_check(action_context, connection)
        cards = _check_cards(action_context, connection)
        collaboration = Collaboration.load(action_context, connection)
    return {
        "view": view,
        "action_context": action_context,
        "since": next((e.at for e in reversed(view.history) if e.source is not e.target), view.created_at),
        "code_status": CODE_STATUSES[view.code_fate],
        "mails": mails,
        "badge": mail_badge,
        "happened": happened,
        "details": history_details,
        "cards": cards,
        "inline": inline,
        "own_buttons": [_BY_TRIGGER[open_.trigger] for open_ in buttons if not open_.on_behalf],
        "behalf_buttons": [_BY_TRIGGER[open_.trigger] for open_ in buttons if open_.on_behalf],
        "actions": _BY_TRIGGER,
        "expiry_form": blank(()) if can_tick_expiry else None,
        "hold_form": blank(()) if action_context.is_open(Trigger.TAKE_BACK_CODE) else None,
        "lost_mail": lost,
        "lost_form": blank(()) if can_resend else None,
        "call": call,
        "holders": {holder.reference for holder in view.key_holders},
        "following": following,
        "next_to_check": next_to_check,
        "collaboration": collaboration,
    }


def history_details(event: EventView) -> list[tuple[str, str]]:
    """The data of an event as (label, value), free texts included."""
    notes = [(note.label, "(texte effacé)" if note.body is None else f"« {note.body} »") for note in event.notes]
    return [*event.details, *notes]


def mail_badge(mail: Mail) -> str:
    """The kind of badge for a mail's stage; empty for a plain one."""
    return _BADGES.get(mail.stage, "")


def _evidence(action_context: ActionContext, connection: Connection) -> tuple[Matches, ClaimedDelegation | None]:
    """The rows of the lists, and the delegation that the RUPN's identity claims, while the checks are to be made."""
    app, request = action_context.app, action_context.view.request
    if request.state is not State.REQUESTED:
        return {}, None
    matches = ListComparison(connection, app.policy, app.clock.now()).matches([request])[request.reference]
    claims = claimed_delegations(connection, [request], app.policy, action_context.today)
    return matches, claims.get(request.reference)


def _check_cards(action_context: ActionContext, connection: Connection) -> tuple[CheckCard, ...]:
    """The two checks, once the rectorat has the request, or had it."""
    view = action_context.view
    matches, claim = _evidence(action_context, connection)
    checks = (
        ("Liste des RUPN", "liste", view.listing, "absent-de-la-liste"),
        ("Délégation dans DelegCE", "delegation", view.delegation, "delegation-introuvable"),
    )
    if view.request.state is not State.REQUESTED and not any(check_view.check for _, _, check_view, _ in checks):
        return ()
    return tuple(
        CheckCard(
            title=title, name=name, view=check_view, action=_BY_TRIGGER[trigger],
            form=blank(()) if action_context.is_open(trigger) and not check_view.is_valid else None,
            can_record=action_context.is_open(trigger),
            source=proposed_source(connection, action_context, trigger) if action_context.is_open(trigger) else "",
            motif=motif if check_view.problem and check_view.problem.code == "check_negative" else "",
            match=None if check_view.is_valid else matches.get(kind),
            claim=None if check_view.is_valid or trigger is not Trigger.CHECK_DELEGATION else claim,
        )
        for (title, name, check_view, motif), trigger, kind in zip(checks, CHECKS, ListKind, strict=True)
    )  # fmt: skip


def _inline_form(action_context: ActionContext) -> InlineForm | None:
    step = action_context.view.next_step
    if step is None or step.on or step.trigger not in INLINE or not action_context.is_open(step.trigger):
        return None
    action = _BY_TRIGGER[step.trigger]
    if action.needs_proof and not is_fresh(action_context.web, action_context.visitor):
        return None  # its own page asks for the proof before anything is typed (R105)
    return action, blank(action.fields(action_context))


def _next_to_issue(action_context: ActionContext, connection: Connection) -> str | None:
    """The next request whose code can be issued, for an operator who is done with this one.

    It is of the list that they came from, when that was filtered.
    """
    view, app, step = action_context.view, action_context.app, action_context.view.next_step
    has_own_step = step is not None and step.who is Role.OPERATOR and step.on is None
    if not action_context.visitor.is_operator or has_own_step:
        return None
    now = app.clock.now()
    if not action_context.origin:
        return next_ready(connection, app.policy, now, view.request.reference)
    criteria = WorklistCriteria.read(QueryParams(action_context.origin))
    filters = criteria.filters(app, action_context.visitor.actor)
    return next_of_list(connection, app.policy, now, filters, criteria.order, _handled(view))


def _next_to_check(action_context: ActionContext, connection: Connection) -> str | None:
    """The next request whose checks are to be made, while an operator looks at one that waits for the rectorat.

    It follows in the list that they came from, or else in the usual one.
    """
    view, app = action_context.view, action_context.app
    if not action_context.visitor.is_operator or view.request.state is not State.REQUESTED:
        return None
    criteria = WorklistCriteria.read(QueryParams(action_context.origin))
    listed = criteria.filters(app, action_context.visitor.actor)
    filters = replace(listed, states=(), checks=None)  # those to check among what is otherwise left
    checks = ChecksToMake(connection, app.policy, app.clock.now())
    return checks.following(filters, criteria.order, _handled(view))


def _handled(view: RequestView) -> HandledRequest:
    """The request's place in the lists: the instant at which it last came to the rectorat."""
    arrivals = (e.at for e in reversed(view.history) if e.target is State.REQUESTED and e.source is not e.target)
    return HandledRequest(reference=view.request.reference, since=next(arrivals, view.created_at))


@search_router.get(f"{SEARCH_PATH}/export")
async def export_search(
    context: Context, visitor: Rectorat, file_format: ChosenFormat, mots: Annotated[str, Query()] = ""
) -> Response:
    """All that the words name, as a file: the requests, then the establishments (R92)."""
    app, words = context.app, _words(mots)

    def workbook(connection: Connection) -> Workbook:
        references = search(connection, visitor.actor, words, limit=None).references
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        lines = (line for batch in batches(references, READ_TOGETHER) for line in worklist.lines(batch))
        named = EstablishmentFilters(text=words, is_open=None)
        places = list_establishments(connection, visitor.actor, named, MOST_EXPORTED) if fold(words) else []
        return search_workbook(lines, places, app.settings.zoneinfo)

    return await download_list(
        context.export_of(visitor, ExportedList.SEARCH), file_format, workbook, address(SEARCH_PATH, mots=words)
    )


def _words(typed: str) -> str:
    return " ".join(typed.split())[:LONGEST_SEARCH]


@search_router.get(SEARCH_PATH)
def show_search(request: Request, context: Context, visitor: Rectorat, mots: Annotated[str, Query()] = "") -> Response:
    """Find what the words name. A whole reference leads to its request, a UAI of the directory to its establishment."""
    app, words = context.app, _words(mots)
    with app.database.read() as connection:
        result = search(connection, visitor.actor, words)
        lines = Worklist(connection, visitor.actor, app.policy, app.clock.now()).lines(result.references)
    if result.exact:
        return RedirectResponse(f"/rectorat/demandes/{result.exact}", status_code=303)
    named = EstablishmentFilters(text=words, is_open=None)
    places = app.directory.establishments(visitor.actor, named, limit=MOST + 1) if fold(words) else []
    uai = normalise_uai(words)
    if has_uai_form(uai) and [place.uai for place in places] == [uai]:
        return RedirectResponse(f"/rectorat/etablissements/{uai}", status_code=303)
    return context.pages.page(
        request, "rectorat/search.html", visitor, search_words=words, result=result, lines=lines, most=MOST,
        places=places[:MOST], has_more_places=len(places) > MOST,
        export=address(f"{SEARCH_PATH}/export", mots=words),
    )  # fmt: skip
