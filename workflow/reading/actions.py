"""What somebody can do of a request now, read from the table: the buttons of a page, the last lines of a terminal."""

from dataclasses import dataclass
from datetime import datetime

from states.actors import Actor
from states.case import Case
from states.commands import Renew
from states.facts import Facts, Request
from states.policy import Policy
from states.rules.birth import renewal_years
from states.table import TABLE, Transition
from states.vocabulary import Role, Trigger


@dataclass(frozen=True, slots=True)
class PossibleAction:
    """A trigger with its French label; ``on_behalf``: an operator does it at the establishment's request (R5)."""

    trigger: Trigger
    on_behalf: bool = False

    @property
    def label(self) -> str:
        return self.trigger.label


def possible_actions(facts: Facts, actor: Actor, policy: Policy, now: datetime) -> tuple[PossibleAction, ...]:
    """The triggers open to ``actor`` on ``facts.request``, in the order of the table (R1 to R5, R24).

    A trigger may still be refused for what it is given; one that has no object is left out. Raises LookupError
    without a request.
    """
    request = Case(facts, Renew(reference=""), actor, now, policy).request
    return tuple(
        PossibleAction(line.trigger, on_behalf=actor.role is Role.OPERATOR and actor.role not in line.roles)
        for line in TABLE
        if line.trigger is not Trigger.DECLARE
        and _may(line, actor, policy)
        and _stands(line, request, policy, now)
        and _has_object(line.trigger, facts, actor, policy, now)
    )


def _may(line: Transition, actor: Actor, policy: Policy) -> bool:
    if actor.role is Role.DEPUTY:
        return policy.deputy_may_act and Role.CHEF in line.roles
    return actor.role in line.roles or (actor.role is Role.OPERATOR and Role.CHEF in line.roles)


def _stands(line: Transition, request: Request, policy: Policy, now: datetime) -> bool:
    """From this state (R1), and not only while the school year runs (R24)."""
    if not line.is_birth and request.state not in line.sources:
        return False
    return line.after_end or not policy.calendar.has_ended(request.school_year, now)


def _has_object(trigger: Trigger, facts: Facts, actor: Actor, policy: Policy, now: datetime) -> bool:
    """Whether there is something to settle, to confirm, to renew."""
    request = facts.request
    match trigger:
        case Trigger.SETTLE_CHANGE:
            return any(report.is_open for report in facts.reports)
        case Trigger.CONFIRM_REMOVAL:
            return facts.removal is not None and facts.removal.outcome is None
        case Trigger.CONFIRM_HANDOVER:
            return request is not None and not request.extends and not request.handed_on
        case Trigger.RENEW:
            return bool(renewal_years(Case(facts, Renew(reference=""), actor, now, policy)))
        case Trigger.EXPIRE:
            return request is not None and policy.calendar.has_ended(request.school_year, now)
    return True
