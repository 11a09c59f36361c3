"""Whose fault a refusal is: by command and codes, whatever the words say (R58, R70)."""

import pytest

from notifications.outbox.retry import (
    Blame,
    Command,
    SendOutcome,
    blame,
    classify_refusal,
    own_fault,
    relay_fault,
    suspects_needed,
)
from notifications.vocabulary import Fault, RelayFault

RCPT, DATA, END = Command
OURS, DENIED = RelayFault.SENDER_REFUSED, RelayFault.RELAY_DENIED


@pytest.mark.rule("R58")
@pytest.mark.parametrize(
    ("command", "reply", "aimed"),
    [
        (RCPT, "550 5.1.1 <relay.college@ac-toulouse.fr>: Recipient address rejected: Access denied", Blame.RECIPIENT),
        (RCPT, "550 5.1.1 relay.ac-toulouse.fr: user unknown, delivery refused", Blame.RECIPIENT),
        (RCPT, "501 5.1.3 Bad recipient address syntax", Blame.RECIPIENT),
        (RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", Blame.RECIPIENT),
        (RCPT, "450 4.2.0 Greylisted", Blame.RECIPIENT),
        (RCPT, "452 4.2.2 Mailbox full", Blame.RECIPIENT),
        (RCPT, "552 Mailbox full", Blame.RECIPIENT),
        (END, "550 5.2.1 Mailbox disabled", Blame.RECIPIENT),
        (END, "552 5.3.4 Message size exceeds fixed limit", Blame.MESSAGE),
        (END, "552 Message too big", Blame.MESSAGE),
        (END, "554 5.6.0 Content refused", Blame.MESSAGE),
        (RCPT, "550 User unknown", Blame.DISPUTED),
        (RCPT, "550 5.1.8 Sender address rejected: Domain not found", Blame.DISPUTED),
        (END, "554 5.2.252 SendAsDenied", Blame.DISPUTED),
        (RCPT, "550 5.4.1 Recipient address rejected: Access denied", Blame.DISPUTED),
        (RCPT, "554 words, then 5.1.1", Blame.DISPUTED),
    ],
)
def test_blame(command: Command, reply: str, aimed: Blame) -> None:
    code, _, text = reply.partition(" ")
    assert blame(command, int(code), text) is aimed


@pytest.mark.rule("R70")
@pytest.mark.parametrize(
    ("command", "reply", "answer", "trouble", "fault"),
    [
        (RCPT, "554 5.7.1 <h[10.0.0.5]>: Client host rejected: Access denied", "RCPT 554 5.7.1", DENIED, "disputed"),
        (RCPT, "553 5.7.1 <o@a.fr>: Sender address rejected: not owned by o", "RCPT 553 5.7.1", OURS, "disputed"),
        (RCPT, "504 5.5.2 <h>: Helo command rejected: need a name", "RCPT 504 5.5.2", DENIED, "deferred"),
        (RCPT, "450 4.7.1 Client host rejected: cannot find you", "RCPT 450 4.7.1", RelayFault.BUSY, "deferred"),
        (RCPT, "451 4.3.5 Server configuration error", "RCPT 451 4.3.5", RelayFault.BUSY, "deferred"),
        (RCPT, "530 5.7.0 Authentication required", "RCPT 530 5.7.0", RelayFault.LOGIN_REFUSED, "deferred"),
        (RCPT, "550 relay not permitted", "RCPT 550", DENIED, "disputed"),
        (DATA, "421 4.3.2 Closing", "DATA 421 4.3.2", RelayFault.BUSY, "deferred"),
        (END, "550 5.7.60 Client does not have permissions to send as this sender", "END 550 5.7.60", OURS, "disputed"),
        (END, "554 5.2.252 SendAsDenied", "END 554 5.2.252", OURS, "disputed"),
    ],
)  # fmt: skip
def test_disputed(command: Command, reply: str, answer: str, trouble: RelayFault, fault: str) -> None:
    code, _, text = reply.partition(" ")
    result = classify_refusal(int(code), text, command)
    assert (result.outcome, result.fault, result.answer) == (SendOutcome.RETRY, Fault(fault), answer)
    assert relay_fault(answer) is trouble
    assert suspects_needed(answer) == (1 if trouble is RelayFault.LOGIN_REFUSED else 3)


def test_own_fault__by_the_command() -> None:
    assert own_fault("RCPT 554 5.7.1") is Fault.RECIPIENT_REFUSED
    assert own_fault("END 550 5.7.1") is own_fault("DATA 554") is Fault.MESSAGE_REFUSED
