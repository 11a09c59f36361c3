"""A list read back from CSV, XLSX and ODS: typed cells, no formula, a first row that stays on the screen (R92)."""

import csv
import io
import re
from datetime import UTC, date, datetime
from zipfile import ZIP_STORED, ZipFile

import pytest
from python_calamine import CalamineWorkbook

from portal.exports import spreadsheet_files as module
from portal.exports.spreadsheet_files import FileFormat, Ratio, Sheet, TooManyRows, Workbook

DAY, INSTANT = date(9999, 12, 31), datetime(2026, 11, 2, 9, 5, tzinfo=UTC)

FORMULAS = ("=1+1", "+33 3 20", "-1", "@SOMME(A1)", "=cmd|' /C calc'!A0", "\t=1", "{=1}", "=_x0041_", "'=1")

HEADINGS = ("Texte", "Jour", "Instant", "Nombre", "Part", "Oui ou non", "Rien")

ROWS = [(text, DAY, INSTANT, number, Ratio(0.573), True, None) for number, text in enumerate(FORMULAS, start=-3)]

ZIPPED = (FileFormat.XLSX, FileFormat.ODS)


def book(*, stem: str = "À vérifier, été", title: str = "Demandes") -> Workbook:
    return Workbook(stem, (Sheet(title, HEADINGS, iter(ROWS)),))


def written(workbook: Workbook, file_format: FileFormat) -> bytes:
    file = io.BytesIO()
    workbook.write(file_format, file)
    return file.getvalue()


def sheet_rows(content: bytes, number: int = 0) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(number).to_python()  # type: ignore[return-value]


@pytest.mark.rule("R92")
@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "in memory"])
@pytest.mark.parametrize("file_format", ZIPPED)
def test_workbook__is_read_back_with_its_types(file_format: FileFormat, whole: bool) -> None:
    content = book().content(file_format) if whole else written(book(), file_format)
    headings, *rows = sheet_rows(content)
    texts = [text.strip() for text in FORMULAS]
    assert headings == list(HEADINGS)
    assert rows == [
        [text, DAY, INSTANT.replace(tzinfo=None), n, 0.573, "oui", ""] for n, text in enumerate(texts, start=-3)
    ]
    assert isinstance(rows[0][1], date)
    assert not isinstance(rows[0][1], datetime)


@pytest.mark.rule("R92")
def test_workbook__csv_opens_in_french_without_a_formula() -> None:
    text = written(book(), FileFormat.CSV).decode("utf-8-sig")
    headings, *rows = csv.reader(io.StringIO(text), delimiter=";")
    assert headings == list(HEADINGS)
    assert [row[0] for row in rows[:4]] == ["'=1+1", "'+33 3 20", "'-1", "'@SOMME(A1)"]
    assert rows[0][1:] == ["31/12/9999", "02/11/2026 09:05", "-3", "57,3\N{NO-BREAK SPACE}%", "oui", ""]


@pytest.mark.rule("R92")
def test_workbook__nothing_is_a_formula_and_the_headings_stay() -> None:
    with ZipFile(io.BytesIO(written(book(), FileFormat.XLSX))) as archive:
        page = archive.read("xl/worksheets/sheet1.xml").decode()
    assert re.search(r"<f[ >]", page) is None
    assert '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' in page
    assert '<autoFilter ref="A1:G10"/>' in page
    with ZipFile(io.BytesIO(written(book(), FileFormat.ODS))) as archive:
        content, settings = archive.read("content.xml").decode(), archive.read("settings.xml").decode()
        first = archive.infolist()[0]
    assert "table:formula" not in content
    assert "'Demandes'.A1:'Demandes'.G10" in content
    assert '"VerticalSplitMode" config:type="short">2<' in settings
    assert (first.filename, first.compress_type) == ("mimetype", ZIP_STORED)


@pytest.mark.parametrize("file_format", ZIPPED)
def test_workbook__several_sheets_have_safe_and_different_names(file_format: FileFormat) -> None:
    titles = ["L'été [59/62]", "l'été -59-62-", "'", "x" * 40, "x" * 40, '<&">']
    sheets = [Sheet(title, ("Titre",), [(title,)]) for title in titles]
    content = written(Workbook("chiffres", sheets), file_format)
    names = CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names
    assert names[:3] == ["L'été -59-62-", "l'été -59-62- (2)", "Feuille 3"]
    assert len({name.casefold() for name in names}) == len(titles)
    assert max(map(len, names)) == 31
    assert [sheet_rows(content, number)[1] for number in range(len(titles))] == [[title] for title in titles]


def test_workbook__several_sheets_in_one_csv() -> None:
    sheets = [Sheet("Collèges", ("A", "B"), [(1, 2.5)]), Sheet("Lycées", ("C",), [])]
    text = written(Workbook("chiffres", sheets), FileFormat.CSV).decode("utf-8-sig")
    assert text.split("\r\n") == ["Collèges", "A;B", "1;2,5", "", "Lycées", "C", ""]


@pytest.mark.parametrize("file_format", FileFormat)
def test_workbook__an_empty_list_has_its_headings(file_format: FileFormat) -> None:
    content = written(Workbook("vide", (Sheet("Vide", ("A", "B"), []),)), file_format)
    if file_format is FileFormat.CSV:
        assert content.decode("utf-8-sig") == "A;B\r\n"
    else:
        assert sheet_rows(content) == [["A", "B"]]


def test_workbook__more_rows_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    lists = {file_format: Workbook("x", (Sheet("x", ("A",), [("a",)] * 3),)) for file_format in FileFormat}
    assert written(lists[FileFormat.CSV], FileFormat.CSV)
    for file_format in ZIPPED:
        with pytest.raises(TooManyRows, match="en CSV"):
            written(lists[file_format], file_format)


@pytest.mark.parametrize("file_format", FileFormat)
def test_workbook__its_filename_is_plain(file_format: FileFormat) -> None:
    assert book().filename(file_format) == f"A-verifier-ete.{file_format}"
    assert FileFormat.of_filename(f"LISTE.{file_format.upper()}") is file_format


@pytest.mark.parametrize("name", ["liste", "liste.txt", "xlsx", "liste.xlsx.zip"])
def test_workbook__another_suffix_is_no_format(name: str) -> None:
    assert FileFormat.of_filename(name) is None
