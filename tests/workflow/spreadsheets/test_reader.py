"""Files as people have them: the same rows whatever the format, the encoding and the separator (R91)."""

import hashlib
from datetime import UTC, date, datetime
from io import BytesIO

import pytest

from tests.workflow.spreadsheets.files import OLD_EXCEL, ods_of, xlsx_of
from workflow.spreadsheets.reader import Table, parse_day, read_table
from workflow.spreadsheets.workbook import UnusableFile

TITLES = ("UAI", "Nom", "Depuis")
FATOU = ("0310001H", "Éléonore Nuñez-L’Œuvre", "2026-11-12")
TEXT = "UAI;Nom;Depuis\n0310001H;Éléonore Nuñez-L’Œuvre;2026-11-12\n"


def read(content: bytes, *, most_bytes: int = 1_000_000, most_rows: int = 100) -> Table:
    return read_table(BytesIO(content), most_bytes=most_bytes, most_rows=most_rows)


def rows(content: bytes) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.line, row.cells) for row in read(content).rows]


@pytest.mark.rule("R91")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_text__of_any_separator_and_encoding(encoding: str, separator: str, ending: str) -> None:
    content = TEXT.replace(";", separator).replace("\n", ending).encode(encoding)
    assert rows(content) == [(1, TITLES), (2, FATOU)]
    assert read(content).signs_of_cut is None


@pytest.mark.rule("R91")
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("sep=,\nUAI,Nom\n1,a;b\n", [(2, ("UAI", "Nom")), (3, ("1", "a;b"))]),
        ("Liste au 1er septembre\n\nUAI;Nom\n1;a\n;\n\n",
         [(1, ("Liste au 1er septembre",)), (3, ("UAI", "Nom")), (4, ("1", "a"))]),
        ('UAI;Nom\n"1";"a\nb ; ""c"""\n2;d\n', [(1, ("UAI", "Nom")), (2, ("1", 'a b ; "c"')), (4, ("2", "d"))]),
        ('UAI;Nom\n="0310001H";=> voir\n', [(1, ("UAI", "Nom")), (2, ("0310001H", "=> voir"))]),
        ("UAI;Nom\n 1 \u00a0;a  b\n", [(1, ("UAI", "Nom")), (2, ("1", "a b"))]),
        ("n|u?x=1;2|a, b, c\nm|u?x=1;2;3|a, b\n", [(1, ("n", "u?x=1;2", "a, b, c")), (2, ("m", "u?x=1;2;3", "a, b"))]),
        ("0310001H\n", [(1, ("0310001H",))]),
    ],
    ids=["separator-said", "title-above", "quotes", "text-formula", "spaces", "attribute", "one-column"],
)  # fmt: skip
def test_text__forms(text: str, lines: list[tuple[int, tuple[str, ...]]]) -> None:
    assert rows(text.encode()) == lines


SHEET = [
    ["Liste du rectorat", None, None],
    [None, None, None],
    ["UAI", "Nom", "Depuis"],
    ["0310001H", "Éléonore  Nuñez-L’Œuvre", date(2026, 11, 12)],
    [None, "Léa", datetime(2026, 11, 12, 10, 30, tzinfo=UTC).replace(tzinfo=None)],
    [None, True, 46338],
    [42, 0.57, None],
    [None, None, None],
]


@pytest.mark.rule("R91")
@pytest.mark.parametrize("write", [xlsx_of, ods_of])
def test_workbook__says_what_a_person_reads(write: object) -> None:
    table = read(write(SHEET, merged=[(0, 0, 0, 2), (3, 0, 5, 0)]))  # type: ignore[operator]
    assert [(row.line, row.cells) for row in table.rows][1:] == [
        (3, TITLES),
        (4, FATOU),
        (5, ("0310001H", "Léa", "2026-11-12 10:30")),
        (6, ("0310001H", "oui", "46338")),
        (7, ("42", "0.57", "")),
    ]
    assert (table.sheet, table.other_sheets, table.signs_of_cut) == ("Liste", (), None)


@pytest.mark.rule("R91")
@pytest.mark.rule("R91")
def test_workbook__of_excel_before_2007() -> None:
    assert [row.cells for row in read(OLD_EXCEL).rows] == [
        ("Référence", "UAI", "Le"), ("ODA-2026-00001", "0310001H", "2026-11-12"),
        ("ODA-2026-00002", "0310002J", "42"), ("ODA-2026-00002", "Éluard", ""),
    ]  # fmt: skip


def test_digest__is_that_of_the_file() -> None:
    content = b"\xef\xbb\xbf" + TEXT.encode()
    assert read(content).digest == hashlib.sha256(content).hexdigest()


@pytest.mark.rule("R91", "R67")
@pytest.mark.parametrize(
    ("text", "sign"),
    [
        (TEXT[:-1], "la dernière ligne (2) n'a pas de fin"),
        (TEXT + "0310002J\n", "la ligne 3 n'a pas 3 cellules comme les autres"),
        ("Titre\n" + TEXT + "a;b\nc;d;e;f\n" + "x;y;z\n" * 9, "les lignes 4 et 5 n'ont pas 3 cellules"),
        (TEXT + "x;y\n" * 9, "les lignes 1 et 2 n'ont pas 2 cellules"),
    ],
)  # fmt: skip
def test_cut__its_signs(text: str, sign: str) -> None:
    table = read(text.encode())
    assert sign in str(table.signs_of_cut)
    with pytest.raises(UnusableFile, match=r"peut-être coupé\. Que faire : le reprendre entier"):
        table.refuse_if_cut(is_complete=False)
    table.refuse_if_cut(is_complete=True)


@pytest.mark.rule("R91")
@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-11-12", date(2026, 11, 12)),
        ("2026-11-12 10:30", date(2026, 11, 12)),
        ("2026-11-12T10:30:00.000Z", date(2026, 11, 12)),
        (" 12/11/2026 ", date(2026, 11, 12)),
        ("12.11.2026 08:15:00", date(2026, 11, 12)),
        ("1er Septembre 2026", date(2026, 9, 1)),
        ("12 aout 2026", date(2026, 8, 12)),
        ("46338", date(2026, 11, 12)),
        ("20261112", date(2026, 11, 12)),
        ("31/12/9999", date(9999, 12, 31)),
        ("2958465", date(9999, 12, 31)),
    ],
)
def test_day__as_files_have_it(cell: str, day: date) -> None:
    assert parse_day(cell) == day


@pytest.mark.rule("R91")
@pytest.mark.parametrize(
    "cell", ["", "12/11/26", "31/02/2026", "2026", "20261340", "2958466", "9" * 5000, "hier", "²0261"]
)
def test_day__nothing_is_guessed(cell: str) -> None:
    with pytest.raises(ValueError, match=r"n'est pas une date|n'existe pas"):
        parse_day(cell)
