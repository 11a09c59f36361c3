"""A request compared with the rows of a list: the same, near with a score and its differences, or none (R94). Pure.

What agrees in everything is a check that makes itself; so whatever could make it wrong is a difference here, and a
difference is for a person to judge.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

from states import french
from states.characters import fold
from states.model import Request
from states.validation import chef_key
from states.vocabulary import Labelled
from workflow.evidence.lists import ListEntry

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

_MOST_WITH_A_DIFFERENCE, _MOST_WITH_A_DOUBT, _MOST_WITH_AN_OBSTACLE = WHOLE - 1, CONFIDENT - 5, LEAST - 10


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
        """What the list says, the characters that differ told from the others."""
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
        """Where it stands among others: what may be confirmed first, then the likest person of the establishment."""
        is_elsewhere = any(difference.discrepancy is Discrepancy.ELSEWHERE for difference in self.differences)
        return (self.score < CONFIDENT, is_elsewhere, -self.likeness, self.is_obstructed)

    def with_(self, *differences: Difference) -> "Candidate":
        """The same with more differences."""
        return replace(self, differences=(*self.differences, *differences)) if differences else self


@dataclass(frozen=True, kw_only=True, slots=True)
class DelegationTerms:
    """What a delegation must be besides the person's (R94).

    ``applications`` are folded names, any of which is right.
    ``chef`` is the key of the chef in force, empty when nobody knows; ``former_chefs`` are those of the others known.
    """

    applications: frozenset[str]
    today: date
    chef: str = ""
    former_chefs: frozenset[str] = frozenset()

    def differences(self, entry: ListEntry) -> Iterator[Difference]:
        """What keeps a delegation from being proof, the person apart."""
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
        name, differences = _compared_name(request, (nom, prenom, person), entry)
        mail_score, mail_differences = _compared_mail(request.mail, mail, entry)
        score = round((name + mail_score) / 2)
        if score < LEAST or (name < _ALIKE and mail_score <= WHOLE * _MAIL_WEIGHT):
            continue
        candidate = Candidate(entry, score).with_(*differences, *mail_differences)
        if entry.uai != request.uai:
            candidate = candidate.with_(Difference(Discrepancy.ELSEWHERE, request.uai, entry.uai))
        candidates.append(candidate)
    return candidates


def _compared_name(
    request: Request, folded: tuple[str, str, str], entry: ListEntry
) -> tuple[float, tuple[Difference, ...]]:
    """How alike the names are, and how they differ."""
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
    return _likeness(f"{nom} {prenom}", entry), tuple(differences)


def _likeness(name: str, entry: ListEntry) -> float:
    """How alike a name and that of a row are, whatever the order; of what one of them leaves out, a part counts."""
    prenom = fold(entry.prenom)
    names = [f"{fold(nom)} {prenom}" for nom in (entry.nom, entry.usage_name) if nom]
    return max(
        (max(fuzz.token_sort_ratio(name, other), 0.9 * fuzz.token_set_ratio(name, other)) for other in names),
        default=0,
    )  # fmt: skip


def _compared_mail(mail: str, folded: str, entry: ListEntry) -> tuple[float, tuple[Difference, ...]]:
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
