"""The same file as other hands save it (R66)."""

import pytest

from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import entry, file_of, read, read_bytes, row, text_of
from tests.workflow.spreadsheets.files import ods_of, xlsx_of

UAI = "0310001H"
TABLE = [line.split(";") for line in text_of(row()).splitlines()]


@pytest.mark.rule("R66", "R91")
@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + file_of(row()),
        file_of(row()).replace(b"\n", b"\r\n"),
        b"sep=;\n" + file_of(row()),
        b"Annuaire, au 1er septembre\n\n" + file_of(row()),
        b"\n\n" + file_of(row()),
        file_of(row()) + b"\n;;;;;;;\n\n",
        "".join(f"{line};x\n" for line in text_of(row()).splitlines()).encode(),
        "".join(";".join(reversed(line.split(";"))) + "\n" for line in text_of(row()).splitlines()).encode(),
        text_of(row()).replace("identifiant_de_l_etablissement", "Identifiant de l'établissement").encode(),
        text_of(row()).replace(f"Collège {UAI}", f'"Collège\r\n {UAI}"').encode(),
        text_of(row()).replace("OUVERT", '"OUVERT"').encode(),
        text_of(row()).encode("windows-1252"),
        text_of(row()).encode("utf-16"),
        text_of(row()).replace(";", ",").encode(),
        text_of(row()).replace(";", "\t").encode("windows-1252"),
        text_of(row()).replace("\n", "\r").encode(),
        text_of(row()).replace(";mail;", ";Courriel;").replace("code_departement", "Département").encode(),
        xlsx_of([["Annuaire"], [], *TABLE]),
        ods_of(TABLE),
    ],
    ids=[
        "bom",
        "crlf",
        "separator-said",
        "sheet-title",
        "blank-first",
        "empty-rows",
        "more-columns",
        "other-order",
        "labels",
        "quoted-break",
        "quotes",
        "windows-1252",
        "utf-16",
        "commas",
        "tabs",
        "old-line-ends",
        "other-titles",
        "xlsx",
        "ods",
    ],
)
def test_file__forms_of_the_same(content: bytes) -> None:
    reading = read_bytes(content)
    assert (reading.entries, reading.rows, reading.refused) == (read(row()).entries, 1, [])


@pytest.mark.rule("R66")
def test_file__more_that_it_says_is_kept_and_what_it_does_not_say_stays(bench: Bench) -> None:
    titles, line = text_of(row()).splitlines()
    text = (
        f"{titles};telephone;libelle_departement;libelle_nature;Civilité;siren_siret\n"
        f"{line};0561000000;Haute-Garonne;COLLEGE;Mme;193 100 018 00015\n"
    )
    bench.bring_bytes(text.encode())
    cells = {
        "telephone": "05 61 00 00 00", "departement_name": "Haute-Garonne", "nature": "COLLEGE", "chef_civility": "Mme",
        "siret": "19310001800015",
    }  # fmt: skip
    assert {name: bench.row_of()[name] for name in cells} == cells
    assert not bench.bring_bytes(text.encode()).changes_something
    assert not bench.bring(row()).changes_something
    assert {name: bench.row_of()[name] for name in cells} == cells
    bench.bring_bytes(text.replace("Mme", "M.").replace("0561000000", "").encode())
    assert (bench.row_of()["chef_civility"], bench.row_of()["telephone"]) == ("M.", "")
    bench.bring_bytes(text.replace("193 100 018 00015", "193100018").encode())  # a SIREN names no place
    assert bench.row_of()["siret"] == ""


@pytest.mark.rule("R66")
def test_row__departement_by_its_name() -> None:
    assert (entry(departement="haute garonne").departement, entry(departement="Ariège").departement) == ("31", "09")
