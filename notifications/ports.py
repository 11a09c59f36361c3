"""Protocols that the application implements, Clock and Transactions; crash points for tests."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from notifications.incidents import cause_of, incident_number

if TYPE_CHECKING:  # reading the settings must not load SQLAlchemy
    from sqlalchemy import Connection


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


def words_of(error: Exception) -> str:
    """The words of an error in the log: why the database does not serve, else its number, its class and its place.

    Never its text, which may hold a code.
    """
    if isinstance(error, DatabaseTrouble):
        return str(error)
    cause = cause_of(error)
    return f"incident {incident_number(cause)} : {cause}"


_hook: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """Mark a named place where a test may stop the process; in production, do nothing."""
    if _hook is not None:
        _hook(name)


def set_crash_hook(hook: Callable[[str], None] | None) -> None:
    """Set the function to call at each crash point; for tests alone."""
    global _hook
    _hook = hook
