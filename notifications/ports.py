"""Protocols that the application implements, Clock and Transactions; the words of errors; crash points for tests.

An unexpected error is told in the log by a number, its class and its place, for its text may hold a secret.
"""

import secrets
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PLACES: Final = 4

SAME_S: Final = 60
"""Seconds in which one cause keeps its number, for the log tells it once."""

_last: dict[str, tuple[str, float]] = {}

_hook: Callable[[str], None] | None = None


class Clock(Protocol):
    """The only clock: every decision that depends on time takes ``now`` from it."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Transactions(Protocol):
    """A database, as transactions: each commits on leaving its block, and rolls back on an exception."""

    def write(self) -> AbstractContextManager["Connection"]:
        """Begin a write transaction; on SQLite it takes the writer's lock at once."""
        ...

    def read(self) -> AbstractContextManager["Connection"]:
        """Begin a read transaction."""
        ...

    @property
    def is_postgresql(self) -> bool: ...


class DatabaseTrouble(Exception):
    """The database does not serve now; the text says why in French, ``remedy`` what to do, and neither any secret.

    ``can_read``: what is stored can still be read.
    """

    remedy = ""
    can_read = False


class CodeLeaving(Exception):
    """A code has just begun to leave, or was just erased: whoever acts on it decides again, on what is now so."""


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


def words_of(error: Exception) -> str:
    """The words of an error in the log: why the database does not serve, else its number, its class and its place.

    Never its text, which may hold a code.
    """
    if isinstance(error, DatabaseTrouble):
        return str(error)
    cause = cause_of(error)
    return f"incident {incident_number(cause)} : {cause}"


def crash_point(name: str) -> None:
    """Mark a named place where a test may stop the process; in production, do nothing."""
    if _hook is not None:
        _hook(name)


def set_crash_hook(hook: Callable[[str], None] | None) -> None:
    """Set the function to call at each crash point; for tests alone."""
    global _hook
    _hook = hook
