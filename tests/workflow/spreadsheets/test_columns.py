"""Columns recognised by their titles, or chosen by hand (R91)."""

from collections.abc import Sequence
from io import BytesIO

import pytest

from workflow.spreadsheets.columns import Columns, ColumnSpec, letter, place_of, recognise
from workflow.spreadsheets.reader import read_table
from workflow.spreadsheets.workbook import UnusableFile

SPECS = (
    ColumnSpec("uai", "UAI", ("RNE", "Code établissement")),
    ColumnSpec("nom", "Nom"),
    ColumnSpec("mail", "Adresse électronique", ("courriel", "mél")),
    ColumnSpec("until", "Date de fin", required=False),
)
ROW = "0310001H;Éluard;a@ac-toulouse.fr;31/12/9999\n"


def columns(text: str, choice: dict[str, int | None] | None = None, specs: Sequence[ColumnSpec] = SPECS) -> Columns:
    return recognise(read_table(BytesIO(text.encode())), specs, choice)


@pytest.mark.rule("R91")
@pytest.mark.parametrize(
    "above", ["", "Extraction du 1er septembre\n\n", "Extraction;;;\n", "Nom de la liste;RUPN;;\nAuteur;DRANE;;\n"]
)
@pytest.mark.parametrize("titles", ["RNE;NOM;Mél;date_de_fin", "Code  Établissement;nom;Courriel;Date de fin"])
def test_titles__whatever_stands_above_them(above: str, titles: str) -> None:
    reading = columns(f"{above}{titles}\n{ROW}")
    assert reading.is_complete
    ((_, values),) = reading.records()
    assert values == {"uai": "0310001H", "nom": "Éluard", "mail": "a@ac-toulouse.fr", "until": "31/12/9999"}


@pytest.mark.rule("R91")
def test_titles__optional_one_that_is_missing_and_repeated_titles() -> None:
    reading = columns("UAI;Nom;Mél\n0310001H;Éluard;a@b.fr\nUAI;Nom;Mél\n0310002J;Fermat;c@d.fr\n")
    assert reading.is_complete
    assert [(line, values["uai"], values["until"]) for line, values in reading.records()] == [
        (2, "0310001H", ""), (4, "0310002J", "")
    ]  # fmt: skip


@pytest.mark.rule("R91")
def test_titles__not_understood_are_all_told_at_once() -> None:
    reading = columns("Établissement;Nom;Nom;Contact\n" + ROW)
    assert [spec.key for spec in reading.missing] == ["uai", "mail"]
    assert reading.problems() == [
        "aucun titre ne dit où est la colonne « UAI »",
        "aucun titre ne dit où est la colonne « Adresse électronique »",
        "les colonnes « Nom » (B) et « Nom » (C) veulent dire la même chose",
    ]
    with pytest.raises(UnusableFile, match=r"^ligne 1 : aucun titre .+« Contact »\)\. Que faire : les renommer\.$"):
        reading.refuse_if_incomplete(advice="les renommer")


@pytest.mark.rule("R91")
def test_choice__goes_before_the_titles_and_is_kept_under_their_print() -> None:
    text = "Établissement;Nom;Nom;Contact\n" + ROW
    reading = columns(text, {"uai": 0, "nom": 1, "mail": 2, "until": None, "of_an_older_version": 9})
    assert reading.is_complete
    assert [values for _, values in reading.records()] == [
        {"uai": "0310001H", "nom": "Éluard", "mail": "a@ac-toulouse.fr", "until": ""}
    ]
    assert reading.digest == columns(text.upper()).digest != columns(text.replace("Contact", "Mél")).digest


@pytest.mark.rule("R91")
@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"uai": 4}, "le fichier n'a pas de colonne E"),
        ({"uai": -1}, "le fichier n'a pas de colonne A"),
        ({"uai": 0, "nom": 0}, "la colonne A est désignée à la fois pour « UAI » et « Nom »"),
    ],
)
def test_choice__of_columns_that_cannot_be(choice: dict[str, int | None], message: str) -> None:
    with pytest.raises(UnusableFile, match=message):
        columns("UAI;Nom;Mél;Fin\n" + ROW, choice)


@pytest.mark.rule("R91")
def test_place__by_letter_or_title() -> None:
    titles = columns("Établissement;Nom;Nom;B\n" + ROW).titles
    assert [place_of(column, titles) for column in ("a", "C", "ETABLISSEMENT", "b")] == [0, 2, 0, 3]
    for column in ("Nom", "Z", ""):
        with pytest.raises(UnusableFile, match="colonne"):
            place_of(column, titles)
    assert [letter(place) for place in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
