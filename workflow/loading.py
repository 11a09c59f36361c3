"""The facts of a batch of commands, loaded and locked in a few queries whatever its size.

An establishment's row is the lock of all its requests: whoever writes takes it first, in the order of the UAI, so
two batches never wait for each other. A person's requests elsewhere are locked the same way (R9, R42).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select

from states.commands import Command, Declare, IssueCode, OnRequest
from states.facts import Report, Request
from states.vocabulary import CodeFate
from states.words import normalise_uai
from workflow.journal import Link
from workflow.known import Known, identities_of
from workflow.rows import (
    ESTABLISHMENT,
    IS_LIVE,
    REMOVAL,
    REPORT,
    REQUEST,
    REQUEST_COLUMNS,
    establishment_from,
    last_event_from,
    removal_from,
    report_from,
    request_from,
)

_CHUNK = 500
_LAST = (REQUEST.c.last_trigger, REQUEST.c.last_actor, REQUEST.c.changed_at)
_NAMED: ColumnElement[bool] = REQUEST.c.reference.in_(bindparam("references", expanding=True))
_OF_PEOPLE = or_(  # an index for each: SQLite finds none for an alternative inside a condition
    and_(REQUEST.c.person.in_(bindparam("people", expanding=True)), IS_LIVE),
    and_(REQUEST.c.folded_mail.in_(bindparam("mails", expanding=True)), IS_LIVE),
)
_IN_SCHOOLS = ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True))
_SCHOOLS = select(ESTABLISHMENT).where(_IN_SCHOOLS).order_by(ESTABLISHMENT.c.uai)
_SCHOOLS_LOCKED = _SCHOOLS.with_for_update(key_share=True)
_REPORTS = (
    select(REPORT).where(REPORT.c.reference.in_(bindparam("references", expanding=True))).order_by(REPORT.c.number)
)


def _finding(columns: Select[Any]) -> Mapping[tuple[bool, bool], Select[Any]]:
    """How requests are found: by their references, as the live ones of people, or both."""
    return {
        (True, False): columns.where(_NAMED),
        (False, True): columns.where(_OF_PEOPLE),
        (True, True): columns.where(or_(_NAMED, _OF_PEOPLE)),
    }


# Statements are built once: to build one takes as long as to execute it.
_TASK = (REMOVAL.c.kind, REMOVAL.c.outcome)
_WHOLE = _finding(select(*REQUEST_COLUMNS, *_LAST, *_TASK).select_from(REQUEST.outerjoin(REMOVAL)))
_WHO = _finding(select(*(REQUEST.c[name] for name in ("reference", "uai", "nom", "prenom", "mail"))))
"""What tells whom to lock, before the rest is read under the lock."""

Fates = Callable[[Connection, Sequence[Request]], Mapping[str, CodeFate]]


class Loader:
    """Loads and locks what a batch needs. ``fates`` asks the mails what became of each code (R58)."""

    def __init__(
        self, connection: Connection, fates: Fates, *, lock: bool = True, locked: Sequence[Any] | None = None
    ) -> None:
        """``locked``: the rows of the establishments when the caller already holds them."""
        self._connection = connection
        self._locked = locked
        self._fates = fates
        self._lock = lock
        # SQLite's writer is alone from the beginning of its transaction.
        self._waits = lock and connection.dialect.name == "postgresql"

    def load(self, commands: Sequence[Command]) -> Known:
        known = Known()
        references = {c.reference for c in commands if isinstance(c, OnRequest)}
        references |= {c.extends for c in commands if isinstance(c, IssueCode) and c.extends}
        first = _WHO if self._waits else _WHOLE
        own = self._rows(first, references, [])
        before = {row.reference: row for row in own}
        identities = [
            pair for c in commands for pair in identities_of(c, before.get(getattr(c, "reference", "")))
        ]  # fmt: skip
        uais = {normalise_uai(c.uai) for c in commands if isinstance(c, Declare)}
        others = self._rows(first, set(), identities)
        uais |= {r.uai for r in before.values()} | {row.uai for row in others}
        self._establishments(known, uais)
        if self._waits:  # for what others were writing until the lock was ours
            own, others = self._rows(_WHOLE, references, identities), []
        for row in (*own, *others):
            self._take(known, row)
        self._rest(known, references)
        return known

    def load_year(self, school_year: str, uais: set[str]) -> Known:
        """The live requests of a school year in these establishments, for its end: each is looked at alone,
        without its person, its reports or its removal, so that a sweep stays quick (R50)."""
        known = Known()
        self._establishments(known, uais)
        for chunk in _chunks(uais):
            query = select(*REQUEST_COLUMNS).where(
                REQUEST.c.uai.in_(chunk),
                REQUEST.c.school_year == school_year,
                IS_LIVE,
            )
            for row in self._connection.execute(query.order_by(REQUEST.c.uai, REQUEST.c.reference)).all():
                request = request_from(row)
                known.requests[request.reference] = request
                known.links[request.reference] = Link(row.chain_head, row.chain_length)
        return known

    def _take(self, known: Known, row: Any) -> None:
        known.learn(request_from(row))
        known.links[row.reference] = Link(row.chain_head, row.chain_length)
        known.lasts[row.reference] = last_event_from(row)
        if row.kind:
            known.removals[row.reference] = removal_from(row)

    def _establishments(self, known: Known, uais: set[str]) -> None:
        if self._locked is not None:
            known.establishments = {row.uai: establishment_from(row) for row in self._locked}
            return
        statement = _SCHOOLS_LOCKED if self._lock else _SCHOOLS
        for chunk in _chunks(uais):
            for row in self._connection.execute(statement, {"uais": chunk}):
                known.establishments[row.uai] = establishment_from(row)

    def _rows(
        self, finding: Mapping[tuple[bool, bool], Select[Any]], references: set[str], identities: list[tuple[str, str]]
    ) -> list[Any]:  # fmt: skip
        """The requests of these references, and the live ones of these (person, folded mail) pairs."""
        rows: list[Any] = []
        none: list[Any] = []
        for named, pairs in zip_longest(_chunks(references), _chunks(set(identities)), fillvalue=none):
            wanted = {"references": named, "people": [one for one, _ in pairs], "mails": [mail for _, mail in pairs]}
            rows += self._connection.execute(finding[bool(named), bool(pairs)], wanted).all()
        return rows

    def _rest(self, known: Known, references: set[str]) -> None:
        reports: dict[str, list[Report]] = {}
        for chunk in _chunks(references):
            for row in self._connection.execute(_REPORTS, {"references": chunk}):
                reports.setdefault(row.reference, []).append(report_from(row))
        known.reports = {reference: tuple(found) for reference, found in reports.items()}
        asked = [known.requests[r] for r in sorted(references) if r in known.requests]
        known.fates = dict(self._fates(self._connection, asked))


def _chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    """Slices that every database takes as bound parameters, always in the same order."""
    ordered = sorted(values)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))
