"""Refusals for programs (RFC 9457): a stable type, a status, a French sentence, and every reason of R7."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi.responses import JSONResponse
from pydantic import Field

from portal.api.kinds import Told
from states.refusals import Reason

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
