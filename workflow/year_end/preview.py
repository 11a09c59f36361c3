"""What the end of a school year would do on a given day, without writing anything (R53)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select

from notifications.mailer import Mailer
from notifications.messages.facts import DepartementCount
from notifications.sql import batches
from notifications.vocabulary import Kind
from states.decision import OpenRemoval, RequestEvent
from states.rules.schedule import RECORDED_AHEAD, BrakeDecision, Hold
from states.school_calendar import SchoolYear
from states.vocabulary import CodeStatus, RemovalKind, State
from workflow.database.mapping import establishment_from, school_year
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, RECORD, REMOVAL, REPORT, REQUEST
from workflow.journal import installation
from workflow.requests.filters import UNDELIVERABLE
from workflow.year_end.figures import (
    COUNTED,
    COUNTED_AS,
    Anomaly,
    EstablishmentEnd,
    ExpiringRequest,
    Held,
    Summary,
    YearSummary,
)
from workflow.year_end.holds import YearEndStatus
from workflow.year_end.renewals import renewed, renewed_among
from workflow.year_end.service import YearEnds

# The figures of a year's end that is foreseen, counted by the database: the same as walking through it all (R53).


_BARE: Final = func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") == ""


_REPORTED: Final = REQUEST.c.reference.in_(select(REPORT.c.reference).where(REPORT.c.settlement.is_(None)))


_TASK: Final = case(
    (REQUEST.c.code_issued_at.is_not(None), RemovalKind.REMOVE_RIGHTS.value),
    (REQUEST.c.key_possible, RemovalKind.KEY_ENABLED.value),
)
"""The task that a revocation opens (R47)."""


def count(connection: Connection, year: YearSummary) -> None:
    """Fill the summary, in a few queries whatever the number of requests."""
    _requests(connection, year)
    _establishments(connection, year)
    for oddity, condition in ((Anomaly.CODE_UNDELIVERABLE, UNDELIVERABLE), (Anomaly.OPEN_REPORT, _REPORTED)):
        if found := _how_many(connection, year, condition):
            year.oddities[oddity] = found
    year.renewed = _how_many(connection, year, renewed(year.end.school_year))


def _live(year: YearSummary) -> tuple[ColumnElement[bool], ...]:
    return (REQUEST.c.school_year == str(year.end.school_year), IS_LIVE)


def _how_many(connection: Connection, year: YearSummary, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(REQUEST).where(*_live(year), condition)
    return int(connection.execute(query).scalar_one())


def _requests(connection: Connection, year: YearSummary) -> None:
    place, task = ESTABLISHMENT.c.departement, _TASK.label("task")
    query = (
        select(place, REQUEST.c.state, task, func.count())
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(*_live(year))
        .group_by(place, REQUEST.c.state, task)
    )
    for departement, state, kind, number in connection.execute(query):
        year.requests += number
        year.departements[departement] += number
        year.states[State.of(state)] += number
        year.shares[departement]["revoked"] += number
        if kind:
            year.removals[RemovalKind.of(kind)] += number
            year.shares[departement][COUNTED_AS[RemovalKind.of(kind)]] += number


def _establishments(connection: Connection, year: YearSummary) -> None:
    theirs = exists().where(REQUEST.c.uai == ESTABLISHMENT.c.uai, *_live(year))
    flags = (ESTABLISHMENT.c.departement, _BARE.label("bare"), ESTABLISHMENT.c.is_open)
    for departement, bare, is_open, number in connection.execute(
        select(*flags, func.count()).where(theirs).group_by(*flags)
    ):
        year.establishments += number
        year.shares[departement]["establishments"] += number
        if not is_open:
            year.oddities[Anomaly.CLOSED] += number
        if bare:
            year.oddities[Anomaly.NO_MAILBOX] += number
        else:
            year.mails[Kind.YEAR_END] += number
    untold = select(ESTABLISHMENT).where(theirs, _BARE).order_by(ESTABLISHMENT.c.uai)
    year.without_mailbox += [establishment_from(row) for row in connection.execute(untold)]


def next_uais(
    connection: Connection, year: YearSummary, *, after: str, departements: list[str], odd_only: bool, limit: int
) -> list[str]:
    """The establishments that follow ``after`` among those with a request to revoke, by UAI; ``departements`` are the
    spellings of one, none for all."""
    narrowed = _narrowed(select(ESTABLISHMENT.c.uai), year, departements, odd_only=odd_only)
    query = narrowed.where(ESTABLISHMENT.c.uai > after).order_by(ESTABLISHMENT.c.uai).limit(limit)
    return list(connection.execute(query).scalars())


def _narrowed(query: Select[Any], year: YearSummary, departements: list[str], *, odd_only: bool) -> Select[Any]:
    return query.where(and_(*_conditions(year, departements, odd_only=odd_only)))


def _conditions(year: YearSummary, departements: list[str], *, odd_only: bool) -> Iterator[ColumnElement[bool]]:
    theirs = (REQUEST.c.uai == ESTABLISHMENT.c.uai, *_live(year))
    if odd_only:
        odd = exists().where(*theirs, or_(UNDELIVERABLE, _REPORTED))
        yield or_(_BARE, ESTABLISHMENT.c.is_open.is_(False), odd)
    yield exists().where(*theirs)
    if departements:
        yield ESTABLISHMENT.c.departement.in_(departements)


__all__ = ["Anomaly", "EstablishmentEnd", "Preview", "PreviewPage", "Summary", "YearSummary", "count_live"]


Place = tuple[SchoolYear, str]
"""Where an establishment stands: its year, its UAI."""


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """Some establishments; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[EstablishmentEnd, ...]
    after: Place | None


