"""Showing the page of an action, and doing it: the same for every trigger and for both sides."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from notifications.vocabulary import member
from portal.web.context import WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import Visitor
from portal.web.worklist.filters import ORIGIN, origin_of
from states.commands import Command
from states.decision import Refused
from states.model import OnBehalf
from states.refusals import Reason
from states.transitions import BY_TRIGGER
from states.vocabulary import RequestedBy, Role, Step, Trigger
from workflow.requests.detail import EventView, RequestView, show_request

# What the page of an action is made of; the chef's and the rectorat's share it.


Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asks what, of which request. ``origin``: the worklist that an operator came from, as its address says it."""

    context: WebContext
    visitor: Visitor
    view: RequestView
    today: date
    origin: str = ""

    @property
    def reference(self) -> str:
        return self.view.request.reference

    @property
    def place(self) -> str:
        """The address of the request's page for who asks."""
        return f"{self.visitor.home}/demandes/{self.reference}"

    @property
    def worklist(self) -> str:
        """The address of the list to go back to, for the rectorat."""
        return f"{self.visitor.home}?{self.origin}" if self.origin else self.visitor.home

    def at(self, slug: str = "", *, reference: str = "", **query: str) -> str:
        """The address of a page of this request, or of another, from which the way back is still known."""
        place = f"{self.visitor.home}/demandes/{reference or self.reference}{'/' if slug else ''}{slug}"
        said = query | ({ORIGIN: self.origin} if self.origin else {})
        return f"{place}?{urlencode(said)}" if said else place


@dataclass(frozen=True, kw_only=True)
class Action:
    """One trigger as a page.

    ``build`` makes the command from the values read and from what every command has: ``reference``,
    ``expected_version``, ``on_behalf``. ``danger``: it cannot be taken back, and its button says so by its colour.
    ``template``: what is explained above the form; it is given ``asked``, and what ``more`` says.
    ``on_demand``: fields that are shown only once a refusal names them, as the confirmation of a homonym (R17).
    """

    trigger: Trigger
    slug: str
    title: str
    button: str
    build: Callable[[Asked, Values, Mapping[str, Any]], Command]
    fields: Callable[[Asked], Sequence[Field]] = lambda _: ()
    template: str = "actions/plain.html"
    danger: bool = False
    on_demand: Sequence[Field] = ()
    more: Callable[[Asked], Mapping[str, Any]] = lambda _: {}


BEHALF: Final = (
    Field(name="behalf_who", label="Qui, dans l'établissement, l'a demandé ?", hint="Nom et fonction."),
    Field(
        name="behalf_how", label="Comment ?", shape=Shape.SELECT,
        options=tuple((how.value, how.label) for how in RequestedBy),
    ),
    Field(name="behalf_when", label="Quel jour ?", shape=Shape.DAY),
)  # fmt: skip
"""What an operator says who acts at an establishment's request (R5)."""


def on_behalf(values: Values) -> OnBehalf | None:
    """The establishment's request, as the three fields say it; None when the form has none."""
    if "behalf_who" not in values:
        return None
    when = values["behalf_when"]
    return OnBehalf(who=values["behalf_who"], how=member(RequestedBy, values["behalf_how"]), when=when.isoformat())


Actions = Mapping[str, Action]
"""The actions of one side, by slug."""


def seen(context: WebContext, visitor: Visitor, reference: str) -> RequestView:
    """The request whole; 404 alike for an unknown one and for one that this visitor may not see (R3)."""
    app = context.app
    if not reference.isascii() or not reference.isprintable():  # which a database may not even compare
        raise HTTPException(404)
    with app.database.read() as connection:
        view = show_request(connection, reference, visitor.actor, app.policy, app.mailer, app.clock.now())
    if view is None:
        raise HTTPException(404)
    return view


