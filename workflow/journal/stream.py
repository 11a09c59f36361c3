"""The security journal as JSON lines for the system's log: written after the commit, never in its way (R108).

A line holds codes and numbers: no name, no mail address, no secret. The receiver is set by ``security_log``.
"""

import json
import logging
import logging.handlers
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from states.decision import Scalar
from workflow.journal.origin import current_origin

LOGGER: Final = logging.getLogger("oda.security")

SYSTEM_LOG: Final = "/dev/log"
"""The socket of syslog and of journald."""

_TAG: Final = "oda-security: "

_log: Final = logging.getLogger("oda")


class JsonLine(logging.Formatter):
    """The JSON of a line alone: its receiver adds when and by which machine."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage()


class _Harmless(logging.Handler):
    """A receiver that cannot be written to is told in our own log, and stops nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (of logging)
        _log.error("security log: a line could not be written; the journal has it")


class ErrorOutput(_Harmless, logging.StreamHandler):  # type: ignore[type-arg]
    """The error output, which systemd and containers keep."""


class SystemLog(_Harmless, logging.handlers.SysLogHandler):
    """The system's log over its socket; a full or absent one is never waited for."""

    def __init__(self, address: str = SYSTEM_LOG) -> None:
        super().__init__(address=address, facility=logging.handlers.SysLogHandler.LOG_AUTH)
        self.ident = _TAG
        self.append_nul = False

    def _connect_unixsocket(self, address: str) -> None:
        super()._connect_unixsocket(address)  # type: ignore[misc]
        found: socket.socket = vars(self)["socket"]
        found.setblocking(False)


def open_stream(choice: str, address: str = SYSTEM_LOG) -> None:
    """Send the lines where the setting ``security_log`` says: ``none``, ``stderr`` or ``syslog``."""
    close_stream()
    if choice == "none":
        return
    handler = SystemLog(address) if choice == "syslog" else ErrorOutput(sys.stderr)
    handler.setFormatter(JsonLine())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def close_stream() -> None:
    """Send the lines nowhere."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        handler.close()
    LOGGER.propagate = False
    LOGGER.setLevel(logging.CRITICAL + 1)


close_stream()


def write_line(event: str, outcome: str, at: datetime | None = None, **facts: object) -> None:
    """Write one line; facts that are None are left out. It raises nothing."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    origin = current_origin()
    line: dict[str, Any] = {
        "at": (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"), "event": event,
        "outcome": outcome, "network": origin.network if origin else None, **facts,
    }  # fmt: skip
    text = json.dumps({name: value for name, value in line.items() if value is not None}, default=str)
    LOGGER.info("%s", text)


def write_event(kind: str, seq: int, actor: int, role: str, at: datetime, data: Mapping[str, Scalar]) -> None:
    """Write the line of an event of the installation's chain, by whose number it is found there."""
    outcome = "refused" if kind.endswith("_refused") else "done"
    write_line(kind, outcome, at, actor=actor, role=role, seq=seq, data=dict(data) or None)
