"""Codes drawn by the software: each waits, sealed, until it is said to be on the ODA server (R97)."""

from collections.abc import Iterator
from typing import Any

from states import refusals
from states.commands import DrawCode
from states.decision import Case, DrawAndSeal, Effect, EraseCode, Outcome, Scalar
from states.model import Request
from states.refusals import Reason
from states.rules.code import (
    compromise_problems,
    expiry_problems,
    in_use_problems,
    last_day_of_year,
    separation_problems,
    without_drawn_code,
)
from states.rules.declaration import establishment_problems
from states.rules.standing_in import stand_in_problems
from states.rules.verification import check_problems
from states.vocabulary import CodeStatus, State


def check_draw(case: Case[DrawCode]) -> Iterator[Reason]:
    """All that an issue asks (R39 to R44), so that no code goes to the server that could not be sent."""
    command, request = case.command, case.request
    if not case.policy.draws_codes:
        yield refusals.codes_are_typed()
    if request.drawn_in is not None and case.facts.code_fate is CodeStatus.HELD and not command.anew:
        yield refusals.code_already_drawn(request.drawn_in, case.facts.batch, case.policy.calendar.timezone)
        return
    yield from separation_problems(case, sends_code=True)
    yield from establishment_problems(case)
    yield from expiry_problems(case, command.expires_on)
    is_again = request.state is State.CODE_ISSUED
    yield from in_use_problems(
        case, confirmed=command.new_key_confirmed or request.drawn_in is not None, again=is_again
    )
    if not is_again:
        yield from check_problems(request, case.today, case.policy.checks_max_age_days).values()
    elif command.reason is None:
        yield refusals.reissue_reason_missing()
    else:
        yield from compromise_problems(case, command.reason)


def apply_draw(case: Case[DrawCode]) -> Outcome:
    """Draw and seal; what was sealed before is erased, and its mail that has not left is cancelled (R62)."""
    command, request = case.command, case.request
    last_day = last_day_of_year(case)
    expires_on = command.expires_on or request.expires_on or last_day
    data: dict[str, Scalar] = {"batch": command.batch, "expires_on": expires_on.isoformat()}
    data |= {"new_key_confirmed": command.new_key_confirmed, "anew": command.anew}
    if command.reason and request.has_key:
        data["reason"] = command.reason.value
    replaces = request.has_key or request.drawn_in is not None
    return Outcome(
        request=request.with_(
            drawn_at=case.now, drawn_in=command.batch, expires_on=expires_on, expiry_seen_for=last_day
        ),
        target=request.state,
        data=data,
        effects=((EraseCode(),) if replaces else ()) + (DrawAndSeal(),),
    )


def reading_problems(case: Case[Any]) -> Iterator[Reason]:
    """Why this operator may not read the code that was drawn: it would be his alone (R6)."""
    if case.policy.four_eyes and not case.actor.numbers.isdisjoint(case.request.acted_on_behalf):
        yield refusals.four_eyes(issued=False)
    yield from stand_in_problems(case.facts.establishment, case.actor, case.now, case.policy)


def after_drawn_code(
    request: Request, target: State, effects: tuple[Effect, ...]
) -> tuple[Request, tuple[Effect, ...]]:
    """The request and the effects of what ends the wait of a drawn code: sent back or ended, it is erased (R61)."""
    if request.drawn_in is None or target in (State.REQUESTED, State.CODE_ISSUED):
        return request, effects
    erased = effects if EraseCode() in effects else (EraseCode(), *effects)
    return without_drawn_code(request), erased
