"""Reporting a change, and settling the report (R32, R46)."""

from datetime import date, timedelta
from typing import Any

import pytest

from states.decision import CloseReport, OpenReport
from states.model import Actor, Report
from states.rules.changes import REISSUE_REASONS, REVOKE_REASONS, due_on
from states.vocabulary import (
    CODE_CHANGES,
    DATED_CHANGES,
    EVIDENCE_CHANGES,
    KEY_CHANGES,
    LIVE_STATES,
    NEW_CODE_CHANGES,
    RUPN_CHANGES,
    Change,
    Role,
    Settlement,
    State,
    Trigger,
)
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

SETTLED = f.report(1, settlement=Settlement.NO_EFFECT, settled_at=f.NOW)


def who_reports(change: Change) -> Actor:
    return f.schedule() if change in EVIDENCE_CHANGES else f.rupn() if change in RUPN_CHANGES else f.chef()


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R32")
def test_report__any_change_of_any_live_request(state: State, change: Change) -> None:
    command = f.command(Trigger.REPORT_CHANGE, change=change, note="  jusqu'en mars ")
    if change in KEY_CHANGES and state is not State.CODE_ISSUED:
        assert set(refused(f.facts(state), command)) == {"no_key_to_report"}
        return
    decision = accepted(f.facts(state), command, who_reports(change))
    report = Report(number=1, change=change, effective_on=f.TODAY, reported_at=f.NOW)
    assert decision.effects == (OpenReport(report),)
    assert decision.data == {"report": 1, "change": change.value, "effective_on": "2026-10-12"}
    assert decision.notes == {"note": "jusqu'en mars"}
    assert decision.request.state is state


@pytest.mark.rule("R95")
def test_report__what_the_lists_say_is_no_reporting_of_an_establishment() -> None:
    command = f.command(Trigger.REPORT_CHANGE, change=Change.DELEGATION_ENDED)
    assert set(refused(f.facts(State.CODE_ISSUED), command, f.chef())) == {"change_of_the_lists"}
    accepted(f.facts(State.CODE_ISSUED), command, f.operator())
    absence = f.command(Trigger.REPORT_CHANGE, change=Change.ABSENCE)
    assert set(refused(f.facts(State.CODE_ISSUED), absence, f.schedule())) == {"change_of_the_lists"}


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
        (Settlement.REISSUED, State.CODE_ISSUED, "settled_as_reissued"),
        (Settlement.REISSUED, State.REQUESTED, "settled_as_reissued"),
        (Settlement.REISSUED, State.REVOKED, "settled_as_reissued"),
        (Settlement.REVOCATION_DATED, State.CODE_ISSUED, "revocation_day_missing"),
        (Settlement.REVOCATION_DATED, State.REVOKED, "nothing_to_revoke"),
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
    assert decision.effects == (CloseReport(f.report(), settlement),)
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
def test_settle__after_the_year_what_was_done_only(state: State) -> None:
    facts, now = f.facts(state, reports=(f.report(),)), f.now_for(Trigger.EXPIRE)
    dated = f.command(Trigger.SETTLE_CHANGE, settlement=Settlement.REVOCATION_DATED, revoke_on=date(2027, 9, 9))
    assert set(refused(facts, dated, now=now)) == {"nothing_to_revoke"}
    accepted(facts, f.command(Trigger.SETTLE_CHANGE), now=now)
    if state is State.REVOKED:
        accepted(facts, f.command(Trigger.SETTLE_CHANGE, settlement=Settlement.REVOKED), now=now)


@pytest.mark.parametrize(("minutes", "right"), [(-1, True), (0, False), (1, False)])
@pytest.mark.rule("R46")
def test_settle__reissued_when_it_was_since_the_report(minutes: int, right: bool) -> None:
    """Who made the code first says so afterwards, and makes no second one."""
    report = f.report(1, Change.PIN_FORGOTTEN, reported_at=f.ISSUED_AT + timedelta(minutes=minutes))
    command = f.command(Trigger.SETTLE_CHANGE, settlement=Settlement.REISSUED)
    for state in (State.CODE_ISSUED, State.REVOKED):
        facts = f.facts(state, reports=(report,))
        if right:
            assert accepted(facts, command).effects == (CloseReport(report, Settlement.REISSUED),)
        else:
            assert set(refused(facts, command)) == {"settled_as_reissued"}
    extended = f.facts(f.request(State.CODE_ISSUED, extends="ODA-2027-00077"), reports=(report,))
    assert set(refused(extended, command)) == {"settled_as_reissued"}, "no code left for an extension"


