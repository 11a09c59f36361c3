"""Dry run of the end of a school year on a given day: nothing is written (R53)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, Connection, case, exists, func, or_, select

from notifications.mailer import Mailer
from notifications.messages.facts import DepartementCount
from notifications.sql import batches
from notifications.vocabulary import Draft, Kind
from states.decision import OpenRemoval, RequestEvent
from states.model import Establishment, Request
from states.rules.schedule import RECORDED_AHEAD, BrakeDecision, Hold
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import CodeStatus, Labelled, RemovalKind, State
from workflow.database.mapping import establishment_from, is_readable_year, school_year
from workflow.database.schedule_tables import RECORD
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REMOVAL, REPORT, REQUEST
from workflow.journal import chain
from workflow.requests.filters import UNDELIVERABLE
from workflow.year_end.renewals import renewed, renewed_among
from workflow.year_end.service import COUNTED, COUNTED_AS, YearEnds, YearEndStatus

PreviewCursor = tuple[SchoolYear, str]
"""The place of an establishment in the pages: its year, its UAI."""

_READ_TOGETHER: Final = 200
"""Establishments of a walk that are read together."""


class Anomaly(Labelled):
    """A fault that deserves a look before a year ends."""

    NO_MAILBOX = "no_mailbox", "établissement sans boîte : personne n'y sera prévenu"
    CLOSED = "closed", "établissement fermé"
    CODE_UNDELIVERABLE = "code_undeliverable", "code qui n'a pas été remis à l'établissement"
    OPEN_REPORT = "open_report", "signalement qui reste à régler"
    DATED_REVOCATION = "dated_revocation", "révocation prévue avant la fin de l'année"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpiringRequest:
    """One request that would be revoked, as it stands before.

    ``removal``: the task that would be opened (R47); ``renewed``: its person has a request for the next year in the
    same establishment already (R81).
    """

    request: Request
    removal: RemovalKind | None
    anomalies: tuple[Anomaly, ...] = ()
    renewed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentEnd:
    """An establishment's requests of a year that ends, and the mail that would leave for them (R54)."""

    school_year: SchoolYear
    establishment: Establishment
    requests: tuple[ExpiringRequest, ...]
    mail: Draft
    anomalies: tuple[Anomaly, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeseenHold:
    """A hold of the brake on an end (R51, R52); ``avoidable`` if the schedule runs regularly until then."""

    hold: Hold
    avoidable: bool


@dataclass(kw_only=True)
class YearSummary:
    """The counts of one year, complete once its establishments have been added, or counted by the database.

    ``report`` is the one mail to the operators (R54); ``mails`` counts those that have somewhere to go; ``shares`` is
    what the report counts in each département, by the names of ``DepartementCount``; ``renewed``: how many of its
    requests have one for the next year already (R81).
    """

    end: YearEnd
    foreseen_hold: ForeseenHold | None = None
    requests: int = 0
    renewed: int = 0
    establishments: int = 0
    states: Counter[State] = field(default_factory=Counter)
    departements: Counter[str] = field(default_factory=Counter)
    shares: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    removals: Counter[RemovalKind] = field(default_factory=Counter)
    mails: Counter[Kind] = field(default_factory=Counter)
    anomalies: Counter[Anomaly] = field(default_factory=Counter)
    without_mailbox: list[Establishment] = field(default_factory=list)
    report: Draft | None = None

    def add(self, establishment_end: EstablishmentEnd) -> None:
        """Count an establishment in."""
        establishment, requests = establishment_end.establishment, establishment_end.requests
        self.requests += len(requests)
        self.renewed += sum(ending.renewed for ending in requests)
        self.states.update(ending.request.state for ending in requests)
        self.establishments += 1
        self.departements[establishment.departement] += len(requests)
        self.removals.update(ending.removal for ending in requests if ending.removal)
        share = self.shares[establishment.departement]
        share.update(COUNTED_AS[ending.removal] for ending in requests if ending.removal)
        share.update(establishments=1, revoked=len(requests))
        self.anomalies.update(
            (*establishment_end.anomalies, *(anomaly for ending in requests for anomaly in ending.anomalies))
        )
        if establishment_end.mail.recipient:
            self.mails[establishment_end.mail.kind] += 1
        else:
            self.without_mailbox.append(establishment)


@dataclass(kw_only=True)
class Summary:
    """The years that end by the instant ``at`` (aware UTC) and have a live request.

    ``earlier_removals`` counts the tasks still open of the years before those, by year.
    """

    at: datetime
    years: list[YearSummary]
    earlier_removals: dict[SchoolYear, int]

    @property
    def requests(self) -> int:
        return sum(year.requests for year in self.years)

    @property
    def establishments(self) -> int:
        """Establishments, those of two years at once counted twice."""
        return sum(year.establishments for year in self.years)


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """Some establishments; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[EstablishmentEnd, ...]
    after: PreviewCursor | None


class Preview:
    """A dry run of the ends past at ``at`` (aware UTC), inside one read transaction.

    Read ``establishments()`` to the end, batch by batch, in bounded memory: ``summary`` is complete afterwards. Or let
    the database ``count()`` it, and show a ``page()``: quick whatever the number of requests. ``now`` tells which holds
    of the brake can still be avoided.
    """

    def __init__(
        self, connection: Connection, year_ends: YearEnds, mailer: Mailer, *, now: datetime, at: datetime
    ) -> None:
        self._connection = connection
        self._year_ends = year_ends
        self._mailer = mailer
        holds = _foreseen_holds(connection, year_ends.statuses(connection, at), now)
        ends = year_ends.ending_by(connection, at)
        years = [YearSummary(end=end, foreseen_hold=holds.get(end.school_year)) for end in ends]
        first = min((end.school_year for end in ends), default=None)
        self.summary = Summary(at=at, years=years, earlier_removals=self._earlier_removals(first))

    def establishments(self) -> Iterator[EstablishmentEnd]:
        """Yield each establishment with its requests and its mail, year after year, by UAI."""
        actor = chain.schedule_actor_in(self._connection)
        years = {year.end.school_year: year for year in self.summary.years}
        for events in self._year_ends.preview(self._connection, self.summary.at, actor):
            for establishment_end in self._establishment_ends(events):
                years[establishment_end.school_year].add(establishment_end)
                yield establishment_end
        for year in self.summary.years:
            self._write_report(year)

    def count(self) -> Summary:
        """Complete the summary by a few queries whatever the number of requests, as ``establishments()`` would."""
        for year in self.summary.years:
            _count_requests(self._connection, year)
            _count_establishments(self._connection, year)
            for anomaly, condition in _OF_REQUESTS.items():
                if number := _number_of(self._connection, year, condition):
                    year.anomalies[anomaly] = number
            year.renewed = _number_of(self._connection, year, renewed(year.end.school_year))
            self._write_report(year)
        return self.summary

    def page(
        self, *, after: PreviewCursor | None, departements: list[str], anomalies_only: bool, limit: int
    ) -> PreviewPage:
        """Return the establishments that follow ``after``, year after year, by UAI.

        ``departements`` are the spellings of the only one to list, none for all.
        """
        actor = chain.schedule_actor_in(self._connection)
        lines: list[EstablishmentEnd] = []
        for year in self.summary.years:
            if after and year.end.school_year < after[0]:
                continue
            last_uai = after[1] if after and after[0] == year.end.school_year else ""
            conditions = _conditions(year, departements, anomalies_only=anomalies_only)
            query = select(ESTABLISHMENT.c.uai).where(*conditions, ESTABLISHMENT.c.uai > last_uai)
            query = query.order_by(ESTABLISHMENT.c.uai).limit(limit + 1 - len(lines))
            if uais := list(self._connection.execute(query).scalars()):
                events = self._year_ends.preview_of(self._connection, year.end, uais, self.summary.at, actor)
                lines += self._establishment_ends(events)
        has_more, lines = len(lines) > limit, lines[:limit]
        return PreviewPage(tuple(lines), (lines[-1].school_year, lines[-1].establishment.uai) if has_more else None)

    def walk(self, *, departements: list[str], anomalies_only: bool) -> Iterator[EstablishmentEnd]:
        """Yield what every ``page`` would list, in its order."""
        after: PreviewCursor | None = None
        while True:
            page = self.page(
                after=after, departements=departements, anomalies_only=anomalies_only, limit=_READ_TOGETHER
            )  # fmt: skip
            yield from page.lines
            if page.after is None:
                return
            after = page.after

    def _establishment_ends(self, events: Sequence[RequestEvent]) -> Iterator[EstablishmentEnd]:
        """The establishments of a batch of the sweep, whose events are all of one year."""
        if not events:
            return
        year, references = events[0].request.school_year, [event.request.reference for event in events]
        code_statuses = self._mailer.code_statuses(self._connection, [e.before for e in events if e.before])
        reported, dated = set[str](), set[str]()
        for batch in batches(references):
            query = select(REPORT.c.reference, REPORT.c.revoke_on).where(REPORT.c.reference.in_(batch))
            for row in self._connection.execute(query.where(or_(REPORT.c.settlement.is_(None), _IS_DATED))):
                (dated if row.revoke_on else reported).add(row.reference)
        renewals = renewed_among(self._connection, year, references)
        mails = {draft.uai: draft for draft in self._mailer.drafts(events)}
        for uai, group in groupby(events, key=lambda event: event.request.uai):
            requests = []
            for event in group:
                request = event.before or event.request
                establishment = event.establishment
                is_undeliverable = code_statuses.get(request.reference) is CodeStatus.UNDELIVERABLE
                removals = [effect.kind for effect in event.decision.effects if isinstance(effect, OpenRemoval)]
                requests.append(
                    ExpiringRequest(
                        request=request, removal=removals[0] if removals else None,
                        anomalies=_anomalies({
                            Anomaly.CODE_UNDELIVERABLE: is_undeliverable,
                            Anomaly.OPEN_REPORT: request.reference in reported,
                            Anomaly.DATED_REVOCATION: request.reference in dated,
                        }),
                        renewed=request.reference in renewals,
                    )
                )  # fmt: skip
            yield EstablishmentEnd(
                school_year=year, establishment=establishment, mail=mails[uai], requests=tuple(requests),
                anomalies=_anomalies({
                    Anomaly.NO_MAILBOX: not establishment.mailbox, Anomaly.CLOSED: not establishment.is_open,
                }),
            )  # fmt: skip

    def _write_report(self, year: YearSummary) -> None:
        """Write the operators' mail, as the sweep would when it closes the year (R54)."""
        if not year.requests:
            return
        code, kinds = ESTABLISHMENT.c.departement, {kind.value: name for kind, name in COUNTED_AS.items()}
        open_removals = (
            select(code, REMOVAL.c.kind, func.count())
            .join(REQUEST, REQUEST.c.uai == ESTABLISHMENT.c.uai)
            .join(REMOVAL, REMOVAL.c.reference == REQUEST.c.reference)
            .where(REQUEST.c.school_year == str(year.end.school_year), REMOVAL.c.outcome.is_(None))
            .group_by(code, REMOVAL.c.kind)
        )
        for departement, kind, number in self._connection.execute(open_removals):
            year.shares[departement][kinds[kind]] += number
        counts = [
            DepartementCount(code=departement, **{name: share[name] for name in COUNTED})
            for departement, share in sorted(year.shares.items())
        ]
        year.report = self._mailer.reports.year_end_report(
            year.end, revoked=year.requests, establishments=year.establishments,
            removals=sum(count.removals for count in counts), questions=sum(count.questions for count in counts),
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
        rows = self._connection.execute(query)
        return {school_year(text): count for text, count in rows if is_readable_year(text)}


def _anomalies(present: Mapping[Anomaly, bool]) -> tuple[Anomaly, ...]:
    return tuple(anomaly for anomaly, is_present in present.items() if is_present)


def _foreseen_holds(
    connection: Connection, statuses: Iterable[YearEndStatus], now: datetime
) -> dict[SchoolYear, ForeseenHold]:
    """Find what the brake holds, or would: a schedule that runs records an end in time, and leaves heartbeats."""
    records = connection.execute(select(RECORD.c.school_year, RECORD.c.held_why).where(RECORD.c.held_why.is_not(None)))
    recorded = {
        school_year(row.school_year): Hold(row.held_why) for row in records if is_readable_year(row.school_year)
    }
    holds = {}
    for status in statuses:
        year = status.end.school_year
        if status.verdict is BrakeDecision.HELD:
            holds[year] = ForeseenHold(recorded[year], avoidable=False)
        elif status.hold:
            needed = timedelta() if status.hold is Hold.ABSENCE else RECORDED_AHEAD
            in_time = status.hold is not Hold.TOO_RECENT and now < status.end.ends_at - needed
            holds[year] = ForeseenHold(status.hold, avoidable=in_time)
    return holds


def count_live(connection: Connection, year: SchoolYear) -> tuple[int, int]:
    """The live requests of a school year, and in how many establishments."""
    count = select(func.count(), func.count(REQUEST.c.uai.distinct()))
    requests, establishments = connection.execute(count.where(REQUEST.c.school_year == str(year), IS_LIVE)).one()
    return int(requests), int(establishments)


_NO_MAILBOX: Final = func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "") == ""


_IS_DATED: Final = REPORT.c.revoke_on.is_not(None)


_OF_REQUESTS: Final = {
    Anomaly.CODE_UNDELIVERABLE: UNDELIVERABLE,
    Anomaly.OPEN_REPORT: REQUEST.c.reference.in_(select(REPORT.c.reference).where(REPORT.c.settlement.is_(None))),
    Anomaly.DATED_REVOCATION: REQUEST.c.reference.in_(select(REPORT.c.reference).where(_IS_DATED)),
}
"""The conditions of what is found of a request itself."""


_TASK: Final = case(
    (REQUEST.c.code_issued_at.is_not(None), RemovalKind.REMOVE_RIGHTS.value),
    (REQUEST.c.key_possible, RemovalKind.KEY_ENABLED.value),
)
"""The task that a revocation opens (R47)."""


def _number_of(connection: Connection, year: YearSummary, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(REQUEST).where(*_live(year), condition)
    return int(connection.execute(query).scalar_one())


def _live(year: YearSummary) -> tuple[ColumnElement[bool], ...]:
    return (REQUEST.c.school_year == str(year.end.school_year), IS_LIVE)


def _count_requests(connection: Connection, year: YearSummary) -> None:
    code, task = ESTABLISHMENT.c.departement, _TASK.label("task")
    query = (
        select(code, REQUEST.c.state, task, func.count())
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(*_live(year))
        .group_by(code, REQUEST.c.state, task)
    )
    for departement, state, kind, number in connection.execute(query):
        year.requests += number
        year.departements[departement] += number
        year.states[State(state)] += number
        year.shares[departement]["revoked"] += number
        if kind:
            year.removals[RemovalKind(kind)] += number
            year.shares[departement][COUNTED_AS[RemovalKind(kind)]] += number


def _count_establishments(connection: Connection, year: YearSummary) -> None:
    is_of_year = exists().where(REQUEST.c.uai == ESTABLISHMENT.c.uai, *_live(year))
    flags = (ESTABLISHMENT.c.departement, _NO_MAILBOX.label("no_mailbox"), ESTABLISHMENT.c.is_open)
    query = select(*flags, func.count()).where(is_of_year).group_by(*flags)
    for departement, no_mailbox, is_open, number in connection.execute(query):
        year.establishments += number
        year.shares[departement]["establishments"] += number
        if not is_open:
            year.anomalies[Anomaly.CLOSED] += number
        if no_mailbox:
            year.anomalies[Anomaly.NO_MAILBOX] += number
        else:
            year.mails[Kind.YEAR_END] += number
    not_told = select(ESTABLISHMENT).where(is_of_year, _NO_MAILBOX).order_by(ESTABLISHMENT.c.uai)
    year.without_mailbox += [establishment_from(row) for row in connection.execute(not_told)]


def _conditions(year: YearSummary, departements: list[str], *, anomalies_only: bool) -> Iterator[ColumnElement[bool]]:
    """The conditions on establishments with a request to revoke; ``departements`` are the spellings of one."""
    is_of_year = (REQUEST.c.uai == ESTABLISHMENT.c.uai, *_live(year))
    if anomalies_only:
        has_anomaly = exists().where(*is_of_year, or_(*_OF_REQUESTS.values()))
        yield or_(_NO_MAILBOX, ESTABLISHMENT.c.is_open.is_(False), has_anomaly)
    yield exists().where(*is_of_year)
    if departements:
        yield ESTABLISHMENT.c.departement.in_(departements)
