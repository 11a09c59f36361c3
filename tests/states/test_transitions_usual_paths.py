"""Each action's happy path, from every state that the reference gives it (R1)."""

from dataclasses import replace

import pytest

from states.vocabulary import LIVE_STATES, Change, Labelled, RevokeReason, State, Step, Trigger, WithdrawReason
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

S, T = State, Trigger
PATHS = {
    T.DECLARE: (None, S.DECLARED),
    T.DELEGATE: (S.DECLARED, S.DELEGATED),
    T.SIGN_CHARTER: (S.DELEGATED, S.CHARTER_SIGNED),
    T.SUBMIT: (S.CHARTER_SIGNED, S.REQUESTED),
    T.CHECK_LISTING: (S.REQUESTED, S.REQUESTED),
    T.CHECK_DELEGATION: (S.REQUESTED, S.REQUESTED),
    T.SEND_BACK: (S.REQUESTED, S.DELEGATED),
    T.DRAW_CODE: (S.REQUESTED, S.REQUESTED),
    T.ISSUE_CODE: (S.REQUESTED, S.CODE_ISSUED),
    T.REISSUE_CODE: (S.CODE_ISSUED, S.CODE_ISSUED),
    T.TAKE_BACK_CODE: (S.CODE_ISSUED, S.REQUESTED),
    T.OPEN_CODE: (S.CODE_ISSUED, S.CODE_ISSUED),
    T.CONFIRM_HANDOVER: (S.CODE_ISSUED, S.CODE_ISSUED),
    T.CONFIRM_EXPIRY: (S.CODE_ISSUED, S.CODE_ISSUED),
    T.REPORT_CHANGE: (S.CODE_ISSUED, S.CODE_ISSUED),
    T.SETTLE_CHANGE: (S.CODE_ISSUED, S.CODE_ISSUED),
    T.AMEND: (S.DELEGATED, S.DELEGATED),
    T.TAKE_BACK: (S.REQUESTED, S.CHARTER_SIGNED),
    T.WITHDRAW: (S.REQUESTED, S.REVOKED),
    T.REVOKE: (S.CODE_ISSUED, S.REVOKED),
    T.EXPIRE: (S.CODE_ISSUED, S.REVOKED),
    T.CONFIRM_REMOVAL: (S.REVOKED, S.REVOKED),
    T.REOPEN_REMOVAL: (S.REVOKED, S.REVOKED),
    T.RENEW: (None, S.DECLARED),
    T.ASK_QUESTION: (S.REQUESTED, S.REQUESTED),
    T.ANSWER_QUESTION: (S.REQUESTED, S.REQUESTED),
    T.SEND_TO_DRANE: (S.CODE_ISSUED, S.CODE_ISSUED),
}


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.rule("R1", "R8")
def test_path__usual(trigger: Trigger) -> None:
    before = f.facts_for(trigger).request
    decision = usual(trigger)
    assert (decision.source, decision.request.state) == PATHS[trigger]
    assert decision.trigger is trigger
    born = decision.source is None
    assert decision.is_birth is born
    assert decision.request.version == (1 if born or before is None else before.version + 1)


