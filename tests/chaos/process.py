"""A process of the campaign: the real ``oda`` with its command line, forked from one that has imported everything.

Four things differ: all clocks, the database's and the machine's, are ``shift`` seconds ahead of what they say, and the
machine's own ``skew`` more; the schedule, the relay's pauses and the grace of a lease are shortened, so that a minute
of the campaign is worth ten; at a passage of a crash point it kills itself, or freezes.
"""

import os
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from notifications.outbox import queue
from notifications.ports import SystemClock
from tests.kit.forked_process import forked
from tests.kit.killed_process import kill_at
from tests.kit.worker_process import shift
from workflow import worker

TICK_SECONDS: Final = 2
GRACE: Final = timedelta(seconds=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=4)


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a process is to be: its words, where it logs, its clocks, the crash point that awaits it if any."""

    words: tuple[str, ...]
    log: Path
    shift: float
    skew: float = 0
    point: str = ""
    nth: int = 1
    by: signal.Signals = signal.SIGKILL


def begin(life: Life) -> BaseProcess:
    """A process at work."""
    return forked(_live, life)


def _live(life: Life) -> None:
    with life.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    shift(timedelta(seconds=life.shift))
    if life.skew:
        _skew(timedelta(seconds=life.skew))
    _hasten()
    if life.point:
        kill_at(life.point, life.nth, life.by)
    from portal.cli.main import main

    sys.argv = ["oda", *life.words]
    main()


def _hasten() -> None:
    """Shorten, in this process, what a person would wait for."""
    worker.TICK_SECONDS = TICK_SECONDS
    queue.GRACE = GRACE  # type: ignore[misc]
    queue.FIRST_PAUSE, queue.LONGEST_PAUSE = FIRST_PAUSE, LONGEST_PAUSE  # type: ignore[misc]


def _skew(by: timedelta) -> None:
    """From now on this machine's own clock is that far ahead of the others."""
    own = SystemClock.now
    SystemClock.now = lambda self: own(self) + by  # type: ignore[method-assign]