def dated(day: date = date(2027, 1, 4), number: int = 1, change: Change = Change.DEPARTURE) -> Report:
    """A report settled by a revocation on that day."""
    return f.report(
        number, change, settlement=Settlement.REVOCATION_DATED, settled_at=f.ISSUED_AT, revoke_on=day, effective_on=day
    )


@pytest.mark.parametrize(
    ("day", "right"),
    [(f.TODAY, False), (f.TODAY + timedelta(days=1), True), (f.LAST_DAY, True), (date(2027, 9, 1), False)],
)
@pytest.mark.rule("R46")
def test_dated__from_tomorrow_to_the_end_of_the_year(day: date, right: bool) -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(f.report(),))
    command = f.command(Trigger.SETTLE_CHANGE, settlement=Settlement.REVOCATION_DATED, revoke_on=day)
    if right:
        decision = accepted(facts, command)
        assert decision.effects == (CloseReport(f.report(), Settlement.REVOCATION_DATED, day),)
        assert decision.data["revoke_on"] == day.isoformat()
    else:
        assert set(refused(facts, command)) == {"date_out_of_bounds"}


@pytest.mark.parametrize("change", Change)
@pytest.mark.rule("R46")
def test_dated__for_what_can_wait(change: Change) -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(f.report(1, change),))
    command = f.command(
        Trigger.SETTLE_CHANGE, settlement=Settlement.REVOCATION_DATED, revoke_on=f.TODAY + timedelta(days=9)
    )
    if change in DATED_CHANGES:
        accepted(facts, command)
    else:
        assert set(refused(facts, command)) == {"not_to_be_dated"}


@pytest.mark.rule("R46")
def test_dated__settled_otherwise_before() -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(dated(),))
    assert accepted(facts, f.command(Trigger.SETTLE_CHANGE)).effects == (CloseReport(dated(), Settlement.NO_EFFECT),)
    again = f.command(Trigger.SETTLE_CHANGE, settlement=Settlement.REVOCATION_DATED, revoke_on=date(2027, 1, 4))
    assert set(refused(facts, again)) == {"report_settled"}, "it is so already"
    accepted(facts, f.command(again.trigger, settlement=again.settlement, revoke_on=date(2027, 2, 1)))
    closed = f.facts(State.REVOKED, reports=(dated(),))
    assert set(refused(closed, f.command(Trigger.SETTLE_CHANGE, report=1))) == {"report_settled"}
    both = f.facts(State.CODE_ISSUED, reports=(dated(), f.report(2)))
    assert accepted(both, f.command(Trigger.SETTLE_CHANGE)).data["report"] == 2, "an open one comes first"


@pytest.mark.rule("R46")
def test_dated__day_of_no_other_settlement() -> None:
    facts = f.facts(State.CODE_ISSUED, reports=(f.report(),))
    command = f.command(Trigger.SETTLE_CHANGE, revoke_on=date(2027, 1, 4))
    assert set(refused(facts, command)) == {"day_without_revocation"}


@pytest.mark.parametrize(
    ("reports", "at", "right"),
    [
        ((), 0, False),
        ((f.report(),), 0, False),
        ((dated(f.TODAY + timedelta(days=1)),), 0, False),
        ((dated(f.TODAY),), 0, True),
        ((dated(f.TODAY - timedelta(days=30)),), 0, True),
        ((dated(date(2027, 8, 31)),), 400, False),
    ],
)
@pytest.mark.rule("R46", "R50")
def test_dated__schedule_revokes_on_its_day_alone(reports: tuple[Report, ...], at: int, right: bool) -> None:
    """Once the year has ended, it is the year's end that revokes."""
    facts, command = f.facts(State.CODE_ISSUED, reports=reports), f.command(Trigger.REVOKE)
    now = f.NOW + timedelta(days=at)
    if right:
        decision = accepted(facts, command, f.schedule(), now=now)
        assert decision.effects[-1] == CloseReport(reports[0], Settlement.REVOKED)
        assert decision.warnings == ()
    else:
        assert set(refused(facts, command, f.schedule(), now=now)) == {"no_dated_revocation"}


