"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

import pytest

from notifications.ports import SystemClock


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


def replace_system_clock(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    """Have every command read this clock; the machine's counter, which would not explain its jumps, goes with it."""
    monkeypatch.setattr(SystemClock, "now", lambda _self: clock.now())
    monkeypatch.setattr("workflow.app.SystemClock", lambda: clock)  # on PostgreSQL the database's would judge instead
    monkeypatch.setattr("workflow.app.count_seconds", lambda: clock.now().timestamp())
    monkeypatch.setattr("workflow.app.boot_identity", lambda: None)
