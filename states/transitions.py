"""The transition table, and the one decision that follows it (R1, R2, R7, R24).

The table says for each trigger from where, to where, who, and under which rules; a command is accepted with all that
follows from it, or refused with every reason.

The graph of the table is also declared with the ``transitions`` library, which draws it, and compiled once to a set of
arrows: deciding looks up a dictionary, a hundred times quicker than a machine's model. No model is ever attached:
effects in callbacks would escape the transaction.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

from transitions import Machine

from states import refusals
from states.commands import Command, OnRequest
from states.decision import Case, Decision, Outcome, Refused, other_request_warnings
from states.model import Actor, Facts, Policy, Request
from states.refusals import Reason
from states.rules.authorization import access_problems, with_stand_ins
from states.rules.changes import (
    apply_answer,
    apply_ask,
    apply_report,
    apply_settle,
    check_answer,
    check_ask,
    check_report,
    check_settle,
    without_settled_question,
)
from states.rules.code import (
    after_drawn_code,
    apply_draw,
    apply_expiry,
    apply_issue,
    apply_open_code,
    apply_reissue,
    apply_take_back_code,
    check_draw,
    check_expiry,
    check_issue,
    check_open_code,
    check_reissue,
    check_take_back_code,
    second_code_problems,
)
from states.rules.declaration import (
    apply_amend,
    apply_declare,
    apply_delegate,
    apply_handover,
    apply_renew,
    apply_sign_charter,
    apply_submit,
    apply_take_back,
    apply_withdraw,
    check_amend,
    check_declare,
    check_delegate,
    check_handover,
    check_renew,
    check_sign_charter,
    check_submit,
    check_take_back,
    check_withdraw,
    late_declaration_warning,
    renewal_warning,
)
from states.rules.revocation import (
    apply_expire,
    apply_removal,
    apply_reopening,
    apply_revoke,
    check_expire,
    check_removal,
    check_reopening,
    check_revoke,
    early_revocation_warnings,
    key_still_used_warning,
)
from states.rules.verification import (
    apply_check,
    apply_send_back,
    apply_send_to_drane,
    check_check,
    check_send_back,
    check_send_to_drane,
    with_chef,
)
from states.validation import chef_key, clean_text, normalise_uai, uai_problem
from states.vocabulary import LIVE_STATES, Role, State, Trigger

CHEF: Final = frozenset({Role.CHEF})

OPERATOR: Final = frozenset({Role.OPERATOR})

_BOTH: Final = CHEF | OPERATOR

IN_PERSON: Final = frozenset({Role.CHEF, Role.DEPUTY})

_REMOVERS: Final = frozenset({Role.OPERATOR, Role.CONNECTOR})

SCHEDULE: Final = frozenset({Role.SCHEDULE})

_REPORTERS: Final = _BOTH | SCHEDULE | {Role.RUPN}

BEFORE = None
"""The source of a trigger that creates a request."""

UNBORN: Final = "unborn"
"""The name of the same in the graph."""

Arrow = tuple[State | None, State]
"""A source and a target."""

FINGERPRINT_LENGTH = 12

S, T = State, Trigger


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A row of the table.

    ``roles`` may act in their own name; ``after_end``: still accepted once the school year has ended (R24).
    """

    trigger: Trigger
    arrows: tuple[Arrow, ...]
    roles: frozenset[Role]
    check: Callable[[Case[Any]], Iterable[Reason]]
    apply: Callable[[Case[Any]], Outcome]
    after_end: bool = False

    @cached_property
    def sources(self) -> tuple[State, ...]:
        """The states from which it starts, in the order of a request's life."""
        sources = {source for source, _ in self.arrows}
        return tuple(state for state in State if state in sources)

    @cached_property
    def is_birth(self) -> bool:
        return all(source is BEFORE for source, _ in self.arrows)


