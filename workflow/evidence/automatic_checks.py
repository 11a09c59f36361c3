"""The checks that make themselves, from the rows of the lists that agree in everything (R94)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, or_, select, tuple_

from states.commands import CheckDelegation, CheckListing
from states.model import Actor, Check, Request
from states.rules.verification import Standing, check_problems, oldest_valid_day
from states.vocabulary import CheckOutcome, State
from workflow.database.file_tables import ListKind
from workflow.database.mapping import REQUEST_COLUMNS, is_readable_year, request_from
from workflow.database.tables import REQUEST
from workflow.engine.engine import Done, Engine
from workflow.engine.sequence import execute_in_batches
from workflow.evidence.comparison import ListComparison, Match, Matches
from workflow.evidence.matching import Certainty

PAGE: Final = 500
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


def is_newer(match: Match, check: Check | None) -> bool:
    """True unless somebody has answered « introuvable » since the list was drawn, or on that day."""
    if check is None or check.outcome is CheckOutcome.POSITIVE or match.source is None:
        return True
    return match.source.list_date > check.checked_on


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
                self._execute(commands, result)
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
                if match.certainty is Certainty.EXACT and is_newer(match, check):
                    yield match.kind, command_of(request, match, version=version, automatic=True)
                    version += 1
                else:
                    result.certainties[match.kind, match.certainty] += 1
                    result.confident[match.kind] += match.is_confident

    def _execute(
        self, commands: Sequence[tuple[ListKind, CheckListing | CheckDelegation]], result: ComparisonResult
    ) -> None:
        done = execute_in_batches(self._engine, [command for _, command in commands], self._actor, refuse_rest=False)
        for (kind, _), outcome in zip(commands, done, strict=True):
            result.made[kind] += isinstance(outcome, Done)

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
        query = query.order_by(REQUEST.c.uai, REQUEST.c.reference).limit(PAGE)
        if recent:
            query = query.where(REQUEST.c.changed_at >= now - RECENT)
        rows = connection.execute(query).all()
        requests = [request_from(row) for row in rows if is_readable_year(row.school_year)]
        live = [request for request in requests if not policy.calendar.has_ended(request.school_year, now)]
        return live, (rows[-1].uai, rows[-1].reference) if len(rows) == PAGE else None
