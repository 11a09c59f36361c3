"""The journal counted day by day into tables, so that no page counts it anew (R99).

The journal is the truth: ``verify`` compares, ``rebuild`` makes anew. A pass of the schedule counts what has been there
for three minutes; who reads adds the events since. An establishment's events are always played from the first one, so
that nothing but the tables of counts has to be kept.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from notifications.ports import Clock
from notifications.sql import batches, insert_rows
from workflow.database.connection import Database
from workflow.database.journal_tables import DAILY_FIGURE, EVENT, FIGURE_PLACE, FIGURE_PROGRESS, HANDOVER_DELAY
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.figures.counting import (
    COUNTS,
    MAIL_EVENTS,
    WITH_DATA,
    CountedEvent,
    CountingRules,
    Replay,
    added,
    data_of,
    is_of_code,
)

SETTLED: Final = timedelta(minutes=3)
"""Older events are all committed: none can come before one that was counted."""

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

_END: Final = datetime(9999, 12, 31, tzinfo=UTC)

MOST_FRESH_EVENTS: Final = 5_000
"""Events that a page may count by itself: with more, it says that the counting is under way."""

ESTABLISHMENTS_AT_A_TIME: Final = 40

DayKey = tuple[str, str, date, str]
"""School year, département, day, count."""

DelayKey = tuple[str, str, date, int]
"""School year, département, day of the hand-over, days since the declaration."""

_MAIL_EVENT: Final = EVENT.c.kind.in_([literal_column(f"'{kind}'") for kind in MAIL_EVENTS])
"""Written out, never bound: a partial index serves only a condition that it can recognise."""

_WITHIN: Final = and_(EVENT.c.at > bindparam("after"), EVENT.c.at <= bindparam("through"))
"""After an instant, up to another."""

# Statements are built once: to build one takes as long as to execute it.
_COUNT: Final = select(func.count()).select_from(EVENT).where(_WITHIN)

_TOUCHED: Final = select(REQUEST.c.uai).join(EVENT, EVENT.c.stream == REQUEST.c.reference).where(_WITHIN).distinct()

_TOUCHED_BY_MAILS: Final = select(EVENT.c.canonical).where(_MAIL_EVENT, _WITHIN)

_PROGRESS: Final = select(FIGURE_PROGRESS.c.through, FIGURE_PROGRESS.c.events, FIGURE_PROGRESS.c.rules)

_MOVED_ON: Final = update(FIGURE_PROGRESS).values(through=bindparam("reached"), events=bindparam("counted"))

_PLACES: Final = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.departement)

_PLACES_OF: Final = _PLACES.where(ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True)))

_STORED_PLACES: Final = select(FIGURE_PLACE.c.uai, FIGURE_PLACE.c.departement)

_OF_ESTABLISHMENTS: Final = (
    select(
        REQUEST.c.uai, REQUEST.c.school_year, EVENT.c.at, EVENT.c.stream, EVENT.c.seq, EVENT.c.kind, EVENT.c.to_state,
        case((EVENT.c.kind.in_(WITH_DATA), EVENT.c.canonical)),
    )
    .join(EVENT, EVENT.c.stream == REQUEST.c.reference)
    .where(REQUEST.c.uai.in_(bindparam("uais", expanding=True)))
)  # fmt: skip

_MAILS_SINCE: Final = select(EVENT.c.at, EVENT.c.seq, EVENT.c.kind, EVENT.c.canonical).where(
    _MAIL_EVENT, EVENT.c.at >= bindparam("since")
)

_STORED_DAYS: Final = select(DAILY_FIGURE.c.school_year, DAILY_FIGURE.c.departement, DAILY_FIGURE.c.day).where(
    DAILY_FIGURE.c.day.in_(bindparam("days", expanding=True))
)

Advance = Callable[[int], None]


class CountingUnderWay(Exception):
    """Les chiffres se comptent d'après le journal, et ce n'est pas fini : revenir dans une minute, ou lancer « oda
    figures rebuild »."""


@dataclass
class CountedChanges:
    """Changes of counts by day, and first hand-overs by day and delay; what came to nothing is left out."""

    days: dict[DayKey, int] = field(default_factory=dict)
    delays: dict[DelayKey, int] = field(default_factory=dict)

    def add(self, replay: Replay, departement: str, after: datetime, through: datetime | None = None) -> None:
        """Add what the events of an establishment changed after an instant, and up to another."""
        for delta in replay.deltas:
            if delta.cause > after and (through is None or delta.cause <= through):
                added(self.days, (delta.school_year, departement, delta.day, delta.name), delta.number)
        for first in replay.handovers:
            if first.cause > after and (through is None or first.cause <= through):
                added(self.delays, (first.school_year, departement, first.day, first.days), 1)


_LOOK: Final = select(
    FIGURE_PROGRESS,
    exists().where(EVENT.c.at > FIGURE_PROGRESS.c.through, EVENT.c.at <= bindparam("through")).label("has_new"),
    exists()
    .where(ESTABLISHMENT.c.uai == FIGURE_PLACE.c.uai, ESTABLISHMENT.c.departement != FIGURE_PLACE.c.departement)
    .label("has_moved"),
)
"""How far the tables go, whether events are settled since, and whether an establishment has moved: in one look."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The reach of the tables: the journal up to ``through``, ``events`` of them."""

    through: datetime
    events: int
    rules: str


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """A count of the tables that the journal does not give: ``count`` is a column, or the days of a delay."""

    school_year: str
    departement: str
    day: date
    count: str
    stored: int
    counted: int


