"""What the commands that import a file share: their options, the file read, its columns found, one question (R91)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from portal.cli.parameters import FilePath

if TYPE_CHECKING:
    from workflow.app import App
    from workflow.spreadsheets.columns import Columns, ColumnSpec
    from workflow.spreadsheets.reader import Table

Command = TypeVar("Command", bound=Callable[..., Any])

MOST_BYTES: Final = 100_000_000

MOST_ROWS: Final = 200_000


def file_argument(command: Command) -> Command:
    """The argument ``file``: CSV, XLSX or ODS."""
    return click.argument(
        "file", metavar="FICHIER", type=FilePath(exists=True, dir_okay=False, readable=True, path_type=Path),
        help="Le fichier CSV, XLSX ou ODS.",
    )(command)  # fmt: skip


def column_option(command: Command) -> Command:
    """The option ``columns``: columns named by hand, by the title of what is read."""
    return click.option(
        "--column", "columns", multiple=True, metavar="DONNÉE=COLONNE", callback=_parse_columns,
        help="Où est une donnée que les titres ne disent pas : son nom, puis la lettre ou le titre de la colonne"
        " (UAI=B). Rien après le signe égal : le fichier ne l'a pas. Le choix est gardé pour les mêmes titres.",
    )(command)  # fmt: skip


def complete_option(command: Command) -> Command:
    """The option ``file_is_complete``."""
    return click.option(
        "--file-is-complete", is_flag=True,
        help="Le fichier est entier, bien qu'il ait l'air coupé : sa dernière ligne n'a pas de fin, ou des lignes n'ont"
        " pas toutes leurs cellules (elles sont refusées une à une).",
    )(command)  # fmt: skip


def read_file(
    app: "App", kind: str, specs: "Sequence[ColumnSpec]", file: Path, columns: Mapping[str, str], *,
    is_complete: bool,
) -> "tuple[Table, Columns]":  # fmt: skip
    """The table of a file, and where its columns are. Raises UnusableFile.

    A choice by hand is to be kept once the import is done (``app.column_choices.keep``).
    """
    from workflow.spreadsheets.reader import read_table

    with file.open("rb") as source:
        table = read_table(source, most_bytes=MOST_BYTES, most_rows=MOST_ROWS)
    table.refuse_if_cut(is_complete=is_complete)
    found = app.column_choices.recognise(kind, table, specs, named=columns)
    found.refuse_if_incomplete(advice="renommer ces titres, ou désigner les colonnes (--column UAI=B)")
    return table, found


def _parse_columns(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"« {value} » : écrire DONNÉE=COLONNE, par exemple UAI=B.", ctx, param)
        columns[name.strip()] = column.strip()
    return columns
