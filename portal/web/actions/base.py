"""One action on a request as a page: its form is shown, then executed by the engine, for both sides."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from portal.texts import TRIGGER_TEXTS
from portal.web.context import Context, Typed, WebContext, require_fresh_proof
from portal.web.forms import EarlierSending, Field, Form, Shape, blank, filled
from portal.web.security import Visitor
from states.commands import Command
from states.decision import Refused
from states.model import OnBehalf
from states.refusals import Reason
from states.transitions import BY_TRIGGER
from states.vocabulary import RequestedBy, Role, Trigger
from workflow.app import App
from workflow.engine.engine import Done, execute_sequence
from workflow.requests.detail import RequestView, show_request

Values = Mapping[str, Any]
"""The values of a form, by the name of their field."""

Common = Mapping[str, Any]
"""The fields of every command: ``reference``, ``expected_version``, ``on_behalf``."""

ORIGIN: Final = "de"
"""The parameter of a request's address that carries the worklist's filters."""

_GIVING_A_KEY: Final = (Trigger.ISSUE_CODE, Trigger.DRAW_CODE, Trigger.REISSUE_CODE, Trigger.SETTLE_CHANGE)

BEHALF: Final = (
    Field(name="behalf_who", label="Qui, dans l'établissement, l'a demandé ?", hint="Nom et fonction."),
    Field(
        name="behalf_how", label="Comment ?", shape=Shape.SELECT,
        options=tuple((how.value, how.label) for how in RequestedBy),
    ),
    Field(name="behalf_when", label="Quel jour ?", shape=Shape.DAY),
)  # fmt: skip
"""The three fields of an operator who acts at an establishment's request (R5)."""


@dataclass(frozen=True, kw_only=True)
class ActionContext:
    """A request as a visitor acts on it. ``origin``: filters of the worklist that an operator came from."""

    web: WebContext
    visitor: Visitor
    view: RequestView
    origin: str = ""

    @classmethod
    def load(cls, web: WebContext, visitor: Visitor, reference: str, origin: str = "") -> "ActionContext":
        """The request read from the database. Raises HTTPException (404)."""
        return cls(web=web, visitor=visitor, view=load_request(web, visitor, reference), origin=origin)

    @property
    def app(self) -> App:
        return self.web.app

    @property
    def today(self) -> date:
        return self.web.pages.today()

    @property
    def reference(self) -> str:
        return self.view.request.reference

    @property
    def address(self) -> str:
        """The address of the request's page, on the visitor's side."""
        return f"{self.visitor.home}/demandes/{self.reference}"

    @property
    def worklist_address(self) -> str:
        """The address of the list to go back to, for the rectorat."""
        return f"{self.visitor.home}?{self.origin}" if self.origin else self.visitor.home

    def address_of(self, slug: str = "", *, reference: str = "", **query: str) -> str:
        """The address of a page of this request, or of another; it carries the way back to the list."""
        path = f"{self.visitor.home}/demandes/{reference or self.reference}{'/' if slug else ''}{slug}"
        parameters = query | ({ORIGIN: self.origin} if self.origin else {})
        return f"{path}?{urlencode(parameters)}" if parameters else path

    def is_open(self, trigger: Trigger) -> bool:
        """Return True when this visitor may do this now."""
        return any(action.trigger is trigger for action in self.view.actions)


@dataclass(frozen=True, kw_only=True)
class Action:
    """One trigger as a page.

    ``build`` makes the command from the values read and from what every command has. ``danger``: it cannot be taken
    back, and its button says so by its colour. ``template`` explains the form; it is given ``action_context``, and what
    ``scope`` returns. ``on_demand``: fields shown only once a refusal names them, as the confirmation of a homonym
    (R17). ``suits``: whether the page has an object on this request; ``then``: the action whose page comes next;
    ``proposing``: what it proposes of what was typed, to be kept or not.
    """

    trigger: Trigger
    slug: str
    build: Callable[[ActionContext, Values, Common], Command]
    fields: Callable[[ActionContext], Sequence[Field]] = lambda _: ()
    template: str = "actions/plain.html"
    danger: bool = False
    on_demand: Sequence[Field] = ()
    suits: Callable[[RequestView], bool] = lambda _: True
    then: str = ""
    scope: Callable[[ActionContext], Mapping[str, Any]] = lambda _: {}
    proposing: Callable[[Form, FormData], Form] = lambda form, _: form

    @property
    def needs_proof(self) -> bool:
        """True when it may give a code or a key: whoever does it proves anew who they are (R105)."""
        return self.trigger in _GIVING_A_KEY

    @property
    def title(self) -> str:
        return TRIGGER_TEXTS[self.trigger].pages[self.slug].title

    @property
    def button(self) -> str:
        return TRIGGER_TEXTS[self.trigger].pages[self.slug].button


