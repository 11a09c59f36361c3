"""The outbox as people handle it: list, count, send again, discard; and the fate of codes."""

from dataclasses import replace

import pytest

from notifications import encryption
from notifications.outbox import admin as outbox
from notifications.outbox.admin import CodeGone, NoMailboxYet, NotDiscardable, NotRetryable, UnknownMail
from notifications.outbox.store import MAILS
from notifications.vocabulary import Erasure, Fault, Kind, Mail, Stage
from states.vocabulary import CodeStatus, State, Trigger
from tests.kit import factories as f
from tests.notifications.events import request_event
from tests.notifications.office import OPERATORS, Office, draft

NEW_MAILBOX = "0310001h@ac-toulouse.fr"


def dead(office: Office, sample: str = "declared") -> Mail:
    """A mail refused for good by the establishment's mailbox."""
    before = {mail.id for mail in office.mails()}
    office.enqueue(draft(sample))
    return _refuse(office, before)


def dead_code(office: Office) -> Mail:
    office.issue()
    return _refuse(office, set())


def _refuse(office: Office, before: set[int]) -> Mail:
    office.relay.on("RCPT", "550 5.1.1 User unknown", about=f.MAILBOX)
    office.send()
    (mail,) = [mail for mail in office.mails(stages=[Stage.DEAD]) if mail.id not in before]
    return mail


def set_stage(office: Office, stage: Stage) -> None:
    with office.database.write() as connection:
        connection.execute(MAILS.update().values(stage=stage.value))


def test_listing__by_keyset_the_newest_first(office: Office) -> None:
    office.enqueue(*(draft() for _ in range(5)))
    with office.database.read() as connection:
        first = outbox.list_outbox(connection, limit=2)
        second = outbox.list_outbox(connection, limit=2, after=first.after)
        third = outbox.list_outbox(connection, limit=2, after=second.after)
    numbers = [mail.id for page in (first, second, third) for mail in page.mails]
    assert numbers == sorted(numbers, reverse=True)
    assert [len(page.mails) for page in (first, second, third)] == [2, 2, 1]
    assert third.after is None


def test_listing__by_stage_kind_establishment_and_request(office: Office) -> None:
    office.enqueue(draft(), draft("delegated", uai="0810004P", reference="ODA-2027-00007"), draft("late_digest_one"))
    assert len(office.mails(kind=Kind.DECLARED)) == 1
    assert len(office.mails(uai="0810004P")) == 1
    assert len(office.mails(reference="ODA-2027-00007")) == 1
    assert len(office.mails(stages=[Stage.PENDING, Stage.DEAD])) == 3
    assert office.mails(stages=[Stage.DEAD]) == []


def test_counts__every_stage(office: Office) -> None:
    dead(office)
    with office.database.read() as connection:
        counts = outbox.counts(connection)
    assert (counts[Stage.DEAD], counts[Stage.SENT], counts[Stage.PENDING]) == (1, 1, 0)
    assert set(counts) == set(Stage)


@pytest.mark.rule("R56", "R58")
def test_retry__to_the_same_address_is_the_same_mail(office: Office) -> None:
    mail = dead(office)
    office.clock.advance(days=40)
    assert office.retry(mail.id) == mail.id
    office.send()
    again = office.find(mail.id)
    assert (again.stage, again.message_id, again.body) == (Stage.SENT, mail.message_id, mail.body)
    assert mail.message_id in [got.message["Message-ID"] for got in office.relay.received]


@pytest.mark.rule("R15", "R58")
def test_retry__to_a_new_mailbox_is_a_new_mail_linked_to_the_old(office: Office) -> None:
    mail = dead(office)
    number = office.retry(mail.id, NEW_MAILBOX)
    assert number != mail.id
    new, old = office.find(number), office.find(mail.id)
    assert (new.replaces_id, new.recipient, new.stage) == (mail.id, NEW_MAILBOX, Stage.PENDING)
    assert (new.context, new.kind, new.reference, new.priority) == (old.context, old.kind, old.reference, old.priority)
    assert old.stage is Stage.DISCARDED
    office.send()
    assert office.find(number).message_id != mail.message_id
    assert office.relay.received[-1].recipients == (NEW_MAILBOX,)


@pytest.mark.rule("R15")
def test_retry__once_the_establishment_has_a_mailbox(office: Office) -> None:
    office.enqueue(draft("revoked", recipient=""))
    mail = office.only()
    with office.database.read() as connection:
        assert outbox.stuck_for(connection, f.UAI, f.MAILBOX) == [mail.id]
        assert outbox.stuck_for(connection, f.OTHER_UAI, f.MAILBOX) == []
    with pytest.raises(NoMailboxYet, match="Fixer d'abord sa boîte"):
        office.retry(mail.id, None)
    office.retry(mail.id, f.MAILBOX)
    assert office.send() == 1


