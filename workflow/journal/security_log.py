"""The security journal as it is read: the installation's chain, newest first, with who acted and from where (R108).

Each page is three queries, however many events it shows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, tuple_

from notifications.sql import batches
from states.decision import Scalar
from states.vocabulary import Role
from workflow.database.journal_tables import ACTOR, EVENT, NOTE, SECURITY_ADDRESSES
from workflow.journal.chain import INSTALLATION
from workflow.journal.event_kinds import EventGroup, EventKind, kind_label, kinds_of
from workflow.journal.event_words import Shown, event_data
from workflow.journal.origin import Origin

READ_TOGETHER: Final = 500
"""Events that are read together for a file."""

OF_THE_PROOF: Final = (EventKind.ACTOR_NAMED,)
"""The kinds that come with others and say nothing by themselves: shown to who asks for them (R109)."""

A: Final = SECURITY_ADDRESSES


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityFilters:
    """What is looked for: None and empty ones leave everything in, but what only serves the proof (``OF_THE_PROOF``).

    ``person``: an address, a name, a UAI, or a part of one, as the journal names who acts. ``until`` is excluded.
    """

    group: EventGroup | None = None
    kind: EventKind | None = None
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityEvent:
    """One event of the installation's chain. ``origins``: where it came from, empty once that is erased (R108)."""

    seq: int
    at: datetime
    kind: str
    actor: int
    role: Role
    who: str
    data: Mapping[str, Scalar]
    notes: tuple[Shown, ...]
    origins: tuple[Origin, ...]

    @property
    def label(self) -> str:
        return kind_label(self.kind)

    @property
    def details(self) -> tuple[Shown, ...]:
        """What the event says, in words; then the free texts beside it, as long as they are kept."""
        return (*event_data(self.data), *self.notes)


@dataclass(frozen=True, slots=True)
class SecurityPage:
    """Some events, the newest first; ``before`` is the next page's cursor, None at the end."""

    events: tuple[SecurityEvent, ...]
    before: int | None


def list_security_events(
    connection: Connection, filters: SecurityFilters, *, before: int | None = None, limit: int = 50
) -> SecurityPage:  # fmt: skip
    """Return a page of the journal; ``before`` is the cursor of the page that came first."""
    where = _conditions(connection, filters)
    if before is not None:
        where.append(EVENT.c.seq < before)
    columns = (EVENT.c.seq, EVENT.c.at, EVENT.c.kind, EVENT.c.actor, EVENT.c.role, EVENT.c.canonical, ACTOR.c.label)
    query = select(*columns).join(ACTOR, ACTOR.c.number == EVENT.c.actor).where(*where)
    rows = connection.execute(query.order_by(EVENT.c.seq.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    events = tuple(_with_beside(connection, shown))
    return SecurityPage(events, int(shown[-1].seq) if len(rows) > limit else None)


def walk_security_events(connection: Connection, filters: SecurityFilters) -> Iterator[SecurityEvent]:
    """Yield all that the filters leave, the newest first."""
    before: int | None = None
    while True:
        page = list_security_events(connection, filters, before=before, limit=READ_TOGETHER)
        yield from page.events
        if page.before is None:
            return
        before = page.before


def _conditions(connection: Connection, filters: SecurityFilters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [EVENT.c.stream == INSTALLATION]
    if filters.kind:
        where.append(EVENT.c.kind == filters.kind.value)
    elif filters.group:
        where.append(EVENT.c.kind.in_([kind.value for kind in kinds_of(filters.group)]))
    else:
        where.append(EVENT.c.kind.not_in([kind.value for kind in OF_THE_PROOF]))
    if filters.since:
        where.append(EVENT.c.at >= filters.since)
    if filters.until:
        where.append(EVENT.c.at < filters.until)
    if filters.person.strip():
        where.append(EVENT.c.actor.in_(_numbers_of(connection, filters.person)))
    return where


def _numbers_of(connection: Connection, person: str) -> list[int]:
    """Return the numbers of the actors whose name, address or establishment holds this text, in any case."""
    pieces = [piece.lower() for piece in person.split()]
    named = [
        or_(
            func.lower(ACTOR.c.label).contains(piece, autoescape=True),
            func.lower(ACTOR.c.key).contains(piece, autoescape=True),
        )
        for piece in pieces
    ]
    return list(connection.execute(select(ACTOR.c.number).where(*named)).scalars())


def _with_beside(connection: Connection, rows: Sequence[Any]) -> Iterator[SecurityEvent]:
    """Yield the events with what stands beside them: free texts, and where they came from."""
    numbers = [row.seq for row in rows]
    notes: dict[int, list[Shown]] = {}
    origins: dict[int, list[Origin]] = {}
    for batch in batches(numbers):
        of_batch = tuple_(NOTE.c.stream, NOTE.c.seq).in_([(INSTALLATION, seq) for seq in batch])
        for note in connection.execute(select(NOTE.c.seq, NOTE.c.field, NOTE.c.body).where(of_batch)):
            notes.setdefault(note.seq, []).append((_NOTES.get(note.field, note.field), note.body))
        kept = select(A).where(A.c.stream == INSTALLATION, A.c.seq.in_(batch)).order_by(A.c.seq, A.c.rank)
        for place in connection.execute(kept):
            origins.setdefault(place.seq, []).append(Origin(place.network, place.browser, place.times))
    for row in rows:
        yield SecurityEvent(
            seq=row.seq, at=row.at, kind=row.kind, actor=row.actor, role=Role.of(row.role), who=row.label,
            data=json.loads(row.canonical)["data"], notes=tuple(notes.get(row.seq, ())),
            origins=tuple(origins.get(row.seq, ())),
        )  # fmt: skip


_NOTES: Final = {"why": "raison", "address": "adresse fixée"}
"""The French names of the free texts beside these events."""
