"""A machine of several, forked from a process that has imported everything (see ``tests.kit.forked_process``).

It is ``oda worker`` itself, on the database of its configuration, with the database's own clock. Five things differ:
the machine has a name, its schedule passes every second and its mails go out as often, the end of a year revokes so
many requests a transaction, the grace of a lease is short, and all clocks, the database's and the machine's, are
``shift`` seconds ahead of what they say. At a passage of a crash point it sends itself a signal.
"""

import logging
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from notifications.delivery import dispatcher
from notifications.outbox import queue
from notifications.ports import SystemClock
from tests.kit.killed_process import kill_at
from workflow import worker as service
from workflow.app import bootstrap
from workflow.database import clock as clocks
from workflow.settings.loader import load_settings
from workflow.worker import Worker
from workflow.year_end import service as year_end

TICK_SECONDS: Final = 1
GRACE: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a machine is: its settings, its name, its clocks, the crash point that awaits it if any."""

    config: Path
    name: str
    shift: float
    batch: int
    point: str
    nth: int
    by: signal.Signals


def shift(by: timedelta) -> None:
    """From now on, in this process, every clock is that far ahead."""
    real_database, real_own = clocks.now_in, SystemClock.now

    def database(connection: Connection) -> object:
        return real_database(connection) + by

    clocks.now_in = database  # type: ignore[assignment]
    SystemClock.now = lambda self: real_own(self) + by  # type: ignore[method-assign]


def run(machine: Machine) -> None:
    """What the process does."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    shift(timedelta(seconds=machine.shift))
    service.TICK_SECONDS = TICK_SECONDS
    dispatcher.POLL_SECONDS = TICK_SECONDS
    queue.GRACE = GRACE  # type: ignore[misc]
    year_end.BATCH = machine.batch
    app = bootstrap(load_settings(machine.config), {}, machine=machine.name)
    if machine.point:
        kill_at(machine.point, machine.nth, machine.by)
    Worker(app).run()
    app.close()
