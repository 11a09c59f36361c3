"""The rights to remove on the ODA server as a worklist, and those that were confirmed (R47 to R49)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from notifications.sql import batches
from states import french
from states.commands import ConfirmRemoval
from states.model import Policy, Request
from states.rules.revocation import RemovalTodo, removal_todo
from states.school_calendar import SchoolYear
from states.validation import fold, normalise_uai
from states.vocabulary import RemovalKind, RemovalOutcome, Trigger
from workflow.database.journal_tables import ACTOR, EVENT
from workflow.database.mapping import REQUEST_COLUMNS, is_readable_year, request_from, school_year
from workflow.database.tables import ESTABLISHMENT, REMOVAL, REQUEST
from workflow.engine.loader import Loader
from workflow.settings.sections import spellings

if TYPE_CHECKING:  # a list needs no mail
    from notifications.mailer import Mailer

_DONE: Final = {
    RemovalOutcome.REMOVED: "Clé supprimée le {at} par {by}",
    RemovalOutcome.ABSENT: "Clé déjà absente du serveur ODA, constaté le {at} par {by}",
    RemovalOutcome.EXPIRED: "Clé déjà expirée sur le serveur ODA, constaté le {at} par {by}",
    RemovalOutcome.KEPT: "Droits retirés, clé gardée, confirmé le {at} par {by}",
}

_TO_CHEF: Final = {
    RemovalOutcome.REMOVED: "Droits retirés le {at} par le rectorat",
    RemovalOutcome.ABSENT: "Plus aucun droit sur le serveur ODA, constaté le {at} par le rectorat",
    RemovalOutcome.EXPIRED: "Plus aucun droit sur le serveur ODA, constaté le {at} par le rectorat",
    RemovalOutcome.KEPT: "Droits retirés le {at} par le rectorat, la clé servant à une autre demande",
}

WHOLE: Final = (
    *REQUEST_COLUMNS, ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.departement,
    REMOVAL.c.kind.label("task"), REMOVAL.c.opened_at, REMOVAL.c.outcome, REMOVAL.c.closed_at,
)  # fmt: skip
"""The columns that ``lines_of`` reads, in this order."""

MOST_TASKS: Final = 2000
"""Removals that can be confirmed at once."""

_OPEN: Final = REMOVAL.c.closed_at.is_(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalFilters:
    """None or empty leaves everything in.

    ``confirmed``: those that were, instead of those that wait; ``name``: the beginning or the middle of each of its
    words, in any order.
    """

    kind: RemovalKind | None = None
    confirmed: bool = False
    school_year: SchoolYear | None = None
    departement: str = ""
    uai: str = ""
    name: str = ""


def done(outcome: RemovalOutcome, at: datetime, by: str, timezone: tzinfo) -> str:
    """Describe a confirmed removal in French for the rectorat; ``by`` is who confirmed."""
    return _DONE[outcome].format(at=french.instant(at, timezone), by=by or "le rectorat")


def done_for_chef(outcome: RemovalOutcome, at: datetime, others: Iterable[Request], timezone: tzinfo) -> str:
    """The same for the establishment, without anybody's address.

    A key that is kept for a request of somebody else's, unlike one among ``others``, which the chef may see, must not
    show: in his establishment the rights are gone (R3, R19).
    """
    if outcome is RemovalOutcome.KEPT and not any(other.has_key for other in others):
        outcome = RemovalOutcome.REMOVED
    return _TO_CHEF[outcome].format(at=french.instant(at, timezone))


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalLine:
    """One task. ``todo`` is what is to be done today (R48), None once confirmed; then ``by`` is who confirmed, and
    ``done`` says all of it."""

    request: Request
    kind: RemovalKind
    establishment: str
    commune: str
    departement: str
    opened_at: datetime
    todo: RemovalTodo | None
    outcome: RemovalOutcome | None
    closed_at: datetime | None
    by: str
    done: str

    @property
    def is_question(self) -> bool:
        """True when nobody knows if there is a key to remove (R47)."""
        return self.kind is RemovalKind.KEY_ENABLED

    @property
    def to_do(self) -> str:
        """The whole of what is to be done today, in French; empty once confirmed."""
        sentence = self.todo.sentence if self.todo else ""
        if not (sentence and self.is_question):
            return sentence
        return f"Regarder si une clé a été activée ; si oui : {sentence[:1].lower()}{sentence[1:]}"


def removals_of(
    connection: Connection, references: Sequence[str], policy: Policy, mailer: "Mailer"
) -> tuple[RemovalLine, ...]:
    """The tasks of these requests, open or not, by reference; a reference without one is left out."""
    query = joined(select(*WHOLE)).order_by(REMOVAL.c.reference)
    rows = [row for some in batches(references)
            for row in connection.execute(query.where(REMOVAL.c.reference.in_(some)))]  # fmt: skip
    return lines_of(connection, rows, policy, mailer)


def joined(query: Select[Any]) -> Select[Any]:
    """Tasks with their request and its establishment."""
    of_request = query.select_from(REMOVAL).join(REQUEST, REQUEST.c.reference == REMOVAL.c.reference)
    return of_request.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)


def lines_of(connection: Connection, rows: Sequence[Any], policy: Policy, mailer: "Mailer") -> tuple[RemovalLine, ...]:
    """The lines of rows of ``WHOLE``, with what two more queries tell of them all."""
    requests = [request_from(row) for row in rows]
    still = [request for request, row in zip(requests, rows, strict=True) if row.outcome is None]
    todos = _todos(connection, still, policy, mailer)
    by = _confirmed_by(connection, [row.reference for row in rows if row.outcome])
    return tuple(
        RemovalLine(
            request=request, kind=RemovalKind(row.task), establishment=row.place, commune=row.commune,
            departement=row.departement, opened_at=row.opened_at, todo=todos.get(request.reference),
            outcome=RemovalOutcome(row.outcome) if row.outcome else None, closed_at=row.closed_at,
            by=by.get(request.reference, ""),
            done=done(
                RemovalOutcome(row.outcome), row.closed_at, by.get(request.reference, ""), policy.calendar.timezone
            ) if row.outcome else "",
        )
        for request, row in zip(requests, rows, strict=True)
    )  # fmt: skip


def _todos(
    connection: Connection, requests: Sequence[Request], policy: Policy, mailer: "Mailer"
) -> dict[str, RemovalTodo]:
    """Return what is to be done for each today, given the person's other live requests (R48).

    Loaded for all at once, without a lock.
    """
    commands = [ConfirmRemoval(reference=command.reference, outcome=RemovalOutcome.REMOVED) for command in requests]
    known = Loader(connection, mailer.code_statuses, lock=False).load(commands)
    return {
        request.reference: removal_todo(request, known.facts(command), policy)
        for request, command in zip(requests, commands, strict=True)
    }


def _confirmed_by(connection: Connection, references: Sequence[str]) -> dict[str, str]:
    """The labels of those who confirmed each last: one that was reopened was confirmed before."""
    confirmed = select(EVENT.c.stream, ACTOR.c.label).join(ACTOR, ACTOR.c.number == EVENT.c.actor).order_by(EVENT.c.seq)
    return {
        row.stream: row.label
        for some in batches(references)
        for row in connection.execute(
            confirmed.where(EVENT.c.stream.in_(some), EVENT.c.kind == Trigger.CONFIRM_REMOVAL.value)
        )
    }


@dataclass(frozen=True, slots=True)
class RemovalPage:
    """Some lines; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[RemovalLine, ...]
    after: str | None


