"""Whose fault a refusal is: read from the command, the code and the enhanced status code, never from the words.

The words quote addresses and host names, and each server has its own. RFC 3463: X.1.1 to X.1.6 and X.2.x speak of the
recipient, X.7.x of a policy, X.3.x and X.4.x of the system and the network. Postfix says at RCPT what it has against
the client, the greeting or the sender (``smtpd_delay_reject``), Exchange after the message that the sender may not. A
refusal that does not name the recipient or the message is therefore *disputed*: of this mail alone, or of all. What
happens to other mails decides (R58, R70).
"""

import re
from enum import Enum, StrEnum
from typing import Final

from notifications.vocabulary import Fault, RelayFault


class Command(StrEnum):
    """The commands that name one mail; END is the point after the message."""

    RCPT = "RCPT"
    DATA = "DATA"
    END = "END"


class Blame(Enum):
    """At whom a refusal is aimed; DISPUTED: at this mail alone or at all of ours, the answer alone cannot tell."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    DISPUTED = "disputed"


ASKS_LOGIN: Final = (530, 535, 538)
"""The replies by which a relay asks us to log in."""
SUSPECTS: Final = 3
"""So many different recipients refused by one answer in a row, none accepted between: it is the relay's (R70)."""

_STATUS: Final = re.compile(r"\s*#?[245]\.(\d{1,3})\.(\d{1,3})(?!\d)")
_PROTOCOL: Final = (500, 501, 502, 503, 504)
"""A relay or a proxy answers these when it is out of step, Postfix to a greeting that it dislikes: never final."""
_DROPPED: Final = "dropped"
_OF_SENDER: Final = ("1.7", "1.8", "2.252", "7.60")
"""Enhanced codes against the sender's address; the last two are Exchange's, « may not send as »."""
_NO_STATUS: Final = {551: Blame.RECIPIENT, 552: Blame.MESSAGE, 556: Blame.RECIPIENT}
"""What a code means that comes without an enhanced one; 552 at RCPT is a full mailbox."""


def status_of(text: str) -> tuple[int, int] | None:
    """Read the enhanced status code that begins a reply's text, without its class: (7, 1) for ``5.7.1``."""
    match = _STATUS.match(text)
    return (int(match[1]), int(match[2])) if match else None


def blame(command: Command, code: int, text: str) -> Blame:
    """Judge a refusal by its codes."""
    match status_of(text):
        case None:
            judged = _NO_STATUS.get(code, Blame.DISPUTED)
            return Blame.RECIPIENT if judged is Blame.MESSAGE and command is Command.RCPT else judged
        case (1, 1 | 2 | 3 | 4 | 5 | 6 | 10):
            return Blame.RECIPIENT
        case (2, detail) if detail < 100:  # Exchange numbers faults of the sender from 5.2.250 on
            return Blame.RECIPIENT
        case (3, 4) | (6, _):
            return Blame.MESSAGE
    return Blame.DISPUTED


def is_final(code: int) -> bool:
    """Return True for a refusal that asking again does not change."""
    return 500 <= code < 600 and code not in _PROTOCOL and code not in ASKS_LOGIN


def answer_of(command: Command, code: int, text: str) -> str:
    """Write command and codes, by which two refusals are the same: ``RCPT 554 5.7.1``."""
    status = status_of(text)
    return f"{command} {code}" + (f" {code // 100}.{status[0]}.{status[1]}" if status else "")


def dropped_at(command: Command) -> str:
    """Write the answer of a relay that cuts the connection instead of answering."""
    return f"{command} {_DROPPED}"


def own_fault(answer: str) -> Fault:
    """The fault of a mail, once a disputed answer is known to be aimed at it alone."""
    return Fault.RECIPIENT_REFUSED if answer.startswith(Command.RCPT) else Fault.MESSAGE_REFUSED


def relay_fault(answer: str) -> RelayFault:
    """The relay's trouble, once a disputed answer is known to be aimed at all mails."""
    _, code, *status = answer.split()
    if code == _DROPPED:
        return RelayFault.DOWN
    if int(code) in ASKS_LOGIN:
        return RelayFault.LOGIN_REFUSED
    if not 500 <= int(code) < 600:
        return RelayFault.BUSY
    of_sender = code == "553" or bool(status and status[0].partition(".")[2] in _OF_SENDER)
    return RelayFault.SENDER_REFUSED if of_sender else RelayFault.RELAY_DENIED


def suspects_needed(answer: str) -> int:
    """How many different recipients this answer must have refused, in a row, to be the relay's (R70)."""
    _, code, *_ = answer.split()
    return 1 if code != _DROPPED and int(code) in ASKS_LOGIN else SUSPECTS