Actions = Mapping[str, Action]
"""The actions of one side, by slug."""


def behalf_fields(today: date) -> list[Field]:
    """The three fields, with today proposed."""
    return [replace(field, value=today.isoformat()) if field.shape is Shape.DAY else field for field in BEHALF]


def on_behalf(values: Values) -> OnBehalf | None:
    """The establishment's request, read from the three fields; None when the form has none."""
    if "behalf_who" not in values:
        return None
    when = values["behalf_when"]
    return OnBehalf(who=values["behalf_who"], how=RequestedBy(values["behalf_how"]), when=when.isoformat())


def load_request(context: WebContext, visitor: Visitor, reference: str) -> RequestView:
    """The request whole. Raises HTTPException: 404, for one unknown as for one that this visitor may not see (R3)."""
    app = context.app
    if not reference.isascii() or not reference.isprintable():  # which a database may not even compare
        raise HTTPException(404)
    with app.database.read() as connection:
        view = show_request(connection, reference, visitor.actor, app.policy, app.mailer, app.clock.now())
    if view is None:
        raise HTTPException(404)
    return view


def version_of(data: FormData) -> int | None:
    """The request's version, as the page showed it (R9); None for anything else than a number."""
    text = str(data.get("version") or "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def action_pages(
    actions: Actions, admitted: Callable[..., Awaitable[Visitor]], *,
    origin_of: Callable[[Request], str] = lambda _: "",
    proposed: Callable[[Request, WebContext], Mapping[str, str]] = lambda *_: {},
) -> APIRouter:  # fmt: skip
    """The two routes of the actions of one side: each is shown, then executed.

    ``admitted``: the dependency that lets its visitors in; ``origin_of``: the place in the worklist that an address
    carries; ``proposed``: the values that an address proposes for the fields that they name.
    """
    router = APIRouter()
    Admitted = Annotated[Visitor, Depends(admitted)]  # noqa: N806 - a type

    def load(request: Request, context: WebContext, visitor: Visitor, reference: str) -> ActionContext:
        origin = origin_of(request) if ORIGIN in request.query_params else ""
        return ActionContext.load(context, visitor, reference, origin)

    @router.get("/{reference}/{slug}")
    def show(request: Request, context: Context, visitor: Admitted, reference: str, slug: str) -> Response:
        action_context = load(request, context, visitor, reference)
        return _show_action(request, action_context, actions, slug, proposed(request, context))

    @router.post("/{reference}/{slug}")
    def execute(
        request: Request, context: Context, visitor: Admitted, reference: str, slug: str, data: Typed
    ) -> Response:
        return _execute_action(request, load(request, context, visitor, reference), actions, slug, data)

    return router


def read_action(action_context: ActionContext, actions: Actions, slug: str, data: FormData) -> Form:
    """The form of an action as it was sent. Raises HTTPException (404), ProofNeeded."""
    action = _action(actions, slug)
    _check_proof(action, action_context)
    return filled(_fields(action, action_context), data)


def render_refused(
    request: Request, action_context: ActionContext, actions: Actions, slug: str, form: Form, refusal: Refused | None
) -> Response:
    """The page of an action again: a field is wrong, or the rules refuse it."""
    shown = with_refusal(form, refusal, action_context.visitor) if refusal else form
    return _render(request, action_context, _action(actions, slug), shown, status=422)


def with_refusal(form: Form, refusal: Refused, visitor: Visitor, on_demand: Sequence[Field] = ()) -> Form:
    """The form with its reasons, and the fields of ``on_demand`` that they name.

    Sent again with other answers, after « back » say, the form tells what its first sending did (R10).
    """
    if refusal.reference:
        address = f"{visitor.home}/demandes/{refusal.reference}"
        return form.sent_before(EarlierSending(refusal.reference, address))
    form = form.asking(on_demand, refusal.reasons).refused(_on_their_fields(refusal.reasons))
    return replace(form, home=visitor.home)


