"""Asks the rules, and insists on the kind of answer."""

from datetime import datetime
from typing import Any

from states.commands import Command
from states.decision import Decision, Refused
from states.model import Actor, Facts
from states.refusals import Reason
from states.transitions import decide
from states.vocabulary import Trigger
from tests.kit import factories as f


def accepted(facts: Facts, command: Command, actor: Actor | None = None, now: datetime | None = None,
             **policy: Any) -> Decision:  # fmt: skip
    """The decision; fails with the reasons when there are some. ``policy`` are settings that differ from the usual."""
    answer = _ask(facts, command, actor, now, policy)
    assert isinstance(answer, Decision), str(answer)
    return answer


def refused(facts: Facts, command: Command, actor: Actor | None = None, now: datetime | None = None,
            **policy: Any) -> dict[str, Reason]:  # fmt: skip
    """The reasons by code; fails on an acceptance. A code that comes twice is told apart by its field or its rank."""
    answer = _ask(facts, command, actor, now, policy)
    assert isinstance(answer, Refused), f"accepted: {answer}"
    codes = [reason.code for reason in answer.reasons]
    reasons: dict[str, Reason] = {}
    for rank, reason in enumerate(answer.reasons):
        suffix = f":{reason.field}" if reason.field else f"#{codes[: rank + 1].count(reason.code)}"
        reasons[reason.code if codes.count(reason.code) == 1 else reason.code + suffix] = reason
    assert len(reasons) == len(codes), str(answer)
    return reasons


def usual(trigger: Trigger, **changes: Any) -> Decision:
    """The usual command of a trigger, changed, on its usual facts: accepted."""
    return accepted(f.facts_for(trigger), f.command(trigger, **changes))


def unusual(trigger: Trigger, **changes: Any) -> dict[str, Reason]:
    """The usual command of a trigger, changed, on its usual facts: refused."""
    return refused(f.facts_for(trigger), f.command(trigger, **changes))


def _ask(facts: Facts, command: Command, actor: Actor | None, now: datetime | None,
         policy: dict[str, Any]) -> Decision | Refused:  # fmt: skip
    who = actor or f.actor_for(command.trigger)
    return decide(facts, command, who, now or f.now_for(command.trigger), f.policy(**policy))
