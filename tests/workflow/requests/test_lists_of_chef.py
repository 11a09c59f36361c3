"""An establishment's requests as its chef meets them (R3, R33, R38)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import RevokeReason, Step, Trigger
from tests.kit.system import System
from workflow.requests.lists import ChefRequestPage, establishment_of, list_chef_requests

SEPTEMBER = datetime(2026, 9, 10, 8, tzinfo=UTC)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def chef_requests(system: System, who: str = "chef A", uai: str = "0310001H", **paging: object) -> ChefRequestPage:
    with system.database.read() as connection:
        return list_chef_requests(
            connection, uai, system.actors[who], system.policy, system.mailer, system.clock.now(),
            **paging,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.mark.rule("R3")
def test_agenda__shows_nothing_of_another_establishment(system: System) -> None:
    system.issued(1)
    assert chef_requests(system, "chef BC").items == ()
    assert len(chef_requests(system).items) == 1


def test_agenda__live_requests_first_then_the_closed_ones_page_after_page(system: System) -> None:
    references = [system.issued(number, only_ready=True) for number in (1, 2, 3, 4, 5)]
    for reference in references[3:]:
        system.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")
    pages, after = [], None
    while True:
        page = chef_requests(system, after=after, limit=2)
        pages += [item.request.reference for item in page.items]
        if (after := page.after) is None:
            break
    first, second, third, fourth, fifth = references
    assert pages == [third, second, first, fifth, fourth]


@pytest.mark.rule("R38")
def test_agenda__knows_what_was_sent_back_until_it_is_submitted_again(system: System) -> None:
    reference = system.issued(1, only_ready=True)
    system.accept(c.SendBack(reference=reference, step=Step.CONFIRMATION, why="à relire"), "opérateur")
    (item,) = chef_requests(system).items
    assert item.sent_back
    assert item.next_step is not None
    assert item.next_step.trigger is Trigger.SUBMIT
    assert item.may(Trigger.SUBMIT)
    again = c.Submit(reference=reference, nom="Nomb", prenom="Prénom", mail="rupn1@ac-toulouse.fr")
    system.accept(again, "chef A")
    assert not chef_requests(system).items[0].sent_back


@pytest.mark.rule("R33")
def test_agenda__offers_to_renew_a_key_once_a_campaign_is_open_and_until_it_is_renewed(system: System) -> None:
    live, revoked = system.issued(1), system.issued(2)
    system.accept(c.Revoke(reference=revoked, reason=RevokeReason.DEPARTURE), "opérateur")
    assert not any(item.renewable for item in chef_requests(system).items)
    system.clock.set(datetime(2027, 6, 10, tzinfo=UTC))
    assert [item.request.reference for item in chef_requests(system).items if item.renewable] == [live]
    system.accept(c.Renew(reference=live), "chef A")
    assert not any(item.renewable for item in chef_requests(system).items)


@pytest.mark.rule("R33")
def test_agenda__offers_to_renew_what_the_year_s_end_revoked_and_not_older_years(system: System) -> None:
    reference = system.issued(1)
    system.tick()
    end = system.policy.calendar.end_of(SchoolYear(2026)).ends_at
    while system.clock.now() < end:
        system.clock.advance(days=20)
        system.tick()
    assert system.state(reference) == "revoked"
    assert [item.request.reference for item in chef_requests(system).items if item.renewable] == [reference]
    system.clock.set(datetime(2028, 9, 20, tzinfo=UTC))
    assert not any(item.renewable for item in chef_requests(system).items)


def test_establishment_of__an_unknown_one_is_none(system: System) -> None:
    with system.database.read() as connection:
        known, unknown = establishment_of(connection, "0310001H"), establishment_of(connection, "0999999X")
    assert known is not None
    assert known.mailbox
    assert unknown is None
