"""When the relay is in trouble, everybody waits a while: no mail pays for it with an attempt."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifications.smtp import RelayTrouble
from notifications.vocabulary import RelayFault

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pause:
    """What the relay suffers from, its words, since when, and when it is tried again."""

    fault: RelayFault
    reply: str
    since: datetime
    until: datetime


@dataclass(slots=True)
class Circuit:
    """Pauses of 10 s, doubled up to 5 min; 5 min at once when login or sender are refused, lest an account locks."""

    pause: Pause | None = None
    _length: timedelta = field(default=FIRST_PAUSE)

    def is_open(self, now: datetime) -> bool:
        """Whether nothing is to be sent yet."""
        return self.pause is not None and now < self.pause.until

    def trip(self, trouble: RelayTrouble, now: datetime) -> bool:
        """The relay is in trouble; connections that notice it together count once. False when it was known."""
        if self.is_open(now):
            return False
        patient = trouble.fault in (RelayFault.LOGIN_REFUSED, RelayFault.SENDER_REFUSED)
        length = LONGEST_PAUSE if patient else self._length
        since = self.pause.since if self.pause else now
        self.pause = Pause(trouble.fault, trouble.reply, since, now + length)
        self._length = min(2 * self._length, LONGEST_PAUSE)
        return True

    def reset(self) -> None:
        """The relay spoke to a mail: it is well again."""
        self.pause, self._length = None, FIRST_PAUSE
