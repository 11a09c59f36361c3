"""The same file as other hands save it (R66)."""

import pytest

from tests.workflow.directory.files import file_of, read, read_bytes, row, text_of

UAI = "0310001H"


@pytest.mark.rule("R66")
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
    ],
)
def test_file__forms_of_the_same(content: bytes) -> None:
    reading = read_bytes(content)
    assert (reading.entries, reading.rows, reading.refused) == (read(row()).entries, 1, [])
