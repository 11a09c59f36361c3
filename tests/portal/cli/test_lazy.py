import sys

import click
from click.testing import CliRunner

from tests.portal.cli.sample import nested


def test_lazy__lists_before_what_is_declared_and_imports_nothing() -> None:
    shown = CliRunner().invoke(nested(), ["--help"]).stdout
    assert shown.endswith("Commandes :\n  far   Loin.\n  near  Près.\n")
    assert "tests.portal.cli.nowhere" not in sys.modules


def test_lazy__a_declared_command_runs() -> None:
    assert CliRunner().invoke(nested(), ["near"]).exit_code == 0


def test_lazy__completion_shows_the_purpose() -> None:
    group = nested()
    items = group.shell_complete(click.Context(group), "f")
    assert [(item.value, item.help) for item in items] == [("far", "Loin.")]
