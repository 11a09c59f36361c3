"""The days of the simulation, one after the other: deeds, ticks, mails, and the oracle beside them."""

import random
import time as stopwatch
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from states.school_year import SchoolYear
from tests.acceptance.simulated.calendars import DAY
from tests.acceptance.simulated.cast import Cast
from tests.acceptance.simulated.fate import FOUR_YEARS, draw_fate
from tests.acceptance.simulated.machines import Machine, Machines
from tests.acceptance.simulated.mailbag import Mailbag
from tests.acceptance.simulated.notices_due import planned_day
from tests.acceptance.simulated.oracle import Oracle
from tests.acceptance.simulated.place import Place
from tests.acceptance.simulated.record import Life, Record
from workflow import installation

Moment = tuple[datetime, str]
CHANGES_OF_HOUR = {
    date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26), date(2028, 10, 29),
    date(2029, 3, 25), date(2029, 10, 28),
}  # fmt: skip
LEAP_DAY = date(2028, 2, 29)


@dataclass
class Told:
    """What happened, for the report and to show that the simulation met what it is for."""

    ticks: int = 0
    idle: int = 0
    together: int = 0
    letters: dict[str, int] = field(default_factory=dict)
    confirmed: list[int] = field(default_factory=list)
    seconds: float = 0


