"""The relay's pause, kept in the database so that all senders, on every machine, wait together (R70)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, or_, select, update

from notifications.outbox.tables import PAUSE
from notifications.sql import insert_new
from notifications.vocabulary import RelayFault

FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=5)
REFUSALS: Final = (RelayFault.LOGIN_REFUSED, RelayFault.SENDER_REFUSED, RelayFault.RELAY_DENIED)
"""The relay is well and refuses us: only a person can mend it, and asking often may lock the account."""

_COLUMNS: Final = tuple(PAUSE.c[name] for name in ("fault", "reply", "since", "until", "lasts_seconds"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """The relay's trouble, its words, since when, and when it is tried again; ``lasts`` from trip to trial."""

    fault: RelayFault
    reply: str
    since: datetime
    until: datetime
    lasts: timedelta

    def _columns(self) -> dict[str, object]:
        return {
            "fault": self.fault.value,
            "reply": self.reply,
            "since": self.since,
            "until": self.until,
            "lasts_seconds": int(self.lasts.total_seconds()),
        }


def load_pause(connection: Connection, *, lock: bool = False) -> Pause | None:
    """Read the pause that all senders share; it may be time to try again. None while the relay takes mails."""
    query = select(*_COLUMNS)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    fault, reply, since, until, lasts = row
    return Pause(fault=RelayFault.of(fault), reply=reply, since=since, until=until, lasts=timedelta(seconds=lasts))


def trip(connection: Connection, fault: RelayFault, reply: str, now: datetime) -> tuple[Pause, bool]:
    """Make all senders wait (R70): 10 s, then twice as long each time up to 5 min; 5 min at once when we are refused.

    A pause that is not over stays as it is: those who notice together count once. The bool is True when the trouble is
    new (none was known, or another), so that it is reported once. ``reply`` is the server's words, on one line.
    """
    lasts = LONGEST_PAUSE if fault in REFUSALS else FIRST_PAUSE
    first = Pause(fault=fault, reply=reply, since=now, until=now + lasts, lasts=lasts)
    insert = insert_new(connection, PAUSE).values(id=1, **first._columns()).returning(PAUSE.c.id)
    while not connection.execute(insert).first():
        earlier = load_pause(connection, lock=True)
        if earlier is None:  # lifted meanwhile by another node
            continue
        if now < earlier.until:
            return earlier, False
        if fault not in REFUSALS and earlier.fault not in REFUSALS:  # else a relay that is down is tried again soon
            lasts = min(2 * earlier.lasts, LONGEST_PAUSE)
        following = Pause(fault=fault, reply=reply, since=earlier.since, until=now + lasts, lasts=lasts)
        connection.execute(update(PAUSE).values(following._columns()))
        return following, fault is not earlier.fault
    return first, True


def lift_future(connection: Connection, now: datetime) -> bool:
    """End a pause that no clock of today made: it began later, or lasts longer than any (R52)."""
    is_void = or_(PAUSE.c.since > now, PAUSE.c.until > now + LONGEST_PAUSE)
    return connection.execute(delete(PAUSE).where(is_void)).rowcount > 0


def lift(connection: Connection) -> bool:
    """End the pause: the relay takes mails again. Returns True when there was one."""
    return connection.execute(delete(PAUSE)).rowcount > 0
