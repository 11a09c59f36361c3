"""Where the PDF of ``oda paper`` goes: a file that is never overwritten by mistake, or the standard output."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.disk import writing
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.french import FilePath
from portal.cli.request.options import Callback

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.papers import Paper

_STDOUT = "-"


def file_options(function: Callback) -> Callback:
    """The options that say where the PDF goes."""
    force = click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
    place = click.option(
        "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
        help="Le fichier PDF à écrire, ou « - » pour la sortie standard ; sinon un nom tout fait, dans ce dossier.",
    )  # fmt: skip
    return place(force(function))


def write(made: "Paper", at: "datetime", output: Path | None, force: bool) -> None:
    """Compose the PDF, then write it: nothing is touched when it cannot be made."""
    from notifications.papers import compile_paper

    place = output or Path(made.filename)
    if str(place) == _STDOUT:
        if sys.stdout.isatty():
            raise click.UsageError("Un PDF ne s'affiche pas dans un terminal : rediriger la sortie vers un fichier.")
        click.echo(compile_paper(made, at), nl=False)
        return
    content = compile_paper(made, at)
    with writing(place, "choisir un autre fichier avec --output"):
        _store(place, content, force)
    click.echo(printable(f"{place} : {made.title}."))


def _store(place: Path, content: bytes, force: bool) -> None:
    try:
        file = place.open("wb" if force else "xb")
    except FileExistsError:
        remedy = "Que faire : ajouter --force pour le remplacer, ou choisir un autre fichier avec --output."
        raise CliFailure(f"{place} existe déjà, rien n'est écrit.", ExitCode.REFUSED, [remedy]) from None
    try:
        with file:
            file.write(content)
    except OSError:
        if place.is_file():  # half a PDF helps nobody; a device is never removed
            place.unlink()
        raise
