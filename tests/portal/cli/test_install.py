"""``oda init``, ``check-config``, ``config-schema``, ``database``: an installation from nothing to up to date."""

import errno
import io
import json
import shutil
import stat
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from notifications.ports import SystemClock
from portal.cli.main import oda
from states.transitions import definition_fingerprint
from tests.kit.factories import NOW
from workflow.database import schema
from workflow.database.connection import Database
from workflow.settings.model import schema_text


@pytest.fixture(autouse=True)
def _autumn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODA_CONFIG", raising=False)
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def run(*args: object) -> Result:
    return CliRunner().invoke(oda, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``oda init`` leaves, once: each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("init") / "une installation"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("ODA_CONFIG", raising=False)
        monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)
        assert run("init", folder).exit_code == 0
    return folder


@pytest.fixture
def folder(initialised: Path, tmp_path: Path) -> Path:
    return shutil.copytree(initialised, tmp_path / "une installation")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sqlite")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def on(folder: Path, *args: object) -> Result:
    return run("--config", folder / "config.yaml", *args)


def change(folder: Path, before: str, after: str) -> None:
    path = folder / "config.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_init__makes_an_installation_that_works_and_says_what_next(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    done = run("init", folder)
    assert done.exit_code == 0
    steps = [line for line in done.stdout.splitlines() if line.startswith(("  1.", "  2.", "  3.", "  4."))]
    assert [word in step for word, step in zip(("check-config", "import", "serve"), steps, strict=True)] == [True] * 3
    assert on(folder, "check-config").exit_code == 0
    assert on(folder, "database", "status").exit_code == 0
    assert on(folder, "journal", "verify").exit_code == 0
    assert (folder / "config.schema.json").read_text() == schema_text()


def test_init__keeps_secrets_and_data_to_this_account(folder: Path) -> None:
    private = [folder / "oda.sqlite", *(folder / "secrets").iterdir()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in private] == [0o600] * 4


def test_init__twice_refuses_and_touches_nothing(folder: Path) -> None:
    before = contents(folder)
    again = run("init", folder)
    assert again.exit_code == 1
    assert "déjà une installation complète" in again.stderr
    assert contents(folder) == before


@pytest.mark.parametrize("missing", ["config.schema.json", "secrets/seal-key"])
def test_init__completes_what_is_missing_and_overwrites_nothing(folder: Path, missing: str) -> None:
    change(folder, "nom: Toulouse", "nom: Occitanie")
    before = contents(folder)
    (folder / missing).unlink()
    again = run("init", folder)
    assert again.exit_code == 0
    assert missing in again.stdout
    after = contents(folder)
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} <= {missing}


def test_init__a_new_key_for_waiting_codes_is_told(folder: Path) -> None:
    (folder / "secrets/seal-key").unlink()
    assert "à réémettre" in run("init", folder).stderr


def test_init__makes_the_database_of_settings_already_written(folder: Path) -> None:
    change(folder, "sqlite:///oda.sqlite", "sqlite:///donnees/autre.sqlite")
    assert run("init", folder).exit_code == 0
    assert on(folder, "database", "status").exit_code == 0


@pytest.mark.rule("R63")
def test_init__never_gives_a_journal_another_key(folder: Path) -> None:
    (folder / "secrets/journal-key").unlink()
    again = run("init", folder)
    assert again.exit_code == 78
    assert "d'origine" in again.stderr
    assert not (folder / "secrets/journal-key").exists()


