"""Refusals for programs (RFC 9457): a stable type, a status, a French sentence, and every reason of R7."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from portal.api.field_types import Told
from states.form_errors import allowed_values, error_message
from states.refusals import Reason
from states.vocabulary import Trigger
from workflow.database.connection import DatabaseBusy, DatabaseUnreachable
from workflow.engine.engine import ConcurrentUpdate

MEDIA_TYPE: Final = "application/problem+json"


_URN: Final = "urn:oda:refus:"


class ReasonOut(Told):
    """One reason (R7)."""

    code: str = Field(description="Ce qui identifie la raison pour un programme ; ne change pas.")
    rule: str | None = Field(description="La règle de docs/processus.md ; null pour une erreur de forme.")
    message: str = Field(description="Ce qui ne va pas.")
    remedy: str = Field(description="Que faire.")
    field: str | None = Field(description="Le champ en cause, par son chemin ; null s'il n'y en a pas un seul.")


class Problem(Told):
    """What is answered instead of what was asked."""

    type: str = Field(description="urn:oda:refus: suivi du code de la première raison.")
    title: str = Field(description="La première raison, en quelques mots.")
    status: int = Field(description="Le statut HTTP.")
    detail: str = Field(description="Tout ce qui ne va pas et que faire, en français.")
    reasons: list[ReasonOut] = Field(description="Toutes les raisons.")


_STATUSES: Final = {
    "unknown_request": 404, "not_your_establishment": 404, "wrong_role": 403, "deputy_may_not_act": 403,
    "four_eyes": 403, "other_content": 422,
}  # fmt: skip


AnyReason = Reason | ReasonOut


def of_form(code: str, message: str, remedy: str, field: str | None = None) -> ReasonOut:
    """A reason that no rule gives: the request itself is not as the description says."""
    return ReasonOut(code=code, rule=None, message=message, remedy=remedy, field=field)


def status_of(reasons: Iterable[AnyReason]) -> int:
    """404 and 403 for what one may not reach, 422 for a field to correct, 409 for the request as it stands."""
    found = list(reasons)
    known = [_STATUSES[reason.code] for reason in found if reason.code in _STATUSES]
    if known:
        return known[0]
    return 422 if any(reason.field for reason in found) else 409


def problem_of(reasons: Iterable[AnyReason], status: int | None = None) -> Problem:
    """The problem that these reasons make; the first one gives its type."""
    found = list(reasons)
    return Problem(
        type=f"{_URN}{found[0].code}",
        title=found[0].message,
        status=status or status_of(found),
        detail=" ".join(f"{reason.message}. {reason.remedy}" for reason in found),
        reasons=[reason_out(reason) for reason in found],
    )


def reason_out(reason: AnyReason) -> ReasonOut:
    """A reason, or a warning, as it is answered."""
    return reason if isinstance(reason, ReasonOut) else ReasonOut.model_validate(reason)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem as a response."""
    return JSONResponse(problem.model_dump(), problem.status, headers=headers, media_type=MEDIA_TYPE)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route says of its refusals in the description, besides those of every route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in (*ALWAYS, *statuses)}


_MEANINGS: Final = {
    400: "Le corps n'est pas du JSON en UTF-8.",
    401: "Pas de jeton, ou un jeton qui n'ouvre rien.",
    403: "Le jeton, ou son rôle, ne permet pas cela.",
    404: "Inconnu, ou pas de votre établissement : la réponse est la même (R3).",
    409: "Refusé : la demande n'est pas dans l'état voulu, ou a changé (R1, R9).",
    413: "Le corps dépasse 1 Mo.",
    415: "Le corps n'est pas en application/json.",
    422: "Refusé : une valeur est à corriger.",
    429: "Trop de jetons refusés depuis cette adresse : attendre ce que dit Retry-After.",
    500: "Une erreur imprévue ; rien n'est dit de plus.",
    503: "La base est occupée : recommencer après ce que dit Retry-After.",
}


ALWAYS: Final = (401, 403, 422, 429, 500, 503)


# What is wrong with the form of a request, in French, field by field; never what was sent.


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
    "oda_text": ("Ce texte contient un caractère que rien ne peut garder (U+0000)", "Le retirer."),
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


def invalid(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """The problem that pydantic's errors make, at most ``MOST`` of them."""
    reasons = [_reason(error) for _, error in zip(range(MOST), errors, strict=False)]
    return problem_of(reasons, 422)


def _reason(error: Mapping[str, Any]) -> ReasonOut:
    kind, context = str(error["type"]), error.get("ctx") or {}
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
    return of_form(f"form_{kind.removeprefix('oda_')}", message, remedy, _path(error["loc"]))


def _path(loc: Iterable[Any]) -> str | None:
    """``commands.0.uai``: without the place, nor the tag that tells two bodies apart, nor a long name that was sent."""
    parts = list(loc)
    if parts and parts[0] in _PLACES:
        parts = parts[1:]
    kept = [
        str(part)[:_LONGEST_PART]
        for before, part in zip([None, *parts], parts, strict=False)
        if not (isinstance(before, int) and part in _TRIGGERS)
    ]
    return ".".join(kept) or None


# Everything that is raised, as a problem; pages answer with pages, this interface never does.


SOON: Final = {"Retry-After": "5"}


_HTTP: Final = {
    400: of_form("malformed", "Le corps ne peut pas être lu", "Envoyer un objet JSON, en UTF-8."),
    404: of_form("not_found", "Rien ne porte cette adresse", "Vérifier l'adresse : /api/v1/openapi.json les donne."),
    405: of_form("method_not_allowed", "Cette adresse n'accepte pas cette méthode", "Voir l'en-tête Allow."),
    413: of_form("too_large", "Le corps dépasse 1 Mo", "Envoyer moins de commandes à la fois."),
    415: of_form("not_json", "Le corps n'est pas en application/json", "Envoyer Content-Type: application/json."),
}


_OTHER_ERRORS: Final = of_form("refused", "Cette requête ne peut pas être servie", "La vérifier.")


_BUSY: Final = of_form(
    "busy", "La base est occupée ou ne répond pas", "Recommencer dans un instant, avec la même Idempotency-Key."
)


class Refusal(Exception):
    """A refusal that a route or a door gives; ``headers`` go with it."""

    def __init__(
        self, reasons: tuple[AnyReason, ...], status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.problem, self.headers = problem_of(reasons, status), headers


def install(app: FastAPI) -> None:
    """Tell the interface what to answer when something is raised."""

    def refusal(_: Request, error: Refusal) -> Response:
        return answer(error.problem, error.headers)

    def http(_: Request, error: HTTPException) -> Response:
        reason = _HTTP.get(error.status_code, _OTHER_ERRORS)
        return answer(problem_of([reason], error.status_code), error.headers)

    def form(_: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        unread = any(one["type"] == "json_invalid" for one in errors)
        return answer(problem_of([_HTTP[400]], 400) if unread else invalid(errors))

    def busy(_: Request, __: Exception) -> Response:
        return answer(problem_of([_BUSY], 503), SOON)

    app.add_exception_handler(Refusal, refusal)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, form)  # type: ignore[arg-type]
    for one in (DatabaseBusy, DatabaseUnreachable, ConcurrentUpdate):
        app.add_exception_handler(one, busy)
