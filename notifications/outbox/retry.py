"""What came of one sending, and when to try again: plain values, decided without a network."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final
from zlib import crc32

from notifications.settings import MailSettings
from notifications.vocabulary import Fault

MAX_REPLY = 500


JITTER: Final = 0.25
"""By how much a wait may be longer: what a relay put off together does not come back all at once."""


UNREADABLE: Final = "réponse illisible"


PROTOCOL: Final = (500, 501, 502, 503, 504)
"""What a relay or a proxy answers when it has lost step: not a judgement on the mail."""


_DENIED: Final = re.compile(
    r"\brelay(?:ing)?\b.*\b(?:den|refus|prohibit|not (?:permit|allow))|\bunable to relay\b", re.I
)


class SendOutcome(Enum):
    """What a sending makes of its mail."""

    SENT = "sent"
    RETRY = "retry"
    UNCERTAIN = "uncertain"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What happened to one mail; ``reply`` holds the server's words, cut to 500 characters."""

    outcome: SendOutcome
    fault: Fault | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and how soon a mail is tried again; the last delay repeats itself."""

    max_attempts: int
    delays: tuple[timedelta, ...]
    retry_uncertain: bool

    @classmethod
    def of(cls, settings: MailSettings) -> "RetryRules":
        delays = tuple(timedelta(seconds=seconds) for seconds in settings.retry_after_seconds)
        return cls(settings.max_attempts, delays, settings.retry_uncertain)

    def doubt_allows(self, attempts: int) -> bool:
        """Whether a mail in doubt for the first time, after that many attempts, is sent again by itself."""
        return self.retry_uncertain and attempts < self.max_attempts

    def delay(self, attempts: int, mail: int = 0) -> timedelta:
        """How long to wait after that many attempts, counted from 1; up to a quarter longer, by the mail's number."""
        spread = crc32(f"{mail}:{attempts}".encode()) / 2**32
        return self.delays[min(attempts, len(self.delays)) - 1] * (1 + JITTER * spread)


def words(code: int, text: str) -> str:
    """A server's reply as kept and shown: ``550 5.1.1 User unknown``, on one line."""
    if not 200 <= code < 600:
        return UNREADABLE
    shown = "".join(c if c.isprintable() else " " for c in f"{code} {text}" if not "\ud800" <= c <= "\udfff")
    return " ".join(shown.split())[:MAX_REPLY]


def denies_relaying(code: int, text: str) -> bool:
    """Whether this refusal of a recipient is one of us: the relay takes no mail of ours for the outside (R70)."""
    return 500 <= code < 600 and bool(_DENIED.search(text))


def after_recipient(code: int, text: str) -> SendResult:
    """RCPT was refused: for good with 5xx, for now with 4xx and with what is no judgement on the recipient."""
    if 500 <= code < 600 and code not in PROTOCOL:
        return SendResult(SendOutcome.DEAD, Fault.RECIPIENT_REFUSED, words(code, text))
    return SendResult(SendOutcome.RETRY, Fault.DEFERRED, words(code, text))


def before_message(code: int, text: str) -> SendResult:
    """DATA was answered otherwise than by 354: the message has not been given, whatever the answer says."""
    if 500 <= code < 600 and code not in PROTOCOL:
        return SendResult(SendOutcome.DEAD, Fault.MESSAGE_REFUSED, words(code, text))
    return SendResult(SendOutcome.RETRY, Fault.DEFERRED, words(code, text))


def after_message(code: int, text: str) -> SendResult:
    """What the server answered to the message itself. An unreadable answer leaves us in doubt."""
    reply = words(code, text)
    if 200 <= code < 300:
        return SendResult(SendOutcome.SENT, reply=reply)
    if 400 <= code < 500 or code in PROTOCOL:
        return SendResult(SendOutcome.RETRY, Fault.DEFERRED, reply)
    if 500 <= code < 600:
        return SendResult(SendOutcome.DEAD, Fault.MESSAGE_REFUSED, reply)
    return SendResult(SendOutcome.UNCERTAIN, Fault.LOST_REPLY, reply)
