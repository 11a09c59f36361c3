"""The result of one sending and the retry policy: plain values, decided without a network."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final
from zlib import crc32

from notifications.outbox.refusals import Blame, Command, answer_of, blame, is_final
from notifications.settings import MailSettings
from notifications.vocabulary import Fault
from states.characters import is_invisible

MAX_REPLY: Final = 500
"""The most characters of a server's reply that are kept."""
JITTER: Final = 0.25
"""By how much a wait may be longer: mails that a relay put off together do not come back all at once."""
UNREADABLE: Final = "réponse illisible"


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
        return max(self.delays) * (1 + JITTER)

    def delay(self, attempts: int, mail: int = 0) -> timedelta:
        """The wait after that many attempts, counted from 1; up to a quarter longer, by the mail's number."""
        spread = crc32(f"{mail}:{attempts}".encode()) / 2**32
        return self.delays[min(attempts, len(self.delays)) - 1] * (1 + JITTER * spread)


def format_reply(code: int, text: str) -> str:
    """Write a server's reply on one line, as kept and shown: ``550 5.1.1 User unknown``."""
    if not 200 <= code < 600:
        return UNREADABLE
    printable = "".join(" " if is_invisible(c) else c for c in f"{code} {text}" if not "\ud800" <= c <= "\udfff")
    return " ".join(printable.split())[:MAX_REPLY]


def classify_refusal(code: int, text: str, command: Command) -> SendResult:
    """Judge a reply that refuses a mail: by its codes, it is this mail's, or is disputed (R58, R70).

    Whatever answers DATA other than 354 is such a refusal, even 250: the relay has nothing of the message.
    """
    aimed, reply = blame(command, code, text), format_reply(code, text)
    if aimed is Blame.DISPUTED:
        fault = Fault.DISPUTED if is_final(code) else Fault.DEFERRED
        return SendResult(SendOutcome.RETRY, fault, reply, answer_of(command, code, text))
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
