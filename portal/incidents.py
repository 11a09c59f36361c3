"""Unexpected errors: a number for the person, the place for the log, the exception's text for neither."""

import logging
import os
import secrets
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from workflow.journal.stream import write_line

_log = logging.getLogger("oda")


_PLACES = 4

SAME_S: Final = 60
"""Seconds in which one cause keeps its number, for the log tells it once."""

_last: dict[str, tuple[str, float]] = {}


def _place(error: BaseException) -> str:
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    frames = [(name, line) for name, line in frames if not name.startswith("<frozen")]
    return " > ".join(f"{'/'.join(Path(name).parts[-2:])}:{line}" for name, line in frames[-_PLACES:])


def log_incident(error: BaseException) -> str:
    """Log the incident and return its number.

    An exception's text can hold a code, an address or a password, so only its class and its place are logged;
    ``ODA_DEBUG=1`` writes the whole traceback on the error output for who debugs with test data.
    """
    place = _place(error)
    cause, now = f"{type(error).__qualname__}, {place}", time.monotonic()
    number, since = _last.get(cause, ("", 0.0))
    if not number or now - since >= SAME_S:
        number = secrets.token_hex(4).upper()
        _last[cause] = number, now
    if os.environ.get("ODA_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    _log.error("incident %s : %s, %s", number, type(error).__qualname__, place)
    write_line("incident", "failed", incident=number)
    return number
