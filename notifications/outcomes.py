"""What came of one sending, and when to try again: plain values, decided without a network."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from notifications.settings import MailSettings
from notifications.vocabulary import Fault

MAX_REPLY = 500


class Verdict(Enum):
    """What a sending makes of its mail."""

    SENT = "sent"
    RETRY = "retry"
    UNCERTAIN = "uncertain"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one mail; ``reply`` holds the server's words, cut to 500 characters."""

    verdict: Verdict
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

    def delay(self, attempts: int) -> timedelta:
        """How long to wait after that many attempts, counted from 1."""
        return self.delays[min(attempts, len(self.delays)) - 1]


def words(code: int, text: str) -> str:
    """A server's reply as kept and shown: ``550 5.1.1 User unknown``, on one line."""
    shown = "".join(c if c.isprintable() else " " for c in f"{code} {text}" if not "\ud800" <= c <= "\udfff")
    return " ".join(shown.split())[:MAX_REPLY]


def after_recipient(code: int, text: str) -> Outcome:
    """RCPT was refused: for good with 5xx, for now with 4xx."""
    if 500 <= code < 600:
        return Outcome(Verdict.DEAD, Fault.RECIPIENT_REFUSED, words(code, text))
    return Outcome(Verdict.RETRY, Fault.DEFERRED, words(code, text))


def after_message(code: int, text: str) -> Outcome:
    """What the server answered to the message itself. An unreadable answer leaves us in doubt."""
    reply = words(code, text)
    if 200 <= code < 300:
        return Outcome(Verdict.SENT, reply=reply)
    if 500 <= code < 600:
        return Outcome(Verdict.DEAD, Fault.MESSAGE_REFUSED, reply)
    if 400 <= code < 500:
        return Outcome(Verdict.RETRY, Fault.DEFERRED, reply)
    return Outcome(Verdict.UNCERTAIN, Fault.LOST_REPLY, reply)
