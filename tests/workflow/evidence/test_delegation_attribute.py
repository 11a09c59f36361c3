"""The attribute FrEduResDel, as the federation gives it."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.evidence.delegation_attribute import looks_like_attribute, parse_attribute
from workflow.evidence.lists import NO_END

VALUE = (
    "Comptes|/redirectionhub/redirect.jsp?applicationname=educonnect|01/09/2026|31/12/9999|jdurand"
    "|FrEduRneResp=0310001H$UAJ$PU$N$T3$LYC$300;0310002J$UAJ|rev-proxy||"
)

pytestmark = pytest.mark.rule("R93")


def test_attribute__says_application_dates_author_and_each_establishment() -> None:
    (resource,) = parse_attribute(VALUE)
    assert resource.application == "educonnect"
    assert (resource.begins, resource.ends) == (date(2026, 9, 1), NO_END)
    assert resource.author == "jdurand"
    assert resource.uais == ("0310001H", "0310002J")
    assert looks_like_attribute(VALUE)


@pytest.mark.parametrize("text", ["", "X", " x ", "[]", '["X"]', "|||||||", "X|X|X|X|X|X|X|X"])
def test_attribute__may_be_absent(text: str) -> None:
    assert all(not any((r.application, r.begins, r.uais, r.author)) for r in parse_attribute(text))


@pytest.mark.parametrize(
    "text",
    [f"{VALUE},{VALUE}", f"{VALUE} {VALUE}", f"{VALUE}\n{VALUE}", f'["{VALUE}", "{VALUE}"]', f"{VALUE} , {VALUE}"],
)
def test_attribute__holds_several_values(text: str) -> None:
    assert parse_attribute(text) == parse_attribute(VALUE) * 2


@pytest.mark.parametrize(
    ("text", "application"),
    [
        ("Comptes|/x?applicationname=X|||||", "Comptes"),
        ("Comptes|/x?a=b|||||", "Comptes"),
        ("X|/x|||||s|Administration des comptes", "Administration des comptes"),
        ("Comptes|https://[::1|||||", "Comptes"),
        ("Comptes, annuaire|/x|01/09/2026|X|u|FrEduRneResp=X", "Comptes, annuaire"),
    ],
)
def test_attribute__names_the_application_at_best(text: str, application: str) -> None:
    assert [resource.application for resource in parse_attribute(text)] == [application]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("bonjour", "8 champs"),
        (VALUE + "|a|b", "8 champs"),
        (VALUE.replace("31/12/9999", "demain"), "date"),
        (VALUE.replace("0310002J", "031"), "UAI"),
        ("FrEduRneResp=0310001H|/x|01/09/2026|31/12/9999|u", "ordre"),
        ("[1, 2", "liste"),
    ],
)
def test_attribute__says_what_is_wrong(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_attribute(text)


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="|,\n\r[]{}\"'"), max_size=12)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            FIELD.map(str.strip), st.dates(date(1900, 1, 1)), st.dates(date(1900, 1, 1)), FIELD.map(str.strip),
            st.lists(st.from_regex(r"[0-9]{7}[A-Z]", fullmatch=True), min_size=1, max_size=3, unique=True),
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_attribute__is_read_as_it_was_written(values: list[tuple[str, date, date, str, list[str]]]) -> None:
    text = ",".join(
        f"{name}|/x|{begins.day:02d}/{begins.month:02d}/{begins.year}|{ends.day:02d}/{ends.month:02d}/{ends.year}"
        f"|{author}|FrEduRneResp={';'.join(f'{uai}$UAJ$PU' for uai in uais)}|s||"
        for name, begins, ends, author, uais in values
    )
    expected = [("" if n.upper() == "X" else n, b, e, "" if a.upper() == "X" else a, u) for n, b, e, a, u in values]
    read = [(r.application, r.begins, r.ends, r.author, list(r.uais)) for r in parse_attribute(text)]
    assert read == expected


@settings(deadline=None)
@given(st.text(max_size=200))
def test_attribute__any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(ValueError):
        parse_attribute(text)
