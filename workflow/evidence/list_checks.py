"""Requests compared with the two lists: after an import, as they come, and once a day (R94, R95).

The checks that make themselves come from rows that agree in everything. What the lists say no more of requests
that were checked from them becomes reports to settle, once each.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, or_, select, tuple_

from notifications.ports import crash_point
from notifications.sql import insert_new
from states import french
from states.commands import CheckDelegation, CheckListing, ReportChange
from states.model import Actor, Request
from states.rules.verification import Standing, check_problems, current_checks, oldest_valid_day
from states.vocabulary import Change, CheckOutcome, State
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import ListKind
from workflow.database.mapping import REQUEST_COLUMNS, is_readable_year, request_from
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import IS_LIVE, REQUEST
from workflow.engine.engine import Done, Engine, execute_in_batches
from workflow.evidence.lists import lists_in_force
from workflow.evidence.matching import CONFIDENT, Certainty, ListComparison, Match, Matches

_DAILY: Final = "list-checks"

_WORDS: Final = {
    Certainty.EXACT: ("concorde", "concordent"),
    Certainty.NEAR: ("à confirmer", "à confirmer"),
    Certainty.NONE: ("introuvable", "introuvables"),
    Certainty.OLDER: ("plus récente que cette liste", "plus récentes que cette liste"),
    Certainty.TOO_OLD: ("à comparer avec une liste moins ancienne", "à comparer avec une liste moins ancienne"),
}
"""What is left of the requests compared with a list that is there, for one request and for several."""

_COMPARED_AT_ONCE: Final = 500
"""Requests compared at once: what the memory holds of them and of their rows."""

RECENT: Final = timedelta(minutes=15)
"""A request that came or changed since then is compared at every tick: longer than any tick waits for the next."""

Place = tuple[str, str]
"""The UAI and the reference of a request."""

_BEGINNING: Final[Place] = ("", "")

COMMANDS: Final[Mapping[ListKind, type[CheckListing | CheckDelegation]]] = {
    ListKind.LISTING: CheckListing,
    ListKind.DELEGATION: CheckDelegation,
}
"""The check that each list makes."""

_REPORTED_AT_ONCE: Final = 200
"""Requests looked at, and reports opened, in one transaction."""

CHANGES: Final = {ListKind.LISTING: Change.LISTING_LOST, ListKind.DELEGATION: Change.DELEGATION_ENDED}
"""The change that is reported when a list says no more what it said."""


@dataclass
class ComparisonResult:
    """The result of comparing the requests that wait for a check, counted by list.

    ``made``: checks that made themselves, or would; ``certainties``: what the lists say of the checks still to make;
    ``confident``: those of them that a person may confirm together.
    """

    requests: int = 0
    made: Counter[ListKind] = field(default_factory=Counter)
    certainties: Counter[tuple[ListKind, Certainty]] = field(default_factory=Counter)
    confident: Counter[ListKind] = field(default_factory=Counter)

    @property
    def kinds(self) -> tuple[ListKind, ...]:
        """The lists of which there is something to say."""
        said = {kind for kind, _ in self.certainties} | set(self.made)
        return tuple(kind for kind in ListKind if kind in said)

    @property
    def all_made(self) -> int:
        return self.made.total()


@dataclass(frozen=True, kw_only=True, slots=True)
class ListCheckResult:
    """The checks that made themselves, what is left, and ``lost``: the reports opened of what the lists say no more."""

    checks: ComparisonResult = field(default_factory=ComparisonResult)
    lost: int = 0

    def sentences(self, *, is_foreseen: bool = False) -> Iterator[str]:
        """The result in French, a sentence a list; ``is_foreseen``: nothing of it is recorded."""
        yield f"{french.plural(self.checks.requests, 'demande comparée', 'demandes comparées')} aux listes."
        for kind in self.checks.kinds:
            name = f"{kind.label[:1].upper()}{kind.label[1:]}"
            if self.checks.certainties[kind, Certainty.NO_LIST]:
                yield f"{name} : aucune n'est importée."
            else:
                yield f"{name} : {' ; '.join(self._parts(kind, is_foreseen=is_foreseen))}."
        if self.lost:
            yield (
                f"{french.plural(self.lost, 'signalement ouvert', 'signalements ouverts')}, à régler : ce que les"
                " listes ne disent plus."
            )  # fmt: skip

    def _parts(self, kind: ListKind, *, is_foreseen: bool) -> Iterator[str]:
        made, certainties = self.checks.made[kind], self.checks.certainties
        verb = ("se ferait", "se feraient") if is_foreseen else ("s'est faite", "se sont faites")
        itself = ("d'elle-même", "d'elles-mêmes")
        yield f"{french.plural(made, 'vérification')} {verb[made > 1]} {itself[made > 1]}"
        for certainty in Certainty:
            if count := certainties[kind, certainty]:
                near = f", dont {self.checks.confident[kind]} à {CONFIDENT} et plus"
                yield f"{french.plural(count, *_WORDS[certainty])}{near if certainty is Certainty.NEAR else ''}"


class ListChecks:
    """Compares the requests with the lists in force. ``actor`` is the schedule's: nobody has read anything."""

    def __init__(self, engine: Engine, actor: Actor) -> None:
        self._engine = engine
        self._checks, self._actor = AutomaticChecks(engine, actor), actor

    def after_import(self, kind: ListKind, actor: Actor) -> ListCheckResult:  # noqa: ARG002
        """Compare every request with the lists, one of which is new. Raises DatabaseBusy, DatabaseUnreachable."""
        return self.run()

    def run(self) -> ListCheckResult:
        """Make the checks that make themselves, and report what the lists say no more; again, it changes nothing."""
        checks = self._checks.run()
        return ListCheckResult(checks=checks, lost=sum(map(self._report_losses, ListKind)))

    def preview(self) -> ListCheckResult:
        """Report what ``run`` would check, written nowhere."""
        return ListCheckResult(checks=self._checks.run(dry_run=True))

    def tick(self) -> ListCheckResult:
        """Compare the requests that have just come; all of them once a day, for delegations begin and end.

        All of them too after an import that was interrupted before it compared them.
        """
        today = self._engine.policy.calendar.today(self._engine.clock.now())
        with self._engine.database.read() as connection:
            numbers = sorted(source.number for source in lists_in_force(connection).values())
            key = ":".join(map(str, (_DAILY, today, *numbers)))
            is_done = connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == key)).first() is not None
        if not numbers:
            return ListCheckResult()
        if is_done:
            return ListCheckResult(checks=self._checks.run(recent=True))
        result = self.run()
        with self._engine.database.write() as connection:
            row = {"key": key, "at": self._engine.clock.now(), "requests": result.checks.requests}
            connection.execute(insert_new(connection, OCCURRENCE), [row])
        return result

    def _report_losses(self, kind: ListKind) -> int:
        """Open a report for each live request whose evidence has gone or ended, once each; return how many.

        A row that another one of the list replaces is no loss. Any number of machines may do it at once: a request that
        changed meanwhile is left to the next time.
        """
        reported, after = 0, ""
        while True:
            with self._engine.database.read() as connection:
                comparison = ListComparison(connection, self._engine.policy, self._engine.clock.now())
                if kind not in comparison.lists:
                    return reported
                losses, after = _lost_evidence(connection, comparison, self._engine, kind, after)
            if losses:
                reported += _report(self._engine, self._actor, losses)
            if not after:
                return reported


