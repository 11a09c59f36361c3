"""What is left of a year's end: its figures, its mails, its removals, who was not renewed (R81, R85)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from notifications.outbox import admin as outbox
from notifications.outbox.store import MAILS
from notifications.vocabulary import Stage
from states import commands as c
from states.rules.schedule import Hold
from states.vocabulary import RemovalKind, RemovalOutcome, RevokeReason
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, YEAR, live_until
from workflow.year_end.renewals import all_not_renewed, count_had_key, count_not_renewed, list_not_renewed
from workflow.year_end.report import DepartementShare, YearEndAccount, account_of

pytestmark = pytest.mark.rule("R85")


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def account(system: System) -> YearEndAccount:
    with system.database.read() as connection:
        result = account_of(connection, YEAR)
    assert result is not None
    return result


def lived(system: System) -> list[str]:
    """Two keys in one establishment, one in another; one more, revoked in the year and confirmed."""
    references = [system.issued(1), system.issued(2), system.issued(3, uai="0310002J", chef="chef BC")]
    gone = system.issued(4)
    system.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    system.accept(c.ConfirmRemoval(reference=gone, outcome=RemovalOutcome.REMOVED), "opérateur")
    with system.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET departement = '012' WHERE uai = '0310002J'")
    live_until(system, END)
    return references


def mail_is(system: System, uai: str, **values: object) -> None:
    with system.database.write() as connection:
        mine = (MAILS.c.kind == "year_end", MAILS.c.uai == uai)
        connection.execute(update(MAILS).where(*mine).values(next_attempt_at=None, **values))


def test_account__of_a_year_that_is_not_over_is_none(system: System) -> None:
    lived(system)
    with system.database.read() as connection:
        assert account_of(connection, YEAR) is None
        assert account_of(connection, YEAR.next) is None


def test_account__keeps_the_figures_and_follows_the_rest(system: System) -> None:
    references = lived(system)
    system.tick()
    result = account(system)
    assert (result.revoked, result.establishments, result.hold, result.confirmed_by) == (3, 2, None, "")
    assert result.shares == (
        DepartementShare(departement="012", establishments=1, revoked=1, open_removals=1),
        DepartementShare(departement="31", establishments=1, revoked=2, open_removals=2),
    )
    assert (result.waiting, result.not_delivered, result.mails) == (2, 0, {Stage.PENDING: 2})
    assert result.open_removals == {RemovalKind.REMOVE_RIGHTS: 3}
    assert (result.outcomes, result.confirmers) == ({RemovalOutcome.REMOVED: 1}, {"opérateur": 1})
    system.accept(c.ConfirmRemoval(reference=references[0], outcome=RemovalOutcome.REMOVED), "opérateur")
    mail_is(system, "0310001H", stage="sent", sent_at=system.clock.now())
    mail_is(system, "0310002J", stage="dead", fault="recipient_refused", last_reply="550 5.1.1 User unknown")
    later = account(system)
    assert (later.revoked, later.closed_at) == (3, result.closed_at)
    assert later.open_removals == {RemovalKind.REMOVE_RIGHTS: 2}
    assert later.confirmers == {"opérateur": 2}
    assert (later.mails[Stage.SENT], later.not_delivered) == (1, 1)
    [missed] = later.missed
    assert (missed.uai, missed.reply, missed.recipient) == (
        "0310002J", "550 5.1.1 User unknown", "ce.0310002j@ac-toulouse.fr",
    )  # fmt: skip


def test_account__a_mail_that_another_replaced_is_counted_once(system: System) -> None:
    lived(system)
    system.tick()
    mail_is(system, "0310002J", stage="dead", fault="recipient_refused")
    [missed] = account(system).missed
    with system.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET set_mailbox = 'autre@ac-toulouse.fr'")
        context = system.mailer.mail_context
        outbox.retry(connection, missed.id, mailbox="autre@ac-toulouse.fr", now=system.clock.now(), context=context)
    result = account(system)
    assert (result.mails.total(), result.waiting, result.missed) == (2, 2, ())


@pytest.mark.rule("R52")
def test_account__says_who_confirmed_a_held_end(system: System) -> None:
    system.issued()
    system.tick()
    system.clock.set(END + timedelta(hours=5))
    system.tick()
    system.clock.advance(hours=3)
    assert system.confirm(2026)
    result = account(system)
    assert (result.hold, result.confirmed_by) == (Hold.ABSENCE, "opérateur")
    assert result.confirmed_at == system.clock.now()


def test_account__costs_the_same_few_queries(system: System) -> None:
    lived(system)
    system.tick()
    statements: list[str] = []
    event.listen(system.database.engine, "before_cursor_execute", lambda *args: statements.append(str(args[2])))
    account(system)
    assert len([statement for statement in statements if statement.lstrip().upper().startswith("SELECT")]) == 7


@pytest.mark.rule("R81")
def test_not_renewed__had_a_key_to_the_end_and_has_no_request_since(system: System) -> None:
    first, second, third = lived(system)
    system.issued(5, only_ready=True)  # no key
    with system.database.read() as connection:
        assert list(all_not_renewed(connection, YEAR)) == []
    system.tick()
    with system.database.read() as connection:
        assert [line.reference for line in all_not_renewed(connection, YEAR)] == [first, second, third]
        assert count_not_renewed(connection, YEAR) == {"012": 1, "31": 2}
        assert count_had_key(connection, YEAR) == 3
        assert [line.reference for line in all_not_renewed(connection, YEAR, departement="12")] == [third]
        page = list_not_renewed(connection, YEAR, limit=2)
        rest = list_not_renewed(connection, YEAR, limit=2, after=page.after)
        assert [line.reference for line in (*page.lines, *rest.lines)] == [first, second, third]
        assert rest.after is None
        with pytest.raises(ValueError, match="unpack"):
            list_not_renewed(connection, YEAR, after="nulle part")
    system.accept(c.Renew(reference=first), "chef A")
    again = c.Declare(uai="0310001H", nom="Nomc", prenom="Prénom", mail="une.autre@ac-toulouse.fr")
    system.accept(again, "chef A")  # the same person, declared anew
    system.accept(c.Declare(uai="0310001H", nom="Nomd", prenom="Prénom", mail="rupn3@ac-toulouse.fr"), "chef A")
    with system.database.read() as connection:  # elsewhere it is no renewal here
        assert [line.reference for line in all_not_renewed(connection, YEAR)] == [third]
        assert count_had_key(connection, YEAR) == 3