class FigureLedger:
    """The tables of counts: brought up to date, read with what is fresh, verified, made anew."""

    def __init__(self, database: Database, clock: Clock, rules: CountingRules) -> None:
        self._database = database
        self._clock = clock
        self.rules, self._rules_text = rules, str(rules)

    def catch_up(self, progress: Advance = lambda _: None) -> int:
        """Count the events that are settled and not counted yet; return how many establishments they are of.

        All is counted anew when the rules have changed, a département too, or when an event is there that was not.
        """
        through = self._clock.now() - SETTLED
        with self._database.read() as connection:
            look = connection.execute(_LOOK, {"through": through}).one_or_none()
            is_due = look is None or self._is_stale(connection, look, through)
        if is_due:
            return self.rebuild(progress)
        return self._advance(through) if look and look.has_new else 0

    def rebuild(self, progress: Advance = lambda _: None) -> int:
        """Count the whole journal anew; return how many establishments it is of. Nothing waits while it counts."""
        through = self._clock.now() - SETTLED
        with self._database.read() as connection:
            events = _events(connection, through=through)
            places = _places(connection)
            changes = self._count_all(connection, places, through, progress)
        with self._database.write() as connection:
            _lock(connection)
            for table in (DAILY_FIGURE, HANDOVER_DELAY, FIGURE_PLACE, FIGURE_PROGRESS):
                connection.execute(delete(table))
            insert_rows(connection, DAILY_FIGURE, [
                {"school_year": school_year, "departement": departement, "day": day, **counts}
                for (school_year, departement, day), counts in _counts_by_day(changes.days).items()
            ])  # fmt: skip
            insert_rows(connection, HANDOVER_DELAY, [
                {"school_year": school_year, "departement": departement, "day": day, "days": days, "number": number}
                for (school_year, departement, day, days), number in changes.delays.items()
            ])  # fmt: skip
            insert_rows(connection, FIGURE_PLACE, [{"uai": uai, "departement": place} for uai, place in places.items()])
            row = {"id": 1, "through": through, "events": events, "rules": self._rules_text}
            connection.execute(insert(FIGURE_PROGRESS), [row])
        return len(places)

    def verify(self, progress: Advance = lambda _: None) -> list[FigureDifference]:
        """Compare the tables with the journal; return what differs, nothing for tables that were never made.

        An event written since with an earlier date shows as a difference: the next pass counts all anew.
        """
        with self._database.read() as connection:
            done = _progress(connection)
            if done is None:
                return []
            changes = self._count_all(connection, _stored_places(connection), done.through, progress)
            stored = _stored(connection)
        days = [
            FigureDifference(*key, stored.days.get(key, 0), changes.days.get(key, 0))
            for key in sorted(stored.days.keys() | changes.days.keys())
        ]  # fmt: skip
        delays = [
            FigureDifference(year, place, day, f"{days} j", stored.delays.get(key, 0), changes.delays.get(key, 0))
            for key in sorted(stored.delays.keys() | changes.delays.keys())
            for year, place, day, days in [key]
        ]  # fmt: skip
        return [difference for difference in days + delays if difference.stored != difference.counted]

    def progress(self, connection: Connection) -> Progress | None:
        """Return the reach of the tables, None when they were never made under these rules."""
        done = _progress(connection)
        return done if done and done.rules == self._rules_text else None

    def fresh(self, connection: Connection, *, most: int | None = MOST_FRESH_EVENTS) -> CountedChanges:
        """The changes that are not in the tables yet. Raises CountingUnderWay when they are of ``most`` events."""
        done = self.progress(connection)
        after = done.through if done else BEGINNING
        if most is not None and _events(connection, after=after) > most:
            raise CountingUnderWay
        uais = _touched(connection, after)
        places = _places(connection, uais) | (_stored_places(connection, uais) if done else {})
        changes = CountedChanges()
        for uai, replay in self._replays(connection, uais):
            changes.add(replay, places.get(uai, ""), after)
        return changes

    def _is_stale(self, connection: Connection, look: Any, through: datetime) -> bool:
        """True when the tables do not hold what the journal says up to where they go.

        All events are counted, which takes a moment, only while new ones come.
        """
        if look.rules != self._rules_text or look.through > through + SETTLED or look.has_moved:
            return True
        return bool(look.has_new) and _events(connection, through=look.through) != look.events

    def _advance(self, through: datetime) -> int:
        """Add what the newly settled events changed; one transaction, one node at a time."""
        with self._database.write() as connection:
            _lock(connection)
            done = _progress(connection)
            if done is None or done.through >= through:
                return 0
            uais = _touched(connection, done.through, through)
            places = _places(connection, uais)
            changes = CountedChanges()
            for uai, replay in self._replays(connection, uais):
                changes.add(replay, places.get(uai, ""), done.through, through)
            _merge(connection, changes)
            known = _stored_places(connection, places.keys()) if places else {}
            new = [{"uai": uai, "departement": place} for uai, place in places.items() if uai not in known]
            insert_rows(connection, FIGURE_PLACE, new)
            counted = done.events + _events(connection, after=done.through, through=through)
            connection.execute(_MOVED_ON, {"reached": through, "counted": counted})
        return len(uais)

    def _count_all(
        self, connection: Connection, places: Mapping[str, str], through: datetime, progress: Advance
    ) -> CountedChanges:  # fmt: skip
        changes = CountedChanges()
        for uai, replay in self._replays(connection, sorted(places)):
            changes.add(replay, places[uai], BEGINNING, through)
            progress(1)
        return changes

    def _replays(self, connection: Connection, uais: Collection[str]) -> Iterator[tuple[str, Replay]]:
        """The events of these establishments, played one establishment after the other in bounded memory."""
        mails: dict[str, list[CountedEvent]] | None = None
        ordered = iter(sorted(uais))
        while batch := list(islice(ordered, ESTABLISHMENTS_AT_A_TIME)):
            years, events = _load(connection, batch)
            if mails is None:  # none of a code was lost before the first code
                codes = [each.at for played in events.values() for each in played if each.to_state == "code_issued"]
                mails = _mail_events(connection, None if len(uais) > len(batch) else min(codes, default=None))
            for uai in batch:
                replay = Replay(self.rules)
                of_mails = [event for reference in years[uai] for event in mails.get(reference, ())]
                replay.play(years[uai], events[uai] + of_mails)
                yield uai, replay


