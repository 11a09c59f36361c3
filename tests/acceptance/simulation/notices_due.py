"""When a year's end is announced, and the invitation to renew (R78, R81), told again from the rules' text."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta

from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.calendars import DAY, OFF, WORKED, Almanac
from tests.acceptance.simulation.mails import Letter
from tests.acceptance.simulation.record import Life, Record

WINDOW = 60
Recipients = dict[tuple[int, date, int], set[str]]


def planned_day(almanac: Almanac, last_day: date, before: int) -> date:
    """The day itself, or the last school day before it; where that is not known, the last working day."""
    for day in almanac.backwards(last_day - before * DAY):
        kind = almanac.kind(day)
        if kind != OFF:
            break
    if kind == WORKED:
        return day
    return next(day for day in almanac.backwards(last_day - before * DAY) if almanac.worked(day))


class Notices:
    """What was announced to whom: by year, last day and delay."""

    def __init__(self, place: Place, record: Record) -> None:
        self.place, self.record = place, record
        self.recipients: Recipients = defaultdict(set)

    def judge(self, now: datetime, letters: list[Letter]) -> list[str]:
        """What is wrong with the notices of this tick; ``letters`` are all of them."""
        place, wrong = self.place, []
        local = now.astimezone(place.zoneinfo)
        today, hour = local.date(), local.hour
        by_year: dict[int, list[Letter]] = defaultdict(list)
        for letter in letters:
            by_year[int(letter.facts["year"]["label"][:4])].append(letter)
        for year in sorted({*self.record.years(), *by_year}):
            due = self._due(year, today, now)
            wrong += self._compare(year, due, by_year[year], today, hour, now)
        return wrong

    def _due(self, year: int, today: date, now: datetime) -> list[tuple[int, date]]:
        """The delays whose notice may leave today, with the days for which they were planned."""
        place, almanac, last_day = self.place, self.place.almanac(), self.place.last_day(year)
        if now >= place.end(year) or (last_day - today).days > max(place.notices, default=0) + 130:
            return []
        planned = [(before, planned_day(almanac, last_day, before)) for before in place.notices]
        begun = [(before, day) for before, day in planned if day <= today]
        maybe = (today + n * DAY for n in range((last_day - today).days + 1))
        leaving = next((day for day in maybe if almanac.kind(day) != OFF), today)
        return begun if leaving == today or any(day == today for _, day in begun) else []

    def _compare(
        self, year: int, due: list[tuple[int, date]], letters: list[Letter], today: date, hour: int, now: datetime
    ) -> list[str]:
        last_day, wrong = self.place.last_day(year), []
        schools: dict[str, list[Life]] = defaultdict(list)
        for life in self.record.of_year(year):
            schools[life.uai].append(life)
        open_ = {
            uai: [(b, day) for b, day in due if uai not in self.recipients[year, last_day, b]] for uai in schools
        }  # fmt: skip
        got: dict[str, list[Letter]] = defaultdict(list)
        for letter in letters:
            got[letter.uai or ""].append(letter)
        for uai, mine in got.items():
            if len(mine) > 1 or hour < 8 or not open_.get(uai):
                wrong.append(f"notice of {year} to {uai} at {now}: {len(mine)} mails, due {open_.get(uai)}")
            names = tuple(sorted(life.reference for life in schools.get(uai, [])))
            if mine[0].named != names or mine[0].facts["days_left"] != (last_day - today).days:
                wrong.append(f"notice of {year} to {uai} names {mine[0].named} instead of {names}")
        for uai, lives in schools.items():
            must = [b for b, day in open_[uai] if min(life.born for life in lives) < self._eight(day)]
            if must and hour >= 8 and uai not in got:
                wrong.append(f"no notice of {year} to {uai} at {now}, due {open_[uai]}")
        if hour >= 8:  # a school that comes later is not told of what left already
            for before, _ in due:
                self.recipients[year, last_day, before] |= set(schools) | set(got)
        return wrong

    def _eight(self, day: date) -> datetime:
        return self.place.at(day, time(8))


class Invitations:
    """Who was invited to renew: by the day from which schools are."""

    def __init__(self, place: Place, record: Record) -> None:
        self.place, self.record = place, record
        self.invited: dict[date, set[str]] = defaultdict(set)
        self.passed: set[date] = set()
        """The days of invitations that have come: a school that comes later is not invited."""

    def judge(self, now: datetime, letters: list[Letter]) -> list[str]:
        """On a school day; where nothing is known, on a working day or later."""
        local, wrong = now.astimezone(self.place.zoneinfo), []
        today, year = local.date(), local.year
        days, kind = self.place.invited_on(year), self.place.almanac().kind(today)
        first = max((day for day in days if day <= today), default=days[0])
        in_time = first <= today <= first + timedelta(days=WINDOW)
        allowed = in_time and kind != OFF and local.hour >= 8
        if not allowed:
            return [f"invitation to {letter.uai} for {year} at {now}" for letter in letters]
        must, may = self._who(year, now)
        for letter in letters:
            uai = letter.uai or ""
            if uai in self.invited[first] or not set(letter.named) <= may.get(uai, set()):
                wrong.append(f"invitation to {uai} for {year} at {now}: names {letter.named}, may {may.get(uai)}")
            elif not must.get(uai, set()) <= set(letter.named):
                wrong.append(f"invitation to {uai} for {year} at {now}: leaves out some of {must[uai]}")
            self.invited[first].add(uai)
        if first not in self.passed and (letters or kind == WORKED):
            missing = sorted(uai for uai in must if uai not in self.invited[first])
            wrong += [f"no invitation to {uai} for {year} at {now}: {must[uai]}" for uai in missing]
            self.passed.add(first)
        return wrong

    def _who(self, year: int, now: datetime) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """By school, the requests of last year whose RUPN must be named, and those that may be."""
        must: dict[str, set[str]] = defaultdict(set)
        may: dict[str, set[str]] = defaultdict(set)
        lives = self.record.lives.values()
        anew = {(life.uai, life.person) for life in lives if life.year == year}
        live = {(life.uai, life.person) for life in lives if life.year == year and life.live}
        over = now >= self.place.end(year - 1)
        for life in lives:
            if life.year == year - 1 and life.had_key and (life.uai, life.person) not in live:
                may[life.uai].add(life.reference)
                served = life.live or (over and life.ended_by == "expire")
                if served and (life.uai, life.person) not in anew:
                    must[life.uai].add(life.reference)
        return must, may
