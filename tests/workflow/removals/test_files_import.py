"""A file of removals read: its encodings, its columns, its faults, each line by itself (R83)."""

import re
from collections.abc import Callable

import pytest

from states.vocabulary import RemovalOutcome
from tests.workflow.spreadsheets.files import OLD_EXCEL, ods_of, xlsx_of
from workflow.removals.files import (
    EXAMPLES,
    FileRefused,
    FileRow,
    RemovalRow,
    RowFault,
    parse_outcome,
    parse_rows,
    read_removals,
)

ONE, TWO, THREE = "ODA-2027-00001", "ODA-2027-00002", "ODA-2027-00003"
REMOVED, ABSENT, EXPIRED, KEPT = RemovalOutcome


def read(text: str, default: RemovalOutcome | None = REMOVED, most: int = 100, **how: bool) -> list[FileRow]:
    return parse_rows(text, default, most=most, **how)


def pasted(text: str, default: RemovalOutcome | None = REMOVED) -> list[FileRow]:
    """Lines that a person pasted, or vouches for."""
    return read(text, default, is_complete=True)


def removals_of(rows: list[FileRow]) -> list[tuple[int, str, RemovalOutcome, str]]:
    return [(row.number, row.reference, row.outcome, row.note) for row in rows if isinstance(row, RemovalRow)]


def faults(rows: list[FileRow]) -> list[tuple[int, str]]:
    return [(fault.number, fault.message) for fault in rows if isinstance(fault, RowFault)]


def test_bare__a_reference_a_line() -> None:
    assert removals_of(pasted(f"{ONE}\n\n  {TWO.lower()} \r\n{THREE}")) == [
        (1, ONE, REMOVED, ""), (3, TWO, REMOVED, ""), (4, THREE, REMOVED, "")
    ]  # fmt: skip


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_columns__in_order_without_a_first_line(separator: str) -> None:
    text = f"{ONE}\n{TWO}{separator}absente\n{THREE}{separator}gardée{separator}console relue\n"
    assert removals_of(read(text)) == [
        (1, ONE, REMOVED, ""), (2, TWO, ABSENT, ""), (3, THREE, KEPT, "console relue")
    ]  # fmt: skip


@pytest.mark.parametrize("head", ["Précision;autre;Référence;Résultat", "note;x;REFERENCE;outcome"])
def test_columns__as_a_first_line_names_them(head: str) -> None:
    assert removals_of(read(f"{head}\nvu;31;{ONE};Expirée\n;;{TWO};\n")) == [
        (2, ONE, EXPIRED, "vu"),
        (3, TWO, REMOVED, ""),
    ]


@pytest.mark.rule("R83")
def test_export__comes_back_as_it_was_given() -> None:
    text = f'À faire aujourd\'hui;Référence;Établissement\r\n"Regarder ; puis";{ONE};"Le ""Grand"""\r\n'
    assert removals_of(read(text, ABSENT)) == [(2, ONE, ABSENT, "")]


