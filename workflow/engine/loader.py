"""The facts of a batch of commands, loaded and locked in a few queries whatever its size.

An establishment's row is the lock of all its requests: whoever writes takes it first, in the order of the UAI, so
two batches never wait for each other. A person's requests elsewhere are locked the same way (R9, R42).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select

from notifications.sql import batches
from states.commands import Amend, Command, Declare, Expire, IssueCode, OnRequest
from states.model import Establishment, Facts, LastEvent, Removal, Report, Request
from states.validation import fold_mail, normalise_uai, person_key
from states.vocabulary import CodeStatus
from workflow.database.mapping import (
    REQUEST_COLUMNS,
    establishment_from,
    last_event_from,
    removal_from,
    report_from,
    request_from,
)
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REMOVAL, REPORT, REQUEST
from workflow.journal.chain import Link

# What a batch of commands knows, and what of it one decision may look at.


@dataclass
class BatchFacts:
    """What a batch knows; it grows as its commands are decided, so that each sees the ones before it."""

    establishments: dict[str, Establishment] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    lasts: dict[str, LastEvent] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    reports: dict[str, tuple[Report, ...]] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)
    fates: dict[str, CodeStatus] = field(default_factory=dict)
    people: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, request: Request) -> None:
        """A request, new or changed, found afterwards by its person."""
        self.requests[request.reference] = request
        for key in (f"p:{request.person}", f"m:{request.folded_mail}"):
            references = self.people.setdefault(key, [])
            if request.reference not in references:
                references.append(request.reference)

    def others(self, identities: Iterable[tuple[str, str]], but: str) -> tuple[Request, ...]:
        """The live requests of (person, folded mail) pairs, but one."""
        keys = [key for person, mail in identities for key in (f"p:{person}", f"m:{mail}")]
        references = {r for key in keys for r in self.people.get(key, ()) if r != but}
        return tuple(r for r in (self.requests[name] for name in sorted(references)) if r.is_live)

    def facts(self, command: Command) -> Facts:
        """What one command's decision may look at."""
        if not isinstance(command, OnRequest):
            uai = normalise_uai(getattr(command, "uai", ""))
            return Facts(
                establishment=self.establishments.get(uai), others=self.others(identities_of(command, None), "")
            )
        request = self.requests.get(command.reference)
        if request is None:
            return Facts(establishment=None)
        reference = request.reference
        extends = command.extends if isinstance(command, IssueCode) else None
        people = [] if isinstance(command, Expire) else identities_of(command, request)
        return Facts(
            establishment=self.establishments.get(request.uai),
            request=request,
            others=self.others(people, reference) if people else (),
            reports=self.reports.get(reference, ()),
            removal=self.removals.get(reference),
            last=self.lasts.get(reference),
            code_fate=self.fates.get(reference, CodeStatus.NONE),
            extended=self.requests.get(extends) if extends else None,
            extended_removal=self.removals.get(extends) if extends else None,
            extended_reports=self.reports.get(extends, ()) if extends else (),
        )


def identities_of(command: Command, request: Any) -> list[tuple[str, str]]:
    """The (person, folded mail) pairs whose other requests matter to a command; ``request`` may be a row of it."""
    found = [(person_key(request.nom, request.prenom), fold_mail(request.mail))] if request else []
    if isinstance(command, Declare):
        found.append((person_key(command.nom, command.prenom), fold_mail(command.mail)))
    if isinstance(command, Amend) and request:
        nom, prenom = command.nom or request.nom, command.prenom or request.prenom
        found.append((person_key(nom, prenom), fold_mail(command.mail or request.mail)))
    return found


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


Fates = Callable[[Connection, Sequence[Request]], Mapping[str, CodeStatus]]


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

    def load(self, commands: Sequence[Command]) -> BatchFacts:
        batch_facts = BatchFacts()
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
        self._establishments(batch_facts, uais)
        if self._waits:  # for what others were writing until the lock was ours
            own, others = self._rows(_WHOLE, references, identities), []
        for row in (*own, *others):
            self._take(batch_facts, row)
        self._rest(batch_facts, references)
        return batch_facts

    def load_year(self, school_year: str, uais: set[str]) -> BatchFacts:
        """The live requests of a school year in these establishments, for its end: each is looked at alone,
        without its person, its reports or its removal, so that a sweep stays quick (R50)."""
        batch_facts = BatchFacts()
        self._establishments(batch_facts, uais)
        for chunk in batches(sorted(uais)):
            query = select(*REQUEST_COLUMNS).where(
                REQUEST.c.uai.in_(chunk),
                REQUEST.c.school_year == school_year,
                IS_LIVE,
            )
            for row in self._connection.execute(query.order_by(REQUEST.c.uai, REQUEST.c.reference)).all():
                request = request_from(row)
                batch_facts.requests[request.reference] = request
                batch_facts.links[request.reference] = Link(row.chain_head, row.chain_length)
        return batch_facts

    def _take(self, batch_facts: BatchFacts, row: Any) -> None:
        batch_facts.learn(request_from(row))
        batch_facts.links[row.reference] = Link(row.chain_head, row.chain_length)
        batch_facts.lasts[row.reference] = last_event_from(row)
        if row.kind:
            batch_facts.removals[row.reference] = removal_from(row)

    def _establishments(self, batch_facts: BatchFacts, uais: set[str]) -> None:
        if self._locked is not None:
            batch_facts.establishments = {row.uai: establishment_from(row) for row in self._locked}
            return
        statement = _SCHOOLS_LOCKED if self._lock else _SCHOOLS
        for chunk in batches(sorted(uais)):
            for row in self._connection.execute(statement, {"uais": chunk}):
                batch_facts.establishments[row.uai] = establishment_from(row)

    def _rows(
        self, finding: Mapping[tuple[bool, bool], Select[Any]], references: set[str], identities: list[tuple[str, str]]
    ) -> list[Any]:  # fmt: skip
        """The requests of these references, and the live ones of these (person, folded mail) pairs."""
        rows: list[Any] = []
        none: list[Any] = []
        for named, pairs in zip_longest(batches(sorted(references)), batches(sorted(set(identities))), fillvalue=none):
            wanted = {"references": named, "people": [one for one, _ in pairs], "mails": [mail for _, mail in pairs]}
            rows += self._connection.execute(finding[bool(named), bool(pairs)], wanted).all()
        return rows

    def _rest(self, batch_facts: BatchFacts, references: set[str]) -> None:
        reports: dict[str, list[Report]] = {}
        for chunk in batches(sorted(references)):
            for row in self._connection.execute(_REPORTS, {"references": chunk}):
                reports.setdefault(row.reference, []).append(report_from(row))
        batch_facts.reports = {reference: tuple(found) for reference, found in reports.items()}
        asked = [batch_facts.requests[r] for r in sorted(references) if r in batch_facts.requests]
        batch_facts.fates = dict(self._fates(self._connection, asked))
