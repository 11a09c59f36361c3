"""What the lists say no more of requests that were checked from them: reports to settle, once each (R95)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, insert, or_, select

from notifications.ports import crash_point
from states import french
from states.commands import ReportChange
from states.model import Actor, Request
from states.rules.verification import current_checks
from states.vocabulary import Change, CheckOutcome
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import ListKind
from workflow.database.mapping import REQUEST_COLUMNS, is_readable_year, request_from
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import IS_LIVE, REQUEST
from workflow.engine.engine import Done, Engine
from workflow.evidence.comparison import ListComparison
from workflow.evidence.lists import ListImport
from workflow.evidence.matching import CONFIDENT

PAGE: Final = 200
"""Requests looked at, and reports opened, in one transaction."""

CHANGES: Final = {ListKind.LISTING: Change.LISTING_LOST, ListKind.DELEGATION: Change.DELEGATION_ENDED}
"""The change that is reported when a list says no more what it said."""


@dataclass(frozen=True, slots=True)
class LostEvidence:
    """A request whose row has gone from a list, or whose delegation has ended; ``since``: the first day without it."""

    request: Request
    kind: ListKind
    entry: int
    since: date
    note: str

    @property
    def key(self) -> str:
        """The occurrence that makes it be reported once, however it was settled."""
        return f"{CHANGES[self.kind].value}:{self.request.reference}:{self.entry}"

    @property
    def command(self) -> ReportChange:
        return ReportChange(
            reference=self.request.reference, expected_version=self.request.version, change=CHANGES[self.kind],
            effective_on=self.since, note=self.note,
        )  # fmt: skip


def report_losses(engine: Engine, actor: Actor) -> int:
    """Open a report for each live request whose evidence has gone or ended, once each; return how many.

    A row that another one of the list replaces is no loss. Any number of machines may do it at once: a request that
    changed meanwhile is left to the next time. Raises DatabaseBusy, DatabaseUnreachable.
    """
    return sum(_report_kind(engine, actor, kind) for kind in ListKind)


def _report_kind(engine: Engine, actor: Actor, kind: ListKind) -> int:
    reported, after = 0, ""
    while True:
        with engine.database.read() as connection:
            comparison = ListComparison(connection, engine.policy, engine.clock.now())
            if kind not in comparison.lists:
                return reported
            losses, after = _page(connection, comparison, engine, kind, after)
        if losses:
            reported += _report(engine, actor, losses)
        if not after:
            return reported


def _page(
    connection: Connection, comparison: ListComparison, engine: Engine, kind: ListKind, after: str
) -> tuple[list[LostEvidence], str]:  # fmt: skip
    """The losses among the next requests, and the last reference looked at, empty at the end."""
    now, source = engine.clock.now(), comparison.lists[kind]
    today = engine.policy.calendar.today(now)
    query = _suspects(kind, source, today).where(REQUEST.c.reference > after)
    rows = connection.execute(query.order_by(REQUEST.c.reference).limit(PAGE)).all()
    losses = [loss for row in rows if (loss := _loss(row, kind, source, today)) and _counts(loss, engine, now)]
    following = rows[-1].reference if len(rows) == PAGE else ""
    return _not_replaced(comparison, kind, _not_reported(connection, losses)), following


def _suspects(kind: ListKind, source: ListImport, today: date) -> Select[Any]:
    """The live requests checked from a row that is not in force, or whose delegation is over."""
    entry, outcome = REQUEST.c[f"{kind.value}_entry"], REQUEST.c[f"{kind.value}_outcome"]
    gone = E.c.last_import != source.number
    is_over = or_(gone, E.c.ends < today) if kind is ListKind.DELEGATION else gone
    columns = select(*REQUEST_COLUMNS, E.c.id, E.c.ends, E.c.last_import).join(E, E.c.id == entry)
    return columns.where(IS_LIVE, outcome == CheckOutcome.POSITIVE.value, is_over)


def _loss(row: Any, kind: ListKind, source: ListImport, today: date) -> LostEvidence | None:
    if not is_readable_year(row.school_year):
        return None
    request = request_from(row)
    check = request.listing if kind is ListKind.LISTING else request.delegation
    said = f"Vérifié d'après : {check.source}." if check else ""
    if row.ends and row.ends < today:
        since = row.ends + timedelta(days=1)
        return LostEvidence(request, kind, row.id, since, f"{said} La délégation a fini le {french.day(row.ends)}.")
    note = f"{said} La ligne n'est plus dans la liste du {french.day(source.list_date)}."
    return LostEvidence(request, kind, row.id, source.list_date, note)


def _counts(loss: LostEvidence, engine: Engine, now: datetime) -> bool:
    """True while the check still says something of the request, and its year runs (R24, R35)."""
    request = loss.request
    check = request.listing if loss.kind is ListKind.LISTING else request.delegation
    return check in current_checks(request) and not engine.policy.calendar.has_ended(request.school_year, now)


def _not_reported(connection: Connection, losses: Sequence[LostEvidence]) -> list[LostEvidence]:
    keys = [loss.key for loss in losses]
    known = set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(keys))).scalars())
    return [loss for loss in losses if loss.key not in known]


def _not_replaced(comparison: ListComparison, kind: ListKind, losses: Sequence[LostEvidence]) -> list[LostEvidence]:
    """The losses of which no row of the list in force says the same, in other words perhaps."""
    found = comparison.candidates(kind, [loss.request for loss in losses]) if losses else {}
    return [
        loss for loss in losses
        if not any(c.score >= CONFIDENT and not c.is_obstructed for c in found[loss.request.reference])
    ]  # fmt: skip


def _report(engine: Engine, actor: Actor, losses: Sequence[LostEvidence]) -> int:
    """Open the reports, each with the occurrence that keeps it from being opened again."""

    def work(connection: Connection, now: datetime) -> int:
        fresh = _not_reported(connection, losses)
        results = engine.run(connection, [loss.command for loss in fresh], actor, now)
        done = [loss for loss, result in zip(fresh, results, strict=True) if isinstance(result, Done)]
        if done:
            rows = [{"key": loss.key, "at": now, "requests": 1} for loss in done]
            connection.execute(insert(OCCURRENCE), rows)
        crash_point("losses.before_commit")
        return len(done)

    return engine.in_transaction(work)
