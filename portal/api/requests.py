"""Requests read by programs: a list in pages, one whole, its history, its papers, what can be done with it.

Operators, and nobody else, also see who handles a request and their private notes on it (R88).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from notifications.rendering.papers import Paper, PaperUnmakeable, compile_paper
from portal.api.auth import (
    PDF,
    ActingOperator,
    Caller,
    Context,
    Installation,
    OfOperator,
    Reading,
    attached,
    file_answer,
)
from portal.api.problems import Refusal, of_form, only_json, refusal_responses
from portal.api.schemas import (
    REFERENCE,
    Day,
    EventOut,
    Instant,
    Line,
    Reference,
    RequestModel,
    RequestOut,
    ResponseModel,
    StepOut,
    Text,
    Year,
    event_out,
    request_out,
)
from portal.documents import NoSlip, make_charter, make_first_connection, make_slip
from states.model import Policy
from states.rules.verification import oldest_valid_day
from states.vocabulary import State, Trigger
from workflow.requests.collaboration import PrivateNote, assignments_of, notes_of
from workflow.requests.detail import RequestView, show_request
from workflow.requests.filters import Checks, Filters, not_visible
from workflow.requests.lists import list_requests

PREFIX: Final = "/api/v1"
Limit = Annotated[int, Field(ge=1, le=200, description="Combien au plus.")]

ReferencePath = Annotated[
    str, Path(description="La référence de la demande.", pattern=REFERENCE, examples=["ODA-2027-00001"])
]  # fmt: skip

router = APIRouter(tags=["demandes"])
_ANSWERS: Final = file_answer(PDF) | refusal_responses(404, 409)
papers_router = APIRouter(tags=["documents"])
notes_router = APIRouter(tags=["travail à plusieurs"])
NoteNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="Le numéro de la note.", examples=[1])]


def path_of(trigger: Trigger) -> str:
    """The last part of an action's address, as the command line spells it: ``sign-charter``."""
    return trigger.value.replace("_", "-")


def next_page(response: Response, path: str, parameters: BaseModel, after: object) -> str | None:
    """The address of the following page, with the same filters; None at the end. ``Link`` says it too (RFC 8288)."""
    values = parameters.model_dump(mode="json", exclude_defaults=True, exclude={"after"})
    links = [f'<{_address(path, values)}>; rel="first"']
    following = None if after is None else _address(path, values | {"after": after})
    if following:
        links.append(f'<{following}>; rel="next"')
    response.headers["Link"] = ", ".join(links)
    return following


def _address(path: str, values: Mapping[str, Any]) -> str:
    spelled = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}
    query = urlencode(spelled, doseq=True)
    return f"{PREFIX}/{path}?{query}" if query else f"{PREFIX}/{path}"


class RequestParameters(RequestModel):
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
    code_waits_since: Instant | None = Field(
        None, description="Dont le code, envoyé avant cet instant, attend encore le relais (R58)."
    )
    code_held: bool = Field(False, description="Dont un code tiré attend d'être porté sur le serveur ODA (R97).")
    code_drawn_before: Instant | None = Field(
        None, description="Dont un code tiré attend depuis avant cet instant (R97)."
    )
    code_unread: bool = Field(False, description="Dont le code attend d'être lu sur le portail (R112).")
    code_unread_before: Instant | None = Field(
        None, description="Dont le code attend d'être lu depuis avant cet instant (R112)."
    )
    establishment_closed: bool = Field(
        False, description="En cours, dont l'établissement est fermé ou a fusionné (R95)."
    )
    after: Reference | None = Field(None, description="Le curseur : la dernière référence de la page précédente.")
    limit: Limit = 50


class Lines(ResponseModel):
    """A page of requests."""

    items: list[Line]
    next: str | None = Field(description="L'adresse de la page suivante ; null à la fin.")


class Events(ResponseModel):
    """The history of a request, the first event first."""

    items: list[EventOut]


class ActionOut(ResponseModel):
    """An action that is open now."""

    trigger: Trigger
    label: str
    on_behalf: bool = Field(description="Un opérateur ne le fait qu'à la demande de l'établissement (R5).")
    href: str = Field(description="L'adresse à laquelle l'envoyer (POST).")


class Actions(ResponseModel):
    """The actions open to the bearer of the token, and what the request waits for."""

    reference: str
    version: int
    state: State
    actions: list[ActionOut]
    next_step: StepOut | None


