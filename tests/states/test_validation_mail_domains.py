"""The domains of professional addresses, and the slips of the keyboard that nearly give one."""

import pytest

from states.validation import MailDomains, slips

DOMAINS = MailDomains(patterns=("ac-toulouse.fr", "ac-*.fr", "region-academique-occitanie.fr"))


@pytest.mark.rule("R16")
@pytest.mark.parametrize(
    "mail",
    [
        "anne@ac-toulouse.fr",
        "anne@AC-Toulouse.fr",
        "anne@ac-montpellier.fr",
        "anne@ac-nice.fr",
        "anne@region-academique-occitanie.fr",
    ],
)
def test_domains__usual(mail: str) -> None:
    assert DOMAINS.is_usual(mail)
    assert DOMAINS.likely_domain(mail) == ""


@pytest.mark.rule("R16")
@pytest.mark.parametrize(
    ("mail", "likely"),
    [
        ("anne@ac-touluose.fr", "ac-toulouse.fr"),
        ("anne@ac-toulose.fr", "ac-toulouse.fr"),
        ("anne@ac-toulousse.fr", "ac-toulouse.fr"),
        ("anne@actoulouse.fr", "ac-toulouse.fr"),
        ("anne@ac-toulouse.ft", "ac-toulouse.fr"),
        ("anne@region-academique-ocitanie.fr", "region-academique-occitanie.fr"),
        ("anne@gmail.com", ""),
        ("anne@college-jaures.ac-toulouse.fr", ""),
        ("anne@ac-toulouse.fr.example.org", ""),
    ],
)
def test_domains__unusual_with_the_likely_one(mail: str, likely: str) -> None:
    assert not DOMAINS.is_usual(mail)
    assert DOMAINS.likely_domain(mail) == likely


@pytest.mark.parametrize(
    ("typed", "known", "count"),
    [("ac", "ac", 0), ("ca", "ac", 1), ("acc", "ac", 1), ("a", "ac", 1), ("ad", "ac", 1), ("xy", "ac", 2)],
)
def test_slips__count(typed: str, known: str, count: int) -> None:
    assert slips(typed, known) == count
    assert slips(known, typed) == count
