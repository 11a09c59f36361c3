"""The figures that the académie reads: at a date, by département and for the whole, beside another date (R99)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Final

from sqlalchemy import Connection, func, select

from states.school_calendar import SchoolCalendar, SchoolYear, months_before
from states.validation import departement_name
from states.vocabulary import LIVE_STATES, State
from workflow.database.journal_tables import DAILY_FIGURE, HANDOVER_DELAY
from workflow.database.tables import COUNTER, ESTABLISHMENT
from workflow.figures.counting import COUNTS
from workflow.figures.ledger import MOST_FRESH_EVENTS, FigureLedger
from workflow.settings.sections import TargetsSettings

_WEEK: Final = timedelta(days=7)

_MOST_WEEKS: Final = 105
"""A school year and its campaign are shorter; a clock that was wrong must not make a longer list."""

_WEEKLY: Final = (
    "establishments", "handed_over", "extended", "handovers", "late_checks", "late_steps", "late_handovers",
)  # fmt: skip
"""The counts that the weeks show."""


@dataclass(frozen=True, kw_only=True)
class FigureTargets:
    """The académie's targets; None where it has set none.

    ``declared``: percentage of the open establishments that have a declared RUPN. ``in_service``: percentage of the
    live requests whose key serves. ``median_days``: days from the declaration to the hand-over, at most.
    """

    declared: int | None = None
    in_service: int | None = None
    median_days: int | None = None

    @property
    def is_empty(self) -> bool:
        return self.declared is None and self.in_service is None and self.median_days is None


@dataclass(frozen=True, kw_only=True)
class PlaceFigures:
    """The figures of a département, or of the académie, at the end of a day, for the requests of a school year.

    ``counts``: requests by state and what stands beside, as ``daily_figure`` names them. ``delays``: how many requests
    were handed over for the first time, by days since their declaration. ``former_keys``, ``renewed``: the requests of
    the year before that had a key, and those of them that are renewed. ``open_establishments``: in the directory of
    today, which no journal keeps.
    """

    counts: Mapping[str, int]
    delays: Mapping[int, int]
    former_keys: int = 0
    renewed: int = 0
    open_establishments: int = 0

    def count(self, name: str) -> int:
        return self.counts.get(name, 0)

    @property
    def establishments(self) -> int:
        """Establishments with a declared RUPN: one live request at least."""
        return self.count("establishments")

    @property
    def total(self) -> int:
        return sum(self.count(state.value) for state in State)

    @property
    def live(self) -> int:
        return sum(self.count(state.value) for state in LIVE_STATES)

    @property
    def undeliverable(self) -> int:
        """Codes that did not arrive, which do not count as issued (R58)."""
        return self.count("undeliverable")

    def of_state(self, state: State) -> int:
        """The requests in a state; of those whose code was issued, the undeliverable ones stand apart."""
        return self.count(state.value) - (self.undeliverable if state is State.CODE_ISSUED else 0)

    @property
    def handovers(self) -> int:
        """Requests whose hand-over was confirmed, revoked since or not."""
        return self.count("handovers")

    @property
    def in_service(self) -> int:
        """Live requests whose key serves: its code was handed over, or it was extended."""
        return self.count("handed_over") + self.count("extended")

    @property
    def late(self) -> int:
        return self.count("late_checks") + self.count("late_steps") + self.count("late_handovers")

    @property
    def median_days(self) -> float | None:
        """The median of the delays: between the two in the middle when their number is even; None without any."""
        number = sum(self.delays.values())
        if not number:
            return None
        return (_nth(self.delays, (number - 1) // 2) + _nth(self.delays, number // 2)) / 2

    @property
    def ninth_decile_days(self) -> int | None:
        """The delay within which nine requests of ten were handed over; None without any."""
        number = sum(self.delays.values())
        return _nth(self.delays, -(-number * 9 // 10) - 1) if number else None

    @property
    def declared_share(self) -> float | None:
        """Percentage of the open establishments that have a declared RUPN; None when the directory has none."""
        return share(self.establishments, self.open_establishments)

    @property
    def in_service_share(self) -> float | None:
        return share(self.in_service, self.live)

    @property
    def renewed_share(self) -> float | None:
        return share(self.renewed, self.former_keys)

    def __add__(self, other: "PlaceFigures") -> "PlaceFigures":
        return PlaceFigures(
            counts=Counter(self.counts) + Counter(other.counts), delays=Counter(self.delays) + Counter(other.delays),
            former_keys=self.former_keys + other.former_keys, renewed=self.renewed + other.renewed,
            open_establishments=self.open_establishments + other.open_establishments,
        )  # fmt: skip


NOTHING: Final = PlaceFigures(counts={}, delays={})


def share(part: int, whole: int) -> float | None:
    """A percentage; None of nothing."""
    return 100 * part / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class FiguresAt:
    """The figures at the end of ``day``, of the requests of ``school_year``; ``places`` by code of département."""

    day: date
    school_year: SchoolYear
    places: Mapping[str, PlaceFigures]

    @cached_property
    def academie(self) -> PlaceFigures:
        return sum(self.places.values(), start=NOTHING)

    def named(self) -> list[tuple[str, PlaceFigures]]:
        """Each département by its name, in the order of the codes."""
        return [(departement_name(code), self.places[code]) for code in _in_order(self.places)]

    @property
    def is_empty(self) -> bool:
        """True when no request of that year had been declared by then."""
        return not self.academie.total


@dataclass(frozen=True, slots=True)
class WeekPoint:
    """The académie's main figures at the end of a day, a week after the one before."""

    day: date
    establishments: int
    in_service: int
    handovers: int
    late: int


