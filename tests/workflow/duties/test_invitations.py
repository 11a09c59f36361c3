"""The invitation to renew, on real databases (R81)."""

from collections.abc import Iterator
from datetime import date

import pytest

from states import commands as c
from states.vocabulary import RevokeReason, WithdrawReason
from tests.kit.world import World
from tests.workflow.duties.scene import at, change_school, declared, each_day, facts, killed_at, mail_days, run, settle
from workflow.schedule import notices as invitations

INVITATION = "renewal_invitation"
DAY = date(2027, 9, 10)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = settle(World(database_url, at(date(2027, 5, 3))), stalled=(), handover=(), notices=())
    yield world
    world.close()


def end_the_year(world: World) -> None:
    """The schedule passes all summer, and the year is swept."""
    for day in (date(2027, 6, 1), date(2027, 7, 1), date(2027, 8, 1), date(2027, 9, 1)):
        world.clock.set(at(day))
        world.tick()


@pytest.mark.rule("R81")
def test_invitation__names_those_who_had_a_key_once(world: World) -> None:
    kept = [world.issued(1), world.issued(2)]
    declared(world, 3)
    end_the_year(world)
    done = each_day(world, date(2027, 9, 2), date(2027, 12, 1))
    assert done.invitations == 1
    (mail,) = world.mails(INVITATION)
    assert mail_days(world, INVITATION) == [DAY]
    told = facts(mail)
    assert [one.reference for one in told.rupns] == kept
    assert (told.year.label, told.next_year.label) == ("2026-2027", "2027-2028")


@pytest.mark.rule("R81")
def test_invitation__not_of_those_revoked_before_the_end(world: World) -> None:
    gone = world.issued()
    world.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    end_the_year(world)
    assert run(world, DAY).invitations == 0


@pytest.mark.rule("R81")
def test_invitation__not_of_those_renewed_even_if_given_up_since(world: World) -> None:
    first, second, third = (world.issued(number) for number in (1, 2, 3))
    end_the_year(world)
    world.accept(c.Renew(reference=first), "chef A")
    given_up = world.accept(c.Renew(reference=second), "chef A").reference
    world.accept(c.Withdraw(reference=given_up, reason=WithdrawReason.OTHER_PERSON), "chef A")
    run(world, DAY)
    (mail,) = world.mails(INVITATION)
    assert [one.reference for one in facts(mail).rupns] == [third]


@pytest.mark.rule("R15", "R81")
def test_invitation__to_open_establishments_with_a_mailbox(world: World) -> None:
    world.issued(1)
    world.issued(2, uai="0310002J", chef="chef BC")
    end_the_year(world)
    change_school(world, "0310001H", mailbox=None)
    change_school(world, "0310002J", is_open=False)
    assert run(world, DAY).invitations == 0


@pytest.mark.parametrize(
    ("back_on", "told_on"),
    [
        (date(2027, 9, 11), [date(2027, 9, 13)]),
        (date(2027, 10, 25), [date(2027, 11, 8)]),
        (date(2027, 11, 9), [date(2027, 11, 9)]),
        (date(2027, 11, 10), []),
    ],
)
@pytest.mark.rule("R81")
def test_invitation__missed_by_a_stop(world: World, back_on: date, told_on: list[date]) -> None:
    world.issued()
    end_the_year(world)
    each_day(world, DAY, date(2027, 11, 20), stopped=lambda day: day < back_on)
    assert mail_days(world, INVITATION) == told_on


@pytest.mark.rule("R81")
def test_invitation__a_kill_loses_none_and_doubles_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "PAGE", 1)
    world.issued(1)
    world.issued(2, uai="0310002J", chef="chef BC")
    end_the_year(world)
    with killed_at("duties.after_page"):
        run(world, DAY)
    world.restart()
    assert run(world, date(2027, 9, 13)).invitations == 1
    assert sorted(mail.uai for mail in world.mails(INVITATION)) == ["0310001H", "0310002J"]
