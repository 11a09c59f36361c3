"""What the dispatcher writes, and in which order: the last hour, the number of attempts, the dead recorded last."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from notifications.delivery.transactions import Begin, Finish, MailStore
from notifications.messages.catalogue import CATALOGUE
from notifications.outbox import queue
from notifications.outbox.queue import Claim
from notifications.outbox.retry import RetryRules, SendOutcome, SendResult
from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Kind, Mail, Stage
from tests.notifications.office import Office, draft, mail_settings

LOST = SendResult(SendOutcome.UNCERTAIN, Fault.LOST_REPLY)
REFUSED = SendResult(SendOutcome.DEAD, Fault.RECIPIENT_REFUSED, "550 5.1.1 User unknown")


def desk_of(office: Office) -> MailStore:
    return MailStore(office.database, office.mailer, mail_settings(office.relay.port), office.clock)


@pytest.mark.rule("R58")
def test_write__the_dead_are_recorded_once_all_mails_are_written(office: Office) -> None:
    """Recording takes the installation's lock: nobody who has it may await a mail, or two would await each other."""
    deaths: list[tuple[int, list[str]]] = []

    def on_dead(connection: Connection, mail: Mail) -> None:
        deaths.append((mail.id, list(connection.execute(select(MAILS.c.stage).order_by(MAILS.c.id)).scalars())))

    office.enqueue(draft(), draft(), draft())
    store = MailStore(office.database, office.mailer, office.settings, office.clock, on_dead)
    first, second, third = store.claim(3)
    assert store.write([Begin(first), Begin(second)]) == [True, True]
    written = store.write([Finish(first, REFUSED), Finish(second, REFUSED), Begin(third)])
    assert written == [Stage.DEAD, Stage.DEAD, True]
    assert deaths[0] == (first.mail.id, ["dead", "dead", "sending"])
    assert [number for number, _ in deaths] == [first.mail.id, second.mail.id]


@pytest.mark.rule("R58")
def test_report_dead__one_alert_a_cause_a_day_that_names_them_all(office: Office) -> None:
    """What dies of a cause after its alert is told the next day; a year's end without a mailbox by its report."""
    store = desk_of(office)
    office.enqueue(*(draft(reference=f"ODA-2027-{number:05}") for number in range(120)), draft("delegated"))
    office.enqueue(draft("revoked", recipient=""), draft("year_end_one", recipient=""))
    claims = store.claim(200)
    store.write([Begin(claim) for claim in claims])
    store.write([Finish(claim, REFUSED) for claim in claims[:119]])
    for _ in range(3):
        store.report_dead()
        office.clock.advance(hours=1)
    store.write([Finish(claim, REFUSED) for claim in claims[119:]])
    store.report_dead()
    alerts = {alert.cause: alert for alert in reports_in(office)}
    assert alerts.keys() == {"recipient_refused", "no_mailbox"}
    refused = alerts["recipient_refused"]
    named = [refused.mail, *(other.mail for other in refused.others)]
    assert (refused.count, named) == (119, [claim.mail.id for claim in claims[:101]])
    assert alerts["no_mailbox"].count == 1
    office.clock.advance(days=1)
    store.report_dead()
    assert [alert.count for alert in reports_in(office)] == [1, 119, 2]


def reports_in(office: Office) -> list[Any]:
    return [CATALOGUE[alert.kind].decode(alert.context) for alert in office.mails(kind=Kind.MAIL_UNDELIVERABLE)]


@pytest.mark.rule("R56")
def test_take__leaves_alone_what_another_has_worded_meanwhile(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are made without a transaction: the reservation may end before they are kept."""
    office.enqueue(draft())
    slow, quick, words = desk_of(office), desk_of(office), MailStore._render

    def slowly(store: MailStore, mail: Mail) -> dict[str, Any]:
        monkeypatch.setattr(MailStore, "_render", words)
        office.clock.advance(minutes=3)
        quicker.extend(quick.claim(1))
        return words(store, mail)

    quicker: list[Claim] = []
    monkeypatch.setattr(MailStore, "_render", slowly)
    assert slow.claim(1) == []
    assert office.only().message_id == quicker[0].mail.message_id
    assert quick.write([Begin(quicker[0])]) == [True]


@pytest.mark.rule("R57")
def test_begin__not_once_the_last_hour_has_come(office: Office) -> None:
    """It was held in time, behind mails that took long."""
    office.enqueue(draft(not_after=office.clock.now() + timedelta(seconds=30)))
    store = desk_of(office)
    (claim,) = store.claim(1)
    office.clock.advance(seconds=30)
    assert store.write([Begin(claim)]) == [False]
    store.cleanup_expired()
    mail = office.only()
    assert (mail.stage, mail.fault, mail.lease_token, mail.attempts) == (Stage.CANCELLED, Fault.TOO_LATE, None, 0)


@pytest.mark.rule("R56")
@pytest.mark.parametrize("how", ["lost reply", "lost lease"])
@pytest.mark.parametrize(("most", "again"), [(1, False), (2, True)])
def test_doubt__is_no_reason_for_one_attempt_too_many(office: Office, how: str, most: int, again: bool) -> None:
    office.enqueue(draft())
    rules = RetryRules.of(mail_settings(25, max_attempts=most))
    (claim,) = desk_of(office).claim(1)
    desk_of(office).write([Begin(claim)])
    if how == "lost lease":
        office.clock.advance(minutes=10)
    with office.database.write() as connection:
        if how == "lost lease":
            queue.expire_leases(connection, office.clock.now(), rules)
        else:
            queue.record(connection, (), [(claim, LOST)], office.clock.now(), timedelta(minutes=2), rules)
    mail = office.only()
    assert (mail.stage, mail.attempts, mail.doubted_at) == (Stage.UNCERTAIN, 1, office.clock.now())
    assert (mail.next_attempt_at is not None) is again