FROM: dict[Trigger, set[State]] = {
    T.DELEGATE: {S.DECLARED},
    T.SIGN_CHARTER: {S.DELEGATED},
    T.SUBMIT: {S.CHARTER_SIGNED},
    T.CHECK_LISTING: {S.REQUESTED},
    T.CHECK_DELEGATION: {S.REQUESTED},
    T.SEND_BACK: {S.REQUESTED},
    T.ISSUE_CODE: {S.REQUESTED},
    T.REISSUE_CODE: {S.CODE_ISSUED},
    T.CONFIRM_HANDOVER: {S.CODE_ISSUED},
    T.CONFIRM_EXPIRY: {S.CODE_ISSUED},
    T.REPORT_CHANGE: set(LIVE_STATES),
    T.SETTLE_CHANGE: set(S),
    T.AMEND: {S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED},
    T.WITHDRAW: {S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED, S.REQUESTED},
    T.REVOKE: set(LIVE_STATES),
    T.EXPIRE: set(LIVE_STATES),
    T.CONFIRM_REMOVAL: {S.REVOKED},
    T.ASK_QUESTION: set(LIVE_STATES),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", FROM)
@pytest.mark.rule("R1", "R30", "R45", "R46")
def test_source__every_state(trigger: Trigger, state: State) -> None:
    """Outside its states an action is refused for that; inside, never for that."""
    facts = replace(f.facts(f.checked(f.request(state))), reports=(f.report(1, Change.MISSION),))
    if state in FROM[trigger]:
        accepted(facts, f.command(trigger))
        return
    reasons = refused(facts, f.command(trigger))
    assert set(reasons) - {"second_code"} == {"wrong_state"}
    assert f"« {state.label} »" in reasons["wrong_state"].message


@pytest.mark.rule("R1")
def test_wrong_state__says_where_who_when() -> None:
    reason = refused(f.facts(State.REQUESTED), f.command(T.DELEGATE))["wrong_state"]
    assert reason.message == (
        "La demande ODA-2027-00042 est « demandée » ; dernière action : déclarer le RUPN, par la boîte de 0310001H,"
        " le 9 octobre 2026 à 11 h 00"
    )
    assert reason.remedy == "Rien à refaire : cette étape est faite. Prochaine étape : émettre le code."


@pytest.mark.parametrize(
    ("trigger", "state", "remedy"),
    [
        (T.WITHDRAW, S.CODE_ISSUED, "signaler un changement"),
        (T.ISSUE_CODE, S.CODE_ISSUED, "Rien à refaire : cette étape est faite."),
        (T.SUBMIT, S.DECLARED, "Faire d'abord : attester la délégation."),
        (T.AMEND, S.REQUESTED, "la reprendre pour la corriger"),
        *((trigger, S.REVOKED, "renouveler la demande") for trigger in FROM if S.REVOKED not in FROM[trigger]),
    ],
)
@pytest.mark.rule("R1", "R7")
def test_wrong_state__says_what_to_do(trigger: Trigger, state: State, remedy: str) -> None:
    assert remedy in refused(f.facts(state), f.command(trigger))["wrong_state"].remedy


@pytest.mark.parametrize(
    ("step", "target"),
    [
        (Step.DECLARATION, S.DECLARED),
        (Step.DELEGATION, S.DECLARED),
        (Step.CHARTER, S.DELEGATED),
        (Step.CONFIRMATION, S.CHARTER_SIGNED),
    ],
)
@pytest.mark.rule("R38")
def test_send_back__each_step(step: Step, target: State) -> None:
    decision = usual(T.SEND_BACK, step=step, why="  à revoir ")
    assert decision.request.state is target
    assert decision.data == {"step": step.value}
    assert decision.notes == {"why": "à revoir"}


@pytest.mark.rule("R38")
def test_send_back__needs_a_reason() -> None:
    assert refused(f.facts(State.REQUESTED), f.command(T.SEND_BACK, why=" "))["bad_field"].field == "why"


@pytest.mark.parametrize("reason", WithdrawReason)
@pytest.mark.rule("R30")
def test_withdraw__each_reason(reason: WithdrawReason) -> None:
    assert usual(T.WITHDRAW, reason=reason, note="mutation").data["reason"] == reason.value


@pytest.mark.parametrize(
    ("trigger", "cause"),
    [
        (T.WITHDRAW, WithdrawReason.OTHER),
        (T.REVOKE, RevokeReason.OTHER),
        (T.REVOKE, RevokeReason.REFUSAL),
        (T.REVOKE, RevokeReason.ERROR),
    ],
)
@pytest.mark.rule("R30", "R45")
def test_end__other_reason_is_said(trigger: Trigger, cause: Labelled) -> None:
    """An administration that refuses, or errs, says why in words."""
    for note in ("", " \n"):
        reason = unusual(trigger, reason=cause, note=note)["bad_field"]
        assert (reason.field, reason.rule) == ("note", "R30" if trigger is T.WITHDRAW else "R45")
        assert reason.message == "La précision, nécessaire avec cette raison, est vide"
        assert reason.remedy == "Quelques mots suffisent, sans nom ni donnée de santé."
    usual(trigger, note="")


@pytest.mark.parametrize("reason", RevokeReason)
@pytest.mark.rule("R45")
def test_revoke__each_reason(reason: RevokeReason) -> None:
    decision = usual(T.REVOKE, reason=reason, note=" départ le 1er ")
    assert decision.data["reason"] == reason.value
    assert decision.notes == {"note": "départ le 1er"}
