"""Requests compared with the lists in force, many at once (R94)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from notifications.sql import batches
from states import french
from states.model import Evidence, Request
from states.policy import Policy
from states.rules.verification import oldest_valid_day
from states.vocabulary import Trigger
from workflow.auth.chefs import KnownChefs, known_chefs
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import ListKind
from workflow.database.journal_tables import EVENT
from workflow.evidence.lists import ENTRY_COLUMNS, ListEntry, ListImport, entry_from, lists_in_force
from workflow.evidence.matching import (
    CONFIDENT,
    Candidate,
    Certainty,
    DelegationTerms,
    match_delegation,
    match_listing,
)

_OF_IDENTITY: Final = (Trigger.DECLARE.value, Trigger.RENEW.value, Trigger.AMEND.value)
"""The events that give a request its person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The result of comparing a request with a list.

    ``source`` is the list in force, None before the first import; ``since``: the first day of a list that can prove
    something of this request; ``candidates`` are what was found in it, the best first, none in a list that proves
    nothing.
    """

    kind: ListKind
    certainty: Certainty
    source: ListImport | None = None
    since: date
    candidates: tuple[Candidate, ...] = ()

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None

    @property
    def is_confident(self) -> bool:
        """True of what may be confirmed together with others, by one button."""
        best = self.best
        return best is not None and best.score >= CONFIDENT and not best.is_obstructed

    @property
    def source_text(self) -> str:
        """The source of a check made from the best row: ``liste de la DRANE du 12 novembre 2026, ligne 34``."""
        if self.source is None:
            return ""
        line = self.best.entry.line if self.best else 0
        return f"{self.source.name}, ligne {line}" if line else self.source.name

    @property
    def sentences(self) -> tuple[str, ...]:
        """The result in French, for who reads no page; nothing without a list."""
        if self.source is None:
            return ()
        name = self.source.name[:1].upper() + self.source.name[1:]
        match self.certainty:
            case Certainty.OLDER:
                return (f"{name} : antérieure à la demande (du {french.day(self.since)}), elle ne prouve rien.",)
            case Certainty.TOO_OLD:
                return (f"{name} : trop ancienne, en importer une autre.",)
            case Certainty.NONE:
                return (f"{name} : introuvable par l'adresse, le nom et le prénom, ici comme ailleurs.",)
        return tuple(f"{name} : {_described(candidate)}." for candidate in self.candidates)

    def evidence(self, *, automatic: bool = False) -> Evidence | None:
        """The best row as a check names it; None when there is none."""
        if self.source is None or self.best is None:
            return None
        entry = self.best.entry
        return Evidence(
            entry=entry.id, list_number=self.source.number, line=entry.line, score=self.best.score, automatic=automatic
        )


def _described(candidate: Candidate) -> str:
    entry = candidate.entry
    line = f" (ligne {entry.line})" if entry.line else ""
    who = f"{entry.nom} {entry.prenom}, {entry.mail or 'sans adresse'}{line}"
    if candidate.is_exact:
        return f"concorde, {who}"
    differences = " ; ".join(difference.sentence for difference in candidate.differences)
    return f"{candidate.score} sur 100, {who} : {differences}"


Matches = Mapping[ListKind, Match]


class ListComparison:
    """The lists in force at ``now``, with which requests are compared; a few statements however many there are."""

    def __init__(self, connection: Connection, policy: Policy, now: datetime) -> None:
        self._connection, self._policy = connection, policy
        self._today = policy.calendar.today(now)
        self.lists = lists_in_force(connection)

    def matches(self, requests: Sequence[Request]) -> dict[str, Matches]:
        """What each list says of each request, by its reference."""
        days = self._identity_days([request.reference for request in requests])
        candidates = {kind: self.candidates(kind, requests) for kind in self.lists}
        return {
            request.reference: {
                kind: self._match(kind, request, days.get(request.reference, self._today), candidates.get(kind, {}))
                for kind in ListKind
            }
            for request in requests
        }

    def candidates(self, kind: ListKind, requests: Sequence[Request]) -> dict[str, tuple[Candidate, ...]]:
        """The rows of a list in force that are or may be of each request's person, whatever the list's age."""
        entries = _Entries(self._connection, self.lists[kind], requests)
        if kind is ListKind.LISTING:
            return {request.reference: match_listing(request, entries.of(request)) for request in requests}
        chefs = known_chefs(self._connection, sorted({request.uai for request in requests}))
        return {
            request.reference: match_delegation(request, entries.of(request), self._terms(chefs[request.uai]))
            for request in requests
        }

    def _terms(self, chefs: KnownChefs) -> DelegationTerms:
        return DelegationTerms(
            applications=self._policy.delegation_applications, today=self._today, chef=chefs.in_force,
            former_chefs=chefs.former,
        )  # fmt: skip

    def _match(
        self, kind: ListKind, request: Request, identified_on: date, by_request: Mapping[str, tuple[Candidate, ...]]
    ) -> Match:  # fmt: skip
        since = identified_on
        if kind is ListKind.DELEGATION and request.delegated_on:
            since = max(since, request.delegated_on)
        source = self.lists.get(kind)
        if source is None:
            return Match(kind=kind, certainty=Certainty.NO_LIST, since=since)
        if source.list_date < since:
            return Match(kind=kind, certainty=Certainty.OLDER, source=source, since=since)
        if source.list_date < oldest_valid_day(self._today, self._policy.checks_max_age_days):
            return Match(kind=kind, certainty=Certainty.TOO_OLD, source=source, since=since)
        candidates = by_request.get(request.reference, ())
        certainty = Certainty.NEAR if candidates else Certainty.NONE
        if candidates and candidates[0].is_exact:
            certainty = Certainty.EXACT
        return Match(kind=kind, certainty=certainty, source=source, since=since, candidates=candidates)

    def _identity_days(self, references: Sequence[str]) -> dict[str, date]:
        """The last day on which each request's nom, prénom, address or year was given."""
        days: dict[str, date] = {}
        columns = select(EVENT.c.stream, EVENT.c.kind, EVENT.c.at, EVENT.c.canonical)
        for batch in batches(sorted(references)):
            query = columns.where(EVENT.c.stream.in_(batch), EVENT.c.kind.in_(_OF_IDENTITY))
            for row in self._connection.execute(query):
                if row.kind == Trigger.AMEND.value and not _changes_identity(row.canonical):
                    continue
                day = self._policy.calendar.today(row.at)
                days[row.stream] = max(day, days.get(row.stream, day))
        return days


