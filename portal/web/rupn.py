"""The RUPN's own page: where his requests stand, what to read, what is kept of him, « ce n'est plus moi » (R113).

He changes nothing else, and no code is ever shown to him.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.messages.facts import OnRequest, Person, Place, Year
from notifications.rendering.papers import charter, compile_paper, first_connection
from portal.web.actions.base import version_of, with_refusal
from portal.web.context import Context, MaybeVisitor, PostedByAnyone, Rupn, SignedIn, Typed, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.public_texts import PublicFacts
from portal.web.security import Visitor, is_of_rupn, safe_back
from portal.web.sign_in import gate_user
from portal.web.sign_in_browser import Asking
from states.commands import ReportChange
from states.decision import Refused
from states.french import day
from states.refusals import bad_mail
from states.validation import clean_mail, mail_problem
from states.vocabulary import Change, CodeStatus, Role, State
from workflow.requests.lists import RupnRequest, find_rupn_request, list_rupn_requests

DOOR: Final = "/connexion/rupn"

ADDRESS: Final = Field(
    name="adresse", label="Votre adresse académique", shape=Shape.MAIL, autocomplete="email",
    hint="Celle que votre chef d'établissement a donnée pour votre clé.", missing="Donner votre adresse.",
)  # fmt: skip

CONFIRMED: Final = Field(
    name="confirme", label="Je ne suis plus, ou n'ai jamais été, le RUPN de cet établissement", shape=Shape.CHECK,
    missing="Cocher cette case pour l'envoyer.",
)  # fmt: skip

_STEPS: Final = {
    State.DECLARED: (
        "Vous êtes désigné",
        "Votre chef d'établissement a déclaré que vous êtes le RUPN. Il doit maintenant vous déléguer le module dans"
        " DelegCE.",
    ),
    State.DELEGATED: (
        "La délégation est faite",
        "Lisez la charte ci-dessous, puis signez-la auprès de votre chef d'établissement, qui garde l'exemplaire.",
    ),
    State.CHARTER_SIGNED: (
        "La charte est signée", "Votre chef d'établissement doit encore envoyer la demande au rectorat.",
    ),
    State.REQUESTED: (
        "Le rectorat vérifie", "Le rectorat vérifie la demande, puis fait le code. Vous n'avez rien à faire.",
    ),
    State.CODE_ISSUED: (
        "Votre clé", "Le code d'initialisation vous est remis en main propre par votre chef d'établissement.",
    ),
}  # fmt: skip
"""The steps in the RUPN's words: a title, and what happens while the request stands there."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the picture: ``is_done``, ``is_now``, or still to come; ``details`` of the present one alone."""

    title: str
    details: str = ""
    is_done: bool = False
    is_now: bool = False


def is_offered(context: Context) -> None:
    """Raises HTTPException (404) where the académie does not offer this page."""
    if not context.app.people.rupn_may_enter:
        raise HTTPException(404)


router = APIRouter(include_in_schema=False, dependencies=[Depends(is_offered)])


@router.get(DOOR)
def show_door(request: Request, context: Context, visitor: MaybeVisitor, suite: str = "") -> Response:
    """The first page of a RUPN, by an identity or a link: it leads to his own page (R113)."""
    back = _back(suite)
    if visitor:
        return RedirectResponse(visitor.home, status_code=303)
    return _render_door(request, context, blank((ADDRESS,)), back)


@router.post(DOOR)
def ask_link(request: Request, context: Context, data: PostedByAnyone, asking: Asking) -> Response:
    """Send a link to the address of a request, if one bears it; the answer is the same if none does (R72)."""
    form, back = filled((ADDRESS,), data), _back(data.get("suite"))
    if form.is_right and (problem := mail_problem(clean_mail(form.values["adresse"]))):
        form = form.refused([bad_mail("adresse", "L'adresse", problem)])
    if not form.is_right:
        return _render_door(request, context, form, back, status=422)
    link_request = asking.of(back=back)
    context.links.send_to_rupn(clean_mail(form.values["adresse"]), link_request)
    return asking.sent(link_request, pour="rupn")


def _back(path: object) -> str:
    """The page of his that was wanted: it is by wanting it that an identity comes in as a RUPN."""
    back = safe_back(path)
    return back if is_of_rupn(back) else "/rupn"


def _render_door(request: Request, context: WebContext, form: Form, back: str, *, status: int = 200) -> HTMLResponse:
    return context.pages.page(
        request, "rupn/door.html", status=status, form=form, back=back, is_kept=False, by_mail=True,
        gate_user=gate_user(request, context), ended_by=None,
    )  # fmt: skip


@router.get("/rupn")
def show_rupn(request: Request, context: Context, signed: SignedIn, visitor: MaybeVisitor) -> Response:
    """The standing of each of his requests; a plain page once none bears his address any more."""
    if visitor is None and signed and signed[0].role is Role.RUPN:
        return context.pages.page(request, "rupn/none.html", status=410)
    if visitor is None:
        return RedirectResponse(f"{DOOR}?suite=/rupn", status_code=303)
    if not visitor.is_rupn:
        return RedirectResponse(visitor.home, status_code=303)
    with context.app.database.read() as connection:
        own = list_rupn_requests(connection, visitor.actor, context.app.policy, context.app.mailer)
    live = [entry for entry in own if entry.request.is_live]
    return context.pages.page(
        request, "rupn/home.html", visitor, live=live, ended=[entry for entry in own if not entry.request.is_live],
        steps_of=steps_of,
        here=PublicFacts.of(context.app.settings, context.pages.today()),
    )  # fmt: skip


