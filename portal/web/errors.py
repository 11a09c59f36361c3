"""Exception handlers: a page that tells what to do, never a trace, never anything of somebody else."""

import logging
from contextlib import suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from notifications.ports import DatabaseTrouble
from portal.middleware import fixed_headers
from portal.server import log_incident
from portal.web.context import (
    READING,
    FactorNeeded,
    Forbidden,
    Forged,
    PresentationNeeded,
    ProofNeeded,
    SignInNeeded,
    WebContext,
    session_user_of,
    visitor_or_none,
)
from portal.web.security import door_of, page_before
from portal.web.step_up import KEPT_FORM, keep_form, lead_to_proof, set_kept_cookie
from states.refusals import Reason
from workflow.auth.rate_limit import FORBIDDEN, FORGED_FORMS
from workflow.database.clock import ClockRefused
from workflow.engine.engine import ConcurrentUpdate

_log = logging.getLogger("oda")

_TEXTS = {
    400: ("Cette requête ne peut pas être lue", "Repartez de la page précédente : rien n'a été enregistré."),
    403: (
        "Cette page ne vous est pas ouverte",
        "Elle est réservée à d'autres personnes. Si vous pensez devoir l'ouvrir, écrivez au contact.",
    ),
    404: ("Cette page n'existe pas", "Vérifiez l'adresse : elle a pu être coupée, ou la page a disparu depuis."),
    405: ("Cette page ne s'ouvre pas ainsi", "Repartez de la page précédente : rien n'a été enregistré."),
    408: ("L'envoi a duré trop longtemps", "Recommencez, par une meilleure liaison : rien n'a été enregistré."),
    409: (
        "Ce formulaire n'est plus valable",
        "Il venait d'une autre connexion, ou d'une page ouverte depuis trop longtemps : rien n'a été enregistré."
        " Rouvrez la page et recommencez.",
    ),
    413: ("C'est trop long", "Raccourcissez les textes et recommencez : rien n'a été enregistré."),
    422: ("Cette adresse est incomplète ou abîmée", "Repartez de la page précédente : rien n'a été enregistré."),
    429: (
        "Trop d'essais",
        "Attendez une demi-heure ; un lien qui n'a pas servi s'ouvre dès maintenant.",
    ),
    500: ("Une erreur nous empêche de répondre", "Recommencez dans un instant ; si cela dure, écrivez au contact."),
    503: ("Le service est occupé", "Recommencez dans un instant : rien n'a été enregistré."),
}

_SEND_AGAIN = (
    "Rechargez cette page dans un instant : le formulaire repart tel que vous l'avez rempli,"
    " et rien n'est fait deux fois."
)

_READ_ONLY = "Vous consultez sans rien changer : pour agir, demandez à un opérateur du rectorat."


def error_page(
    request: Request, status: int, incident: str = "", trouble: DatabaseTrouble | None = None,
    reason: Reason | None = None,
) -> Response:  # fmt: skip
    """The page of an error; ``incident``: the number under which it was logged; ``trouble``: why, for operators.

    ``reason``: why an action is refused, for whoever asked it.
    """
    context: WebContext = request.app.state.context
    title, remedy = _TEXTS.get(status, _TEXTS[400 if status < 500 else 500])
    if reason:
        title, remedy = reason.message, f"{reason.remedy} Rien n'a été enregistré."
    visitor = None
    if status < 500 or (trouble and trouble.can_read):  # the page keeps its menu, if the database answers
        with suppress(DatabaseTrouble):
            visitor = visitor_or_none(request, context, session_user_of(request, context))
    if trouble and visitor and visitor.is_operator:
        title, remedy = str(trouble), trouble.remedy
    elif status == 403 and visitor and visitor.is_rectorat and request.url.path.startswith("/rectorat"):
        remedy = _READ_ONLY
    elif status in (408, 503) and not trouble and request.method not in READING:
        remedy = _SEND_AGAIN
    page = context.pages.page(
        request, "error.html", visitor, status=status, title=title, remedy=remedy, code=status, incident=incident,
        back=page_before(request, context.settings.address),
    )  # fmt: skip
    if status == 503:
        page.headers["Retry-After"] = "5"
    return page


def add_exception_handlers(app: FastAPI) -> None:
    """Register the handlers of the exceptions."""

    async def sign_in(request: Request, needed: SignInNeeded) -> Response:
        context: WebContext = request.app.state.context
        door = door_of(request.url.path)
        secret = None if request.method in READING else await keep_form(request, context)
        if secret is None:
            return RedirectResponse(f"{door}?suite={needed.back}" if needed.back else door, status_code=303)
        response = RedirectResponse(f"{door}?suite={KEPT_FORM}", status_code=303)
        set_kept_cookie(response, context, secret)
        return response

    def ask_factor(_: Request, needed: FactorNeeded) -> Response:
        place = "/connexion/second-facteur"
        return RedirectResponse(f"{place}?suite={needed.back}" if needed.back else place, status_code=303)

    def present(_: Request, __: PresentationNeeded) -> Response:
        return RedirectResponse("/connexion/qui", status_code=303)

    def forbidden(request: Request, _: Forbidden) -> Response:
        request.app.state.context.count_refusal(FORBIDDEN, request)
        return error_page(request, 403)

    def forged(request: Request, _: Forged) -> Response:
        request.app.state.context.count_refusal(FORGED_FORMS, request)
        return error_page(request, 409)

    async def prove(request: Request, _: ProofNeeded) -> Response:
        return await lead_to_proof(request, request.app.state.context)

    def http(request: Request, error: HTTPException) -> Response:
        return error_page(request, error.status_code)

    def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody reads it: who hangs up is no incident

    def troubled(request: Request, trouble: DatabaseTrouble) -> Response:
        _log.error("database: %s", trouble)
        return error_page(request, 503, trouble=trouble)

    def refused_by_clock(request: Request, refused: ClockRefused) -> Response:
        return error_page(request, 409, reason=refused.reasons[0])

    def unexpected(request: Request, error: Exception) -> Response:
        page = error_page(request, 500, log_incident(error))
        https = request.app.state.context.is_https
        page.headers.update(
            fixed_headers(https=https) | {"Cache-Control": "no-store"}
        )  # sent outside of the middleware
        return page

    app.add_exception_handler(SignInNeeded, sign_in)  # type: ignore[arg-type]
    app.add_exception_handler(FactorNeeded, ask_factor)  # type: ignore[arg-type]
    app.add_exception_handler(PresentationNeeded, present)  # type: ignore[arg-type]
    app.add_exception_handler(ProofNeeded, prove)  # type: ignore[arg-type]
    app.add_exception_handler(Forbidden, forbidden)  # type: ignore[arg-type]
    app.add_exception_handler(Forged, forged)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(ClientDisconnect, gone)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, lambda request, _: error_page(request, 422))
    app.add_exception_handler(DatabaseTrouble, troubled)  # type: ignore[arg-type]
    app.add_exception_handler(ClockRefused, refused_by_clock)  # type: ignore[arg-type]
    app.add_exception_handler(ConcurrentUpdate, lambda request, _: error_page(request, 503))
    app.add_exception_handler(Exception, unexpected)
