"""Rates of activated accounts, at two days, beside the establishments whose RUPN has a key (R100).

A rate is that of the numbers added up; the rates of parts are never averaged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, and_, case, func, literal_column, select

from states.validation import departement_name
from states.vocabulary import Labelled
from workflow.database.file_tables import ACTIVATION
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.requests.filters import UNDELIVERABLE

_RATE_SPACE: Final = "\u00a0"

_HAS_KEY: Final = and_(REQUEST.c.state == literal_column("'code_issued'"), ~UNDELIVERABLE)
"""A RUPN who has a key today: a code that did not arrive does not count (R58)."""


class Measure(Labelled):
    """The accounts that are counted; the value names their columns."""

    PUPILS = "pupil", "élèves"
    COLLEGES = "college", "élèves des collèges"
    LYCEES = "lycee", "élèves des lycées"
    PARENTS = "parent", "responsables"

    @property
    def decimals(self) -> int:
        """Decimals of its rates: one for a part of the pupils, none for the whole."""
        return 1 if self in (Measure.COLLEGES, Measure.LYCEES) else 0


@dataclass(frozen=True, slots=True)
class AccountCount:
    """A number of accounts, and how many of them are activated; ``accounts`` is not 0."""

    accounts: int
    activated: int

    def percent(self, decimals: int) -> Fraction:
        """The rate in percent, rounded half up: what is shown, compared and subtracted."""
        scale = 10**decimals
        return Fraction((200 * scale * self.activated + self.accounts) // (2 * self.accounts), scale)


def percent_text(percent: Fraction | None, *, sign: bool = False) -> str:
    """``57 %``, ``54,3 %``; « — » for nobody knows. ``sign``: a difference in points, ``+33``."""
    if percent is None:
        return "—"
    text = f"{float(percent):+.1f}" if sign else f"{float(percent):.1f}"
    text = text.removesuffix(".0").replace(".", ",").replace("-", "−")
    return text if sign else f"{text}{_RATE_SPACE}%"


def points_text(progress: Fraction | None) -> str:
    """``+33 points``, a difference of two rates; « — » for nobody knows."""
    if progress is None:
        return "—"
    return f"{percent_text(progress, sign=True)} {'point' if -2 < progress < 2 else 'points'}"


Counts = Mapping[Measure, AccountCount | None]


@dataclass(frozen=True, kw_only=True)
class ActivationLine:
    """A département, or the whole académie (``departement`` empty), at the two days.

    ``establishments`` are the open ones, ``with_key`` those that have a RUPN with a key, both as they are today.
    """

    departement: str
    name: str
    before: Counts = field(default_factory=dict)
    after: Counts = field(default_factory=dict)
    establishments: int = 0
    with_key: int = 0

    def counts(self, measure: Measure, *, at_first: bool = False) -> AccountCount | None:
        """The numbers at the last day, or at the first; None when nobody gave them."""
        return (self.before if at_first else self.after).get(measure)

    def rate(self, measure: Measure, *, at_first: bool = False) -> Fraction | None:
        """The rate in percent at the last day, or at the first."""
        count = self.counts(measure, at_first=at_first)
        return count.percent(measure.decimals) if count else None

    def progress(self, measure: Measure) -> Fraction | None:
        """The difference of the two rates as shown, in points."""
        first, last = self.rate(measure, at_first=True), self.rate(measure)
        return None if first is None or last is None else last - first


@dataclass(frozen=True, kw_only=True)
class ActivationTable:
    """The départements by name and the académie, at ``before`` (None: a single day is known) and ``after``."""

    before: date | None
    after: date
    lines: tuple[ActivationLine, ...]
    academie: ActivationLine

    @property
    def all_lines(self) -> tuple[ActivationLine, ...]:
        return (*self.lines, self.academie)


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentActivation:
    """An establishment at the last day, and whether its RUPN has a key today."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    has_key: bool
    pupils: AccountCount | None
    parents: AccountCount | None


def known_days(connection: Connection) -> list[date]:
    """The days of which numbers are known, the last first."""
    query = select(ACTIVATION.c.counted_on).distinct().order_by(ACTIVATION.c.counted_on.desc())
    return list(connection.execute(query).scalars())


def usual_days(days: Iterable[date]) -> tuple[date | None, date | None]:
    """The two days to compare: the last one, and the first of its school year, else the one before."""
    ordered = sorted(days)
    if len(ordered) < 2:
        return None, ordered[0] if ordered else None
    last = ordered[-1]
    start = date(last.year if last.month >= 9 else last.year - 1, 9, 1)
    earlier = ordered[:-1]
    return next((day for day in earlier if day >= start), earlier[-1]), last