@pytest.mark.rule("R15", "R58")
@pytest.mark.parametrize("fault", Fault)
def test_stuck__what_died_of_an_address_that_is_no_longer_the_mailbox(office: Office, fault: Fault) -> None:
    office.enqueue(draft(), draft("late_digest_one"), draft(recipient=NEW_MAILBOX), draft(uai=f.OTHER_UAI))
    with office.database.write() as connection:
        connection.execute(MAILS.update().values(stage=Stage.DEAD.value, fault=fault.value))
    first = office.mails()[0]
    of_the_address = fault in (Fault.NO_MAILBOX, Fault.BAD_ADDRESS, Fault.RECIPIENT_REFUSED, Fault.EXHAUSTED)
    with office.database.read() as connection:
        assert outbox.stuck_for(connection, f.UAI, NEW_MAILBOX) == ([first.id] if of_the_address else [])
    set_stage(office, Stage.UNCERTAIN)
    with office.database.read() as connection:
        assert outbox.stuck_for(connection, f.UAI, NEW_MAILBOX) == []


def hold(office: Office) -> None:
    """As a dispatcher does shortly before it begins."""
    with office.database.write() as connection:
        connection.execute(MAILS.update().values(lease_token="t", lease_until=office.clock.now()))


@pytest.mark.rule("R58", "R62")
@pytest.mark.parametrize("change", ["retry", "replace", "discard", "erase"])
def test_change__by_hand_takes_the_mail_from_who_held_it(office: Office, change: str) -> None:
    mail = dead_code(office) if change == "erase" else dead(office)
    set_stage(office, Stage.PENDING if change == "erase" else Stage.UNCERTAIN)
    hold(office)
    with office.database.write() as connection:
        if change == "discard":
            outbox.discard(connection, mail.id)
        elif change == "erase":
            encryption.erase(connection, [f.REFERENCE], Erasure.REVOKED, office.clock.now())
    if change in ("retry", "replace"):
        office.retry(mail.id, f.MAILBOX if change == "retry" else NEW_MAILBOX)
    after = office.find(mail.id)
    assert (after.stage, after.lease_token) != (mail.stage, "t")
    assert after.lease_token is None


def test_listing__leaves_the_bodies_where_they_are(office: Office) -> None:
    dead(office)
    with office.database.read() as connection:
        [whole] = outbox.list_outbox(connection, kind=Kind.DECLARED, whole=True).mails
        [light] = outbox.list_outbox(connection, kind=Kind.DECLARED).mails
    assert whole.body
    assert whole.html
    assert light == replace(whole, context="", body=None, html=None, papers=None)


def test_retry__twice_makes_one_mail(office: Office) -> None:
    mail = dead(office)
    office.retry(mail.id, NEW_MAILBOX)
    with pytest.raises(NotRetryable, match="« écarté »"):
        office.retry(mail.id, NEW_MAILBOX)
    assert len(office.mails(kind=Kind.DECLARED)) == 2


@pytest.mark.rule("R62")
@pytest.mark.parametrize("mailbox", [f.MAILBOX, NEW_MAILBOX])
def test_retry__a_code_that_is_kept(office: Office, mailbox: str) -> None:
    mail = dead_code(office)
    office.retry(mail.id, mailbox)
    office.send()
    got = office.relay.received[-1]
    assert (got.recipients, f.CODE in got.text) == ((mailbox,), True)


@pytest.mark.rule("R62")
def test_retry__a_code_that_is_gone_offers_to_reissue(office: Office) -> None:
    mail = dead_code(office)
    with office.database.write() as connection:
        encryption.erase(connection, [f.REFERENCE], Erasure.OVERDUE, office.clock.now())
    with pytest.raises(CodeGone, match=f"Réémettre un code pour la demande {f.REFERENCE}") as refusal:
        office.retry(mail.id)
    assert refusal.value.rule == "R62"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stage", Stage)
def test_retry__only_what_did_not_arrive_for_sure(office: Office, stage: Stage) -> None:
    office.enqueue(draft())
    set_stage(office, stage)
    if stage in outbox.RETRYABLE:
        assert office.retry(office.only().id) == office.only().id
        assert office.only().stage is Stage.PENDING
    else:
        with pytest.raises(NotRetryable):
            office.retry(office.only().id)


def test_retry__unknown(office: Office) -> None:
    with pytest.raises(UnknownMail, match="n° 7"):
        office.retry(7)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.rule("R58")