@router.get("/requests", summary="La liste des demandes", operation_id="list_requests", responses=refusal_responses())
def list_lines(
    context: Context, caller: Reading, parameters: Annotated[RequestParameters, Query()], response: Response
) -> Lines:
    """Par référence ; pour le rectorat, celles dont le code n'est pas arrivé d'abord."""
    app = context.app
    filters = filters_of(parameters, app.policy, app.clock.now())
    with app.database.read() as connection:
        page = list_requests(
            connection, filters, caller.actor, app.policy.calendar, after=parameters.after, limit=parameters.limit
        )
    items = [Line.model_validate(line) for line in page.lines]
    return Lines(items=items, next=next_page(response, "requests", parameters, page.after))


@router.get(
    "/requests/{reference}", summary="Une demande", operation_id="show_request", responses=refusal_responses(404)
)  # fmt: skip
def get_request(context: Context, caller: Reading, reference: ReferencePath) -> RequestOut:
    """Tout ce que l'on peut en voir ; le code n'y est jamais (R60)."""
    return request_out(load_request(context, caller, reference))


@router.get(
    "/requests/{reference}/events", summary="Son histoire", operation_id="list_events", responses=refusal_responses(404)
)
def list_events(context: Context, caller: Reading, reference: ReferencePath) -> Events:
    """Les événements du journal, le premier d'abord (R8)."""
    return Events(items=[event_out(event) for event in load_request(context, caller, reference).history])


@router.get(
    "/requests/{reference}/possible-actions", summary="Ce que l'on peut en faire", operation_id="list_actions",
    responses=refusal_responses(404),
)  # fmt: skip
def list_actions(context: Context, caller: Reading, reference: ReferencePath) -> Actions:
    """Les actions ouvertes au porteur du jeton, et ce que la demande attend."""
    view = load_request(context, caller, reference)
    actions = [
        ActionOut(
            trigger=action.trigger, label=action.label, on_behalf=action.on_behalf,
            href=f"{PREFIX}/requests/{reference}/{path_of(action.trigger)}",
        )
        for action in view.actions
    ]  # fmt: skip
    step = StepOut.model_validate(view.next_step) if view.next_step else None
    return Actions(
        reference=reference, version=view.request.version, state=view.request.state, actions=actions, next_step=step
    )


def filters_of(parameters: RequestParameters, policy: Policy, now: datetime) -> Filters:
    """The filters of an address; the settings say how old a check may be (R36)."""
    same_names = RequestParameters.model_fields.keys() - {"after", "limit", "state", "school_year"}
    return Filters(
        **{name: getattr(parameters, name) for name in same_names},
        states=tuple(parameters.state),
        school_years=tuple(parameters.school_year),
        oldest_check=oldest_valid_day(policy.calendar.today(now), policy.checks_max_age_days),
    )


def load_request(context: Installation, caller: Caller, reference: str) -> RequestView:
    """Raises Refusal: the same 404 for an unknown request and for one of another establishment (R3)."""
    app = context.app
    with app.database.read() as connection:
        view = show_request(connection, reference, caller.actor, app.policy, app.mailer, app.clock.now())
    if view is None:
        raise Refusal((not_visible(caller.actor, reference),), 404)
    return view


@papers_router.get(
    "/requests/{reference}/charter.pdf", summary="La charte", operation_id="print_charter",
    response_class=Response, responses=_ANSWERS,
)  # fmt: skip
def print_charter(context: Context, caller: Reading, reference: ReferencePath) -> Response:
    """Prête à signer, au nom du RUPN (R27)."""
    return _printed(context, caller, reference, lambda view: make_charter(context.app, view))


@papers_router.get(
    "/requests/{reference}/handover-slip.pdf", summary="Le bordereau de remise", operation_id="print_handover_slip",
    response_class=Response, responses=_ANSWERS,
)  # fmt: skip
def print_slip(context: Context, caller: Reading, reference: ReferencePath) -> Response:
    """Ce que le RUPN signe à la remise du code, qui n'y est pas (R31)."""

    def make(view: RequestView) -> Paper:
        with context.app.database.read() as connection:
            return make_slip(context.app, connection, view)

    return _printed(context, caller, reference, make)


@papers_router.get(
    "/requests/{reference}/first-connection.pdf", summary="La première connexion",
    operation_id="print_first_connection", response_class=Response, responses=_ANSWERS,
)  # fmt: skip
def print_first_connection(context: Context, caller: Reading, reference: ReferencePath) -> Response:
    """La feuille qui dit au RUPN comment se connecter (R69)."""
    return _printed(context, caller, reference, lambda view: make_first_connection(context.app, view))


