"""After a code: handing over, issuing again, the date on the server (R31, R43, R44, R58, R61)."""

from datetime import date

import pytest

from states.case import EraseCode, SealCode
from states.commands import Code
from states.vocabulary import Change, CodeFate, ReissueReason, Settlement, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

T = Trigger


@pytest.mark.parametrize(
    ("day", "right"),
    [(date(2026, 10, 5), False), (date(2026, 10, 6), True), (date(2026, 10, 12), True), (date(2026, 10, 13), False)],
)
@pytest.mark.rule("R31", "R61")
def test_handover__between_the_issue_and_today(day: date, right: bool) -> None:
    if right:
        decision = usual(T.CONFIRM_HANDOVER, handed_on=day)
        assert decision.request.handed_on == day
        assert decision.effects == (EraseCode(),)
        return
    reason = unusual(T.CONFIRM_HANDOVER, handed_on=day)["date_out_of_bounds"]
    assert reason.remedy == "Donner une date au plus tôt le 6 octobre 2026 et au plus tard le 12 octobre 2026."


@pytest.mark.rule("R31", "R23")
def test_handover__issue_counted_in_local_days() -> None:
    """Issued at 22 h 30 UTC on the 6th: the 7th in Toulouse."""
    facts = f.facts(f.request(State.CODE_ISSUED, code_issued_at=f.ISSUED_AT.replace(hour=22, minute=30)))
    assert refused(facts, f.command(T.CONFIRM_HANDOVER, handed_on=date(2026, 10, 6)))
    accepted(facts, f.command(T.CONFIRM_HANDOVER, handed_on=date(2026, 10, 7)))


@pytest.mark.rule("R31")
def test_handover__once() -> None:
    done = usual(T.CONFIRM_HANDOVER, handed_on=date(2026, 10, 8)).request
    reasons = refused(f.facts(done), f.command(T.CONFIRM_HANDOVER))
    assert reasons["already_handed_over"].message == "La remise est déjà confirmée, au 8 octobre 2026"


@pytest.mark.parametrize("fate", CodeFate)
@pytest.mark.rule("R31", "R58")
def test_handover__not_of_a_code_that_never_arrived(fate: CodeFate) -> None:
    facts = f.facts(State.CODE_ISSUED, code_fate=fate)
    if fate in (CodeFate.WAITING, CodeFate.UNDELIVERABLE):
        reasons = refused(facts, f.command(T.CONFIRM_HANDOVER))
        assert fate.label in reasons["code_not_delivered"].message
    else:
        accepted(facts, f.command(T.CONFIRM_HANDOVER))


@pytest.mark.parametrize("reason", [r for r in ReissueReason if r is not ReissueReason.COMPROMISED])
@pytest.mark.rule("R44", "R61", "R62")
def test_reissue__replaces_the_code_and_voids_the_handover(reason: ReissueReason) -> None:
    handed = f.request(State.CODE_ISSUED, handed_on=date(2026, 10, 8))
    decision = accepted(f.facts(handed), f.command(T.REISSUE_CODE, reason=reason))
    assert decision.effects == (EraseCode(), SealCode(Code(clear=f.CODE)))
    assert (decision.request.handed_on, decision.request.code_issued_at) == (None, f.NOW)
    assert decision.request.expires_on == handed.expires_on
    assert decision.data == {"reason": reason.value}


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


@pytest.mark.rule("R44")
def test_reissue__compromise_reported_then_settled() -> None:
    command = f.command(T.REISSUE_CODE, reason=ReissueReason.COMPROMISED)
    about = f.report(1, Change.KEY_COMPROMISED)
    settled = f.report(1, Change.KEY_COMPROMISED, settlement=Settlement.REISSUED, settled_at=f.NOW)
    assert set(refused(f.facts(State.CODE_ISSUED), command)) == {"report_first"}
    lost = f.facts(State.CODE_ISSUED, reports=(f.report(1, Change.KEY_LOST),))
    assert set(refused(lost, command)) == {"report_first"}
    assert set(refused(f.facts(State.CODE_ISSUED, reports=(about,)), command)) == {"report_still_open"}
    accepted(f.facts(State.CODE_ISSUED, reports=(settled,)), command)
    second = f.report(2, Change.KEY_COMPROMISED)
    assert set(refused(f.facts(State.CODE_ISSUED, reports=(settled, second)), command)) == {"report_still_open"}


@pytest.mark.rule("R43")
def test_expiry__ticked_once_the_end_has_moved() -> None:
    moved = f.calendar(given_ends={f.YEAR: date(2027, 7, 9)})
    command = f.command(T.CONFIRM_EXPIRY, expires_on=None)
    decision = accepted(f.facts(State.CODE_ISSUED), command, calendar=moved)
    assert decision.request.expires_on == date(2027, 7, 9)
    assert decision.data == {"expires_on": "2027-07-09"}
    assert set(refused(f.facts(decision.request), command, calendar=moved)) == {"nothing_to_tick"}


@pytest.mark.parametrize("day", [date(2026, 10, 11), date(2027, 9, 1)])
@pytest.mark.rule("R43")
def test_expiry__bounds(day: date) -> None:
    assert set(unusual(T.CONFIRM_EXPIRY, expires_on=day)) == {"date_out_of_bounds"}
