"""Requests compared with the lists in force: a row is the same, near with a score and its differences, or none (R94).

What agrees in everything is a check that makes itself; so whatever could make it wrong is a difference here, and a
difference is for a person to judge.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel
from sqlalchemy import Connection, select

from notifications.sql import batches
from states import french
from states.model import Evidence, Policy, Request
from states.rules.verification import oldest_valid_day
from states.validation import chef_key, fold
from states.vocabulary import Labelled, Trigger
from workflow.auth.actors import known_chefs
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import ListKind
from workflow.database.journal_tables import EVENT
from workflow.evidence.lists import ENTRY_COLUMNS, ListEntry, ListImport, entry_from, lists_in_force

WHOLE: Final = 100
"""The score of a row that agrees in everything."""

CONFIDENT: Final = 90
"""The score from which a proposal may be ticked with others, by one button."""

LEAST: Final = 60
"""The score under which a row is of somebody else."""

MOST: Final = 3
"""Rows shown of a list for one request."""

_ALIKE: Final = 84
"""The likeness from which two names may be one with a letter changed."""

_MAIL_WEIGHT: Final = 0.75
"""An address that only looks alike counts for less than a name: it may well be a colleague's."""

_MOST_WITH_A_DIFFERENCE, _MOST_WITH_A_DOUBT, _MOST_WITH_AN_OBSTACLE = WHOLE - 1, CONFIDENT - 5, LEAST - 10

_OF_IDENTITY: Final = (Trigger.DECLARE.value, Trigger.RENEW.value, Trigger.AMEND.value)
"""The events that give a request its person."""


class Discrepancy(Labelled):
    """Ways in which a row of a list differs from a request."""

    NAME = "name", "nom écrit autrement"
    GIVEN_NAME = "given_name", "prénom écrit autrement"
    ORDER = "order", "nom et prénom dans un autre ordre"
    USAGE_NAME = "usage_name", "nom d'usage"
    OTHER_MAIL = "other_mail", "seconde adresse"
    MAIL = "mail", "adresse différente"
    NO_MAIL = "no_mail", "adresse absente de la liste"
    SAME_NAME = "same_name", "homonyme dans cet établissement"
    SHARED_MAIL = "shared_mail", "adresse portée aussi par une autre personne"
    CONTRADICTED = "contradicted", "une autre ligne dit le contraire"
    AUTHOR_NOT_SAID = "author_not_said", "auteur de la délégation absent de la liste"
    AUTHOR_UNKNOWN = "author_unknown", "auteur de la délégation qui n'est pas le chef connu"
    FORMER_CHEF = "former_chef", "délégation faite par un ancien chef d'établissement"
    APPLICATION_NOT_SAID = "application_not_said", "application absente de la liste"
    OTHER_APPLICATION = "other_application", "autre application"
    NOT_BEGUN = "not_begun", "délégation pas encore commencée"
    ENDED = "ended", "délégation finie"
    ELSEWHERE = "elsewhere", "trouvé dans un autre établissement"


_DOUBTS: Final = frozenset({Discrepancy.SAME_NAME, Discrepancy.SHARED_MAIL, Discrepancy.CONTRADICTED})
"""What makes two answers possible."""

OBSTACLES: Final = frozenset(
    {
        Discrepancy.FORMER_CHEF, Discrepancy.OTHER_APPLICATION, Discrepancy.NOT_BEGUN, Discrepancy.ENDED,
        Discrepancy.ELSEWHERE,
    }
)  # fmt: skip
"""What the list says against the request, however well the person agrees."""


