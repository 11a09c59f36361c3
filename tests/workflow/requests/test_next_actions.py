from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from states.decision import Decision
from states.model import Facts, Removal
from states.rules.verification import Standing, standing
from states.transitions import decide
from states.vocabulary import (
    Change,
    CheckOutcome,
    CodeStatus,
    RemovalKind,
    RemovalOutcome,
    Role,
    Settlement,
    State,
    Trigger,
)
from tests.kit import factories as make
from workflow.requests.detail import NOTE_LABELS, event_details, has_label
from workflow.requests.next_actions import NextStep, next_step, possible_actions

T = Trigger
ENDED = datetime(2027, 9, 15, tzinfo=UTC)


def can(role: Role, facts: Facts, now: datetime = make.NOW) -> list[Trigger]:
    return [action.trigger for action in possible_actions(facts, make.actor(role), make.policy(), now)]


@pytest.mark.rule("R1", "R2")
def test_actions__of_a_chef_follow_the_state() -> None:
    chef = Role.CHEF
    assert can(chef, make.facts(State.DECLARED)) == [T.DELEGATE, T.REPORT_CHANGE, T.AMEND, T.WITHDRAW]
    assert can(chef, make.facts(State.REQUESTED)) == [T.REPORT_CHANGE, T.TAKE_BACK, T.WITHDRAW]
    assert can(chef, make.facts(State.CODE_ISSUED)) == [T.CONFIRM_HANDOVER, T.REPORT_CHANGE]
    assert can(chef, make.facts(State.REVOKED)) == [T.RENEW]


@pytest.mark.rule("R2")
@pytest.mark.parametrize("state", list(State))
def test_actions__a_reader_has_none(state: State) -> None:
    assert can(Role.READER, make.facts(state)) == []


@pytest.mark.rule("R4")
def test_actions__a_deputy_has_those_of_a_chef_unless_the_setting_forbids() -> None:
    facts = make.facts(State.DECLARED)
    assert can(Role.DEPUTY, facts) == can(Role.CHEF, facts)
    strict = make.policy(deputy_may_act=False)
    assert possible_actions(facts, make.deputy(), strict, make.NOW) == ()


@pytest.mark.rule("R5")
def test_actions__of_an_operator_say_which_are_on_behalf() -> None:
    actions = possible_actions(make.facts(State.REQUESTED), make.operator(), make.policy(), make.NOW)
    assert {a.trigger for a in actions if a.on_behalf} == {T.TAKE_BACK, T.WITHDRAW}
    assert {a.trigger for a in actions if not a.on_behalf} == {
        T.CHECK_LISTING, T.CHECK_DELEGATION, T.SEND_BACK, T.ISSUE_CODE, T.REPORT_CHANGE, T.REVOKE,
        T.ASK_QUESTION,
    }  # fmt: skip
    assert actions[0].label == "vérifier la liste des RUPN"


@pytest.mark.rule("R24")
def test_actions__after_the_end_few_remain() -> None:
    assert can(Role.OPERATOR, make.facts(State.REQUESTED), ENDED) == [T.REPORT_CHANGE, T.WITHDRAW, T.REVOKE, T.RENEW]
    assert can(Role.SCHEDULE, make.facts(State.REQUESTED), ENDED) == [T.EXPIRE]
    assert can(Role.SCHEDULE, make.facts(State.REQUESTED)) == []


@pytest.mark.rule("R46", "R49")
def test_actions__without_an_object_are_left_out() -> None:
    removed = replace(make.facts(State.REVOKED), removal=Removal(RemovalKind.REMOVE_RIGHTS, RemovalOutcome.REMOVED))
    assert T.CONFIRM_REMOVAL in can(Role.OPERATOR, make.facts(State.REVOKED))
    assert T.CONFIRM_REMOVAL not in can(Role.OPERATOR, removed)
    assert T.SETTLE_CHANGE in can(Role.OPERATOR, make.facts_for(T.SETTLE_CHANGE))
    assert T.SETTLE_CHANGE not in can(Role.OPERATOR, make.facts(State.CODE_ISSUED))


def following(facts: Facts, now: datetime = make.NOW) -> Trigger | None:
    step = next_step(facts, make.policy(), now)
    return step.trigger if step else None


def test_next__of_every_state() -> None:
    steps = {state: following(make.facts(state)) for state in State}
    assert steps == {
        State.DECLARED: T.DELEGATE, State.DELEGATED: T.SIGN_CHARTER, State.CHARTER_SIGNED: T.SUBMIT,
        State.REQUESTED: T.CHECK_LISTING, State.CODE_ISSUED: T.CONFIRM_HANDOVER, State.REVOKED: T.CONFIRM_REMOVAL,
    }  # fmt: skip


