"""The transition table: for each trigger, from where, to where, who, and under which rules (R1, R2, R24)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from transitions import Machine

from states.decision import Case, Outcome
from states.refusals import Reason
from states.rules import changes, code, establishment
from states.rules import declaration as birth
from states.rules import revocation as closing
from states.rules import verification as rectorat
from states.vocabulary import LIVE_STATES, Role, State, Trigger

CHEF: Final = frozenset({Role.CHEF})


OPERATOR: Final = frozenset({Role.OPERATOR})


BOTH: Final = CHEF | OPERATOR


REMOVERS: Final = frozenset({Role.OPERATOR, Role.CONNECTOR})


SCHEDULE: Final = frozenset({Role.SCHEDULE})


BEFORE = None
"""The source of a trigger that gives birth to a request."""


Arrow = tuple[State | None, State]


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One line of the table. ``arrows`` are all its (source, target) pairs; ``roles`` may act in their own name;
    ``after_end``: still accepted once the school year has ended (R24)."""

    trigger: Trigger
    arrows: tuple[Arrow, ...]
    roles: frozenset[Role]
    check: Callable[[Case[Any]], Iterable[Reason]]
    apply: Callable[[Case[Any]], Outcome]
    after_end: bool = False

    @cached_property
    def sources(self) -> tuple[State, ...]:
        """The states from which it starts, in the order of a request's life."""
        from_ = {source for source, _ in self.arrows}
        return tuple(state for state in State if state in from_)

    @cached_property
    def is_birth(self) -> bool:
        return all(source is BEFORE for source, _ in self.arrows)


def same(*states: State) -> tuple[Arrow, ...]:
    """Arrows that leave the state as it is."""
    return tuple((state, state) for state in states)


def to(target: State, *sources: State) -> tuple[Arrow, ...]:
    """Arrows from several states to one."""
    return tuple((source, target) for source in sources)


S, T = State, Trigger


TABLE: Final[tuple[Transition, ...]] = (
    Transition(trigger=T.DECLARE, arrows=((BEFORE, S.DECLARED),), roles=CHEF,
               check=birth.check_declare, apply=birth.apply_declare),
    Transition(trigger=T.DELEGATE, arrows=to(S.DELEGATED, S.DECLARED), roles=CHEF,
               check=establishment.check_delegate, apply=establishment.apply_delegate),
    Transition(trigger=T.SIGN_CHARTER, arrows=to(S.CHARTER_SIGNED, S.DELEGATED), roles=CHEF,
               check=establishment.check_sign_charter, apply=establishment.apply_sign_charter),
    Transition(trigger=T.SUBMIT, arrows=to(S.REQUESTED, S.CHARTER_SIGNED), roles=CHEF,
               check=establishment.check_submit, apply=establishment.apply_submit),
    Transition(trigger=T.CHECK_LISTING, arrows=same(S.REQUESTED), roles=OPERATOR,
               check=rectorat.check_check, apply=rectorat.apply_check),
    Transition(trigger=T.CHECK_DELEGATION, arrows=same(S.REQUESTED), roles=OPERATOR,
               check=rectorat.check_check, apply=rectorat.apply_check),
    Transition(trigger=T.SEND_BACK, roles=OPERATOR,
               arrows=tuple((S.REQUESTED, t) for t in (S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED)),
               check=rectorat.check_send_back, apply=rectorat.apply_send_back),
    Transition(trigger=T.ISSUE_CODE, arrows=to(S.CODE_ISSUED, S.REQUESTED), roles=OPERATOR,
               check=code.check_issue, apply=code.apply_issue),
    Transition(trigger=T.REISSUE_CODE, arrows=same(S.CODE_ISSUED), roles=OPERATOR,
               check=code.check_reissue, apply=code.apply_reissue),
    Transition(trigger=T.CONFIRM_HANDOVER, arrows=same(S.CODE_ISSUED), roles=CHEF,
               check=establishment.check_handover, apply=establishment.apply_handover),
    Transition(trigger=T.CONFIRM_EXPIRY, arrows=same(S.CODE_ISSUED), roles=OPERATOR,
               check=code.check_expiry, apply=code.apply_expiry),
    Transition(trigger=T.REPORT_CHANGE, arrows=same(*LIVE_STATES), roles=BOTH, after_end=True,
               check=changes.check_report, apply=changes.apply_report),
    Transition(trigger=T.SETTLE_CHANGE, arrows=same(*State), roles=OPERATOR, after_end=True,
               check=changes.check_settle, apply=changes.apply_settle),
    Transition(trigger=T.AMEND, roles=CHEF,
               arrows=(*same(S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED), (S.CHARTER_SIGNED, S.DELEGATED)),
               check=establishment.check_amend, apply=establishment.apply_amend),
    Transition(trigger=T.WITHDRAW, roles=CHEF, after_end=True,
               arrows=to(S.REVOKED, S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED, S.REQUESTED),
               check=establishment.check_withdraw, apply=establishment.apply_withdraw),
    Transition(trigger=T.REVOKE, arrows=to(S.REVOKED, *LIVE_STATES), roles=OPERATOR, after_end=True,
               check=closing.check_revoke, apply=closing.apply_revoke),
    Transition(trigger=T.EXPIRE, arrows=to(S.REVOKED, *LIVE_STATES), roles=SCHEDULE, after_end=True,
               check=closing.check_expire, apply=closing.apply_expire),
    Transition(trigger=T.CONFIRM_REMOVAL, arrows=same(S.REVOKED), roles=REMOVERS, after_end=True,
               check=closing.check_removal, apply=closing.apply_removal),
    Transition(trigger=T.RENEW, arrows=((BEFORE, S.DECLARED),), roles=CHEF, after_end=True,
               check=birth.check_renew, apply=birth.apply_renew),
)  # fmt: skip


BY_TRIGGER: Final = {line.trigger: line for line in TABLE}


# The graph of the table, declared with ``transitions`` and compiled once to a lookup table.
#
# The library holds what is drawn and what is allowed; deciding looks up a dictionary, a hundred times quicker than a
# machine's model. No model is ever attached: effects in callbacks would escape the transaction.


UNBORN: Final = "unborn"
"""The pseudo-state before a declaration."""


def graph_transitions() -> list[dict[str, Any]]:
    """The arrows of the table in the form that ``transitions`` takes."""
    return [
        {"trigger": line.trigger.value, "source": source.value if source else UNBORN, "dest": target.value}
        for line in TABLE
        for source, target in line.arrows
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
        (Trigger.of(name), (None if t.source == UNBORN else State.of(t.source), State.of(str(t.dest))))
        for name, event in machine.events.items()
        for group in event.transitions.values()
        for t in group
    )


ARROWS: Final = compile_arrows(build())
