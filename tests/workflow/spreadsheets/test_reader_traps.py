"""A file that is not what its name says, out of measure or trapped: refused at once, with what to do (R91)."""

import io
import struct
from collections.abc import Callable
from io import BytesIO

import pytest
import xlsxwriter

from tests.workflow.spreadsheets.files import OLD_EXCEL, ods_of, xlsx_of, zip_of
from workflow.spreadsheets import workbook
from workflow.spreadsheets.reader import read_table
from workflow.spreadsheets.workbook import UnusableFile

TEXT = "référence;vérifié\n0310001H;é\n"
SOUND = xlsx_of([["UAI"], ["0310001H"]])


def declaring(content: bytes, size: int) -> bytes:
    """The archive, whose last file says that it has another size once uncompressed."""
    place = content.rindex(b"PK\x01\x02")
    return content[: place + 24] + struct.pack("<I", size) + content[place + 28 :]


def encrypted(content: bytes) -> bytes:
    place = content.rindex(b"PK\x01\x02")
    return content[: place + 8] + b"\x01\x00" + content[place + 10 :]


def with_formula(workbook: bytes) -> bytes:
    """The old workbook with a formula at C3, in the place of its number and of the record that follows."""
    place = workbook.index(struct.pack("<HHHH", 0x027E, 10, 2, 2))
    formula = struct.pack("<HHHHHdHIH8s", 0x0006, 30, 2, 2, 15, 42.0, 0, 0, 3, b"\x1e\x2a\x00")
    return workbook[:place] + formula + workbook[place + len(formula) :]


HIDES_OBJECTS, ENCRYPTED = struct.pack("<HH", 0x008D, 2), struct.pack("<HH", 0x002F, 2)


def part(name: str) -> bytes:
    """How the container of an old document names a part of it."""
    return struct.pack("<64sH", name.encode("utf-16-le"), 2 * len(name) + 2)


BOMB = zip_of(
    {"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>", "xl/worksheets/sheet1.xml": b"0" * 3_000_000}
)


@pytest.mark.rule("R91")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "le fichier est vide"),
        (b"\n;;\n", "le fichier est vide"),
        (zip_of({"photo.jpg": b"x"}), "c'est une archive ZIP"),
        (zip_of({}), "c'est une archive ZIP"),
        (zip_of({"word/document.xml": b"<x/>"}), "c'est une archive ZIP"),
        (zip_of({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"}), "c'est une archive"),
        (zip_of({"xl/workbook.xml": b"<x/>"}), "ce classeur est abîmé"),
        (SOUND[:-30], "ce classeur est abîmé"),
        (SOUND[:200], "ce classeur est abîmé"),
        (encrypted(SOUND), "protégé par un mot de passe"),
        (declaring(BOMB, 1_000), "démesuré une fois décompressé"),
        (declaring(BOMB, 4_000_000_000), "démesuré une fois décompressé"),
        (zip_of({f"{n}": b"" for n in range(workbook.MOST_ENTRIES + 1)}), "démesuré une fois décompressé"),
        (OLD_EXCEL[:8], "ce classeur est abîmé"),
        (OLD_EXCEL[:2_000], "ce classeur est abîmé"),
        (with_formula(OLD_EXCEL), "ligne 3 : une cellule contient une formule (colonne 3)"),
        (OLD_EXCEL.replace(HIDES_OBJECTS, ENCRYPTED), "protégé par un mot de passe"),
        (OLD_EXCEL.replace(part("Workbook"), part("EncryptedPackage")), "protégé par un mot de passe"),
        (OLD_EXCEL.replace(part("Workbook"), part("WordDocument")), "un document d'une autre sorte"),
        (b"\x1f\x8b\x08", "compressé"),
        (b"%PDF-1.7", "PDF"),
        (b"\n<html>", "page web"),
        (b'[{"uai": 1}]', "JSON"),
        (b"UAI\x00;x\n", "UTF-16 sans sa marque"),
        (b"\x89PNG\x1a", "les accents sont abîmés"),
        (TEXT.encode("utf-16-le"), "UTF-16"),
        (TEXT.encode("cp850"), "les accents sont abîmés"),
        (TEXT.encode("mac-roman"), "les accents sont abîmés"),
        (TEXT.encode().decode("latin-1").encode(), "les accents sont abîmés"),
        (TEXT.replace("é", "\ufffd").encode(), "ligne 1 : les accents sont abîmés"),
        (b"UAI;Nom\n1;\"a\n2;b\n", "ligne 2 : guillemet qui n'est pas refermé"),
        (b'UAI;Nom\n1;"a" b\n', "ligne 2 : guillemet"),
        (b"UAI;Nom\n" + b"x" * 200_000, "cellule démesurée"),
        (b";" * 2_000 + b"x\n", "plus de 1000 colonnes"),
        (b"UAI;Nom\n1;=HYPERLINK(A1)\n", "ligne 2 : une cellule contient une formule (=HYPERLINK(A1))"),
        (b"UAI;Nom\n1;=cmd|' /C calc'!A0\n", "une cellule contient une formule"),
        (xlsx_of([["UAI", "Nom"], ["1", "=1+1"]]), "une cellule contient une formule (B2)"),
        (ods_of([["UAI", "Nom"], ["1", "=1+1"]]), "ligne 2 : une cellule contient une formule (colonne 2)"),
        (b"UAI\n" + b"x\n" * 100, "plus de 100 lignes"),
        (xlsx_of([["x"]] * 101), "plus de 100 lignes"),
        (b"x" * 1_000_001, "le fichier dépasse 1 Mo"),
        (xlsx_of([]), "ce classeur est vide"),
        (xlsx_of([[""] * 1_000 + ["x"]]), "plus de 1000 colonnes"),
    ],
)  # fmt: skip
def test_file__refused_with_what_to_do(content: bytes, message: str) -> None:
    with pytest.raises(UnusableFile, match=r"\. Que faire : .+\.$") as refusal:
        read_table(BytesIO(content), most_bytes=1_000_000, most_rows=100)
    assert message in str(refusal.value)


@pytest.mark.rule("R91")
def test_file__of_2_gb_is_refused_without_being_read() -> None:
    class Huge(BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            return 2_000_000_000 if whence == io.SEEK_END else super().seek(offset, whence)

        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("read")

    with pytest.raises(UnusableFile, match="le fichier dépasse 20 Mo"):
        read_table(Huge(b"PK\x03\x04"))


@pytest.mark.rule("R91")
def test_bomb__that_the_sizes_do_not_tell_stops_its_child_alone() -> None:
    """A sheet of two cells, so far from each other that a thousand million empty ones stand between them."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "UAI")
        sheet.write(1_048_575, 998, "x")
    with pytest.raises(UnusableFile, match="trop lourd à lire"):
        read_table(BytesIO(file.getvalue()))


@pytest.mark.rule("R91")
@pytest.mark.parametrize("write", [xlsx_of, ods_of])
def test_workbook__cut_anywhere_is_refused_or_read_whole(write: Callable[..., bytes]) -> None:
    content = write([["UAI", "Nom"], *[["0310001H", "Éluard"]] * 5])
    for end in range(60, len(content), len(content) // 12):
        with pytest.raises(UnusableFile):
            read_table(BytesIO(content[:end]))
