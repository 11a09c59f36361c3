"""The place from which the person of this call acts, and the security journal's lines for the system's log (R108).

The origin belongs to a request of the portal: a web server sets it once, and whatever is recorded for the request finds
it, without each service having to pass it on. A command and the schedule have none. The addresses kept of it stand
apart from the chains, for a time.

A line is written after the commit, never in its way. It holds codes and numbers: no name, no mail address, no secret.
Its receiver is set by ``security_log``.
"""

import json
import logging
import logging.handlers
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select

from states.decision import Scalar
from workflow.database.journal_tables import SECURITY_ADDRESSES

MOST_NETWORKS: Final = 20
"""Networks kept of one event of refused tries, those of most tries first: a crowd of them fills no table."""

LONGEST_BROWSER: Final = 100
"""Characters of a browser's description."""

LOGGER: Final = logging.getLogger("oda.security")

SYSTEM_LOG: Final = "/dev/log"
"""The socket of syslog and of journald."""

_TAG: Final = "oda-security: "

_log: Final = logging.getLogger("oda")


@dataclass(frozen=True, slots=True)
class Origin:
    """The network address, as it is counted (R74), and the browser in a few words; ``times`` of refused tries."""

    network: str
    browser: str = ""
    times: int = 1


_origin: Final[ContextVar[Origin | None]] = ContextVar("origin", default=None)


@contextmanager
def coming_from(origin: Origin | None) -> Iterator[None]:
    """Let what is recorded meanwhile know where its person is."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> Origin | None:
    """Return where the person of this call is; None for a command, the schedule, an unknown address."""
    return _origin.get()


def keep_origins(connection: Connection, stream: str, seq: int, origins: Iterable[Origin], at: datetime) -> None:
    """Keep where an event came from, beside it."""
    worst_first = sorted(origins, key=lambda origin: (-origin.times, origin.network))[:MOST_NETWORKS]
    rows = [
        {
            "stream": stream, "seq": seq, "rank": rank, "network": origin.network,
            "browser": origin.browser[:LONGEST_BROWSER], "times": origin.times, "at": at,
        }
        for rank, origin in enumerate(worst_first, start=1)
    ]  # fmt: skip
    if rows:
        connection.execute(insert(SECURITY_ADDRESSES), rows)


def delete_old_origins(connection: Connection, before: datetime) -> int:
    """Erase what is kept of the events before this instant; return how many addresses."""
    return connection.execute(delete(SECURITY_ADDRESSES).where(SECURITY_ADDRESSES.c.at < before)).rowcount


def count_old_origins(connection: Connection, before: datetime) -> int:
    """Count the addresses that would go."""
    query = select(func.count()).select_from(SECURITY_ADDRESSES).where(SECURITY_ADDRESSES.c.at < before)
    return int(connection.execute(query).scalar_one())


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
