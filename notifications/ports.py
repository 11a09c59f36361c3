"""What this room needs from whoever assembles the application, and the marks where a test may kill the process."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # reading the settings must not load SQLAlchemy
    from sqlalchemy import Connection


class Clock(Protocol):
    """The one clock: every decision that depends on time takes ``now`` from it."""

    def now(self) -> datetime:
        """The instant, aware UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Transactions(Protocol):
    """A database, as transactions: commit on leaving the block, roll back on an exception."""

    def write(self) -> AbstractContextManager["Connection"]:
        """A write transaction; on SQLite it takes the writer's lock at once."""
        ...

    def read(self) -> AbstractContextManager["Connection"]:
        """A read transaction."""
        ...

    @property
    def is_postgresql(self) -> bool: ...


_hook: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """A named place where the test kit may stop the process; in production, nothing."""
    if _hook is not None:
        _hook(name)


def set_crash_hook(hook: Callable[[str], None] | None) -> None:
    """For the test kit alone: what to call at each crash point."""
    global _hook
    _hook = hook
