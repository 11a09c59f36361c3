"""The one decision: a command is accepted with all that follows from it, or refused with every reason (R1, R7)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from states import refusals
from states.commands import Command, OnRequest
from states.decision import Case, Decision, Outcome, Refused
from states.model import Actor, Facts, Request
from states.policy import Policy
from states.refusals import Reason
from states.rules.authorization import access_problems, with_stand_ins
from states.rules.code import after_drawn_code, second_code_problems
from states.rules.declaration import late_declaration_warning, other_request_warnings, renewal_warning
from states.rules.question import without_settled_question
from states.rules.revocation import early_revocation_warnings, key_still_used_warning
from states.rules.verification import with_chef
from states.transitions import ARROWS, BY_TRIGGER, Transition
from states.validation import chef_key, clean_text, normalise_uai, uai_problem
from states.vocabulary import Role, Trigger


def decide(facts: Facts, command: Command, actor: Actor, now: datetime, policy: Policy) -> Decision | Refused:
    """Decide on ``command``, given ``facts`` loaded and locked, at ``now`` (aware UTC). Pure."""
    case = Case(facts, command, actor, now, policy)
    transition = BY_TRIGGER[command.trigger]
    if reasons := _problems(case, transition):
        return Refused(tuple(reasons))
    return _accept(case, transition, transition.apply(case))


def all_reasons(
    facts: Facts, refused: Sequence[Reason], commands: Sequence[Command], actor: Actor, now: datetime, policy: Policy
) -> tuple[Reason, ...]:
    """All that is wrong with commands that follow each other on one request, at once (R7). Pure.

    ``refused`` are the reasons for which the first one was; those follow, each once, that the next ones would have met
    had it been accepted. Nothing follows when the first was refused before its own rules were looked at: who may not
    act learns nothing (R3).
    """
    first, *following = commands
    case = Case(facts, first, actor, now, policy)
    transition = BY_TRIGGER[first.trigger]
    if tuple(transition.check(case)) != tuple(refused):
        return tuple(refused)
    reasons = list(refused)
    for command in following:
        outcome = transition.apply(case)
        request = outcome.request.with_(state=outcome.target)
        case = Case(replace(facts, request=request), command, actor, now, policy)
        transition = BY_TRIGGER[command.trigger]
        reasons += transition.check(case)
    return tuple(dict.fromkeys(reasons))


def _problems(case: Case[Any], transition: Transition) -> list[Reason]:
    """Reasons to refuse, in order: what exists, who may act, the state, then the trigger's own rules at once."""
    missing = list(_missing(case))
    hides_what_exists = case.actor.is_establishment or case.actor.role is Role.RUPN
    denied = list(access_problems(case, transition.roles)) if not missing or hides_what_exists else []
    if denied or missing:
        return denied or missing
    if case.facts.request is not None and case.facts.request.erased_at is not None:
        return [refusals.request_erased(case.facts.request.reference)]
    if wrong_state := list(_state_problems(case, transition)):
        return [*wrong_state, *second_code_problems(case)]
    return list(transition.check(case))


def _missing(case: Case[Any]) -> Iterator[Reason]:
    command = case.command
    if isinstance(command, OnRequest):
        if case.facts.request is None:
            yield refusals.unknown_request(command.reference)
    elif case.facts.establishment is None:
        uai = normalise_uai(getattr(command, "uai", ""))
        yield refusals.unknown_establishment(uai, uai_problem(uai))


def _state_problems(case: Case[Any], transition: Transition) -> Iterator[Reason]:
    """A request changed in between (R9), in the wrong state (R1), or past its school year's end (R24)."""
    request, calendar = case.facts.request, case.policy.calendar
    if request is None:
        return
    last = case.facts.last
    last = replace(last, actor=case.actor.name_of(last.role, last.actor)) if last else None
    if case.command.expected_version not in (None, request.version):
        yield refusals.changed_meanwhile(last, calendar.timezone)
    if not transition.is_birth and request.state not in transition.sources:
        yield refusals.wrong_state(
            request, transition.trigger, transition.sources, last, calendar.timezone
        )  # fmt: skip
    if not transition.after_end and calendar.has_ended(request.school_year, case.now):
        yield refusals.year_ended(calendar.end_of(request.school_year))


def _accept(case: Case[Any], transition: Transition, outcome: Outcome) -> Decision:
    source = None if transition.is_birth else case.request.state
    if (transition.trigger, (source, outcome.target)) not in ARROWS:
        raise AssertionError(f"{transition.trigger} may not lead from {source} to {outcome.target}")
    request, data, notes = outcome.request, dict(outcome.data), dict(outcome.notes)
    chef = case.actor.chef_name
    if chef and not chef_key(request.chef_name):
        request = with_chef(request, chef)
    elif chef and _is_new_chef(case, chef, request.chef_name):  # which voids the check, that saw another one (R37)
        data["chef_changed"] = True
        notes |= {"chef_before": request.chef_name, "chef_after": chef}
        request = with_chef(request, chef)
    if (acted := with_stand_ins(case, request.acted_on_behalf)) != request.acted_on_behalf:
        request = request.with_(acted_on_behalf=acted)
    behalf = case.command.on_behalf if case.actor.role is Role.OPERATOR else None
    if behalf:
        data |= {"asked_how": behalf.how.value, "asked_on": date.fromisoformat(behalf.when).isoformat()}
        notes["asked_by"] = clean_text(behalf.who)
        request = request.with_(acted_on_behalf=request.acted_on_behalf | {case.actor.number})
    request = without_settled_question(case, request, outcome.target)
    request, effects = after_drawn_code(request, outcome.target, outcome.effects)
    request = request.with_(state=outcome.target, version=request.version + 1)
    return Decision(
        trigger=transition.trigger, source=source, request=request, data=data, notes=notes, effects=effects,
        warnings=tuple(_warnings(case, transition, request)),
    )  # fmt: skip


def _is_new_chef(case: Case[Any], name: str, before: str) -> bool:
    """Return True for the chef who said to be the new one here; a name typed otherwise changes nothing (R37)."""
    declared = case.facts.establishment.chef_name if case.facts.establishment else ""
    return chef_key(name) == chef_key(declared) != chef_key(before)


def _warnings(case: Case[Any], transition: Transition, request: Request) -> Iterator[Reason]:
    """Reasons that do not forbid but must be known (R19, R21, R33, R45, R49); what is done of whole lists is silent."""
    if transition.trigger in (Trigger.EXPIRE, Trigger.SEND_TO_DRANE):
        return
    yield from other_request_warnings(case, request)
    if transition.is_birth:
        yield from late_declaration_warning(case, request)
    if transition.trigger is Trigger.RENEW:
        yield from renewal_warning(case)
    if transition.trigger is Trigger.REVOKE and case.actor.role is Role.OPERATOR:
        yield from early_revocation_warnings(case)
    if transition.trigger is Trigger.CONFIRM_REMOVAL:
        yield from key_still_used_warning(case)
