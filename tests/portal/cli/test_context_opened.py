import getpass
from pathlib import Path

import pytest

from portal.cli.errors import ExitCode
from tests.kit.installation import OPERATOR, READER
from tests.portal.cli.installation import Installation

LIST = ("establishment", "list")


@pytest.mark.rule("R2")
def test_who__needs_an_operator_for_the_account(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "quidam")
    result = installed.oda(*LIST, who=None)
    assert result.exit_code == ExitCode.REFUSED
    assert "Qui agit ? Le compte « quidam » n'a pas d'opérateur" in result.stderr


@pytest.mark.rule("R2")
def test_who__is_the_account_s_operator(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "oda")
    config = installed.config
    accounts = f"people:\n  accounts: {{oda: {OPERATOR}}}\n"
    config.write_text(config.read_text("utf-8").replace("people:\n", accounts), "utf-8")
    assert installed.oda(*LIST, who=None).exit_code == ExitCode.DONE


@pytest.mark.rule("R2")
def test_who__unnamed_account_is_its_number(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 4321)
    assert "Le compte « 4321 »" in installed.oda(*LIST, who=None).stderr


@pytest.mark.rule("R2", "R3")
def test_who__must_be_known(installed: Installation) -> None:
    assert installed.oda(*LIST, who=f"lecteur:{READER}").exit_code == ExitCode.DONE
    for who, complaint in (
        ("operator:autre@ac-toulouse.fr", "n'est pas dans le réglage people.operators"),
        ("chef:0310001H", "L'UAI 0310001H n'est pas dans l'annuaire"),
    ):
        result = installed.oda(*LIST, who=who)
        assert (result.exit_code, complaint in result.stderr) == (ExitCode.REFUSED, True)


def test_installation__in_another_s_hands(installed: Installation) -> None:
    (installed.config.parent / "secrets" / "journal-key").write_text("une autre\n", "utf-8")
    result = installed.oda(*LIST)
    assert result.exit_code == ExitCode.SETTINGS
    assert result.stderr == (
        "La clé du journal n'est pas celle de cette base : remettre le fichier journal-key d'origine.\n"
    )


def test_installation__without_its_key(installed: Installation) -> None:
    (installed.config.parent / "secrets" / "journal-key").unlink()
    result = installed.oda(*LIST)
    assert (result.exit_code, "le secret journal-key manque" in result.stderr) == (ExitCode.SETTINGS, True)


def test_installation__without_its_database(installed: Installation, tmp_path: Path) -> None:
    config = installed.config
    lines = [
        f"  url: sqlite:///{tmp_path}/vide.sqlite" if line.startswith("  url: ") else line
        for line in config.read_text("utf-8").splitlines()
    ]
    config.write_text("\n".join(lines), "utf-8")
    result = installed.oda(*LIST)
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "oda database upgrade" in result.stderr