@pytest.mark.parametrize("above", ["sep=;\n", "Retraits faits au 1er septembre, à la console\n\n", "sep=;\n;;\n"])
@pytest.mark.rule("R49", "R83")
def test_columns__titles_are_looked_for_further_down(above: str) -> None:
    rows = read(f"{above}Référence;Précision;Résultat\n{ONE};;absente\n")
    assert [row[1:] for row in removals_of(rows)] == [(ONE, ABSENT, "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"Réf.;Précision;Résultat\n{ONE};;absente\n", "ne nomme pas la colonne des références"),
        (f"Suivi;Vu\n{ONE};absente\n", "La ligne 1 n'est ni une référence, ni des titres"),
        (f"vu;{ONE};absente\n", "La ligne 1 n'est ni une référence, ni des titres"),
        (f"{ONE};;absente\nRéférence;Précision;Résultat\n", "Des titres de colonnes sont à la ligne 2"),
        (f"{ONE};;;absente\n", "La ligne 1 a plus de trois cellules"),
        (f"Référence;Résultat;Suite\n{ONE};absente;gardée\n", "« Résultat » et « Suite » veulent dire la même chose"),
        (f"Référence;Statut\n{ONE};absente\n", "La colonne « Statut » a l'air de dire ce qui a été fait"),
        (f"Référence;Résultat\n{ONE};absente", "sa dernière ligne (2) n'a pas de fin"),
        (f"{ONE}", "sa dernière ligne (1) n'a pas de fin"),
        (f"Référence;Résultat\n{ONE}\n{TWO};absente\n", "la ligne 2 n'a pas 2 cellules"),
    ],
)
@pytest.mark.rule("R49", "R83")
def test_columns__nothing_is_guessed(text: str, message: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(text)
    assert message in str(refused.value)


@pytest.mark.rule("R49")
def test_row__an_outcome_in_the_place_of_the_note_is_no_note() -> None:
    ((_, message),) = faults(read(f"{ONE};;absente\n"))
    assert message.startswith("« absente » est à la place de la précision")


@pytest.mark.parametrize("hyphen", "‐‑–−")
def test_reference__typographic_hyphens(hyphen: str) -> None:
    assert removals_of(read(f"{ONE.replace('-', hyphen)};absente\n")) == [(1, ONE, ABSENT, "")]


def test_columns__none_of_references() -> None:
    with pytest.raises(FileRefused, match="ne nomme pas la colonne des références"):
        read("résultat;précision\nabsente;x\n")


@pytest.mark.parametrize("nothing", ["", "\n \n", "référence;résultat\n"])
def test_nothing__to_read(nothing: str) -> None:
    with pytest.raises(FileRefused, match="Aucune ligne à lire"):
        read(nothing)


@pytest.mark.rule("R83")
def test_faults__each_is_told_and_stops_no_other() -> None:
    rows = read(f"{ONE};zut\n31;absente\n{TWO}\n{TWO};absente\n{THREE};absente\nx\0\n", None)
    assert removals_of(rows) == [(4, TWO, ABSENT, ""), (5, THREE, ABSENT, "")]
    words = "écrire supprimée, absente, expirée ou gardée."
    assert faults(rows) == [
        (1, f"« zut » n'est pas compris : {words}"),
        (2, "Ce n'est pas une référence : l'écrire comme ODA-2027-00042."),
        (3, f"Rien ne dit ce qui a été fait : {words}"),
        (6, "Cette ligne contient un caractère illisible : la taper de nouveau."),
    ]


@pytest.mark.rule("R83")
def test_faults__the_same_reference_twice() -> None:
    rows = pasted(f"{ONE}\n{TWO}\n{ONE.lower()};absente")
    assert removals_of(rows) == [(1, ONE, REMOVED, ""), (2, TWO, REMOVED, "")]
    assert faults(rows) == [(3, "Cette référence est déjà à la ligne 1 : n'en garder qu'une.")]


def test_quotes__a_cell_of_several_lines_and_one_never_closed() -> None:
    rows = pasted(f'{ONE};absente;"deux\nlignes"\n{TWO};"absente\n{THREE};expirée\n"x;y')
    assert removals_of(rows) == [(1, ONE, ABSENT, "deux lignes"), (4, THREE, EXPIRED, "")]
    assert [number for number, _ in faults(rows)] == [3, 5]
    assert "guillemet" in faults(rows)[0][1]


def test_lines__too_many_of_them() -> None:
    with pytest.raises(FileRefused, match="3 lignes, 2 au plus à la fois"):
        read(f"{ONE}\n{TWO}\n{THREE}", most=2)


def test_written__what_is_long_is_shortened() -> None:
    _, fault = pasted(f"{ONE}\n" + "a" * 300)
    assert isinstance(fault, RowFault)
    assert len(fault.written) == 61


# --- words


@pytest.mark.parametrize("outcome", RemovalOutcome)
def test_outcome__by_its_value_its_label_its_example(outcome: RemovalOutcome) -> None:
    for text in (outcome.value, outcome.label, EXAMPLES[outcome], outcome.label.upper()):
        assert parse_outcome(text) is outcome


@pytest.mark.parametrize("text", ["", "oui", "fait", "ok", "removed!x", "supprim"])
def test_outcome__nothing_is_guessed(text: str) -> None:
    assert parse_outcome(text) is None


# --- bytes


def read_content(content: bytes, default: RemovalOutcome | None = None) -> list[FileRow]:
    return read_removals(content, default, most=100, most_bytes=20_000 if content.startswith(b"PK") else 2000)


@pytest.mark.rule("R91")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "windows-1252"])
def test_file__whatever_its_encoding(encoding: str) -> None:
    content = "référence;résultat\nODA-2027-00001;clé gardée\n".encode(encoding)
    assert read_content(content) == [RemovalRow(number=2, reference=ONE, outcome=KEPT)]


@pytest.mark.rule("R83", "R91")
@pytest.mark.parametrize("write", [xlsx_of, ods_of])
def test_workbook__reads_as_the_same_text(write: Callable[..., bytes]) -> None:
    cells = [["Retraits faits"], [], ["Référence", "Résultat", "Précision"], [ONE, "absente", "vu"], [TWO, "zut", ""]]
    rows = read_removals(write(cells), None, most=100, most_bytes=100_000)
    assert (removals_of(rows), [line for line, _ in faults(rows)]) == ([(4, ONE, ABSENT, "vu")], [5])
    assert removals_of(read_removals(write([[ONE, "expirée"]]), None, most=100, most_bytes=100_000)) == [
        (1, ONE, EXPIRED, "")
    ]
    assert removals_of(read_removals(f"{ONE}\n".encode(), REMOVED, most=1, most_bytes=100)) == [(1, ONE, REMOVED, "")]
    with pytest.raises(FileRefused, match="formule"):
        read_removals(write([[ONE, "=1+1"]]), None, most=100, most_bytes=100_000)


@pytest.mark.rule("R83", "R91")
def test_workbook__of_excel_before_2007() -> None:
    rows = read_removals(OLD_EXCEL, REMOVED, most=100, most_bytes=100_000)
    assert removals_of(rows) == [(2, "ODA-2026-00001", REMOVED, ""), (3, "ODA-2026-00002", REMOVED, "")]


def test_file__all_that_stops_it_is_told_at_once() -> None:
    with pytest.raises(FileRefused) as refused:
        read_content(f"référence;fait par;suite donnée\n{ONE};x;absente\n{TWO}".encode())
    assert re.search("« suite donnée ».*« résultat ».*ligne 3 n'a pas 3 cellules.*n'a pas de fin", str(refused.value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("référence;vérifié\n".encode("cp850"), "ccents sont abîmés"),
        ("référence;vérifié\n".encode("mac-roman"), "ccents sont abîmés"),
        ("référence;vérifié\n".encode().decode("latin-1").encode(), "ccents sont abîmés"),
        (b"PK\x03\x04....", "Ce classeur est abîmé"),
        (OLD_EXCEL[:600], "classeur est abîmé"),
        (b"ODA-2027-00001\x00", "pas du texte"),
        (b"\x89PNG\x1a\x00", "pas du texte"),
        (b"a" * 2001, "dépasse 2 ko"),
    ],
)
def test_text__what_is_no_text_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(FileRefused, match=message):
        read_content(content)