def list_removals(
    connection: Connection, filters: RemovalFilters, policy: Policy, mailer: "Mailer", *,
    after: str | None = None, limit: int = 50,
) -> RemovalPage:  # fmt: skip
    """A page of open tasks by reference, or of confirmed ones, the latest first; the same few queries for any page.

    Raises ValueError when ``after`` is none of what a page gave.
    """
    query = _tasks(select(*WHOLE), filters).limit(limit + 1)
    if filters.confirmed:
        closed = REMOVAL.c.closed_at
        if after:
            instant, reference = after.split("|")
            at = datetime.fromisoformat(instant)
            query = query.where(or_(closed < at, (closed == at) & (REMOVAL.c.reference < reference)))
        query = query.order_by(closed.desc(), REMOVAL.c.reference.desc())
    else:
        query = _in_order(query, after)
    rows = connection.execute(query).all()
    lines = lines_of(connection, rows[:limit], policy, mailer)
    if len(rows) <= limit:
        return RemovalPage(lines, None)
    last = lines[-1]
    after = last.request.reference
    if filters.confirmed and last.closed_at:
        after = f"{last.closed_at.isoformat()}|{after}"
    return RemovalPage(lines, after)


def open_references(connection: Connection, filters: RemovalFilters, limit: int) -> list[str]:
    """The references of the open tasks that the filters leave, the first ``limit`` by reference."""
    query = _in_order(_tasks(select(REMOVAL.c.reference), filters), None)
    return list(connection.execute(query.limit(limit)).scalars())


def count_removals(connection: Connection, filters: RemovalFilters) -> dict[RemovalKind, int]:
    """Count by kind, zero included, the open tasks that the other filters leave."""
    counts = joined(select(REMOVAL.c.kind, func.count())).where(_OPEN, *_places(filters)).group_by(REMOVAL.c.kind)
    numbers = {RemovalKind(kind): count for kind, count in connection.execute(counts)}
    return {kind: numbers.get(kind, 0) for kind in RemovalKind}


def years_with_open(connection: Connection) -> list[SchoolYear]:
    """The school years that have an open task, the latest first."""
    query = joined(select(REQUEST.c.school_year)).where(_OPEN).distinct()
    texts = connection.execute(query).scalars()
    return sorted((school_year(text) for text in texts if is_readable_year(text)), reverse=True)


def walk_removals(
    connection: Connection, filters: RemovalFilters, policy: Policy, mailer: "Mailer", *, at_once: int
) -> Iterator[RemovalLine]:  # fmt: skip
    """Yield what every page lists, in its order, ``at_once`` read together."""
    after: str | None = None
    while True:
        page = list_removals(connection, filters, policy, mailer, after=after, limit=at_once)
        yield from page.lines
        if page.after is None:
            return
        after = page.after


def _tasks(query: Select[Any], filters: RemovalFilters) -> Select[Any]:
    narrowed = joined(query).where(~_OPEN if filters.confirmed else _OPEN, *_places(filters))
    return narrowed.where(REMOVAL.c.kind == filters.kind.value) if filters.kind else narrowed


def _places(filters: RemovalFilters) -> Iterator[ColumnElement[bool]]:
    if filters.school_year:
        yield REQUEST.c.school_year == str(filters.school_year)
    if filters.departement:
        yield ESTABLISHMENT.c.departement.in_(spellings(filters.departement))
    if filters.uai:
        yield REQUEST.c.uai == normalise_uai(filters.uai)
    if filters.name.strip():
        words = fold(filters.name).split()
        yield and_(*(REQUEST.c.person.contains(word, autoescape=True) for word in words)) if words else false()


def _in_order(query: Select[Any], after: str | None) -> Select[Any]:
    return query.where(REMOVAL.c.reference > (after or "")).order_by(REMOVAL.c.reference)
