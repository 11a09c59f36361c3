"""Whose token this is."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from portal.api.callers import Reading, Rooms, tokens_of
from portal.api.kinds import Told
from portal.api.problems import declared
from states.vocabulary import Role
from workflow.doors.vocabulary import Scope

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
def me(here: Rooms, caller: Reading) -> Me:
    """Qui, pour quoi faire, jusqu'à quand."""
    actor, token = caller.actor, tokens_of(here).of(caller.secret)
    return Me(
        who=actor.label, role=actor.role, establishments=sorted(actor.establishments), token=token.label,
        scope=caller.scope, expires_at=token.expires_at,
    )  # fmt: skip
