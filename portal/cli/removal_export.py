"""Where the export of removals goes: the standard output, or a file that is whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.disk import writing
from portal.cli.exits import CliFailure, ExitCode, failure_for

if TYPE_CHECKING:
    from workflow.settings import Settings

_STDOUT = "-"


@failure_for("notifications.exports.Unexportable")
def _unexportable(error: Exception) -> CliFailure:
    return CliFailure("Cet export ne peut pas être composé.", ExitCode.SETTINGS, [str(error)])


def write(pieces: Iterator[bytes], output: Path | None, *, force: bool) -> None:
    """Write them as they come; a file takes its name once it is whole, and replaces another only with ``force``."""
    if output is None or str(output) == _STDOUT:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    if output.exists() and not force:
        remedy = "Que faire : ajouter --force pour le remplacer, ou choisir un autre fichier avec --output."
        raise CliFailure(f"{output} existe déjà, rien n'est écrit.", ExitCode.REFUSED, [remedy])
    with writing(output, "choisir un autre fichier avec --output"):
        _store(pieces, output)
    click.echo(printable(f"{output} est écrit."))


def _store(pieces: Iterator[bytes], output: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")  # this account alone reads it
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def example_pieces(settings: "Settings") -> Iterator[bytes]:
    """The template in force, on examples. Raises TemplatesRefused with all that is wrong with the templates (R68)."""
    from notifications.examples_exports import DAY, REMOVALS
    from notifications.exports import removals
    from workflow.house import surroundings_of, wordings_of
    from workflow.reading.removal_export import encoded

    pieces = removals(wordings_of(settings), REMOVALS, DAY, surroundings_of(settings))
    return encoded(pieces, settings.removals.export)
