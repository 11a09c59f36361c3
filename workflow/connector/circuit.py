"""A server that is down, or that refuses us, is asked once a minute, not once for each task (R84)."""

from datetime import datetime, timedelta

from workflow.connector.answers import Answer

REST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
"""How long a server is left alone: a minute, or as it asks up to an hour."""


class Circuit:
    """What this process knows of the server: nothing is asked before ``rests_until``, then one task alone, to see."""

    def __init__(self) -> None:
        self.rests_until: datetime | None = None
        self._is_sound = False

    def is_open(self, now: datetime) -> bool:
        """Whether the server is left alone for now."""
        return self.rests_until is not None and now < self.rests_until

    def width(self, most: int) -> int:
        """How many may be asked at once: one until an answer has come."""
        return most if self._is_sound else 1

    def learn(self, answer: Answer, now: datetime) -> None:
        """What this answer tells of the next ones."""
        self._is_sound = not answer.of_all
        if answer.of_all:
            until = now + min(LONGEST, max(REST, answer.after or REST))
            self.rests_until = max(until, self.rests_until or until)
        elif not self.is_open(now):
            self.rests_until = None
