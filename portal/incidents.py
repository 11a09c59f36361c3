"""Unexpected errors: a number for the person, the place for the log, the exception's text for neither."""

import logging
import os
import secrets
import sys
import traceback
from pathlib import Path

_log = logging.getLogger("oda")


_PLACES = 4


def _place(error: BaseException) -> str:
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    frames = [(name, line) for name, line in frames if not name.startswith("<frozen")]
    return " > ".join(f"{'/'.join(Path(name).parts[-2:])}:{line}" for name, line in frames[-_PLACES:])


def log_incident(error: BaseException) -> str:
    """Log the incident and return its number.

    An exception's text can hold a code, an address or a password, so only its class and its place are logged;
    ``ODA_DEBUG=1`` writes the whole traceback on the error output for who debugs with test data.
    """
    number = secrets.token_hex(4).upper()
    if os.environ.get("ODA_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    _log.error("incident %s : %s, %s", number, type(error).__qualname__, _place(error))
    return number
