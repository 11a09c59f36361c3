"""One cause is one line a minute in the log, then one in ten: no stranger and no full disk fills it (R87)."""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from states.french import plural

EVERY_S: Final = 60

LASTING: Final = 10
"""Lines of a cause that lasts; from then on it is told less often."""

LASTING_S: Final = 600

MOST_CAUSES: Final = 500
"""Causes remembered; beyond, all of them share one line a minute."""

_VARYING: Final = re.compile(r"[0-9A-F]{8}|\d+")


@dataclass(slots=True)
class _Cause:
    since: float
    seen: float
    again: int = 0
    lines: int = 1

    @property
    def every(self) -> int:
        """Seconds between two of its lines."""
        return EVERY_S if self.lines < LASTING else LASTING_S


class OncePerMinute(logging.Filter):
    """Drops a line whose cause was written less than a minute ago; the next one tells how many were dropped.

    A cause that lasts for ten minutes is then told every ten.

    The cause is the logger, and the first line without its numbers. What was done well is never dropped.
    """

    def __init__(self, count: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._count = count
        self._causes: dict[str, _Cause] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a line to drop."""
        if record.levelno < logging.WARNING:
            return True
        first_line = record.getMessage().partition("\n")[0]
        key, now = f"{record.name} {_VARYING.sub('#', first_line)}", self._count()
        with self._lock:
            if len(self._causes) >= MOST_CAUSES:
                self._causes = {name: cause for name, cause in self._causes.items() if now - cause.seen < EVERY_S}
                key = key if key in self._causes or len(self._causes) < MOST_CAUSES else ""
            cause = self._causes.get(key)
            lasts = cause is not None and now - cause.seen < 2 * EVERY_S
            if cause and now - cause.since < (cause.every if lasts else EVERY_S):
                cause.again, cause.seen = cause.again + 1, now
                return False
            self._causes[key] = _Cause(now, now, lines=cause.lines + 1 if cause and lasts else 1)
        if cause and cause.again:
            record.again = f" (et {plural(cause.again, 'fois', 'fois')} depuis la dernière ligne)"
        return True
