"""Who may do what (R2 to R6): the first door, which tells nothing of the request to whom it refuses."""

from collections.abc import Iterator
from typing import Any

from states import refusals
from states.case import Case
from states.refusals import Reason
from states.vocabulary import RequestedBy, Role, Trigger
from states.words import text_problem


def problems(case: Case[Any], roles: frozenset[Role]) -> Iterator[Reason]:
    """Why this actor may not use this trigger here; nothing when he may."""
    actor, trigger = case.actor, case.command.trigger
    if actor.role not in _allowed(roles):
        yield refusals.wrong_role(trigger, actor.role, _allowed(roles))
        return
    if actor.role is Role.DEPUTY and not case.policy.deputy_may_act:
        yield refusals.deputy_may_not_act()
    establishment = case.facts.establishment
    if actor.is_establishment and (establishment is None or establishment.uai not in actor.establishments):
        yield refusals.not_your_establishment()
    if actor.role is Role.OPERATOR and Role.OPERATOR not in roles:
        yield from _behalf(case, trigger)


def _allowed(roles: frozenset[Role]) -> frozenset[Role]:
    """A deputy may what a chef may (R4); so may an operator, on behalf of the establishment (R5)."""
    return roles | {Role.DEPUTY, Role.OPERATOR} if Role.CHEF in roles else roles


def _behalf(case: Case[Any], trigger: Trigger) -> Iterator[Reason]:
    behalf = case.command.on_behalf
    if behalf is None:
        yield refusals.behalf_needed(trigger)
        return
    if problem := text_problem(behalf.who):
        yield refusals.bad_field("on_behalf", "La personne qui a demandé", problem, "R5")
    if not isinstance(behalf.how, RequestedBy) or not behalf.when:
        yield refusals.behalf_needed(trigger)
