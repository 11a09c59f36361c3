"""The year before and a September, lived through the engine day by day: the histories are true."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Protocol

from portal.demo import lives, places
from portal.demo.clock import DemoClock
from portal.demo.deeds import WHY, Deed, Life
from portal.demo.people import CHEFS, OPERATOR, couples, mail_of
from states.actors import Actor
from states.case import Refused
from states.vocabulary import Channel
from workflow.house import House

INSTALLED: Final = date(2025, 9, 1)
SEPTEMBERS: Final = (date(2025, 9, 1), date(2026, 9, 1))
TODAY: Final = date(2026, 9, 28)
MORNING: Final = time(9, 30)
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LAST_YEAR: Final = 8
STEP: Final = timedelta(days=30)
"""The service shows signs of life at least this often, or the year's end would be held (R52)."""


Days = Sequence[tuple[int, Deed]]
"""Each deed of a life with the working day on which it is done."""


class Heart(Protocol):
    """What makes time pass: the schedule, and the mails that leave."""

    def beat(self) -> object: ...

    def deliver(self) -> int: ...


class Season:
    """Lives all that comes before the day of the demonstration."""

    def __init__(self, house: House, clock: DemoClock, heart: Heart) -> None:
        self._house, self._clock, self._heart = house, clock, heart
        self._zone = house.settings.zoneinfo
        self._draw = random.Random(31)  # noqa: S311 - a story, no secret
        self._chefs: dict[str, Actor] = {}
        self._places: dict[str, list[str]] = defaultdict(list)
        """The establishments where each ending is to be seen."""

    @property
    def examples(self) -> dict[str, str]:
        """An establishment for each ending, if possible another each time, whose chef has no other."""
        found: dict[str, str] = {}
        for ending, uais in sorted(self._places.items(), key=lambda one: len(one[1])):
            taken = (*found.values(), *(school.uai for school in (*places.TWO, places.REFUSED)))
            found[ending] = next((uai for uai in uais if uai not in taken), uais[0])
        return found

    def live(self) -> None:
        """From the installation to this morning."""
        self._go(INSTALLED, time(7))
        with places.directory() as file:
            self._house.directory.import_file(file, self._operator)
        self._heart.beat()
        last = self._last_year()
        self._live(
            SEPTEMBERS[0], [(life, list(lives.days_of(lives.LAST_YEAR, 2 + i % 9))) for i, life in enumerate(last)]
        )
        self._pass_time(datetime.combine(SEPTEMBERS[1], time(0, 5), self._zone))
        self._live(SEPTEMBERS[1], self._this_year(last))
        self._go(TODAY, MORNING)
        self._heart.beat()
        self._heart.deliver()

    @cached_property
    def _operator(self) -> Actor:
        return self._house.people.operator(OPERATOR, Channel.WEB)

    def _last_year(self) -> list[Life]:
        schools = [school for school in places.ACTIVE if school != places.REFUSED][::3][:LAST_YEAR]
        named = couples(2)
        return [self._life(school.uai, *named[index]) for index, school in enumerate(schools)]

    def _this_year(self, last: Sequence[Life]) -> list[tuple[Life, Days]]:
        """Everybody's days of September, the earliest possible last so that the longest lives have the time."""
        working = len(_working_days(SEPTEMBERS[1]))
        old = iter(last)
        names = iter([*couples(3), *couples(4), *couples(5)])
        told: list[tuple[Life, Days]] = []
        for rank, (ending, count, deeds) in enumerate(lives.ENDINGS):
            for number in range(count):
                school = places.ACTIVE[(rank * 5 + number * 7) % len(places.ACTIVE)]
                if ending == lives.UNDELIVERED and number == 0:
                    school = places.REFUSED
                life = self._life(school.uai, *next(names))
                if deeds is lives.RENEWED:
                    before = next(old)
                    life = self._life(before.uai, before.nom, before.prenom)
                    life.other = before
                self._places[ending].append(life.uai)
                slack = working - 1 - lives.length(deeds)
                start = max(self._draw.randint(0, slack), self._draw.randint(0, slack))  # few wait for long
                told.append((life, list(lives.days_of(deeds, start))))
        self._places["à renouveler"] = [life.uai for life in old]
        return told + self._two_schools(told)

    def _two_schools(self, told: list[tuple[Life, Days]]) -> list[tuple[Life, Days]]:
        """The RUPN of one establishment of the chef who has two is the other's as well: the key is extended (R40)."""
        first, second = places.TWO
        found = [life for life, days in told if life.uai == first.uai and len(days) >= 8][:1]
        more: list[tuple[Life, Days]] = []
        for one in found:
            life = self._life(second.uai, one.nom, one.prenom)
            life.other = one
            more.append((life, list(lives.days_of(lives.EXTENDED, 12))))
        return more

    def _life(self, uai: str, nom: str, prenom: str) -> Life:
        code = "".join(self._draw.choices(LETTERS, k=10))
        return Life(uai=uai, nom=nom, prenom=prenom, mail=mail_of(nom, prenom), why=self._draw.choice(WHY), code=code)

    def _live(self, september: date, told: Sequence[tuple[Life, Days]]) -> None:
        by_day: dict[int, list[tuple[Life, Deed]]] = defaultdict(list)
        for life, days in told:
            for number, deed in days:
                by_day[number].append((life, deed))
        for number, day in enumerate(_working_days(september)):
            self._live_day(day, by_day[number])

    def _live_day(self, day: date, deeds: Sequence[tuple[Life, Deed]]) -> None:
        """The schedule at seven, the chefs in the morning, the rectorat in the afternoon, then the mails."""
        self._go(day, time(7))
        self._heart.beat()
        mornings: dict[str, list[tuple[Life, Deed]]] = defaultdict(list)
        for life, deed in deeds:
            if not deed.by_rectorat:
                mornings[life.uai].append((life, deed))
        for rank, (uai, mine) in enumerate(mornings.items()):
            self._go(day, time(8 + rank * 4 // max(len(mornings), 1), rank * 7 % 60))
            self._do(self._chef(uai), mine, day)
        self._go(day, time(14, 10))
        self._do(self._operator, [(life, deed) for life, deed in deeds if deed.by_rectorat], day)
        self._go(day, time(17))
        self._heart.deliver()

    def _do(self, actor: Actor, deeds: Sequence[tuple[Life, Deed]], day: date) -> None:
        commands = [deed.make(life, day) for life, deed in deeds]
        for (life, _), result in zip(deeds, self._house.engine.execute(commands, actor), strict=True):
            if isinstance(result, Refused):
                raise RuntimeError(f"the story does not hold: {result.reasons[0].message}")
            life.reference = result.reference

    def _chef(self, uai: str) -> Actor:
        if uai not in self._chefs:
            self._chefs[uai] = self._house.people.chef([uai], Channel.WEB, name=CHEFS[uai])
        return self._chefs[uai]

    def _go(self, day: date, at: time) -> None:
        wanted = datetime.combine(day, at, self._zone)
        self._clock.set(max(wanted, self._clock.now()))

    def _pass_time(self, until: datetime) -> None:
        while self._clock.now() < until:
            self._clock.set(min(self._clock.now() + STEP, until))
            self._heart.beat()
            self._heart.deliver()


def _working_days(september: date) -> list[date]:
    """The days of that month on which people work, up to the Friday before the demonstration."""
    return list(_days(september))


def _days(september: date) -> Iterator[date]:
    for number in range(25):
        day = september + timedelta(days=number)
        if day.weekday() < 5:
            yield day
