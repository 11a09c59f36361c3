"""The names of the départements."""

import pytest

from states.validation import DEPARTEMENTS, UNKNOWN_DEPARTEMENT, departement_name

OF_TOULOUSE = {
    "09": "Ariège", "12": "Aveyron", "31": "Haute-Garonne", "32": "Gers", "46": "Lot", "65": "Hautes-Pyrénées",
    "81": "Tarn", "82": "Tarn-et-Garonne",
}  # fmt: skip


def test_names__there_are_a_hundred_and_one_departements_and_six_collectivities() -> None:
    collectivities = {"975", "977", "978", "986", "987", "988"}
    assert len(DEPARTEMENTS.keys() - collectivities) == 101
    assert collectivities <= DEPARTEMENTS.keys()
    assert len(set(DEPARTEMENTS.values())) == len(DEPARTEMENTS)


@pytest.mark.parametrize(("code", "name"), OF_TOULOUSE.items())
def test_name__of_toulouse(code: str, name: str) -> None:
    assert departement_name(code) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [("9", "Ariège"), ("009", "Ariège"), ("2a", "Corse-du-Sud"), ("720", "Haute-Corse"), ("974", "La Réunion"),
     ("", UNKNOWN_DEPARTEMENT), ("000", UNKNOWN_DEPARTEMENT), ("99", "99")],
)  # fmt: skip
def test_name__however_the_code_is_written(code: str, name: str) -> None:
    assert departement_name(code) == name