def command_of(
    request: Request, match: Match, *, version: int | None, automatic: bool
) -> CheckListing | CheckDelegation:  # fmt: skip
    """The positive check that the best row of a list makes, at the list's date. Raises LookupError without one."""
    evidence = match.evidence(automatic=automatic)
    if match.source is None or evidence is None:
        raise LookupError("no row of a list")
    return COMMANDS[match.kind](
        reference=request.reference, expected_version=version, outcome=CheckOutcome.POSITIVE,
        source=match.source_text, checked_on=match.source.list_date, evidence=evidence,
    )  # fmt: skip


class AutomaticChecks:
    """Compares the requests that wait, and records the checks that make themselves; ``actor`` is the schedule's."""

    def __init__(self, engine: Engine, actor: Actor) -> None:
        self._engine, self._actor = engine, actor

    def run(self, *, dry_run: bool = False, recent: bool = False) -> ComparisonResult:
        """Compare every request that waits for a check, or those that changed a short time ago; in pages.

        Any number of machines may do it at once, and again: a request that changed meanwhile is left to the next one,
        and a check that counts is not repeated. Raises DatabaseBusy, DatabaseUnreachable.
        """
        result, after = ComparisonResult(), _BEGINNING
        is_last = False
        while not is_last:
            with self._engine.database.read() as connection:
                comparison = ListComparison(connection, self._engine.policy, self._engine.clock.now())
                if not comparison.lists:
                    return result
                requests, following = self._page(connection, after, recent=recent)
                matches = comparison.matches(requests)
            commands = list(self._commands(requests, matches, result))
            if dry_run:
                result.made.update(kind for kind, _ in commands)
            else:
                checks = [check for _, check in commands]
                outcomes = execute_in_batches(self._engine, checks, self._actor, refuse_rest=False)
                for (kind, _), outcome in zip(commands, outcomes, strict=True):
                    result.made[kind] += isinstance(outcome, Done)
            is_last, after = following is None, following or after
        return result

    def _commands(
        self, requests: Sequence[Request], matches: Mapping[str, Matches], result: ComparisonResult
    ) -> Iterator[tuple[ListKind, CheckListing | CheckDelegation]]:
        today = self._engine.policy.calendar.today(self._engine.clock.now())
        for request in requests:
            result.requests += 1
            problems = check_problems(request, today, self._engine.policy.checks_max_age_days)
            version = request.version
            for match in matches[request.reference].values():
                if COMMANDS[match.kind].trigger not in problems:
                    continue
                check = request.listing if match.kind is ListKind.LISTING else request.delegation
                # Somebody may have answered « introuvable » since the list was drawn, or on that day.
                is_denied = check is not None and check.outcome is not CheckOutcome.POSITIVE
                is_newer = not (is_denied and check and match.source and match.source.list_date <= check.checked_on)
                if match.certainty is Certainty.EXACT and is_newer:
                    yield match.kind, command_of(request, match, version=version, automatic=True)
                    version += 1
                else:
                    result.certainties[match.kind, match.certainty] += 1
                    result.confident[match.kind] += match.is_confident

    def _page(self, connection: Connection, after: Place, *, recent: bool) -> tuple[list[Request], Place | None]:
        """The next requests whose checks do not all count today, and the last place looked at, None at the end.

        They come school by school, so that the rows of a school are read once. Those of a year that has ended wait for
        nothing any more (R24).
        """
        now, policy = self._engine.clock.now(), self._engine.policy
        oldest = oldest_valid_day(policy.calendar.today(now), policy.checks_max_age_days)
        waits = or_(REQUEST.c.checks != Standing.POSITIVE.value, REQUEST.c.checked_on < oldest)
        place = tuple_(REQUEST.c.uai, REQUEST.c.reference)
        query = select(*REQUEST_COLUMNS).where(REQUEST.c.state == State.REQUESTED.value, waits, place > after)
        query = query.order_by(REQUEST.c.uai, REQUEST.c.reference).limit(_COMPARED_AT_ONCE)
        if recent:
            query = query.where(REQUEST.c.changed_at >= now - RECENT)
        rows = connection.execute(query).all()
        requests = [request_from(row) for row in rows if is_readable_year(row.school_year)]
        live = [request for request in requests if not policy.calendar.has_ended(request.school_year, now)]
        return live, (rows[-1].uai, rows[-1].reference) if len(rows) == _COMPARED_AT_ONCE else None


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


