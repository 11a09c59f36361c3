import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from portal.cli.errors import ExitCode
from tests.kit.installation import OPERATOR, make_installation
from tests.portal.cli.sample import nested

UNNEEDED = {
    "alembic", "aiosmtplib", "apscheduler", "cryptography", "fastapi", "jinja2", "psycopg", "rich", "typst",
    "notifications.mailer", "notifications.messages.catalogue", "workflow.engine.engine",
    "notifications.delivery.dispatcher", "notifications.rendering.renderer", "notifications.rendering.papers",
    "workflow.directory.service", "workflow.schedule.tick", "workflow.year_end.service",
    "workflow.removals.connector.service",
}  # fmt: skip
"""What a list of requests has nothing to do with."""


def test_lazy__lists_before_what_is_declared_and_imports_nothing() -> None:
    text = CliRunner().invoke(nested(), ["--help"]).stdout
    assert text.endswith("Commandes :\n  far   Loin.\n  near  Près.\n")
    assert "tests.portal.cli.nowhere" not in sys.modules


def test_lazy__a_declared_command_runs() -> None:
    assert CliRunner().invoke(nested(), ["near"]).exit_code == 0


def test_lazy__completion_shows_the_purpose() -> None:
    group = nested()
    items = group.shell_complete(click.Context(group), "f")
    assert [(item.value, item.help) for item in items] == [("far", "Loin.")]


def modules_of(*line: str) -> tuple[int, set[str]]:
    """The exit code of a command, and what had been imported at its end."""
    script = (
        "import sys\n"
        "from portal.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print('\\nMODULES', *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *line], capture_output=True, text=True, check=False)
    return done.returncode, set(done.stderr.partition("\nMODULES")[2].split())


def test_list__imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    config = make_installation(tmp_path, f"sqlite:///{tmp_path}/oda.sqlite")
    code, modules = modules_of("--config", str(config), "--as", f"operator:{OPERATOR}", "request", "list", "--json")
    assert code == ExitCode.DONE
    assert modules >= {"sqlmodel", "workflow.requests.lists"}
    assert modules.isdisjoint(UNNEEDED)


@pytest.mark.parametrize(
    "command",
    [("request", "list"), ("mail", "list"), ("establishment", "list"), ("removal", "list"), ("check-config",)],
)
def test_settings__are_refused_before_the_database_is_imported(command: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("academie: {}\n", "utf-8")
    code, modules = modules_of("--config", str(config), *command)
    assert code == ExitCode.SETTINGS
    assert "pydantic" in modules
    assert modules.isdisjoint({"sqlalchemy", *UNNEEDED})


@pytest.mark.parametrize(
    "command",
    [
        ("--help",), ("deploy", "list"), ("diagram",), ("paper", "--help"), ("substitution", "--help"),
        ("demo", "--help"), ("init", "--help"), ("secrets", "--help"), ("drane", "--help"), ("activation", "--help"),
    ],
)  # fmt: skip
def test_light__commands_import_neither_settings_nor_database(command: tuple[str, ...]) -> None:
    code, modules = modules_of(*command)
    assert code == ExitCode.DONE
    assert modules.isdisjoint({"pydantic", "sqlalchemy", *UNNEEDED})


def test_trial_of_a_page__imports_no_database() -> None:
    """A child process imports the pages' templates to try a text of the académie's (R68)."""
    script = "import sys; import portal.web.environment; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"fastapi", "sqlalchemy", "xlsxwriter"})