class Certainty(Labelled):
    """Results of a comparison with one list (R94)."""

    EXACT = "exact", "concorde"
    NEAR = "near", "à confirmer"
    NONE = "none", "introuvable"
    OLDER = "older", "liste antérieure à la demande"
    TOO_OLD = "too_old", "liste trop ancienne"
    NO_LIST = "no_list", "aucune liste"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text; ``differs``: the request writes something else there."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference: what the request says, and what the list does; empty when there is nothing to say."""

    discrepancy: Discrepancy
    ours: str = ""
    theirs: str = ""

    @property
    def is_obstacle(self) -> bool:
        return self.discrepancy in OBSTACLES

    @property
    def sentence(self) -> str:
        """The difference in French, without a full stop."""
        label = self.discrepancy.label
        if self.ours and self.theirs:
            return f"{label} : « {self.theirs} » dans la liste, « {self.ours} » dans la demande"
        return f"{label} : {self.theirs}" if self.theirs else label

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The list's words, the characters that differ told from the others."""
        codes = Indel.opcodes(self.ours, self.theirs)
        pieces = ((self.theirs[code.dest_start : code.dest_end], code.tag != "equal") for code in codes)
        return tuple(Segment(text, differs) for text, differs in pieces if text)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of a list, and how it differs; nothing differs in an exact one.

    ``likeness``: how alike the persons are, out of ``WHOLE``, whatever else the row says.
    """

    entry: ListEntry
    likeness: int
    differences: tuple[Difference, ...] = ()

    @property
    def score(self) -> int:
        """The likeness, as far as the differences leave it: under ``CONFIDENT`` for what is to be looked at alone."""
        kinds = {difference.discrepancy for difference in self.differences}
        if kinds & OBSTACLES:
            return min(self.likeness, _MOST_WITH_AN_OBSTACLE)
        if kinds & _DOUBTS:
            return min(self.likeness, _MOST_WITH_A_DOUBT)
        return min(self.likeness, _MOST_WITH_A_DIFFERENCE) if kinds else self.likeness

    @property
    def is_exact(self) -> bool:
        return not self.differences

    @property
    def is_obstructed(self) -> bool:
        """True if the list says something against the request: it is not to be confirmed by default."""
        return any(difference.is_obstacle for difference in self.differences)

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """Its place among others: what may be confirmed first, then the likest person of the establishment."""
        is_elsewhere = any(difference.discrepancy is Discrepancy.ELSEWHERE for difference in self.differences)
        return (self.score < CONFIDENT, is_elsewhere, -self.likeness, self.is_obstructed)

    @property
    def sentence(self) -> str:
        """The row and its differences in French, without a full stop."""
        line = f" (ligne {self.entry.line})" if self.entry.line else ""
        who = f"{self.entry.nom} {self.entry.prenom}, {self.entry.mail or 'sans adresse'}{line}"
        if self.is_exact:
            return f"concorde, {who}"
        return f"{self.score} sur 100, {who} : {' ; '.join(difference.sentence for difference in self.differences)}"

    def with_(self, *differences: Difference) -> "Candidate":
        """The same with more differences."""
        return replace(self, differences=(*self.differences, *differences)) if differences else self


@dataclass(frozen=True, kw_only=True, slots=True)
class DelegationTerms:
    """The terms that a delegation must meet, besides being the person's (R94).

    ``applications`` are folded names, any of which is right.
    ``chef`` is the key of the chef in force, empty when nobody knows; ``former_chefs`` are those of the others known.
    """

    applications: frozenset[str]
    today: date
    chef: str = ""
    former_chefs: frozenset[str] = frozenset()

    def differences(self, entry: ListEntry) -> Iterator[Difference]:
        """Yield the differences that keep a delegation from being proof, the person apart."""
        if not entry.application:
            yield Difference(Discrepancy.APPLICATION_NOT_SAID)
        elif not self.is_of_application(entry):
            yield Difference(Discrepancy.OTHER_APPLICATION, theirs=entry.application)
        if entry.begins and entry.begins > self.today:
            yield Difference(Discrepancy.NOT_BEGUN, theirs=f"elle commence le {french.day(entry.begins)}")
        elif not entry.runs_on(self.today):
            yield Difference(Discrepancy.ENDED, theirs=f"elle a fini le {french.day(entry.ends or self.today)}")
        author = chef_key(entry.author)
        if not author:
            yield Difference(Discrepancy.AUTHOR_NOT_SAID)
        elif author in self.former_chefs:
            yield Difference(Discrepancy.FORMER_CHEF, theirs=entry.author)
        elif author != self.chef:
            yield Difference(Discrepancy.AUTHOR_UNKNOWN, theirs=entry.author)

    def is_of_application(self, entry: ListEntry) -> bool:
        """True if the delegation is, or may be, of the application."""
        return not entry.application or fold(entry.application) in self.applications


def match_listing(request: Request, entries: Sequence[ListEntry]) -> tuple[Candidate, ...]:
    """The rows of the list of RUPN that are or may be of the request's person, the best first.

    ``entries`` are those of its establishment, with those elsewhere that bear the same address or name. A single one
    without a difference makes the check; a second person under the same name or address makes it a proposal.
    """
    rows = _Rows(entries)
    return _best([candidate.with_(*rows.doubts(candidate.entry)) for candidate in _candidates(request, entries)])


def match_delegation(
    request: Request, entries: Sequence[ListEntry], terms: DelegationTerms
) -> tuple[Candidate, ...]:  # fmt: skip
    """The same with the delegations: also of the application, running today, made by the chef in force.

    Delegations of other applications are rows of everybody: they are left out as long as there is one of the right one.
    """
    right = [entry for entry in entries if terms.is_of_application(entry)]
    candidates = _candidates(request, right) or _candidates(request, entries)
    rows = _Rows(right)
    judged = [
        candidate.with_(*terms.differences(candidate.entry), *rows.doubts(candidate.entry)) for candidate in candidates
    ]
    against = [candidate for candidate in judged if candidate.is_obstructed]
    return _best([candidate.with_(*_contradictions(candidate, against, terms.today)) for candidate in judged])


def _best(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best ones; of several that agree in everything, the first is enough."""
    ordered = sorted(candidates, key=lambda candidate: candidate.rank)
    if ordered and ordered[0].is_exact:
        return (ordered[0],)
    return tuple(ordered[:MOST])


