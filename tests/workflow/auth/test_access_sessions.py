"""The open sessions: listed, ended by their owner or by an operator, and the browsers never seen before (R107)."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from notifications.outbox import admin as outbox
from notifications.vocabulary import Kind, Mail
from states.vocabulary import Role, SignInMethod
from tests.kit.portal import CHEF, DEPUTY, DRANE, OTHER_CHEF, STAFF, TWO_SCHOOLS, Portal
from tests.kit.sign_in import installation_events, secrets_of
from tests.workflow.auth.test_sign_in_links import SCHOOL, request_link
from workflow.auth.access import OpenSession, SessionFilters, SessionUnknown
from workflow.auth.actors import NotAllowed
from workflow.auth.sessions import Device, SessionUser
from workflow.database.access_tables import SESSIONS, TRIES, SessionEnd

pytestmark = pytest.mark.rule("R107")

FIREFOX = Device(browser="Firefox sur Windows", client="192.0.2.7", token="x" * 43)


def is_open(portal: Portal, secret: str) -> bool:
    return portal.context.sessions.find(secret, portal.clock.now()) is not None


def seen_by(portal: Portal, session_user: SessionUser, secret: str = "") -> tuple[OpenSession, ...]:
    return portal.app.open_sessions.of_user(session_user, secret)


def everybody(portal: Portal, of: str = "", words: str = "") -> list[tuple[str, str]]:
    sessions = portal.app.open_sessions.all(portal.actor(STAFF), SessionFilters(of=of, words=words))
    return [(session.subject, session.name) for session in sessions]


def test_list__of_a_mailbox_shows_all_its_readers_and_nobody_else(portal: Portal) -> None:
    mine, *_ = [portal.secret(user) for user in (CHEF, DEPUTY, TWO_SCHOOLS, OTHER_CHEF, STAFF)]
    sessions = seen_by(portal, CHEF, mine)
    assert [(session.subject, session.name, session.is_own) for session in sessions] == [
        (CHEF.subject, CHEF.name, True), (DEPUTY.subject, DEPUTY.name, False),
        (TWO_SCHOOLS.subject, TWO_SCHOOLS.name, False),
    ]  # fmt: skip
    assert len({session.number for session in sessions}) == 3


def test_list__of_the_rectorat_is_by_address_whatever_its_case(portal: Portal) -> None:
    portal.secret(STAFF), portal.secret(DRANE), portal.secret(CHEF)
    assert [session.subject for session in seen_by(portal, replace(STAFF, subject=STAFF.subject.upper()))] == [
        STAFF.subject
    ]


def test_list__what_is_over_is_not_there(portal: Portal) -> None:
    signed_out, idle, lasting = (portal.secret(STAFF) for _ in range(3))
    portal.context.sign_in.sign_out(signed_out)
    portal.clock.advance(minutes=100)
    assert is_open(portal, lasting)
    portal.clock.advance(minutes=30)
    assert [session.number for session in seen_by(portal, STAFF)] == [3]
    assert not is_open(portal, idle)


def test_number__never_serves_again_and_outlives_a_new_secret(portal: Portal) -> None:
    portal.secret(STAFF)
    portal.clock.advance(days=3)
    portal.app.ticker.tick()
    unknown = replace(CHEF, name="")
    secret = portal.secret(unknown)
    fresh = portal.context.sign_in.identify(unknown, secret, "Claire Martin", CHEF.role)
    assert [(session.number, session.is_own) for session in seen_by(portal, CHEF, fresh)] == [(2, True)]


def test_end__one_of_ones_own_and_no_other(portal: Portal) -> None:
    mine, other, anothers = portal.secret(CHEF), portal.secret(DEPUTY), portal.secret(OTHER_CHEF)
    service, actor = portal.app.open_sessions, portal.actor(CHEF)
    service.end_own(CHEF, 2, actor)
    assert [is_open(portal, secret) for secret in (mine, other, anothers)] == [True, False, True]
    assert portal.context.sessions.ended_by(other) is SessionEnd.OWNER
    for number in (2, 3, 99):  # over already, somebody else's, nobody's
        with pytest.raises(SessionUnknown):
            service.end_own(CHEF, number, actor)
    assert is_open(portal, anothers)
    assert installation_events(portal.app, "session_ended") == [("session_ended", {"session": 2})]


def test_end__all_others_and_their_links(portal: Portal) -> None:
    mine, others = portal.secret(CHEF), [portal.secret(user) for user in (DEPUTY, TWO_SCHOOLS)]
    anothers = portal.secret(STAFF)
    request_link(portal)
    assert portal.app.open_sessions.end_others(CHEF, mine, portal.actor(CHEF)) == 2
    assert is_open(portal, mine)
    assert is_open(portal, anothers)
    assert not any(is_open(portal, secret) for secret in others)
    assert secrets_of(portal.app) == []
    assert installation_events(portal.app, "session_ended") == [("session_ended", {"sessions": 2})]


def test_end__by_an_operator_one_or_all_of_somebody(portal: Portal) -> None:
    staff = portal.actor(STAFF)
    first, second, both, reader = (portal.secret(user) for user in (CHEF, DEPUTY, TWO_SCHOOLS, DRANE))
    service = portal.app.open_sessions
    service.end(1, staff)
    assert portal.context.sessions.ended_by(first) is SessionEnd.RECTORAT
    request_link(portal)
    assert service.end_all_of(" 0310001h ", staff) == 2
    assert not any(is_open(portal, secret) for secret in (second, both))
    assert secrets_of(portal.app) == []
    assert service.end_all_of(DRANE.subject.upper(), staff) == 1
    assert not is_open(portal, reader)
    assert service.end_all_of("0310001", staff) == 0, "no part of an UAI is one"
    assert [data for _, data in installation_events(portal.app, "session_ended")] == [
        {"session": 1}, {"sessions": 2}, {"sessions": 1}, {"sessions": 0}
    ]  # fmt: skip


@pytest.mark.rule("R2")
@pytest.mark.parametrize("who", [DRANE, CHEF], ids=["reader", "chef"])
def test_end__is_for_operators(portal: Portal, who: SessionUser) -> None:
    secret, actor, service = portal.secret(STAFF), portal.actor(who), portal.app.open_sessions
    with pytest.raises(NotAllowed):
        service.all(actor, SessionFilters())
    with pytest.raises(NotAllowed):
        service.end(1, actor)
    with pytest.raises(NotAllowed):
        service.end_all_of(STAFF.subject, actor)
    assert is_open(portal, secret)


def test_all__is_searched_without_accents_and_paged(portal: Portal) -> None:
    for user in (CHEF, replace(DEPUTY, name="Élodie Œuvrard"), OTHER_CHEF, STAFF):
        portal.secret(user)
    assert everybody(portal, words="elodie oeuvrard") == [(DEPUTY.subject, "Élodie Œuvrard")]
    assert everybody(portal, words="0310001h martin") == [(CHEF.subject, CHEF.name)]
    assert everybody(portal, words=STAFF.subject.upper()) == [(STAFF.subject, "")]
    assert everybody(portal, words="%") == everybody(portal), "nothing to look for"
    assert [who for who, _ in everybody(portal, of=SCHOOL.lower())] == [DEPUTY.subject, CHEF.subject]
    page = portal.app.open_sessions.all(portal.actor(STAFF), SessionFilters(), limit=2)
    assert [session.number for session in page] == [4, 3]
    rest = portal.app.open_sessions.all(portal.actor(STAFF), SessionFilters(), limit=9, after=3)
    assert [session.number for session in rest] == [2, 1]


def begun(portal: Portal, session_user: SessionUser, device: Device | None) -> str:
    actor, now = portal.actor(session_user), portal.clock.now()
    with portal.app.database.write() as connection:
        return portal.context.sign_in.begin(connection, session_user, actor, now, device=device)


def news(portal: Portal) -> list[Mail]:
    with portal.app.database.read() as connection:
        listed = outbox.list_outbox(connection, whole=True).mails
    return [mail for mail in reversed(listed) if mail.kind is Kind.NEW_SIGN_IN]


def test_new_browser__is_told_once_to_each_person_and_known_for_a_year(portal: Portal) -> None:
    begun(portal, STAFF, FIREFOX)
    begun(portal, STAFF, FIREFOX)
    begun(portal, DRANE, FIREFOX)
    assert [mail.recipient for mail in news(portal)] == [STAFF.subject, DRANE.subject]
    begun(portal, STAFF, replace(FIREFOX, token="y" * 43))
    assert len(news(portal)) == 3, "the same words and network prove nothing"
    for _ in range(2):  # counted anew at each sign-in
        portal.clock.advance(days=300)
        portal.app.ticker.tick()
        begun(portal, STAFF, FIREFOX)
        assert len(news(portal)) == 3
    portal.clock.advance(days=366)
    begun(portal, STAFF, FIREFOX)
    assert len(news(portal)) == 4


def test_new_browser__without_a_cookie_is_new_each_time(portal: Portal) -> None:
    begun(portal, STAFF, None)
    begun(portal, STAFF, replace(FIREFOX, token=""))
    assert len(news(portal)) == 2


def test_new_browser__says_when_whence_and_how(portal: Portal) -> None:
    national = replace(STAFF, method=SignInMethod.PROVIDER, provider="ProConnect")
    begun(portal, national, FIREFOX)
    (mail,) = news(portal)
    for words in ("14 septembre 2026 à 10", "Firefox sur Windows", "192.0.2.7", "fournisseur d'identité"):
        assert words in mail.context
    assert FIREFOX.token not in mail.context
    (session,) = seen_by(portal, STAFF)
    assert (session.browser, session.door) == ("Firefox sur Windows", "fournisseur d'identité (ProConnect)")


def test_new_browser__is_told_to_the_rectorat_alone(portal: Portal) -> None:
    begun(portal, CHEF, FIREFOX)
    portal.declared()
    rupn = SessionUser(role=Role.RUPN, subject="rupn1@ac-toulouse.fr")
    secret = begun(portal, rupn, FIREFOX)
    assert news(portal) == []
    assert [session.is_own for session in seen_by(portal, rupn, secret)] == [True]
    assert seen_by(portal, replace(STAFF, subject=rupn.subject)) == (), "an operator of the same address is another"


def test_new_browser__is_kept_under_a_keyed_digest_alone(portal: Portal) -> None:
    begun(portal, STAFF, FIREFOX)
    with portal.app.database.read() as connection:
        stored = str([tuple(row) for table in (TRIES, SESSIONS) for row in connection.execute(select(table))])
    assert FIREFOX.token not in stored
    assert FIREFOX.client not in stored, "its network stands in the mail alone"
