"""What becomes of mails in the installation's journal, and all of an establishment's sent again (R15, R58)."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from notifications.outbox import admin as outbox
from notifications.outbox import queue
from notifications.vocabulary import Fault, Kind, Stage
from states import commands as c
from states.vocabulary import RevokeReason, State
from tests.workflow.requests.office import UAI, Office
from workflow.auth.actors import NotAllowed
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT
from workflow.directory.service import Directory
from workflow.journal.chain import INSTALLATION, JournalHasher
from workflow.journal.verification import Verifier
from workflow.mail import MailActionRefused, MailJournal, RetryRefusal, RetryResult

NEW = "nouvelle@ac-toulouse.fr"


class Post:
    """A rectorat whose mailer tells the journal, as ``workflow.app`` wires it."""

    def __init__(self, database: Database) -> None:
        self.office = Office(database)
        self.journal = MailJournal(self.office.engine, self.office.mailer)
        self.office.mailer.on_dead = self.journal.dead

    def mailbox(self, address: str | None) -> None:
        with self.office.database.write() as connection:
            connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == UAI).values(mailbox=address))

    def lose(self, count: int) -> None:
        """Revoke that many requests while nobody can be told."""
        references = [
            self.office.request(State.REQUESTED, nom=f"Abadie{'abc'[n]}", mail=f"a{n}@ac-toulouse.fr")
            for n in range(count)
        ]
        self.mailbox(None)
        self.office.do(*(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE) for reference in references))

    def mails(self, *stages: Stage, kind: Kind | None = None) -> list[int]:
        with self.office.database.read() as connection:
            return [mail.id for mail in outbox.list_outbox(connection, stages=stages, kind=kind).mails]

    def events(self, kind: str) -> list[dict[str, Any]]:
        query = select(EVENT.c.canonical).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == kind)
        with self.office.database.read() as connection:
            return [
                json.loads(canonical)["data"] for canonical in connection.execute(query.order_by(EVENT.c.seq)).scalars()
            ]

    def flaws(self) -> list[str]:
        with self.office.database.read() as connection:
            return [str(flaw) for flaw in Verifier(connection, JournalHasher(b"k" * 32)).flaws()]


@pytest.fixture
def post(database: Database) -> Post:
    return Post(database)


def numbers(results: Iterable[RetryResult | RetryRefusal]) -> list[int]:
    return [result.mail for result in results]


@pytest.mark.rule("R15", "R58")
def test_dead__a_mail_born_without_a_mailbox_is_in_the_journal(post: Post) -> None:
    reference = post.office.request(State.REQUESTED)
    post.mailbox(None)
    post.office.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE))
    [number] = post.mails(Stage.DEAD)
    assert post.events("mail_dead") == [
        {"fault": "no_mailbox", "mail": number, "mail_kind": "revoked", "reference": reference, "uai": UAI}
    ]
    assert post.flaws() == []


@pytest.mark.rule("R57", "R58")
def test_dead__a_code_whose_mail_is_too_late_is_in_the_journal_and_no_other_mail(post: Post) -> None:
    reference = post.office.request(State.CODE_ISSUED)
    [number] = post.mails(Stage.PENDING, kind=Kind.CODE_ISSUED)
    late = post.office.clock.now() + timedelta(days=400)
    with post.office.database.write() as connection:
        assert queue.cancel_late(connection, late, post.journal.dead) >= 1
    assert post.mails(Stage.CANCELLED, kind=Kind.CODE_ISSUED) == [number]
    assert post.events("mail_dead") == [
        {"fault": "too_late", "mail": number, "mail_kind": "code_issued", "reference": reference, "uai": UAI}
    ]
    assert post.flaws() == []


@pytest.mark.rule("R15", "R58")
def test_retry_all__each_to_the_mailbox_of_today_with_its_event(post: Post) -> None:
    post.lose(2)
    stuck = sorted(post.mails(Stage.DEAD))
    post.mailbox(NEW)
    results = post.journal.retry_all(UAI.lower(), post.office.operator)
    assert numbers(results) == stuck
    assert len(stuck) == 2
    events = post.events("mail_retried")
    assert [(data["mail"], data["leaves_as"]) for data in events] == [
        (result.mail, result.leaves_as) for result in results if isinstance(result, RetryResult)
    ]
    with post.office.database.read() as connection:
        assert {outbox.find(connection, data["leaves_as"]).recipient for data in events} == {NEW}
    assert post.journal.retry_all(UAI, post.office.operator) == []
    assert post.flaws() == []


@pytest.mark.rule("R58", "R62")
def test_retry_all__an_erased_code_stops_no_other(post: Post) -> None:
    reference = post.office.request(State.CODE_ISSUED)
    post.office.mail_becomes(Stage.DEAD, reference)
    [code] = post.mails(Stage.DEAD)
    post.mailbox(None)
    post.office.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE))
    post.mailbox(NEW)
    refused, done = post.journal.retry_all(UAI, post.office.operator)
    assert isinstance(refused, RetryRefusal)
    assert (refused.mail, refused.refusal.rule) == (code, "R62")
    assert isinstance(done, RetryResult)
    assert [data["mail"] for data in post.events("mail_retried")] == [done.mail]


@pytest.mark.rule("R2", "R11", "R15")
def test_retry_all__refused(post: Post) -> None:
    for uai, actor, rule in (
        (UAI, post.office.chef, "R2"),
        (UAI, post.office.reader, "R2"),
        ("0310099Z", post.office.operator, "R11"),
        ("rien", post.office.operator, "R11"),
    ):
        with pytest.raises((MailActionRefused, NotAllowed)) as refusal:
            post.journal.retry_all(uai, actor)
        assert isinstance(refusal.value, MailActionRefused | NotAllowed)
        assert [reason.rule for reason in refusal.value.reasons] == [rule]
    post.mailbox(None)
    with pytest.raises(MailActionRefused, match="n'a pas de boîte") as refusal:
        post.journal.retry_all(UAI, post.office.operator)
    assert refusal.value.reasons[0].rule == "R15"


@pytest.mark.rule("R14", "R15", "R58")
def test_set_mailbox__counts_what_can_be_sent_again(post: Post) -> None:
    office = post.office
    directory = Directory(office.database, JournalHasher(b"k" * 32), office.clock, "16")
    post.lose(2)

    def undelivered(address: str | None) -> int:
        return directory.set_mailbox(UAI, address, "annuaire faux", office.operator).undelivered

    assert [undelivered(NEW), undelivered(NEW), undelivered(None)] == [2, 2, 0]
    post.mailbox("import@ac-toulouse.fr")
    assert undelivered(None) == 2
    post.journal.retry_all(UAI, office.operator)
    assert (undelivered(NEW), undelivered(None)) == (0, 0)
    assert post.flaws() == []


def test_retry_all__nothing_of_another_fault_or_already_at_the_right_address(post: Post) -> None:
    reference = post.office.request(State.CODE_ISSUED)
    post.office.mail_becomes(Stage.DEAD, reference)
    assert post.journal.retry_all(UAI, post.office.operator) == []
    assert Fault.RECIPIENT_REFUSED in outbox.ADDRESS_FAULTS