def _candidates(request: Request, entries: Sequence[ListEntry]) -> list[Candidate]:
    """The rows that may be of the person."""
    nom, prenom, mail, person = fold(request.nom), fold(request.prenom), request.folded_mail, request.person
    candidates = []
    for entry in entries:
        name, differences = _compare_names(request, (nom, prenom, person), entry)
        mail_score, mail_differences = _compare_mails(request.mail, mail, entry)
        score = round((name + mail_score) / 2)
        if score < LEAST or (name < _ALIKE and mail_score <= WHOLE * _MAIL_WEIGHT):
            continue
        candidate = Candidate(entry, score).with_(*differences, *mail_differences)
        if entry.uai != request.uai:
            candidate = candidate.with_(Difference(Discrepancy.ELSEWHERE, request.uai, entry.uai))
        candidates.append(candidate)
    return candidates


def _compare_names(
    request: Request, folded: tuple[str, str, str], entry: ListEntry
) -> tuple[float, tuple[Difference, ...]]:
    """Measure the likeness of the names, whatever their order; of what one of them leaves out, a part counts."""
    nom, prenom, person = folded
    their_nom, their_prenom = fold(entry.nom), fold(entry.prenom)
    if nom and prenom and (nom, prenom) == (their_nom, their_prenom):
        return WHOLE, ()
    if nom and nom == fold(entry.usage_name) and prenom == their_prenom:
        return WHOLE - 2, (Difference(Discrepancy.USAGE_NAME, request.nom, f"{entry.nom}, {entry.usage_name}"),)
    if person and person == entry.person:
        whole = (f"{request.nom} {request.prenom}", f"{entry.nom} {entry.prenom}")
        return WHOLE - 2, (Difference(Discrepancy.ORDER, *whole),)
    differences = []
    if nom != their_nom:
        differences.append(Difference(Discrepancy.NAME, request.nom, entry.nom))
    if prenom != their_prenom or not prenom:
        differences.append(Difference(Discrepancy.GIVEN_NAME, request.prenom, entry.prenom))
    name = f"{nom} {prenom}"
    others = [f"{fold(other)} {their_prenom}" for other in (entry.nom, entry.usage_name) if other]
    ratios = (max(fuzz.token_sort_ratio(name, other), 0.9 * fuzz.token_set_ratio(name, other)) for other in others)
    return max(ratios, default=0), tuple(differences)


def _compare_mails(mail: str, folded: str, entry: ListEntry) -> tuple[float, tuple[Difference, ...]]:
    if folded == entry.folded_mail:
        return WHOLE, ()
    if folded in entry.other_mails.split():
        return WHOLE - 4, (Difference(Discrepancy.OTHER_MAIL, mail, entry.mail),)
    if not entry.folded_mail:
        return WHOLE * _MAIL_WEIGHT, (Difference(Discrepancy.NO_MAIL),)
    likeness = fuzz.ratio(folded, entry.folded_mail)
    return _MAIL_WEIGHT * likeness, (Difference(Discrepancy.MAIL, mail, entry.mail),)


