"""``oda backup``: what it says, what is not in it, and what it refuses (R116)."""

import json
from pathlib import Path

import pytest

from tests.portal.cli.installation import Installation
from tests.workflow.backup.test_archive import every_byte

pytestmark = pytest.mark.rule("R116")


def test_backup__says_where_it_is_and_what_to_save_apart(installed: Installation, tmp_path: Path) -> None:
    output = installed.done("backup", tmp_path / "b", who=None)
    (folder,) = (tmp_path / "b").iterdir()
    assert f"Sauvegarde faite et vérifiée : {folder}" in output
    for name in ("journal-key", "seal-key", "seal-signing-key", "erasures.txt"):
        assert name in output
    assert (folder / "config.yaml").read_bytes() == installed.config.read_bytes()


def test_backup__holds_no_key(installed: Installation, tmp_path: Path) -> None:
    installed.done("backup", tmp_path / "b", who=None)
    content = every_byte(tmp_path / "b")
    for key in (tmp_path / "secrets").iterdir():
        assert key.read_bytes().strip() not in content


def test_backup__takes_the_templates_of_the_academie(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "words" / "mails").mkdir(parents=True)
    (tmp_path / "words" / "mails" / "declared.j2").write_text("un modèle à corriger {{")
    (tmp_path / "words" / "autre.txt").write_text("à personne")
    with installed.config.open("a") as config:
        config.write("templates:\n  directory: words\n")
    answer = json.loads(installed.done("backup", tmp_path / "b", "--json", who=None))
    assert answer["journal_holds"]
    assert answer["recorded"]
    assert "seal-key" in answer["to_save_apart"]
    copied = Path(answer["folder"], "templates")
    assert [str(path.relative_to(copied)) for path in copied.rglob("*") if path.is_file()] == ["mails/declared.j2"]


def test_backup__an_unusable_place_is_said(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = installed.oda("backup", tmp_path / "file" / "b", who=None)
    assert refused.exit_code == 1
    assert "ne peut pas être écrit : un élément du chemin est un fichier." in refused.stderr
