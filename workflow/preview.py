"""What the end of a school year would do on a given day, without writing anything (R53)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, func, select

from notifications.batches import in_batches
from notifications.contexts import DepartementCount
from notifications.mailer import Mailer
from states.brake import FORESEEN, Hold, Verdict
from states.case import OpenRemoval
from states.happening import Happening
from states.school_year import SchoolYear
from states.vocabulary import CodeFate
from workflow import installation, preview_figures
from workflow.endings import COUNTED, COUNTED_AS, Ending, EstablishmentEnd, Held, Oddity, Summary, YearSummary
from workflow.foresight import RECORD, Judged
from workflow.renewals import renewed_among
from workflow.rows import ESTABLISHMENT, IS_LIVE, REMOVAL, REPORT, REQUEST, school_year
from workflow.year_end import YearEnds

__all__ = ["EstablishmentEnd", "Oddity", "Preview", "PreviewPage", "Summary", "YearSummary", "count_live"]

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
            preview_figures.count(self._connection, year)
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
            uais = preview_figures.next_uais(
                self._connection, year, after=beyond, departements=departements, odd_only=odd_only,
                limit=limit + 1 - len(lines),
            )  # fmt: skip
            if uais:
                lines += self._of(self._year_ends.preview_of(self._connection, year.end, uais, self.summary.at, actor))
        shown = lines[:limit]
        more = (shown[-1].school_year, shown[-1].establishment.uai) if len(lines) > limit else None
        return PreviewPage(tuple(shown), more)

    def _of(self, batch: Sequence[Happening]) -> Iterator[EstablishmentEnd]:
        fates = self._mailer.code_fates(self._connection, [h.before for h in batch if h.before])
        reported = self._reported([happening.request.reference for happening in batch])
        renewed = self._renewed(batch)
        mails = {draft.uai: draft for draft in self._mailer.drafts(batch)}
        for uai, together in groupby(batch, key=lambda happening: happening.request.uai):
            happenings = list(together)
            place = happenings[0].establishment
            odd = {Oddity.NO_MAILBOX: not place.mailbox, Oddity.CLOSED: not place.is_open}
            yield EstablishmentEnd(
                school_year=happenings[0].request.school_year, establishment=place, mail=mails[uai],
                requests=tuple(_ending(happening, fates, reported, renewed) for happening in happenings),
                oddities=tuple(oddity for oddity, is_so in odd.items() if is_so),
            )  # fmt: skip

    def _reported(self, references: list[str]) -> set[str]:
        found: set[str] = set()
        for some in in_batches(references):
            query = select(REPORT.c.reference).where(REPORT.c.reference.in_(some), REPORT.c.settlement.is_(None))
            found.update(self._connection.execute(query).scalars())
        return found

    def _renewed(self, batch: Sequence[Happening]) -> set[str]:
        """All are of one year: a batch of the sweep is."""
        references = [happening.request.reference for happening in batch]
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
        year.report = self._mailer.year_end_report(
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


def _holds(connection: Connection, judged: Iterable[Judged], now: datetime) -> dict[SchoolYear, Held]:
    """What the brake holds, or would: a schedule that runs records an end in time, and gives signs of life."""
    why = {hold.value: hold for hold in Hold}
    records = connection.execute(select(RECORD.c.school_year, RECORD.c.held_why).where(RECORD.c.held_why.is_not(None)))
    known = {school_year(row.school_year): why[row.held_why] for row in records}
    found = {}
    for one in judged:
        year = one.end.school_year
        if one.verdict is Verdict.HELD:
            found[year] = Held(known[year], avoidable=False)
        elif one.hold:
            needed = timedelta() if one.hold is Hold.ABSENCE else FORESEEN
            in_time = one.hold is not Hold.TOO_RECENT and now < one.end.ends_at - needed
            found[year] = Held(one.hold, avoidable=in_time)
    return found


def _ending(happening: Happening, fates: Mapping[str, CodeFate], reported: set[str], renewed: set[str]) -> Ending:
    request = happening.before or happening.request
    odd = {
        Oddity.CODE_UNDELIVERABLE: fates.get(request.reference) is CodeFate.UNDELIVERABLE,
        Oddity.OPEN_REPORT: request.reference in reported,
    }
    removals = [effect.kind for effect in happening.decision.effects if isinstance(effect, OpenRemoval)]
    return Ending(
        request=request, removal=removals[0] if removals else None,
        oddities=tuple(oddity for oddity, is_so in odd.items() if is_so), renewed=request.reference in renewed,
    )  # fmt: skip


def count_live(connection: Connection, year: SchoolYear) -> tuple[int, int]:
    """The live requests of a school year, and in how many establishments."""
    count = select(func.count(), func.count(REQUEST.c.uai.distinct()))
    requests, establishments = connection.execute(count.where(REQUEST.c.school_year == str(year), IS_LIVE)).one()
    return int(requests), int(establishments)