def _changes_identity(canonical: str) -> bool:
    data = json.loads(canonical)["data"]
    return bool(data.get("name_changed") or data.get("mail_changed"))


class _Entries:
    """The rows of a list in force that some requests are compared with: of their schools, or of their people."""

    def __init__(self, connection: Connection, source: ListImport, requests: Sequence[Request]) -> None:
        self._by_uai: dict[str, list[ListEntry]] = {}
        self._by_mail: dict[str, list[ListEntry]] = {}
        self._by_person: dict[str, list[ListEntry]] = {}
        in_force = (E.c.kind == source.kind.value, E.c.last_import == source.number)
        places = (
            (E.c.uai, self._by_uai, {request.uai for request in requests}),
            (E.c.folded_mail, self._by_mail, {request.folded_mail for request in requests}),
            (E.c.person, self._by_person, {request.person for request in requests}),
        )
        for column, index, values in places:
            for entry in _load(connection, in_force, column, values - {""}):
                index.setdefault(getattr(entry, column.name), []).append(entry)

    def of(self, request: Request) -> list[ListEntry]:
        entries = {entry.id: entry for entry in self._by_uai.get(request.uai, ())}
        for rows in (self._by_mail.get(request.folded_mail, ()), self._by_person.get(request.person, ())):
            entries |= {entry.id: entry for entry in rows}
        return list(entries.values())


def _load(
    connection: Connection, in_force: Iterable[ColumnElement[bool]], column: Any, values: Iterable[str]
) -> Iterable[ListEntry]:  # fmt: skip
    for batch in batches(sorted(values)):
        rows = connection.execute(select(*ENTRY_COLUMNS).where(*in_force, column.in_(batch)).order_by(E.c.id))
        yield from map(entry_from, rows)
