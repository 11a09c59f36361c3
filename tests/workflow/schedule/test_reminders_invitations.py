"""The invitation to renew, on real databases (R81)."""

from collections.abc import Iterator
from datetime import date

import pytest

from states import commands as c
from states.vocabulary import RevokeReason, WithdrawReason
from tests.kit.system import System
from tests.workflow.schedule.scene import (
    at,
    change_school,
    declared,
    each_day,
    facts,
    killed_at,
    mail_days,
    run,
    settle,
)
from workflow.schedule import reminders as invitations

INVITATION = "renewal_invitation"
JUNE = date(2027, 6, 8)
DAY = date(2027, 9, 1)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = settle(System(database_url, at(date(2027, 5, 3))), stalled=(), handover=(), notices=())
    yield system
    system.close()


def end_the_year(system: System) -> None:
    """The schedule passes all summer, and the year is swept; of the invitations, none has left yet."""
    for day in (date(2027, 6, 1), date(2027, 7, 6), date(2027, 8, 1)):
        system.clock.set(at(day))
        system.tick()
    system.clock.set(at(DAY, 0))
    system.tick()


@pytest.mark.rule("R81")
def test_invitation__names_those_who_had_a_key_once(system: System) -> None:
    issued = [system.issued(1), system.issued(2)]
    declared(system, 3)
    end_the_year(system)
    done = each_day(system, DAY, date(2027, 12, 1))
    assert done.invitations == 1
    (mail,) = system.mails(INVITATION)
    assert mail_days(system, INVITATION) == [DAY]
    invitation = facts(mail)
    assert [rupn.reference for rupn in invitation.rupns] == issued
    assert (invitation.year.label, invitation.next_year.label, invitation.is_over) == ("2026-2027", "2027-2028", True)


@pytest.mark.rule("R81")
def test_invitation__when_the_campaign_opens_and_again_at_the_return(system: System) -> None:
    first, second = system.issued(1), system.issued(2)
    done = each_day(system, date(2027, 6, 1), date(2027, 7, 2))
    assert (done.invitations, mail_days(system, INVITATION)) == (1, [JUNE])
    invitation = facts(system.mails(INVITATION)[0])
    assert ([rupn.reference for rupn in invitation.rupns], invitation.is_over) == ([first, second], False)
    system.accept(c.Renew(reference=first), "chef A")
    end_the_year(system)
    each_day(system, DAY, date(2027, 12, 1))
    assert mail_days(system, INVITATION) == [JUNE, DAY]
    assert [rupn.reference for rupn in facts(system.mails(INVITATION)[1]).rupns] == [second]


@pytest.mark.rule("R81")
def test_invitation__not_of_those_revoked_before_the_end(system: System) -> None:
    gone = system.issued()
    system.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    end_the_year(system)
    assert run(system, DAY).invitations == 0


@pytest.mark.rule("R81")
def test_invitation__not_of_those_renewed_even_if_given_up_since(system: System) -> None:
    first, second, third = (system.issued(number) for number in (1, 2, 3))
    end_the_year(system)
    system.accept(c.Renew(reference=first), "chef A")
    given_up = system.accept(c.Renew(reference=second), "chef A").reference
    system.accept(c.Withdraw(reference=given_up, reason=WithdrawReason.OTHER_PERSON), "chef A")
    run(system, DAY)
    (mail,) = system.mails(INVITATION)
    assert [rupn.reference for rupn in facts(mail).rupns] == [third]


@pytest.mark.rule("R15", "R81")
def test_invitation__to_open_establishments_with_a_mailbox(system: System) -> None:
    system.issued(1)
    system.issued(2, uai="0310002J", chef="chef BC")
    end_the_year(system)
    change_school(system, "0310001H", mailbox=None)
    change_school(system, "0310002J", is_open=False)
    assert run(system, DAY).invitations == 0


@pytest.mark.parametrize(
    ("back_on", "told_on"),
    [
        (date(2027, 9, 11), [date(2027, 9, 13)]),
        (date(2027, 10, 22), [date(2027, 10, 22)]),
        (date(2027, 10, 23), []),
    ],
)
@pytest.mark.rule("R81")
def test_invitation__missed_by_a_stop(system: System, back_on: date, told_on: list[date]) -> None:
    system.issued()
    end_the_year(system)
    each_day(system, DAY, date(2027, 11, 20), stopped=lambda day: day < back_on)
    assert mail_days(system, INVITATION) == told_on


@pytest.mark.rule("R81")
def test_invitation__a_kill_loses_none_and_doubles_none(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "PAGE", 1)
    system.issued(1)
    system.issued(2, uai="0310002J", chef="chef BC")
    end_the_year(system)
    with killed_at("duties.after_page"):
        run(system, DAY)
    system.restart()
    assert run(system, date(2027, 9, 3)).invitations == 1
    assert sorted(mail.uai for mail in system.mails(INVITATION)) == ["0310001H", "0310002J"]
