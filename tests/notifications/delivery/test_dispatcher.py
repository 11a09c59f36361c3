"""The dispatcher at work on a real relay, on both databases."""

import asyncio
import threading
from collections import Counter
from dataclasses import replace

import pytest

from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Kind, Stage
from tests.kit.factories import MAILBOX, NOW
from tests.notifications.office import CENTRE, Office, draft


def test_run_once__sends_what_is_due(office: Office) -> None:
    office.enqueue(draft())
    assert office.send() == 1
    (got,) = office.relay.received
    assert (got.sender, got.recipients) == ("cles@ac-toulouse.fr", (MAILBOX,))
    mail = office.only()
    assert (mail.stage, mail.sent_at, mail.attempts, mail.last_reply) == (Stage.SENT, NOW, 1, "250 2.0.0 Ok")
    assert got.text == mail.body
    assert str(got.message["Subject"]) == "[Clé ODA] Claire Martin\u00a0: déclaration enregistrée"
    assert office.send() == 0


@pytest.mark.rule("R59")
def test_run_once__a_reply_reaches_the_service_desk(office: Office) -> None:
    office.enqueue(draft())
    office.send()
    (got,) = office.relay.received
    assert str(got.message["Reply-To"]) == CENTRE
    assert str(got.message["Auto-Submitted"]) == "auto-generated"


@pytest.mark.rule("R56")
def test_run_once__words_are_frozen_at_the_first_claim(office: Office) -> None:
    office.enqueue(draft())
    assert office.only().subject is None
    office.relay.on("END", "451 4.3.0 later")
    office.send()
    first = office.only()
    assert (first.stage, first.dated_at) == (Stage.RETRY, NOW)
    assert first.subject
    assert first.body
    assert first.message_id
    office.clock.advance(minutes=2)
    office.mailer.mail_context = replace(office.mailer.mail_context, signature="Autre", delegce_module="Autre")
    assert office.send() == 1
    (got,) = office.relay.received
    assert (str(got.message["Message-ID"]), got.text) == (first.message_id, first.body)
    assert got.message["Date"].datetime == NOW


@pytest.mark.rule("R60")
def test_run_once__the_code_is_on_the_wire_only(office: Office) -> None:
    office.issue("Wire0nly99")
    office.send()
    (got,) = office.relay.received
    assert "\n    Wire0nly99\n" in got.text
    stored = office.only()
    assert "    [code masqué]\n" in (stored.body or "")
    assert "Wire0nly99" not in repr(stored)


def test_run_once__many_over_few_connections(office: Office) -> None:
    office.enqueue(*(draft() for _ in range(30)))
    assert office.send() == 30
    assert len({got.message["Message-ID"] for got in office.relay.received}) == 30
    assert office.relay.connections <= office.settings.connections


def test_run_once__two_dispatchers_at_once_send_each_mail_once(office: Office) -> None:
    office.enqueue(*(draft() for _ in range(24)))

    async def both() -> tuple[int, int]:
        return await asyncio.gather(office.another().run_once(), office.another().run_once())

    assert sum(asyncio.run(both())) == 24
    sent = Counter(got.message["Message-ID"] for got in office.relay.received)
    assert len(sent) == 24
    assert set(sent.values()) == {1}
    assert {mail.stage for mail in office.mails()} == {Stage.SENT}


def test_run_once__two_threads_as_two_machines(office: Office) -> None:
    office.enqueue(*(draft() for _ in range(16)))
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(office.send(office.another()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(results) == 16
    assert len({got.message["Message-ID"] for got in office.relay.received}) == 16
    assert len(office.relay.received) == 16


def test_run_once__a_mail_that_cannot_be_worded_dies_alone(office: Office) -> None:
    office.enqueue(draft("declared"), draft("delegated"))
    with office.database.write() as connection:
        connection.execute(MAILS.update().where(MAILS.c.kind == "delegated").values(context='{"reference": 1}'))
    assert office.send() == 2
    dead = office.only(Kind.DELEGATED)
    assert (dead.stage, dead.fault) == (Stage.DEAD, Fault.RENDERING)
    assert office.only(Kind.DECLARED).stage is Stage.SENT


@pytest.mark.parametrize("address", ["sans-arobase", "é@ac-toulouse.fr", "a@b.fr\r\nRCPT TO:<c@d.fr>"])
def test_run_once__an_address_that_cannot_be_used_is_dead(office: Office, address: str) -> None:
    office.enqueue(draft(recipient=address))
    office.send()
    mail = office.only(Kind.DECLARED)
    assert (mail.stage, mail.fault) == (Stage.DEAD, Fault.BAD_ADDRESS)
    assert [got.recipients for got in office.relay.received] == [(office.settings.operators_mailbox,)]
