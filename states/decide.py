"""The one decision: a command is accepted with all that follows from it, or refused with every reason (R1, R7)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from states import refusals
from states import refusals as refusals_year
from states.commands import Command, OnRequest
from states.decision import Case, Decision, Outcome, Refused
from states.model import Actor, Facts, Request
from states.policy import Policy
from states.refusals import Reason
from states.rules import authorization as access
from states.rules import declaration as birth
from states.rules import declaration as person
from states.rules import revocation as closing
from states.rules import verification as checks
from states.transitions import ARROWS, BY_TRIGGER, Transition
from states.validation import normalise_uai, person_key, uai_problem
from states.vocabulary import Role, Trigger


def decide(facts: Facts, command: Command, actor: Actor, now: datetime, policy: Policy) -> Decision | Refused:
    """What becomes of ``command``, given ``facts`` loaded and locked, at ``now`` (aware UTC). Pure."""
    case = Case(facts, command, actor, now, policy)
    line = BY_TRIGGER[command.trigger]
    if reasons := _problems(case, line):
        return Refused(tuple(reasons))
    return _accept(case, line, line.apply(case))


def _problems(case: Case[Any], line: Transition) -> list[Reason]:
    """The doors in order: what exists, who may, then all the rest at once."""
    missing = list(_missing(case))
    denied = list(access.problems(case, line.roles)) if not missing or case.actor.is_establishment else []
    if denied or missing:
        return denied or missing
    return [*_stale(case), *_misplaced(case, line)] or list(line.check(case))


def _missing(case: Case[Any]) -> Iterator[Reason]:
    command = case.command
    if isinstance(command, OnRequest):
        if case.facts.request is None:
            yield refusals.unknown_request(command.reference)
    elif case.facts.establishment is None:
        uai = normalise_uai(getattr(command, "uai", ""))
        yield refusals.unknown_establishment(uai, uai_problem(uai))


def _stale(case: Case[Any]) -> Iterator[Reason]:
    wanted = case.command.expected_version
    if wanted is not None and case.facts.request and wanted != case.facts.request.version:
        yield refusals.changed_meanwhile(case.facts.last, case.policy.calendar.timezone)


def _misplaced(case: Case[Any], line: Transition) -> Iterator[Reason]:
    """From the wrong state (R1), or after the school year's end (R24)."""
    request = case.facts.request
    if request is None:
        return
    if not line.is_birth and request.state not in line.sources:
        zone = case.policy.calendar.timezone
        yield refusals.wrong_state(request, line.trigger, line.sources, case.facts.last, zone)
    if not line.after_end and case.policy.calendar.has_ended(request.school_year, case.now):
        yield refusals_year.year_ended(case.policy.calendar.end_of(request.school_year))


def _accept(case: Case[Any], line: Transition, outcome: Outcome) -> Decision:
    source = None if line.is_birth else case.request.state
    if (line.trigger, (source, outcome.target)) not in ARROWS:
        raise AssertionError(f"{line.trigger} may not lead from {source} to {outcome.target}")
    request, data = outcome.request, dict(outcome.data)
    request, chef_changed = _with_chef(case, request)
    if chef_changed:
        data["chef_changed"] = True
    notes = dict(outcome.notes)
    behalf = case.command.on_behalf if case.actor.role is Role.OPERATOR else None
    if behalf:
        data |= {"asked_how": behalf.how.value, "asked_on": date.fromisoformat(behalf.when).isoformat()}
        notes["asked_by"] = behalf.who.strip()
        request = request.with_(acted_on_behalf=request.acted_on_behalf | {case.actor.number})
    request = request.with_(state=outcome.target, version=request.version + 1)
    return Decision(
        trigger=line.trigger, source=source, request=request, data=data, notes=notes, effects=outcome.effects,
        warnings=tuple(_warnings(case, line, request)),
    )  # fmt: skip


def _with_chef(case: Case[Any], request: Request) -> tuple[Request, bool]:
    """Who is chef now: another name than one known before voids the delegation's check, which saw that one (R37)."""
    name = case.actor.name
    if case.actor.role is not Role.CHEF or not name or person_key(name, "") == person_key(request.chef_name, ""):
        return request, False
    return checks.with_chef(request, name), bool(person_key(request.chef_name, ""))


def _warnings(case: Case[Any], line: Transition, request: Request) -> Iterator[Reason]:
    """What does not forbid, but must be known (R19, R21, R49); only the year's end is silent."""
    if line.trigger is Trigger.EXPIRE:
        return
    yield from person.others_warning(case, request)
    if line.is_birth:
        yield from birth.late_warning(case, request)
    if line.trigger is Trigger.CONFIRM_REMOVAL:
        yield from closing.removal_warning(case)


# Several commands that follow each other on one request: all that is wrong with them, told at once (R7).


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
