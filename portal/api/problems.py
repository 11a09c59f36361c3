"""Refusals for programs (RFC 9457): a stable type, a status, a French sentence, and every reason of R7.

A call has a number, which its answer and the log both hold, with the reason of its refusal. Bodies are JSON, and each
key is given once: refused before anything is read of them. What nobody foresaw is a problem too, without a detail.
"""

import json
import logging
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notifications.ports import DatabaseTrouble
from portal.api.schemas import STORABLE, ReasonOut, ResponseModel
from states.refusals import Reason
from states.validation import storable
from states.vocabulary import Trigger
from workflow.auth.actors import NotAllowed
from workflow.auth.rate_limit import FORBIDDEN, REFUSED_CALLS
from workflow.database.clock import ClockRefused
from workflow.engine.engine import ConcurrentUpdate
from workflow.settings.yaml_reader import allowed_values, error_message

HEADER: Final = "X-Request-Id"
_log = logging.getLogger("oda")
MEDIA_TYPE: Final = "application/problem+json"
_URN: Final = "urn:oda:refus:"

_STATUSES: Final = {
    "unknown_request": 404, "not_your_establishment": 404, "wrong_role": 403, "deputy_may_not_act": 403,
    "four_eyes": 403, "other_content": 422,
}  # fmt: skip

AnyReason = Reason | ReasonOut

_MEANINGS: Final = {
    400: "Le corps n'est pas du JSON en UTF-8.",
    401: "Pas de jeton, ou un jeton qui n'ouvre rien.",
    403: "Le jeton, ou son rôle, ne permet pas cela.",
    404: "Inconnu, ou pas de votre établissement : la réponse est la même (R3).",
    408: "Le corps n'est pas venu en entier à temps.",
    409: "Refusé : la demande n'est pas dans l'état voulu, ou a changé (R1, R9).",
    413: "Le corps dépasse 1 Mo.",
    415: "Le corps n'est pas dans un format que cette adresse prend.",
    422: "Refusé : une valeur est à corriger.",
    429: "Trop de jetons refusés d'ici, ou d'actions de ce jeton : attendre ce que dit Retry-After (R74).",
    500: "Une erreur imprévue ; rien n'est dit de plus.",
    503: "La base est occupée : recommencer après ce que dit Retry-After.",
}

ALWAYS: Final = (401, 403, 422, 429, 500, 503)
MOST: Final = 50
_LONGEST_PART: Final = 60
_TRIGGERS: Final = frozenset(trigger.value for trigger in Trigger)
_PLACES: Final = ("body", "query", "path", "header")
_OBJECT: Final = ("Il faut un objet JSON", "L'écrire entre accolades.")

_WORDS: Final[dict[str, tuple[str | None, str | None]]] = {
    "missing": ("Ce champ manque", "L'ajouter."),
    "extra_forbidden": ("Ce champ n'est pas connu", "Le retirer, ou vérifier son nom."),
    "string_type": (None, "L'écrire entre guillemets."),
    "string_unicode": ("Ce texte contient la moitié d'un caractère (U+D800 à U+DFFF)", "La retirer."),
    "text": ("Ce texte contient un caractère que rien ne peut garder (U+0000)", "Le retirer."),
    "string_too_short": ("Ce texte est trop court", "Au moins {min_length}."),
    "string_pattern_mismatch": ("Cette valeur n'a pas la forme attendue", "Forme attendue : {pattern}"),
    "bool_type": (None, "Écrire true ou false, sans guillemets."),
    "int_type": (None, "L'écrire sans guillemets ni décimales."),
    "enum": ("Cette valeur n'est pas de la liste", "Valeurs possibles : {expected}."),
    "too_short": ("Cette liste est trop courte", "Au moins {min_length}."),
    "list_type": ("Il faut une liste", "L'écrire entre crochets."),
    "union_tag_invalid": ("Cette action n'existe pas", "Valeurs possibles : {expected_tags}."),
    "union_tag_not_found": ("Il manque « trigger »", "Dire de quelle action il s'agit."),
    "model_attributes_type": _OBJECT,
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
}
"""Messages and remedies of errors that only a program makes; without a message, it is that of the settings too."""

SOON: Final = {"Retry-After": "5"}


@dataclass(slots=True)
class Call:
    """One request of a program; ``refusal`` is the code of the problem that answers it, ``has_token``: a good one."""

    number: str = field(default_factory=lambda: secrets.token_hex(6).upper())
    refusal: str = ""
    has_token: bool = False


_current: Final[ContextVar[Call | None]] = ContextVar("call", default=None)


def current_call() -> Call | None:
    """The call that is being answered; None where none is, as when the description is made."""
    return _current.get()


