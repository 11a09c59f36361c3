"""What is left of a year's end: its figures, its mails, its removals, who was not renewed (R81, R85)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from notifications.outbox import admin as outbox
from notifications.outbox.tables import MAILS
from notifications.vocabulary import Stage
from states import commands as c
from states.rules.schedule import Hold
from states.vocabulary import RemovalKind, RemovalOutcome, RevokeReason
from tests.kit.world import World
from tests.workflow.test_year_end import END, SEPTEMBER, YEAR, live_until
from workflow.year_end.renewals import all_not_renewed, count_had_key, count_not_renewed, list_not_renewed
from workflow.year_end.report import Share, YearEndAccount, account_of

pytestmark = pytest.mark.rule("R85")


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def account(world: World) -> YearEndAccount:
    with world.database.read() as connection:
        found = account_of(connection, YEAR)
    assert found is not None
    return found


def lived(world: World) -> list[str]:
    """Two keys in one establishment, one in another; one more, revoked in the year and confirmed."""
    references = [world.issued(1), world.issued(2), world.issued(3, uai="0310002J", chef="chef BC")]
    gone = world.issued(4)
    world.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    world.accept(c.ConfirmRemoval(reference=gone, outcome=RemovalOutcome.REMOVED), "opérateur")
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET departement = '012' WHERE uai = '0310002J'")
    live_until(world, END)
    return references


def mail_is(world: World, uai: str, **values: object) -> None:
    with world.database.write() as connection:
        mine = (MAILS.c.kind == "year_end", MAILS.c.uai == uai)
        connection.execute(update(MAILS).where(*mine).values(next_attempt_at=None, **values))


def test_account__of_a_year_that_is_not_over_is_none(world: World) -> None:
    lived(world)
    with world.database.read() as connection:
        assert account_of(connection, YEAR) is None
        assert account_of(connection, YEAR.next) is None


def test_account__keeps_the_figures_and_follows_the_rest(world: World) -> None:
    references = lived(world)
    world.tick()
    found = account(world)
    assert (found.revoked, found.establishments, found.hold, found.confirmed_by) == (3, 2, None, "")
    assert found.shares == (
        Share(departement="012", establishments=1, revoked=1, left=1),
        Share(departement="31", establishments=1, revoked=2, left=2),
    )
    assert (found.waiting, found.not_delivered, found.mails) == (2, 0, {Stage.PENDING: 2})
    assert found.left == {RemovalKind.REMOVE_RIGHTS: 3}
    assert (found.outcomes, found.confirmers) == ({RemovalOutcome.REMOVED: 1}, {"opérateur": 1})
    world.accept(c.ConfirmRemoval(reference=references[0], outcome=RemovalOutcome.REMOVED), "opérateur")
    mail_is(world, "0310001H", stage="sent", sent_at=world.clock.now())
    mail_is(world, "0310002J", stage="dead", fault="recipient_refused", last_reply="550 5.1.1 User unknown")
    later = account(world)
    assert (later.revoked, later.closed_at) == (3, found.closed_at)
    assert later.left == {RemovalKind.REMOVE_RIGHTS: 2}
    assert later.confirmers == {"opérateur": 2}
    assert (later.mails[Stage.SENT], later.not_delivered) == (1, 1)
    [missed] = later.missed
    assert (missed.uai, missed.reply, missed.recipient) == (
        "0310002J", "550 5.1.1 User unknown", "ce.0310002j@ac-toulouse.fr",
    )  # fmt: skip


def test_account__a_mail_that_another_replaced_is_counted_once(world: World) -> None:
    lived(world)
    world.tick()
    mail_is(world, "0310002J", stage="dead", fault="recipient_refused")
    [missed] = account(world).missed
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET set_mailbox = 'autre@ac-toulouse.fr'")
        here = world.mailer.mail_context
        outbox.retry(connection, missed.id, mailbox="autre@ac-toulouse.fr", now=world.clock.now(), context=here)
    found = account(world)
    assert (found.mails.total(), found.waiting, found.missed) == (2, 2, ())


@pytest.mark.rule("R52")
def test_account__says_who_confirmed_a_held_end(world: World) -> None:
    world.issued()
    world.tick()
    world.clock.set(END + timedelta(hours=5))
    world.tick()
    world.clock.advance(hours=3)
    assert world.confirm(2026)
    found = account(world)
    assert (found.hold, found.confirmed_by) == (Hold.ABSENCE, "opérateur")
    assert found.confirmed_at == world.clock.now()


def test_account__costs_the_same_few_queries(world: World) -> None:
    lived(world)
    world.tick()
    asked: list[str] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *told: asked.append(str(told[2])))
    account(world)
    assert len([one for one in asked if one.lstrip().upper().startswith("SELECT")]) == 7


@pytest.mark.rule("R81")
def test_not_renewed__had_a_key_to_the_end_and_has_no_request_since(world: World) -> None:
    first, second, third = lived(world)
    world.issued(5, only_ready=True)  # no key
    with world.database.read() as connection:
        assert list(all_not_renewed(connection, YEAR)) == []
    world.tick()
    with world.database.read() as connection:
        assert [one.reference for one in all_not_renewed(connection, YEAR)] == [first, second, third]
        assert count_not_renewed(connection, YEAR) == {"012": 1, "31": 2}
        assert count_had_key(connection, YEAR) == 3
        assert [one.reference for one in all_not_renewed(connection, YEAR, departement="12")] == [third]
        page = list_not_renewed(connection, YEAR, limit=2)
        rest = list_not_renewed(connection, YEAR, limit=2, after=page.after)
        assert [one.reference for one in (*page.lines, *rest.lines)] == [first, second, third]
        assert rest.after is None
        with pytest.raises(ValueError, match="unpack"):
            list_not_renewed(connection, YEAR, after="nulle part")
    world.accept(c.Renew(reference=first), "chef A")
    again = c.Declare(uai="0310001H", nom="Nom2", prenom="Prénom", mail="une.autre@ac-toulouse.fr")
    world.accept(again, "chef A")  # the same person, declared anew
    world.accept(c.Declare(uai="0310001H", nom="Nom3", prenom="Prénom", mail="rupn3@ac-toulouse.fr"), "chef A")
    with world.database.read() as connection:  # elsewhere it is no renewal here
        assert [one.reference for one in all_not_renewed(connection, YEAR)] == [third]
        assert count_had_key(connection, YEAR) == 3
