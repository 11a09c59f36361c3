"""Sealed codes: encrypted at rest, erased in time, and with them what has not left."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from notifications import encryption
from notifications.encryption import BadSealingKey, CodeUnreadable, Sealer
from notifications.outbox.store import MAILS, SEALS
from notifications.ports import CodeLeaving
from notifications.vocabulary import Erasure, Fault, Kind, Stage
from states.commands import Code
from states.decision import SealCode
from states.vocabulary import Trigger
from tests.kit.factories import REFERENCE
from tests.notifications.events import expired, request_event
from tests.notifications.office import Office

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.mark.rule("R60")
def test_sealer__opens_what_it_sealed_and_shows_nothing() -> None:
    sealed = Sealer([OLD]).seal("S3cretAB12", REFERENCE)
    assert "S3cretAB12" not in sealed
    assert Sealer([OLD]).open(sealed, REFERENCE) == "S3cretAB12"


def test_sealer__a_new_key_put_first_still_opens_what_the_old_one_sealed() -> None:
    sealed = Sealer([OLD]).seal("S3cretAB12", REFERENCE)
    rotated = Sealer([NEW, OLD])
    assert rotated.open(sealed, REFERENCE) == "S3cretAB12"
    with pytest.raises(CodeUnreadable):
        Sealer([OLD]).open(rotated.seal("S3cretAB12", REFERENCE), REFERENCE)


def test_sealer__a_seal_moved_to_another_request_does_not_open() -> None:
    sealed = Sealer([OLD]).seal("S3cretAB12", "ODA-2027-00001")
    with pytest.raises(CodeUnreadable, match="déchiffré"):
        Sealer([OLD]).open(sealed, "ODA-2027-00002")


@pytest.mark.parametrize("keys", [[], [""], ["trop-court"], [OLD, "é" * 44], [OLD[:-4]]])
def test_sealer__a_bad_key_is_refused_at_once(keys: list[str]) -> None:
    with pytest.raises(BadSealingKey, match="clé de scellement"):
        Sealer(keys)


def _seal_row(office: Office) -> tuple[str | None, str | None]:
    with office.database.read() as connection:
        row = connection.execute(select(SEALS.c.ciphertext, SEALS.c.erased_why).order_by(SEALS.c.sealed_at)).one()
    return row.ciphertext, row.erased_why


@pytest.mark.rule("R61", "R62")
@pytest.mark.parametrize(
    ("trigger", "why"),
    [
        (Trigger.CONFIRM_HANDOVER, Erasure.HANDED_OVER),
        (Trigger.REVOKE, Erasure.REVOKED),
        (Trigger.EXPIRE, Erasure.REVOKED),
    ],
)
def test_erase__with_the_decision_and_cancels_the_mail(office: Office, trigger: Trigger, why: Erasure) -> None:
    mail = office.issue()
    office.handle(expired(42) if trigger is Trigger.EXPIRE else request_event(trigger))
    assert _seal_row(office) == (None, why.value)
    cancelled = office.find(mail.id)
    assert (cancelled.stage, cancelled.fault, cancelled.next_attempt_at) == (Stage.CANCELLED, Fault.CODE_ERASED, None)
    office.send()
    assert all("Code à remettre" not in str(got.message["Subject"]) for got in office.relay.received)


@pytest.mark.rule("R61", "R62")
def test_erase__a_replaced_code_never_leaves(office: Office) -> None:
    first = office.issue("premier111")
    office.clock.advance(minutes=1)
    office.handle(request_event(Trigger.REISSUE_CODE))
    assert office.find(first.id).stage is Stage.CANCELLED
    assert office.only(Kind.CODE_REISSUED).stage is Stage.PENDING
    office.send()
    (got,) = office.relay.received
    assert "S3cretAB12" in got.text
    assert "premier111" not in got.text


@pytest.mark.rule("R62")
@pytest.mark.parametrize("stage", [Stage.SENDING, Stage.SENT, Stage.UNCERTAIN])
def test_take_back__of_a_code_that_leaves_undoes_the_whole_action(office: Office, stage: Stage) -> None:
    """Another machine begins the mail after it was seen to wait: nothing is erased, and it is decided again."""
    mail = office.issue()
    with office.database.write() as connection:
        connection.execute(MAILS.update().values(stage=stage.value))
    with pytest.raises(CodeLeaving):
        office.handle(request_event(Trigger.TAKE_BACK_CODE))
    assert _seal_row(office)[1] is None
    assert office.find(mail.id).stage is stage


@pytest.mark.rule("R62")
def test_take_back__erases_the_code_and_its_mail_tells_nobody(office: Office) -> None:
    mail = office.issue()
    office.handle(request_event(Trigger.TAKE_BACK_CODE))
    assert _seal_row(office) == (None, "taken_back")
    assert office.find(mail.id).stage is Stage.CANCELLED
    office.send()
    assert office.relay.received == []


@pytest.mark.rule("R62")
def test_hold__a_mail_leaves_no_sooner_than_it_may(office: Office) -> None:
    issued = request_event(Trigger.ISSUE_CODE)
    effect = SealCode(Code(clear="S3cretAB12"), office.clock.now() + timedelta(seconds=60))
    office.handle(replace(issued, decision=replace(issued.decision, effects=(effect,))))
    assert office.send() == 0
    office.clock.advance(seconds=59)
    assert office.send() == 0
    office.clock.advance(seconds=1)
    assert office.send() == 1


@pytest.mark.rule("R61")
def test_erase_overdue__only_what_is_older(office: Office) -> None:
    mail = office.issue()
    dead_ids: list[int] = []
    office.mailer.on_dead = lambda _, dead: dead_ids.append(dead.id)
    with office.database.write() as connection:
        now = office.clock.now()
        assert office.mailer.erase_overdue(connection, now, now) == 0
        assert office.mailer.erase_overdue(connection, now + timedelta(seconds=1), now) == 1
        assert office.mailer.erase_overdue(connection, now + timedelta(seconds=1), now) == 0
        assert encryption.count_codes(connection) == 0
    assert _seal_row(office) == (None, "overdue")
    assert office.find(mail.id).stage is Stage.CANCELLED
    assert dead_ids == [mail.id]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.rule("R62")
@pytest.mark.parametrize("stage", Stage)
def test_erase__cancels_what_may_still_leave_and_nothing_else(office: Office, stage: Stage) -> None:
    mail = office.issue()
    with office.database.write() as connection:
        connection.execute(MAILS.update().values(stage=stage.value))
        assert encryption.erase(connection, [REFERENCE], Erasure.REVOKED, office.clock.now()) == 1
    unsent = (Stage.PENDING, Stage.RETRY, Stage.UNCERTAIN)
    assert office.find(mail.id).stage is (Stage.CANCELLED if stage in unsent else stage)


@pytest.mark.rule("R62")
def test_erase__rolled_back_with_its_transaction(office: Office) -> None:
    mail = office.issue()
    with suppress(RuntimeError), office.database.write() as connection:
        encryption.erase(connection, [REFERENCE], Erasure.REVOKED, office.clock.now())
        raise RuntimeError
    assert office.find(mail.id).stage is Stage.PENDING
    assert _seal_row(office)[0]


def test_erase__thousands_at_once(office: Office) -> None:
    codes = {f"ODA-2027-{number:05}": "S3cretAB12" for number in range(2500)}
    with office.database.write() as connection:
        connection.execute(
            SEALS.insert(),
            [{"id": r, "reference": r, "ciphertext": "x", "sealed_at": office.clock.now()} for r in codes],
        )
        assert encryption.erase(connection, codes, Erasure.REVOKED, office.clock.now()) == 2500