class Numbered:
    """Outermost middleware: gives each call its number, in ``X-Request-Id``, and logs what is refused under it.

    The log has the route, never the address: an address may hold a name. What a stranger sends, and what the database's
    trouble refuses, are warnings, of which the log keeps one a minute: nobody fills it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call()

        async def numbered_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = call.number
                if message["status"] >= 400:
                    route = getattr(scope.get("route"), "path", "?")
                    is_told_once = not call.has_token or message["status"] == 503
                    _log.log(
                        logging.WARNING if is_told_once else logging.INFO,
                        "interface %s: %s %s, %s %s",
                        call.number, scope["method"], route, message["status"], call.refusal,
                    )  # fmt: skip
            await send(message)

        token = _current.set(call)
        try:
            await self._app(scope, receive, numbered_send)
        finally:
            _current.reset(token)


class Unforeseen:
    """Middleware around all but the numbering: answers 500 without a detail for what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted_send)
        except Exception as error:
            call, route = current_call(), getattr(scope.get("route"), "path", "?")
            _log.error("interface %s: %s, %s", call.number if call else "?", route, type(error).__name__)
            if started:
                raise
            reason = of_form(
                "unforeseen", "Une erreur imprévue empêche de répondre", "Recommencer ; si cela dure, l'écrire."
            )
            await problem_response(problem_of([reason], 500))(scope, receive, send)


class Problem(ResponseModel):
    """The body of a refusal (RFC 9457)."""

    type: str = Field(description="urn:oda:refus: suivi du code de la première raison.")
    title: str = Field(description="La première raison, en quelques mots.")
    status: int = Field(description="Le statut HTTP.")
    detail: str = Field(description="Tout ce qui ne va pas et que faire, en français.")
    instance: str | None = Field(description="Le numéro de la requête, à donner à qui aide : l'en-tête X-Request-Id.")
    reasons: list[ReasonOut] = Field(description="Toutes les raisons.")

    @property
    def is_counted(self) -> bool:
        """True of what tells whoever tries references that they exist, or not (R108)."""
        return self.status in (404, 409)


def of_form(code: str, message: str, remedy: str, field: str | None = None) -> ReasonOut:
    """A reason that no rule gives: the HTTP request is not as the description says."""
    return ReasonOut(code=code, rule=None, message=message, remedy=remedy, field=field)


def problem_of(reasons: Iterable[AnyReason], status: int | None = None) -> Problem:
    """The problem that these reasons make; the first one gives its type.

    Without a status, 404 or 403 for what one may not reach, 422 for a field to correct, 409 for the request as it is.
    """
    reasons = list(reasons)
    if status is None:
        statuses = [_STATUSES[reason.code] for reason in reasons if reason.code in _STATUSES]
        status = statuses[0] if statuses else 422 if any(reason.field for reason in reasons) else 409
    return Problem.model_validate({
        "type": f"{_URN}{reasons[0].code}",
        "title": reasons[0].message,
        "status": status,
        "detail": " ".join(f"{reason.message}. {reason.remedy}" for reason in reasons),
        "instance": f"urn:oda:requete:{call.number}" if (call := current_call()) else None,
        "reasons": reasons,
    })  # fmt: skip


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem as a response; the line that the log keeps of the request says its code."""
    if call := current_call():
        call.refusal = problem.type.removeprefix(_URN)
    return JSONResponse(problem.model_dump(), problem.status, headers=headers, media_type=MEDIA_TYPE)


def refusal_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route for the description: those of every route, and its own ``statuses``."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in (*ALWAYS, *statuses)
    }


def example_of_status(status: int) -> dict[str, Any]:
    """A refusal of this status as it is answered."""
    problem = problem_of([_EXAMPLES.get(status) or _HTTP[status]], status)
    return problem.model_dump() | {"instance": "urn:oda:requete:9F0C2A7B41D6"}


def invalid(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """The problem that pydantic's errors make, at most ``MOST`` of them."""
    reasons = [_reason(error) for _, error in zip(range(MOST), errors, strict=False)]
    return problem_of(reasons, 422)


def _reason(error: Mapping[str, Any]) -> ReasonOut:
    context = error.get("ctx") or {}
    kind = "text" if context.get("pattern") == STORABLE else str(error["type"])
    message, remedy = _WORDS.get(kind, (None, None))
    if kind.startswith("oda_") and remedy is None:
        message, remedy = "Cette valeur n'a pas la forme attendue", f"{error.get('msg', '')}."
    elif remedy is None:
        allowed = allowed_values(kind, context)
        remedy = f"Valeurs permises : {allowed}." if allowed else "Corriger cette valeur."
    else:
        remedy = remedy.format_map(context).replace(" or ", " ou ")
    if message is None:
        message = error_message(kind)
        message = message[0].upper() + message[1:]
    parts = list(error["loc"])
    if parts and parts[0] in _PLACES:
        parts = parts[1:]
    names = [  # ``commands.0.uai``: without the tag of a union, and the end of a long name that was sent
        str(part)[:_LONGEST_PART]
        for before, part in zip([None, *parts], parts, strict=False)
        if not (isinstance(before, int) and part in _TRIGGERS)
    ]
    return of_form(f"form_{kind.removeprefix('oda_')}", message, remedy, ".".join(names) or None)


