"""After a code: handing over, the date on the server (R31, R43, R58, R61)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from states import french
from states.decision import EraseCode
from states.model import Request
from states.vocabulary import ON_ITS_WAY, CodeStatus, State, Trigger
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
    assert reason.remedy == "Donner une date comprise entre le 6 octobre 2026 et le 12 octobre 2026."


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


@pytest.mark.parametrize("fate", CodeStatus)
@pytest.mark.rule("R31", "R58", "R112")
def test_handover__not_of_a_code_that_never_arrived(fate: CodeStatus) -> None:
    facts = f.facts(State.CODE_ISSUED, code_fate=fate)
    if fate is CodeStatus.TO_READ:
        assert set(refused(facts, f.command(T.CONFIRM_HANDOVER))) == {"code_not_read"}
    elif fate in (*ON_ITS_WAY, CodeStatus.HELD, CodeStatus.UNDELIVERABLE):
        reasons = refused(facts, f.command(T.CONFIRM_HANDOVER))
        assert fate.label in reasons["code_not_delivered"].message
    else:
        accepted(facts, f.command(T.CONFIRM_HANDOVER))


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


NEXT_YEAR = f.other(school_year=f.YEAR.next, expires_on=date(2028, 8, 31))


@pytest.mark.parametrize(
    ("others", "last"),
    [
        ((NEXT_YEAR,), date(2028, 8, 31)),
        ((NEXT_YEAR, f.other(expires_on=date(2028, 9, 30))), date(2028, 9, 30)),
        ((f.other(expires_on=date(2027, 7, 1)), f.other(expires_on=None)), f.LAST_DAY),
        ((NEXT_YEAR.with_(state=State.REVOKED),), f.LAST_DAY),
        ((f.other(State.REQUESTED, expires_on=date(2028, 8, 31)),), f.LAST_DAY),
    ],
    ids=["next year", "the latest", "earlier or none", "revoked", "no key"],
)
@pytest.mark.rule("R43")
def test_expiry__until_the_last_day_of_a_key_shared(others: tuple[Request, ...], last: date) -> None:
    """Both where the key is given and where its day is ticked."""
    ready, ticked = f.checked(f.request(State.REQUESTED)), f.request(State.CODE_ISSUED, expires_on=None)
    for facts, trigger, changes in (
        (f.facts(ready, others=others), T.ISSUE_CODE, {"new_key_confirmed": True}),
        (f.facts(ready, others=others, extended=f.other()), T.ISSUE_CODE, {"code": None, "extends": "ODA-2027-00077"}),
        (f.facts(ticked, others=others), T.CONFIRM_EXPIRY, {}),
    ):
        command = f.command(trigger, expires_on=last, **changes)
        assert accepted(facts, command).request.expires_on == last
        reason = refused(facts, replace(command, expires_on=last + timedelta(days=1)))["date_out_of_bounds"]
        assert reason.remedy.endswith(f"et le {french.day(last)}.")
        if last > f.LAST_DAY:
            assert "date_out_of_bounds" in refused(facts, command, one_key_a_person=False)
