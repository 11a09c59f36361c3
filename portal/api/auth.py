"""Who calls: an access token in ``Authorization``, and nothing else (R76). No cookie is ever read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field

from portal.api.field_types import Told
from portal.api.problems import Refusal, declared, of_form
from portal.web.context import WebContext
from states.model import Actor
from states.vocabulary import Role
from workflow.auth.rate_limit import WINDOW, Limit, RateLimiter, network_of
from workflow.auth.tokens import Tokens
from workflow.database.tables import Scope

FAILED_TOKENS: Final = Limit(name="token", most=20)
"""Tokens that open nothing, from one network address: a script with an old token is told to stop (R74)."""


_LONGEST: Final = 200


_bearer = HTTPBearer(auto_error=False, scheme_name="jeton", description="Un jeton d'accès personnel : oda_…")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The person for whom a program calls, and what its token allows."""

    actor: Actor
    scope: Scope
    secret: str = field(repr=False)


async def rooms(request: Request) -> WebContext:
    """The assembled software that this interface serves; nothing here waits, so no thread is taken for it."""
    found: WebContext = request.app.state.context
    return found


Rooms = Annotated[WebContext, Depends(rooms)]


def reading(
    request: Request, context: Rooms, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    """Who calls. Raises Refusal: 401 without a token that opens something, 429 after too many that do not."""
    if given is None:
        raise _unknown("token_missing", "Il faut un jeton d'accès", "")
    found = tokens_of(context).find(given.credentials) if len(given.credentials) <= _LONGEST else None
    if found is None:
        _count(context, request)
        raise _unknown("token_refused", "Ce jeton n'ouvre rien : inconnu, fini ou révoqué", ', error="invalid_token"')
    actor, scope = found
    return Caller(actor=actor, scope=scope, secret=given.credentials)


def tokens_of(context: WebContext) -> Tokens:
    """Where tokens are found again."""
    return Tokens(context.app)


Reading = Annotated[Caller, Depends(reading)]


async def acting(caller: Reading) -> Caller:
    """Who calls to change something. Raises Refusal: 403 with a token that only reads."""
    if caller.scope is not Scope.ACT:
        reason = of_form(
            "token_reads_only", "Ce jeton permet de lire, pas d'agir", "Employer un jeton qui permet d'agir."
        )
        challenge = f'Bearer realm="oda", error="insufficient_scope", scope="{Scope.ACT.value}"'
        raise Refusal((reason,), 403, {"WWW-Authenticate": challenge})
    return caller


Acting = Annotated[Caller, Depends(acting)]


def _unknown(code: str, message: str, told: str) -> Refusal:
    reason = of_form(code, message, "Envoyer Authorization: Bearer oda_… ; un jeton se crée par « oda token create ».")
    return Refusal((reason,), 401, {"WWW-Authenticate": f'Bearer realm="oda"{told}'})


def _count(context: WebContext, request: Request) -> None:
    """Count a token in vain. Raises Refusal (429) beyond the limit."""
    client, now = network_of(request.client.host if request.client else ""), context.app.clock.now()
    with context.app.database.write() as connection:
        knock = RateLimiter(context.app.hasher).hit(connection, FAILED_TOKENS, client, now)
    if not knock.is_allowed:
        minutes = int(WINDOW.total_seconds() // 60)
        reason = of_form(
            "too_many_tries", "Trop de jetons refusés depuis cette adresse", f"Attendre {minutes} minutes."
        )
        raise Refusal((reason,), 429, {"Retry-After": str(int(WINDOW.total_seconds()))})


# Whose token this is.


router = APIRouter(tags=["jeton"])


class Me(Told):
    """The bearer of a token, and what it allows."""

    who: str = Field(description="Pour qui le programme agit, comme le journal le nomme.")
    role: Role
    establishments: list[str] = Field(description="Les UAI d'un chef ou d'un adjoint ; vide pour le rectorat.")
    token: str = Field(description="Le nom du jeton.")
    scope: Scope
    expires_at: datetime


@router.get("/me", summary="Le porteur du jeton", operation_id="me", responses=declared())
def me(context: Rooms, caller: Reading) -> Me:
    """Qui, pour quoi faire, jusqu'à quand."""
    actor, token = caller.actor, tokens_of(context).of(caller.secret)
    return Me(
        who=actor.label, role=actor.role, establishments=sorted(actor.establishments), token=token.label,
        scope=caller.scope, expires_at=token.expires_at,
    )  # fmt: skip
