"""Other systems told of the events before a real receiver that fails, on both databases (R118)."""

import json
import signal
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import Connection, insert, update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from states import commands as c
from states.vocabulary import RevokeReason, WithdrawReason
from tests.kit.forked_process import exit_code_of
from tests.kit.system import System
from tests.kit.webhook_receiver import (
    Behaviour,
    WebhookReceiver,
    babbles,
    cuts,
    is_silent,
    never_ends,
    says,
    webhook_receiver,
)
from tests.workflow.webhooks.killed_process import play_round
from tests.workflow.webhooks.scene import SECRET, START, Telling, settings_of
from workflow.auth.actors import NotAllowed
from workflow.database.schedule_tables import RESTORATION
from workflow.database.tables import REQUEST
from workflow.engine.engine import execute_sequence
from workflow.retention.erasure import BLANK_REQUEST
from workflow.webhooks.queue import Verdict, forget_old, list_deliveries
from workflow.webhooks.sender import send_again

pytestmark = pytest.mark.rule("R118")


class _AtStart(datetime):
    """The clock of the reference library, which refuses what is older than five minutes."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(START.timestamp(), tz)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[WebhookReceiver]:
    with webhook_receiver(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, START)
    yield system
    system.close()


@pytest.fixture
def telling(system: System, receiver: WebhookReceiver) -> Telling:
    return Telling.to(system, receiver)


def test_event__is_told_once_and_signed_as_the_reference_library_checks(
    telling: Telling, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = telling.declared()
    assert telling.sender.round() == 1
    assert telling.sender.round() == 0
    [received] = receiver.received
    assert received.path == "/oda"
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["webhook-timestamp"] == str(int(START.timestamp()))
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _AtStart)
    content = Webhook(SECRET).verify(received.body, headers)
    assert content == {
        "type": "request.declare", "timestamp": "2026-10-12T09:00:00Z",
        "data": {
            "reference": reference, "uai": "0310001H", "school_year": "2026-2027", "trigger": "declare",
            "previous_state": None, "state": "declared", "version": 1, "sequence": 1,
        },
    }  # fmt: skip
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(received.body.replace(b"declared", b"revoked"), headers)
    row = telling.row
    assert (row.stage, row.status, row.attempts, row.next_at) == ("delivered", 204, 1, None)
    assert row.webhook_id == received.webhook_id
    assert telling.system.flaws() == []


def test_no_person_and_no_code_but_the_rupn_where_a_setting_says_so(
    telling: Telling, receiver: WebhookReceiver
) -> None:
    system = telling.system
    reference = system.issued(1)
    system.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")
    telling.sender.round()
    triggers = [json.loads(received.body)["data"]["trigger"] for received in receiver.received]
    assert triggers.count("issue_code") == 1
    assert len(triggers) == 8
    bodies = b"".join(received.body for received in receiver.received)
    for secret in ("Ab12Cd34", "rupn1@", "Nomb", "Prénom", "accueil", "liste reçue", "Claire"):
        assert secret.encode() not in bodies
        assert secret not in "".join(row.payload for row in telling.rows())
    telling.restart(settings_of(receiver.port, include_people=True), receiver.certificate.client())
    receiver.received.clear()
    other = telling.declared(2)
    telling.sender.round()
    [received] = receiver.received
    person = {"nom": "Nomc", "prenom": "Prénom", "mail": "rupn2@ac-toulouse.fr"}
    assert json.loads(received.body)["data"]["person"] == person
    assert "Nomc" not in "".join(row.payload for row in telling.rows()), "nobody is kept beside the request"
    system.accept(c.Withdraw(reference=other, reason=WithdrawReason.ERROR), "chef A")
    with system.database.write() as connection:
        erased = {**BLANK_REQUEST, "erased_at": START}
        connection.execute(update(REQUEST).where(REQUEST.c.reference == other).values(erased))
    send_again(system.engine, system.actors["opérateur"], [telling.rows()[-1].number])
    telling.sender.round()
    assert json.loads(receiver.received[-1].body)["data"]["person"] is None


def test_sequence__tells_of_each_step_though_one_mail_leaves(telling: Telling, receiver: WebhookReceiver) -> None:
    reference = telling.declared()
    today = telling.system.policy.calendar.today(START)
    execute_sequence(
        telling.system.engine,
        [
            lambda own: c.Delegate(reference=own, why="accueil", made_on=today),
            lambda own: c.SignCharter(reference=own, signed_on=today, version="2026-1", copy_kept=True),
        ],
        telling.system.actors["chef A"], reference=reference,
    )  # fmt: skip
    assert [row.kind for row in telling.rows()] == ["request.declare", "request.delegate", "request.sign_charter"]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (says(500), "réponse 500"),
        (says(302, Location="https://ailleurs.example/"), "pas suivie (réponse 302)"),
        (says(401), "la signature ou l'accès est refusé"),
        (cuts(), "connexion perdue"),
        (babbles(), "connexion perdue"),
        (says(429), "demande d'attendre"),
    ],
)
def test_failure__is_tried_again_later_under_the_same_id(
    telling: Telling, receiver: WebhookReceiver, behaviour: Behaviour, words: str
) -> None:
    telling.declared()
    receiver.will(behaviour)
    assert telling.sender.round() == 0
    assert words in telling.row.answer
    assert telling.sender.round() == 0, "left alone for now"
    telling.later(seconds=7)
    assert telling.sender.round() == 1
    assert len(receiver.received) == 2
    assert len({received.webhook_id for received in receiver.received}) == 1
    assert telling.state().failing_since is None


def test_time_and_body_are_bounded(system: System, receiver: WebhookReceiver) -> None:
    telling = Telling.to(system, receiver, timeout_seconds=1)
    telling.declared()
    receiver.will(is_silent(), never_ends())
    assert telling.sender.round() == 0
    assert telling.row.answer == "pas de réponse en 1 seconde"
    telling.later(seconds=7)
    assert telling.sender.round() == 1, "2xx was said: the body is not waited for"


def test_retries__over_three_days_then_told_once_a_day(telling: Telling, receiver: WebhookReceiver) -> None:
    telling.declared()
    receiver.will(*[says(500, b"Claire Martin est en panne")] * 10)
    waits = []
    for _ in range(10):
        telling.sender.round()
        row = telling.row
        if row.next_at:
            waits.append(row.next_at - telling.system.clock.now())
            telling.system.clock.at = row.next_at
    assert row.stage == "given_up"
    assert timedelta(days=3) < sum(waits, timedelta(0)) < timedelta(days=4)
    assert len(receiver.received) == 10
    assert "Claire" not in row.answer
    assert len(telling.system.mails("webhook_failing")) == 1
    telling.declared(2)
    receiver.will(says(500))
    telling.sender.round()
    telling.later(days=5)
    telling.sender.round()
    assert telling.rows()[1].stage == "given_up", "too old, whatever the attempts"
    assert len(telling.system.mails("webhook_failing")) == 2, "another day"
    assert telling.system.flaws() == []


def test_endpoint_that_fails__is_tried_by_one_message_and_delays_no_other(
    system: System, receiver: WebhookReceiver
) -> None:
    well = settings_of(receiver.port).endpoints[0].model_dump() | {"name": "annuaire"}
    dead = well | {"name": "tickets", "url": "https://tickets.example:1/oda"}
    settings = settings_of(receiver.port).model_validate({"allow": ["tickets.example"], "endpoints": [dead, well]})
    telling = Telling(system, settings, receiver.certificate.client())
    for number in range(1, 13):
        telling.declared(number)
    assert telling.sender.round() == 12
    attempts = [row.attempts for row in telling.rows() if row.endpoint == "tickets"]
    assert sum(attempts) == 8, "those sent together before anything was known"
    telling.later(minutes=10)
    telling.sender.round()
    assert sum(row.attempts for row in telling.rows() if row.endpoint == "tickets") == 9, "then one, to see"


def test_retry_after__is_heeded_and_counts_no_attempt(telling: Telling, receiver: WebhookReceiver) -> None:
    telling.declared()
    receiver.will(says(503, Retry_After="1800"), says(429, Retry_After="99999999999"))
    telling.sender.round()
    assert telling.row.next_at == START + timedelta(minutes=30)
    telling.later(minutes=30)
    telling.sender.round()
    assert telling.row.next_at - telling.system.clock.now() == timedelta(days=1), "bounded"
    assert telling.row.attempts == 0


def test_gone__stops_all_until_the_setting_changes_or_a_trial_is_received(
    telling: Telling, receiver: WebhookReceiver
) -> None:
    telling.declared(1)
    receiver.will(says(410))
    telling.sender.round()
    assert telling.row.stage == "given_up"
    [mail] = telling.system.mails("webhook_failing")
    assert '"gone":true' in mail.context
    telling.declared(2)
    assert len(telling.rows()) == 1, "nothing more is written for it"
    telling.restart(settings_of(receiver.port, events=["declare"]), receiver.certificate.client())
    telling.declared(3)
    assert telling.sender.round() == 1
    telling.declared(4)
    receiver.will(says(410), says(204))
    telling.sender.round()
    assert telling.sender.ping(telling.endpoint).verdict is Verdict.RECEIVED
    assert json.loads(receiver.received[-1].body)["type"] == "ping"
    telling.declared(5)
    assert telling.sender.round() == 1


@pytest.mark.parametrize("point", ["webhooks.before_send", "webhooks.after_send", "webhooks.before_commit"])
def test_kill__loses_nothing_and_the_second_sending_has_the_same_id(
    telling: Telling, receiver: WebhookReceiver, point: str
) -> None:
    telling.declared()
    pem = str(receiver.certificate.pem)
    assert exit_code_of(play_round, telling.system.url, START, point, pem, receiver.port) == -signal.SIGKILL
    assert len(receiver.received) == (point != "webhooks.before_send")
    assert telling.sender.round() == 0, "the dead machine's lease still runs"
    telling.later(seconds=71)
    assert telling.sender.round() == 1
    assert len({received.webhook_id for received in receiver.received}) == 1
    assert telling.row.stage == "delivered"


def test_two_machines__tell_each_event_once(telling: Telling, receiver: WebhookReceiver) -> None:
    for number in range(1, 21):
        telling.declared(number)
    other = System.reopened(telling.system.url, START)
    try:
        second = Telling(other, telling.sender.settings, receiver.certificate.client()).sender
        with ThreadPoolExecutor(2) as machines:
            received = sum(machines.map(lambda sender: sender.round(), (telling.sender, second)))
    finally:
        other.close()
    assert received == 20
    assert sorted(each.webhook_id for each in receiver.received) == sorted(row.webhook_id for row in telling.rows())
    assert {row.attempts for row in telling.rows()} == {1}


class _Undone(Exception):
    pass


def test_refused_command__tells_nothing_and_a_rolled_back_one_neither(telling: Telling) -> None:
    system = telling.system
    declare = c.Declare(uai="0310001H", nom="Nom", prenom="Prénom", mail="rupn@ac-toulouse.fr")

    def work(connection: Connection, now: datetime) -> None:
        system.engine.run(connection, [declare], system.actors["chef A"], now)
        raise _Undone

    with pytest.raises(_Undone):
        system.engine.in_transaction(work)
    system.do(declare, system.actors["lecteur"])
    assert telling.rows() == []


@pytest.mark.parametrize("address", ["10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1", "127.0.0.1"])
def test_private_address__is_refused_when_the_name_leads_to_it(system: System, address: str) -> None:
    telling = Telling(system, settings_of(443, allow="autre.example"), ssl.create_default_context())
    object.__setattr__(telling.sender, "resolver", lambda _host, _port: ["8.8.8.8", address])
    telling.declared()
    assert telling.sender.round() == 0
    assert "n'est pas une adresse publique" in telling.row.answer
    assert "webhooks.allow" in telling.row.answer


@pytest.mark.rule("R116")
def test_restored__nothing_leaves_before_its_release(telling: Telling, receiver: WebhookReceiver) -> None:
    telling.declared()
    with telling.system.database.write() as connection:
        connection.execute(insert(RESTORATION), [{"id": 1, "backup_at": START, "restored_at": START}])
    telling.later(days=10)
    assert telling.sender.round() == 0
    assert receiver.received == []
    assert telling.row.stage == "waiting"


def test_send_again__by_an_operator_alone_and_in_the_journal(telling: Telling, receiver: WebhookReceiver) -> None:
    telling.declared()
    telling.sender.round()
    system, number = telling.system, telling.row.number
    with pytest.raises(NotAllowed):
        send_again(system.engine, system.actors["lecteur"], [number])
    assert send_again(system.engine, system.actors["opérateur"], [number, 10**6]) == [number]
    assert telling.sender.round() == 1
    assert len({received.webhook_id for received in receiver.received}) == 1
    assert "webhooks_sent_again" in str(system.dump()["event"])
    assert system.flaws() == []


def test_forgotten__after_their_time(telling: Telling) -> None:
    telling.declared()
    telling.sender.round()
    with telling.system.database.write() as connection:
        forget_old(connection, telling.sender.settings, START + timedelta(days=89))
        assert len(list_deliveries(connection, endpoint="tickets")) == 1
        forget_old(connection, telling.sender.settings, START + timedelta(days=91))
        assert list_deliveries(connection) == []


def test_certificate_of_another_is_refused(system: System, tmp_path: Path) -> None:
    with webhook_receiver(tmp_path, host="autre.example") as receiver:
        telling = Telling.to(system, receiver)
        telling.declared()
        telling.sender.round()
        assert receiver.received == []
    assert "le certificat" in telling.row.answer
