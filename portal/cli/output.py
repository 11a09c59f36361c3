"""The terminal and the files of a command: listings, JSON, progress and messages out; answers, secrets, imports in.

Nothing that is written can drive the terminal. Lists are written as CSV, XLSX or ODS too (R92); a file that is imported
has its columns recognised or named by hand (R91).
"""

import json
import os
import re
import select
import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from portal.cli.context import C, FilePath
from portal.cli.errors import CliFailure, ExitCode, writing
from states.validation import has_invisible, is_invisible
from states.vocabulary import Labelled

if TYPE_CHECKING:
    from notifications.rendering.papers import Paper
    from portal.exports.spreadsheet_files import Workbook
    from states.model import Actor
    from workflow.app import App

_PROGRESS_AFTER_S = 1.0
_WIDEST, _NARROWEST = 100, 30

_BETWEEN_COLUMNS = 3
"""What a table of the terminal sets between two columns; its edges take the same but one."""

_YES = ("o", "oui")
_LINE_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_NO_BREAK = "\N{NO-BREAK SPACE}"

_FRENCH_SPACES = re.compile(r"(?<=«) | (?=[:;!?»])")
"""The spaces at which French never folds a line."""

Row = Mapping[str, object]

json_option = click.option("--json", "as_json", is_flag=True, help="Écrit la liste en JSON.")
"""The option that every listing has; the command receives ``as_json``."""

csv_option = click.option("--csv", "as_csv", is_flag=True, help="Écrit la liste en CSV, pour un tableur.")
"""The option of a listing that a spreadsheet may want; the command receives ``as_csv``."""

json_object_option = click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
"""The same option for a single object."""

limit_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, metavar="NOMBRE", help="Combien au plus."
)
"""The largest number of rows of a listing; the command receives ``limit``."""

STANDARD_OUTPUT: Final = Path("-")
_force_option = click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
Command = TypeVar("Command", bound=Callable[..., Any])
MOST_BYTES: Final = 100_000_000
MOST_ROWS: Final = 200_000


def say(lines: Iterable[str]) -> None:
    """Write on the error output, made harmless to a terminal.

    Where nothing can be written, the exit code is the only message.
    """
    try:
        for line in "\n".join(lines).split("\n"):
            click.echo(printable(line), err=True)
    except BrokenPipeError:
        raise
    except OSError:  # a log on a full disk
        mute(sys.stderr)


def printable(text: str) -> str:
    """``text`` on one line, harmless to a terminal: line breaks become spaces, other control characters « � »."""
    line = _LINE_BREAKS.sub(" ", text)
    return "".join("\N{REPLACEMENT CHARACTER}" if is_invisible(c) else c for c in line) if has_invisible(line) else line


def cell(value: object, timezone: tzinfo | None = None) -> str:
    """A value in French on one line: labels, 14/09/2026, oui/non; nothing for None.

    An instant is shown in ``timezone``, the académie's; without one it keeps and names its own.
    """
    match value:
        case None:
            return ""
        case bool():
            return "oui" if value else "non"
        case Labelled():
            return value.label
        case datetime():
            local = value.astimezone(timezone) if timezone else value
            return local.strftime("%d/%m/%Y %H:%M" if timezone else "%d/%m/%Y %H:%M %Z").strip()
        case date():
            return value.strftime("%d/%m/%Y")
        case list() | tuple():
            return ", ".join(cell(item, timezone) for item in value)
        case _:
            return printable(str(value))


def rows_as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """``rows`` as one JSON array, readable as it is; dates in ISO 8601, control characters as ``\\uXXXX``.

    Raises TypeError on a value that is no text, number, date, school year, list or mapping of these.
    """
    text = json.dumps([dict(row) for row in rows], ensure_ascii=False, indent=2, default=_json_value)
    # Only characters inside strings can match here, apart from the line feeds of the indentation.
    return "\n".join(
        "".join(json.dumps(c)[1:-1] if is_invisible(c) else c for c in line) if has_invisible(line) else line
        for line in text.split("\n")
    )


def echo_object(row: Row) -> None:
    """Write one JSON object on the standard output, in UTF-8 whatever the terminal."""
    click.echo(f"{textwrap.dedent(rows_as_json([row])[2:-2])}\n".encode(), nl=False)


