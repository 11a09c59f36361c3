"""A code that is read on its page of the portal, once (R112)."""

from datetime import timedelta

import pytest

from states.commands import Code
from states.decision import EraseCode, SealCode
from states.rules.code import is_readable
from states.vocabulary import CodeStatus, ReissueReason, SignInMethod, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

T = Trigger
OPEN = f.command(T.OPEN_CODE)
MINUTE = timedelta(seconds=60)
READY = f.checked(f.request(State.REQUESTED))


@pytest.mark.rule("R112")
def test_issue__by_link_waits_to_be_read() -> None:
    decision = accepted(f.facts(READY), f.command(T.ISSUE_CODE), code_by_link=True)
    assert [type(effect) for effect in decision.effects] == [SealCode]
    assert decision.request.code_by_link
    assert decision.request.code_unread_since == f.NOW
    assert accepted(f.facts(READY), f.command(T.ISSUE_CODE)).request.code_by_link is False


@pytest.mark.rule("R40", "R112")
def test_issue__an_extended_key_has_nothing_to_read() -> None:
    command = f.command(T.ISSUE_CODE, code=None, key_elsewhere=True)
    assert accepted(f.facts(READY), command, code_by_link=True).request.code_by_link is False


@pytest.mark.parametrize("method", [SignInMethod.PROVIDER, SignInMethod.TRUSTED_HEADERS])
@pytest.mark.rule("R61", "R112")
def test_open__erases_in_the_decision_that_says_it(method: SignInMethod) -> None:
    decision = accepted(f.facts_for(T.OPEN_CODE), f.command(T.OPEN_CODE, method=method))
    assert decision.effects == (EraseCode(),)
    assert decision.data == {"method": method.value}
    assert (decision.request.code_unread_since, decision.request.code_read_at) == (None, f.NOW)
    assert decision.request.state is State.CODE_ISSUED


@pytest.mark.rule("R9", "R112")
def test_open__the_second_learns_who_read_it() -> None:
    read = accepted(f.facts_for(T.OPEN_CODE), OPEN).request
    reasons = refused(f.facts(read, code_fate=CodeStatus.READ), OPEN)
    assert set(reasons) == {"code_already_read"}
    assert "12 octobre 2026 à 11 h 00" in reasons["code_already_read"].message


@pytest.mark.parametrize("fate", CodeStatus)
@pytest.mark.rule("R112")
def test_open__a_code_that_is_there_alone(fate: CodeStatus) -> None:
    request = f.request(State.CODE_ISSUED).with_(code_unread_since=f.NOW)
    facts, is_there = f.facts(request, code_fate=fate), fate in (
        CodeStatus.WAITING, CodeStatus.SENDING, CodeStatus.TO_READ
    )  # fmt: skip
    assert is_readable(request, fate, f.policy(), f.NOW) is is_there
    if is_there:
        accepted(facts, OPEN)
    else:
        assert set(refused(facts, OPEN)) == {"no_code_to_read"}


@pytest.mark.rule("R62", "R112")
def test_open__not_while_it_may_be_taken_back() -> None:
    request = f.request(State.CODE_ISSUED, code_issued_at=f.NOW).with_(code_unread_since=f.NOW)
    facts = f.facts(request, code_fate=CodeStatus.WAITING)
    assert set(refused(facts, OPEN, code_hold=MINUTE)) == {"code_readable_from"}
    taken_back = accepted(facts, f.command(T.TAKE_BACK_CODE), code_hold=MINUTE).request
    assert not taken_back.code_by_link


@pytest.mark.rule("R44", "R112")
def test_reissue__is_to_be_read_anew() -> None:
    read = accepted(f.facts_for(T.OPEN_CODE), OPEN).request
    command = f.command(T.REISSUE_CODE, reason=ReissueReason.LOST, code=Code(clear="AB12cd34"))
    again = accepted(f.facts(read, code_fate=CodeStatus.READ), command, code_by_link=True).request
    assert (again.code_unread_since, again.code_read_at) == (f.NOW, None)
    by_mail = accepted(f.facts(read, code_fate=CodeStatus.READ), command).request
    assert not by_mail.code_by_link