def page_of(
    request: Request, context: WebContext, visitor: Visitor, reference: str, actions: Actions, slug: str,
    given: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page on which the action is prepared; one that is no longer open leads back to the request.

    ``given`` stands in the fields that it names instead of what they propose.
    """
    action, asked = _asked(request, context, visitor, reference, actions, slug)
    if not is_open(asked.view, action.trigger):
        return RedirectResponse(asked.at(), status_code=303)
    fields = [replace(one, value=(given or {}).get(one.name, one.value)) for one in _fields(action, asked)]
    return _shown(request, asked, action, blank(fields))


def done_by(
    request: Request, context: WebContext, visitor: Visitor, reference: str, actions: Actions, slug: str, data: FormData
) -> Response:
    """Do it, and lead to the request; what is refused stays on the page with its reasons, and nothing has changed."""
    action, asked = _asked(request, context, visitor, reference, actions, slug)
    form = filled([*_fields(action, asked), *(one for one in action.on_demand if one.name in data)], data)
    if not form.is_right:
        return _shown(request, asked, action, form, status=422)
    version = str(data.get("version") or "")
    common: dict[str, Any] = {
        "reference": reference, "expected_version": int(version) if version.isdecimal() and len(version) < 10 else None,
        "on_behalf": on_behalf(form.values),
    }  # fmt: skip
    command = action.build(asked, form.values, common)
    (result,) = context.app.engine.execute([command], visitor.actor, key=f"web:{form.key}")
    if isinstance(result, Refused):
        form = form.asking(action.on_demand, result.reasons)
        return _shown(request, asked, action, form.refused(_placed(result.reasons)), status=422)
    if result.warnings:
        place = asked.at(reference=result.reference)
        return context.pages.page(
            request, "actions/done.html", visitor, result=result, place=place, warnings=result.warnings
        )
    return RedirectResponse(asked.at(reference=result.reference, fait=result.trigger.value), status_code=303)


def is_open(view: RequestView, trigger: Trigger) -> bool:
    """Whether this visitor may do this now."""
    return any(action.trigger is trigger for action in view.actions)


def _asked(
    request: Request, context: WebContext, visitor: Visitor, reference: str, actions: Actions, slug: str
) -> tuple[Action, Asked]:
    action = actions.get(slug)
    if action is None:
        raise HTTPException(404)
    view = seen(context, visitor, reference)
    origin = origin_of(request, visitor)
    return action, Asked(context=context, visitor=visitor, view=view, today=context.pages.today(), origin=origin)


def _fields(action: Action, asked: Asked) -> list[Field]:
    fields = list(action.fields(asked))
    if asked.visitor.is_operator and Role.OPERATOR not in BY_TRIGGER[action.trigger].roles:
        fields += _behalf(asked.today)
    return fields


def _placed(reasons: Iterable[Reason]) -> Iterator[Reason]:
    """The establishment's request to an operator is one thing for the rules, and three fields on a page (R5)."""
    for reason in reasons:
        at = "behalf_when" if reason.code == "date_out_of_bounds" else "behalf_who"
        yield replace(reason, field=at) if reason.field == "on_behalf" else reason


def _behalf(today: date) -> list[Field]:
    return [replace(one, value=today.isoformat()) if one.shape is Shape.DAY else one for one in BEHALF]


def _shown(request: Request, asked: Asked, action: Action, form: Form, status: int = 200) -> Response:
    return asked.context.pages.page(
        request, action.template, asked.visitor, status=status, action=action, asked=asked, form=form, view=asked.view,
        can_act=is_open(asked.view, action.trigger), **action.more(asked),
    )  # fmt: skip


# Dates already given that a request sent back does not make untrue: proposed, so that nobody types them twice.


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """None where nothing that is known to be true can be proposed."""

    made_on: date | None = None
    signed_on: date | None = None


def sent_back(view: RequestView) -> EventView | None:
    """The event by which the rectorat sent the request back, while it has not been submitted again (R38)."""
    if not view.request.is_live:
        return None
    turns = [one for one in view.history if one.trigger in (Trigger.SEND_BACK, Trigger.SUBMIT)]
    return turns[-1] if turns and turns[-1].trigger is Trigger.SEND_BACK else None


def proposals(view: RequestView, charter_version: str) -> Proposals:
    """What stands of a request sent back: the dates of the steps that come after the one to redo.

    A charter signed under another name, or in another version, is to be signed again (R27, R29).
    """
    back, request = sent_back(view), view.request
    if back is None:
        return Proposals()
    step = back.data.get("step")
    later = step == Step.DECLARATION.value
    same = request.charter_version == charter_version and not _renamed_since_signed(view)
    return Proposals(
        made_on=request.delegated_on if later else None,
        signed_on=request.charter_signed_on if same and (later or step == Step.DELEGATION.value) else None,
    )


def _renamed_since_signed(view: RequestView) -> bool:
    signed = max((one.seq for one in view.history if one.trigger is Trigger.SIGN_CHARTER), default=0)
    return any(
        one.seq > signed and one.trigger is Trigger.AMEND and one.data.get("name_changed") for one in view.history
    )