class Preview:
    """A dry run of the ends past at ``at`` (aware UTC), inside one read transaction.

    Walk through ``establishments()`` to the end, batch by batch, in bounded memory: ``summary`` is whole afterwards.
    Or let the database ``count()`` it, and look at a ``page()``: quick whatever the number of requests. ``now`` tells
    which holds of the brake can still be avoided.
    """

    def __init__(
        self, connection: Connection, year_ends: YearEnds, mailer: Mailer, *, now: datetime, at: datetime
    ) -> None:
        self._connection = connection
        self._year_ends = year_ends
        self._mailer = mailer
        held = _holds(connection, year_ends.verdicts(connection, at), now)
        years = [YearSummary(end=e, held=held.get(e.school_year)) for e in year_ends.ending_by(connection, at)]
        first = min((year.end.school_year for year in years), default=None)
        self.summary = Summary(at=at, years=years, earlier_removals=self._earlier_removals(first))

    def establishments(self) -> Iterator[EstablishmentEnd]:
        """Each establishment with its requests and its mail, year after year, by UAI."""
        actor = installation.schedule_actor_in(self._connection)
        years = {year.end.school_year: year for year in self.summary.years}
        for batch in self._year_ends.preview(self._connection, self.summary.at, actor):
            for one in self._of(batch):
                years[one.school_year].add(one)
                yield one
        for year in self.summary.years:
            self._report(year)

    def count(self) -> Summary:
        """The whole summary at once, in place of a walk."""
        for year in self.summary.years:
            count(self._connection, year)
            self._report(year)
        return self.summary

    def page(self, *, after: Place | None, departements: list[str], odd_only: bool, limit: int) -> PreviewPage:
        """Establishments that follow the place ``after``, year after year, by UAI; ``departements`` are the spellings
        of the only one to list, none for all."""
        actor = installation.schedule_actor_in(self._connection)
        lines: list[EstablishmentEnd] = []
        for year in self.summary.years:
            if after and year.end.school_year < after[0]:
                continue
            beyond = after[1] if after and after[0] == year.end.school_year else ""
            uais = next_uais(
                self._connection, year, after=beyond, departements=departements, odd_only=odd_only,
                limit=limit + 1 - len(lines),
            )  # fmt: skip
            if uais:
                lines += self._of(self._year_ends.preview_of(self._connection, year.end, uais, self.summary.at, actor))
        shown = lines[:limit]
        more = (shown[-1].school_year, shown[-1].establishment.uai) if len(lines) > limit else None
        return PreviewPage(tuple(shown), more)

    def _of(self, batch: Sequence[RequestEvent]) -> Iterator[EstablishmentEnd]:
        fates = self._mailer.code_statuses(self._connection, [h.before for h in batch if h.before])
        reported = self._reported([event.request.reference for event in batch])
        renewed = self._renewed(batch)
        mails = {draft.uai: draft for draft in self._mailer.drafts(batch)}
        for uai, together in groupby(batch, key=lambda event: event.request.uai):
            events = list(together)
            place = events[0].establishment
            odd = {Anomaly.NO_MAILBOX: not place.mailbox, Anomaly.CLOSED: not place.is_open}
            yield EstablishmentEnd(
                school_year=events[0].request.school_year, establishment=place, mail=mails[uai],
                requests=tuple(_ending(event, fates, reported, renewed) for event in events),
                oddities=tuple(oddity for oddity, is_so in odd.items() if is_so),
            )  # fmt: skip

    def _reported(self, references: list[str]) -> set[str]:
        found: set[str] = set()
        for some in batches(references):
            query = select(REPORT.c.reference).where(REPORT.c.reference.in_(some), REPORT.c.settlement.is_(None))
            found.update(self._connection.execute(query).scalars())
        return found

    def _renewed(self, batch: Sequence[RequestEvent]) -> set[str]:
        """All are of one year: a batch of the sweep is."""
        references = [event.request.reference for event in batch]
        return renewed_among(self._connection, batch[0].request.school_year, references) if batch else set()

    def _report(self, year: YearSummary) -> None:
        """The operators' mail, as the sweep would write it when it closes the year (R54)."""
        if not year.requests:
            return
        code, kinds = ESTABLISHMENT.c.departement, {kind.value: name for kind, name in COUNTED_AS.items()}
        left = (
            select(code, REMOVAL.c.kind, func.count())
            .join(REQUEST, REQUEST.c.uai == ESTABLISHMENT.c.uai)
            .join(REMOVAL, REMOVAL.c.reference == REQUEST.c.reference)
            .where(REQUEST.c.school_year == str(year.end.school_year), REMOVAL.c.outcome.is_(None))
            .group_by(code, REMOVAL.c.kind)
        )
        for departement, kind, count in self._connection.execute(left):
            year.shares[departement][kinds[kind]] += count
        counts = [DepartementCount(code=one, **{name: year.shares[one][name] for name in COUNTED})
                  for one in sorted(year.shares)]  # fmt: skip
        year.report = self._mailer.reports.year_end_report(
            year.end, revoked=year.requests, establishments=year.establishments,
            removals=sum(one.removals for one in counts), questions=sum(one.questions for one in counts),
            without_mailbox=year.without_mailbox, departements=counts,
        )  # fmt: skip

    def _earlier_removals(self, first: SchoolYear | None) -> dict[SchoolYear, int]:
        if first is None:
            return {}
        query = (
            select(REQUEST.c.school_year, func.count())
            .join(REMOVAL, REQUEST.c.reference == REMOVAL.c.reference)
            .where(REQUEST.c.school_year < str(first), REMOVAL.c.outcome.is_(None))
            .group_by(REQUEST.c.school_year)
            .order_by(REQUEST.c.school_year)
        )
        return {school_year(text): count for text, count in self._connection.execute(query)}


