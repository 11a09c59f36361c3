"""Who sends which mail: order, leases, tokens, last hours."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from notifications.outbox import queue
from notifications.outbox.queue import Claim
from notifications.outbox.retry import RetryRules, SendOutcome, SendResult
from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Kind, Stage
from tests.notifications.office import Office, draft

LEASE = timedelta(seconds=120)
RULES = RetryRules(3, (timedelta(seconds=60), timedelta(seconds=300)), retry_uncertain=True)
SENT = SendResult(SendOutcome.SENT, reply="250 Ok")


def begun(connection: Connection, claims: list[Claim], now: datetime) -> list[Claim]:
    """Those of these claims whose mail may leave."""
    marks = queue.record(connection, claims, (), now, LEASE, RULES).begun
    return [claimed for claimed in claims if claimed.key in marks]


def claim(office: Office) -> Claim | None:
    """Hold the next mail and begin it."""
    with office.database.write() as connection:
        now = office.clock.now()
        claims = queue.claim(connection, now, LEASE, 1)
        return claims[0] if claims and begun(connection, claims, now) else None


def claim_due(office: Office) -> Claim:
    claimed = claim(office)
    assert claimed
    return claimed


def complete(office: Office, claimed: Claim, result: SendResult, rules: RetryRules = RULES) -> Stage | None:
    with office.database.write() as connection:
        recorded = queue.record(connection, (), [(claimed, result)], office.clock.now(), LEASE, rules)
        mail = recorded.ended.get(claimed.key)
    return mail.stage if mail else None


def take_back(office: Office, rules: RetryRules = RULES) -> int:
    with office.database.write() as connection:
        return queue.expire_leases(connection, office.clock.now(), rules)


def test_claim__codes_first_then_the_oldest(office: Office) -> None:
    office.enqueue(draft("declared"))
    office.clock.advance(seconds=1)
    office.enqueue(draft("delegated"))
    office.issue()
    office.clock.advance(seconds=1)
    order = [claim_due(office).mail.kind for _ in range(3)]
    assert order == [Kind.CODE_ISSUED, Kind.DECLARED, Kind.DELEGATED]
    assert claim(office) is None


def test_claim__holds_the_mail_under_a_lease(office: Office) -> None:
    office.enqueue(draft())
    claimed = claim_due(office)
    assert claimed.mail.stage is Stage.PENDING
    stored = office.only()
    assert (stored.stage, stored.lease_token, stored.next_attempt_at) == (Stage.SENDING, claimed.token, None)


def test_hold__alone_leaves_the_mail_as_it_was_and_due_again_later(office: Office) -> None:
    office.enqueue(draft())
    with office.database.write() as connection:
        (first,) = queue.claim(connection, office.clock.now(), LEASE, 5)
    assert office.only().stage is Stage.PENDING
    assert claim(office) is None
    office.clock.advance(seconds=120)
    again = claim_due(office)
    with office.database.write() as connection:
        assert not begun(connection, [first], office.clock.now())
    mail = office.only()
    assert (mail.lease_token, mail.doubted_at) == (again.token, None)


@pytest.mark.rule("R57", "R62")
def test_begin__not_of_a_mail_that_was_cancelled_meanwhile(office: Office) -> None:
    office.enqueue(draft())
    with office.database.write() as connection:
        (first,) = queue.claim(connection, office.clock.now(), LEASE, 1)
    office.clock.advance(days=400)
    with office.database.write() as connection:
        assert queue.cancel_late(connection, office.clock.now()) == 1
        assert not begun(connection, [first], office.clock.now())
        queue.release(connection, [first])
    assert office.only().stage is Stage.CANCELLED


@pytest.mark.rule("R56")
def test_begin__once_of_a_mail_held_twice_by_one_sender(office: Office) -> None:
    """The slow relay let the first reservation run out: both claims may come to be begun in one transaction."""
    office.enqueue(draft())
    with office.database.write() as connection:
        first = queue.claim(connection, office.clock.now(), LEASE, 1)
    office.clock.advance(seconds=121)
    with office.database.write() as connection:
        again = queue.claim(connection, office.clock.now(), LEASE, 1)
        assert [claimed.mail.id for claimed in (*first, *again)] == [office.only().id] * 2
        assert begun(connection, [*first, *again], office.clock.now()) == again


@pytest.mark.rule("R56")
def test_begin__again_after_a_commit_whose_answer_was_lost(office: Office) -> None:
    """The database restarted just after: the mail was begun by us and by nobody else, so there is nothing to doubt."""
    office.enqueue(draft())
    claimed = claim_due(office)
    with office.database.write() as connection:
        assert begun(connection, [claimed], office.clock.now()) == [claimed]
    assert complete(office, claimed, SENT) is Stage.SENT
    with office.database.write() as connection:
        assert not begun(connection, [claimed], office.clock.now())
    assert office.only().doubted_at is None


def test_claim__what_is_not_due_yet_waits(office: Office) -> None:
    office.enqueue(draft())
    office.clock.advance(seconds=-1)
    assert claim(office) is None


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_claim__two_open_transactions_never_hold_the_same_mail(office: Office) -> None:
    office.enqueue(draft("declared"), draft("delegated"))
    with office.database.write() as first, office.database.write() as other:
        now = office.clock.now()
        claims = [queue.claim(connection, now, LEASE, 1) for connection in (first, other, first)]
    assert [[claimed.mail.kind for claimed in some] for some in claims] == [[Kind.DECLARED], [Kind.DELEGATED], []]


def test_complete__sent(office: Office) -> None:
    office.enqueue(draft())
    assert complete(office, claim_due(office), SENT) is Stage.SENT
    mail = office.only()
    assert (mail.sent_at, mail.attempts, mail.last_reply, mail.lease_token) == (office.clock.now(), 1, "250 Ok", None)


def test_complete__by_token_only(office: Office) -> None:
    office.enqueue(draft())
    first = claim_due(office)
    office.clock.advance(minutes=3)
    assert take_back(office) == 1
    second = claim_due(office)
    assert complete(office, first, SENT) is None
    assert office.only().stage is Stage.SENDING
    assert complete(office, second, SENT) is Stage.SENT
    assert complete(office, second, SENT) is None


def test_complete__waits_longer_each_time_then_dies(office: Office) -> None:
    office.enqueue(draft())
    result = SendResult(SendOutcome.RETRY, Fault.DEFERRED, "451 later")
    waits = []
    for _ in range(2):
        complete(office, claim_due(office), result)
        due = office.only().next_attempt_at
        assert due
        waits.append(due - office.clock.now())
        office.clock.set(due)
    assert [base <= wait <= base * 1.25 for wait, base in zip(waits, RULES.delays, strict=True)] == [True, True]
    assert complete(office, claim_due(office), result) is Stage.DEAD
    mail = office.only()
    assert (mail.fault, mail.attempts, mail.next_attempt_at, mail.last_reply) == (Fault.EXHAUSTED, 3, None, "451 later")


def test_release__no_attempt_is_counted(office: Office) -> None:
    office.enqueue(draft())
    before = office.only()
    claimed = claim_due(office)
    with office.database.write() as connection:
        queue.release(connection, [claimed])
    assert office.only() == before


def test_take_back__a_lost_lease_is_a_doubt_retried_once(office: Office) -> None:
    office.enqueue(draft())
    for again in (True, False):
        claim_due(office)
        office.clock.advance(seconds=120)
        assert take_back(office) == 0
        office.clock.advance(seconds=6)
        assert take_back(office) == 1
        mail = office.only()
        assert (mail.stage, mail.fault, mail.lease_token) == (Stage.UNCERTAIN, Fault.LEASE_LOST, None)
        assert (mail.next_attempt_at is not None) is again
    assert mail.attempts == 2
    assert claim(office) is None


def test_take_back__not_retried_when_the_setting_says_so(office: Office) -> None:
    office.enqueue(draft())
    claim_due(office)
    office.clock.advance(minutes=3)
    take_back(office, RetryRules(3, (timedelta(seconds=60),), retry_uncertain=False))
    assert office.only().next_attempt_at is None


def test_complete__in_doubt_is_retried_once_and_remembered(office: Office) -> None:
    office.enqueue(draft())
    lost = SendResult(SendOutcome.UNCERTAIN, Fault.LOST_REPLY)
    doubted = office.clock.now()
    complete(office, claim_due(office), lost)
    assert office.only().doubted_at == doubted
    office.clock.advance(minutes=2)
    assert complete(office, claim_due(office), SENT) is Stage.SENT
    assert office.only().doubted_at == doubted


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.rule("R57")
@pytest.mark.parametrize(
    ("stage", "becomes", "fault"),
    [
        (Stage.PENDING, Stage.CANCELLED, Fault.TOO_LATE),
        (Stage.RETRY, Stage.CANCELLED, Fault.TOO_LATE),
        (Stage.UNCERTAIN, Stage.UNCERTAIN, None),
    ],
)
def test_cancel_late__rather_than_leave_late(office: Office, stage: Stage, becomes: Stage, fault: Any) -> None:
    office.enqueue(draft("handover_reminder"))
    with office.database.write() as connection:
        connection.execute(MAILS.update().values(stage=stage.value))
    office.clock.advance(days=3)
    assert claim(office) is None
    assert office.send() == 0
    mail = office.only()
    assert (mail.stage, mail.fault, mail.next_attempt_at) == (becomes, fault, None)
    assert office.relay.received == []


@pytest.mark.rule("R57")
def test_cancel_late__one_second_before_it_still_leaves(office: Office) -> None:
    office.enqueue(draft("handover_reminder"))
    office.clock.advance(days=3, seconds=-1)
    assert office.send() == 1


def test_due_count__counts_up_to_a_limit_and_sees_lost_leases(office: Office) -> None:
    def due(limit: int) -> int:
        with office.database.read() as connection:
            return queue.due_count(connection, office.clock.now(), limit)

    assert due(4) == 0
    office.enqueue(draft(), draft(), draft())
    assert (due(2), due(4)) == (2, 3)
    for _ in range(3):
        claim_due(office)
    assert due(4) == 0
    office.clock.advance(minutes=5)
    assert due(4) == 3
