"""The folder of the académie's own templates (R68)."""

from pathlib import Path

import pytest

from tests.workflow.settings.files import LINES, loaded, only_problem
from workflow.settings.model import Settings


@pytest.mark.rule("R68")
def test_templates__none_by_default(tmp_path: Path) -> None:
    assert loaded(tmp_path).templates_folder is None
    assert loaded(tmp_path, "templates:\n").templates_folder is None
    assert loaded(tmp_path, "templates: {directory: null}\n").templates_folder is None


@pytest.mark.rule("R68")
def test_templates__relative_to_the_settings_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "modeles").mkdir()
    assert loaded(tmp_path, "templates: {directory: modeles}\n").templates_folder == tmp_path / "modeles"
    elsewhere = tmp_path / "modeles"
    assert loaded(tmp_path, f"templates: {{directory: {elsewhere}}}\n").templates_folder == elsewhere


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "le dossier {}/absent n'existe pas : le créer, ou corriger le chemin"),
        ("config.yaml", "{}/config.yaml n'est pas un dossier : donner celui qui contient les modèles"),
    ],
)
def test_templates__must_be_a_folder(tmp_path: Path, name: str, message: str) -> None:
    problem = only_problem(tmp_path, f"templates:\n  directory: {name}\n")
    assert (problem.line, problem.key) == (LINES + 2, "templates.directory")
    assert problem.message.startswith(message.format(tmp_path)[:200])
    assert problem.allowed == "le chemin d'un dossier, ou null"


def test_templates__an_empty_name_is_no_folder(tmp_path: Path) -> None:
    assert only_problem(tmp_path, "templates: {directory: ''}\n").message == "ce texte est vide"


def test_templates__settings_made_in_memory_refer_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modeles").mkdir()
    monkeypatch.chdir(tmp_path)
    values = loaded(tmp_path).model_dump() | {"templates": {"directory": "modeles"}}
    assert Settings.from_values(values).templates_folder == tmp_path / "modeles"
