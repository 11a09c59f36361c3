"""The day that a check bears: not to come, not before the delegation, not too old (R34, R36)."""

from datetime import UTC, date, datetime

import pytest

from states.vocabulary import State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

T = Trigger
CHECKS = [T.CHECK_LISTING, T.CHECK_DELEGATION]
LONG_AGO = f.facts(f.request(State.REQUESTED, delegated_on=date(2026, 6, 1)))


@pytest.mark.parametrize(
    ("trigger", "day", "right"),
    [
        (T.CHECK_LISTING, date(2026, 9, 14), True),
        (T.CHECK_DELEGATION, date(2026, 9, 14), False),
        (T.CHECK_DELEGATION, date(2026, 9, 15), True),
        (T.CHECK_DELEGATION, date(2026, 10, 12), True),
        (T.CHECK_DELEGATION, date(2026, 10, 13), False),
    ],
)
@pytest.mark.rule("R34")
def test_check__not_before_the_delegation_that_it_sees(trigger: Trigger, day: date, right: bool) -> None:
    """The delegation is of 15 September."""
    if right:
        assert usual(trigger, checked_on=day).data["checked_on"] == day.isoformat()
        return
    reason = unusual(trigger, checked_on=day)["date_out_of_bounds"]
    assert reason.rule == "R34"
    assert reason.remedy == "Donner une date comprise entre le 15 septembre 2026 et le 12 octobre 2026."


@pytest.mark.parametrize(("day", "right"), [(date(2026, 9, 11), False), (date(2026, 9, 12), True)])
@pytest.mark.parametrize("trigger", CHECKS)
@pytest.mark.rule("R36")
def test_check__not_recorded_once_too_old(trigger: Trigger, day: date, right: bool) -> None:
    command = f.command(trigger, checked_on=day)
    if right:
        accepted(LONG_AGO, command)
        return
    reasons = refused(LONG_AGO, command)
    assert set(reasons) == {"check_too_old"}
    reason = reasons["check_too_old"]
    assert (reason.rule, reason.field) == ("R36", "checked_on")
    assert reason.message.endswith("date de plus de 30 jours")
    assert reason.remedy == "La refaire : sa date est au plus tôt le 12 septembre 2026."


@pytest.mark.rule("R34", "R36")
def test_check__too_old_tells_the_first_day_that_is_right() -> None:
    reason = unusual(T.CHECK_DELEGATION, checked_on=date(2026, 9, 11))["check_too_old"]
    assert reason.remedy == "La refaire : sa date est au plus tôt le 15 septembre 2026."


@pytest.mark.rule("R36", "R23")
def test_check__age_is_a_setting_and_counts_local_days() -> None:
    command = f.command(T.CHECK_LISTING, checked_on=f.TODAY)
    accepted(LONG_AGO, command, checks_max_age_days=0)
    in_toulouse_the_13th = datetime(2026, 10, 12, 22, 0, tzinfo=UTC)
    reason = refused(LONG_AGO, command, now=in_toulouse_the_13th, checks_max_age_days=0)["check_too_old"]
    assert reason.message == "La vérification de la liste des RUPN n'est pas d'aujourd'hui"


@pytest.mark.parametrize("trigger", CHECKS)
@pytest.mark.rule("R34")
def test_check__made_today_unless_told(trigger: Trigger) -> None:
    assert usual(trigger, checked_on=None).data["checked_on"] == f.TODAY.isoformat()
    undated = f.facts(f.request(State.REQUESTED, delegated_on=None))
    accepted(undated, f.command(trigger))
