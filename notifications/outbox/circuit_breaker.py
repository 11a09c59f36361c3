"""The relay's pause, kept in the database so that all who send, on every machine, wait together (R70)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from notifications.outbox.tables import PAUSE
from notifications.vocabulary import RelayFault

FIRST_PAUSE: Final = timedelta(seconds=10)


LONGEST_PAUSE: Final = timedelta(minutes=5)


REFUSALS: Final = (RelayFault.LOGIN_REFUSED, RelayFault.SENDER_REFUSED, RelayFault.RELAY_DENIED)
"""The relay is well and refuses us: it takes a person, and asking often may lock the account."""


_ONLY: Final = 1


_COLUMNS: Final = tuple(PAUSE.c[name] for name in ("fault", "reply", "since", "until", "lasts_seconds"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """What the relay suffers from, its words, since when, and when it is tried again; ``lasts`` from trip to trial."""

    fault: RelayFault
    reply: str
    since: datetime
    until: datetime
    lasts: timedelta


def stored(connection: Connection) -> Pause | None:
    """What the relay suffers from as all who send know it; it may be time to try again. None while it takes mails."""
    return _read(connection)


def trip(connection: Connection, fault: RelayFault, reply: str, now: datetime) -> tuple[Pause, bool]:
    """Everybody waits (R70): 10 s, then twice as long each time up to 5 min; 5 min at once when we are refused.

    A pause that is not over stays as it is: those who notice together count once. The bool tells whether the trouble
    is new — none was known, or another — so that it is told once. ``reply`` is the server's words, on one line.
    """
    first = _first(fault, reply, now)
    while not _inserted(connection, first):
        earlier = _read(connection, lock=True)
        if earlier is None:  # lifted meanwhile by another node
            continue
        if now < earlier.until:
            return earlier, False
        following = _following(earlier, fault, reply, now)
        connection.execute(update(PAUSE).values(_stored(following)))
        return following, fault is not earlier.fault
    return first, True


def lift(connection: Connection) -> bool:
    """The relay takes mails again; whether a pause was there."""
    return connection.execute(delete(PAUSE)).rowcount > 0


def _first(fault: RelayFault, reply: str, now: datetime) -> Pause:
    lasts = LONGEST_PAUSE if fault in REFUSALS else FIRST_PAUSE
    return Pause(fault=fault, reply=reply, since=now, until=now + lasts, lasts=lasts)


def _following(earlier: Pause, fault: RelayFault, reply: str, now: datetime) -> Pause:
    """The trouble lasts. After a refusal, a relay that is merely down is tried again soon."""
    lasts = min(2 * earlier.lasts, LONGEST_PAUSE) if earlier.fault not in REFUSALS else FIRST_PAUSE
    lasts = LONGEST_PAUSE if fault in REFUSALS else lasts
    return Pause(fault=fault, reply=reply, since=earlier.since, until=now + lasts, lasts=lasts)


def _inserted(connection: Connection, pause: Pause) -> bool:
    """Whether there was no pause. On PostgreSQL this awaits whoever else is writing one."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(PAUSE).values(id=_ONLY, **_stored(pause)).on_conflict_do_nothing().returning(PAUSE.c.id)
    return connection.execute(statement).first() is not None


def _read(connection: Connection, *, lock: bool = False) -> Pause | None:
    query = select(*_COLUMNS)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    fault, reply, since, until, lasts = row
    return Pause(fault=RelayFault.of(fault), reply=reply, since=since, until=until, lasts=timedelta(seconds=lasts))


def _stored(pause: Pause) -> dict[str, object]:
    return {
        "fault": pause.fault.value,
        "reply": pause.reply,
        "since": pause.since,
        "until": pause.until,
        "lasts_seconds": int(pause.lasts.total_seconds()),
    }
