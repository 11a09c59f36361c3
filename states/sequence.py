"""Several commands that follow each other on one request: all that is wrong with them, told at once (R7)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from states.actors import Actor
from states.case import Case
from states.commands import Command
from states.facts import Facts
from states.policy import Policy
from states.refusals import Reason
from states.table import BY_TRIGGER


def all_reasons(
    facts: Facts, refused: Sequence[Reason], commands: Sequence[Command], actor: Actor, now: datetime, policy: Policy
) -> tuple[Reason, ...]:
    """``refused``, for which the first command was, then what the next ones would have met had it been accepted.

    Nothing more is told when a door was closed before the rules of the first one were looked at: who may not act
    learns nothing (R3). Pure.
    """
    first, *following = commands
    case = Case(facts, first, actor, now, policy)
    line = BY_TRIGGER[first.trigger]
    if tuple(line.check(case)) != tuple(refused):
        return tuple(refused)
    reasons = list(refused)
    for command in following:
        outcome = line.apply(case)
        request = outcome.request.with_(state=outcome.target)
        case = Case(replace(facts, request=request), command, actor, now, policy)
        line = BY_TRIGGER[command.trigger]
        reasons += line.check(case)
    return tuple(reasons)
