"""The machines' signs of life, and the refusal of what people ask under a clock that they show to be absurd (R52)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from states import french
from states.refusals import Reason
from states.rules.schedule import FIRST_DAY, ClockFault, absurd_clock
from workflow.database.journal_tables import INSTALLED
from workflow.database.schedule_tables import CLOCK_HOLD, NODE


class ClockRefused(Exception):
    """An action of a person that an absurd clock refuses (R52); nothing has changed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reasons = (reason,)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldClock:
    """The clock's present trouble: since when and when last seen, by that clock itself.

    ``known_at``: the last sign of life before it.
    """

    fault: ClockFault
    held_at: datetime
    seen_at: datetime
    known_at: datetime


def last_heartbeat(connection: Connection, now: datetime | None = None) -> datetime:
    """The latest heartbeat of any node, else the instant of installation (R52).

    Ignore heartbeats later than ``now`` (left by a clock that was ahead, whose machine may be gone), unless there is
    no other; and those of before the software existed.
    """
    latest = select(func.max(NODE.c.seen_at)).where(NODE.c.seen_at >= FIRST_DAY)
    heartbeat: datetime | None = connection.execute(latest.where(NODE.c.seen_at <= now)).scalar() if now else None
    heartbeat = heartbeat or connection.execute(latest).scalar()
    if heartbeat:
        return heartbeat
    installed_at: datetime = connection.execute(select(INSTALLED.c.created_at)).scalar_one()
    return installed_at


def record_heartbeat(connection: Connection, host: str, now: datetime) -> None:
    """Record that this machine is alive (R52)."""
    changed = connection.execute(update(NODE).where(NODE.c.host == host).values(seen_at=now))
    if changed.rowcount == 0:
        connection.execute(insert(NODE), [{"host": host, "seen_at": now}])


def held_clock(connection: Connection) -> HeldClock | None:
    """The clock's trouble as the last tick left it; None when it was believed."""
    row = connection.execute(select(CLOCK_HOLD)).one_or_none()
    if row is None:
        return None
    return HeldClock(
        fault=ClockFault.of(row.fault), held_at=row.held_at, seen_at=row.seen_at, known_at=row.known_at
    )  # fmt: skip


def known_heartbeat(connection: Connection, now: datetime) -> datetime | None:
    """The last sign of life that was believed: that of before the clock's trouble, if it has one.

    None for an installation made under a clock of before the software, which says nothing of when it lived.
    """
    held = held_clock(connection)
    heartbeat = held.known_at if held else last_heartbeat(connection, now)
    return heartbeat if heartbeat >= FIRST_DAY else None


def refused_clock(connection: Connection, now: datetime) -> Reason | None:
    """The refusal of whatever a person asks under an absurd clock (R52); None under any other."""
    fault = absurd_clock(now, known_heartbeat(connection, now))
    if fault is None:
        return None
    remedy = "Remettre la machine à l'heure et vérifier sa synchronisation (NTP), puis recommencer."
    if fault is ClockFault.TOO_LATE:
        remedy += " Si cette date est la bonne, le dire par « oda clock confirm »."
    when = french.day(now.date())
    return Reason("clock_absurd", "R52", f"Le serveur n'est pas à l'heure ({when}) : {fault.label}", remedy)


def require_right_clock(connection: Connection, now: datetime) -> None:
    """Raise ClockRefused under an absurd clock (R52)."""
    if reason := refused_clock(connection, now):
        raise ClockRefused(reason)
