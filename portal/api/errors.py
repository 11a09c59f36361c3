"""Everything that is raised, as a problem; pages answer with pages, this interface never does."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from portal.api.problems import AnyReason, answer, of_form, problem_of
from portal.api.validation import invalid
from workflow.database import DatabaseBusy, DatabaseUnreachable
from workflow.writing import LostRace

SOON: Final = {"Retry-After": "5"}
_HTTP: Final = {
    400: of_form("malformed", "Le corps ne peut pas être lu", "Envoyer un objet JSON, en UTF-8."),
    404: of_form("not_found", "Rien ne porte cette adresse", "Vérifier l'adresse : /api/v1/openapi.json les donne."),
    405: of_form("method_not_allowed", "Cette adresse n'accepte pas cette méthode", "Voir l'en-tête Allow."),
    413: of_form("too_large", "Le corps dépasse 1 Mo", "Envoyer moins de commandes à la fois."),
    415: of_form("not_json", "Le corps n'est pas en application/json", "Envoyer Content-Type: application/json."),
}
_OTHER: Final = of_form("refused", "Cette requête ne peut pas être servie", "La vérifier.")
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
        reason = _HTTP.get(error.status_code, _OTHER)
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
    for one in (DatabaseBusy, DatabaseUnreachable, LostRace):
        app.add_exception_handler(one, busy)
