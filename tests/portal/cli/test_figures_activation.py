"""``oda activation``: imported, shown, where help is missing (R91, R100)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.educonnect import ACADEMIE, FIRST, REPORT, report_csv
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def file_of(desk: Desk, text: str) -> str:
    path = desk.config.parent / "comptes.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.rule("R100", "R91")
def test_import__said_first_then_done_then_shown_as_the_report_has_it(desk: Desk) -> None:
    file = file_of(desk, report_csv())
    dry = desk.oda("activation", "import", file, "--dry-run")
    assert (dry.exit_code, "16 nouveaux relevés" in dry.stderr, "À blanc" in dry.stderr) == (0, True, True)
    assert "Aucun relevé" in desk.oda("activation", "show").stderr
    assert desk.oda("activation", "import", file, "--yes").exit_code == 0
    assert "Rien à importer" in desk.oda("activation", "import", file, "--yes").stderr
    lines = {line["name"]: line for line in json.loads(desk.oda("activation", "show", "--json", who=AS_READER).stdout)}
    for name, report in {**REPORT, "Académie": ACADEMIE}.items():
        line = lines[name]
        assert (line["pupil"], line["college"], line["lycee"], line["parent"], line["pupil_before"]) == (
            report.pupils, report.colleges / 10, report.lycees / 10, report.parents, report.first,
        )  # fmt: skip
    table = desk.oda("activation", "show").stdout.replace("\xa0", " ")
    assert all(word in table for word in ("Académie", "57 %", "24 %", "+33", "54,3 %", "55 %"))
    book = desk.config.parent / "taux.xlsx"
    assert desk.oda("activation", "show", "-o", str(book)).exit_code == 0
    assert book.read_bytes().startswith(b"PK")
    paper = desk.config.parent / "taux.pdf"
    assert desk.oda("activation", "show", "-o", str(paper)).exit_code == 0
    assert paper.read_bytes().startswith(b"%PDF")


@pytest.mark.rule("R100")
def test_import__what_would_go_and_what_cannot_be_read_is_refused(desk: Desk) -> None:
    assert desk.oda("activation", "import", file_of(desk, report_csv()), "--yes").exit_code == 0
    shorter = file_of(desk, "".join(line for line in report_csv().splitlines(keepends=True) if ";Lot;" not in line))
    refused = desk.oda("activation", "import", shorter, "--yes")
    assert (refused.exit_code, "disparaîtraient" in refused.stderr) == (1, True)
    assert desk.oda("activation", "import", shorter, "--yes", "--accept-gone").exit_code == 0
    rates = file_of(desk, "Département;% comptes élèves activés\nLot;64 %\n")
    assert "jamais des taux" in desk.oda("activation", "import", rates, "--yes").stderr
    unknown = desk.oda("activation", "show", "--to", "2020-01-01")
    assert FIRST in unknown.stderr
    assert desk.oda("activation", "show", who=AS_CHEF).exit_code != 0
    assert "Aucun relevé par établissement" in desk.oda("activation", "establishments").stdout
