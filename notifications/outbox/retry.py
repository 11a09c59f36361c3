"""The result of one sending and the retry policy: plain values, decided without a network."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final
from zlib import crc32

from notifications.settings import MailSettings
from notifications.vocabulary import Fault

MAX_REPLY: Final = 500
"""The most characters of a server's reply that are kept."""
JITTER: Final = 0.25
"""By how much a wait may be longer: mails that a relay put off together do not come back all at once."""
UNREADABLE: Final = "réponse illisible"

_PROTOCOL: Final = (500, 501, 502, 503, 504)
"""A relay or a proxy answers these when it is out of step: not a judgement on the mail."""
_DENIED: Final = re.compile(
    r"\brelay(?:ing)?\b.*\b(?:den|refus|prohibit|not (?:permit|allow))|\bunable to relay\b", re.I
)


class SendOutcome(Enum):
    """The outcomes of a sending: each is the mail's next stage, unless the retry policy says otherwise."""

    SENT = "sent"
    RETRY = "retry"
    UNCERTAIN = "uncertain"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one sending; ``reply`` holds the server's words, cut to 500 characters."""

    outcome: SendOutcome
    fault: Fault | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """The retry policy: most attempts, and the delays between them, the last of which repeats itself."""

    max_attempts: int
    delays: tuple[timedelta, ...]
    retry_uncertain: bool

    @classmethod
    def of(cls, settings: MailSettings) -> "RetryRules":
        """Read the policy from the settings."""
        delays = tuple(timedelta(seconds=seconds) for seconds in settings.retry_after_seconds)
        return cls(settings.max_attempts, delays, settings.retry_uncertain)

    def delay(self, attempts: int, mail: int = 0) -> timedelta:
        """The wait after that many attempts, counted from 1; up to a quarter longer, by the mail's number."""
        spread = crc32(f"{mail}:{attempts}".encode()) / 2**32
        return self.delays[min(attempts, len(self.delays)) - 1] * (1 + JITTER * spread)


def format_reply(code: int, text: str) -> str:
    """Write a server's reply on one line, as kept and shown: ``550 5.1.1 User unknown``."""
    if not 200 <= code < 600:
        return UNREADABLE
    printable = "".join(c if c.isprintable() else " " for c in f"{code} {text}" if not "\ud800" <= c <= "\udfff")
    return " ".join(printable.split())[:MAX_REPLY]


def denies_relaying(code: int, text: str) -> bool:
    """Return True when a recipient's refusal is one of us: the relay takes no mail of ours for the outside (R70)."""
    return 500 <= code < 600 and bool(_DENIED.search(text))


def classify_refusal(code: int, text: str, fault: Fault) -> SendResult:
    """Judge a reply that refuses a mail before it was given: final with 5xx, by ``fault``; else to be tried again.

    Whatever answers DATA other than 354 is such a refusal, even 250: the relay has nothing of the message.
    """
    if 500 <= code < 600 and code not in _PROTOCOL:
        return SendResult(SendOutcome.DEAD, fault, format_reply(code, text))
    return SendResult(SendOutcome.RETRY, Fault.DEFERRED, format_reply(code, text))


def classify_reply(code: int, text: str) -> SendResult:
    """Judge the reply to the message itself; an unreadable one leaves us in doubt."""
    if 200 <= code < 300:
        return SendResult(SendOutcome.SENT, reply=format_reply(code, text))
    if 400 <= code < 600:
        return classify_refusal(code, text, Fault.MESSAGE_REFUSED)
    return SendResult(SendOutcome.UNCERTAIN, Fault.LOST_REPLY, format_reply(code, text))
