"""Next step of a request (« ensuite »), and the actions open to somebody on it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from states import french
from states.model import Actor, Facts, Policy, Request
from states.rules.authorization import allowed_roles
from states.rules.changes import awaits_new_code, dated_revocation, due_on, to_settle
from states.rules.code import code_held_until, is_readable
from states.rules.declaration import renewal_years
from states.rules.verification import check_problems, current_checks, drane_standing
from states.transitions import TABLE, Transition
from states.vocabulary import DRANE_MOVEMENTS, CheckOutcome, CodeStatus, RemovalKind, Role, State, Trigger


@dataclass(frozen=True, slots=True)
class NextStep:
    """``what`` is an infinitive in French; ``trigger`` is the action that records it, None when there is none.

    ``on``: the day to come on which it is to be done; None for now.
    """

    who: Role
    what: str
    trigger: Trigger | None = None
    on: date | None = None


_OF_STATE: Final = {
    State.DECLARED: NextStep(Role.CHEF, "attester la délégation faite dans DelegCE", Trigger.DELEGATE),
    State.DELEGATED: NextStep(Role.CHEF, "faire signer la charte au RUPN, puis l'enregistrer", Trigger.SIGN_CHARTER),
    State.CHARTER_SIGNED: NextStep(Role.CHEF, "relire l'identité du RUPN et envoyer la demande", Trigger.SUBMIT),
}

_ISSUE: Final = NextStep(Role.OPERATOR, "émettre le code, ou étendre la clé existante", Trigger.ISSUE_CODE)

_DRAW: Final = NextStep(Role.OPERATOR, "tirer le code, ou étendre la clé existante", Trigger.DRAW_CODE)

_SEND_BACK: Final = NextStep(
    Role.OPERATOR, "renvoyer la demande à l'établissement, ou refaire la vérification", Trigger.SEND_BACK
)

_HAND_OVER: Final = NextStep(
    Role.CHEF, "remettre le code au RUPN en main propre, puis confirmer la remise", Trigger.CONFIRM_HANDOVER
)

_TAKEN_BACK: Final = NextStep(
    Role.OPERATOR, "l'envoi du nouveau code a été annulé : réémettre un code", Trigger.REISSUE_CODE
)

_RELEASE: Final = NextStep(
    Role.OPERATOR, "porter le code tiré sur le serveur ODA, puis dire que c'est fait pour que son courriel parte"
)

_DRAW_AGAIN: Final = NextStep(
    Role.OPERATOR, "le code tiré a été effacé avant d'être transmis : en tirer un autre", Trigger.DRAW_CODE
)

_REISSUE: Final = NextStep(
    Role.OPERATOR, "réémettre le code, comme le signalement l'a décidé", Trigger.REISSUE_CODE
)  # fmt: skip

_OF_CODE_STATUS: Final = {
    CodeStatus.TO_READ: NextStep(
        Role.CHEF, "lire le code sur le portail, puis le remettre au RUPN en main propre", Trigger.OPEN_CODE
    ),
    CodeStatus.HANDED_OVER: None,
    CodeStatus.EXTENDED: None,
    CodeStatus.UNDELIVERABLE: NextStep(
        Role.OPERATOR,
        "le code n'est pas arrivé : corriger la boîte et renvoyer le courriel, ou réémettre le code",
        Trigger.REISSUE_CODE,
    ),
}
"""The steps after a code that differ from its hand-over."""

_OF_REMOVAL: Final = {
    RemovalKind.REMOVE_RIGHTS: NextStep(
        Role.OPERATOR, "retirer les droits sur le serveur ODA, puis confirmer le retrait", Trigger.CONFIRM_REMOVAL
    ),
    RemovalKind.KEY_ENABLED: NextStep(
        Role.OPERATOR, "dire si une clé a été activée sur le serveur ODA", Trigger.CONFIRM_REMOVAL
    ),
}

_ANSWER: Final = NextStep(Role.CHEF, "répondre à la question du rectorat", Trigger.ANSWER_QUESTION)

_EXPIRE: Final = NextStep(Role.SCHEDULE, "l'année est finie : la demande sera révoquée", Trigger.EXPIRE)


def next_step(facts: Facts, policy: Policy, now: datetime) -> NextStep | None:
    """The step that ``facts.request`` waits for at ``now``; None when nothing is left to do."""
    request, today = facts.request, policy.calendar.today(now)
    if request is None or request.erased_at is not None:
        return None
    due = [report for report in facts.reports if report.is_open and due_on(report, today) <= today]
    if due:
        what = f"régler le signalement n° {due[0].number} ({due[0].change.label})"
        return NextStep(Role.OPERATOR, what, Trigger.SETTLE_CHANGE)
    if request.state is State.REVOKED:
        return _OF_REMOVAL[facts.removal.kind] if facts.removal and not facts.removal.outcome else None
    if policy.calendar.has_ended(request.school_year, now):
        return _EXPIRE
    if request.question_is_open:
        return _ANSWER
    if request.drawn_in is not None:
        return _RELEASE if facts.code_fate is CodeStatus.HELD else _DRAW_AGAIN
    if request.state is State.REQUESTED:
        to_do = list(check_problems(request, today, policy.checks_max_age_days))
        if not to_do:
            return _DRAW if policy.draws_codes else _ISSUE
        if any(check.outcome is CheckOutcome.NEGATIVE for check in current_checks(request)):
            return _SEND_BACK
        return NextStep(Role.OPERATOR, french.listing([trigger.label for trigger in to_do]), to_do[0])
    if request.state is not State.CODE_ISSUED:
        return _OF_STATE[request.state]
    if any(awaits_new_code(request, report) for report in facts.reports):
        return _REISSUE
    if facts.last and facts.last.trigger is Trigger.TAKE_BACK_CODE:
        return _TAKEN_BACK
    return _OF_CODE_STATUS.get(facts.code_fate, _HAND_OVER) or _foreseen(facts)


def _foreseen(facts: Facts) -> NextStep | None:
    """The step of a day to come, of a key in service: a dated revocation, or a report that announces its day (R46)."""
    dated = dated_revocation(facts.reports)
    if dated and dated.revoke_on:
        what = f"la demande sera révoquée le {french.day(dated.revoke_on)} ({dated.change.label})"
        return NextStep(Role.SCHEDULE, what, on=dated.revoke_on)
    coming = min((r for r in facts.reports if r.is_open), key=lambda report: report.effective_on, default=None)
    if coming is None:
        return None
    day = french.day(coming.effective_on)
    what = f"régler le signalement n° {coming.number} ({coming.change.label}) le {day}"
    return NextStep(Role.OPERATOR, what, Trigger.SETTLE_CHANGE, on=coming.effective_on)


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
    request = facts.request
    if request is None:
        raise LookupError("actions of no request")
    if request.erased_at is not None:
        return ()
    return tuple(
        PossibleAction(transition.trigger, on_behalf=actor.role is Role.OPERATOR and actor.role not in transition.roles)
        for transition in TABLE
        if transition.trigger is not Trigger.DECLARE
        and _may(transition, actor, policy)
        and (transition.is_birth or request.state in transition.sources)
        and (transition.after_end or not policy.calendar.has_ended(request.school_year, now))
        and _has_object(transition.trigger, request, facts, policy, now)
    )


def _may(transition: Transition, actor: Actor, policy: Policy) -> bool:
    if actor.role is Role.SCHEDULE:
        return transition.trigger is Trigger.EXPIRE  # it revokes on a day that was set, and on no other (R46)
    if actor.role is Role.DEPUTY and not policy.deputy_may_act:
        return False
    return actor.role in allowed_roles(transition.roles)


def _has_object(trigger: Trigger, request: Request, facts: Facts, policy: Policy, now: datetime) -> bool:
    """Return True when there is something to settle, to confirm, to renew."""
    match trigger:
        case Trigger.SETTLE_CHANGE:
            return bool(to_settle(request, facts.reports))
        case Trigger.TAKE_BACK:
            return all(check.automatic for check in current_checks(request))
        case Trigger.CONFIRM_REMOVAL:
            return facts.removal is not None and facts.removal.outcome is None
        case Trigger.CONFIRM_HANDOVER:
            return not request.is_extension and not request.handed_on
        case Trigger.DRAW_CODE:
            is_checked = bool(current_checks(request)) or request.has_key
            return policy.draws_codes and facts.code_fate is not CodeStatus.HELD and is_checked
        case Trigger.ISSUE_CODE | Trigger.REISSUE_CODE:
            return request.drawn_in is None
        case Trigger.TAKE_BACK_CODE:
            return request.drawn_in is not None or code_held_until(request, facts.code_fate, policy, now) is not None
        case Trigger.OPEN_CODE:
            return is_readable(request, facts.code_fate, policy, now)
        case Trigger.REOPEN_REMOVAL:
            return facts.removal is not None and facts.removal.outcome is not None
        case Trigger.ASK_QUESTION:
            return not request.question_is_open
        case Trigger.ANSWER_QUESTION:
            return request.question_is_open
        case Trigger.SEND_TO_DRANE:
            return policy.drane_sent_by_us and drane_standing(request) in DRANE_MOVEMENTS
        case Trigger.RENEW:
            return bool(renewal_years(request, policy.calendar, now))
        case Trigger.EXPIRE:
            return policy.calendar.has_ended(request.school_year, now)
    return True
