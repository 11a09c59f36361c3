"""Authorization (R2 to R6): checked first, so that a refusal tells nothing of the request."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from states import refusals
from states.decision import Case
from states.refusals import Reason
from states.rules.fields import EARLIEST, day_problems
from states.validation import text_problem
from states.vocabulary import Role, Trigger


def access_problems(case: Case[Any], roles: frozenset[Role]) -> Iterator[Reason]:
    """Reasons why this actor may not use this trigger here; ``roles`` are those that may in their own name."""
    actor, request, trigger = case.actor, case.facts.request, case.command.trigger
    if actor.role not in allowed_roles(roles):
        yield refusals.wrong_role(trigger, allowed_roles(roles))
        return
    if actor.role is Role.DEPUTY and not case.policy.deputy_may_act:
        yield refusals.deputy_may_not_act()
    if actor.role is Role.RUPN and (request is None or not actor.owns(request)):
        yield refusals.not_your_request()
    place = request or case.facts.establishment
    if actor.is_establishment and (place is None or place.uai not in actor.establishments):
        yield refusals.not_your_establishment()
    if actor.role is Role.OPERATOR:
        yield from _behalf_problems(case, is_needed=Role.OPERATOR not in roles)
        acts_for_chef = Role.CHEF in roles and case.command.on_behalf is not None and trigger is not Trigger.RENEW
        if case.policy.four_eyes and acts_for_chef and request and request.issued_by in actor.numbers:
            yield refusals.four_eyes(issued=True)  # a renewal makes another request, in which the issuer may act (R6)


@cache
def allowed_roles(roles: frozenset[Role]) -> frozenset[Role]:
    """Add the deputy to the chef (R4), and the operator, who acts on behalf of the establishment (R5).

    Roles that name the deputy are for the establishment alone: nobody acts in its stead there (R112).
    """
    return roles | {Role.DEPUTY, Role.OPERATOR} if Role.CHEF in roles and Role.DEPUTY not in roles else roles


def _behalf_problems(case: Case[Any], *, is_needed: bool) -> Iterator[Reason]:
    """Problems of who asked, how and when: checked even if not needed, for the journal keeps it (R5, R64)."""
    behalf = case.command.on_behalf
    if behalf is None:
        if is_needed:
            yield refusals.behalf_needed(case.command.trigger)
        return
    if problem := text_problem(behalf.who):
        yield refusals.bad_field("on_behalf", "La personne qui a demandé", problem, "R5")
    try:
        asked_on = date.fromisoformat(behalf.when)
    except ValueError:
        yield refusals.bad_field(
            "on_behalf", "Le jour de la demande", "n'est pas une date (exemple : 2026-09-01)", "R5"
        )
        return
    yield from day_problems(
        "on_behalf", "La demande de l'établissement", "R5", asked_on, after=EARLIEST, before=case.today
    )
