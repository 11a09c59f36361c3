"""Rows of « comptes activés »: taken as numbers, or refused with what is wrong (R91, R100)."""

from datetime import date
from io import BytesIO
from typing import Any

import pytest

from workflow.activation.importer import COLUMNS, Academie, ReadRows, SchoolOfAccounts, read_accounts, require_numbers
from workflow.activation.rates import AccountCount, percent_text, usual_days
from workflow.spreadsheets.columns import recognise
from workflow.spreadsheets.reader import read_table
from workflow.spreadsheets.workbook import UnusableFile

ACADEMIE = Academie(
    establishments={
        "0310001H": SchoolOfAccounts("31", "Collège"),
        "0310002J": SchoolOfAccounts("31", "Lycée"),
        "0310009S": SchoolOfAccounts("31", "EREA"),
    },
    departements=("09", "31"), today=date(2023, 7, 1), default_day=date(2023, 6, 20),
)  # fmt: skip


def columns_of(text: str) -> Any:
    return recognise(read_table(BytesIO(text.encode())), COLUMNS)


def read(text: str, academie: Academie = ACADEMIE) -> ReadRows:
    columns = columns_of(text)
    require_numbers(columns)
    return read_accounts(columns.records(), academie)


@pytest.mark.rule("R100")
def test_rows__the_pupils_of_an_establishment_are_those_of_its_kind() -> None:
    rows = read(
        "Code UAI;Comptes élèves;Comptes élèves activés;Responsables comptes;Responsables activés\n"
        "0310001h;1 000;543;1500;800\n0310002J;500;300;;\n0310009S;80;20;;\n"
    ).rows
    assert [(row.place, row.departement, row.counted_on) for row in rows] == [
        (uai, "31", date(2023, 6, 20)) for uai in ("0310001H", "0310002J", "0310009S")
    ]
    numbers = [row.numbers for row in rows]
    assert [counts["college_activated"] for counts in numbers] == [543, None, None]
    assert [counts["lycee_activated"] for counts in numbers] == [None, 300, None]
    assert [counts["pupil_activated"] for counts in numbers] == [543, 300, 20]
    assert [counts["parent_accounts"] for counts in numbers] == [1500, None, None]


@pytest.mark.rule("R100")
def test_rows__the_total_of_the_pupils_is_that_of_its_parts_unless_it_is_given() -> None:
    (row,) = read(
        "Département;Comptes élèves collèges;Comptes élèves activés (collèges);Comptes élèves lycées;"
        "Comptes élèves activés (lycées)\nAriège;100;52;50;28\n"
    ).rows
    assert (row.place, row.numbers["pupil_accounts"], row.numbers["pupil_activated"]) == ("09", 150, 80)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Académie;;10;5", "c'est un total : il se calcule"),
        ("Total général;;10;5", "c'est un total : il se calcule"),
        ("Paris;;10;5", "ce n'est pas un département de l'académie"),
        ("999;;10;5", "ce n'est pas un département de l'académie"),
        (";;10;5", "ni UAI, ni département"),
        ("31;;10;11", "élèves : 11 comptes activés, pour 10 comptes"),
        ("31;;10;54 %", "« 54 % » n'est pas un nombre de comptes"),
        ("31;;10;5,5", "« 5,5 » n'est pas un nombre de comptes"),
        ("31;;;5", "élèves : il faut les deux nombres, les comptes et ceux qui sont activés"),
        ("31;;;", "aucun nombre de comptes"),
        ("31;02/07/2023;10;5", "la date 2 juillet 2023 est à venir, ou trop ancienne"),
        ("31;32/07/2023;10;5", ""),
    ],
)
@pytest.mark.rule("R100", "R91")
def test_rows__one_that_cannot_be_is_refused_for_itself(line: str, why: str) -> None:
    reading = read(f"Département;Date;Comptes : élèves;Activés : élèves\n{line}\n09;;100;54\n")
    (refused,) = reading.refused
    assert [row.place for row in reading.rows] == ["09"]
    assert refused.line == 2
    assert refused.message.replace("\u202f", " ").replace("\xa0", " ") == why or not why


@pytest.mark.rule("R100")
def test_rows__a_departement_is_left_out_beside_its_establishments_and_a_place_given_twice() -> None:
    reading = read(
        "UAI;Département;Comptes : élèves;Activés : élèves\n;31;1000;500\n0310001H;31;100;50\n0310001H;31;100;60\n"
        ";09;9;9\n"
    )
    assert [row.place for row in reading.rows] == ["0310001H", "09"]
    assert [(fault.line, fault.message) for fault in reading.refused] == [
        (2, "ses établissements sont donnés à la même date : ils s'additionnent"),
        (4, "la ligne 3 donne déjà ce lieu à cette date"),
    ]


@pytest.mark.rule("R100")
def test_rows__a_total_smaller_than_its_parts_and_a_missing_date_are_refused() -> None:
    titles = "Département;Comptes élèves collèges;Élèves collèges activés;Comptes élèves;Élèves activés\n"
    assert "ne contient pas" in read(f"{titles}31;100;50;90;50\n").refused[0].message
    undated = Academie(establishments={}, departements=("31",), today=date(2023, 7, 1))
    assert "aucune date" in read(f"{titles}31;;;90;50\n", undated).refused[0].message


@pytest.mark.parametrize(
    ("titles", "why"),
    [
        ("Ville;Comptes : élèves;Activés : élèves", "de quel établissement"),
        ("Département;% comptes élèves activés;% comptes parents activés", "élèves et responsables : il faut"),
        ("Département;Notes", "aucune colonne ne donne un nombre de comptes"),
    ],
)
@pytest.mark.rule("R100")
def test_file__rates_without_numbers_are_refused_whole(titles: str, why: str) -> None:
    with pytest.raises(UnusableFile, match=why):
        read(f"{titles}\n31;1;1\n")


@pytest.mark.parametrize(
    ("count", "decimals", "text"),
    [
        (AccountCount(1000, 543), 1, "54,3 %"), (AccountCount(1000, 600), 1, "60 %"),
        (AccountCount(200, 113), 0, "57 %"), (AccountCount(3, 2), 1, "66,7 %"),
        (AccountCount(3, 0), 0, "0 %"), (AccountCount(8, 8), 0, "100 %"),
    ],
)  # fmt: skip
@pytest.mark.rule("R100")
def test_rate__rounded_half_up_and_written_in_french(count: AccountCount, decimals: int, text: str) -> None:
    assert percent_text(count.percent(decimals)).replace("\xa0", " ") == text


@pytest.mark.rule("R100")
def test_days__the_last_one_and_the_first_of_its_school_year() -> None:
    summer, september, june = date(2022, 6, 20), date(2022, 9, 5), date(2023, 6, 20)
    assert usual_days([june, summer, september]) == (september, june)
    assert usual_days([summer, september]) == (summer, september)
    assert (usual_days([june]), usual_days([])) == ((None, june), (None, None))