@dataclass(frozen=True, kw_only=True)
class FiguresAccount:
    """Two dates side by side, and the weeks of the first one's school year. ``weeks`` end at ``now.day``."""

    now: FiguresAt
    before: FiguresAt
    weeks: tuple[WeekPoint, ...]
    targets: FigureTargets = field(default_factory=FigureTargets)

    def places(self) -> Iterator[tuple[str, PlaceFigures, PlaceFigures]]:
        """Each département by its name, at both dates, in the order of the codes."""
        for code in _in_order(self.now.places.keys() | self.before.places.keys()):
            yield departement_name(code), self.now.places.get(code, NOTHING), self.before.places.get(code, NOTHING)


def year_of(calendar: SchoolCalendar, day: date) -> SchoolYear:
    """The school year that runs on a day: until its end, though the next one's campaign is open."""
    noon = datetime.combine(day, time(12), tzinfo=calendar.timezone)
    return calendar.open_years(noon)[0]


def years_counted(connection: Connection) -> list[SchoolYear]:
    """The school years that ever had a request, the latest first."""
    years = []
    for text in connection.execute(select(COUNTER.c.school_year)).scalars():
        try:
            years.append(SchoolYear.stored(text))
        except ValueError:
            continue  # what a wrong clock wrote (R52)
    return sorted(years, reverse=True)


class FiguresReader:
    """The figures at dates, from the tables of counts and what is fresh in the journal."""

    def __init__(
        self, connection: Connection, ledger: FigureLedger, calendar: SchoolCalendar,
        most_fresh: int | None = MOST_FRESH_EVENTS,
    ) -> None:  # fmt: skip
        """Raises CountingUnderWay when more than ``most_fresh`` events are not in the tables yet."""
        self._connection = connection
        self._calendar = calendar
        self._has_tables = ledger.progress(connection) is not None
        self._fresh = ledger.fresh(connection, most=most_fresh)

    def account(
        self, now: tuple[date, SchoolYear], before: tuple[date, SchoolYear], targets: FigureTargets
    ) -> FiguresAccount:
        """The figures at two dates, each of the requests of a school year."""
        return FiguresAccount(now=self.at(*now), before=self.at(*before), weeks=self.weeks(*now), targets=targets)

    def at(self, day: date, school_year: SchoolYear) -> FiguresAt:
        """The figures at the end of a day."""
        counts = self._totals(day, str(school_year), COUNTS)
        former = self._totals(day, str(SchoolYear(school_year.start - 1)), ("keys", "renewed"))
        delays = self._delays(day, str(school_year))
        in_directory = select(ESTABLISHMENT.c.departement, func.count()).where(ESTABLISHMENT.c.is_open)
        rows = self._connection.execute(in_directory.group_by(ESTABLISHMENT.c.departement))
        schools = {departement: number for departement, number in rows}  # noqa: C416
        codes = counts.keys() | former.keys() | delays.keys() | schools.keys()
        return FiguresAt(
            day=day, school_year=school_year,
            places={
                code: PlaceFigures(
                    counts=counts.get(code, Counter()), delays=delays.get(code, Counter()),
                    former_keys=former.get(code, Counter())["keys"], renewed=former.get(code, Counter())["renewed"],
                    open_establishments=schools.get(code, 0),
                )
                for code in codes
            },
        )  # fmt: skip

    def weeks(self, day: date, school_year: SchoolYear) -> tuple[WeekPoint, ...]:
        """The académie's main figures every week until that day, since the year's first declaration."""
        by_day = self._by_day(str(school_year))
        if not by_day or min(by_day) > day:
            return ()
        points, total = [], Counter[str]()
        days = sorted(by_day)
        ends = [day]  # a week apart, the first in the week of the first change, or two years before
        while ends[-1] - _WEEK >= days[0] and len(ends) < _MOST_WEEKS:
            ends.append(ends[-1] - _WEEK)
        for end in reversed(ends):
            while days and days[0] <= end:
                total.update(by_day[days.pop(0)])
            figures = PlaceFigures(counts=total, delays={})
            points.append(
                WeekPoint(end, figures.establishments, figures.in_service, figures.handovers, figures.late)
            )  # fmt: skip
        return tuple(points)

    def _totals(self, day: date, school_year: str, names: Sequence[str]) -> dict[str, Counter[str]]:
        """Counts at the end of a day, by département."""
        totals: dict[str, Counter[str]] = defaultdict(Counter)
        table = DAILY_FIGURE
        if self._has_tables:
            query = select(table.c.departement, *(func.sum(table.c[name]) for name in names))
            of_year = query.where(table.c.school_year == school_year, table.c.day <= day)
            for departement, *numbers in self._connection.execute(of_year.group_by(table.c.departement)):
                totals[departement].update(dict(zip(names, map(int, numbers), strict=True)))
        for (year, departement, changed_on, name), number in self._fresh.days.items():
            if year == school_year and changed_on <= day and name in names:
                totals[departement][name] += number
        return totals

    def _by_day(self, school_year: str) -> dict[date, Counter[str]]:
        """The changes of the counts that the weeks show, of the whole académie, by day."""
        changes: dict[date, Counter[str]] = defaultdict(Counter)
        table = DAILY_FIGURE
        if self._has_tables:
            query = select(table.c.day, *(func.sum(table.c[name]) for name in _WEEKLY))
            for day, *numbers in self._connection.execute(
                query.where(table.c.school_year == school_year).group_by(table.c.day)
            ):
                changes[day].update(dict(zip(_WEEKLY, map(int, numbers), strict=True)))
        for (year, _, day, name), number in self._fresh.days.items():
            if year == school_year and name in _WEEKLY:
                changes[day][name] += number
        return changes

    def _delays(self, day: date, school_year: str) -> dict[str, Counter[int]]:
        table = HANDOVER_DELAY
        delays: dict[str, Counter[int]] = defaultdict(Counter)
        if self._has_tables:
            query = select(table.c.departement, table.c.days, func.sum(table.c.number))
            of_year = query.where(table.c.school_year == school_year, table.c.day <= day)
            for departement, days, number in self._connection.execute(
                of_year.group_by(table.c.departement, table.c.days)
            ):
                delays[departement][days] += int(number)
        for (year, departement, handed_on, days), number in self._fresh.delays.items():
            if year == school_year and handed_on <= day:
                delays[departement][days] += number
        return delays


