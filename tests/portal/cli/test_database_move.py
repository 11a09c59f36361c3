"""``oda database move``: what it says, and the installation that goes on from there (R116)."""

from pathlib import Path

import pytest

from tests.kit.installation import make_installation
from tests.portal.cli.installation import Installation
from tests.workflow.backup.test_restore import nothing_there

pytestmark = pytest.mark.rule("R116")


def test_move__says_what_to_change_and_the_installation_goes_on(tmp_path: Path) -> None:
    installed = Installation(make_installation(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}"))
    with nothing_there("postgresql", tmp_path) as url:
        address = url.replace("postgresql+psycopg", "postgresql").replace(":@", "@")
        output = installed.done("database", "move", address, who=None)
        line = f'database: {{ url: "{address}" }}'
        assert line in output
        assert "n'a pas été touché" in output
        text = installed.config.read_text("utf-8")
        begin = text.index("database:")
        installed.config.write_text(f"{text[:begin]}{line}\n{text[text.index('people:') :]}", "utf-8")
        assert "La base est à jour." in installed.done("database", "status", who=None)
        installed.done("journal", "verify", who=None)
        again = installed.oda("database", "move", address, who=None)
        assert again.exit_code == 1
        assert "Une base se déplace d'un fichier SQLite vers PostgreSQL" in again.stderr


def test_move__an_address_with_a_password_is_refused_unquoted(tmp_path: Path) -> None:
    installed = Installation(make_installation(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}"))
    refused = installed.oda("database", "move", "postgresql://oda:S3cret@serveur/oda", who=None)
    assert refused.exit_code == 2
    assert "le mot de passe n'a pas sa place dans l'adresse" in refused.output
    assert "S3cret" not in refused.output
