"""Transmissions to the DRANE: what is to be sent, the files made of it, and what is said to be sent (R96)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from notifications.sql import batches
from states.commands import SendToDrane
from states.decision import Refused
from states.model import Actor, Policy, Request
from states.rules.verification import changed_for_drane, drane_digest, drane_standing
from states.school_calendar import SchoolYear
from states.vocabulary import DRANE_MOVEMENTS, DraneStanding
from workflow.database.file_tables import TRANSMISSION as T
from workflow.database.file_tables import TRANSMISSION_LINE as L
from workflow.database.journal_tables import ACTOR
from workflow.database.mapping import REQUEST_COLUMNS, request_from
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REQUEST
from workflow.engine.engine import BATCH, Engine, Result
from workflow.journal.chain import lock, record
from workflow.requests.filters import years_with_requests

MOST: Final = 5000
"""Lines of one transmission; those beyond are prepared in the next one."""

MOST_SHOWN: Final = 20
"""Transmissions that a list shows, the last ones."""

_SAID: Final = "nothing_for_drane"

_LATER = REQUEST.alias("later_request")

_LINES: Final[Select[Any]] = select(
    *REQUEST_COLUMNS, ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.departement
).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)


@dataclass(frozen=True, kw_only=True, slots=True)
class DraneLine:
    """A request as the DRANE is to be sent it, or was.

    ``what`` is to be sent, ``corrected`` names what changed since the last transmission. ``prepared_in``: the number of
    the transmission that bears this very line, and is not said to be sent.
    """

    request: Request
    what: DraneStanding
    establishment: str
    commune: str
    departement: str
    prepared_in: int | None = None

    @property
    def corrected(self) -> list[str]:
        return changed_for_drane(self.request) if self.what is DraneStanding.TO_CORRECT else []


@dataclass(frozen=True, kw_only=True, slots=True)
class Transmission:
    """A file made for the DRANE by ``who``: ``waiting`` of its ``prepared`` lines are not said to be sent.

    ``sent_on``: the day last given for the others.
    """

    number: int
    prepared_at: datetime
    who: str
    prepared: int
    waiting: int
    sent_on: date | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingLines:
    """The lines of a transmission that wait: those of its file, and those that changed since it was made."""

    lines: tuple[DraneLine, ...]
    outdated: tuple[DraneLine, ...]


def open_drane_years(connection: Connection, policy: Policy, now: datetime) -> list[SchoolYear]:
    """The school years of which something may be sent: those that have not ended."""
    return [year for year in years_with_requests(connection) if not policy.calendar.has_ended(year, now)]


def count_to_send(connection: Connection, years: Collection[SchoolYear]) -> dict[DraneStanding, int]:
    """Count the lines of these years that are to be sent, by what they say."""
    query = select(REQUEST.c.drane, func.count()).where(_to_send(years)).group_by(REQUEST.c.drane)
    counts = {DraneStanding(row[0]): int(row[1]) for row in connection.execute(query)}
    return {what: counts.get(what, 0) for what in DRANE_MOVEMENTS}


def lines_to_send(
    connection: Connection, years: Collection[SchoolYear], *, what: DraneStanding | None = None,
    references: Collection[str] | None = None, after: str = "", limit: int = MOST,
) -> list[DraneLine]:  # fmt: skip
    """The lines to send, by reference: of one kind, or of these requests alone, after one of them."""
    query = _LINES.where(_to_send(years), REQUEST.c.reference > after)
    if what is not None:
        query = query.where(REQUEST.c.drane == what.value)
    if references is not None:
        query = query.where(REQUEST.c.reference.in_(references))
    rows = connection.execute(query.order_by(REQUEST.c.reference).limit(limit)).all()
    return _with_preparations(connection, [_line(row) for row in rows])


def declared_lines(connection: Connection, year: SchoolYear) -> Iterator[DraneLine]:
    """Every RUPN declared for a school year, with its state, by establishment: the DRANE's own list."""
    query = _LINES.where(REQUEST.c.school_year == str(year)).order_by(REQUEST.c.uai, REQUEST.c.reference)
    for row in connection.execution_options(yield_per=500).execute(query):
        yield _line(row)


def prepare(engine: Engine, actor: Actor, *, references: Collection[str] | None = None) -> int | None:
    """Make a transmission of these requests, or of all that is to be sent and in no other one; return its number.

    None when nothing of it is to be sent. What its file says of each is kept as a digest, so that a correction made
    between the file and the note of its sending stays to be sent.
    """

    def work(connection: Connection, now: datetime) -> int | None:
        lock(connection)  # a second operator then sees what the first one has prepared
        years = open_drane_years(connection, engine.policy, now)
        chosen = lines_to_send(connection, years, references=references)
        lines = [line for line in chosen if line.prepared_in is None]
        if not lines:
            return None
        row = {"prepared_at": now, "prepared_by": actor.number, "prepared": len(lines)}
        inserted = connection.execute(insert(T).values(row)).inserted_primary_key
        number = int(inserted[0]) if inserted else 0
        rows = [
            {"transmission": number, "reference": line.request.reference, "what": line.what.value,
             "seen": drane_digest(line.request)}
            for line in lines
        ]  # fmt: skip
        for batch in batches(rows):
            connection.execute(insert(L), batch)
        data = {"transmission": number, "lines": len(lines)}
        record(connection, engine.hasher, "drane_prepared", actor, now, data)
        return number

    return engine.in_transaction(work)


