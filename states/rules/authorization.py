"""Authorization: who may use which trigger, and who may know a code, for he could act in the establishment's stead.

It is checked first, so that a refusal tells nothing of the request (R2 to R6, R14).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from states import refusals
from states.decision import EARLIEST, Case, day_problems
from states.model import Actor, Establishment, Policy, StandIn
from states.refusals import Reason
from states.validation import text_problem
from states.vocabulary import Role, StandInKind, Trigger


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


def set_mailbox_of(establishment: Establishment | None, now: datetime) -> StandIn | None:
    """The mailbox in force as an operator set it; None when the directory gives it (R14)."""
    in_force = _stand_ins_in_force(establishment, now)
    return next((stand_in for stand_in in in_force if stand_in.kind is StandInKind.MAILBOX), None)


def held_until(stand_in: StandIn | None, now: datetime, hold: timedelta) -> datetime | None:
    """The instant from which a code may leave for this mailbox; None when it may at once (R14)."""
    if stand_in is None or stand_in.confirmed_at or now >= stand_in.since + hold:
        return None
    return stand_in.since + hold


def code_problems(establishment: Establishment | None, actor: Actor, now: datetime, policy: Policy) -> Iterator[Reason]:
    """Reasons why this operator may not send a code to this establishment now (R6, R14).

    Its mailbox was set a short time ago, and no second operator has confirmed it; or he can himself read what arrives,
    or act there, in its stead.
    """
    set_mailbox = set_mailbox_of(establishment, now)
    if until := held_until(set_mailbox, now, policy.mailbox_hold):
        label = set_mailbox.label if set_mailbox else ""
        yield refusals.mailbox_held(label, until, policy.calendar.timezone)
    yield from stand_in_problems(establishment, actor, now, policy)


def stand_in_problems(
    establishment: Establishment | None, actor: Actor, now: datetime, policy: Policy
) -> Iterator[Reason]:
    """Reasons why this operator may not know a code of this establishment: he can act in its stead, or could (R6)."""
    if policy.four_eyes and establishment:
        remembered = timedelta(days=policy.stand_in_days)
        kinds = {
            stand_in.kind for stand_in in establishment.stand_ins
            if stand_in.operator in actor.numbers and (stand_in.until is None or now < stand_in.until + remembered)
        }  # fmt: skip
        yield from (refusals.stands_in(kind) for kind in StandInKind if kind in kinds)


def with_stand_ins(case: Case[Any], acted: frozenset[int]) -> frozenset[int]:
    """The operators who acted for the establishment, with those who could be whoever acts in its name (R6).

    Of a substitute, whoever could act in the stead of the substitute's own establishment too (R114).
    """
    if not case.actor.is_establishment:
        return acted
    in_force = _stand_ins_in_force(case.facts.establishment, case.now)
    return acted | case.actor.counts_as | {stand_in.operator for stand_in in in_force}


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


def _stand_ins_in_force(establishment: Establishment | None, now: datetime) -> tuple[StandIn, ...]:
    """The operators who can act in the establishment's stead at this instant."""
    stand_ins = establishment.stand_ins if establishment else ()
    return tuple(stand_in for stand_in in stand_ins if stand_in.until is None or now < stand_in.until)
