"""Who may do what (R2 to R6): the first door, which tells nothing of the request to whom it refuses."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from states import refusals
from states.decision import Case
from states.refusals import Reason
from states.rules import fields as dates
from states.validation import text_problem
from states.vocabulary import Role, Trigger


def problems(case: Case[Any], roles: frozenset[Role]) -> Iterator[Reason]:
    """Why this actor may not use this trigger here; nothing when he may."""
    actor, trigger = case.actor, case.command.trigger
    if actor.role not in _allowed(roles):
        yield refusals.wrong_role(trigger, actor.role, _allowed(roles))
        return
    if actor.role is Role.DEPUTY and not case.policy.deputy_may_act:
        yield refusals.deputy_may_not_act()
    if actor.is_establishment and _uai(case) not in actor.establishments:
        yield refusals.not_your_establishment()
    if actor.role is Role.OPERATOR:
        yield from _behalf(case, trigger, needed=Role.OPERATOR not in roles)
        if Role.CHEF in roles:
            yield from _issuer(case, trigger)


def _uai(case: Case[Any]) -> str | None:
    """The establishment that is acted for: the request's own, when there is one (R3)."""
    if case.facts.request:
        return case.facts.request.uai
    return case.facts.establishment.uai if case.facts.establishment else None


def _issuer(case: Case[Any], trigger: Trigger) -> Iterator[Reason]:
    """With four eyes, who issued the code does not act for the establishment in that request (R6); a renewal makes
    another one."""
    request = case.facts.request
    if not case.policy.four_eyes or case.command.on_behalf is None or trigger is Trigger.RENEW or request is None:
        return
    if request.issued_by == case.actor.number:
        yield refusals.four_eyes(issued=True)


@cache
def _allowed(roles: frozenset[Role]) -> frozenset[Role]:
    """A deputy may what a chef may (R4); so may an operator, on behalf of the establishment (R5)."""
    return roles | {Role.DEPUTY, Role.OPERATOR} if Role.CHEF in roles else roles


def _behalf(case: Case[Any], trigger: Trigger, *, needed: bool) -> Iterator[Reason]:
    """Who asked, how and when: needed or not, what is given is right, for the journal keeps it (R5, R64)."""
    behalf = case.command.on_behalf
    if behalf is None:
        if needed:
            yield refusals.behalf_needed(trigger)
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
    yield from dates.day_problems(
        "on_behalf", "La demande de l'établissement", "R5", asked_on, after=dates.EARLIEST, before=case.today
    )