@pytest.mark.rule("R45", "R46")
def test_revoke__settles_every_open_report() -> None:
    done = f.report(2, settlement=Settlement.NO_EFFECT, settled_at=f.NOW)
    reports = (f.report(), done, dated(number=3), f.report(4, Change.PIN_FORGOTTEN))
    decision = accepted(f.facts(State.CODE_ISSUED, reports=reports), f.command(Trigger.REVOKE))
    closed = [effect for effect in decision.effects if isinstance(effect, CloseReport)]
    assert closed == [CloseReport(report, Settlement.REVOKED) for report in reports if report is not done]
    assert decision.data["reports"] == "1, 3, 4"


@pytest.mark.rule("R45")
def test_revoke__warned_before_the_day_that_was_announced() -> None:
    reports = (f.report(), f.report(2, Change.DEPARTURE, effective_on=date(2027, 1, 4)))
    decision = accepted(f.facts(State.CODE_ISSUED, reports=reports), f.command(Trigger.REVOKE))
    (warning,) = decision.warnings
    assert warning.code == "revoked_before_its_day"
    assert warning.message == (
        "Le signalement n° 2 (départ) ne prenait effet que le 4 janvier 2027 : les droits sont révoqués dès aujourd'hui"
    )


@pytest.mark.rule("R32")
def test_report__code_of_an_extension() -> None:
    """No code was sent for it: there is none to lose, but a PIN there is."""
    extended = f.facts(f.request(State.CODE_ISSUED, extends="ODA-2027-00077"))
    for change in CODE_CHANGES:
        assert set(refused(extended, f.command(Trigger.REPORT_CHANGE, change=change))) == {"no_code_to_report"}
    accepted(extended, f.command(Trigger.REPORT_CHANGE, change=Change.PIN_FORGOTTEN))


@pytest.mark.rule("R44", "R45")
def test_answer__each_change_has_its_reason() -> None:
    assert set(REISSUE_REASONS) == {*NEW_CODE_CHANGES, Change.KEY_COMPROMISED}
    assert set(REVOKE_REASONS) == {*DATED_CHANGES, Change.KEY_COMPROMISED}
    assert set(REISSUE_REASONS) | set(REVOKE_REASONS) == set(Change)


@pytest.mark.rule("R113")
def test_rupn__says_that_he_is_it_no_more_and_nothing_else() -> None:
    of_his_own = f.command(Trigger.REPORT_CHANGE, change=Change.NOT_RUPN)
    accepted(f.facts(State.CODE_ISSUED), of_his_own, f.rupn())
    for change in (change for change in Change if change not in RUPN_CHANGES):
        command = f.command(Trigger.REPORT_CHANGE, change=change)
        assert "change_of_the_rupn" in refused(f.facts(State.CODE_ISSUED), command, f.rupn())
    assert set(refused(f.facts(State.CODE_ISSUED), of_his_own, f.chef())) == {"change_of_the_rupn"}
    accepted(f.facts(State.CODE_ISSUED), of_his_own, f.operator())


@pytest.mark.parametrize("address", ["", "une.autre@ac-toulouse.fr"])
@pytest.mark.rule("R3", "R113")
def test_rupn__of_his_own_request_alone(address: str) -> None:
    command = f.command(Trigger.REPORT_CHANGE, change=Change.NOT_RUPN)
    assert set(refused(f.facts(State.CODE_ISSUED), command, f.rupn(address=address))) == {"not_your_request"}
    unknown = f.facts(State.CODE_ISSUED, request=None)
    assert set(refused(unknown, command, f.rupn())) == {"not_your_request"}, "it does not even exist"


@pytest.mark.rule("R3", "R113")
def test_rupn__reads_no_name_of_another() -> None:
    names = {role: f.rupn().name_of(role, "Camille Roux") for role in Role}
    assert "Camille Roux" not in names.values()
    assert (names[Role.CHEF], names[Role.OPERATOR], names[Role.RUPN]) == ("l'établissement", "le rectorat", "vous")
    assert not f.rupn().can_see(f.UAI)
    assert f.chef().name_of(Role.RUPN, "a.detienne@ac-toulouse.fr (RUPN)") == "le RUPN"