@pytest.mark.rule("R90")
def test_next__a_question_waits_for_its_answer_before_anything_else() -> None:
    facts = make.facts_for(T.ANSWER_QUESTION)
    assert following(facts) is T.ANSWER_QUESTION
    assert T.ASK_QUESTION not in can(Role.OPERATOR, facts)
    assert T.ANSWER_QUESTION not in can(Role.CHEF, make.facts(State.REQUESTED))


def test_next__of_what_was_found() -> None:
    requested, issued = make.request(State.REQUESTED), make.facts(State.CODE_ISSUED)
    assert following(make.facts(make.checked(requested))) is T.DRAW_CODE
    assert following(make.facts(make.checked(requested, listing=CheckOutcome.NEGATIVE))) is T.SEND_BACK
    assert following(replace(issued, code_fate=CodeStatus.UNDELIVERABLE)) is T.REISSUE_CODE
    assert following(replace(issued, code_fate=CodeStatus.HANDED_OVER)) is None
    assert following(issued, ENDED) is T.EXPIRE
    settled = make.report(settlement=Settlement.REISSUED, settled_at=make.NOW)
    assert following(replace(issued, reports=(settled,))) is T.REISSUE_CODE, "as earlier versions decided"
    answered = replace(settled, reported_at=make.ISSUED_AT - timedelta(hours=1))
    assert following(replace(issued, reports=(answered,))) is T.CONFIRM_HANDOVER
    assert following(replace(make.facts(State.REVOKED), removal=None)) is None


@pytest.mark.rule("R35")
def test_next__a_void_negative_check_is_to_be_made() -> None:
    negative = make.checked(make.request(State.REQUESTED), listing=CheckOutcome.NEGATIVE)
    assert following(make.facts(negative.with_(nom="Autre"))) is T.CHECK_LISTING
    assert standing(negative) is Standing.NEGATIVE
    assert standing(negative.with_(nom="Autre")) is Standing.TO_DO


@pytest.mark.rule("R32", "R46")
def test_next__of_a_day_to_come() -> None:
    """Somebody is waited for, on the day that was announced; a key in service is said to be so until then."""
    day = date(2027, 1, 4)
    handed = replace(make.facts(State.CODE_ISSUED), code_fate=CodeStatus.HANDED_OVER)
    coming = next_step(
        replace(handed, reports=(make.report(1, Change.MISSION, effective_on=day),)), make.policy(), make.NOW
    )
    assert coming == NextStep(
        Role.OPERATOR, "régler le signalement n° 1 (changement de mission) le 4 janvier 2027", T.SETTLE_CHANGE, day
    )
    dated = make.report(1, Change.MISSION, settlement=Settlement.REVOCATION_DATED, revoke_on=day)
    foreseen = next_step(replace(handed, reports=(dated,)), make.policy(), make.NOW)
    assert foreseen == NextStep(
        Role.SCHEDULE, "la demande sera révoquée le 4 janvier 2027 (changement de mission)", None, day
    )


@pytest.mark.rule("R29", "R46")
def test_actions__of_what_can_still_be_changed() -> None:
    dated = make.report(1, settlement=Settlement.REVOCATION_DATED, revoke_on=date(2027, 1, 4))
    assert T.SETTLE_CHANGE in can(Role.OPERATOR, replace(make.facts(State.CODE_ISSUED), reports=(dated,)))
    assert T.SETTLE_CHANGE not in can(Role.OPERATOR, replace(make.facts(State.REVOKED), reports=(dated,)))
    checked = make.checked(make.request(State.REQUESTED))
    assert T.TAKE_BACK not in can(Role.CHEF, make.facts(checked))
    assert T.TAKE_BACK in can(Role.CHEF, make.facts(checked.with_(mail="autre@ac-toulouse.fr"))), "both are void"


@pytest.mark.parametrize("trigger", list(Trigger))
def test_words__say_all_that_the_rules_write(trigger: Trigger) -> None:
    facts, actor, now = make.facts_for(trigger), make.actor_for(trigger), make.now_for(trigger)
    decision = decide(facts, make.command(trigger), actor, now, make.policy())
    assert isinstance(decision, Decision)
    assert [key for key in decision.data if not has_label(key)] == []
    assert all(NOTE_LABELS[field] for field in decision.notes)
    for label, value in event_details(trigger, decision.data):
        assert "_" not in label + value, (label, value)
