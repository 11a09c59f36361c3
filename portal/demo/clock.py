"""The demonstration's clock: set by the story, then running, and moved forward by whoever looks."""

import time
from datetime import UTC, datetime, timedelta


class DemoClock:
    """Stands still until ``run``; then runs as time does, from wherever it is set."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)
        self._since: float | None = None

    def now(self) -> datetime:
        at, since = self._at, self._since
        return at if since is None else at + timedelta(seconds=time.monotonic() - since)

    def set(self, at: datetime) -> None:
        """Go to this instant."""
        self._at = at.astimezone(UTC)
        if self._since is not None:
            self._since = time.monotonic()

    def run(self) -> None:
        """Let time pass from now on."""
        self._since = time.monotonic()
