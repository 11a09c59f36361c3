"""Sign-in links: sent where they may be, consumed once, dead in time (R72)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from notifications.messages.operator_reports import is_to_report
from notifications.outbox.admin import LinkNotResent
from notifications.outbox.store import MAILS, SEALS
from notifications.vocabulary import Erasure, Kind, Priority, Stage
from states.vocabulary import Role
from tests.kit.installation import OPERATOR, READER
from tests.kit.portal import STAFF, Portal
from tests.kit.sign_in import BROWSER, installation_events, link_mails, secrets_of
from workflow.auth.sessions import LinkDead, SignInResult
from workflow.auth.sign_in_links import LinkRequest
from workflow.database.access_tables import LINKS
from workflow.database.tables import ESTABLISHMENT

HERE = LinkRequest(client="192.0.2.1", browser=BROWSER)
SCHOOL, OTHER = "0310001H", "0310002J"


def request_link(portal: Portal, uai: str = SCHOOL, asking: LinkRequest = HERE) -> str:
    """Ask for a link; its secret."""
    portal.context.links.send_to_establishment(uai, asking)
    return secrets_of(portal.app)[-1]


def enter(portal: Portal, secret: str, cookie: str = "") -> SignInResult:
    return portal.context.sign_in.sign_in(secret, client="192.0.2.1", browser=BROWSER, cookie=cookie)


def alter(portal: Portal, uai: str, **values: object) -> None:
    with portal.app.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai).values(values))


@pytest.mark.rule("R11", "R72")
def test_ask__the_mailbox_gets_it_before_any_other_mail(portal: Portal) -> None:
    portal.declared()
    secret = request_link(portal, " 0310001h ")
    (mail,) = link_mails(portal.app)
    assert (mail.kind, mail.recipient, mail.uai) == (Kind.SIGN_IN, "ce.0310001h@ac-toulouse.fr", SCHOOL)
    assert (mail.priority, mail.reference) == (Priority.SIGN_IN, None)
    assert mail.not_after == portal.clock.now() + timedelta(minutes=15)
    assert secret not in mail.context
    assert secret not in str(rows(portal))


@pytest.mark.rule("R72")
def test_ask__of_a_school_without_mailbox_is_noted_for_the_operators_and_of_no_other(portal: Portal) -> None:
    for uai in ("0310003k", SCHOOL, "9999999Z", ""):
        portal.context.links.send_to_establishment(uai, HERE)
    with portal.app.database.read() as connection:
        noted = {row.uai: row.link_asked_at for row in connection.execute(select(ESTABLISHMENT))}
    now = portal.clock.now()
    assert noted == {"0310001H": None, "0310002J": None, "0310003K": now, "0120001X": None}


def rows(portal: Portal) -> list[object]:
    with portal.app.database.read() as connection:
        return [tuple(row) for table in (LINKS, SEALS, MAILS) for row in connection.execute(select(table))]


@pytest.mark.rule("R72")
@pytest.mark.parametrize(
    "uai", ["0310003K", "9999999Z", "0120001X", "", "n'importe quoi", "ce.0310001h@ac-toulouse.fr"]
)
def test_ask__nothing_leaves_for_who_may_not_come_in(portal: Portal, uai: str) -> None:
    alter(portal, "0120001X", is_open=False)
    portal.context.links.send_to_establishment(uai, HERE)
    assert rows(portal) == []


@pytest.mark.rule("R72")
def test_ask__the_rectorat_by_an_address_of_the_settings(portal: Portal) -> None:
    for address in (f" {OPERATOR.upper()} ", READER, "quelqu.un@ac-toulouse.fr"):
        portal.context.links.send_to_rectorat(address, HERE)
    mails = link_mails(portal.app)
    assert [(m.kind, m.recipient) for m in mails] == [
        (Kind.SIGN_IN_RECTORAT, OPERATOR),
        (Kind.SIGN_IN_RECTORAT, READER),
    ]
    roles = {enter(portal, secret).session_user.role for secret in secrets_of(portal.app)}
    assert roles == {Role.OPERATOR, Role.READER}


@pytest.mark.rule("R72", "R75")
def test_use__once_and_the_journal_knows(portal: Portal) -> None:
    secret = request_link(portal)
    for _ in range(3):  # what a scanner does
        assert portal.context.links.preview(secret, browser=BROWSER)
    entered = enter(portal, secret)
    assert entered.session_user.uais == (SCHOOL,)
    assert not entered.session_user.is_identified
    assert portal.context.links.preview(secret, browser=BROWSER) is None
    with pytest.raises(LinkDead):
        enter(portal, secret)
    assert installation_events(portal.app, "signed_in") == [("signed_in", {"establishments": 1, "method": "mail_link"})]
    with portal.app.database.read() as connection:
        assert connection.execute(select(SEALS.c.ciphertext, SEALS.c.erased_why)).all() == [(None, Erasure.USED.value)]
    assert [mail.stage for mail in link_mails(portal.app)] == [Stage.CANCELLED]


@pytest.mark.rule("R72")
def test_use__two_at_once_one_comes_in(portal: Portal) -> None:
    secret, start = request_link(portal), Barrier(2)

    def press(_: int) -> bool:
        start.wait()
        try:
            return bool(enter(portal, secret))
        except LinkDead:
            return False

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(press, range(2))) == [False, True]


@pytest.mark.rule("R72")
def test_use__dies_with_time_and_with_a_newer_one(portal: Portal) -> None:
    first = request_link(portal)
    portal.clock.advance(minutes=1)
    second = request_link(portal)
    enter(portal, second)
    with pytest.raises(LinkDead):
        enter(portal, first)
    third = request_link(portal)
    portal.clock.advance(minutes=15)
    with pytest.raises(LinkDead):
        enter(portal, third)
    portal.app.ticker.tick()
    assert secrets_of(portal.app) == []
    with portal.app.database.read() as connection:
        assert connection.execute(select(LINKS)).all() == []


@pytest.mark.rule("R72")
def test_use__opens_every_establishment_of_the_mailbox(portal: Portal) -> None:
    alter(portal, OTHER, set_mailbox="CE.0310001H@ac-toulouse.fr")
    alter(portal, "0120001X", set_mailbox="ce.0310001h@ac-toulouse.fr", is_open=False)
    assert enter(portal, request_link(portal, OTHER)).session_user.subject == f"{SCHOOL},{OTHER}"


@pytest.mark.rule("R72")
def test_use__not_once_the_mailbox_is_another(portal: Portal) -> None:
    secret = request_link(portal)
    alter(portal, SCHOOL, set_mailbox="ce.0310002j@ac-toulouse.fr")
    with pytest.raises(LinkDead):
        enter(portal, secret)


@pytest.mark.rule("R58", "R72")
def test_mail__that_dies_alerts_nobody_and_is_given_up(portal: Portal) -> None:
    request_link(portal)
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage=Stage.DEAD.value, next_attempt_at=None))
    (mail,) = link_mails(portal.app)
    assert not is_to_report(mail)
    portal.clock.advance(minutes=16)
    portal.app.ticker.tick()
    assert [mail.stage for mail in link_mails(portal.app)] == [Stage.DISCARDED]


@pytest.mark.rule("R72")
def test_mail__of_a_link_is_not_sent_again_by_hand(portal: Portal) -> None:
    request_link(portal)
    (mail,) = link_mails(portal.app)
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage=Stage.DEAD.value, fault="exhausted", next_attempt_at=None))
    with pytest.raises(LinkNotResent):
        portal.app.mail_journal.retry(mail.id, portal.actor(STAFF))
    alter(portal, SCHOOL, set_mailbox="autre@ac-toulouse.fr")
    assert portal.app.mail_journal.retry_all(SCHOOL, portal.actor(STAFF)) == []
