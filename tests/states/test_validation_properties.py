"""What holds of names, addresses and UAI whatever is typed (R11, R16, R17)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.validation import (
    clean,
    fold,
    fold_mail,
    mail_problem,
    name_problem,
    normalise_uai,
    person_key,
    text_problem,
    uai_problem,
)
from tests.states.strategies import quick

ANYTHING = st.text(max_size=60)
LATIN = st.text(alphabet="abcdefghijklmnopqrstuvwxyzàâäçéèêëîïôöùûüÿœæñ-' ’", max_size=40)


@quick
@given(ANYTHING)
@pytest.mark.rule("R17")
def test_fold__twice_is_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@quick
@given(LATIN)
@pytest.mark.rule("R17")
def test_fold__case_accents_and_form_are_indifferent(text: str) -> None:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    assert fold(text) == fold(text.upper()) == fold(bare) == fold(unicodedata.normalize("NFD", text))
    assert fold(text) == fold(text.replace("-", " ").replace("'", "’"))
    assert fold(text).isascii()


@quick
@given(LATIN, LATIN)
@pytest.mark.rule("R17")
def test_person_key__order_and_case(nom: str, prenom: str) -> None:
    assert person_key(nom, prenom) == person_key(prenom, nom) == person_key(prenom.upper(), nom.title())


@quick
@given(ANYTHING)
@pytest.mark.rule("R16")
def test_clean__twice_is_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@quick
@given(ANYTHING)
@pytest.mark.rule("R16")
def test_name__accepted_ones_stand_on_one_line(text: str) -> None:
    name = clean(text)
    if name_problem(name) is None:
        assert name.splitlines() == [name]
        assert name.encode()
        assert fold(name)


@quick
@given(ANYTHING)
@pytest.mark.rule("R17")
def test_fold_mail__twice_is_once(text: str) -> None:
    assert fold_mail(fold_mail(text)) == fold_mail(text) == fold_mail(f" {text} ")


@quick
@given(ANYTHING)
def test_problems__never_raise(text: str) -> None:
    for problem in (mail_problem(text), text_problem(text), uai_problem(text)):
        assert problem is None or problem[0].islower()


@quick
@given(st.integers(0, 9_999_999), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
@pytest.mark.rule("R11")
def test_uai__normalised_keeps_its_verdict(number: int, letter: str) -> None:
    uai = f"{number:07d}{letter}"
    assert normalise_uai(f" {uai[:3]} {uai[3:].lower()} ") == uai
    assert (uai_problem(uai) is None) == (letter == "ABCDEFGHJKLMNPRSTUVWXYZ"[number % 23])
