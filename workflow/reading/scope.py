"""Who may see what (R2, R3): a chef sees its own establishments, the rectorat and its readers see all."""

from sqlalchemy import ColumnElement, true

from states import refusals
from states.actors import Actor
from states.refusals import Reason
from workflow.rows import REQUEST


def within(scope: Actor) -> ColumnElement[bool]:
    """The requests that this actor may see, as a condition."""
    if not scope.is_establishment:
        return true()
    return REQUEST.c.uai.in_(sorted(scope.establishments))


def sees(scope: Actor, uai: str) -> bool:
    """Whether this actor may see what concerns an establishment."""
    return not scope.is_establishment or uai in scope.establishments


def nothing_to_see(scope: Actor, reference: str) -> Reason:
    """Why there is nothing to show: for a chef the same words whether the request exists elsewhere or nowhere, and
    the words with which the engine refuses both."""
    if scope.is_establishment:
        return refusals.not_your_establishment()
    return refusals.unknown_request(reference)
