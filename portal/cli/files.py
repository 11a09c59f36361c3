"""Files that a command reads or writes: imports and their columns (R91), lists as CSV, XLSX or ODS (R92)."""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click

from portal.cli.errors import CliFailure, ExitCode, writing
from portal.cli.output import printable
from portal.cli.parameters import C, FilePath

if TYPE_CHECKING:
    from notifications.rendering.papers import Paper
    from portal.exports.workbook import Workbook
    from states.model import Actor
    from workflow.app import App
    from workflow.spreadsheets.columns import Columns, ColumnSpec
    from workflow.spreadsheets.reader import Table

STANDARD_OUTPUT: Final = Path("-")


class ListFile(FilePath):
    """A file whose suffix says its format, or « - »: the standard output, in CSV."""

    name = "fichier"

    def __init__(self, *, may_be_pdf: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.may_be_pdf = may_be_pdf

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path: Path = super().convert(value, param, ctx)
        from portal.exports.workbook import FileFormat

        is_known = str(path) == "-" or (self.may_be_pdf and is_pdf(path)) or FileFormat.of_filename(path.name)
        if not is_known:
            suffixes = ".pdf, .csv, .xlsx ou .ods" if self.may_be_pdf else ".csv, .xlsx ou .ods"
            self.fail(f"« {path.name} » doit finir par {suffixes}.", param, ctx)
        return path


def is_pdf(path: Path) -> bool:
    """True for a file whose suffix asks for a paper."""
    return path.suffix.casefold() == ".pdf"


_force_option = click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
_output_option = click.option(
    "-o", "--output", type=ListFile(), metavar="FICHIER",
    help="Écrit toute la liste dans ce fichier : .csv, .xlsx ou .ods, selon son nom ; avec « - », en CSV sur la sortie"
    " standard.",
)  # fmt: skip


def output_options(command: C) -> C:
    """``--output`` and ``--force`` of a list; the command receives ``output`` and ``force``."""
    return _output_option(_force_option(command))


_printable_option = click.option(
    "-o", "--output", type=ListFile(may_be_pdf=True), metavar="FICHIER",
    help="Écrit un fichier .pdf, .xlsx, .ods ou .csv, selon son nom ; avec « - », en CSV sur la sortie standard.",
)  # fmt: skip


def printable_output_options(command: C) -> C:
    """As ``output_options``, for figures that can be printed too."""
    return _printable_option(_force_option(command))


def one_form(*, as_json: bool, as_csv: bool = False, output: Path | None) -> None:
    """Raises UsageError when a listing is asked for in more than one form."""
    chosen = [name for name, is_chosen in (("--csv", as_csv), ("--json", as_json), ("--output", output)) if is_chosen]
    if len(chosen) > 1:
        raise click.UsageError(f"{' et '.join(chosen)} ne vont pas ensemble : choisir l'un ou l'autre.")


@dataclass(frozen=True, kw_only=True)
class ExportByCommand:
    """Which list a command takes away, for whom: an event of the installation's chain, as by a page (R108).

    ``what`` is the value of a ``workflow.journal.exports.ExportedList``; ``criteria``: the filters, of which the codes
    alone are kept.
    """

    app: "App"
    actor: "Actor"
    what: str
    criteria: Mapping[str, object] = field(default_factory=dict)

    def record(self, file_format: str, rows: int | None = None) -> None:
        """Record that the file is written. It raises nothing."""
        from workflow.journal.exports import Export, ExportedList, criteria_codes

        export = Export(
            what=ExportedList.of(self.what), format=file_format, rows=rows, filters=criteria_codes(self.criteria)
        )
        self.app.export_journal.record(self.actor, export)


def write_workbook(workbook: "Workbook", output: Path, export: ExportByCommand, *, force: bool) -> None:
    """Write a list in the format that the file's suffix tells, and record it. Raises CliFailure."""
    from portal.exports.sheet import TooManyRows
    from portal.exports.workbook import FileFormat

    file_format = FileFormat.of_filename(output.name) or FileFormat.CSV
    counted, count = workbook.counted()
    try:
        write_file(lambda file: counted.write(file_format, file), output, force=force)
    except TooManyRows as error:
        raise CliFailure("Rien n'est écrit.", ExitCode.REFUSED, [str(error)]) from None
    export.record(file_format.value, count.total)


def write_paper(paper: "Paper", output: Path, export: ExportByCommand, *, force: bool) -> None:
    """Write figures as a PDF file, and record it. Raises CliFailure, PaperUnmakeable."""
    from notifications.rendering.pdf import compile_paper

    content = compile_paper(paper, export.app.clock.now())
    write_file(lambda file: file.write(content), output, force=force)
    export.record("pdf")


def write_file(write: Callable[[IO[bytes]], object], output: Path | None, *, force: bool) -> None:
    """Have a file written, on the standard output or under its name.

    A file takes its name once it is whole, and replaces another only with ``force``.
    """
    if output is None or str(output) == "-":
        write(sys.stdout.buffer)
        return
    if output.exists() and not force:
        remedy = "Que faire : ajouter --force pour le remplacer, ou choisir un autre fichier avec --output."
        raise CliFailure(f"{output} existe déjà, rien n'est écrit.", ExitCode.REFUSED, [remedy])
    with writing(output, "choisir un autre fichier avec --output"):
        descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")  # this account alone reads it
        try:
            with os.fdopen(descriptor, "wb") as file:
                write(file)
            Path(name).replace(output)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    click.echo(printable(f"{output} est écrit."))


Command = TypeVar("Command", bound=Callable[..., Any])

MOST_BYTES: Final = 100_000_000

MOST_ROWS: Final = 200_000


def file_argument(command: Command) -> Command:
    """The argument ``file``: CSV, XLSX, XLS or ODS."""
    return click.argument(
        "file", metavar="FICHIER", type=FilePath(exists=True, dir_okay=False, readable=True, path_type=Path),
        help="Le fichier CSV, XLSX, XLS ou ODS.",
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
