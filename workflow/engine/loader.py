"""The facts of a batch of commands, loaded and locked in a few queries whatever its size.

An establishment's row is the lock of all its requests: whoever writes takes it first, in the order of the UAI, so
two batches never wait for each other. A person's requests elsewhere are locked the same way (R9, R42).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select, union

from notifications.sql import batches
from states.commands import Amend, Command, Declare, Expire, IssueCode, OnRequest, Renew, Submit
from states.model import DrawnBatch, Establishment, Facts, LastEvent, Removal, Report, Request
from states.validation import fold_mail, normalise_uai, person_key
from states.vocabulary import CodeStatus, RevokeReason, Trigger
from workflow.database.file_tables import BATCH
from workflow.database.journal_tables import ACTOR, EVENT
from workflow.database.mapping import (
    REQUEST_COLUMNS,
    establishment_from,
    last_event_from,
    removal_from,
    report_from,
    request_from,
    stand_in_from,
)
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REMOVAL, REPORT, REQUEST, STAND_IN
from workflow.journal.chain import ChainHead


@dataclass
class BatchFacts:
    """Facts loaded for a batch of commands; they grow as its commands are decided, so each sees the ones before it.

    ``people`` are references by folded identity: ``p:`` and a person's key, ``m:`` and a folded mail; ``live_requests``
    counts those of the establishments in which one is to be born.
    """

    establishments: dict[str, Establishment] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    last_events: dict[str, LastEvent] = field(default_factory=dict)
    chain_heads: dict[str, ChainHead] = field(default_factory=dict)
    reports: dict[str, tuple[Report, ...]] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)
    revoked_for: dict[str, RevokeReason] = field(default_factory=dict)
    code_statuses: dict[str, CodeStatus] = field(default_factory=dict)
    batches: dict[int, DrawnBatch] = field(default_factory=dict)
    people: dict[str, list[str]] = field(default_factory=dict)
    shared_mailboxes: frozenset[str] = frozenset()
    live_requests: Counter[str] = field(default_factory=Counter)

    def add(self, request: Request) -> None:
        """Add a request, new or changed, to be found by its person too."""
        self.requests[request.reference] = request
        for key in (f"p:{request.person}", f"m:{request.folded_mail}"):
            references = self.people.setdefault(key, [])
            if request.reference not in references:
                references.append(request.reference)

    def others(self, identities: Iterable[tuple[str, str]], but: str) -> tuple[Request, ...]:
        """Return the live requests of (person, folded mail) pairs, but one."""
        keys = [key for person, mail in identities for key in (f"p:{person}", f"m:{mail}")]
        references = {r for key in keys for r in self.people.get(key, ()) if r != but}
        return tuple(r for r in (self.requests[name] for name in sorted(references)) if r.is_live)

    def facts(self, command: Command) -> Facts:
        """Return the facts that one command is decided on."""
        if not isinstance(command, OnRequest):
            uai = normalise_uai(getattr(command, "uai", ""))
            return Facts(
                establishment=self.establishments.get(uai), others=self.others(identities_of(command, None), ""),
                live_requests=self.live_requests[uai], shared_mailboxes=self.shared_mailboxes,
            )  # fmt: skip
        request = self.requests.get(command.reference)
        if request is None:
            return Facts(establishment=None)
        reference = request.reference
        extends = command.extends if isinstance(command, IssueCode) else None
        people = [] if isinstance(command, Expire) else identities_of(command, request)
        return Facts(
            establishment=self.establishments.get(request.uai),
            request=request,
            live_requests=self.live_requests[request.uai],
            others=self.others(people, reference) if people else (),
            shared_mailboxes=self.shared_mailboxes,
            reports=self.reports.get(reference, ()),
            removal=self.removals.get(reference),
            revoked_for=self.revoked_for.get(reference),
            last=self.last_events.get(reference),
            code_fate=self.code_statuses.get(reference, CodeStatus.NONE),
            batch=self.batches.get(request.drawn_in) if request.drawn_in is not None else None,
            extended=self.requests.get(extends) if extends else None,
            extended_removal=self.removals.get(extends) if extends else None,
            extended_reports=self.reports.get(extends, ()) if extends else (),
        )


def identities_of(command: Command, request: Any) -> list[tuple[str, str]]:
    """Return the (person, folded mail) pairs whose other requests matter to a command; ``request`` may be a row."""
    identities = [(person_key(request.nom, request.prenom), fold_mail(request.mail))] if request else []
    if isinstance(command, Declare):
        identities.append((person_key(command.nom, command.prenom), fold_mail(command.mail)))
    if isinstance(command, Amend) and request:
        nom, prenom = command.nom or request.nom, command.prenom or request.prenom
        identities.append((person_key(nom, prenom), fold_mail(command.mail or request.mail)))
    return identities


# Statements are built once: to build one takes as long as to execute it.

_NAMED: Final[ColumnElement[bool]] = REQUEST.c.reference.in_(bindparam("references", expanding=True))

_OF_PEOPLE: Final = or_(  # an index for each: SQLite finds none for an alternative inside a condition
    and_(REQUEST.c.person.in_(bindparam("people", expanding=True)), IS_LIVE),
    and_(REQUEST.c.folded_mail.in_(bindparam("mails", expanding=True)), IS_LIVE),
)


def _selections(columns: Select[Any]) -> Mapping[tuple[bool, bool], Select[Any]]:
    """Select requests by their references, as the live ones of people, or by both."""
    return {
        (True, False): columns.where(_NAMED),
        (False, True): columns.where(_OF_PEOPLE),
        (True, True): columns.where(or_(_NAMED, _OF_PEOPLE)),
    }


_LAST_ROLE: Final = (
    select(EVENT.c.role)
    .where(EVENT.c.stream == REQUEST.c.reference, EVENT.c.seq == REQUEST.c.chain_length)
    .scalar_subquery()
    .label("last_role")
)

_LAST_EVENT: Final = (REQUEST.c.last_trigger, REQUEST.c.last_actor, _LAST_ROLE, REQUEST.c.changed_at)

_TASK: Final = (REMOVAL.c.kind, REMOVAL.c.outcome, REMOVAL.c.opened_at)

_REQUESTS: Final = _selections(
    select(*REQUEST_COLUMNS, *_LAST_EVENT, *_TASK).select_from(REQUEST.outerjoin(REMOVAL))
)  # fmt: skip

_IDENTITIES: Final = _selections(
    select(*(REQUEST.c[name] for name in ("reference", "uai", "nom", "prenom", "mail")))
)  # fmt: skip
"""What tells which establishments to lock, before the rest is read under the lock."""

_ESTABLISHMENTS: Final = (
    select(ESTABLISHMENT)
    .where(ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True)))
    .order_by(ESTABLISHMENT.c.uai)
)

_ESTABLISHMENTS_LOCKED: Final = _ESTABLISHMENTS.with_for_update(key_share=True)

_STAND_INS: Final = (
    select(STAND_IN, ACTOR.c.label)
    .outerjoin(ACTOR, ACTOR.c.number == STAND_IN.c.operator)
    .where(STAND_IN.c.uai.in_(bindparam("uais", expanding=True)))
    .order_by(STAND_IN.c.id)
)

_SHARED_MAILBOXES: Final = union(
    *(
        select(func.lower(column)).where(func.lower(column).in_(bindparam("mails", expanding=True)))
        for column in (ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox)
    )
)
"""The addresses, of some, to which the mails of an establishment go, or would go: each has an index (R16)."""

_LIVE_REQUESTS: Final = (
    select(REQUEST.c.uai, func.count())
    .where(REQUEST.c.uai.in_(bindparam("uais", expanding=True)), IS_LIVE)
    .group_by(REQUEST.c.uai)
)

_REPORTS: Final = (
    select(REPORT).where(REPORT.c.reference.in_(bindparam("references", expanding=True))).order_by(REPORT.c.number)
)

_REVOCATIONS: Final = select(EVENT.c.stream, EVENT.c.canonical).where(
    EVENT.c.stream.in_(bindparam("references", expanding=True)), EVENT.c.kind == Trigger.REVOKE.value
)
"""Why the rectorat ended requests that are renewed (R33)."""

_BATCHES: Final = (
    select(BATCH.c.number, BATCH.c.drawn_at, ACTOR.c.label, BATCH.c.downloaded_at)
    .join(ACTOR, ACTOR.c.number == BATCH.c.drawn_by)
    .where(BATCH.c.number.in_(bindparam("numbers", expanding=True)))
)

CodeStatuses = Callable[[Connection, Sequence[Request]], Mapping[str, CodeStatus]]
"""Asks the mails what became of the code of each request (R58)."""


def load_establishment(connection: Connection, uai: str) -> Establishment | None:
    """An establishment, with the operators who can act in its stead (R6); None for an unknown one."""
    row = connection.execute(_ESTABLISHMENTS, {"uais": [uai]}).one_or_none()
    return _with_stand_ins(connection, {uai: establishment_from(row)})[uai] if row else None


def _with_stand_ins(connection: Connection, establishments: Mapping[str, Establishment]) -> dict[str, Establishment]:
    places = dict(establishments)
    for batch in batches(sorted(places)):
        for row in connection.execute(_STAND_INS, {"uais": batch}):
            place = places[row.uai]
            places[row.uai] = replace(place, stand_ins=(*place.stand_ins, stand_in_from(row)))
    return places


class Loader:
    """Loads and locks the facts of a batch."""

    def __init__(
        self, connection: Connection, code_statuses: CodeStatuses, *, lock: bool = True,
        locked: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        """``locked``: the rows of the establishments when the caller already holds them."""
        self._connection = connection
        self._locked = locked
        self._code_statuses = code_statuses
        self._lock = lock
        # SQLite's writer is alone from the beginning of its transaction.
        self._waits = lock and connection.dialect.name == "postgresql"

    def load(self, commands: Sequence[Command]) -> BatchFacts:
        """Load what these commands are decided on, and lock their establishments first."""
        facts = BatchFacts()
        references = {c.reference for c in commands if isinstance(c, OnRequest)}
        references |= {c.extends for c in commands if isinstance(c, IssueCode) and c.extends}
        selections = _IDENTITIES if self._waits else _REQUESTS
        own = self._rows(selections, references, [])
        before = {row.reference: row for row in own}
        identities = [
            pair for c in commands for pair in identities_of(c, before.get(getattr(c, "reference", "")))
        ]  # fmt: skip
        others = self._rows(selections, set(), identities)
        uais = {normalise_uai(c.uai) for c in commands if isinstance(c, Declare)}
        self._load_establishments(facts, uais | {row.uai for row in (*before.values(), *others)})
        facts.establishments = _with_stand_ins(self._connection, facts.establishments)
        if self._waits:  # for what others were writing until the lock was ours
            own, others = self._rows(_REQUESTS, references, identities), []
        for row in (*own, *others):
            facts.add(request_from(row))
            facts.chain_heads[row.reference] = ChainHead(row.chain_head, row.chain_length)
            facts.last_events[row.reference] = last_event_from(row)
            if row.kind:
                facts.removals[row.reference] = removal_from(row)
        for batch in batches(sorted(references)):
            for row in self._connection.execute(_REPORTS, {"references": batch}):
                facts.reports[row.reference] = (*facts.reports.get(row.reference, ()), report_from(row))
        judged = [
            pair for c in commands if isinstance(c, Declare | Amend | Renew | Submit)
            for pair in identities_of(c, before.get(getattr(c, "reference", "")))
        ]  # fmt: skip
        for mails in batches(sorted({mail for _, mail in judged})):
            shared = self._connection.execute(_SHARED_MAILBOXES, {"mails": mails}).scalars()
            facts.shared_mailboxes |= frozenset(shared)
        renewed = {c.reference for c in commands if isinstance(c, Renew)}
        ended = [r for r in sorted(renewed) if r in facts.requests and not facts.requests[r].is_live]
        for batch in batches(ended):
            for row in self._connection.execute(_REVOCATIONS, {"references": batch}):
                facts.revoked_for[row.stream] = RevokeReason(json.loads(row.canonical)["data"]["reason"])
        for batch in batches(sorted(uais | {facts.requests[r].uai for r in renewed if r in facts.requests})):
            for uai, number in self._connection.execute(_LIVE_REQUESTS, {"uais": batch}):
                facts.live_requests[uai] = number
        named = [facts.requests[r] for r in sorted(references) if r in facts.requests]
        facts.code_statuses = dict(self._code_statuses(self._connection, named))
        for drawn in batches(sorted({r.drawn_in for r in named if r.drawn_in is not None})):
            for row in self._connection.execute(_BATCHES, {"numbers": drawn}):
                facts.batches[row.number] = DrawnBatch(row.number, row.drawn_at, row.label, row.downloaded_at)
        return facts

    def load_year(self, school_year: str, uais: set[str]) -> BatchFacts:
        """Load the live requests of a school year in these establishments, for its end.

        Each is decided alone, without its person, its reports or its removal, so that a sweep stays quick (R50).
        """
        facts = BatchFacts()
        self._load_establishments(facts, uais)
        live = select(*REQUEST_COLUMNS).where(REQUEST.c.school_year == school_year, IS_LIVE)
        for batch in batches(sorted(uais)):
            query = live.where(REQUEST.c.uai.in_(batch)).order_by(REQUEST.c.uai, REQUEST.c.reference)
            for row in self._connection.execute(query).all():
                request = request_from(row)
                facts.requests[request.reference] = request
                facts.chain_heads[request.reference] = ChainHead(row.chain_head, row.chain_length)
        return facts

    def _load_establishments(self, facts: BatchFacts, uais: set[str]) -> None:
        if self._locked is not None:
            facts.establishments = {row.uai: establishment_from(row) for row in self._locked}
            return
        statement = _ESTABLISHMENTS_LOCKED if self._lock else _ESTABLISHMENTS
        for batch in batches(sorted(uais)):
            for row in self._connection.execute(statement, {"uais": batch}):
                facts.establishments[row.uai] = establishment_from(row)

    def _rows(
        self, selections: Mapping[tuple[bool, bool], Select[Any]], references: set[str],
        identities: list[tuple[str, str]],
    ) -> list[Any]:  # fmt: skip
        """Return the requests of these references, and the live ones of these (person, folded mail) pairs."""
        rows: list[Any] = []
        empty: list[Any] = []
        groups = zip_longest(batches(sorted(references)), batches(sorted(set(identities))), fillvalue=empty)
        for named, pairs in groups:
            values = {
                "references": named, "people": [person for person, _ in pairs], "mails": [mail for _, mail in pairs],
            }  # fmt: skip
            rows += self._connection.execute(selections[bool(named), bool(pairs)], values).all()
        return rows
