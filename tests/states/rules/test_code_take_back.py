"""Taking back a code that was just typed, while its mail has not left (R62)."""

from datetime import timedelta

import pytest

from states.commands import Code
from states.decision import EraseCode, SealCode
from states.model import Facts
from states.rules.code import code_held_until
from states.vocabulary import CodeStatus, ReissueReason, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, usual

T = Trigger
TAKE_BACK = f.command(T.TAKE_BACK_CODE)
MINUTE = timedelta(seconds=60)


def issued(seconds: int, fate: CodeStatus = CodeStatus.WAITING, **changes: object) -> Facts:
    """The facts of a code that was typed so many seconds ago."""
    typed = f.NOW - timedelta(seconds=seconds)
    return f.facts(f.request(State.CODE_ISSUED, code_issued_at=typed, **changes), code_fate=fate)


@pytest.mark.rule("R62")
def test_take_back__the_request_is_as_before_it_was_issued() -> None:
    ready = f.checked(f.request(State.REQUESTED))
    sent = accepted(f.facts(ready), f.command(T.ISSUE_CODE)).request
    decision = accepted(f.facts(sent, code_fate=CodeStatus.WAITING), TAKE_BACK, code_hold=MINUTE)
    assert decision.effects == (EraseCode(),)
    assert decision.data == {"replaced_code": False}
    back = decision.request
    assert back.with_(version=0, issued_by=None) == ready.with_(version=0)
    assert back.issued_by == f.operator().number, "who typed a code has seen it (R6)"
    accepted(f.facts(back), f.command(T.ISSUE_CODE))


@pytest.mark.rule("R44", "R62")
def test_take_back__of_a_code_issued_again_comes_back_to_the_code_before() -> None:
    before = f.request(State.CODE_ISSUED, handed_on=f.TODAY)
    again = accepted(f.facts(before), f.command(T.REISSUE_CODE, reason=ReissueReason.TYPING_ERROR)).request
    decision = accepted(f.facts(again, code_fate=CodeStatus.WAITING), TAKE_BACK, code_hold=MINUTE)
    back = decision.request
    assert (back.state, back.code_issued_at, back.previous_code_at) == (State.CODE_ISSUED, before.code_issued_at, None)
    assert back.handed_on is None, "the key has another code on the server: what was handed over serves no more"
    assert (back.expires_on, decision.data) == (before.expires_on, {"replaced_code": True})


@pytest.mark.parametrize(("seconds", "right"), [(0, True), (59, True), (60, False), (3600, False)])
@pytest.mark.rule("R62")
def test_take_back__within_the_minute(seconds: int, right: bool) -> None:
    facts = issued(seconds)
    assert facts.request
    until = code_held_until(facts.request, facts.code_fate, f.policy(code_hold=MINUTE), f.NOW)
    if right:
        accepted(facts, TAKE_BACK, code_hold=MINUTE)
        assert until == f.NOW - timedelta(seconds=seconds) + MINUTE
        return
    reason = refused(facts, TAKE_BACK, code_hold=MINUTE)["hold_over"]
    assert "erreur de saisie" in reason.remedy
    assert until is None


@pytest.mark.parametrize("fate", [s for s in CodeStatus if s is not CodeStatus.WAITING])
@pytest.mark.rule("R62")
def test_take_back__not_once_its_mail_leaves(fate: CodeStatus) -> None:
    (code,) = refused(issued(1, fate), TAKE_BACK, code_hold=MINUTE)
    nothing = (CodeStatus.UNDELIVERABLE, CodeStatus.EXTENDED, CodeStatus.NONE)
    assert code == ("no_code_waits" if fate in nothing else "code_has_left")


@pytest.mark.rule("R62")
def test_take_back__never_with_no_hold() -> None:
    assert set(refused(issued(0), TAKE_BACK)) == {"hold_over"}
    assert usual(T.ISSUE_CODE).effects == (SealCode(Code(clear=f.CODE), f.NOW),)
    decision = accepted(f.facts_for(T.ISSUE_CODE), f.command(T.ISSUE_CODE), code_hold=MINUTE)
    assert decision.effects == (SealCode(Code(clear=f.CODE), f.NOW + MINUTE),)


@pytest.mark.rule("R62")
def test_take_back__tells_nobody_anything() -> None:
    assert accepted(issued(1), TAKE_BACK, code_hold=MINUTE).notes == {}