def test_init__says_what_is_wrong_with_settings_already_there(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("academie: 3\n")
    again = run("init", tmp_path)
    assert again.exit_code == 78
    assert not (tmp_path / "secrets").exists()


def test_init__a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    again = run("init", tmp_path / "file" / "below")
    assert again.exit_code == 1
    assert "ne peut pas être écrit : un élément du chemin est un fichier." in again.stderr


def test_init__settings_left_empty_by_a_power_cut_are_written(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    assert run("init", tmp_path).exit_code == 0
    assert on(tmp_path, "check-config").exit_code == 0


def test_init__on_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path: Path, *_: object, **__: object) -> Full:
        path.touch()
        return Full()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        first = run("init", tmp_path)
    assert (first.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "plus de place sur le disque" in first.stderr
    assert run("init", tmp_path).exit_code == 0


@pytest.mark.rule("R22")
def test_check_config__sums_up_and_warns(folder: Path) -> None:
    done = on(folder, "check-config")
    assert done.exit_code == 0
    assert "Fin de 2026-2027 : 31 août 2027 à 24 h (veille de la rentrée des élèves)" in done.stdout
    assert "Fin de 2027-2028 : 31 août 2028 à 24 h (DATE PAR DÉFAUT, faute de date connue)" in done.stdout
    assert f"Base de données : sqlite:///{folder / 'oda.sqlite'}" in done.stdout
    assert "Opérateurs : 1" in done.stdout
    assert "Attention : school_year : la fin de 2027-2028" in done.stderr


def test_check_config__takes_a_file_in_place_of_the_option(folder: Path) -> None:
    assert run("check-config", folder / "config.yaml").exit_code == 0


def test_check_config__says_all_problems_at_once_with_their_lines(folder: Path) -> None:
    change(folder, 'code: "16"', 'code: "seize"')
    change(folder, "four_eyes: false", "four_eyes: peut-être")
    done = on(folder, "check-config")
    assert done.exit_code == 78
    assert done.stdout == ""
    assert done.stderr.count("config.yaml, ligne ") == 2


def test_check_config__shows_no_password_of_the_database(folder: Path) -> None:
    (folder / "secrets/database-password").write_text("hunter2\n")
    (folder / "secrets/database-password").chmod(0o600)
    change(folder, "sqlite:///oda.sqlite", "postgresql://oda@bdd.ac-toulouse.fr/oda")
    done = on(folder, "check-config")
    assert "postgresql+psycopg://oda@bdd.ac-toulouse.fr/oda" in done.stdout
    assert "hunter2" not in done.output


@pytest.mark.rule("R59")
def test_check_config__lists_the_documentation_that_is_joined(folder: Path) -> None:
    change(folder, "files: []", "files: [{title: Guide, file: guide.pdf}]")
    done = on(folder, "check-config")
    assert (done.exit_code, f"le fichier {folder / 'guide.pdf'} n'existe pas" in done.stderr) == (78, True)
    (folder / "guide.pdf").write_bytes(b"%PDF-1.7")
    done = on(folder, "check-config")
    assert (done.exit_code, "Document joint au code : Guide (guide.pdf)\n" in done.stdout) == (0, True)


def test_config_schema__is_json() -> None:
    done = run("config-schema")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["type"] == "object"


def test_database_status__before_there_is_one(folder: Path) -> None:
    (folder / "oda.sqlite").unlink()
    done = on(folder, "database", "status")
    assert (done.exit_code, (folder / "oda.sqlite").exists()) == (1, False)
    assert "oda database upgrade" in done.stderr


def test_database_upgrade__prepares_an_empty_one(folder: Path) -> None:
    (folder / "oda.sqlite").unlink()
    done = on(folder, "database", "upgrade")
    assert done.exit_code == 0
    assert f"aucune (base vide) → {schema.newest()}" in done.stdout
    assert stat.S_IMODE((folder / "oda.sqlite").stat().st_mode) == 0o600
    assert on(folder, "database", "status").exit_code == 0


@pytest.mark.rule("R117")
def test_database_status__says_the_version_and_the_definition(folder: Path) -> None:
    done = on(folder, "database", "status")
    assert f"Logiciel : {version('oda-delegations')} ; empreinte de la définition : " in done.stdout
    assert definition_fingerprint() in done.stdout
    assert "Demandes, selon" not in done.stdout


def test_database_upgrade__on_a_current_one_changes_nothing(folder: Path) -> None:
    done = on(folder, "database", "upgrade")
    assert done.exit_code == 0
    assert "rien n'a changé" in done.stdout
    assert "1 événement et 0 demande" in done.stdout


def test_database__of_a_newer_software_is_told(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'oda.sqlite'}")
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.dispose()
    status, upgrade = on(folder, "database", "status"), on(folder, "database", "upgrade")
    assert (status.exit_code, upgrade.exit_code) == (1, 69)
    assert "plus récente" in status.stderr
    assert "plus récente" in upgrade.stderr


def test_database_upgrade__of_tables_without_a_version_is_refused(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'oda.sqlite'}")
    with database.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    database.dispose()
    for done in (on(folder, "database", "upgrade"), run("init", folder)):
        assert done.exit_code == 69
        assert "La base a déjà des tables, sans numéro de version" in done.stderr


@pytest.mark.parametrize("command", [("database", "status"), ("database", "upgrade"), ("tick",), ("journal", "verify")])
def test_database__damaged_is_told(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "oda.sqlite").write_bytes(b"ce n'est pas une base de donnees " * 200)
    done = on(folder, *command)
    assert done.exit_code == 69
    assert "Le fichier de la base est abîmé, ou n'est pas une base." in done.stderr
    assert "restaurer une sauvegarde" in done.stderr


def test_database_upgrade__where_no_file_can_be_made(folder: Path) -> None:
    (folder / "oda.sqlite").unlink()
    (folder / "oda.sqlite").mkdir()
    done = on(folder, "database", "upgrade")
    assert done.exit_code == 1
    assert "oda.sqlite ne peut pas être écrit : c'est un répertoire." in done.stderr


@pytest.mark.parametrize("command", [("tick",), ("journal", "verify"), ("year-end", "preview")])
def test_database__lost_is_told_and_not_made_anew(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "oda.sqlite").unlink()
    done = on(folder, *command)
    assert (done.exit_code, (folder / "oda.sqlite").exists()) == (69, False)
    assert "Le fichier de la base n'existe pas" in done.stderr


@pytest.mark.rule("R60")
def test_seal_key__cut_short_is_told(folder: Path) -> None:
    key = folder / "secrets/seal-key"
    key.write_text(key.read_text()[:20])
    done = on(folder, "tick")
    assert done.exit_code == 78
    assert "seal-key" in done.stderr
    assert key.read_text() not in done.stderr


def test_check_config__strict_refuses_a_posture_that_is_only_a_warning_otherwise(folder: Path) -> None:
    for arguments, code in ((("check-config",), 0), (("check-config", "--strict"), 1)):
        done = on(folder, *arguments)
        assert done.exit_code == code
        assert "posture" in done.stderr.lower()
        assert "— portal.address : c'est le nom de cette machine" in done.stderr
        assert "réglages corrects, mais voir ci-dessus" in done.stdout


def test_check_config__strict_refuses_a_secret_that_cannot_be_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.settings.warnings.check_posture", lambda *_: [])
    assert on(folder, "check-config", "--strict").exit_code == 0
    (folder / "secrets/seal-key").unlink()
    assert on(folder, "check-config").exit_code == 0
    done = on(folder, "check-config", "--strict")
    assert done.exit_code == 1
    assert "La posture laisse à désirer : 1 point." in done.stderr


def test_check_config__lists_the_settings_of_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA__PORTAL__ADDRESS", "https://oda.ac-toulouse.fr")
    assert (
        "Par la variable ODA__PORTAL__ADDRESS : portal.address = https://oda.ac-toulouse.fr"
        in on(folder, "check-config").stdout
    )
    monkeypatch.setenv("ODA__PORTAL__ADRESS", "https://oda.ac-toulouse.fr")
    done = on(folder, "check-config")
    assert done.exit_code == 78
    assert "variable ODA__PORTAL__ADRESS : portal.adress : clé inconnue" in done.stderr