def _lost_evidence(
    connection: Connection, comparison: ListComparison, engine: Engine, kind: ListKind, after: str
) -> tuple[list[LostEvidence], str]:  # fmt: skip
    """The losses among the next requests, and the last reference looked at, empty at the end.

    They are live requests checked from a row that is not in force, or whose delegation is over, while the check still
    says something of them and their year runs (R24, R35).
    """
    now, source = engine.clock.now(), comparison.lists[kind]
    today = engine.policy.calendar.today(now)
    gone = E.c.last_import != source.number
    is_over = or_(gone, E.c.ends < today) if kind is ListKind.DELEGATION else gone
    columns = select(*REQUEST_COLUMNS, E.c.id, E.c.ends).join(E, E.c.id == REQUEST.c[f"{kind.value}_entry"])
    is_positive = REQUEST.c[f"{kind.value}_outcome"] == CheckOutcome.POSITIVE.value
    query = columns.where(IS_LIVE, is_positive, is_over, REQUEST.c.reference > after)
    rows = connection.execute(query.order_by(REQUEST.c.reference).limit(_REPORTED_AT_ONCE)).all()
    losses = []
    for row in rows:
        if not is_readable_year(row.school_year):
            continue
        request = request_from(row)
        check = request.listing if kind is ListKind.LISTING else request.delegation
        if check not in current_checks(request) or engine.policy.calendar.has_ended(request.school_year, now):
            continue
        since, note = source.list_date, f"La ligne n'est plus dans la liste du {french.day(source.list_date)}."
        if row.ends and row.ends < today:
            since, note = row.ends + timedelta(days=1), f"La délégation a fini le {french.day(row.ends)}."
        note = f"Vérifié d'après : {check.source}. {note}"
        losses.append(LostEvidence(request, kind, row.id, since, note))
    following = rows[-1].reference if len(rows) == _REPORTED_AT_ONCE else ""
    losses = _not_reported(connection, losses)
    found = comparison.candidates(kind, [loss.request for loss in losses]) if losses else {}
    # A row that another one of the list replaces, in other words perhaps, is no loss.
    not_replaced = [
        loss for loss in losses
        if not any(c.score >= CONFIDENT and not c.is_obstructed for c in found[loss.request.reference])
    ]  # fmt: skip
    return not_replaced, following


def _not_reported(connection: Connection, losses: Sequence[LostEvidence]) -> list[LostEvidence]:
    keys = [loss.key for loss in losses]
    known = set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(keys))).scalars())
    return [loss for loss in losses if loss.key not in known]


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