def steps_of(entry: RupnRequest) -> tuple[Step, ...]:
    """The picture of a live request."""
    at = list(_STEPS).index(entry.request.state)
    return tuple(
        Step(
            title=title, is_done=number < at, is_now=number == at,
            details=(sentence_of(entry) if state is State.CODE_ISSUED else details) if number == at else "",
        )
        for number, (state, (title, details)) in enumerate(_STEPS.items())
    )  # fmt: skip


def sentence_of(entry: RupnRequest) -> str:
    """The standing of a request, in one sentence or two."""
    request, until = entry.request, day(entry.expires_on)
    if not request.is_live:
        return "Cette demande est close : la clé ne sert plus pour cet établissement."
    if request.state is not State.CODE_ISSUED:
        return _STEPS[request.state][1]
    match entry.code_fate:
        case CodeStatus.HANDED_OVER:
            return f"Votre clé est en service, jusqu'au {until}."
        case CodeStatus.EXTENDED:
            return f"La clé que vous aviez déjà sert aussi pour cet établissement, jusqu'au {until}."
        case CodeStatus.UNDELIVERABLE | CodeStatus.HELD | CodeStatus.NONE:
            return "Le rectorat prépare votre code : votre chef d'établissement vous le remettra en main propre."
    return (
        "Votre code est prêt : votre chef d'établissement vous le remet en main propre. Il ne vous parvient ni par"
        " courriel, ni par téléphone."
    )


def _own(context: WebContext, visitor: Visitor, reference: str) -> RupnRequest:
    """One of his requests. Raises HTTPException (404), for an unknown one as for somebody else's."""
    if not reference.isascii() or not reference.isprintable():
        raise HTTPException(404)
    app = context.app
    with app.database.read() as connection:
        own = find_rupn_request(connection, visitor.actor, reference, app.policy, app.mailer)
    if own is None:
        raise HTTPException(404)
    return own


def _facts(entry: RupnRequest) -> OnRequest:
    return OnRequest(
        reference=entry.request.reference, establishment=Place.of(entry.establishment), rupn=Person.of(entry.request),
        year=Year.of(entry.year_end),
    )  # fmt: skip


@router.get("/rupn/demandes/{reference}/charte.pdf")
def show_own_charter(context: Context, visitor: Rupn, reference: str) -> Response:
    """The charter, to be read before it is signed (R27)."""
    mailer = context.app.mailer
    paper = charter(_facts(_own(context, visitor, reference)), mailer.mail_context, mailer.wordings)
    return _pdf(context, compile_paper(paper, context.app.clock.now()), paper.filename)


@router.get("/rupn/demandes/{reference}/fiche.pdf")
def show_own_sheet(context: Context, visitor: Rupn, reference: str) -> Response:
    """The sheet of the first connection (R69)."""
    mailer, entry = context.app.mailer, _own(context, visitor, reference)
    has_code = entry.code_fate is not CodeStatus.EXTENDED
    paper = first_connection(_facts(entry), mailer.mail_context, mailer.wordings, has_code=has_code)
    return _pdf(context, compile_paper(paper, context.app.clock.now()), paper.filename)


def _pdf(_: WebContext, content: bytes, filename: str) -> Response:
    headers: Mapping[str, str] = {"Content-Disposition": f'inline; filename="{filename}"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/rupn/demandes/{reference}/plus-moi")
def show_not_me(request: Request, context: Context, visitor: Rupn, reference: str) -> Response:
    """Ask to confirm it, and say what it does; once it is said, his first page tells what became of it."""
    entry = _own(context, visitor, reference)
    if not entry.may_say:
        return RedirectResponse(visitor.home, status_code=303)
    return _render_not_me(request, context, visitor, entry, blank((CONFIRMED,)))


@router.post("/rupn/demandes/{reference}/plus-moi")
def say_not_me(request: Request, context: Context, visitor: Rupn, reference: str, data: Typed) -> Response:
    """Report it, as the establishment reports a change: an operator settles it (R32, R46)."""
    entry, form = _own(context, visitor, reference), filled((CONFIRMED,), data)
    if not form.is_right:
        return _render_not_me(request, context, visitor, entry, form, status=422)
    today: date = context.pages.today()
    command = ReportChange(
        reference=reference, expected_version=version_of(data), change=Change.NOT_RUPN, effective_on=today
    )
    (result,) = context.app.engine.execute([command], visitor.actor, key=f"web:{form.key}")
    if isinstance(result, Refused):
        form = with_refusal(form, result, visitor)
        return _render_not_me(request, context, visitor, _own(context, visitor, reference), form, status=422)
    sentence = "c'est enregistré : le rectorat le traite, et votre chef d'établissement est prévenu"
    return context.success_messages.redirect(visitor, visitor.home, sentence)


def _render_not_me(
    request: Request, context: WebContext, visitor: Visitor, entry: RupnRequest, form: Form, *, status: int = 200
) -> HTMLResponse:
    return context.pages.page(request, "rupn/not_me.html", visitor, status=status, entry=entry, form=form)
