"""A request and the rows of a list: the same, near, or none (R94)."""

from datetime import date
from typing import Any

import pytest

from states.validation import fold_mail, person_key
from states.vocabulary import State
from tests.kit import factories as f
from workflow.database.file_tables import ListKind
from workflow.evidence.lists import ListEntry
from workflow.evidence.matching import (
    CONFIDENT,
    OBSTACLES,
    Candidate,
    DelegationTerms,
    Discrepancy,
    match_delegation,
    match_listing,
)

REQUEST = f.request(State.REQUESTED, nom="D'Étienne-Noël", prenom="Anne-Sophie", mail="a.etienne@ac-toulouse.fr")
TODAY = date(2026, 11, 20)
TERMS = DelegationTerms(
    applications=frozenset({"educonnect"}), today=TODAY, chef="bernard castaing", former_chefs=frozenset({"luce vidal"})
)


def row(number: int = 1, **changes: Any) -> ListEntry:
    """A row that agrees in everything."""
    values: dict[str, Any] = {
        "uai": f.UAI, "nom": "D ETIENNE NOEL", "prenom": "Anne Sophie", "mail": "A.Etienne@ac-toulouse.fr",
        "usage_name": "", "other_mails": "", "application": "EduConnect", "begins": date(2026, 9, 1),
        "ends": date(9999, 12, 31), "author": "M. CASTAING Bernard",
    } | changes  # fmt: skip
    return ListEntry(
        id=number, kind=ListKind.LISTING, folded_mail=fold_mail(values["mail"]), recorded_on=None, first_import=1,
        person=person_key(values["nom"], values["prenom"]), last_import=1, line=number + 1, **values,
    )  # fmt: skip


def listing(*rows: ListEntry) -> Candidate | None:
    return next(iter(match_listing(REQUEST, rows)), None)


def delegation(*rows: ListEntry) -> Candidate | None:
    return next(iter(match_delegation(REQUEST, rows, TERMS)), None)


def differences(candidate: Candidate | None) -> set[Discrepancy]:
    assert candidate
    return {difference.discrepancy for difference in candidate.differences}


@pytest.mark.parametrize("changes", [{}, {"nom": "d’étienne noël"}, {"prenom": "ANNE-SOPHIE"}, {"usage_name": "Roy"}])
@pytest.mark.rule("R94")
def test_exact__case_accents_hyphens_and_apostrophes_apart(changes: dict[str, Any]) -> None:
    for candidate in (listing(row(**changes)), delegation(row(**changes))):
        assert candidate
        assert (candidate.is_exact, candidate.score) == (True, 100)


NEAR: dict[Discrepancy, dict[str, Any]] = {
    Discrepancy.ORDER: {"nom": "Anne-Sophie", "prenom": "D'Étienne-Noël"},
    Discrepancy.USAGE_NAME: {"nom": "Roy", "usage_name": "D'Étienne Noël"},
    Discrepancy.OTHER_MAIL: {"mail": "anne@ac-toulouse.fr", "other_mails": "a.etienne@ac-toulouse.fr b@c.fr"},
    Discrepancy.NAME: {"nom": "D'Étienne-Noêls"},
    Discrepancy.GIVEN_NAME: {"prenom": "Anne-Sofie"},
}


@pytest.mark.parametrize("discrepancy", NEAR)
@pytest.mark.rule("R94")
def test_near__proposed_with_its_difference(discrepancy: Discrepancy) -> None:
    candidate = listing(row(**NEAR[discrepancy]))
    assert differences(candidate) == {discrepancy}
    assert candidate
    assert CONFIDENT <= candidate.score < 100


@pytest.mark.parametrize(
    ("changes", "discrepancy"),
    [
        ({"mail": "anne-sophie.noel@ac-toulouse.fr"}, Discrepancy.MAIL),
        ({"mail": "a.etiene@ac-toulouse.fr"}, Discrepancy.MAIL),
        ({"mail": "a.etienne@gmail.com"}, Discrepancy.MAIL),
        ({"mail": ""}, Discrepancy.NO_MAIL),
    ],
)
@pytest.mark.rule("R94")
def test_near__another_address_is_looked_at_alone(changes: dict[str, Any], discrepancy: Discrepancy) -> None:
    candidate = listing(row(**changes))
    assert differences(candidate) == {discrepancy}
    assert candidate
    assert candidate.score < CONFIDENT


@pytest.mark.rule("R94")
def test_none__a_colleague_is_not_the_person() -> None:
    assert listing(row(nom="Martin", prenom="Paul", mail="paul.martin@ac-toulouse.fr")) is None
    assert listing() is None


