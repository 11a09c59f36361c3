"""When a request that does not move, or a code not handed over, is reminded of (R79): pure, from dates alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from states.days import SchoolDays


@dataclass(frozen=True, slots=True)
class Reminded:
    """How many reminders were made since the request came where it stands, and the day of the last one."""

    count: int = 0
    last_day: date | None = None


NEVER = Reminded()


def due_day(since: date, delays: Sequence[int], made: Reminded = NEVER) -> date | None:
    """The day from which the next reminder is due; None when the delays, rising, are used up.

    ``since``: the day on which the request came where it stands. After an interruption the delays that expired make
    one reminder, and the next one is as far from it as the settings put them apart.
    """
    if made.count >= len(delays):
        return None
    day = since + timedelta(days=delays[made.count])
    if made.count and made.last_day:
        return max(day, made.last_day + timedelta(days=delays[made.count] - delays[made.count - 1]))
    return day


def is_due(since: date, delays: Sequence[int], made: Reminded, today: date, days: SchoolDays) -> bool:
    """Whether a reminder leaves today: its day has come, and schools are certainly open (R77)."""
    day = due_day(since, delays, made)
    return day is not None and day <= today and days.is_school_day(today)


def days_to_come(
    since: date, delays: Sequence[int], made: Reminded, today: date, until: date, days: SchoolDays
) -> tuple[date, ...]:
    """The days on which it would be reminded, from today to ``until``, if nothing moved; none past what is known."""
    found: list[date] = []
    while (day := due_day(since, delays, made)) is not None:
        leaving = days.next_school_day(max(day, today))
        if leaving is None or leaving > until:
            break
        found.append(leaving)
        made, today = Reminded(made.count + 1, leaving), leaving + timedelta(days=1)
    return tuple(found)
