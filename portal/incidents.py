"""Unexpected errors: a number for the person, the place for the log, the exception's text for neither."""

import logging
import os
import sys
import traceback

from notifications.incidents import cause_of, incident_number
from workflow.journal.stream import write_line

_log = logging.getLogger("oda")


def log_incident(error: BaseException) -> str:
    """Log the incident and return its number.

    An exception's text can hold a code, an address or a password, so only its class and its place are logged;
    ``ODA_DEBUG=1`` writes the whole traceback on the error output for who debugs with test data.
    """
    cause = cause_of(error)
    number = incident_number(cause)
    if os.environ.get("ODA_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    _log.error("incident %s : %s", number, cause)
    write_line("incident", "failed", incident=number)
    return number