def emit(
    rows: Sequence[Row],
    columns: Mapping[str, str],
    as_json: bool,
    empty: str = "Aucune demande ne correspond.",
    timezone: tzinfo | None = None,
) -> None:
    """Write a listing on the standard output.

    ``columns`` gives the keys to show and their French headings. In JSON every key of a row is written, in UTF-8
    whatever the terminal, instants as they are; in a table instants are shown in ``timezone``.
    """
    if as_json:
        click.echo(f"{rows_as_json(rows)}\n".encode(), nl=False)
    elif not rows:
        click.echo(empty)
    else:
        headings = list(columns.values())
        texts = [[cell(row.get(key), timezone) for key in columns] for row in rows]
        widths = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
        if sys.stdout.isatty():
            _emit_table(headings, texts)
        else:
            for line in (headings, *texts):
                click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _emit_table(headings: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    """Write a table, or one line a value when the terminal is too narrow for columns that break no word."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    columns = list(zip(headings, *texts, strict=True))
    # A narrower column would break a word: a reference or an address is one.
    widths = [max((len(word) for text in column for word in text.split()), default=0) for column in columns]
    spare = console.width + 1 - sum(width + _BETWEEN_COLUMNS for width in widths)
    if spare < 0:
        for number, line in enumerate(texts):
            if number:
                click.echo()
            for heading, text in zip(headings, line, strict=True):
                click.echo(f"{heading} : {text}")
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for number, column in enumerate(columns):  # what is left goes to the first columns that want it
        more = min(spare, max(map(len, column)) - widths[number])
        spare -= more
        table.add_column(Text(column[0]), overflow="fold", width=widths[number] + more)
    for line in texts:
        table.add_row(*(Text(text) for text in line))
    console.print(table)


def _json_value(value: object) -> str:
    from states.school_calendar import SchoolYear

    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, SchoolYear):
        return str(value)
    raise TypeError(f"{type(value).__qualname__} has no JSON form here")


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show the progress of a task of ``total`` steps; yields a function to call with the number of steps just done.

    The bar is on the error output, from the first call later than one second, and only on a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar = _Bar(total, label)
    try:
        yield bar.advance
    finally:
        bar.close()


class _Bar:
    def __init__(self, total: int, label: str) -> None:
        self.total, self.label, self.done = total, label, 0
        self.begun = monotonic()
        self.update: Callable[[int], None] | None = None
        self.close: Callable[[], None] = lambda: None

    def advance(self, steps: int) -> None:
        self.done += steps
        if self.update is None and monotonic() - self.begun >= _PROGRESS_AFTER_S:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            text = TextColumn("{task.description}", markup=False)
            bar = Progress(text, BarColumn(), MofNCompleteColumn(), console=Console(file=sys.stderr), transient=True)
            task = bar.add_task(printable(self.label), total=self.total)
            bar.start()
            self.update = lambda done: bar.update(task, completed=done)
            self.close = bar.stop
        if self.update is not None:
            self.update(self.done)


def ask_confirmation(question: str = "Confirmer ?", otherwise: str = "--confirmed") -> bool:
    """Ask a question on the error output; « o » or « oui » is a yes, anything else a no.

    Raises CliFailure without a terminal, since nobody can answer, naming the option ``otherwise`` to give then;
    EOFError when the person leaves.
    """
    if not sys.stdin.isatty():
        message = "Il faut confirmer, et personne ne peut répondre ici."
        raise CliFailure(message, ExitCode.USAGE, [f"Que faire : relire, puis ajouter {otherwise}."])
    click.echo(f"{printable(question)} [o/N] ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    return answer.strip().casefold() in _YES


def read_secret(prompt: str) -> str:
    """The secret typed twice, unseen, or the first line of the standard input when that is no terminal.

    It is never an argument, which ``ps`` and the shell's history would show. Raises CliFailure, in French, when it is
    empty, when the two differ, or when it cannot be hidden.
    """
    if sys.stdin.isatty():
        secret = _type_secret(prompt)
    else:
        try:
            secret = sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            remedy = "Que faire : enregistrer le fichier en UTF-8, ou saisir au clavier."
            message = "L'entrée standard n'est pas du texte en UTF-8."
            # The cause is cut: its text would show bytes of the secret.
            raise CliFailure(message, ExitCode.BAD_INPUT, [remedy]) from None
    if not secret:
        raise CliFailure(f"{prompt} : rien n'a été donné.", ExitCode.USAGE)
    return secret


def _type_secret(prompt: str) -> str:
    import getpass

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            first = getpass.getpass(f"{prompt} : ", stream=sys.stderr)
            second = getpass.getpass(f"{prompt}, une seconde fois : ", stream=sys.stderr)
        except getpass.GetPassWarning:
            raise CliFailure("Ce terminal ne sait pas masquer la saisie.", ExitCode.USAGE) from None
    if first != second:
        raise CliFailure("Les deux saisies diffèrent : recommencer.", ExitCode.USAGE)
    return first


def reader_is_gone() -> bool:
    """Return True when one of our outputs is a closed pipe (``oda … | head``).

    It is muted then, or Python would complain at its exit.
    """
    closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
    for stream in closed:
        mute(stream)
    return bool(closed)


def _is_closed(stream: TextIO) -> bool:
    try:
        stream.flush()
        # An unbuffered output has nothing left to flush: the system is asked whether somebody still reads it.
        outputs = select.poll()
        outputs.register(stream.fileno(), 0)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in outputs.poll(0))
    except BrokenPipeError:
        return True
    except OSError:  # no file of the system behind it
        return False


def mute(stream: TextIO) -> None:
    """Discard the rest of an output, which Python would write again at its end, changing the exit code."""
    with suppress(OSError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


class SectionPrinter:
    """Writes an object in full on the standard output: titles, and lines folded to the width of the terminal."""

    def __init__(self) -> None:
        columns = shutil.get_terminal_size((80, 24)).columns
        self._width = max(_NARROWEST, min(columns, _WIDEST))

    def title(self, text: str) -> None:
        """Write a line in bold."""
        for line in self._folded(text, "", ""):
            click.secho(line, bold=True)

    def section(self, text: str) -> None:
        """Write an empty line and the title of the lines that follow."""
        click.echo()
        self.title(text)

    def line(self, text: str, depth: int = 1) -> None:
        """Write a line of a section, whose folds are indented further."""
        margin = "  " * depth
        for line in self._folded(text, margin, margin + "  "):
            click.echo(line)

    def fact(self, label: str, value: str, depth: int = 1) -> None:
        """Write « label : value », or nothing when there is no value."""
        if value:
            self.line(f"{label} : {value}", depth)

    def _folded(self, text: str, first: str, then: str) -> list[str]:
        bound = _FRENCH_SPACES.sub(_NO_BREAK, printable(text))
        lines = textwrap.wrap(bound, self._width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)
        return [line.replace(_NO_BREAK, " ") for line in lines]


class ListFile(FilePath):
    """A file whose suffix says its format, or « - »: the standard output, in CSV."""

    name = "fichier"

    def __init__(self, *, may_be_pdf: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.may_be_pdf = may_be_pdf

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path: Path = super().convert(value, param, ctx)
        from portal.exports.spreadsheet_files import FileFormat

        is_known = str(path) == "-" or (self.may_be_pdf and is_pdf(path)) or FileFormat.of_filename(path.name)
        if not is_known:
            suffixes = ".pdf, .csv, .xlsx ou .ods" if self.may_be_pdf else ".csv, .xlsx ou .ods"
            self.fail(f"« {path.name} » doit finir par {suffixes}.", param, ctx)
        return path


def is_pdf(path: Path) -> bool:
    """True for a file whose suffix asks for a paper."""
    return path.suffix.casefold() == ".pdf"


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
    """The list that a command takes away, and for whom: an event of the installation's chain, as by a page (R108).

    ``what`` is the value of a ``workflow.journal.security_log.ExportedList``; ``criteria``: the filters, of which the
    codes alone are kept.
    """

    app: "App"
    actor: "Actor"
    what: str
    criteria: Mapping[str, object] = field(default_factory=dict)

    def record(self, file_format: str, rows: int | None = None) -> None:
        """Record that the file is written. It raises nothing."""
        from workflow.journal.security_log import Export, ExportedList, criteria_codes

        export = Export(
            what=ExportedList(self.what), format=file_format, rows=rows, filters=criteria_codes(self.criteria)
        )
        self.app.export_journal.record(self.actor, export)


def write_workbook(workbook: "Workbook", output: Path, export: ExportByCommand, *, force: bool) -> None:
    """Write a list in the format that the file's suffix tells, and record it. Raises CliFailure."""
    from portal.exports.spreadsheet_files import FileFormat, TooManyRows

    file_format = FileFormat.of_filename(output.name) or FileFormat.CSV
    counted, count = workbook.counted()
    try:
        write_file(lambda file: counted.write(file_format, file), output, force=force)
    except TooManyRows as error:
        raise CliFailure("Rien n'est écrit.", ExitCode.REFUSED, [str(error)]) from None
    export.record(file_format.value, count.total)


def write_paper(paper: "Paper", output: Path, export: ExportByCommand, *, force: bool) -> None:
    """Write figures as a PDF file, and record it. Raises CliFailure, PaperUnmakeable."""
    from notifications.rendering.papers import compile_paper

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
    import tempfile  # which brings the library's random numbers: few commands write a file

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


def _parse_columns(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"« {value} » : écrire DONNÉE=COLONNE, par exemple UAI=B.", ctx, param)
        columns[name.strip()] = column.strip()
    return columns
