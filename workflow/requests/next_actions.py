"""What a request waits for, and from whom: the « ensuite » that follows every action."""

from dataclasses import dataclass
from datetime import datetime

from states import french
from states.commands import Renew
from states.decision import Case
from states.model import Actor, Facts, Request
from states.policy import Policy
from states.rules.changes import due_on
from states.rules.declaration import renewal_years
from states.rules.verification import check_problems
from states.transitions import TABLE, Transition
from states.vocabulary import CheckOutcome, CodeStatus, RemovalKind, Role, Settlement, State, Trigger


@dataclass(frozen=True, slots=True)
class NextStep:
    """``what`` is an infinitive in French; ``trigger`` is the action that records it, None when there is none."""

    who: Role
    what: str
    trigger: Trigger | None = None


_OF_STATE = {
    State.DECLARED: NextStep(Role.CHEF, "attester la délégation faite dans DelegCE", Trigger.DELEGATE),
    State.DELEGATED: NextStep(Role.CHEF, "faire signer la charte au RUPN, puis l'enregistrer", Trigger.SIGN_CHARTER),
    State.CHARTER_SIGNED: NextStep(Role.CHEF, "relire l'identité du RUPN et envoyer la demande", Trigger.SUBMIT),
}


_ISSUE = NextStep(Role.OPERATOR, "émettre le code, ou étendre la clé existante", Trigger.ISSUE_CODE)


_SEND_BACK = NextStep(
    Role.OPERATOR, "renvoyer la demande à l'établissement, ou refaire la vérification", Trigger.SEND_BACK
)


_HAND_OVER = NextStep(
    Role.CHEF, "remettre le code au RUPN en main propre, puis confirmer la remise", Trigger.CONFIRM_HANDOVER
)


_REISSUE = NextStep(Role.OPERATOR, "réémettre le code, comme le signalement l'a décidé", Trigger.REISSUE_CODE)


_UNDELIVERED = NextStep(Role.OPERATOR, "le code n'est pas arrivé : renvoyer le courriel, ou réémettre le code",
                        Trigger.REISSUE_CODE)  # fmt: skip


_REMOVE = NextStep(
    Role.OPERATOR, "retirer les droits sur le serveur ODA, puis confirmer le retrait", Trigger.CONFIRM_REMOVAL
)


_WAS_ENABLED = NextStep(Role.OPERATOR, "dire si une clé a été activée sur le serveur ODA", Trigger.CONFIRM_REMOVAL)


_EXPIRE = NextStep(Role.SCHEDULE, "l'année est finie : la demande sera révoquée", Trigger.EXPIRE)


def next_step(facts: Facts, policy: Policy, now: datetime) -> NextStep | None:
    """What ``facts.request`` waits for at ``now``; None when nothing is left to do."""
    request = facts.request
    if request is None:
        return None
    if report := _due_report(facts, policy, now):
        return report
    if request.state is State.REVOKED:
        return _of_removal(facts)
    if policy.calendar.has_ended(request.school_year, now):
        return _EXPIRE
    if request.state is State.REQUESTED:
        return _of_checks(request, policy, now)
    if request.state is State.CODE_ISSUED:
        return _REISSUE if _awaits_a_new_code(facts) else _of_code(facts.code_fate)
    return _OF_STATE[request.state]


def _due_report(facts: Facts, policy: Policy, now: datetime) -> NextStep | None:
    today = policy.calendar.today(now)
    due = [report for report in facts.reports if report.is_open and due_on(report, today) <= today]
    if not due:
        return None
    what = f"régler le signalement n° {due[0].number} ({due[0].change.label})"
    return NextStep(Role.OPERATOR, what, Trigger.SETTLE_CHANGE)


def _of_removal(facts: Facts) -> NextStep | None:
    if facts.removal is None or facts.removal.outcome:
        return None
    return _REMOVE if facts.removal.kind is RemovalKind.REMOVE_RIGHTS else _WAS_ENABLED


def _of_checks(request: Request, policy: Policy, now: datetime) -> NextStep:
    to_do = list(check_problems(request, policy.calendar.today(now), policy.checks_max_age_days))
    if not to_do:
        return _ISSUE
    both = (request.listing, request.delegation)
    if any(check is not None and check.outcome is CheckOutcome.NEGATIVE for check in both):
        return _SEND_BACK
    return NextStep(Role.OPERATOR, french.listing([trigger.label for trigger in to_do]), to_do[0])


def _awaits_a_new_code(facts: Facts) -> bool:
    """Whether a report was settled by a new code that is still to be made (R44, R46)."""
    issued = facts.request.code_issued_at if facts.request else None
    return any(
        report.settlement is Settlement.REISSUED and report.settled_at and issued and report.settled_at >= issued
        for report in facts.reports
    )


def _of_code(fate: CodeStatus) -> NextStep | None:
    if fate in (CodeStatus.HANDED_OVER, CodeStatus.EXTENDED):
        return None
    return _UNDELIVERED if fate is CodeStatus.UNDELIVERABLE else _HAND_OVER


# What somebody can do of a request now, read from the table: the buttons of a page, the last lines of a terminal.


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
        and _has_object(line.trigger, facts, policy, now)
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


def _has_object(trigger: Trigger, facts: Facts, policy: Policy, now: datetime) -> bool:
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
            return request is not None and bool(renewal_years(request, policy.calendar, now))
        case Trigger.EXPIRE:
            return request is not None and policy.calendar.has_ended(request.school_year, now)
    return True
