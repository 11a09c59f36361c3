"""Reporting a change, and settling the report (R32, R46)."""

from datetime import date, timedelta
from typing import Any

import pytest

from states.decision import CloseReport, OpenReport
from states.model import Report
from states.rules.changes import due_on
from states.vocabulary import KEY_CHANGES, LIVE_STATES, Change, Settlement, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

SETTLED = f.report(1, settlement=Settlement.NO_EFFECT, settled_at=f.NOW)


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R32")
def test_report__any_change_of_any_live_request(state: State, change: Change) -> None:
    command = f.command(Trigger.REPORT_CHANGE, change=change, note="  jusqu'en mars ")
    if change in KEY_CHANGES and state is not State.CODE_ISSUED:
        assert set(refused(f.facts(state), command)) == {"no_key_to_report"}
        return
    decision = accepted(f.facts(state), command)
    report = Report(number=1, change=change, effective_on=f.TODAY, reported_at=f.NOW)
    assert decision.effects == (OpenReport(report),)
    assert decision.data == {"report": 1, "change": change.value, "effective_on": "2026-10-12"}
    assert decision.notes == {"note": "jusqu'en mars"}
    assert decision.request.state is state


@pytest.mark.rule("R32")
def test_report__numbered_within_the_request() -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(SETTLED, f.report(4, Change.MISSION)))
    decision = accepted(facts, f.command(Trigger.REPORT_CHANGE), f.operator())
    assert decision.data["report"] == 5


@pytest.mark.rule("R32")
def test_report__once_while_it_is_open() -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(SETTLED, f.report(2), f.report(3)))
    reason = refused(facts, f.command(Trigger.REPORT_CHANGE))["already_reported"]
    assert reason.message == "Ce changement est déjà signalé, n° 2"
    accepted(facts, f.command(Trigger.REPORT_CHANGE, change=Change.MISSION))
    accepted(facts, f.command(Trigger.REPORT_CHANGE, effective_on=f.TODAY + timedelta(days=1)))
    accepted(f.facts(State.CODE_ISSUED, reports=(SETTLED,)), f.command(Trigger.REPORT_CHANGE))


@pytest.mark.rule("R32")
def test_report__key_of_an_extension() -> None:
    extended = f.facts(f.request(State.CODE_ISSUED, extends="ODA-2027-00077"))
    accepted(extended, f.command(Trigger.REPORT_CHANGE, change=Change.KEY_LOST))


@pytest.mark.parametrize(
    ("day", "right"),
    [(date(1999, 12, 31), False), (date(2026, 9, 1), True), (date(2028, 10, 11), True), (date(2028, 10, 12), False)],
)
@pytest.mark.rule("R32")
def test_report__past_or_to_come(day: date, right: bool) -> None:
    if right:
        assert usual(Trigger.REPORT_CHANGE, effective_on=day).data["effective_on"] == day.isoformat()
    else:
        assert set(unusual(Trigger.REPORT_CHANGE, effective_on=day)) == {"date_out_of_bounds"}


@pytest.mark.rule("R32")
def test_report__due_on_its_day_or_now() -> None:
    later = f.TODAY + timedelta(days=9)
    assert due_on(f.report(effective_on=later), f.TODAY) == later
    assert due_on(f.report(effective_on=date(2026, 9, 1)), f.TODAY) == f.TODAY


@pytest.mark.parametrize(
    ("settlement", "state", "code"),
    [
        (Settlement.REVOKED, State.REVOKED, None),
        (Settlement.REVOKED, State.CODE_ISSUED, "settled_as_revoked"),
        (Settlement.REVOKED, State.DECLARED, "settled_as_revoked"),
        (Settlement.REISSUED, State.CODE_ISSUED, None),
        (Settlement.REISSUED, State.REQUESTED, "settled_as_reissued"),
        (Settlement.REISSUED, State.REVOKED, "settled_as_reissued"),
        (Settlement.NO_EFFECT, State.DELEGATED, None),
        (Settlement.NO_EFFECT, State.REVOKED, None),
    ],
)
@pytest.mark.rule("R46")
def test_settle__says_what_was_done(settlement: Settlement, state: State, code: str | None) -> None:
    facts, command = f.facts(state, reports=(f.report(),)), f.command(Trigger.SETTLE_CHANGE, settlement=settlement)
    if code:
        assert set(refused(facts, command)) == {code}
        return
    decision = accepted(facts, command)
    assert decision.effects == (CloseReport(1, settlement),)
    assert decision.data == {"report": 1, "settlement": settlement.value}
    assert decision.notes == {"why": "retour prévu lundi"}
    assert decision.request.state is state


@pytest.mark.parametrize(
    ("reports", "number", "expected"),
    [
        ((), None, "no_such_report"),
        ((SETTLED,), None, "no_such_report"),
        ((f.report(),), 2, "no_such_report"),
        ((SETTLED,), 1, "report_settled"),
        ((f.report(1), f.report(2)), None, "which_report"),
        ((f.report(1), f.report(2)), 2, 2),
        ((SETTLED, f.report(2)), None, 2),
    ],
)
@pytest.mark.rule("R46")
def test_settle__which_report(reports: tuple[Report, ...], number: int | None, expected: Any) -> None:
    facts, command = f.facts(State.CODE_ISSUED, reports=reports), f.command(Trigger.SETTLE_CHANGE, report=number)
    if isinstance(expected, str):
        assert set(refused(facts, command)) == {expected}
    else:
        assert accepted(facts, command).data["report"] == expected


@pytest.mark.rule("R46", "R7")
def test_settle__everything_wrong_at_once() -> None:
    command = f.command(Trigger.SETTLE_CHANGE, why=" ", settlement=Settlement.REVOKED)
    reasons = refused(f.facts(State.CODE_ISSUED), command)
    assert set(reasons) == {"bad_field", "no_such_report", "settled_as_revoked"}


@pytest.mark.rule("R46")
def test_settle__names_the_open_reports() -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(SETTLED, f.report(2), f.report(3), f.report(4)))
    reason = refused(facts, f.command(Trigger.SETTLE_CHANGE))["which_report"]
    assert reason.message == "Plusieurs signalements sont ouverts : n° 2, 3 et 4"


@pytest.mark.parametrize("state", [State.CODE_ISSUED, State.REVOKED])
@pytest.mark.rule("R24", "R46")
def test_settle__no_code_is_promised_after_the_year(state: State) -> None:
    facts = f.facts(state, reports=(f.report(),))
    for settlement in Settlement:
        command = f.command(Trigger.SETTLE_CHANGE, settlement=settlement)
        if settlement is Settlement.REISSUED:
            reason = refused(facts, command, now=f.now_for(Trigger.EXPIRE))["settled_as_reissued"]
            assert reason.message == "L'année scolaire est finie : aucun code ne sera réémis"
        elif settlement is Settlement.NO_EFFECT or state is State.REVOKED:
            accepted(facts, command, now=f.now_for(Trigger.EXPIRE))
