"""When what does not move is reminded of (R79), told again from the rules' text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time

from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.calendars import DAY
from tests.acceptance.simulation.mails import Letter
from tests.acceptance.simulation.record import AT_THE_SCHOOL, Life, Record


@dataclass
class Stand:
    """Where a request waits, since which day, and the days on which it was reminded of."""

    number: int
    since: date
    days: list[date] = field(default_factory=list)


def next_days(delays: tuple[int, ...], stand: Stand) -> tuple[date | None, date | None]:
    """The earliest day of the next reminder, and the day from which it cannot be done without; None when there is none.

    The delays that an interruption let pass make one reminder, and the settings' spacing is kept: whether that one
    stands for each of them, or leaves those that follow to come later, spaced, the rule does not say.
    """
    count = len(stand.days)
    if count >= len(delays):
        return None, None
    due = [stand.since + delay * DAY for delay in delays]
    if not count:
        return due[0], due[0]
    last = stand.days[-1]
    spaced = max(due[count], last + (delays[count] - delays[count - 1]) * DAY)
    passed = max(count, sum(day <= last for day in due))
    if passed >= len(delays):
        return spaced, None
    merged = max(due[passed], last + (delays[passed] - delays[passed - 1]) * DAY)
    return min(spaced, merged), max(spaced, merged)


class Reminders:
    """Every reminder, by request."""

    def __init__(self, place: Place, record: Record) -> None:
        self.place, self.record = place, record
        self.stands: dict[str, Stand] = {}
        self._passed = date.min

    def judge(self, now: datetime, letters: list[Letter], delivered: datetime) -> list[str]:
        """What is wrong with the reminders of this tick; ``letters`` are all of them.

        ``delivered``: until when mails have been taken by the relay; a code that has not left is not reminded of.
        """
        local = now.astimezone(self.place.zoneinfo)
        today, wrong = local.date(), []
        allowed = self.place.almanac().school(today) and local.hour >= 8
        awaited = dict(self._awaited(today, now)) if allowed else {}
        if len({letter.uai for letter in letters}) < len(letters):
            wrong.append(f"two reminders to an establishment at {now}")
        for letter in letters:
            for reference, is_right in self._named(letter):
                earliest, _ = awaited.pop(reference, (None, None))
                if earliest is None or today < earliest or not is_right:
                    stand = self.stands.get(reference)
                    wrong.append(f"{letter.kind} of {reference} at {now}: not before {earliest} ({stand})")
                if reference in self.stands:
                    self.stands[reference].days.append(today)
            if letter.not_after > self.place.at(today + DAY, time()):
                wrong.append(f"{letter.kind} of {letter.reference} may leave after its day, until {letter.not_after}")
        first = allowed and self._passed != today
        self._passed = today if allowed else self._passed
        for reference, (_, latest) in awaited.items() if first else ():
            life = self.record.live[reference]
            arrived = life.issued_at is None or life.issued_at <= delivered
            if latest is not None and today >= latest and arrived and not life.to_settle(today):
                wrong.append(f"no reminder of {reference} at {now}: {self.stands[reference]}")
        return wrong

    def _awaited(self, today: date, now: datetime) -> Iterator[tuple[str, tuple[date | None, date | None]]]:
        ended = {year: now >= self.place.end(year) for year in self.record.years()}
        for life in self.record.live.values():
            if ended[life.year] or not (life.state in AT_THE_SCHOOL or life.awaits_handover):
                continue
            stand = self._stand(life)
            delays = self.place.handover if life.awaits_handover else self.place.stalled
            earliest, latest = next_days(delays, stand)
            if earliest is not None and earliest <= today:
                yield life.reference, (earliest, latest)

    def _stand(self, life: Life) -> Stand:
        stand = self.stands.get(life.reference)
        if stand is None or stand.number != life.stand:
            began = life.issued_at if life.awaits_handover and life.issued_at else life.since
            stand = self.stands[life.reference] = Stand(life.stand, began.astimezone(self.place.zoneinfo).date())
        return stand

    def _named(self, letter: Letter) -> Iterator[tuple[str, bool]]:
        """Each request that a mail reminds of, and whether it says of it what is awaited, since when."""
        facts, first = letter.facts, letter.reference or ""
        handed = (
            {"state": "code_issued", "since": facts.get("issued_on")} if letter.kind == "handover_reminder" else facts
        )
        for reference, request in (
            (first, handed),
            *((request["reference"], request) for request in facts["other_requests"]),
        ):
            life, stand = self.record.live.get(reference), self.stands.get(reference)
            if life is None or stand is None:
                yield reference, False
                continue
            state = "code_issued" if life.awaits_handover else life.state
            yield reference, request["state"] == state and request["since"] == str(stand.since)
