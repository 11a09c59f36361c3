"""How often one may try: counted together, told once, forgotten in time (R74)."""

import pytest
from sqlalchemy import func, select

from tests.kit.portal import Portal
from tests.kit.sign_in import link_mails, secrets_of, told
from tests.workflow.auth.test_sign_in_links import HERE, OTHER, SCHOOL, asked, enter
from workflow.auth.rate_limit import FAILED_OPENINGS, LINKS_OF_CLIENT, LINKS_OF_SUBJECT, network_of
from workflow.auth.sessions import LinkDead, TooManyTries
from workflow.auth.sign_in_links import LinkRequest
from workflow.database.tables import KNOCKS


def knocks(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(KNOCKS)).scalar_one())


@pytest.mark.rule("R74", "R75")
def test_links__of_one_establishment(portal: Portal) -> None:
    for number in range(LINKS_OF_SUBJECT.most + 3):
        portal.context.links.send_to_establishment(SCHOOL, LinkRequest(client=f"192.0.2.{number}"))
    assert len(link_mails(portal.app)) == LINKS_OF_SUBJECT.most
    assert told(portal.app, "door_refused") == [("door_refused", {"limit": "link-subject", "most": 5})]
    portal.context.links.send_to_establishment(OTHER, HERE)
    assert len(link_mails(portal.app)) == LINKS_OF_SUBJECT.most + 1
    portal.clock.advance(minutes=30)
    asked(portal)
    assert len(link_mails(portal.app)) == LINKS_OF_SUBJECT.most + 2


@pytest.mark.rule("R74")
def test_links__from_one_network_address_whatever_is_typed(portal: Portal) -> None:
    for number in range(LINKS_OF_CLIENT.most):
        portal.context.links.send_to_establishment(f"{number:07}A", HERE)
    portal.context.links.send_to_establishment(SCHOOL, HERE)
    assert link_mails(portal.app) == []
    portal.context.links.send_to_establishment(SCHOOL, LinkRequest(client="198.51.100.7"))
    assert len(link_mails(portal.app)) == 1


@pytest.mark.rule("R74")
def test_openings__in_vain_shut_the_door_for_a_while(portal: Portal) -> None:
    secret = asked(portal)
    for number in range(FAILED_OPENINGS.most):
        with pytest.raises(LinkDead):
            enter(portal, f"faux{number}")
    for _ in range(2):
        with pytest.raises(TooManyTries):
            enter(portal, secret)
    assert told(portal.app, "door_refused") == [("door_refused", {"limit": "opening", "most": 10})]
    assert portal.context.sign_in.sign_in(secret, client="198.51.100.7").session_user.uais == (SCHOOL,)


@pytest.mark.rule("R74")
def test_knocks__are_forgotten_and_tell_no_address(portal: Portal) -> None:
    asked(portal)
    with portal.app.database.read() as connection:
        kept = str(connection.execute(select(KNOCKS)).all())
    assert SCHOOL not in kept
    assert HERE.client not in kept
    assert knocks(portal) == 2
    portal.clock.advance(minutes=30)
    portal.app.ticker.tick()
    assert (knocks(portal), secrets_of(portal.app)) == (0, [])


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_network__a_subscriber_of_ipv6_has_many_addresses(client: str, network: str) -> None:
    assert network_of(client) == network
