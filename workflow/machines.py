"""The machines that share one database, and the one whose clock is off, which stops acting by itself (R82)."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from notifications.mailer import Mailer
from states import french
from states.actors import Actor
from states.case import Scalar
from workflow import installation
from workflow.clocks import DatabaseClock, Reading
from workflow.engine import Engine
from workflow.foresight import NODE

LIMIT: Final = timedelta(seconds=60)
"""How far from the database's a machine's clock may be."""
FORGOTTEN: Final = timedelta(days=30)
"""How long a machine that is not heard of stays listed: those of containers come and go."""


class Machines:
    """Says before each tick whether this machine may act, and keeps what the others are told of it.

    Everything that is decided is judged by the database's clock wherever it runs; a machine that disagrees with it
    abstains all the same, for nobody knows which of the two is wrong.
    """

    def __init__(self, engine: Engine, mailer: Mailer, clock: DatabaseClock) -> None:
        self._engine, self._mailer, self._clock = engine, mailer, clock

    def refused(self, actor: Actor, host: str) -> timedelta | None:
        """How far off this machine's clock is when that forbids it to act, positive when it is fast; else None.

        Raises DatabaseUnreachable, DatabaseBusy.
        """
        reading = self._clock.refresh()
        is_off = abs(reading.skew) - reading.doubt > LIMIT
        with self._engine.database.write() as connection:
            installation.lock(connection)
            self._keep(connection, actor, host, reading, is_off=is_off)
        return reading.skew if is_off else None

    def _keep(self, connection: Connection, actor: Actor, host: str, reading: Reading, *, is_off: bool) -> None:
        now, skew = self._clock.now(), round(reading.skew.total_seconds(), 3)
        known = connection.execute(select(NODE).where(NODE.c.host == host)).one_or_none()
        since = known.refused_at if known else None
        values: dict[str, Any] = {"skew_seconds": skew, "heard_at": now}
        if is_off and since is None:
            self._tell(connection, actor, host, reading.skew, now)
            values |= {"refused_at": now}
        elif since and not is_off:
            self._record(connection, "clock_agreed", actor, host, reading.skew, now)
            values |= {"refused_at": None}
        if known:
            connection.execute(update(NODE).where(NODE.c.host == host).values(values))
        else:
            born = connection.execute(select(installation.INSTALLED.c.created_at)).scalar_one()
            connection.execute(insert(NODE), [{"host": host, "seen_at": born, **values}])

    def _tell(self, connection: Connection, actor: Actor, host: str, skew: timedelta, now: datetime) -> None:
        """The beginning of an episode: an event, and a mail to the operators."""
        self._record(connection, "clock_refused", actor, host, skew, now)
        self._mailer.enqueue(connection, [self._mailer.clock_alert(host, skew, now)], now)

    def _record(
        self, connection: Connection, kind: str, actor: Actor, host: str, skew: timedelta, now: datetime
    ) -> None:
        data: dict[str, Scalar] = {"machine": host, "skew_seconds": round(skew.total_seconds())}
        installation.record(connection, self._engine.notary, kind, actor, now, data)


def gap_words(skew: timedelta) -> str:
    """``avance de 3 minutes``, ``retarde de 90 secondes``."""
    return f"{'avance' if skew > timedelta(0) else 'retarde'} de {french.span(abs(skew))}"


def refusal(skew: timedelta) -> str:
    """What this machine says when it abstains, in French."""
    limit = french.plural(LIMIT // timedelta(seconds=1), "seconde")
    return (
        f"L'horloge de cette machine {gap_words(skew)} sur celle de la base : l'échéancier ne passe pas ici tant"
        f" qu'elles ne s'accordent pas à {limit} près (R82)."
    )


def forget_silent(connection: Connection, now: datetime) -> None:
    """Forget the machines not heard of for a month; the caller has just left its own trace of life (R52)."""
    latest = func.coalesce(NODE.c.heard_at, NODE.c.seen_at)
    connection.execute(delete(NODE).where(latest < now - FORGOTTEN, NODE.c.seen_at < now - FORGOTTEN))