def _holds(connection: Connection, judged: Iterable[YearEndStatus], now: datetime) -> dict[SchoolYear, Held]:
    """What the brake holds, or would: a schedule that runs records an end in time, and gives signs of life."""
    records = connection.execute(select(RECORD.c.school_year, RECORD.c.held_why).where(RECORD.c.held_why.is_not(None)))
    known = {school_year(row.school_year): Hold.of(row.held_why) for row in records}
    found = {}
    for one in judged:
        year = one.end.school_year
        if one.verdict is BrakeDecision.HELD:
            found[year] = Held(known[year], avoidable=False)
        elif one.hold:
            needed = timedelta() if one.hold is Hold.ABSENCE else RECORDED_AHEAD
            in_time = one.hold is not Hold.TOO_RECENT and now < one.end.ends_at - needed
            found[year] = Held(one.hold, avoidable=in_time)
    return found


def _ending(
    event: RequestEvent, fates: Mapping[str, CodeStatus], reported: set[str], renewed: set[str]
) -> ExpiringRequest:
    request = event.before or event.request
    odd = {
        Anomaly.CODE_UNDELIVERABLE: fates.get(request.reference) is CodeStatus.UNDELIVERABLE,
        Anomaly.OPEN_REPORT: request.reference in reported,
    }
    removals = [effect.kind for effect in event.decision.effects if isinstance(effect, OpenRemoval)]
    return ExpiringRequest(
        request=request, removal=removals[0] if removals else None,
        oddities=tuple(oddity for oddity, is_so in odd.items() if is_so), renewed=request.reference in renewed,
    )  # fmt: skip


def count_live(connection: Connection, year: SchoolYear) -> tuple[int, int]:
    """The live requests of a school year, and in how many establishments."""
    count = select(func.count(), func.count(REQUEST.c.uai.distinct()))
    requests, establishments = connection.execute(count.where(REQUEST.c.school_year == str(year), IS_LIVE)).one()
    return int(requests), int(establishments)
