"""What came of a sending, decided without a network."""

from datetime import timedelta

import pytest

from notifications.circuit import Circuit
from notifications.outcomes import RetryRules, Verdict, after_message, after_recipient, words
from notifications.smtp import RelayTrouble
from notifications.vocabulary import Fault, RelayFault
from tests.kit.factories import NOW
from tests.notifications.office import mail_settings


def test_retry_rules__the_last_delay_repeats() -> None:
    rules = RetryRules.of(mail_settings(25, retry_after_seconds=(60, 300)))
    assert [rules.delay(attempts).total_seconds() for attempts in (1, 2, 3, 9)] == [60, 300, 300, 300]


@pytest.mark.parametrize(
    ("code", "verdict", "fault"),
    [
        (550, Verdict.DEAD, Fault.RECIPIENT_REFUSED),
        (553, Verdict.DEAD, Fault.RECIPIENT_REFUSED),
        (450, Verdict.RETRY, Fault.DEFERRED),
        (421, Verdict.RETRY, Fault.DEFERRED),
    ],
)
def test_after_recipient(code: int, verdict: Verdict, fault: Fault) -> None:
    outcome = after_recipient(code, "5.1.1 words")
    assert (outcome.verdict, outcome.fault, outcome.reply) == (verdict, fault, f"{code} 5.1.1 words")


@pytest.mark.parametrize(
    ("code", "verdict", "fault"),
    [
        (250, Verdict.SENT, None),
        (251, Verdict.SENT, None),
        (554, Verdict.DEAD, Fault.MESSAGE_REFUSED),
        (452, Verdict.RETRY, Fault.DEFERRED),
        (-1, Verdict.UNCERTAIN, Fault.LOST_REPLY),
        (354, Verdict.UNCERTAIN, Fault.LOST_REPLY),
    ],
)
def test_after_message(code: int, verdict: Verdict, fault: Fault | None) -> None:
    outcome = after_message(code, "")
    assert (outcome.verdict, outcome.fault) == (verdict, fault)


def test_words__one_line_readable_and_short() -> None:
    assert words(550, "5.1.1 <a@b.fr>:\nUser\x00 unknown\x1b[31m \udc80") == "550 5.1.1 <a@b.fr>: User unknown [31m"
    assert len(words(550, "x" * 10_000)) == 500


def test_circuit__pauses_grow_then_are_forgotten() -> None:
    circuit, now = Circuit(), NOW
    lengths = []
    for _ in range(7):
        circuit.trip(RelayTrouble(RelayFault.DOWN, ""), now)
        circuit.trip(RelayTrouble(RelayFault.DOWN, "the same, seen by another connection"), now)
        assert circuit.pause
        assert circuit.is_open(now)
        lengths.append((circuit.pause.until - now).total_seconds())
        now = circuit.pause.until
        assert not circuit.is_open(now)
    assert lengths == [10, 20, 40, 80, 160, 300, 300]
    assert circuit.pause
    assert circuit.pause.since == NOW
    circuit.reset()
    assert circuit.pause is None


@pytest.mark.parametrize("fault", [RelayFault.LOGIN_REFUSED, RelayFault.SENDER_REFUSED])
def test_circuit__an_account_is_not_hammered(fault: RelayFault) -> None:
    circuit = Circuit()
    circuit.trip(RelayTrouble(fault, "535 no"), NOW)
    assert circuit.is_open(NOW + timedelta(minutes=4))
    assert str(RelayTrouble(fault, "535 no")) == f"{fault.label} (535 no)"