def show_result(request: Request, context: WebContext, visitor: Visitor, result: Done, origin: str = "") -> Response:
    """Lead to the request; warnings are shown on a page before it (R19, R21)."""
    address = f"{visitor.home}/demandes/{result.reference}"
    address = f"{address}?{urlencode({ORIGIN: origin})}" if origin else address
    sentence = TRIGGER_TEXTS[result.trigger].done
    if not result.warnings:
        return context.success_messages.redirect(visitor, address, sentence)
    page = context.pages.page(
        request, "actions/done.html", visitor, result=result, warnings=result.warnings, next_page=address
    )
    if visitor.is_operator:  # whose page then leads to the next request
        context.success_messages.attach(page, visitor, address, sentence)
    return page


def _show_action(
    request: Request, action_context: ActionContext, actions: Actions, slug: str, proposed: Mapping[str, str]
) -> Response:
    """The page on which the action is prepared; one that is not open leads back to the request."""
    action = _action(actions, slug)
    if not (action_context.is_open(action.trigger) and action.suits(action_context.view)):
        return RedirectResponse(action_context.address_of(), status_code=303)
    _check_proof(action, action_context)
    fields = [replace(field, value=proposed.get(field.name, field.value)) for field in _fields(action, action_context)]
    return _render(request, action_context, action, blank(fields))


def _execute_action(
    request: Request, action_context: ActionContext, actions: Actions, slug: str, data: FormData
) -> Response:
    """Execute the action and lead to the request; a refusal stays on the page with its reasons, and changes nothing."""
    action = _action(actions, slug)
    _check_proof(action, action_context)
    on_demand = [field for field in action.on_demand if field.name in data]
    typed = filled([*_fields(action, action_context), *on_demand], data)
    form = action.proposing(typed, data)
    if not typed.is_right:
        return _render(request, action_context, action, form, status=422)
    values = form.values if form.is_right else typed.values  # a writing that is still to be chosen
    common = {
        "reference": action_context.reference, "expected_version": version_of(data), "on_behalf": on_behalf(values),
    }  # fmt: skip
    command = action.build(action_context, values, common)
    result = execute_sequence(
        action_context.app.engine, [lambda _: command], action_context.visitor.actor,
        reference=action_context.reference, key=f"web:{form.key}", dry_run=not form.is_right,
    )  # fmt: skip
    if isinstance(result, Refused):
        form = with_refusal(form, result, action_context.visitor, action.on_demand)
        return _render(request, action_context, action, form, status=422)
    if action.then and not result.warnings:
        return RedirectResponse(action_context.address_of(action.then), status_code=303)
    return show_result(request, action_context.web, action_context.visitor, result, action_context.origin)


def _action(actions: Actions, slug: str) -> Action:
    if slug not in actions:
        raise HTTPException(404)
    return actions[slug]


def _check_proof(action: Action, action_context: ActionContext) -> None:
    """Raises ProofNeeded before a form is shown, so that nothing is typed in vain, and before it is executed."""
    if action.needs_proof:
        require_fresh_proof(action_context.web, action_context.visitor)


def _fields(action: Action, action_context: ActionContext) -> list[Field]:
    fields = list(action.fields(action_context))
    if action_context.visitor.is_operator and Role.OPERATOR not in BY_TRIGGER[action.trigger].roles:
        fields += behalf_fields(action_context.today)
    return fields


def _on_their_fields(reasons: Iterable[Reason]) -> Iterator[Reason]:
    """The establishment's request to an operator is one thing for the rules, and three fields on a page (R5)."""
    for reason in reasons:
        field = "behalf_when" if reason.code == "date_out_of_bounds" else "behalf_who"
        yield replace(reason, field=field) if reason.field == "on_behalf" else reason


def _render(request: Request, action_context: ActionContext, action: Action, form: Form, status: int = 200) -> Response:
    return action_context.web.pages.page(
        request, action.template, action_context.visitor, status=status, action=action, action_context=action_context,
        form=form, view=action_context.view, can_act=action_context.is_open(action.trigger),
        **action.scope(action_context),
    )  # fmt: skip
