"""How often one may try: counted together, at nobody else's cost, told once a window, forgotten in time (R74)."""

import pytest
from sqlalchemy import func, insert, select, update

from tests.kit.portal import SCHOOLS, Portal
from tests.kit.sign_in import BROWSER, installation_events, secrets_of
from tests.workflow.auth.test_sign_in_links import HERE, OTHER, SCHOOL, enter, request_link
from workflow.auth import rate_limit
from workflow.auth.rate_limit import (
    FAILED_OPENINGS,
    LINKS_FROM_STRANGERS,
    LINKS_FROM_STRANGERS_A_DAY,
    LINKS_OF_CLIENT,
    LINKS_OF_SUBJECT,
    LINKS_OF_SUBJECT_A_DAY,
)
from workflow.auth.sessions import LinkDead, TooManyTries
from workflow.auth.sign_in_links import LinkRequest
from workflow.database.access_tables import LINKS, TRIES
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT
from workflow.journal.chain import network_of
from workflow.schedule.digest import most_refused_subjects, refusals_since

AWAY = LinkRequest(client="198.51.100.7", browser=BROWSER)


def counts(portal: Portal, *limits: str) -> dict[str, list[tuple[int, int]]]:
    """What is counted under each limit: tries and refusals, the subjects in the order of their tries."""
    query = select(TRIES).order_by(TRIES.c.limit_name, TRIES.c.tries)
    with portal.app.database.read() as connection:
        rows = connection.execute(query).all()
    names = limits or {row.limit_name for row in rows}
    return {name: [(row.tries, row.refused) for row in rows if row.limit_name == name] for name in names}


def sent(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(LINKS)).scalar_one())


def ask(portal: Portal, request: LinkRequest, times: int = 1, uai: str = SCHOOL) -> int:
    """Ask for links; return how many left."""
    before = sent(portal)
    for _ in range(times):
        portal.context.links.send_to_establishment(uai, request)
    return sent(portal) - before


@pytest.mark.rule("R74", "R75")
def test_links__of_one_mailbox_from_one_network(portal: Portal) -> None:
    assert ask(portal, HERE, LINKS_OF_SUBJECT.most + 3) == LINKS_OF_SUBJECT.most
    assert ask(portal, HERE, uai=OTHER) == 1
    assert ask(portal, AWAY) == 1
    assert installation_events(portal.app, "door_refused") == []
    portal.clock.advance(minutes=30)
    portal.app.ticker.tick()
    refused = {"limit": "link-subject", "most": LINKS_OF_SUBJECT.most, "subjects": 1, "refused": 3}
    assert installation_events(portal.app, "door_refused") == [("door_refused", refused)]
    assert ask(portal, HERE) == 1


@pytest.mark.rule("R74")
def test_client_over_its_limit__costs_its_subject_nothing(portal: Portal) -> None:
    for number in range(LINKS_OF_CLIENT.most):
        portal.context.links.send_to_establishment(f"{number:07}A", HERE)
    assert counts(portal) == {"link-client": [(LINKS_OF_CLIENT.most, 0)]}  # of what does not exist, nothing is kept
    assert ask(portal, HERE, 40) == 0
    assert counts(portal) == {"link-client": [(LINKS_OF_CLIENT.most + 40, 40)]}
    assert ask(portal, AWAY, LINKS_OF_SUBJECT.most) == LINKS_OF_SUBJECT.most


@pytest.mark.rule("R74")
def test_subject_of_one_network__sixty_in_a_second_keep_nobody_else_out(portal: Portal) -> None:
    assert ask(portal, HERE, 60) == LINKS_OF_SUBJECT.most
    assert ask(portal, AWAY) == 1
    secret = secrets_of(portal.app)[-1]
    assert portal.context.sign_in.sign_in(secret, client=AWAY.client, browser=BROWSER).session_user.uais == (SCHOOL,)


@pytest.mark.rule("R74")
@pytest.mark.parametrize("shared", [False, True], ids=["one-establishment", "a-shared-mailbox"])
def test_strangers__have_a_ceiling_together_that_the_known_networks_do_not_pay(portal: Portal, shared: bool) -> None:
    if shared:
        with portal.app.database.write() as connection:
            same = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == OTHER)
            connection.execute(same.values(mailbox=str(SCHOOLS[SCHOOL][4]).upper()))
    assert ask(portal, AWAY) == 1
    portal.context.sign_in.sign_in(secrets_of(portal.app)[-1], client=AWAY.client, browser=BROWSER)
    uais = (SCHOOL, OTHER) if shared else (SCHOOL,)
    links_sent = sum(
        ask(portal, LinkRequest(client=f"192.0.2.{n}", browser=BROWSER), 5, uais[n % len(uais)]) for n in range(6)
    )
    assert links_sent == LINKS_FROM_STRANGERS.most - 1  # the first time, the known one was a stranger too
    assert ask(portal, LinkRequest(client="203.0.113.9", browser=BROWSER)) == 0
    assert ask(portal, AWAY) == 1


