"""An establishment's requests as its chef meets them (R3, R33, R38)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import RevokeReason, Step, Trigger
from tests.kit.world import World
from workflow.requests.lists import Items, agenda, establishment_of

SEPTEMBER = datetime(2026, 9, 10, 8, tzinfo=UTC)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def looked(world: World, who: str = "chef A", uai: str = "0310001H", **paging: object) -> Items:
    with world.database.read() as connection:
        return agenda(
            connection, uai, world.actors[who], world.policy, world.mailer, world.clock.now(),
            **paging,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.mark.rule("R3")
def test_agenda__shows_nothing_of_another_establishment(world: World) -> None:
    world.issued(1)
    assert looked(world, "chef BC").items == ()
    assert len(looked(world).items) == 1


def test_agenda__live_requests_first_then_the_closed_ones_page_after_page(world: World) -> None:
    references = [world.issued(number, only_ready=True) for number in (1, 2, 3, 4, 5)]
    for reference in references[3:]:
        world.accept(c.Revoke(reference=reference, reason=RevokeReason.ERROR), "opérateur")
    found, after = [], None
    while True:
        page = looked(world, after=after, limit=2)
        found += [item.request.reference for item in page.items]
        if (after := page.after) is None:
            break
    one, two, three, four, five = references
    assert found == [three, two, one, five, four]


@pytest.mark.rule("R38")
def test_agenda__knows_what_was_sent_back_until_it_is_submitted_again(world: World) -> None:
    reference = world.issued(1, only_ready=True)
    world.accept(c.SendBack(reference=reference, step=Step.CONFIRMATION, why="à relire"), "opérateur")
    (item,) = looked(world).items
    assert item.sent_back
    assert item.next_step is not None
    assert item.next_step.trigger is Trigger.SUBMIT
    assert item.may(Trigger.SUBMIT)
    again = c.Submit(reference=reference, nom="Nom1", prenom="Prénom", mail="rupn1@ac-toulouse.fr")
    world.accept(again, "chef A")
    assert not looked(world).items[0].sent_back


@pytest.mark.rule("R33")
def test_agenda__offers_to_renew_a_key_once_a_campaign_is_open_and_until_it_is_renewed(world: World) -> None:
    kept, left = world.issued(1), world.issued(2)
    world.accept(c.Revoke(reference=left, reason=RevokeReason.DEPARTURE), "opérateur")
    assert not any(item.renewable for item in looked(world).items)
    world.clock.set(datetime(2027, 6, 10, tzinfo=UTC))
    assert [item.request.reference for item in looked(world).items if item.renewable] == [kept]
    world.accept(c.Renew(reference=kept), "chef A")
    assert not any(item.renewable for item in looked(world).items)


@pytest.mark.rule("R33")
def test_agenda__offers_to_renew_what_the_year_s_end_revoked_and_not_older_years(world: World) -> None:
    kept = world.issued(1)
    world.tick()
    end = world.policy.calendar.end_of(SchoolYear(2026)).ends_at
    while world.clock.now() < end:
        world.clock.advance(days=20)
        world.tick()
    assert world.state(kept) == "revoked"
    assert [item.request.reference for item in looked(world).items if item.renewable] == [kept]
    world.clock.set(datetime(2028, 9, 20, tzinfo=UTC))
    assert not any(item.renewable for item in looked(world).items)


def test_establishment_of__an_unknown_one_is_none(world: World) -> None:
    with world.database.read() as connection:
        known, unknown = establishment_of(connection, "0310001H"), establishment_of(connection, "0999999X")
    assert known is not None
    assert known.mailbox
    assert unknown is None