def same(*states: State) -> tuple[Arrow, ...]:
    """Arrows that leave the state as it is."""
    return tuple((state, state) for state in states)


def to(target: State, *sources: State) -> tuple[Arrow, ...]:
    """Arrows from several states to one."""
    return tuple((source, target) for source in sources)


TABLE: Final[tuple[Transition, ...]] = (
    Transition(trigger=T.DECLARE, arrows=((BEFORE, S.DECLARED),), roles=CHEF,
               check=check_declare, apply=apply_declare),
    Transition(trigger=T.DELEGATE, arrows=to(S.DELEGATED, S.DECLARED), roles=CHEF,
               check=check_delegate, apply=apply_delegate),
    Transition(trigger=T.SIGN_CHARTER, arrows=to(S.CHARTER_SIGNED, S.DELEGATED), roles=CHEF,
               check=check_sign_charter, apply=apply_sign_charter),
    Transition(trigger=T.SUBMIT, arrows=to(S.REQUESTED, S.CHARTER_SIGNED), roles=CHEF,
               check=check_submit, apply=apply_submit),
    Transition(trigger=T.CHECK_LISTING, arrows=same(S.REQUESTED), roles=OPERATOR | SCHEDULE,
               check=check_check, apply=apply_check),
    Transition(trigger=T.CHECK_DELEGATION, arrows=same(S.REQUESTED), roles=OPERATOR | SCHEDULE,
               check=check_check, apply=apply_check),
    Transition(trigger=T.SEND_BACK, roles=OPERATOR,
               arrows=tuple((S.REQUESTED, target) for target in (S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED)),
               check=check_send_back, apply=apply_send_back),
    Transition(trigger=T.DRAW_CODE, arrows=same(S.REQUESTED, S.CODE_ISSUED), roles=OPERATOR,
               check=check_draw, apply=apply_draw),
    Transition(trigger=T.ISSUE_CODE, arrows=to(S.CODE_ISSUED, S.REQUESTED), roles=OPERATOR,
               check=check_issue, apply=apply_issue),
    Transition(trigger=T.REISSUE_CODE, arrows=same(S.CODE_ISSUED), roles=OPERATOR,
               check=check_reissue, apply=apply_reissue),
    Transition(trigger=T.TAKE_BACK_CODE, roles=OPERATOR,
               arrows=to(S.REQUESTED, S.CODE_ISSUED) + same(S.REQUESTED, S.CODE_ISSUED),
               check=check_take_back_code, apply=apply_take_back_code),
    Transition(trigger=T.OPEN_CODE, arrows=same(S.CODE_ISSUED), roles=IN_PERSON,
               check=check_open_code, apply=apply_open_code),
    Transition(trigger=T.CONFIRM_HANDOVER, arrows=same(S.CODE_ISSUED), roles=CHEF,
               check=check_handover, apply=apply_handover),
    Transition(trigger=T.CONFIRM_EXPIRY, arrows=same(S.CODE_ISSUED), roles=OPERATOR,
               check=check_expiry, apply=apply_expiry),
    Transition(trigger=T.REPORT_CHANGE, arrows=same(*LIVE_STATES), roles=_REPORTERS, after_end=True,
               check=check_report, apply=apply_report),
    Transition(trigger=T.SETTLE_CHANGE, arrows=same(*State), roles=OPERATOR, after_end=True,
               check=check_settle, apply=apply_settle),
    Transition(trigger=T.AMEND, roles=CHEF,
               arrows=(*same(S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED), (S.CHARTER_SIGNED, S.DELEGATED)),
               check=check_amend, apply=apply_amend),
    Transition(trigger=T.TAKE_BACK, arrows=to(S.CHARTER_SIGNED, S.REQUESTED), roles=CHEF,
               check=check_take_back, apply=apply_take_back),
    Transition(trigger=T.WITHDRAW, roles=CHEF, after_end=True,
               arrows=to(S.REVOKED, S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED, S.REQUESTED),
               check=check_withdraw, apply=apply_withdraw),
    Transition(trigger=T.REVOKE, arrows=to(S.REVOKED, *LIVE_STATES), roles=OPERATOR | SCHEDULE, after_end=True,
               check=check_revoke, apply=apply_revoke),
    Transition(trigger=T.EXPIRE, arrows=to(S.REVOKED, *LIVE_STATES), roles=SCHEDULE, after_end=True,
               check=check_expire, apply=apply_expire),
    Transition(trigger=T.CONFIRM_REMOVAL, arrows=same(S.REVOKED), roles=_REMOVERS, after_end=True,
               check=check_removal, apply=apply_removal),
    Transition(trigger=T.REOPEN_REMOVAL, arrows=same(S.REVOKED), roles=OPERATOR, after_end=True,
               check=check_reopening, apply=apply_reopening),
    Transition(trigger=T.RENEW, arrows=((BEFORE, S.DECLARED),), roles=CHEF, after_end=True,
               check=check_renew, apply=apply_renew),
    Transition(trigger=T.ASK_QUESTION, arrows=same(*LIVE_STATES), roles=OPERATOR,
               check=check_ask, apply=apply_ask),
    Transition(trigger=T.ANSWER_QUESTION, arrows=same(*LIVE_STATES), roles=CHEF,
               check=check_answer, apply=apply_answer),
    Transition(trigger=T.SEND_TO_DRANE, arrows=same(*State), roles=OPERATOR,
               check=check_send_to_drane, apply=apply_send_to_drane),
)  # fmt: skip

