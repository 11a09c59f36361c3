import pytest

from states.vocabulary import State
from tests.kit.factories import chef, operator, reader
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import row, uai_of
from workflow.directory.importer import DirectoryRefused
from workflow.directory.service import EstablishmentFilters

FIRST = "0310001H"


@pytest.fixture
def filled(bench: Bench) -> Bench:
    bench.bring(
        row(nom="Collège Jean-Moulin"),
        row(uai_of(2), nom="Lycée Pierre-de-Fermat", mail=""),
        row(uai_of(3), nom="Lycée des Métiers", commune="Castelnau-d'Estrétefonds", departement="082"),
        row(uai_of(4), nom="Collège fermé", etat="FERMÉ"),
    )
    return bench


def uais(bench: Bench, limit: int = 50, after: str = "", **criteria: object) -> list[str]:
    wanted = EstablishmentFilters(**criteria)  # type: ignore[arg-type]
    return [line.uai for line in bench.directory.establishments(reader(), wanted, limit=limit, after=after)]


@pytest.mark.rule("R12", "R13")
def test_list__criteria(filled: Bench) -> None:
    assert uais(filled) == [FIRST, uai_of(2), uai_of(3)]
    assert uais(filled, is_open=False) == [uai_of(4)]
    assert uais(filled, is_open=None) == [FIRST, uai_of(2), uai_of(3), uai_of(4)]
    assert uais(filled, departement="82") == [uai_of(3)]
    assert uais(filled, without_mailbox=True) == [uai_of(2)]
    filled.set_mailbox(uai_of(2), "fixe@ac-toulouse.fr")
    assert uais(filled, without_mailbox=True) == []


def test_list__search_ignores_case_accents_and_order(filled: Bench) -> None:
    assert uais(filled, text="moulin JEAN") == [FIRST]
    assert uais(filled, text="lycee metiers") == uais(filled, text="Estretefonds") == [uai_of(3)]
    assert uais(filled, text="0310002") == [uai_of(2)]
    assert uais(filled, text="moulin fermat") == []


def test_list__pages_by_uai(filled: Bench) -> None:
    assert uais(filled, limit=2) == [FIRST, uai_of(2)]
    assert uais(filled, limit=2, after=uai_of(2).lower()) == [uai_of(3)]
    assert uais(filled, limit=1, after=FIRST, text="lycee") == [uai_of(2)]
    assert uais(filled, after="\udce9\x00") == [FIRST, uai_of(2), uai_of(3)]


@pytest.mark.rule("R3")
def test_chef__sees_only_its_own(filled: Bench) -> None:
    mine = chef(uai_of(2))
    assert [line.uai for line in filled.directory.establishments(mine, EstablishmentFilters())] == [uai_of(2)]
    with pytest.raises(DirectoryRefused, match="n'est pas dans l'annuaire"):
        filled.directory.establishment(mine, FIRST)


@pytest.mark.rule("R14")
def test_show__with_its_requests(filled: Bench) -> None:
    first, second = filled.declare(FIRST, FIRST)
    filled.withdraw(first)
    filled.set_mailbox(FIRST, "fixe@ac-toulouse.fr")
    line, requests = filled.directory.establishment(operator(), " 0310001h")
    assert (line.mailbox, line.directory_mailbox) == ("fixe@ac-toulouse.fr", "ce.0310001h@ac-toulouse.fr")
    assert line.live_requests == 1
    assert [(r.reference, r.state) for r in requests] == [(second, State.DECLARED), (first, State.REVOKED)]


@pytest.mark.rule("R11")
def test_show__unknown(filled: Bench) -> None:
    for uai in ("0310001A", "", "\udce9", "\x00"):
        with pytest.raises(DirectoryRefused, match="R11"):
            filled.directory.establishment(operator(), uai)