_HTTP: Final = {
    400: of_form("malformed", "Le corps ne peut pas être lu", "Envoyer un objet JSON, en UTF-8."),
    404: of_form("not_found", "Rien ne porte cette adresse", "Vérifier l'adresse : /api/v1/openapi.json les donne."),
    405: of_form("method_not_allowed", "Cette adresse n'accepte pas cette méthode", "Voir l'en-tête Allow."),
    408: of_form("too_slow", "Le corps n'est pas venu en entier en 30 secondes", "Recommencer, ou envoyer moins."),
    413: of_form("too_large", "Le corps dépasse 1 Mo", "Envoyer moins de commandes à la fois."),
    415: of_form(
        "not_json", "Le corps n'est pas dans un format que cette adresse prend",
        "L'annoncer par Content-Type, en application/json sauf pour un fichier.",
    ),
}  # fmt: skip


_EXAMPLES: Final = {
    401: of_form(
        "token_refused", "Ce jeton n'ouvre rien : inconnu, fini ou révoqué",
        "Envoyer Authorization: Bearer oda_… ; un jeton se crée par « oda token create ».",
    ),
    403: of_form("token_reads_only", "Ce jeton permet de lire, pas d'agir", "Employer un jeton qui permet d'agir."),
    404: of_form("unknown_request", "Aucune demande ne porte cette référence", "Vérifier la référence."),
    409: of_form("changed_meanwhile", "La demande a changé depuis qu'elle a été lue", "La relire, puis recommencer."),
    422: of_form("form_extra_forbidden", "Ce champ n'est pas connu", "Le retirer, ou vérifier son nom.", "inconnu"),
    429: of_form("too_many_tries", "Trop de jetons refusés depuis cette adresse", "Attendre 12 minutes."),
    500: of_form("unforeseen", "Une erreur imprévue empêche de répondre", "Recommencer ; si cela dure, l'écrire."),
    503: of_form(
        "busy", "La base est occupée ou ne répond pas",
        "Recommencer dans un instant, avec la même Idempotency-Key.",
    ),
}  # fmt: skip
"""A refusal of each status, for the description."""


_OTHER_ERRORS: Final = of_form("refused", "Cette requête ne peut pas être servie", "La vérifier.")


_BUSY: Final = of_form(
    "busy", "La base est occupée ou ne répond pas", "Recommencer dans un instant, avec la même Idempotency-Key."
)


class Refusal(Exception):
    """A refusal raised by a route or a dependency; ``headers`` go with it."""

    def __init__(
        self, reasons: tuple[AnyReason, ...], status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.problem, self.headers = problem_of(reasons, status), headers


def install_handlers(app: FastAPI) -> None:
    """Answer everything that is raised with a problem, never with a page."""

    def refusal(request: Request, error: Refusal) -> Response:
        if error.problem.is_counted:
            request.app.state.context.count_refusal(REFUSED_CALLS, request)
        return problem_response(error.problem, error.headers)

    def not_allowed(request: Request, error: NotAllowed) -> Response:
        request.app.state.context.count_refusal(FORBIDDEN, request)
        reasons = error.reasons or (of_form("not_allowed", error.message.rstrip("."), "S'adresser à qui le peut."),)
        return problem_response(problem_of(reasons, 403))

    def clock(_: Request, error: ClockRefused) -> Response:
        return problem_response(problem_of(error.reasons, 409))

    def http(_: Request, error: HTTPException) -> Response:
        if error.status_code == 503:
            return busy(_, error)
        reason = _HTTP.get(error.status_code, _OTHER_ERRORS)
        return problem_response(problem_of([reason], error.status_code), error.headers)

    def form(_: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        is_unreadable = any(problem["type"] == "json_invalid" for problem in errors)
        return problem_response(problem_of([_HTTP[400]], 400) if is_unreadable else invalid(errors))

    def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody reads it: who hangs up is no incident

    def busy(_: Request, error: Exception) -> Response:
        if isinstance(error, DatabaseTrouble):
            _log.error("database: %s", error)
        return problem_response(problem_of([_BUSY], 503), SOON)

    app.add_exception_handler(Refusal, refusal)  # type: ignore[arg-type]
    app.add_exception_handler(NotAllowed, not_allowed)  # type: ignore[arg-type]
    app.add_exception_handler(ClockRefused, clock)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(ClientDisconnect, gone)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, form)  # type: ignore[arg-type]
    for kind in (DatabaseTrouble, ConcurrentUpdate):
        app.add_exception_handler(kind, busy)


async def only_json(request: Request) -> None:
    """Refuse what is not JSON: a form of another site can send nothing here. Raises HTTPException (415).

    A key given twice is refused too: which of its values was meant is anybody's guess (RFC 8259). Raises Refusal.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().casefold() != "application/json":
        raise HTTPException(415)
    with suppress(ValueError, RecursionError):  # what cannot be read has its own refusal
        json.loads(await request.body(), object_pairs_hook=_without_double)


def _without_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        field = storable(double)[:60] or None
        raise Refusal((of_form("form_key_twice", "Cette clé est donnée deux fois", "N'en garder qu'une.", field),), 422)
    return values
