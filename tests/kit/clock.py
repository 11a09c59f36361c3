"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """``now`` is what the test says, aware UTC."""

    def __init__(self, now: datetime) -> None:
        self.at = now.astimezone(UTC)

    def now(self) -> datetime:
        return self.at

    def set(self, now: datetime) -> None:
        self.at = now.astimezone(UTC)

    def advance(self, **delta: float) -> None:
        """Move by a timedelta's words: ``advance(days=1)``."""
        self.at += timedelta(**delta)
