"""Finding and reading the file itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.settings.files import MINIMAL, loaded, written
from workflow.settings.loader import find_settings, load_settings
from workflow.settings.yaml_reader import SettingsError

ROOT = Path(__file__).parents[3]


def said_of(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    return str(caught.value)


def test_repository_file__valid_for_toulouse() -> None:
    settings = load_settings(ROOT / "config.yaml")
    assert settings.academie.departements == ("09", "12", "31", "32", "46", "65", "81", "82")
    assert (settings.academie.code, settings.academie.zone) == ("16", "C")
    assert settings.source == ROOT / "config.yaml"


def test_repository_file__shows_the_defaults(tmp_path: Path) -> None:
    """The comments promise that a key left out takes the value shown."""
    file_values = load_settings(ROOT / "config.yaml").model_dump()
    defaults = loaded(tmp_path).model_dump()
    chosen = {"academie", "people", "mail", "documentation"}
    file_values["school_year"]["rentree_dates"] = {}
    assert {k: v for k, v in file_values.items() if k not in chosen} == {
        k: v for k, v in defaults.items() if k not in chosen
    }
    for key in (
        "connections",
        "lease_seconds",
        "give_up_days",
        "max_attempts",
        "retry_after_seconds",
        "retry_uncertain",
    ):
        assert file_values["mail"][key] == defaults["mail"][key]


def test_relative_paths__taken_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, MINIMAL)
    settings = load_settings(Path("config.yaml"))
    monkeypatch.chdir("/")
    assert settings.folder == tmp_path
    assert settings.secrets_directory == tmp_path / "secrets"
    assert settings.database_url == f"sqlite:///{tmp_path}/oda.sqlite"


def test_byte_order_mark__accepted(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load_settings(path).academie.nom == "Toulouse"


def test_file_absent__says_oda_init(tmp_path: Path) -> None:
    assert "n'existe pas" in (message := said_of(tmp_path / "absent.yaml"))
    assert "oda init" in message
    assert str(tmp_path / "absent.yaml") in message


def test_file_is_a_folder__names_the_file_to_give(tmp_path: Path) -> None:
    assert f"c'est un dossier : donner le fichier, par exemple {tmp_path}/config.yaml" in said_of(tmp_path)


def test_unreadable_path__french(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL)
    assert "ne peut pas être lu" in said_of(tmp_path / "config.yaml" / "below")
    assert "ne peut pas être lu" in said_of(Path("nul\0"))


def test_permission_refused__says_whom_to_give_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a test run by root may read anything
    assert "droit de lire" in said_of(tmp_path / "config.yaml")


@pytest.mark.parametrize("text", ["", "\n\n", "# rien\n", "---\n"])
def test_empty_file__said(tmp_path: Path, text: str) -> None:
    assert "le fichier est vide" in said_of(written(tmp_path, text))


@pytest.mark.parametrize("text", ["- a\n- b\n", "Toulouse\n"])
def test_not_sections__said(tmp_path: Path, text: str) -> None:
    assert "config.yaml, ligne 1 : le fichier doit être une suite de sections" in said_of(written(tmp_path, text))


def test_latin1__line_of_the_first_bad_byte(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("academie:\n  nom: Orléans\n".encode("latin-1"))
    assert "config.yaml, ligne 2 : le fichier n'est pas en UTF-8" in said_of(path)


def test_huge_file__refused_unread(tmp_path: Path) -> None:
    assert "plus de 100 ko" in said_of(written(tmp_path, "# x\n" * 30_000))


def test_find__option_then_variable_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, MINIMAL)
    assert find_settings("a.yaml", {"ODA_CONFIG": "b.yaml"}) == Path("a.yaml")
    assert find_settings(None, {"ODA_CONFIG": "b.yaml"}) == Path("b.yaml")
    assert find_settings(None, {"ODA_CONFIG": ""}) == Path("config.yaml")


def test_find__nothing_says_the_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        find_settings(None, {})
    assert all(way in str(caught.value) for way in ("oda init", "--config", "ODA_CONFIG", str(tmp_path)))


def test_reading_the_settings__loads_no_database_and_no_mail() -> None:
    """A command that only reads the settings, or refuses them, must answer quickly."""
    code = "import sys, workflow.settings; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    slow = ("sqlalchemy", "email_validator", "jinja2", "holidays", "vacances_scolaires_france")
    assert not [name for name in modules if name.startswith(slow)]
