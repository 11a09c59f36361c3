"""A machine of several: ``python -m tests.kit.worker_process CONFIG NAME SHIFT BATCH POINT NTH SIGNAL``.

It is ``oda worker`` itself, on the database of that configuration, with the database's own clock. Four things differ:
the machine has a NAME, its schedule passes every second, the end of a year revokes BATCH requests a transaction, and
all clocks, the database's and the machine's, are SHIFT seconds ahead of what they say. At the NTH passage of the crash
point POINT it sends itself that SIGNAL; ``-`` names no point.
"""

import logging
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from notifications.ports import SystemClock
from tests.kit.killed_process import kill_at
from workflow import worker as service
from workflow.app import bootstrap
from workflow.database import clock as clocks
from workflow.settings.loader import load_settings
from workflow.worker import Worker
from workflow.year_end import service as year_end

TICK_SECONDS: Final = 1


def shift(by: timedelta) -> None:
    """From now on, in this process, every clock is that far ahead."""
    real_database, real_own = clocks.now_in, SystemClock.now

    def database(connection: Connection) -> object:
        return real_database(connection) + by

    clocks.now_in = database  # type: ignore[assignment]
    SystemClock.now = lambda self: real_own(self) + by  # type: ignore[method-assign]


def main() -> None:
    config, name, seconds, batch, point, nth, number = sys.argv[1:]
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    shift(timedelta(seconds=float(seconds)))
    service.TICK_SECONDS = TICK_SECONDS
    year_end.BATCH = int(batch)
    app = bootstrap(load_settings(Path(config)), {}, machine=name)
    if point != "-":
        kill_at(point, int(nth), signal.Signals[number])
    Worker(app).run()
    app.close()


if __name__ == "__main__":
    main()