@pytest.mark.rule("R94")
def test_near__elsewhere_is_said_and_never_ticked() -> None:
    candidate = listing(row(uai=f.OTHER_UAI))
    assert differences(candidate) == {Discrepancy.ELSEWHERE}
    assert candidate
    assert candidate.is_obstructed
    assert candidate.score < CONFIDENT
    both = match_listing(REQUEST, [row(uai=f.OTHER_UAI), row(2)])
    assert [candidate.entry.id for candidate in both] == [2]


@pytest.mark.rule("R94")
def test_doubt__two_people_under_one_name_or_one_address() -> None:
    namesake = row(2, mail="anne-sophie@ac-toulouse.fr")
    assert differences(listing(row(), namesake)) == {Discrepancy.SAME_NAME}
    sharing = row(2, nom="Roy", prenom="Paul")
    candidate = listing(row(), sharing)
    assert differences(candidate) == {Discrepancy.SHARED_MAIL}
    assert candidate
    assert candidate.score < CONFIDENT
    same_person = row(2, mail="anne@ac-toulouse.fr", other_mails="a.etienne@ac-toulouse.fr")
    assert listing(row(), same_person) == Candidate(row(), 100)


AGAINST: dict[Discrepancy, dict[str, Any]] = {
    Discrepancy.ENDED: {"ends": date(2026, 11, 19)},
    Discrepancy.NOT_BEGUN: {"begins": date(2026, 11, 21)},
    Discrepancy.OTHER_APPLICATION: {"application": "Base élèves"},
    Discrepancy.FORMER_CHEF: {"author": "VIDAL Luce"},
    Discrepancy.AUTHOR_UNKNOWN: {"author": "Paul Roy"},
    Discrepancy.AUTHOR_NOT_SAID: {"author": ""},
    Discrepancy.APPLICATION_NOT_SAID: {"application": ""},
}


@pytest.mark.parametrize("discrepancy", AGAINST)
@pytest.mark.rule("R94")
def test_delegation__what_is_not_proof_is_a_difference(discrepancy: Discrepancy) -> None:
    candidate = delegation(row(**AGAINST[discrepancy]))
    assert differences(candidate) == {discrepancy}
    assert candidate
    assert (candidate.score >= CONFIDENT) is (discrepancy not in OBSTACLES)
    assert listing(row(**AGAINST[discrepancy])) == Candidate(row(**AGAINST[discrepancy]), 100)


@pytest.mark.rule("R94")
def test_delegation__runs_on_its_first_and_its_last_day_and_without_end() -> None:
    for changes in ({"begins": TODAY}, {"ends": TODAY}, {"ends": None, "begins": None}):
        candidate = delegation(row(**changes))
        assert candidate
        assert candidate.is_exact


@pytest.mark.rule("R94")
def test_delegation__other_applications_do_not_count() -> None:
    others = [row(n, application=name, ends=date(2026, 1, 1)) for n, name in ((2, "Siècle"), (3, "Base élèves"))]
    candidate = delegation(*others, row())
    assert candidate
    assert (candidate.is_exact, candidate.entry.id) == (True, 1)


@pytest.mark.rule("R94")
def test_delegation__one_that_contradicts_it_waits_for_a_person() -> None:
    """One that had ended before is the former delegation, one to come the next: neither contradicts."""
    before = row(2, begins=date(2025, 9, 1), ends=date(2026, 8, 31))
    to_come = row(3, begins=date(2027, 9, 1))
    candidate = delegation(before, to_come, row())
    assert candidate
    assert candidate.is_exact
    against: tuple[dict[str, Any], ...] = ({"ends": date(2026, 11, 1)}, {"author": "Luce Vidal"})
    for changes in against:
        assert differences(delegation(row(2, **changes), row())) == {Discrepancy.CONTRADICTED}
        proposed = delegation(row(2, **changes), row(prenom="Anne-Sofie"))
        assert proposed
        assert proposed.score < CONFIDENT


@pytest.mark.rule("R94")
def test_difference__marks_the_letters_and_says_them_in_words() -> None:
    candidate = listing(row(prenom="Anne-Sofie"))
    assert candidate
    (difference,) = candidate.differences
    assert [segment.text for segment in difference.segments if segment.differs] == ["f"]
    assert "".join(segment.text for segment in difference.segments) == "Anne-Sofie"
    assert difference.sentence == (
        "prénom écrit autrement : « Anne-Sofie » dans la liste, « Anne-Sophie » dans la demande"
    )
