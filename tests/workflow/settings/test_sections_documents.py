"""The documentation files of the settings (R59)."""

from pathlib import Path

import pytest

from notifications.messages.catalogue import Document
from notifications.settings import MAX_BYTES
from tests.workflow.settings.files import LINES, MINIMAL, loaded, only_problem, refused
from workflow.app import mail_context
from workflow.settings.model import Settings

PDF = b"%PDF-1.7\n"


def files(*names: str) -> str:
    return "documentation:\n  files:\n" + "".join(f"    - title: Guide\n      file: {name}\n" for name in names)


def put(folder: Path, *names: str, size: int = 100) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(PDF.ljust(size))


@pytest.mark.rule("R59")
def test_files__none_by_default(tmp_path: Path) -> None:
    assert mail_context(loaded(tmp_path)).documents == ()
    assert mail_context(loaded(tmp_path, "documentation: {files: []}\n")).documents == ()


@pytest.mark.rule("R59")
def test_files__relative_to_the_settings_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    put(tmp_path, "doc/guide.pdf", "autre.pdf")
    documents = mail_context(loaded(tmp_path, files("doc/guide.pdf", str(tmp_path / "autre.pdf")))).documents
    assert documents == (
        Document(title="Guide", filename="guide.pdf", path=str(tmp_path / "doc/guide.pdf")),
        Document(title="Guide", filename="autre.pdf", path=str(tmp_path / "autre.pdf")),
    )


@pytest.mark.rule("R59")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.pdf", "le fichier {}/absent.pdf n'existe pas : l'y mettre, ou corriger le chemin"),
        ("doc", "{}/doc n'est pas un fichier : donner le chemin d'un PDF"),
        ("config.yaml", "le fichier {}/config.yaml n'est pas un PDF : l'enregistrer dans ce format"),
        ("gros.pdf", "le fichier {}/gros.pdf pèse 5,1 Mo, et 5 Mo au plus sont admis : l'alléger"),
    ],
)
def test_files__each_must_be_a_pdf_that_can_leave(tmp_path: Path, name: str, message: str) -> None:
    put(tmp_path, "doc/guide.pdf")
    put(tmp_path, "gros.pdf", size=MAX_BYTES + 1)
    problem = only_problem(tmp_path, files("doc/guide.pdf", name))
    assert (problem.line, problem.key) == (LINES + 6, "documentation.files.file")
    assert problem.message == message.format(tmp_path)
    assert problem.allowed == "le chemin d'un PDF lisible, de 5 Mo au plus"


@pytest.mark.rule("R59")
def test_files__every_problem_at_once(tmp_path: Path) -> None:
    problems = refused(tmp_path, MINIMAL + files("absent.pdf", "absent2.pdf"))
    assert [problem.line for problem in problems] == [LINES + 4, LINES + 6]


@pytest.mark.rule("R59")
def test_files__all_together_go_in_one_mail(tmp_path: Path) -> None:
    put(tmp_path, "a.pdf", "b.pdf", size=4_000_000)
    assert len(loaded(tmp_path, files("a.pdf", "b.pdf")).documentation.files) == 2
    put(tmp_path, "c.pdf")
    problem = only_problem(tmp_path, files("a.pdf", "b.pdf", "c.pdf"))
    assert (problem.line, problem.key) == (LINES + 2, "documentation.files")
    assert problem.message.startswith("ces fichiers pèsent ensemble 8,1 Mo, trop pour un courriel")
    assert problem.allowed == "8 Mo au plus pour tous"


def test_files__no_two_of_the_same_name(tmp_path: Path) -> None:
    put(tmp_path, "guide.pdf", "doc/Guide.pdf")
    problem = only_problem(tmp_path, files("guide.pdf", "doc/Guide.pdf"))
    assert (problem.line, problem.message[:37]) == (LINES + 2, "deux fichiers s'appellent « guide.pdf")


def test_files__of_settings_made_in_memory_are_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "guide.pdf")
    monkeypatch.chdir(tmp_path)
    documentation = {"files": [{"title": "Guide", "file": "guide.pdf"}]}
    settings = Settings.from_values(loaded(tmp_path).model_dump() | {"documentation": documentation})
    assert mail_context(settings).documents[0].path == str(tmp_path / "guide.pdf")