def transmissions(connection: Connection, *, number: int | None = None, limit: int = MOST_SHOWN) -> list[Transmission]:
    """The transmissions, those that wait first, then the last ones; or the one of this number."""
    waiting = select(func.count()).where(L.c.transmission == T.c.number).scalar_subquery().label("waiting")
    query = select(T, ACTOR.c.label, waiting).join(ACTOR, ACTOR.c.number == T.c.prepared_by)
    if number is not None:
        query = query.where(T.c.number == number)
    query = query.order_by((waiting == 0), T.c.number.desc()).limit(limit)
    return [
        Transmission(
            number=row.number, prepared_at=row.prepared_at, who=row.label, prepared=row.prepared, waiting=row.waiting,
            sent_on=row.sent_on,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def waiting_lines(connection: Connection, number: int) -> WaitingLines:
    """The lines of a transmission that are not said to be sent."""
    query = _LINES.add_columns(L.c.what.label("line_what"), L.c.seen.label("line_seen"))
    query = query.join(L, L.c.reference == REQUEST.c.reference).where(L.c.transmission == number)
    lines: list[DraneLine] = []
    outdated: list[DraneLine] = []
    for row in connection.execute(query.order_by(REQUEST.c.uai, REQUEST.c.reference)):
        line = _line(row)
        is_same = drane_digest(line.request) == row.line_seen and line.what.value == row.line_what
        (lines if is_same else outdated).append(line)
    return WaitingLines(lines=tuple(lines), outdated=tuple(outdated))


def note_sent(
    engine: Engine, number: int, references: Collection[str] | None, sent_on: date, actor: Actor
) -> list[tuple[str, Result]]:
    """Record that these lines of a transmission were sent, or all that wait; return the result of each.

    A line that was said to be sent meanwhile is refused, and changes nothing (R9). Each batch stands by itself, so
    that an interruption is mended by saying it again.
    """
    with engine.database.read() as connection:
        query = select(L.c.reference).where(L.c.transmission == number).order_by(L.c.reference)
        waiting = list(connection.execute(query).scalars())
    chosen = waiting if references is None else [reference for reference in waiting if reference in set(references)]
    results: list[tuple[str, Result]] = []
    for batch in batches(chosen, BATCH):
        results += engine.in_transaction(
            lambda connection, now, batch=batch: _note(engine, connection, now, number, batch, sent_on, actor)  # type: ignore[misc]
        )
    return results


def _note(
    engine: Engine, connection: Connection, now: datetime, number: int, references: Sequence[str], sent_on: date,
    actor: Actor,
) -> list[tuple[str, Result]]:  # fmt: skip
    query = select(L.c.reference, L.c.what, L.c.seen).where(L.c.transmission == number, L.c.reference.in_(references))
    rows = connection.execute(query.order_by(L.c.reference)).all()
    commands = [
        SendToDrane(reference=row.reference, sent_on=sent_on, what=DraneStanding(row.what), seen=row.seen)
        for row in rows
    ]
    results = engine.run(connection, commands, actor, now)
    settled = [  # what waits for nothing more: it is recorded, or was before
        row.reference for row, result in zip(rows, results, strict=True)
        if not isinstance(result, Refused) or {reason.code for reason in result.reasons} == {_SAID}
    ]  # fmt: skip
    if settled:
        connection.execute(delete(L).where(L.c.transmission == number, L.c.reference.in_(settled)))
        connection.execute(update(T).where(T.c.number == number).values(sent_on=sent_on))
    return [(row.reference, result) for row, result in zip(rows, results, strict=True)]


def give_up(engine: Engine, number: int, actor: Actor) -> int:
    """Forget the lines of a transmission that was not sent: they are to be sent again. Return how many there were."""

    def work(connection: Connection, now: datetime) -> int:
        lock(connection)
        count = int(connection.execute(delete(L).where(L.c.transmission == number)).rowcount)
        if count:
            data = {"transmission": number, "lines": count}
            record(connection, engine.hasher, "drane_given_up", actor, now, data)
        return count

    return engine.in_transaction(work)


def _line(row: Any) -> DraneLine:
    request = request_from(row)
    return DraneLine(
        request=request, what=drane_standing(request), establishment=row.place, commune=row.commune,
        departement=row.departement,
    )  # fmt: skip


def _with_preparations(connection: Connection, lines: Sequence[DraneLine]) -> list[DraneLine]:
    """The lines, with the number of the transmission that bears each as it is now."""
    numbers: dict[tuple[str, str, str], int] = {}
    for batch in batches(lines):
        references = [line.request.reference for line in batch]
        rows = connection.execute(select(L).where(L.c.reference.in_(references)).order_by(L.c.transmission))
        numbers |= {(row.reference, row.what, row.seen): row.transmission for row in rows}
    return [
        DraneLine(
            request=line.request, what=line.what, establishment=line.establishment, commune=line.commune,
            departement=line.departement,
            prepared_in=numbers.get((line.request.reference, line.what.value, drane_digest(line.request))),
        )
        for line in lines
    ]  # fmt: skip


def _to_send(years: Collection[SchoolYear]) -> ColumnElement[bool]:
    """The condition on lines to send: a removal not when a later request of the person takes the place of this one.

    The kinds are written out: a partial index serves only a condition that it can recognise.
    """
    kinds = ", ".join(f"'{what.value}'" for what in DRANE_MOVEMENTS)
    replaced = (
        select(_LATER.c.reference)
        .where(
            _LATER.c.uai == REQUEST.c.uai, _LATER.c.school_year == REQUEST.c.school_year,
            _LATER.c.folded_mail == REQUEST.c.folded_mail, _LATER.c.reference > REQUEST.c.reference,
            or_(_LATER.c.state != literal_column("'revoked'"), _LATER.c.drane_sent_on.is_not(None)),
        )
        .exists()
    )  # fmt: skip
    return and_(
        REQUEST.c.drane.in_([literal_column(kind) for kind in kinds.split(", ")]),
        REQUEST.c.school_year.in_([str(year) for year in years]),
        or_(IS_LIVE, ~replaced),
    )