class Story:
    """One simulation, from its seed. ``live`` tells it day by day; what is wrong is raised at once, with its seed."""

    def __init__(
        self,
        machines: Machines,
        place: Place,
        seed: int,
        schools: int,
        years: list[int],
        busy: float = 0.0,
        endings: tuple[str, ...] = (),
    ) -> None:
        """``busy``: from 0 to 1, how many more ticks there are than one a day."""
        self.draw, self.seed, self.machines, self.place = random.Random(seed), seed, machines, place
        self.years, self.busy, self.record, self.told = years, busy, Record(), Told()
        self.start = machines.truth.now()
        self.cast = Cast(self.draw, self.record, schools, range(years[0], years[-1] + 2), self.start.date())
        self.cast.found(machines.database)
        self.fate = draw_fate(self.draw, place, years, endings)
        self.oracle = Oracle(place, self.record, self.start)
        self.bag = Mailbag(machines.database)
        self.schedule = installation.schedule_actor(machines.database)
        self.delivered, self._off_known, self._confirm_on = self.start, set[str](), dict[int, date]()

    @property
    def held_years(self) -> set[int]:
        """The years whose end fate had the brake hold."""
        return {int(one[:4]) for one in self.fate.told if one.endswith((": absence", ": moved"))}

    # -- the days -------------------------------------------------------------------------------------------------

    def live(self, until: date) -> None:
        """Every day up to ``until``."""
        began, day = stopwatch.perf_counter(), self.start.astimezone(self.place.zoneinfo).date()
        while day <= until:
            for at, what in sorted(self._moments(day), key=lambda moment: (moment[0].astimezone(), moment[1])):
                self._happen(at, what)
            self._nightfall(day)
            day += DAY
        self.told.seconds = stopwatch.perf_counter() - began

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
        yield from ((at(day, time(*divmod(minute, 60), draw.randrange(60))), "tick") for minute in minutes)
        if day - DAY in last_days:
            yield at(day, time(0)), "tick"
        if self.fate.leap and self.fate.leap.date() == day:
            yield self.fate.leap, "leap"

    def _matters(self, day: date) -> bool:
        """The days of notices, of invitations, and 29 February."""
        almanac, place = self.oracle.place.almanac(), self.oracle.place
        if day == LEAP_DAY or (day.month, day.day) == place.invite_on:
            return True
        return any(planned_day(almanac, place.last_day(year), n) == day for year in self.years for n in place.notices)

    def _happen(self, at: datetime, what: str) -> None:
        self.machines.truth.set(at)
        if self.fate.stopped(at):
            return
        self._new_settings(at)
        match what:
            case "tick":
                self._tick(at)
            case "leap":
                self._tick(at + FOUR_YEARS, leap=True)
                self.machines.truth.set(at)
            case _:
                today = at.astimezone(self.place.zoneinfo).date()
                if what == "operators":
                    self._confirm(at, today)
                self.cast.act(self.draw.choice(self.machines.all).house, today, at, at_school=what == "chefs")
        if what != "leap" and self.draw.random() < 0.6:
            self._drain(at)

    def _drain(self, at: datetime) -> None:
        if not any(first <= at < last for first, last in self.fate.relay):
            self.machines.drain()
            self.delivered = at

    def _new_settings(self, at: datetime) -> None:
        while self.fate.settings and self.fate.settings[0][0] <= at:
            _, place = self.fate.settings.pop(0)
            self.machines.restart(place)
            self.oracle.settings(place)

    # -- ticks ----------------------------------------------------------------------------------------------------

    def _tick(self, at: datetime, *, leap: bool = False) -> None:
        """One tick, of one machine or of several, perhaps at once."""
        self.machines.truth.set(at)
        who = self._ticking(at, leap=leap)
        for machine in who:
            far = at.date() in self.fate.off and machine.name == "machine-b" and not leap
            machine.clock.offset = self._offset(far=far)
        self.told.ticks += len(who)
        if len(who) > 1 and self.draw.random() < 0.5:
            self.told.together += 1
            self.machines.together(who)
        else:
            for machine in who:
                machine.tick()
        letters = self.bag.new()
        for letter in letters:
            self.told.letters[letter.kind] = self.told.letters.get(letter.kind, 0) + 1
        self._wrong(self._clock_alerts(at, who, [one.facts["machine"] for one in letters if one.kind == "clock_alert"]))
        if all(machine.is_off for machine in who):
            self.told.idle += 1
            self._wrong(self.oracle.idle(at, letters))
            return
        gone, wrong = self.oracle.tick(at, letters, self.delivered, off=bool(self._off_known))
        self._gone(gone, at, wrong)

    def _ticking(self, at: datetime, *, leap: bool) -> list[Machine]:
        machines = self.machines.all
        if len(machines) > 1 and any(first <= at < last for first, last in self.fate.alone):
            return machines[:1] if int(at.timestamp()) // 86_400 % 2 else machines[1:]
        if len(machines) > 1 and self.draw.random() < 0.25:
            return self.draw.sample(machines, 2)
        return [self.draw.choice(machines)]

    def _offset(self, *, far: bool) -> timedelta:
        if not self.machines.is_postgresql:
            return timedelta(0)
        sign = self.draw.choice((-1, 1))
        return sign * (timedelta(seconds=90) if far else timedelta(seconds=self.draw.uniform(0, 30)))

    def _clock_alerts(self, at: datetime, who: list[Machine], told: list[str]) -> list[str]:
        """One for each time that a machine begins to be off (R82)."""
        newly = sorted(one.name for one in who if one.is_off and one.name not in self._off_known)
        for machine in who:
            (self._off_known.add if machine.is_off else self._off_known.discard)(machine.name)
        return [] if sorted(told) == newly else [f"clock alerts at {at}: {told} instead of {newly}"]

    def _gone(self, gone: list[Life], at: datetime, wrong: list[str]) -> None:
        """What the schedule revoked, held against what the database says is live."""
        today = at.astimezone(self.place.zoneinfo).date()
        for life in gone:
            self.cast.ended(life, today)
        self._wrong(wrong)
        live, expected = self.bag.live(), {year: len(self.record.of_year(year)) for year in self.record.years()}
        if live != expected or (gone and self.bag.live_references() != set(self.record.live)):
            self._wrong([f"live requests at {at}: {live} instead of {expected}"])

    def _confirm(self, at: datetime, today: date) -> None:
        """Some days after a year was held, an operator lets it run, unless the settings are mended first."""
        for year in self.oracle.waiting(at):
            day = self._confirm_on.setdefault(year, today + self.draw.randrange(6, 9) * DAY)
            if today >= day:
                ends = self.machines.all[0].house.year_ends
                ends.run(ends.confirm(SchoolYear(year), self.cast.operator), self.schedule)
                self.told.confirmed.append(year)
                gone, wrong = self.oracle.confirm(at, year, self.bag.new())
                self._gone(gone, at, wrong)

    def _nightfall(self, day: date) -> None:
        self.cast.postpone(day)
        if not self.fate.stopped(self.place.at(day, time(23, 59))):
            live = self.bag.live_references()
            if live != set(self.record.live):
                self._wrong([f"live requests on {day}: {sorted(live ^ set(self.record.live))}"])

    def _wrong(self, wrong: list[str]) -> None:
        if wrong:
            more = f"\n… and {len(wrong) - 20} more" if len(wrong) > 20 else ""
            raise AssertionError(f"ODA_SEED={self.seed} {self.fate.told}\n" + "\n".join(wrong[:20]) + more)
