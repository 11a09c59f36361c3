"""What holds of names, addresses and UAI whatever is typed (R11, R16, R17)."""

import re
import sys
import unicodedata
from email.headerregistry import Address
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.rendering.markup import one_line
from portal.cli.output import printable
from states.validation import (
    clean,
    clean_mail,
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
NAMELIKE = st.text(
    st.characters(categories=["L", "M", "Zs", "Pd", "Cf", "Sk"]) | st.sampled_from("-'’. \u00ad"), max_size=30
)
WORD = st.text(st.characters(max_codepoint=0x2FF) | st.sampled_from("abcdeé-._－。"), min_size=1, max_size=12)
SCRIPTS = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "ARMENIAN", "GEORGIAN", "CJK", "THAI"})
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


@pytest.mark.rule("R17")
def test_fold__every_letter_and_its_capital_are_one() -> None:
    letters = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] == "L"]
    assert [c for c in letters if not fold(c) == fold(c.upper()) == fold(c.lower()) == fold(fold(c))] == []
    names = [(c, unicodedata.name(c, "")) for c in letters]
    plain = [c for c, name in names if re.fullmatch("LATIN SMALL LETTER [A-Z]( WITH .*)?", name)]
    assert len(plain) > 400
    assert [c for c in plain if not fold(c).isascii()] == []


@settings(quick, max_examples=500)
@given(st.one_of(ANYTHING, NAMELIKE))
@pytest.mark.rule("R16", "R17")
def test_name__accepted_ones_are_readable_and_of_one_script(text: str) -> None:
    name = clean(text)
    if name_problem(name) is None:
        assert {unicodedata.category(c)[0] for c in name} <= set("LMZP")
        assert not set(name) & set(":/%#=@<>()0123456789")
        assert unicodedata.is_normalized("NFC", name)
        assert one_line(name) == printable(name) == name.replace("\u00a0", " ")
        assert fold(name) == fold(name.upper()) == fold(name.lower()) != ""
        assert len({unicodedata.name(c, "").split(" ")[0] for c in name} & SCRIPTS) <= 1


@settings(quick, max_examples=300)
@given(st.one_of(ANYTHING, st.builds("{}@{}.fr".format, WORD, WORD), st.emails()))
@pytest.mark.rule("R13", "R16")
def test_mail__accepted_ones_go_on_the_wire_as_they_are(text: str) -> None:
    address = clean_mail(text)
    if mail_problem(address) is None:
        assert address.isascii()
        assert str(Address(addr_spec=address)) == address
        assert parseaddr(address) == ("", address)
        assert fold_mail(address) == address.lower()


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