BY_TRIGGER: Final = {transition.trigger: transition for transition in TABLE}


def graph_transitions() -> list[dict[str, Any]]:
    """The arrows of the table in the form that ``transitions`` takes."""
    return [
        {"trigger": transition.trigger.value, "source": source.value if source else UNBORN, "dest": target.value}
        for transition in TABLE
        for source, target in transition.arrows
    ]


def build(machine_class: type[Machine] = Machine, **options: Any) -> Machine:
    """The machine without a model and without the library's automatic ``to_…`` triggers, which pass every guard."""
    return machine_class(
        model=None,
        states=[UNBORN, *(state.value for state in State)],
        initial=UNBORN,
        transitions=graph_transitions(),
        auto_transitions=False,
        **options,
    )


def compile_arrows(machine: Machine) -> frozenset[tuple[Trigger, Arrow]]:
    """Every (trigger, (source, target)) that the machine knows."""
    return frozenset(
        (Trigger(name), (None if edge.source == UNBORN else State(edge.source), State(str(edge.dest))))
        for name, event in machine.events.items()
        for edges in event.transitions.values()
        for edge in edges
    )


ARROWS: Final = compile_arrows(build())


def definition_fingerprint(table: Sequence[Transition] = TABLE) -> str:
    """A few characters that differ as soon as the process is not the same (R117).

    They cover what a reader of the table sees: the states, and of each trigger its arrows, its roles, the names of its
    rules and whether it outlives the school year; the order of rows does not count. What a rule itself says is the
    tests' affair, and the changelog's.
    """
    lines = [f"states {' '.join(state.value for state in State)}", *sorted(map(_definition_line, table))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:FINGERPRINT_LENGTH]


def _definition_line(transition: Transition) -> str:
    arrows = sorted(f"{source.value if source else UNBORN}>{target.value}" for source, target in transition.arrows)
    return " ".join([
        transition.trigger.value, ",".join(arrows), ",".join(sorted(role.value for role in transition.roles)),
        transition.check.__name__, transition.apply.__name__, "after_end" if transition.after_end else "within_year",
    ])  # fmt: skip


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
    effects = outcome.effects
    if request.question_asked_at is not None:
        request = without_settled_question(case, request, outcome.target)
    if request.drawn_in is not None:
        request, effects = after_drawn_code(request, outcome.target, effects)
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