class _Rows:
    """The rows of a list, by the person and by each address that they name in an establishment."""

    def __init__(self, entries: Sequence[ListEntry]) -> None:
        self._by_person: defaultdict[tuple[str, str], list[ListEntry]] = defaultdict(list)
        self._by_mail: defaultdict[tuple[str, str], list[ListEntry]] = defaultdict(list)
        for entry in entries:
            self._by_person[entry.uai, entry.person].append(entry)
            for mail in _mails(entry):
                self._by_mail[entry.uai, mail].append(entry)

    def doubts(self, entry: ListEntry) -> Iterator[Difference]:
        """Other rows of the establishment under the same name with another address, or the reverse."""
        mails = _mails(entry)
        for other in self._by_person[entry.uai, entry.person]:
            if other is not entry and mails.isdisjoint(_mails(other)):
                yield Difference(Discrepancy.SAME_NAME, theirs=other.mail or "sans adresse")
                break
        sharing = (other for mail in sorted(mails) for other in self._by_mail[entry.uai, mail])
        for other in sharing:
            if other.person != entry.person:
                yield Difference(Discrepancy.SHARED_MAIL, theirs=f"{other.nom} {other.prenom}")
                break


def _mails(entry: ListEntry) -> Set[str]:
    if not entry.other_mails:
        return {entry.folded_mail} if entry.folded_mail else set()
    return {entry.folded_mail, *entry.other_mails.split()} - {""}


def _contradictions(candidate: Candidate, obstructed: Sequence[Candidate], today: date) -> Iterator[Difference]:
    """Another delegation of the same person in the same place, that the list says something against.

    One that had ended when this one began came before it, and one that is still to begin will come after.
    """
    if candidate.is_obstructed:
        return
    entry = candidate.entry
    for other in obstructed:
        is_same = other.entry.person == entry.person or not _mails(other.entry).isdisjoint(_mails(entry))
        if not is_same or other.entry.uai != entry.uai:
            continue
        is_past = other.entry.ends is not None and entry.begins is not None and other.entry.ends < entry.begins
        is_to_come = other.entry.begins is not None and other.entry.begins > today
        if not is_past and not is_to_come:
            against = next(difference for difference in other.differences if difference.is_obstacle)
            yield Difference(Discrepancy.CONTRADICTED, theirs=against.sentence)
            return


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
        return tuple(f"{name} : {candidate.sentence}." for candidate in self.candidates)

    def evidence(self, *, automatic: bool = False) -> Evidence | None:
        """The best row as a check names it; None when there is none."""
        if self.source is None or self.best is None:
            return None
        entry = self.best.entry
        return Evidence(
            entry=entry.id, list_number=self.source.number, line=entry.line, score=self.best.score, automatic=automatic
        )


Matches = Mapping[ListKind, Match]


class ListComparison:
    """The lists in force at ``now``, with which requests are compared; a few statements however many there are."""

    def __init__(self, connection: Connection, policy: Policy, now: datetime) -> None:
        self._connection, self._policy = connection, policy
        self._today = policy.calendar.today(now)
        self.lists = lists_in_force(connection)

    def matches(self, requests: Sequence[Request]) -> dict[str, Matches]:
        """Compare each request with each list; the matches by its reference."""
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
        terms = {
            uai: DelegationTerms(
                applications=self._policy.delegation_applications, today=self._today, chef=known.in_force,
                former_chefs=known.former,
            )
            for uai, known in chefs.items()
        }  # fmt: skip
        return {
            request.reference: match_delegation(request, entries.of(request), terms[request.uai])
            for request in requests
        }

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
                data = json.loads(row.canonical)["data"] if row.kind == Trigger.AMEND.value else {"name_changed": True}
                if not data.get("name_changed") and not data.get("mail_changed"):
                    continue
                day = self._policy.calendar.today(row.at)
                days[row.stream] = max(day, days.get(row.stream, day))
        return days


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
            for batch in batches(sorted(values - {""})):
                query = select(*ENTRY_COLUMNS).where(*in_force, column.in_(batch)).order_by(E.c.id)
                for entry in map(entry_from, connection.execute(query)):
                    index.setdefault(getattr(entry, column.name), []).append(entry)

    def of(self, request: Request) -> list[ListEntry]:
        entries = {entry.id: entry for entry in self._by_uai.get(request.uai, ())}
        for rows in (self._by_mail.get(request.folded_mail, ()), self._by_person.get(request.person, ())):
            entries |= {entry.id: entry for entry in rows}
        return list(entries.values())