def activation_table(connection: Connection, before: date | None, after: date) -> ActivationTable:
    """The rates of each département and of the académie; four queries, whatever the number of rows."""
    first = _counts(connection, before) if before else {}
    last = _counts(connection, after)
    has_rupn = ESTABLISHMENT.c.uai.in_(select(REQUEST.c.uai).where(_HAS_KEY))
    columns = (func.count().label("all"), func.sum(case((has_rupn, 1), else_=0)).label("own"))
    query = select(ESTABLISHMENT.c.departement, *columns).where(ESTABLISHMENT.c.is_open)
    rows = connection.execute(query.group_by(ESTABLISHMENT.c.departement)).mappings()
    schools = {row["departement"]: (int(row["all"]), int(row["own"])) for row in rows}
    codes = sorted({*first, *last} - {""}, key=departement_name) + [code for code in ("",) if code in {*first, *last}]
    lines = tuple(
        ActivationLine(
            departement=code, name=departement_name(code), before=_by_measure(first.get(code)),
            after=_by_measure(last.get(code)), establishments=schools.get(code, (0, 0))[0],
            with_key=schools.get(code, (0, 0))[1],
        )
        for code in codes
    )  # fmt: skip
    academie = ActivationLine(
        departement="", name="Académie", before=_by_measure(_added(first.values())),
        after=_by_measure(_added(last.values())), establishments=sum(line.establishments for line in lines),
        with_key=sum(line.with_key for line in lines),
    )  # fmt: skip
    return ActivationTable(before=before, after=after, lines=lines, academie=academie)


def where_help_is_missing(
    connection: Connection, day: date, measure: Measure, *, departement: str = ""
) -> list[EstablishmentActivation]:
    """The establishments of a day: those without a key first, then by the rate of this measure, the lowest first.

    Empty where the numbers of that day were given by département.
    """
    query = (
        select(ACTIVATION, ESTABLISHMENT.c.nom, ESTABLISHMENT.c.kind, ESTABLISHMENT.c.commune)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == ACTIVATION.c.place)
        .where(ACTIVATION.c.counted_on == day)
    )
    if departement:
        query = query.where(ACTIVATION.c.departement == departement)
    keys = set(connection.execute(select(REQUEST.c.uai).where(_HAS_KEY).distinct()).scalars())
    lines: list[tuple[tuple[bool, Fraction, str], EstablishmentActivation]] = []
    rows: Iterable[Any] = connection.execute(query)
    for row in rows:
        counts = _by_measure(row._mapping)
        line = EstablishmentActivation(
            uai=row.place, nom=row.nom, kind=row.kind, commune=row.commune, departement=row.departement,
            has_key=row.place in keys, pupils=counts[Measure.PUPILS], parents=counts[Measure.PARENTS],
        )  # fmt: skip
        count = counts[Measure.PARENTS if measure is Measure.PARENTS else Measure.PUPILS]
        rate = Fraction(count.activated, count.accounts) if count else Fraction(2)  # beyond all that are known
        lines.append(((line.has_key, rate, line.uai), line))
    return [line for _, line in sorted(lines, key=itemgetter(0))]


_COLUMNS: Final = tuple(f"{measure}_{part}" for measure in Measure for part in ("accounts", "activated"))


def _counts(connection: Connection, day: date) -> dict[str, dict[str, int | None]]:
    """The numbers of a day added up by département; a sum of nothing is None."""
    sums = [func.sum(ACTIVATION.c[name]).label(name) for name in _COLUMNS]
    query = select(ACTIVATION.c.departement, *sums).where(ACTIVATION.c.counted_on == day)
    rows = connection.execute(query.group_by(ACTIVATION.c.departement)).mappings()
    return {
        row["departement"]: {name: None if row[name] is None else int(row[name]) for name in _COLUMNS} for row in rows
    }


def _added(counts: Iterable[Mapping[str, int | None]]) -> dict[str, int | None]:
    """Numbers added up column by column; those that nobody gave count for nothing."""
    parts = list(counts)
    given: dict[str, list[int]] = {
        name: [number for part in parts if (number := part[name]) is not None] for name in _COLUMNS
    }
    return {name: sum(numbers) if numbers else None for name, numbers in given.items()}


def _by_measure(counts: Mapping[str, Any] | None) -> dict[Measure, AccountCount | None]:
    known = counts or {}
    accounts = {measure: known.get(f"{measure}_accounts") for measure in Measure}
    return {
        measure: AccountCount(count, known.get(f"{measure}_activated") or 0) if count else None
        for measure, count in accounts.items()
    }
