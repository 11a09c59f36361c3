"""Who can act in an establishment's stead, and the codes that he may not have alone (R6, R14)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from states import refusals
from states.decision import Case
from states.model import Actor, Establishment, StandIn
from states.policy import Policy
from states.refusals import Reason
from states.vocabulary import StandInKind


def stand_ins_in_force(establishment: Establishment | None, now: datetime) -> tuple[StandIn, ...]:
    """The operators who can act in the establishment's stead at this instant."""
    stand_ins = establishment.stand_ins if establishment else ()
    return tuple(stand_in for stand_in in stand_ins if stand_in.until is None or now < stand_in.until)


def set_mailbox_of(establishment: Establishment | None, now: datetime) -> StandIn | None:
    """The mailbox in force as an operator set it; None when the directory gives it (R14)."""
    in_force = stand_ins_in_force(establishment, now)
    return next((stand_in for stand_in in in_force if stand_in.kind is StandInKind.MAILBOX), None)


def held_until(stand_in: StandIn | None, now: datetime, hold: timedelta) -> datetime | None:
    """The instant from which a code may leave for this mailbox; None when it may at once (R14)."""
    if stand_in is None or stand_in.confirmed_at or now >= stand_in.since + hold:
        return None
    return stand_in.since + hold


def code_problems(establishment: Establishment | None, actor: Actor, now: datetime, policy: Policy) -> Iterator[Reason]:
    """Why this operator may not send a code to this establishment now (R6, R14).

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
    """Why this operator may not know a code of this establishment: he can act in its stead, or could (R6)."""
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
    in_force = stand_ins_in_force(case.facts.establishment, case.now)
    return acted | case.actor.counts_as | {stand_in.operator for stand_in in in_force}
