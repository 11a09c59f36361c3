"""The warnings of ``oda check-config``."""

from datetime import date
from pathlib import Path

import pytest

from tests.workflow.settings.files import loaded
from workflow.settings.warnings import check_settings

NOVEMBER = date(2026, 11, 23)
RELAY = "    security: none\n"
REPLY = "  reply_to: cs@ac-toulouse.fr\n"
LINKS = "documentation: {links: [{title: Aide, url: 'https://a.fr'}]}\n"
DRANE = "drane: {declaration: sent_by_us}\n"
ODA = "oda: {address: 'https://oda.fr'}\n"
YEARS = "school_year: {end: 09-30}\n"
QUIET = RELAY + REPLY + LINKS + DRANE + ODA + YEARS


def warnings(
    folder: Path, text: str = QUIET, *, replace: tuple[str, str] = ("", ""), today: date = NOVEMBER
) -> list[str]:
    return check_settings(loaded(folder, text, replace=replace), today)


def test_nothing_to_say(tmp_path: Path) -> None:
    assert warnings(tmp_path) == []


@pytest.mark.parametrize(
    ("today", "years"),
    [
        (NOVEMBER, ["2027-2028"]),
        (date(2027, 8, 31), ["2027-2028"]),
        (date(2027, 9, 1), ["2027-2028", "2028-2029"]),
        (date(2026, 8, 31), ["2025-2026"]),
    ],
)
def test_default_date__of_the_running_year_and_the_next(tmp_path: Path, today: date, years: list[str]) -> None:
    known = "school_year: {rentree_dates: {2027-2028: 2027-09-01}}\n"
    lines = warnings(tmp_path, QUIET.replace(YEARS, known), today=today)
    assert [line.split()[5] for line in lines] == years
    assert all("est une date par défaut, le 31 août" in line for line in lines)


def test_default_date__says_which_line_to_add(tmp_path: Path) -> None:
    (line,) = warnings(tmp_path, QUIET.replace(YEARS, "school_year: {rentree_dates: {2027-2028: 2027-09-01}}\n"))
    assert line.endswith("donner la rentrée des élèves dans school_year.rentree_dates (2028-2029: …)")
    line, *_ = warnings(tmp_path, QUIET.replace(YEARS, "school_year: {end: summer_start}\n"), today=date(2050, 1, 1))
    assert "l'été 2050 de la zone C n'est pas connu" in line
    assert "school_year.end_dates (2049-2050: …)" in line


def test_what_chefs_would_miss(tmp_path: Path) -> None:
    lines = warnings(tmp_path, RELAY + YEARS)
    assert [line.split()[0] for line in lines] == [
        "mail.reply_to",
        "drane.address",
        "oda.address",
        "documentation.links",
    ]
    assert "oda@ac-toulouse.fr" in lines[0]


@pytest.mark.rule("R59")
def test_documentation__a_file_without_a_link_is_enough(tmp_path: Path) -> None:
    (tmp_path / "guide.pdf").write_bytes(b"%PDF-1.7")
    joined = "documentation: {files: [{title: Guide, file: guide.pdf}]}\n"
    assert warnings(tmp_path, QUIET.replace(LINKS, joined)) == []


@pytest.mark.rule("R41")
def test_code__another_form_wants_its_own_example(tmp_path: Path) -> None:
    another = QUIET + "code: {format: '^[0-9]{6}$'}\n"
    (line,) = warnings(tmp_path, another)
    assert line.startswith("code.example : ")
    assert warnings(tmp_path, another.replace("}$'}", "}$', example: 6 chiffres}")) == []


def test_people__in_both_lists_and_alone_with_four_eyes(tmp_path: Path) -> None:
    people = ("mail:\n", "  readers: [OP@ac-toulouse.fr]\nmail:\n")
    lines = warnings(tmp_path, QUIET + "four_eyes: true\n", replace=people)
    assert [line.split()[0] for line in lines] == ["people.readers", "four_eyes"]


@pytest.mark.rule("R103")
def test_binding__that_no_mail_can_confirm_is_told(tmp_path: Path) -> None:
    gate = "sign_in: {trusted_headers: {proxies: [10.1.2.3]}, mail_link: [operator, reader]%s}\n"
    (line,) = warnings(tmp_path, QUIET + gate % "")
    assert line.startswith("sign_in.mapping.binding : ")
    assert warnings(tmp_path, QUIET + gate % ", mapping: {binding: false}") == []
