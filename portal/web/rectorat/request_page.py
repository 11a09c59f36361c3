"""What the page of a request shows beside the request itself: its mails, its buttons, the form of its next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import QueryParams

from notifications.mail import Mail
from notifications.outbox import listing
from portal.web.actions.model import Action, Asked
from portal.web.actions.operator_checks import source_of
from portal.web.actions.operator_codes import keys_in_use
from portal.web.forms import Form, blank
from portal.web.installed import Installed
from portal.web.rectorat.removals_call import calls_shown
from portal.web.rectorat.request_words import FATES, colour, happened, told
from portal.web.visitors import Visitor
from portal.web.worklist.criteria import Criteria
from portal.web.worklist.origin import origin_of
from states.vocabulary import CheckOutcome, State, Trigger
from workflow.connector.reading import CallView
from workflow.reading.ready import Left, next_of_list, next_ready
from workflow.reading.view import CheckView, RequestView

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


def around(
    here: Installed, visitor: Visitor, view: RequestView, request: Request, actions: Mapping[str, Action]
) -> dict[str, Any]:
    """All of it, as the template takes it."""
    origin = origin_of(request, visitor)
    asked = Asked(here=here, visitor=visitor, view=view, today=here.pages.today(), origin=origin)
    by_trigger = {action.trigger: action for action in reversed(list(actions.values()))}
    inline = _inline(asked, by_trigger)
    return {
        "view": view, "asked": asked, "since": since(view), "fate": FATES[view.code_fate], "mails": _mails(here, view),
        "colour": colour, "happened": happened, "told": told, "cards": _cards(asked, by_trigger),
        "inline": inline, "buttons": _buttons(view, by_trigger, inline), "actions": by_trigger,
        "expiry": _expiry(asked), "call": _call(here, view),
        "holders": {one.reference for one in keys_in_use(asked)}, "following": _following(asked, request),
    }  # fmt: skip


def since(view: RequestView) -> datetime:
    """When the request came to its state."""
    return next((e.at for e in reversed(view.history) if e.source is not e.target), view.created_at)


def _call(here: Installed, view: RequestView) -> CallView | None:
    """What the connector asked the ODA server, if it did (R84)."""
    if view.removal is None or here.house.connector is None:
        return None
    with here.house.database.read() as connection:
        return calls_shown(here, connection, [view.request.reference]).get(view.request.reference)


def _mails(here: Installed, view: RequestView) -> tuple[Mail, ...]:
    with here.house.database.read() as connection:
        return listing(connection, reference=view.request.reference, limit=MAILS).mails


def _may(asked: Asked, trigger: Trigger) -> bool:
    return any(action.trigger is trigger for action in asked.view.actions)


def _cards(asked: Asked, actions: Mapping[Trigger, Action]) -> tuple[CheckCard, ...]:
    """The two checks, once the rectorat has the request, or had it."""
    view = asked.view
    told = (
        ("Liste des RUPN", "liste", view.listing, "absent-de-la-liste"),
        ("Délégation dans DelegCE", "delegation", view.delegation, "delegation-introuvable"),
    )
    if view.request.state is not State.REQUESTED and not any(found.check for _, _, found, _ in told):
        return ()
    return tuple(
        CheckCard(
            title=title, name=name, found=found, action=actions[trigger],
            form=blank(()) if _may(asked, trigger) and not found.is_valid else None, may=_may(asked, trigger),
            source=source_of(asked, trigger) if _may(asked, trigger) else "",
            motif=motif if found.check and found.check.outcome is CheckOutcome.NEGATIVE else "",
        )
        for (title, name, found, motif), trigger in zip(told, CHECKS, strict=True)
    )  # fmt: skip


def _inline(asked: Asked, actions: Mapping[Trigger, Action]) -> Inline | None:
    step = asked.view.next_step
    if step is None or step.trigger not in INLINE or not _may(asked, step.trigger):
        return None
    action = actions[step.trigger]
    return action, blank(action.fields(asked))


def _expiry(asked: Asked) -> Form | None:
    """The form that ticks, in one click, that the key bears the year's end on the server (R43)."""
    may = asked.view.expiry_differs and _may(asked, Trigger.CONFIRM_EXPIRY)
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


def _following(asked: Asked, request: Request) -> str | None:
    """The next request whose code can be issued, for an operator who is done with this one: of the list that he came
    from, if it was narrowed."""
    if not asked.visitor.is_operator or not request.query_params.get("fait") or _is_ours(asked.view):
        return None
    house = asked.here.house
    now = house.clock.now()
    with house.database.read() as connection:
        if not asked.origin:
            return next_ready(connection, house.policy, now, asked.reference)
        criteria = Criteria.read(QueryParams(asked.origin))
        left = Left(reference=asked.reference, since=_came(asked.view))
        return next_of_list(connection, house.policy, now, criteria.filters(house), criteria.order, left)


def _came(view: RequestView) -> datetime:
    """When the request last came to the rectorat, which is where it stood in a list."""
    arrivals = (e.at for e in reversed(view.history) if e.target is State.REQUESTED and e.source is not e.target)
    return next(arrivals, view.created_at)
