"""What a command writes: a listing as a table or as JSON, and how far a long task is."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from time import monotonic

import click

from portal.cli import cells

PROGRESS_AFTER_S = 1.0
_COLUMN_MIN = 12

Row = Mapping[str, object]

json_option = click.option("--json", "as_json", is_flag=True, help="Écrit la liste en JSON.")
"""The option that every listing has; the command receives ``as_json``."""
json_of_one = click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
"""The same where one thing is shown."""


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
        click.echo(f"{cells.as_json(rows)}\n".encode(), nl=False)
    elif not rows:
        click.echo(empty)
    else:
        texts = [[cells.cell(row.get(key), timezone) for key in columns] for row in rows]
        _table(list(columns.values()), texts) if sys.stdout.isatty() else _plain(list(columns.values()), texts)


def _widths(headings: Sequence[str], texts: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(headings, *texts, strict=True)]


def _plain(headings: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    widths = _widths(headings, texts)
    for line in (headings, *texts):
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _table(headings: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    narrowest = sum(min(width, _COLUMN_MIN) + 2 for width in _widths(headings, texts))
    if narrowest > console.width:
        _cards(headings, texts)
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for line in texts:
        table.add_row(*(Text(text) for text in line))
    console.print(table)


def _cards(headings: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    """One line a value: what stays readable when the terminal is too narrow for columns."""
    for number, line in enumerate(texts):
        if number:
            click.echo()
        for heading, text in zip(headings, line, strict=True):
            click.echo(f"{heading} : {text}")


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show how far a task of ``total`` steps is; call what it yields with the number of steps just done.

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
        if self.update is None and monotonic() - self.begun >= PROGRESS_AFTER_S:
            self._show()
        if self.update is not None:
            self.update(self.done)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        text = TextColumn("{task.description}", markup=False)
        shown = Progress(text, BarColumn(), MofNCompleteColumn(), console=Console(file=sys.stderr), transient=True)
        task = shown.add_task(cells.printable(self.label), total=self.total)
        shown.start()
        self.update = lambda done: shown.update(task, completed=done)
        self.close = shown.stop
