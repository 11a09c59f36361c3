import subprocess
import sys
from importlib.util import find_spec

import click
from click.testing import CliRunner

from portal.cli.main import TREE, oda
from tests.portal.cli.english import english, refusals, walk

HEAVY = (
    "sqlmodel", "sqlalchemy", "pydantic", "fastapi", "rich", "jinja2", "aiosmtplib", "cryptography", "yaml",
    "transitions", "apscheduler", "alembic", "email_validator",
)  # fmt: skip
# The tree is declared before its commands are written: those that exist are walked.
WRITTEN = [name for name, (module, _, _) in TREE.items() if find_spec(module)]


def loaded_by(*args: str) -> set[str]:
    """The top-level packages, and this project's modules, that a run of ``oda`` loads."""
    script = (
        "import sys\n"
        "from portal.cli.main import oda\n"
        "oda.main(sys.argv[1:], standalone_mode=False)\n"
        "print('\\n', *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True, check=True)
    return {part for name in done.stderr.split() for part in (name, name.partition(".")[0])}


def test_help__imports_no_command_and_nothing_heavy() -> None:
    loaded = loaded_by("--help")
    assert loaded.isdisjoint(HEAVY)
    assert loaded.isdisjoint(module for module, _, _ in TREE.values())


def test_version__is_shown() -> None:
    result = CliRunner().invoke(oda, ["--version"])
    assert (result.exit_code, result.stdout.split()[0]) == (0, "oda")


def test_help__lists_every_command_with_its_purpose() -> None:
    result = CliRunner().invoke(oda, ["-h"])
    assert result.exit_code == 0
    assert english(result.stdout) == []
    for name, (_, _, short) in TREE.items():
        assert f"  {name} " in result.stdout
        assert short in result.stdout


def test_root__refusals_are_in_french() -> None:
    for message in refusals(oda, click.Context(oda, info_name="oda")):
        assert english(message) == [], message


def test_commands__are_french_everywhere() -> None:
    root = click.Context(oda, info_name="oda")
    for name in WRITTEN:
        written = oda.get_command(root, name)
        assert written is not None
        for command, context in walk(written, click.Context(written, info_name=name, parent=root)):
            assert command.help, f"{context.command_path} has no help"
            for text in (command.get_help(context), *refusals(command, context)):
                assert english(text) == [], text


def test_completion__names_commands_without_loading_them() -> None:
    done = CliRunner().invoke(oda, env={"_ODA_COMPLETE": "bash_complete", "COMP_WORDS": "oda re", "COMP_CWORD": "1"})
    assert done.output == "plain,restore\nplain,request\nplain,removal\nplain,retention\n"
