"""The words of an unexpected error in the log: a number, its class and its place, for its text may hold a secret."""

import secrets
import time
import traceback
from pathlib import Path
from typing import Final

_PLACES: Final = 4

SAME_S: Final = 60
"""Seconds in which one cause keeps its number, for the log tells it once."""

_last: dict[str, tuple[str, float]] = {}


def cause_of(error: BaseException) -> str:
    """``KeyError, schedule/tick.py:12 > auth/actors.py:40``: the class of an error, and where it came through."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    frames = [(name, line) for name, line in frames if not name.startswith("<frozen")]
    place = " > ".join(f"{'/'.join(Path(name).parts[-2:])}:{line}" for name, line in frames[-_PLACES:])
    return f"{type(error).__qualname__}, {place}"


def incident_number(cause: str) -> str:
    """Return the number to quote for this cause, the same for a minute."""
    now = time.monotonic()
    number, since = _last.get(cause, ("", 0.0))
    if not number or now - since >= SAME_S:
        number = secrets.token_hex(4).upper()
        _last[cause] = number, now
    return number
