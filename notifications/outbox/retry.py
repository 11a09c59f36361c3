"""The result of one sending, and when a mail is tried again.

A refusal is judged by the command, the code and the enhanced status code, never by its words, which quote addresses and
host names and differ from server to server. RFC 3463: X.1.1 to X.1.6 and X.2.x speak of the recipient, X.7.x of a
policy, X.3.x and X.4.x of the system and the network. Postfix says at RCPT what it has against the client, the greeting
or the sender (``smtpd_delay_reject``), Exchange after the message that the sender may not. A refusal that does not name
the recipient or the message is therefore *disputed*: of this mail alone, or of all. What happens to other mails decides
(R58, R70).
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Final
from zlib import crc32

from notifications.settings import MailSettings
from notifications.vocabulary import Fault, RelayFault
from states.validation import is_invisible

_MAX_REPLY: Final = 500
"""The most characters of a server's reply that are kept."""

_JITTER: Final = 0.25
"""By how much a wait may be longer: mails that a relay put off together do not come back all at once."""

UNREADABLE: Final = "réponse illisible"

ASKS_LOGIN: Final = (530, 535, 538)
"""The replies by which a relay asks us to log in."""

_SUSPECTS: Final = 3
"""So many different recipients refused by one answer in a row, none accepted between: it is the relay's (R70)."""

_STATUS: Final = re.compile(r"\s*#?[245]\.(\d{1,3})\.(\d{1,3})(?!\d)")

_PROTOCOL: Final = (500, 501, 502, 503, 504)
"""A relay or a proxy answers these when it is out of step, Postfix to a greeting that it dislikes: never final."""

_DROPPED: Final = "dropped"

_OF_SENDER: Final = ("1.7", "1.8", "2.252", "7.60")
"""Enhanced codes against the sender's address; the last two are Exchange's, « may not send as »."""


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


class SendOutcome(Enum):
    """The outcomes of a sending: each is the mail's next stage, unless the retry policy says otherwise."""

    SENT = "sent"
    RETRY = "retry"
    UNCERTAIN = "uncertain"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one sending; ``reply`` holds the server's words, cut to 500 characters.

    ``answer`` is the command and the codes of a disputed refusal: of this mail alone or of all, others decide (R70).
    """

    outcome: SendOutcome
    fault: Fault | None = None
    reply: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """The retry policy: the delays between attempts, the last of which repeats itself, and when to give up.

    A mail is given up at an attempt that fails ``give_up_after`` its first failure, once it had ``max_attempts``.
    """

    max_attempts: int
    delays: tuple[timedelta, ...]
    retry_uncertain: bool
    give_up_after: timedelta = timedelta(0)

    @classmethod
    def of(cls, settings: MailSettings) -> "RetryRules":
        """Read the policy from the settings."""
        delays = tuple(timedelta(seconds=seconds) for seconds in settings.retry_after_seconds)
        return cls(settings.max_attempts, delays, settings.retry_uncertain, timedelta(days=settings.give_up_days))

    def has_failed(self, attempts: int, waited: timedelta) -> bool:
        """Return True when a mail has been tried long enough: so many attempts, ``waited`` since the first failure."""
        return attempts >= self.max_attempts and waited >= self.give_up_after

    @property
    def longest(self) -> timedelta:
        """The longest wait between two attempts."""
        return max(self.delays) * (1 + _JITTER)

    def delay(self, attempts: int, mail: int = 0) -> timedelta:
        """The wait after that many attempts, counted from 1; up to a quarter longer, by the mail's number."""
        spread = crc32(f"{mail}:{attempts}".encode()) / 2**32
        return self.delays[min(attempts, len(self.delays)) - 1] * (1 + _JITTER * spread)


_NO_STATUS: Final = {551: Blame.RECIPIENT, 552: Blame.MESSAGE, 556: Blame.RECIPIENT}
"""The meaning of a code that comes without an enhanced one; 552 at RCPT is a full mailbox."""


def blame(command: Command, code: int, text: str) -> Blame:
    """Judge a refusal by its codes."""
    match _status_of(text):
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
    """The number of different recipients that this answer must have refused, in a row, to be the relay's (R70)."""
    _, code, *_ = answer.split()
    return 1 if code != _DROPPED and int(code) in ASKS_LOGIN else _SUSPECTS


def format_reply(code: int, text: str) -> str:
    """Write a server's reply on one line, as kept and shown: ``550 5.1.1 User unknown``."""
    if not 200 <= code < 600:
        return UNREADABLE
    printable = "".join(" " if is_invisible(c) else c for c in f"{code} {text}" if not "\ud800" <= c <= "\udfff")
    return " ".join(printable.split())[:_MAX_REPLY]


def classify_refusal(code: int, text: str, command: Command) -> SendResult:
    """Judge a reply that refuses a mail: by its codes, it is this mail's, or is disputed (R58, R70).

    Whatever answers DATA other than 354 is such a refusal, even 250: the relay has nothing of the message.
    """
    aimed, reply = blame(command, code, text), format_reply(code, text)
    if aimed is Blame.DISPUTED:
        fault = Fault.DISPUTED if 500 <= code < 600 and code not in (*_PROTOCOL, *ASKS_LOGIN) else Fault.DEFERRED
        status = _status_of(text)
        answer = f"{command} {code}" + (f" {code // 100}.{status[0]}.{status[1]}" if status else "")
        return SendResult(SendOutcome.RETRY, fault, reply, answer)
    # An enhanced code tells what 501 does not: that the address is malformed, and will stay so.
    if 500 <= code < 600:
        fault = Fault.RECIPIENT_REFUSED if aimed is Blame.RECIPIENT else Fault.MESSAGE_REFUSED
        return SendResult(SendOutcome.DEAD, fault, reply)
    return SendResult(SendOutcome.RETRY, Fault.DEFERRED, reply)


def classify_reply(code: int, text: str) -> SendResult:
    """Judge the reply to the message itself; an unreadable one leaves us in doubt."""
    if 200 <= code < 300:
        return SendResult(SendOutcome.SENT, reply=format_reply(code, text))
    if 400 <= code < 600:
        return classify_refusal(code, text, Command.END)
    return SendResult(SendOutcome.UNCERTAIN, Fault.LOST_REPLY, format_reply(code, text))


def _status_of(text: str) -> tuple[int, int] | None:
    """Read the enhanced status code that begins a reply's text, without its class: (7, 1) for ``5.7.1``."""
    match = _STATUS.match(text)
    return (int(match[1]), int(match[2])) if match else None