@pytest.mark.parametrize("stage", Stage)
def test_discard__only_what_waits_for_a_person(office: Office, stage: Stage) -> None:
    office.enqueue(draft())
    set_stage(office, stage)
    number = office.only().id
    with office.database.write() as connection:
        if stage in outbox.DISCARDABLE:
            assert outbox.discard(connection, number).stage is stage
        else:
            with pytest.raises(NotDiscardable):
                outbox.discard(connection, number)
    assert (office.only().stage is Stage.DISCARDED) is (stage in (*outbox.DISCARDABLE, Stage.DISCARDED))


@pytest.mark.rule("R58")
def test_dead__is_told_to_the_operators(office: Office) -> None:
    mail = dead(office)
    assert [dead.id for dead in office.died] == [mail.id]
    assert (office.died[0].stage, office.died[0].fault) == (Stage.DEAD, Fault.RECIPIENT_REFUSED)
    alert = office.only(Kind.MAIL_UNDELIVERABLE)
    assert (alert.recipient, alert.uai, alert.reference) == (OPERATORS, f.UAI, f.REFERENCE)
    office.send()
    (got,) = office.relay.received
    text = " ".join(got.text.split())
    assert f"Le courriel n° {mail.id} « déclaration enregistrée »" in text
    assert "550 5.1.1 User unknown" in text
    assert "Collège Jean-Jaurès" in text


@pytest.mark.rule("R58")
def test_dead__no_alert_about_an_alert(office: Office) -> None:
    office.relay.on("RCPT", "550 5.1.1 nobody", times=None)
    office.enqueue(draft())
    office.send()
    assert [mail.kind for mail in office.mails(stages=[Stage.DEAD])] == [Kind.DECLARED, Kind.MAIL_UNDELIVERABLE]
    assert len(office.mails()) == 2
    assert len(office.died) == 2


@pytest.mark.rule("R58")
def test_dead__again_after_a_retry_is_told_again_the_next_day(office: Office) -> None:
    mail = dead(office)
    office.clock.advance(days=1)
    office.retry(mail.id)
    office.relay.on("RCPT", "550 5.1.1 User unknown", about=f.MAILBOX)
    office.send()
    assert len(office.mails(kind=Kind.MAIL_UNDELIVERABLE)) == 2


def fate(office: Office) -> CodeStatus:
    request = f.request(State.CODE_ISSUED)
    with office.database.read() as connection:
        return office.mailer.code_statuses(connection, [request])[f.REFERENCE]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.rule("R58")
@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.PENDING, CodeStatus.WAITING),
        (Stage.SENDING, CodeStatus.SENDING),
        (Stage.RETRY, CodeStatus.WAITING),
        (Stage.SENT, CodeStatus.ACCEPTED),
        (Stage.UNCERTAIN, CodeStatus.UNCERTAIN),
        (Stage.DEAD, CodeStatus.UNDELIVERABLE),
        (Stage.CANCELLED, CodeStatus.UNDELIVERABLE),
        (Stage.DISCARDED, CodeStatus.UNDELIVERABLE),
    ],
)
def test_code_fate__follows_its_mail(office: Office, stage: Stage, expected: CodeStatus) -> None:
    office.issue()
    set_stage(office, stage)
    assert fate(office) is expected


def test_code_fate__the_latest_mail_decides(office: Office) -> None:
    mail = dead_code(office)
    assert fate(office) is CodeStatus.UNDELIVERABLE
    office.retry(mail.id, NEW_MAILBOX)
    assert fate(office) is CodeStatus.WAITING
    office.send()
    assert fate(office) is CodeStatus.ACCEPTED
    office.handle(request_event(Trigger.REISSUE_CODE))
    assert fate(office) is CodeStatus.WAITING


def test_code_fate__of_many_in_one_go(office: Office) -> None:
    office.issue()
    issued = f.request(State.CODE_ISSUED)
    requests = [
        issued,
        replace(issued, reference="A", handed_on=f.TODAY),
        replace(issued, reference="B", extends="ODA-2027-00077"),
        replace(f.request(State.REQUESTED), reference="C"),
        replace(f.request(State.REVOKED), reference="D"),
        replace(issued, reference="E"),
    ]
    with office.database.read() as connection:
        fates = office.mailer.code_statuses(connection, requests)
        assert office.mailer.code_statuses(connection, []) == {}
    assert fates == {
        f.REFERENCE: CodeStatus.WAITING,
        "A": CodeStatus.HANDED_OVER,
        "B": CodeStatus.EXTENDED,
        "C": CodeStatus.NONE,
        "D": CodeStatus.NONE,
        "E": CodeStatus.UNDELIVERABLE,
    }
