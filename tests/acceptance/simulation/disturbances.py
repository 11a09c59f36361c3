"""What befalls the service in three years, drawn beforehand: stops, settings that change, clocks that leap."""

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.calendars import DAY
from tests.acceptance.simulation.notices_due import planned_day

Span = tuple[datetime, datetime]
FOUR_YEARS = timedelta(days=4 * 365 + 1)
SHORTEST, LONGEST = 3, 15 * 86_400
"""Seconds that an ordinary stop lasts."""


@dataclass
class Fate:
    """``stops`` of the whole service, ``alone`` of one machine, ``relay`` of the relay; ``settings`` from an instant
    on; ``leap``: the moment at which the clock is four years ahead, for one tick."""

    stops: list[Span] = field(default_factory=list)
    alone: list[Span] = field(default_factory=list)
    relay: list[Span] = field(default_factory=list)
    settings: list[tuple[datetime, Place]] = field(default_factory=list)
    off: set[date] = field(default_factory=set)
    leap: datetime | None = None
    events: list[str] = field(default_factory=list)
    calm: list[Span] = field(default_factory=list)
    """Spans left to what was chosen for them."""

    def stopped(self, now: datetime) -> bool:
        return _within(self.stops, now)


def _within(spans: list[Span], now: datetime) -> bool:
    return any(first <= now < last for first, last in spans)


def draw_fate(draw: random.Random, place: Place, years: list[int], endings: tuple[str, ...] = ()) -> Fate:
    """One of the years ends plainly, one during an absence that the brake must hold, one by a change of settings.

    ``endings``, when given, says how each year ends.
    """
    fate = Fate()
    kinds = list(endings) or draw.sample(sorted(ENDINGS), len(years))
    later_place = place.with_(given_years=(*place.given_years, 2028)) if place.zone and place.calendar else None
    known_on = (
        place.at(date(2028, 9, 1) + draw.randrange(15, 90) * DAY, time(11)) if later_place and len(years) > 2 else None
    )
    for year, kind in zip(years, kinds, strict=True):
        known = later_place if known_on and later_place and place.end(year) > known_on else place
        ENDINGS[kind](draw, fate, known, year)
        fate.events.append(f"{year}-{year + 1}: {kind}")
    if known_on and later_place:
        _give(fate, known_on, later_place)
    _leap(draw, fate, place, years)
    _missed_notice(draw, fate, place, years)
    first, last = place.at(date(years[0], 9, 2), time()), place.end(years[-1]) + 30 * DAY
    _random_stops(draw, fate, first, last, 10 * len(years))
    fate.settings.sort(key=lambda change: change[0])
    return fate


def _give(fate: Fate, known_on: datetime, place: Place) -> None:
    """The dates of a year that no calendar covered reach the settings."""
    fate.settings.append((known_on, place))
    fate.calm.append((known_on - DAY, known_on + DAY))
    fate.events.append(f"holidays of 2028-2029 given on {known_on:%d/%m/%Y}")


def _plain(draw: random.Random, fate: Fate, place: Place, year: int) -> None:
    """Perhaps stopped across the end, as long as the brake allows."""
    end, around = place.end(year), draw.choice((0, 3, 3 * 3600, 86_400, 21 * 86_400, 40 * 86_400))
    if around:
        before = draw.random() * around
        fate.stops.append((end - timedelta(seconds=before), end + timedelta(seconds=around - before)))
    fate.calm.append((end - 41 * DAY, end + 41 * DAY))


def _absence(draw: random.Random, fate: Fate, place: Place, year: int) -> None:
    """Away for more than 45 days across the end: it must be held."""
    end = place.end(year)
    first = end - timedelta(hours=draw.randrange(12, 40 * 24))
    last = first + timedelta(days=45, hours=draw.randrange(30, 300))
    last = max(last, end + timedelta(hours=1))
    fate.stops.append((first, last))
    fate.calm.append((first - 2 * DAY, last + 10 * DAY))


def _moved(draw: random.Random, fate: Fate, place: Place, year: int) -> None:
    """A change of settings puts the end in the past: it must be held, then it is mended, or confirmed."""
    day = place.last_day(year) - draw.randrange(10, 30) * DAY
    at = place.at(day, time(12, 30))
    moved = place.with_(ends={**place.ends, year: day - draw.randrange(2, 9) * DAY})
    fate.settings.append((at, moved))
    if draw.random() < 0.5:
        fate.settings.append((at + timedelta(days=draw.randrange(3, 6)), place))
        fate.events.append("mended")
    fate.calm.append((at - 2 * DAY, place.end(year) + 2 * DAY))


def _leap(draw: random.Random, fate: Fate, place: Place, years: list[int]) -> None:
    for _ in range(100):
        day = date(years[0], 11, 1) + draw.randrange(365 * len(years) - 90) * DAY
        at = place.at(day, time(draw.randrange(24), draw.randrange(60)))
        if not _within(fate.calm, at):
            fate.leap = at
            fate.calm.append((at - 2 * DAY, at + 2 * DAY))
            fate.events.append(f"four years ahead on {at:%d/%m/%Y %H:%M}")
            return


def _missed_notice(draw: random.Random, fate: Fate, place: Place, years: list[int]) -> None:
    """Stopped over the day of a notice; until just before the end, even, when no holidays lie between."""
    days = [planned_day(place.almanac(), place.last_day(year), n) for year in years[:2] for n in place.notices]
    for day in draw.sample(days, len(days)):
        first = place.at(day, time()) - timedelta(hours=draw.randrange(48))
        last = place.at(day, time(12)) + timedelta(hours=draw.randrange(24 * 12))
        if not (_within(fate.calm, first) or _within(fate.calm, last)):
            fate.stops.append((first, last))
            fate.events.append(f"stopped over the notice of {day}")
            return


def _random_stops(draw: random.Random, fate: Fate, first: datetime, last: datetime, count: int) -> None:
    """From three seconds to two weeks, of all machines, of one of them, or of the relay."""
    seconds = (last - first).total_seconds()
    for _ in range(count):
        for spans in (fate.stops, fate.alone, fate.relay):
            start = first + timedelta(seconds=draw.random() * seconds)
            lasts = timedelta(seconds=SHORTEST * (LONGEST / SHORTEST) ** draw.random())
            lasts = min(lasts, timedelta(days=4)) if spans is fate.relay else lasts
            if spans is not fate.stops or not any(start < b and start + lasts > a for a, b in fate.calm):
                spans.append((start, start + lasts))
    days = int(seconds / 86_400)
    fate.off |= {(first + draw.randrange(days) * DAY).date() for _ in range(3 * count)}


ENDINGS = {"plain": _plain, "absence": _absence, "moved": _moved}
