from io import BytesIO

import pytest

from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import HEADING, file_of, read_bytes, row, rows, text_of
from workflow.directory.parser import MAX_LINE, DirectoryFile
from workflow.spreadsheets.workbook import UnusableFile

GOOD = text_of(row())
ASCII = text_of(*rows(1_000, nom="X", kind="EREA"))


@pytest.mark.rule("R67")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "le fichier est vide"),
        (b"\xef\xbb\xbf\n\n", "le fichier est vide"),
        (HEADING.encode(), "ligne 1 : la dernière ligne n'a pas de fin, le fichier est peut-être coupé"),
        (f"{HEADING}\n".encode(), "aucun établissement de l'académie 16"),
        (file_of(row(academie="11")), "hors académie : 1"),
        (file_of(row(kind="Ecole")), "hors périmètre : 1"),
        (file_of(row("faux")), "refusées : 1) ; le plus souvent, un UAI illisible : la ligne 2 (« « FAUX » n'est pas"),
        (
            file_of(*rows(7, academie="16.0"), row("faux")),
            "refusées : 8) ; le plus souvent, un code d'académie qui n'est pas un nombre : les lignes 2, 3, 4, 5, 6 et"
            " 2 autres (« le code d'académie « 16.0 » n'est pas un nombre »). Que faire : reprendre l'export",
        ),
        (GOOD.encode()[:-1], "ligne 2 : la dernière ligne n'a pas de fin"),
        (GOOD.replace("\n", "\r\n").encode()[:-1], "ligne 2 : la dernière ligne n'a pas de fin"),
        ((GOOD + GOOD.splitlines()[1] + ";x\n").encode(), "ligne 3 : la ligne compte 9 cellules au lieu de 8"),
        ((GOOD.splitlines()[1] + "\n" + GOOD).encode(), "les titres de l'annuaire ne sont pas au début"),
        (GOOD.replace("Collège;", "Coll?ge;").encode(), "ligne 2 : les accents sont abîmés (« Coll?ge »)"),
        (GOOD.replace("Collège;", "Collge;").encode(), "ligne 2 : les accents sont abîmés (« Collge »)"),
        (GOOD.encode("cp850"), "ligne 2 : les accents sont abîmés, ou l'encodage est inconnu"),
        (ASCII.encode() + "é\n".encode("latin-1"), "le texte n'est pas en UTF-8, sans doute en Latin-1"),
        (GOOD.encode("utf-16-le"), "UTF-16"),
        (GOOD.encode("utf-16-be"), "UTF-16"),
        (b"<!DOCTYPE html><html><body>Connexion</body></html>", "page web"),
        (b"\n  <html>", "page web"),
        (b'[{"identifiant_de_l_etablissement": "0310001H"}]', "JSON"),
        (b"PK\x03\x04\x14\x00", "classeur"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ce classeur est abîmé"),
        (b"\x1f\x8b\x08", "compressé"),
        (b"%PDF-1.7", "PDF"),
        (b"\x00\x01\x02", "pas du texte"),
        (GOOD.replace(";", ":").encode(), "ligne 1 : les colonnes ne sont pas séparées par des points-virgules"),
        (GOOD.replace(";", ",").replace("mail", "x", 1).encode(), "aucun titre ne dit où est la colonne « Adresse"),
        (GOOD.replace(";", "\t").encode()[:-1], "ligne 2 : la dernière ligne n'a pas de fin"),
        ((GOOD + "a;b\n").replace(";", "|").encode(), "ligne 3 : la ligne compte 2 cellules au lieu de 8"),
        (b"bonjour\n", "ce n'est pas l'annuaire : la première ligne est « bonjour »"),
        (GOOD.replace("mail", "contact", 1).encode(), "ligne 1 : il manque la colonne mail"),
        (GOOD.replace(";mail;etat", "", 1).encode(), "il manque les colonnes mail, etat"),
        (GOOD.replace(";etat", ";etat;MAIL", 1).encode(), "deux fois la colonne mail"),
        (GOOD.replace("Collège", "CollÃ¨ge").encode(), "ligne 2 : les accents sont abîmés (« 0310001H;CollÃ¨ge"),
        ((GOOD + '"0310002J;Lycée').encode(), "ligne 3 : la dernière ligne n'a pas de fin"),
        ((GOOD + '"Lycée" Fermat;x\n').encode(), "ligne 3 : ce n'est plus du CSV"),
        ((GOOD + "x" * (MAX_LINE + 1)).encode(), "ligne 3 : cette ligne est démesurée"),
        ((GOOD + "x" * 200_000).encode(), "cellule démesurée"),
    ],
)  # fmt: skip
def test_file__unusable_changes_nothing_and_says_why(content: bytes, reason: str, any_bench: Bench) -> None:
    before = any_bench.everything()
    with pytest.raises(UnusableFile, match=r"\. Que faire : .+\.$") as unusable:
        any_bench.bring_bytes(content, accept_loss=True)
    assert reason in str(unusable.value)
    assert any_bench.everything() == before


@pytest.mark.rule("R67")
def test_file__somebody_vouches_for_one_that_looks_cut(bench: Bench) -> None:
    content = file_of(row()) + b"0310002J;x\n" + file_of(row("0310003K")).splitlines()[1]
    with pytest.raises(UnusableFile, match="--file-is-complete"):
        bench.bring_bytes(content)
    report = bench.bring_bytes(content, file_is_complete=True)
    assert ([new.uai for new in report.new], [refused.uai for refused in report.refused]) == (
        ["0310001H", "0310003K"], ["0310002J"]
    )  # fmt: skip


@pytest.mark.rule("R67")
def test_file__is_read_as_a_stream() -> None:
    class Slow(BytesIO):
        calls = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.calls += 1
            return super().readline(size)

    source = Slow(file_of(*rows(100)))
    records = DirectoryFile(source).records()
    next(records)
    assert source.calls == 2


@pytest.mark.rule("R66")
def test_digest__is_that_of_the_file() -> None:
    import hashlib

    content = b"\xef\xbb\xbf" + file_of(*rows(3))
    source = DirectoryFile(BytesIO(content))
    assert [record.line for record in source.records()] == [2, 3, 4]
    assert source.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.rule("R67")
def test_file__of_nonsense_without_end_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.directory.parser.MAX_REMARKS", 3)
    with pytest.raises(UnusableFile, match="ligne 6 : déjà 3 lignes refusées ou douteuses"):
        read_bytes(file_of(row(), *[row("faux")] * 5))
