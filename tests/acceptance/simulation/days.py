"""The days of the simulation, one after the other: deeds, ticks, mails, and the oracle beside them."""

import random
import time as stopwatch
from collections.abc import Iterator
from datetime import date, datetime, time

from states.school_calendar import SchoolYear
from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.calendars import DAY
from tests.acceptance.simulation.disturbances import FOUR_YEARS, draw_fate
from tests.acceptance.simulation.machines import NodeMonitor
from tests.acceptance.simulation.notices_due import planned_day
from tests.acceptance.simulation.people import Cast
from tests.acceptance.simulation.record import Record
from tests.acceptance.simulation.ticks import Ticks
from workflow.journal import chain

Moment = tuple[datetime, str]
CHANGES_OF_HOUR = {
    date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26), date(2028, 10, 29),
    date(2029, 3, 25), date(2029, 10, 28),
}  # fmt: skip
LEAP_DAY = date(2028, 2, 29)


class Story(Ticks):
    """One simulation, from its seed. ``live`` tells it day by day; what is wrong is raised at once, with its seed."""

    def __init__(
        self,
        machines: NodeMonitor,
        place: Place,
        seed: int,
        schools: int,
        years: list[int],
        busy: float = 0.0,
        endings: tuple[str, ...] = (),
    ) -> None:
        """``busy``: from 0 to 1, how many more ticks there are than one a day."""
        draw, record = random.Random(seed), Record()
        first = machines.truth.now().astimezone(place.zoneinfo).date()
        cast = Cast(draw, record, schools, range(years[0], years[-1] + 2), first)
        cast.create_schools(machines)
        super().__init__(machines, place, seed, record, cast, draw_fate(draw, place, years, endings), draw)
        self.years, self.busy = years, busy
        self._schedule = chain.schedule_actor(machines.database)
        self._confirm_on: dict[int, date] = {}

    @property
    def held_years(self) -> set[int]:
        """The years whose end fate had the brake hold."""
        return {int(event[:4]) for event in self.fate.events if event.endswith((": absence", ": moved"))}

    # -- the days -------------------------------------------------------------------------------------------------

    def live(self, until: date) -> None:
        """Every day up to ``until``."""
        began, day = stopwatch.perf_counter(), self.start.astimezone(self.place.zoneinfo).date()
        while day <= until:
            for at, kind in sorted(self._moments(day), key=lambda moment: (moment[0].astimezone(), moment[1])):
                self._happen(at, kind)
            self._nightfall(day)
            day += DAY
        self.tally.seconds = stopwatch.perf_counter() - began

    def _moments(self, day: date) -> Iterator[Moment]:
        at, draw = self.place.at, self.draw
        yield at(day, time(9 + draw.randrange(3), draw.randrange(60))), "chefs"
        yield at(day, time(13 + draw.randrange(4), draw.randrange(60))), "operators"
        minutes = {draw.randrange(1440) for _ in range((draw.random() < 0.8) + (draw.random() < self.busy))}
        last_days = {self.oracle.place.last_day(year) for year in self.years}
        if draw.random() < 0.1 + self.busy / 2 or self._matters(day):
            minutes |= {479, 481}
        if day in CHANGES_OF_HOUR:
            minutes |= {59, 119, 150, 181}
        if day - DAY in last_days or draw.random() < 0.03:
            minutes |= {0}
        if day in last_days or draw.random() < 0.03:
            minutes |= {1439}
        yield from ((at(day, time(minute // 60, minute % 60, draw.randrange(60))), "tick") for minute in minutes)
        if day - DAY in last_days:
            yield at(day, time(0)), "tick"
        if self.fate.leap and self.fate.leap.date() == day:
            yield self.fate.leap, "leap"

    def _matters(self, day: date) -> bool:
        """The days of notices, of invitations, and 29 February."""
        almanac, place = self.oracle.place.almanac(), self.oracle.place
        if day == LEAP_DAY or day in place.invited_on(day.year):
            return True
        return any(planned_day(almanac, place.last_day(year), n) == day for year in self.years for n in place.notices)

    def _happen(self, at: datetime, kind: str) -> None:
        self.machines.truth.set(at)
        if self.fate.stopped(at):
            return
        self._new_settings(at)
        match kind:
            case "tick":
                self.tick(at)
            case "leap":
                self.tick(at + FOUR_YEARS, leap=True)
                self.machines.truth.set(at)
            case _:
                today = at.astimezone(self.place.zoneinfo).date()
                if kind == "operators":
                    self._confirm(at, today)
                self.cast.act(self.draw.choice(self.machines.all).app, today, at, at_school=kind == "chefs")
        if kind != "leap" and self.draw.random() < 0.6:
            self._drain(at)

    def _drain(self, at: datetime) -> None:
        if not any(first <= at < last for first, last in self.fate.relay):
            self.machines.drain()
            self.delivered = at

    def _new_settings(self, at: datetime) -> None:
        """The service starts again under them, and ticks at once, as a worker does."""
        while self.fate.settings and self.fate.settings[0][0] <= at:
            _, place = self.fate.settings.pop(0)
            self.machines.restart(place)
            self.oracle.settings(place)
            self.tick(at)

    def _confirm(self, at: datetime, today: date) -> None:
        """Some days after a year was held, an operator lets it run, unless the settings are mended first."""
        for year in self.oracle.waiting(at):
            day = self._confirm_on.setdefault(year, today + self.draw.randrange(6, 9) * DAY)
            if today >= day:
                ends = self.machines.all[0].app.year_ends
                ends.run(ends.confirm(SchoolYear(year), self.cast.operator), self._schedule)
                self.tally.confirmed.append(year)
                gone, wrong = self.oracle.confirm(at, year, self.bag.new())
                self.gone(gone, at, wrong)

    def _nightfall(self, day: date) -> None:
        self.cast.postpone(day)
        if not self.fate.stopped(self.place.at(day, time(23, 59))):
            live = self.bag.live_references()
            if live != set(self.record.live):
                self.wrong([f"live requests on {day}: {sorted(live ^ set(self.record.live))}"])