@pytest.mark.rule("R74")
def test_links__of_a_day(portal: Portal) -> None:
    from_here = from_anywhere = 0
    for half_hour in range(12):
        from_here += ask(portal, HERE, 5)
        from_anywhere += ask(portal, LinkRequest(client=f"198.51.100.{half_hour}", browser=BROWSER), 5)
        portal.clock.advance(minutes=30)
    assert from_here == LINKS_OF_SUBJECT_A_DAY.most
    assert from_here + from_anywhere == LINKS_FROM_STRANGERS_A_DAY.most
    portal.clock.advance(hours=24)
    assert ask(portal, HERE) == 1


@pytest.mark.rule("R74")
def test_opening__a_good_link_opens_whatever_others_tried(portal: Portal) -> None:
    secret = request_link(portal)
    for number in range(FAILED_OPENINGS.most + 2):
        with pytest.raises(LinkDead if number < FAILED_OPENINGS.most else TooManyTries):
            enter(portal, f"faux{number}")
    assert portal.context.sign_in.is_blocked(HERE.client)
    assert enter(portal, secret).session_user.uais == (SCHOOL,)


@pytest.mark.rule("R74", "R75")
def test_refusals__are_counted_not_written_one_by_one(portal: Portal) -> None:
    events = select(func.count()).select_from(EVENT)
    with portal.app.database.read() as connection:
        before = connection.execute(events).scalar_one()
    with portal.app.database.write() as connection:
        limiter = portal.context.sign_in._limiter
        for _ in range(LINKS_OF_CLIENT.most + 340):
            limiter.hit(connection, LINKS_OF_CLIENT, "192.0.2.1", portal.clock.now())
    assert counts(portal) == {"link-client": [(400, 340)]}
    portal.clock.advance(minutes=30)
    portal.app.ticker.tick()
    assert counts(portal) == {}
    with portal.app.database.read() as connection:
        after = connection.execute(events).scalar_one()
    assert [data["refused"] for _, data in installation_events(portal.app, "door_refused")] == [340]
    assert after - before <= 3  # and the year that the schedule sees for the first time, and the seal of the day


@pytest.mark.rule("R74")
def test_counts__have_a_ceiling_and_tell_no_address(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    request_link(portal)
    with portal.app.database.read() as connection:
        stored = str(connection.execute(select(TRIES)).all())
    assert not {SCHOOL, HERE.client, SCHOOLS[SCHOOL][4]} & set(stored.split("'"))
    monkeypatch.setattr(rate_limit, "MOST_COUNTS", 10)
    ends_at = portal.clock.now().replace(hour=23)
    rows = [
        {"key": f"{n:04}", "ends_at": ends_at, "limit_name": "link-client", "tries": n + 2, "refused": 0}
        for n in range(30)
    ]  # fmt: skip
    with portal.app.database.write() as connection:
        connection.execute(insert(TRIES), rows)
    portal.app.ticker.tick()
    assert [tries for tries, _ in counts(portal, "link-client")["link-client"]] == list(range(22, 32))
    assert len(counts(portal)) == 5
    portal.clock.advance(days=1)
    portal.app.ticker.tick()
    assert (counts(portal), secrets_of(portal.app)) == ({}, [])


@pytest.mark.rule("R74", "R75")
def test_wave__is_the_most_subjects_refused_in_one_window(portal: Portal) -> None:
    for uai in (SCHOOL, OTHER):
        ask(portal, HERE, LINKS_OF_SUBJECT.most + 1, uai)
    portal.clock.advance(minutes=30)
    portal.app.ticker.tick()
    ask(portal, HERE, LINKS_OF_SUBJECT.most + 1)
    portal.clock.advance(minutes=30)
    portal.app.ticker.tick()
    now = portal.clock.now()
    with portal.app.database.read() as connection:
        waves = [most_refused_subjects(refusals_since(connection, now - rate_limit.HALF_HOUR * n)) for n in (0, 1, 2)]
    assert waves == [0, 1, 2]


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_network__a_subscriber_of_ipv6_has_many_addresses(client: str, network: str) -> None:
    assert network_of(client) == network
