"""Reading requests: the listing in pages, one whole, its history, what can be done of it."""

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from portal.api.auth import Caller, Reading, Rooms
from portal.api.field_types import REFERENCE, Asked, Day, Instant, Reference, Text, Told, Year
from portal.api.problems import Refusal, declared
from portal.api.schemas import EventOut, Line, RequestOut, StepOut, event_out, request_out
from portal.web.context import WebContext
from states.policy import Policy
from states.rules.verification import oldest_valid_day
from states.vocabulary import State, Trigger
from workflow.requests.detail import RequestView, show_request
from workflow.requests.filters import Checks, Filters, not_visible
from workflow.requests.lists import list_requests

# Cursors: a page of a listing leads to the next one by its address.


PREFIX: Final = "/api/v1"


Limit = Annotated[int, Field(ge=1, le=200, description="Combien au plus.")]


def next_page(path: str, wanted: BaseModel, after: object) -> str | None:
    """The address of the page that follows, with the same filters; None at the end."""
    if after is None:
        return None
    asked = wanted.model_dump(mode="json", exclude_defaults=True) | {"after": after}
    pairs = [(name, _text(one)) for name, value in asked.items() for one in _each(value)]
    return f"{PREFIX}/{path}?{urlencode(pairs)}"


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


router = APIRouter(tags=["demandes"])


Ref = Annotated[str, Path(description="La référence de la demande.", pattern=REFERENCE, examples=["ODA-2027-00001"])]


class RequestQuery(Asked):
    """The filters of the worklist; each combines with every other."""

    state: list[State] = Field([], max_length=len(State), description="Dans un de ces états ; à répéter.")
    live: bool = Field(False, description="Seulement celles qui sont en cours.")
    school_year: list[Year] = Field([], max_length=20, description="D'une de ces années scolaires ; à répéter.")
    uai: Text = Field("", description="D'un établissement.")
    establishment: Text = Field("", description="D'un établissement, par des mots de son nom, de sa commune, de l'UAI.")
    kind: Text = Field("", description="D'un type d'établissement, comme dans l'annuaire : Collège.")
    departement: Text = Field("", description="D'un département : 31, 2A, 974.")
    name: Text = Field("", description="D'une personne : un bout de nom ou de prénom, sans égard aux accents.")
    mail: Text = Field("", description="D'une personne, par son adresse entière.")
    since_before: Instant | None = Field(None, description="Venues à leur état avant cet instant.")
    since_after: Instant | None = Field(None, description="Venues à leur état à cet instant ou après.")
    submitted_before: Instant | None = Field(None, description="Au rectorat, et envoyées avant cet instant.")
    checks: Checks | None = Field(None, description="Au rectorat, et dont les vérifications en sont là (R34 à R36).")
    not_handed_over: bool = Field(False, description="Dont la remise du code n'est pas confirmée (R31).")
    expiry_differs: bool = Field(False, description="Dont la clé ne porte pas la date de fin d'année (R43).")
    removal_open: bool = Field(False, description="Dont le retrait des droits reste à confirmer (R49).")
    report_open: bool = Field(False, description="Dont un signalement reste à régler (R46).")
    report_due_on: Day | None = Field(None, description="Dont un signalement est à régler ce jour-là (R32).")
    undeliverable: bool = Field(False, description="Dont le code n'est pas arrivé (R58).")
    after: Reference | None = Field(None, description="Le curseur : la dernière référence de la page précédente.")
    limit: Limit = 50


class Lines(Told):
    """A page of requests."""

    items: list[Line]
    next: str | None = Field(description="L'adresse de la page suivante ; null à la fin.")


class Events(Told):
    """The history of a request, the first event first."""

    items: list[EventOut]


class ActionOut(Told):
    """Something that can be done now."""

    trigger: Trigger
    label: str
    on_behalf: bool = Field(description="Un opérateur ne le fait qu'à la demande de l'établissement (R5).")
    href: str = Field(description="L'adresse à laquelle l'envoyer (POST).")


class Actions(Told):
    """What this token's person can do of a request now, and what the request waits for."""

    reference: str
    version: int
    state: State
    actions: list[ActionOut]
    next_step: StepOut | None


_OURS: Final = frozenset({"after", "limit", "state", "school_year"})


@router.get("/requests", summary="La liste des demandes", operation_id="list_requests", responses=declared())
def listed(context: Rooms, caller: Reading, wanted: Annotated[RequestQuery, Query()]) -> Lines:
    """Par référence ; pour le rectorat, celles dont le code n'est pas arrivé d'abord."""
    app = context.app
    filters = filters_of(wanted, app.policy, app.clock.now())
    with app.database.read() as connection:
        page = list_requests(
            connection, filters, caller.actor, app.policy.calendar, after=wanted.after, limit=wanted.limit
        )
    items = [Line.model_validate(line) for line in page.lines]
    return Lines(items=items, next=next_page("requests", wanted, page.after))


@router.get(
    "/requests/{reference}", summary="Une demande", operation_id="show_request", responses=declared(404)
)  # fmt: skip
def shown(context: Rooms, caller: Reading, reference: Ref) -> RequestOut:
    """Tout ce que l'on peut en voir ; le code n'y est jamais (R60)."""
    return request_out(seen(context, caller, reference))


@router.get("/requests/{reference}/events", summary="Son histoire", operation_id="list_events", responses=declared(404))
def events(context: Rooms, caller: Reading, reference: Ref) -> Events:
    """Les événements du journal, le premier d'abord (R8)."""
    return Events(items=[event_out(event) for event in seen(context, caller, reference).history])


@router.get(
    "/possible-actions/{reference}", summary="Ce que l'on peut en faire", operation_id="list_actions",
    responses=declared(404),
)  # fmt: skip
def possible(context: Rooms, caller: Reading, reference: Ref) -> Actions:
    """Les actions ouvertes au porteur du jeton, et ce que la demande attend."""
    view = seen(context, caller, reference)
    place = f"/api/v1/requests/{reference}"
    actions = [
        ActionOut(trigger=one.trigger, label=one.label, on_behalf=one.on_behalf, href=f"{place}/{one.trigger.value}")
        for one in view.actions
    ]
    step = StepOut.model_validate(view.next_step) if view.next_step else None
    return Actions(
        reference=reference, version=view.request.version, state=view.request.state, actions=actions, next_step=step
    )


def filters_of(wanted: RequestQuery, policy: Policy, now: datetime) -> Filters:
    """The filters asked for; how old a check may be is the settings' to say (R36)."""
    plain = {name: getattr(wanted, name) for name in RequestQuery.model_fields if name not in _OURS}
    oldest = oldest_valid_day(policy.calendar.today(now), policy.checks_max_age_days)
    return Filters(**plain, states=tuple(wanted.state), school_years=tuple(wanted.school_year), oldest_check=oldest)


def seen(context: WebContext, caller: Caller, reference: str) -> RequestView:
    """A request; the same 404 for an unknown one and for one of another establishment (R3)."""
    app = context.app
    with app.database.read() as connection:
        view = show_request(connection, reference, caller.actor, app.policy, app.mailer, app.clock.now())
    if view is None:
        raise Refusal((not_visible(caller.actor, reference),), 404)
    return view
