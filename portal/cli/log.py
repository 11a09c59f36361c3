"""One cause is one line a minute in the log, with how often it came: no stranger and no full disk fills it (R87)."""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from states.french import plural

EVERY_S: Final = 60

MOST_CAUSES: Final = 500
"""Causes remembered; beyond, all of them share one line a minute."""

_VARYING: Final = re.compile(r"[0-9A-F]{8}|\d+")


@dataclass(slots=True)
class _Cause:
    since: float
    again: int = 0


class OncePerMinute(logging.Filter):
    """Drops a line whose cause was written less than a minute ago; the next one tells how many were dropped.

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
                self._causes = {name: cause for name, cause in self._causes.items() if now - cause.since < EVERY_S}
                key = key if key in self._causes or len(self._causes) < MOST_CAUSES else ""
            cause = self._causes.get(key)
            if cause and now - cause.since < EVERY_S:
                cause.again += 1
                return False
            self._causes[key] = _Cause(now)
        if cause and cause.again:
            record.again = f" (et {plural(cause.again, 'fois', 'fois')} depuis la dernière ligne)"
        return True
