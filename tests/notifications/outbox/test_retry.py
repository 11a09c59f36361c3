"""What came of a sending, decided without a network."""

from datetime import timedelta

import pytest

from notifications.delivery.smtp import RelayTrouble
from notifications.outbox.retry import Command, RetryRules, SendOutcome, classify_refusal, classify_reply, format_reply
from notifications.vocabulary import Fault, RelayFault
from tests.notifications.office import mail_settings


def test_retry_rules__the_last_delay_repeats() -> None:
    rules = RetryRules.of(mail_settings(25, retry_after_seconds=(60, 300)))
    for attempts, base in ((1, 60), (2, 300), (3, 300), (9, 300)):
        assert base <= rules.delay(attempts).total_seconds() <= base * 1.25


@pytest.mark.parametrize(
    ("code", "outcome", "fault"),
    [
        (250, SendOutcome.SENT, None),
        (251, SendOutcome.SENT, None),
        (552, SendOutcome.DEAD, Fault.MESSAGE_REFUSED),
        (554, SendOutcome.RETRY, Fault.DISPUTED),
        (452, SendOutcome.RETRY, Fault.DEFERRED),
        (-1, SendOutcome.UNCERTAIN, Fault.LOST_REPLY),
        (354, SendOutcome.UNCERTAIN, Fault.LOST_REPLY),
    ],
)
def test_classify_reply(code: int, outcome: SendOutcome, fault: Fault | None) -> None:
    result = classify_reply(code, "")
    assert (result.outcome, result.fault) == (outcome, fault)


def test_format_reply__one_line_readable_and_short() -> None:
    assert (
        format_reply(550, "5.1.1 <a@b.fr>:\nUser\x00 unknown\x1b[31m \udc80") == "550 5.1.1 <a@b.fr>: User unknown [31m"
    )
    assert len(format_reply(550, "x" * 10_000)) == 500


def test_trouble__says_the_relays_words() -> None:
    assert str(RelayTrouble(RelayFault.LOGIN_REFUSED, "535 no")) == f"{RelayFault.LOGIN_REFUSED.label} (535 no)"


def test_delay__spread_by_the_mails_number_and_never_shorter() -> None:
    rules = RetryRules(8, (timedelta(seconds=60),), retry_uncertain=True)
    delays = {rules.delay(1, mail).total_seconds() for mail in range(1, 300)}
    assert min(delays) >= 60
    assert max(delays) <= 75
    assert len(delays) > 290
    assert rules.delay(1, 7) == rules.delay(1, 7)


@pytest.mark.parametrize("code", [250, 252, 299])
def test_classify_refusal__no_answer_but_354_means_that_it_left(code: int) -> None:
    assert classify_refusal(code, "Ok", Command.DATA).outcome is SendOutcome.RETRY


def test_retry_rules__a_mail_is_given_up_after_days_and_attempts() -> None:
    rules = RetryRules.of(mail_settings(25, max_attempts=8, give_up_days=5))
    day = timedelta(days=1)
    assert [rules.has_failed(*tried) for tried in ((40, 4.9 * day), (7, 6 * day), (8, 5 * day))] == [False, False, True]