def _lock(connection: Connection) -> None:
    """One node counts at a time; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {FIGURE_PROGRESS.name} IN SHARE ROW EXCLUSIVE MODE")


def _load(
    connection: Connection, uais: Sequence[str]
) -> tuple[dict[str, dict[str, str]], dict[str, list[CountedEvent]]]:
    """The school year of each request of these establishments, and all their events."""
    years: dict[str, dict[str, str]] = defaultdict(dict)
    events: dict[str, list[CountedEvent]] = defaultdict(list)
    rows = connection.execute(_OF_ESTABLISHMENTS, {"uais": uais})
    for uai, year, at, reference, seq, kind, to_state, text in rows:
        years[uai][reference] = year
        events[uai].append(CountedEvent(at, reference, seq, kind, to_state, data_of(text)))
    return years, events


def _mail_events(connection: Connection, since: datetime | None) -> dict[str, list[CountedEvent]]:
    """The events of codes that did not arrive, by the reference of their request."""
    events: dict[str, list[CountedEvent]] = defaultdict(list)
    for at, seq, kind, canonical in connection.execute(_MAILS_SINCE, {"since": since or BEGINNING}):
        data = data_of(canonical)
        if is_of_code(data):
            events[data["reference"]].append(CountedEvent(at, data["reference"], seq, kind, None, data))
    return events


def _touched(connection: Connection, after: datetime, through: datetime = _END) -> set[str]:
    """The establishments of the events after an instant."""
    when = {"after": after, "through": through}
    touched = set(connection.execute(_TOUCHED, when).scalars())
    mails = connection.execute(_TOUCHED_BY_MAILS, when).scalars()
    of_codes = [data for data in map(data_of, mails) if is_of_code(data)]
    for references in batches({data["reference"] for data in of_codes}):
        touched |= set(connection.execute(select(REQUEST.c.uai).where(REQUEST.c.reference.in_(references))).scalars())
    return touched


def _events(connection: Connection, *, after: datetime = BEGINNING, through: datetime = _END) -> int:
    return int(connection.execute(_COUNT, {"after": after, "through": through}).scalar_one())


def _progress(connection: Connection) -> Progress | None:
    row = connection.execute(_PROGRESS).one_or_none()
    return Progress(*row) if row else None


def _places(connection: Connection, uais: Collection[str] | None = None) -> dict[str, str]:
    """The département of these establishments in the directory; of all that have a request, without any."""
    if uais is None:
        rows = connection.execute(_PLACES.where(ESTABLISHMENT.c.uai.in_(select(REQUEST.c.uai))))
        return {uai: departement for uai, departement in rows}  # noqa: C416
    places: dict[str, str] = {}
    for batch in batches(sorted(uais)):
        rows = connection.execute(_PLACES_OF, {"uais": batch})
        places |= {uai: departement for uai, departement in rows}  # noqa: C416
    return places


def _stored_places(connection: Connection, uais: Collection[str] | None = None) -> dict[str, str]:
    rows = connection.execute(_STORED_PLACES)
    return {uai: departement for uai, departement in rows if uais is None or uai in uais}


def _stored(connection: Connection) -> CountedChanges:
    """The tables as changes; what came to nothing is left out."""
    changes = CountedChanges()
    for row in connection.execute(select(DAILY_FIGURE)):
        for name in COUNTS:
            added(changes.days, (row.school_year, row.departement, row.day, name), getattr(row, name))
    for row in connection.execute(select(HANDOVER_DELAY)):
        added(changes.delays, (row.school_year, row.departement, row.day, row.days), row.number)
    return changes


_DAY_KEY: Final = ("school_year", "departement", "day")

_DELAY_KEY: Final = (*_DAY_KEY, "days")


@cache
def _build_increase(table: Table, key: tuple[str, ...], counts: tuple[str, ...]) -> Update:
    """Add numbers to the counts of a row: a ``b_<column>`` each for its key, a ``n_<column>`` for what is added."""
    is_row = (table.c[name] == bindparam(f"b_{name}") for name in key)
    return update(table).where(*is_row).values({name: table.c[name] + bindparam(f"n_{name}") for name in counts})


def _increase_row(
    connection: Connection, table: Table, key: Mapping[str, Any], counts: Mapping[str, int]
) -> bool:  # fmt: skip
    """Add to the row of this key; False when there is none."""
    key_values = {f"b_{name}": value for name, value in key.items()}
    added_to = {f"n_{name}": number for name, number in counts.items()}
    return connection.execute(_build_increase(table, tuple(key), tuple(counts)), key_values | added_to).rowcount > 0


def _merge(connection: Connection, changes: CountedChanges) -> None:
    """Add changes to the rows that are there, by few statements: an establishment's day is a few rows."""
    fresh = _counts_by_day(changes.days)
    stored: set[tuple[str, str, date]] = set()
    for batch in batches(sorted({day for _, _, day in fresh})):
        rows = connection.execute(_STORED_DAYS, {"days": batch})
        stored |= {(year, departement, day) for year, departement, day in rows}
    new = []
    for day, counts in fresh.items():
        key = dict(zip(_DAY_KEY, day, strict=True))
        if day in stored:
            _increase_row(connection, DAILY_FIGURE, key, {name: number for name, number in counts.items() if number})
        else:
            new.append(key | counts)
    insert_rows(connection, DAILY_FIGURE, new)
    new_delays = []
    for delay, number in changes.delays.items():
        key = dict(zip(_DELAY_KEY, delay, strict=True))
        if not _increase_row(connection, HANDOVER_DELAY, key, {"number": number}):
            new_delays.append(key | {"number": number})
    insert_rows(connection, HANDOVER_DELAY, new_delays)


def _counts_by_day(days: Mapping[DayKey, int]) -> dict[tuple[str, str, date], dict[str, int]]:
    """The changes of every count, by school year, département and day."""
    counts: dict[tuple[str, str, date], dict[str, int]] = {}
    for (school_year, departement, day, name), number in days.items():
        counts.setdefault((school_year, departement, day), dict.fromkeys(COUNTS, 0))[name] = number
    return counts
