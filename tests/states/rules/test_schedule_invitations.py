"""The days of both invitations to renew (R81)."""

from datetime import date, timedelta

import pytest

from states.rules.schedule import INVITED_WITHIN, Invitation, InvitationPeriod, invitation_periods

RETURN = date(2027, 9, 1)


@pytest.mark.rule("R81")
def test_periods__the_campaign_then_the_return() -> None:
    assert invitation_periods(date(2027, 6, 8), RETURN) == (
        InvitationPeriod(Invitation.CAMPAIGN, date(2027, 6, 8), date(2027, 8, 7)),
        InvitationPeriod(Invitation.RETURN, RETURN, date(2027, 10, 31)),
    )


@pytest.mark.rule("R81")
def test_periods__never_two_on_a_day() -> None:
    first, second = invitation_periods(date(2027, 8, 16), RETURN)
    assert first.last == second.first - timedelta(days=1)


@pytest.mark.parametrize("day", [RETURN, date(2027, 9, 10)])
@pytest.mark.rule("R81")
def test_periods__one_where_it_comes_at_the_return_or_later(day: date) -> None:
    assert invitation_periods(day, RETURN) == (InvitationPeriod(Invitation.CAMPAIGN, day, day + INVITED_WITHIN),)
