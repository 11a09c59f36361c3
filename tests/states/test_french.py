"""Dates, instants, plurals and lists as a French reader expects them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from states import french

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (date(2026, 9, 1), "1er septembre 2026"),
        (date(2027, 8, 31), "31 août 2027"),
        (date(2028, 2, 29), "29 février 2028"),
        (date(2026, 12, 21), "21 décembre 2026"),
    ],
)
def test_day__words(value: date, words: str) -> None:
    assert french.day(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2027, 8, 31, 7, 5, tzinfo=UTC), "31 août 2027 à 9 h 05"),
        (datetime(2027, 8, 31, 22, 0, tzinfo=UTC), "1er septembre 2027 à 0 h 00"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "1er janvier 2027 à 0 h 30"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 octobre 2026 à 2 h 30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 octobre 2026 à 2 h 30"),
    ],
)
def test_instant__in_local_time(value: datetime, words: str) -> None:
    assert french.instant(value, PARIS) == words


def test_instant__overseas() -> None:
    assert french.instant(datetime(2027, 8, 31, 20, 0, tzinfo=UTC), ZoneInfo("Indian/Reunion")) == (
        "1er septembre 2027 à 0 h 00"
    )


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 jour"), (1, "1 jour"), (-1, "-1 jour"), (2, "2 jours"), (30, "30 jours")]
)
def test_plural__begins_at_two(count: int, words: str) -> None:
    assert french.plural(count, "jour") == words


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (999, "999"), (1204, "1\u202f204"), (1204567, "1\u202f204\u202f567")]
)
def test_number__thousands_are_parted(value: int, words: str) -> None:
    assert french.number(value) == words
    assert french.plural(value, "jour", "jours").split(" ")[0] == words


def test_plural__irregular() -> None:
    assert french.plural(1, "mois", "mois") == "1 mois"
    assert french.plural(2, "mois", "mois") == "2 mois"
    assert french.plural(2, "travail", "travaux") == "2 travaux"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [([], ""), (["a"], "a"), (["a", "b"], "a et b"), (["a", "b", "c"], "a, b et c")],
)
def test_listing__and(words: list[str], sentence: str) -> None:
    assert french.listing(words) == sentence


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (timedelta(seconds=1), "1 seconde"),
        (timedelta(seconds=119), "119 secondes"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(hours=1, minutes=59), "119 minutes"),
        (timedelta(hours=47), "47 heures"),
        (timedelta(days=2), "2 jours"),
    ],
)
def test_span__the_largest_unit_of_which_there_are_two(value: timedelta, words: str) -> None:
    assert french.span(value) == words


def test_listing__or_leaves_its_words_alone() -> None:
    words = ["a", "b", "c"]
    assert french.listing(words, "ou") == "a, b ou c"
    assert words == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("déclarée", "de déclarée"),
        ("émettre", "d'émettre"),
        ("Toulouse", "de Toulouse"),
        ("Albi", "d'Albi"),
        ("Évreux", "d'Évreux"),
        ("œuvrer", "d'œuvrer"),
        ("Yves", "d'Yves"),
        ("Yasmine", "de Yasmine"),
        ("", "de "),
    ],
)
def test_de__elided_before_a_vowel(word: str, words: str) -> None:
    assert french.de(word) == words


@pytest.mark.parametrize(
    ("nom", "words"),
    [
        ("Martin", "MARTIN"),
        ("Noël", "NOËL"),
        ("de La Rochefoucauld", "DE LA ROCHEFOUCAULD"),
        ("d'Étienne", "D'ÉTIENNE"),
        ("Lœwy", "LŒWY"),
    ],
)
def test_family_name_in_capitals__accents_kept(nom: str, words: str) -> None:
    assert french.family_name_in_capitals(nom) == words
