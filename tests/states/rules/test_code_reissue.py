"""Issuing a code again: what it replaces, the key that others rely on, a compromise (R42, R44, R61, R62)."""

from datetime import date, timedelta

import pytest

from states.commands import Code
from states.decision import CloseReport, EraseCode, SealCode
from states.model import Request
from states.vocabulary import NEW_CODE_CHANGES, Change, ReissueReason, Settlement, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, usual

T = Trigger
COMPROMISED = f.command(T.REISSUE_CODE, reason=ReissueReason.COMPROMISED)
OPEN = f.report(1, Change.KEY_COMPROMISED)
SETTLED = f.report(1, Change.KEY_COMPROMISED, settlement=Settlement.REISSUED, settled_at=f.NOW)


@pytest.mark.parametrize("reason", [r for r in ReissueReason if r is not ReissueReason.COMPROMISED])
@pytest.mark.rule("R44", "R61", "R62")
def test_reissue__replaces_the_code_and_voids_the_handover(reason: ReissueReason) -> None:
    handed = f.request(State.CODE_ISSUED, handed_on=date(2026, 10, 8))
    decision = accepted(f.facts(handed), f.command(T.REISSUE_CODE, reason=reason))
    assert decision.effects == (EraseCode(), SealCode(Code(clear=f.CODE), f.NOW))
    assert (decision.request.handed_on, decision.request.code_issued_at) == (None, f.NOW)
    assert decision.request.expires_on == handed.expires_on
    assert decision.request.previous_code_at == handed.code_issued_at
    assert decision.data == {"reason": reason.value, "new_key_confirmed": False}


@pytest.mark.rule("R31", "R44")
def test_reissue__handover_counts_from_the_new_code() -> None:
    again = usual(T.REISSUE_CODE).request
    assert set(refused(f.facts(again), f.command(T.CONFIRM_HANDOVER, handed_on=date(2026, 10, 8)))) == {
        "date_out_of_bounds"
    }
    accepted(f.facts(again), f.command(T.CONFIRM_HANDOVER, handed_on=f.TODAY))


@pytest.mark.rule("R13", "R15", "R41", "R7")
def test_reissue__needs_a_mailbox_and_a_right_code() -> None:
    facts = f.facts(State.CODE_ISSUED, establishment=f.establishment(is_open=False, mailbox=None))
    reasons = refused(facts, f.command(T.REISSUE_CODE, code=Code(clear="?")))
    assert set(reasons) == {"closed_establishment", "no_mailbox", "code_format"}


@pytest.mark.parametrize("reason", ReissueReason)
@pytest.mark.rule("R44")
def test_reissue__blocked_by_an_open_compromise_whatever_the_reason(reason: ReissueReason) -> None:
    """But for the reason that says that the code answers it."""
    command = f.command(T.REISSUE_CODE, reason=reason)
    for reports in ((OPEN,), (SETTLED, f.report(2, Change.KEY_COMPROMISED))):
        facts = f.facts(State.CODE_ISSUED, reports=reports)
        if reason is ReissueReason.COMPROMISED:
            assert accepted(facts, command).effects[2:] == (CloseReport(reports[-1], Settlement.REISSUED),)
        else:
            assert set(refused(facts, command)) == {"report_still_open"}


@pytest.mark.parametrize("change", NEW_CODE_CHANGES)
@pytest.mark.rule("R44", "R46")
def test_reissue__settles_the_reports_that_wait_for_a_code(change: Change) -> None:
    """And no other: an absence, one that is settled already."""
    waiting, no_effect = f.report(1, change), f.report(3, change, settlement=Settlement.NO_EFFECT, settled_at=f.NOW)
    facts = f.facts(State.CODE_ISSUED, reports=(waiting, f.report(2), no_effect, f.report(4, change)))
    decision = accepted(facts, f.command(T.REISSUE_CODE))
    closed = decision.effects[2:]
    assert closed == tuple(CloseReport(report, Settlement.REISSUED) for report in (waiting, f.report(4, change)))
    assert decision.data["reports"] == "1, 4"


@pytest.mark.rule("R44", "R46")
def test_reissue__compromised_follows_a_report_settled_so() -> None:
    """Earlier versions settled a compromise before its code was made."""
    accepted(f.facts(State.CODE_ISSUED, reports=(SETTLED,)), COMPROMISED)
    otherwise = f.report(1, Change.KEY_COMPROMISED, settlement=Settlement.NO_EFFECT, settled_at=f.NOW)
    lost = f.report(1, Change.KEY_LOST, settlement=Settlement.REISSUED, settled_at=f.NOW)
    for reports in ((), (otherwise,), (lost,), (f.report(1, Change.KEY_LOST),)):
        assert set(refused(f.facts(State.CODE_ISSUED, reports=reports), COMPROMISED)) == {"report_first"}
    accepted(f.facts(State.CODE_ISSUED, reports=(otherwise,)), f.command(T.REISSUE_CODE))


@pytest.mark.parametrize(("seconds", "right"), [(-1, False), (0, True), (1, True)])
@pytest.mark.rule("R44")
def test_reissue__compromised_once_for_each_report(seconds: int, right: bool) -> None:
    """A report made before the last code has been answered by it."""
    reported_at = f.ISSUED_AT + timedelta(seconds=seconds)
    settled = f.report(
        1, Change.KEY_COMPROMISED, settlement=Settlement.REISSUED, reported_at=reported_at, settled_at=f.NOW
    )
    facts = f.facts(State.CODE_ISSUED, reports=(settled,))
    if right:
        again = accepted(facts, COMPROMISED).request
        assert set(refused(f.facts(again, reports=(settled,)), COMPROMISED)) == {"report_first"}
    else:
        assert set(refused(facts, COMPROMISED)) == {"report_first"}


@pytest.mark.parametrize("mine", [f.request(State.CODE_ISSUED), f.request(State.CODE_ISSUED, extends="ODA-2027-00077")])
@pytest.mark.rule("R42")
def test_reissue__warned_that_the_key_is_in_use_elsewhere(mine: Request) -> None:
    facts = f.facts(mine, others=(f.other(),))
    reason = refused(facts, f.command(T.REISSUE_CODE))["key_in_use"]
    assert (reason.rule, reason.field) == ("R42", "new_key_confirmed")
    assert reason.remedy == "Prévenir ces établissements, puis confirmer qu'une nouvelle clé est voulue."
    decision = accepted(facts, f.command(T.REISSUE_CODE, new_key_confirmed=True))
    assert decision.data["new_key_confirmed"] is True
    assert decision.request.extends is None
    accepted(facts, f.command(T.REISSUE_CODE), one_key_a_person=False)
    accepted(f.facts(mine, others=(f.other(State.REQUESTED),)), f.command(T.REISSUE_CODE))


@pytest.mark.rule("R9", "R42")
def test_second_code__made_on_the_server_may_have_voided_the_first() -> None:
    """Two operators prepared the same code: the second one's is the server's, perhaps, and the first one's has left."""
    issue = f.command(T.ISSUE_CODE, expected_version=4)
    assert set(refused(f.facts(State.CODE_ISSUED), issue)) == {"changed_meanwhile", "wrong_state", "second_code"}
    assert "second_code" not in refused(f.facts(State.REVOKED), issue)
    assert "second_code" not in refused(f.facts(f.request(State.CODE_ISSUED, extends="ODA-2027-00077")), issue)
    again = f.command(T.REISSUE_CODE, expected_version=4)
    assert set(refused(f.facts(State.CODE_ISSUED), again)) == {"changed_meanwhile"}, "nobody has issued a code since"
