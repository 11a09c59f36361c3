"""When the operators are told of what is late (R80), told again from the rules' text."""

from collections.abc import Iterator
from datetime import date, datetime, time

from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.calendars import DAY
from tests.acceptance.simulation.mails import Letter
from tests.acceptance.simulation.record import AT_THE_SCHOOL, Life, Record

HANDLED_IN, REMOVED_IN = 10, 15
"""Days: ``handling.expected_days`` and ``removals.late_after_days`` as they are by default."""


class Digests:
    """The days on which one was written."""

    def __init__(self, place: Place, record: Record) -> None:
        self.place, self.record = place, record
        self.days: set[date] = set()
        self._passed = date.min

    def judge(self, now: datetime, letters: list[Letter], end_is_held: bool, off: bool) -> list[str]:
        """``end_is_held``: a year's end waits for an operator; ``off``: a machine is stopped by its clock."""
        local, wrong = now.astimezone(self.place.zoneinfo), []
        today = local.date()
        allowed = self.place.almanac().worked(today) and local.hour >= 8
        if letters:
            if not allowed or len(letters) > 1 or today in self.days:
                wrong.append(f"{len(letters)} digests at {now}")
            if not (end_is_held or off or any(self._late(today, 0))):
                wrong.append(f"a digest at {now}, nothing being late: {letters[0].facts}")
            if any(letter.not_after > self.place.at(today + DAY, time()) for letter in letters):
                wrong.append(f"the digest of {now} may leave another day")
            self.days.add(today)
        elif allowed and self._passed != today and (end_is_held or any(self._late(today, 1))):
            wrong.append(f"no digest at {now}: {next(self._late(today, 1), 'held')}")
        if allowed:
            self._passed = today
        return wrong

    def _late(self, today: date, margin: int) -> Iterator[Life]:
        """What is late by as many days more than it takes."""
        for life in self.record.live.values():
            if self._waited(life, today) > self._patience(life) + margin or life.to_settle(today - margin * DAY):
                yield life
        if not margin:  # a report of a request that is no more may be said late or not: the rule is silent
            yield from (life for life in self.record.lives.values() if life.to_settle(today))
        for life in self.record.to_remove.values():
            if life.ended_at and self._since(life.ended_at, today) >= REMOVED_IN + 2 * margin:
                yield life

    def _since(self, instant: datetime, today: date) -> int:
        return (today - instant.astimezone(self.place.zoneinfo).date()).days

    def _waited(self, life: Life, today: date) -> int:
        return self._since(life.issued_at if life.awaits_handover and life.issued_at else life.since, today)

    def _patience(self, life: Life) -> float:
        place = self.place
        if life.state in AT_THE_SCHOOL:
            return place.stalled[-1] - 1 if place.stalled else float("inf")
        if life.state == "requested":
            return HANDLED_IN - 1
        return place.handover[-1] - 1 if life.awaits_handover and place.handover else float("inf")
