"""The establishment's number (R11)."""

import pytest

from states.validation import UAI_LETTERS, has_uai_form, normalise_uai, uai_problem


@pytest.mark.parametrize("uai", ["0310001H", "0751234J", "0312487K"])
@pytest.mark.rule("R11")
def test_uai__right(uai: str) -> None:
    assert uai_problem(uai) is None


@pytest.mark.parametrize("typed", ["0310001h", " 0310001H ", "031 0001 H", "0310001\u00a0h", "0310001h\n"])
@pytest.mark.rule("R11")
def test_uai__case_and_spaces(typed: str) -> None:
    assert normalise_uai(typed) == "0310001H"
    assert normalise_uai(normalise_uai(typed)) == normalise_uai(typed)


@pytest.mark.rule("R11")
def test_uai__wrong_letter_is_explained() -> None:
    assert uai_problem("0310001A") == (
        "la lettre de contrôle ne va pas avec 0310001 : ce serait H, ou un chiffre est mal tapé"
    )


@pytest.mark.parametrize(
    "uai", ["", "0310001", "031001H", "03100011H", "H0310001", "0310001HH", "٠٣١٠٠٠١H", "031O001H"]
)
@pytest.mark.rule("R11")
def test_uai__wrong_form(uai: str) -> None:
    assert uai_problem(uai) == "un UAI compte 7 chiffres et une lettre, par exemple 0310001H"
    assert not has_uai_form(uai)


@pytest.mark.rule("R11")
def test_uai__directory_may_bear_another_letter() -> None:
    assert has_uai_form("0310001A")
    assert uai_problem("0310001A")


@pytest.mark.rule("R11")
def test_uai__one_letter_for_each_number() -> None:
    for number in range(310_000, 310_046):
        right = [letter for letter in UAI_LETTERS if uai_problem(f"0{number}{letter}") is None]
        assert right == [UAI_LETTERS[number % 23]]


@pytest.mark.rule("R11")
def test_letters__those_that_are_never_mistaken() -> None:
    assert len(UAI_LETTERS) == len(set(UAI_LETTERS)) == 23
    assert not set("IOQ") & set(UAI_LETTERS)
