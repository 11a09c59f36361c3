"""Accepted decisions as the engine hands them over, made by the rules themselves."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from states.decision import Decision, RequestEvent
from states.model import Actor, Establishment, Facts
from states.transitions import decide
from states.vocabulary import State, Trigger
from tests.kit import factories as f


def request_event(
    trigger: Trigger,
    *,
    facts: Facts | None = None,
    actor: Actor | None = None,
    mailbox: str | None = f.MAILBOX,
    at: datetime | None = None,
    command: dict[str, Any] | None = None,
) -> RequestEvent:
    """The usual command of that trigger, accepted. ``mailbox`` is what the establishment has afterwards."""
    known = facts or f.facts_for(trigger)
    who, now = actor or f.actor_for(trigger), at or f.now_for(trigger)
    policy = f.policy()
    decision = decide(known, f.command(trigger, **(command or {})), who, now, policy)
    assert isinstance(decision, Decision), str(decision)
    if decision.is_birth:
        decision = replace(decision, request=decision.request.with_(reference=f.REFERENCE))
    return RequestEvent(
        decision=decision,
        before=known.request,
        establishment=replace(known.establishment or Establishment(uai=f.UAI, nom="?"), mailbox=mailbox),
        actor=who,
        at=now,
        seq=1,
        year_end=policy.calendar.end_of(decision.request.school_year),
        others=known.others,
    )


def expired(number: int, uai: str = f.UAI, **changes: Any) -> RequestEvent:
    """The request of that number, expired with its year."""
    request = f.request(State.CODE_ISSUED, reference=f"ODA-2027-{number:05}", uai=uai, **changes)
    known = f.facts(request)
    place = f.establishment(uai, mailbox=f"ce.{uai.lower()}@ac-toulouse.fr")
    return replace(
        request_event(
            Trigger.EXPIRE,
            facts=replace(known, establishment=place),
            mailbox=place.mailbox,
            command={"reference": request.reference},
        ),
        others=(),
    )
