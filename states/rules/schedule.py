"""Whether the end of a school year may run by itself (R51, R52)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from states.school_calendar import DayKind, SchoolDays, YearEnd
from states.vocabulary import Labelled

FORESEEN = timedelta(hours=24)


LONGEST_ABSENCE = timedelta(days=45)


class Hold(Labelled):
    """Why the brake holds a year's end."""

    UNFORESEEN = "unforeseen", "sa date n'avait pas été enregistrée avant qu'elle passe"
    TOO_RECENT = "too_recent", "sa date n'était enregistrée que depuis moins de 24 heures"
    MOVED = "moved", "un changement de réglage a placé sa date dans le passé"
    ABSENCE = "absence", "le service n'avait donné aucun signe de vie depuis plus de 45 jours"


class Verdict(Labelled):
    """What a tick does about a year's end."""

    WAIT = "wait", "attendre"
    RECORD = "record", "enregistrer la date"
    HOLD = "hold", "retenir et alerter"
    HELD = "held", "déjà retenue"
    RUN = "run", "révoquer"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An end as it was recorded, aware UTC; ``held`` and ``confirmed`` say what became of it since."""

    ends_at: datetime
    recorded_at: datetime
    held: bool = False
    confirmed: bool = False


def judge(end: YearEnd, record: Foreseen | None, now: datetime, last_seen: datetime) -> tuple[Verdict, Hold | None]:
    """What to do about ``end`` at ``now``; ``last_seen`` is the last trace of life of any node before this one.

    A date still to come is recorded anew when it moved, or when it had been held by a clock that has come back.
    """
    if now < end.ends_at:
        known = record is not None and record.ends_at == end.ends_at and not record.held
        return (Verdict.WAIT if known else Verdict.RECORD), None
    if record is None:
        return Verdict.HOLD, Hold.UNFORESEEN
    if record.ends_at != end.ends_at:
        return Verdict.HOLD, Hold.MOVED
    if record.confirmed:
        return Verdict.RUN, None
    if record.held:
        return Verdict.HELD, None
    if record.recorded_at > end.ends_at - FORESEEN:
        return Verdict.HOLD, Hold.TOO_RECENT
    if abs(now - last_seen) > LONGEST_ABSENCE:
        return Verdict.HOLD, Hold.ABSENCE
    return Verdict.RUN, None


# When the end of a school year is announced to an establishment (R78): pure, from dates alone.


_DAY: Final = timedelta(days=1)


_MAYBE_OPEN: Final = (DayKind.SCHOOL, DayKind.UNKNOWN)
"""Where nothing is known, a working day will do: a notice, unlike a reminder, may not be left out."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A day on which a notice leaves, and the delays of the settings for which it stands, the longest first."""

    day: date
    before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice to send today: the delays for which it stands, the longest first, and the days that are left."""

    before: tuple[int, ...]
    days_left: int


def planned(end: YearEnd, days: SchoolDays, notices: Iterable[int]) -> tuple[Planned, ...]:
    """The days on which an end is announced, the earliest first; two delays brought to one day are one notice."""
    found: dict[date, list[int]] = {}
    for before in sorted(set(notices), reverse=True):
        found.setdefault(_brought_back(end.last_day - timedelta(days=before), days), []).append(before)
    return tuple(Planned(day, tuple(found[day])) for day in sorted(found))


def _brought_back(day: date, days: SchoolDays) -> date:
    """The last school day up to this one; where that is unknown, the last working day."""
    known = days.last_school_day(day)
    if known is not None:
        return known
    while not days.is_working_day(day):
        day -= _DAY
    return day


def due(
    end: YearEnd, plan: Iterable[Planned], today: date, sent: Collection[int], days: SchoolDays
) -> DueNotice | None:
    """The notice to send today, None when there is none.

    ``sent``: the delays of this end whose notice has left. Those that were missed leave together, with the day's own:
    today if it is a school day or if no other comes before the end, else they wait for one.
    """
    if today > end.last_day:
        return None
    overdue = [one for one in plan if one.day <= today and not set(one.before) & set(sent)]
    if not overdue or not (overdue[-1].day == today or _leaving_day(end, today, days) == today):
        return None
    return DueNotice(tuple(before for one in overdue for before in one.before), (end.last_day - today).days)


def _leaving_day(end: YearEnd, today: date, days: SchoolDays) -> date:
    """The first day from today on that may be of school, up to the end; today when there is none."""
    ahead = (today + timedelta(days=n) for n in range((end.last_day - today).days + 1))
    return next((day for day in ahead if days.kind(day) in _MAYBE_OPEN), today)


# When a request that does not move, or a code not handed over, is reminded of (R79): pure, from dates alone.


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
