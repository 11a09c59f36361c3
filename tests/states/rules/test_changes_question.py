"""A question to the establishment and its answer: one at a time, no state changes, none outlives the request (R90)."""

from datetime import timedelta

import pytest

from states.vocabulary import RevokeReason, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, usual

T = Trigger
OPEN = f.request(State.REQUESTED).with_(question_asked_at=f.NOW - timedelta(days=1))
ANSWERED = OPEN.with_(question_answered_at=f.NOW - timedelta(hours=1))


@pytest.mark.rule("R90")
def test_question__waits_for_its_answer() -> None:
    decision = usual(T.ASK_QUESTION, question="  est-ce bien lui ? ")
    assert decision.request.question_is_open
    assert decision.request.state is State.REQUESTED
    assert (dict(decision.data), decision.notes) == ({}, {"question": "est-ce bien lui ?"})


@pytest.mark.rule("R90")
def test_question__one_at_a_time() -> None:
    assert set(refused(f.facts(OPEN), f.command(T.ASK_QUESTION))) == {"question_already_open"}
    assert accepted(f.facts(ANSWERED), f.command(T.ASK_QUESTION)).request.question_is_open


@pytest.mark.rule("R90")
def test_answer__closes_the_question_and_waits_to_be_read() -> None:
    request = accepted(f.facts(OPEN), f.command(T.ANSWER_QUESTION), f.chef()).request
    assert not request.question_is_open
    assert request.question_answered_at == f.NOW


@pytest.mark.parametrize("known", [f.request(State.REQUESTED), ANSWERED], ids=["none", "answered"])
@pytest.mark.rule("R90")
def test_answer__needs_a_question(known: object) -> None:
    reasons = refused(f.facts(known), f.command(T.ANSWER_QUESTION), f.chef())  # type: ignore[arg-type]
    assert set(reasons) == {"no_question_open"}


@pytest.mark.parametrize("trigger", [T.ASK_QUESTION, T.ANSWER_QUESTION])
@pytest.mark.rule("R90", "R7")
def test_words__are_required(trigger: Trigger) -> None:
    field = {T.ASK_QUESTION: "question", T.ANSWER_QUESTION: "answer"}[trigger]
    actor = f.actor_for(trigger)
    reasons = refused(f.facts_for(trigger), f.command(trigger, **{field: " "}), actor)
    assert reasons["bad_field"].field == field


@pytest.mark.rule("R90")
def test_answer__is_read_once_an_operator_goes_on() -> None:
    checked = accepted(f.facts(ANSWERED), f.command(T.CHECK_LISTING)).request
    assert (checked.question_asked_at, checked.question_answered_at) == (None, None)
    behalf = f.command(T.WITHDRAW, on_behalf=f.on_behalf())
    assert accepted(f.facts(ANSWERED), behalf).request.question_asked_at is None  # it is over all the same
    reported = accepted(f.facts(ANSWERED), f.command(T.REPORT_CHANGE), f.chef()).request
    assert reported.question_answered_at == ANSWERED.question_answered_at


@pytest.mark.rule("R90")
def test_question__still_waits_while_an_operator_goes_on() -> None:
    assert accepted(f.facts(OPEN), f.command(T.CHECK_LISTING)).request.question_is_open


@pytest.mark.rule("R90")
def test_question__ends_with_the_request() -> None:
    revoked = accepted(f.facts(OPEN), f.command(T.REVOKE, reason=RevokeReason.DEPARTURE)).request
    assert revoked.question_asked_at is None
    for trigger in (T.ASK_QUESTION, T.ANSWER_QUESTION):
        actor = f.actor_for(trigger)
        assert set(refused(f.facts(revoked), f.command(trigger), actor)) == {"wrong_state"}