class DayToCome(ValueError):
    """A day of which there are no figures yet; the message says so in French."""


@dataclass(frozen=True, kw_only=True)
class FiguresChoice:
    """``day`` beside the earlier day ``before``. ``year`` None: at each of them, the year that runs then."""

    day: date
    before: date
    year: SchoolYear | None = None

    def year_at(self, calendar: SchoolCalendar, day: date) -> SchoolYear:
        return self.year or year_of(calendar, day)


def choose(
    connection: Connection, calendar: SchoolCalendar, today: date, *, day: date | None = None,
    before: date | None = None, year: SchoolYear | None = None,
) -> FiguresChoice:  # fmt: skip
    """Choose the days and the year, with a proposal for what is not given. Raises DayToCome.

    Proposed: today, or the last day of a year that is over; beside the same day a year earlier when there were requests
    for that year, else the opening of the campaign.
    """
    for given in (day, before):
        if given and given > today:
            raise DayToCome(f"Le {given:%d/%m/%Y} est à venir : donner un jour passé, ou aujourd'hui.")
    day = day or (min(today, calendar.end_of(year).last_day) if year else today)
    if before:
        return FiguresChoice(day=day, before=before, year=year)
    a_year_ago = months_before(day, 12)
    if year is None and year_of(calendar, a_year_ago) in years_counted(connection):
        return FiguresChoice(day=day, before=a_year_ago)
    year = year or year_of(calendar, day)
    opening = calendar.opening_day(year)
    return FiguresChoice(day=day, before=opening if opening < day else day - timedelta(days=7), year=year)


def account_of(
    connection: Connection, ledger: FigureLedger, calendar: SchoolCalendar, choice: FiguresChoice,
    targets: TargetsSettings, most_fresh: int | None = MOST_FRESH_EVENTS,
) -> FiguresAccount:  # fmt: skip
    """The figures that were asked for. Raises CountingUnderWay when more than ``most_fresh`` events are not counted."""
    reader = FiguresReader(connection, ledger, calendar, most_fresh)
    now, before = choice.year_at(calendar, choice.day), choice.year_at(calendar, choice.before)
    wanted = FigureTargets(**targets.model_dump())
    return reader.account((choice.day, now), (choice.before, before), wanted)


def _nth(delays: Mapping[int, int], rank: int) -> int:
    """The delay at a rank from 0, in ascending order."""
    for days, seen in zip(sorted(delays), accumulate(delays[days] for days in sorted(delays)), strict=True):
        if rank < seen:
            return days
    raise IndexError(rank)


def _in_order(codes: Iterable[str]) -> list[str]:
    """Codes of départements, the unknown one last."""
    return sorted(codes, key=lambda code: (code == "", code))