def _printed(
    context: Installation, caller: Caller, reference: str, make: Callable[[RequestView], Paper]
) -> Response:  # fmt: skip
    """Raises Refusal: 404, 409 when there is nothing to print."""
    view = load_request(context, caller, reference)
    try:
        paper = make(view)
    except NoSlip as nothing:
        message, remedy = (text[:1].upper() + text[1:] for text in (nothing.why, nothing.remedy))
        raise Refusal((of_form("no_slip", message, f"{remedy}."),), 409) from None
    except PaperUnmakeable:
        message = "Ce document n'a pas pu être fait : son modèle est à corriger"
        raise Refusal((of_form("paper_unmakeable", message, "Le dire à l'administrateur."),), 409) from None
    return attached(compile_paper(paper, context.app.clock.now()), filename=paper.filename, media_type=PDF)


class NoteBody(RequestModel):
    """A note to write."""

    text: Text = Field(description="La note, de 500 caractères au plus.", examples=["le chef rappelle jeudi"])


class NoteOut(ResponseModel):
    """A note."""

    number: int
    author: str
    written_at: datetime
    text: str


class Notes(ResponseModel):
    """The notes of a request, the latest first."""

    items: list[NoteOut]


class AssignmentOut(ResponseModel):
    """The operator who handles a request now, until when; both are null when nobody does."""

    address: str | None
    until: datetime | None


@notes_router.get(
    "/requests/{reference}/notes", summary="Les notes privées", operation_id="list_notes",
    responses=refusal_responses(404),
)  # fmt: skip
def list_notes(context: Context, caller: OfOperator, reference: ReferencePath) -> Notes:
    """Celles des opérateurs, la dernière d'abord (R88)."""
    load_request(context, caller, reference)
    with context.app.database.read() as connection:
        return Notes(items=[_note_out(note) for note in notes_of(connection, reference)])


@notes_router.post(
    "/requests/{reference}/notes", summary="Écrire une note", operation_id="write_note", status_code=201,
    responses=refusal_responses(400, 404, 408, 409, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def write_note(
    context: Context, caller: ActingOperator, reference: ReferencePath, body: Annotated[NoteBody, Body()],
    response: Response,
) -> NoteOut:  # fmt: skip
    """Une note que les opérateurs seuls lisent, et que chacun d'eux peut effacer (R88)."""
    load_request(context, caller, reference)
    if reasons := context.app.private_notes.write(reference, caller.actor, body.text):
        raise Refusal(reasons)
    with context.app.database.read() as connection:
        note = notes_of(connection, reference)[0]
    response.headers["Location"] = f"{PREFIX}/requests/{reference}/notes/{note.number}"
    return _note_out(note)


@notes_router.delete(
    "/requests/{reference}/notes/{number}", summary="Effacer une note", operation_id="erase_note", status_code=204,
    responses=refusal_responses(404, 409),
)  # fmt: skip
def erase_note(context: Context, caller: ActingOperator, reference: ReferencePath, number: NoteNumber) -> None:
    """Pour de bon ; une note qui n'est plus là ne change rien (R88)."""
    load_request(context, caller, reference)
    context.app.private_notes.erase(reference, number)


@notes_router.get(
    "/requests/{reference}/assignment", summary="Qui s'en occupe", operation_id="show_assignment",
    responses=refusal_responses(404),
)  # fmt: skip
def get_assignment(context: Context, caller: OfOperator, reference: ReferencePath) -> AssignmentOut:
    """L'opérateur qui s'en occupe à présent, et jusqu'à quand (R88)."""
    return _assignment(context, caller, reference)


@notes_router.put(
    "/requests/{reference}/assignment", summary="S'en occuper", operation_id="take_request",
    responses=refusal_responses(404, 409),
)  # fmt: skip
def take_request(context: Context, caller: ActingOperator, reference: ReferencePath) -> AssignmentOut:
    """Pour un moment, qui que ce soit qui s'en occupait ; cela n'empêche personne d'agir (R88)."""
    load_request(context, caller, reference)
    context.app.assignments.take(reference, caller.actor)
    return _assignment(context, caller, reference)


@notes_router.delete(
    "/requests/{reference}/assignment", summary="Ne plus s'en occuper", operation_id="release_request",
    status_code=204, responses=refusal_responses(404, 409),
)  # fmt: skip
def release_request(context: Context, caller: ActingOperator, reference: ReferencePath) -> None:
    """La demande n'est plus à personne (R88)."""
    load_request(context, caller, reference)
    context.app.assignments.release(reference)


def _assignment(context: Installation, caller: Caller, reference: str) -> AssignmentOut:
    load_request(context, caller, reference)
    app = context.app
    with app.database.read() as connection:
        found = assignments_of(connection, [reference], app.clock.now()).get(reference)
    return AssignmentOut(address=found.address if found else None, until=found.until if found else None)


def _note_out(note: PrivateNote) -> NoteOut:
    return NoteOut(number=note.number, author=note.author, written_at=note.written_at, text=note.body)
