"""``oda year-end progress``: how far the end of a year is, once or until it is over (R85)."""

import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.french import FrenchCommand, Year

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from states.school_year import SchoolYear
    from workflow.house import House
    from workflow.reading.year_end_progress import Progress

EVERY_S = 1.0
"""Seconds between two looks."""


def pause() -> None:
    """Wait until the next look."""
    threading.Event().wait(EVERY_S)


@click.command(
    "progress",
    cls=FrenchCommand,
    help="Où en est la fin d'une année (R85) : combien de demandes sont révoquées sur combien. Sans année, celle qui"
    " court, sinon la dernière finie, sinon la prochaine. Réservé aux opérateurs et aux lecteurs.",
)
@click.argument("year", metavar="[ANNÉE]", type=Year(), required=False, help="Par exemple 2026-2027.")
@click.option(
    "--follow", is_flag=True,
    help="Suit jusqu'à la fin : une barre dans un terminal, sinon une ligne à chaque changement.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Écrit du JSON, un objet par ligne.")
@pass_app
def progress(app: App, year: "SchoolYear | None", follow: bool, as_json: bool) -> None:
    from portal.cli.opening import opened
    from portal.cli.year_end_reading import rectorat_only

    with opened(app) as (house, actor):
        rectorat_only(actor)
        looks = _looks(house, year, follow=follow)
        if follow and not as_json and sys.stdout.isatty():
            _bar(looks, house)
        else:
            _lines(looks, _json if as_json else lambda one: _said(one, house))


def _looks(house: "House", year: "SchoolYear | None", *, follow: bool) -> "Iterator[Progress]":
    """What is seen, look after look; the year seen first is the one that is followed."""
    from workflow.reading.year_end_progress import progress_of

    while True:
        now = house.clock.now()
        with house.database.read() as connection:
            seen = progress_of(connection, house.policy, house.year_ends.verdicts(connection, now), now, year)
        if seen is None:
            raise CliFailure(f"L'année {year} a fini sans ce service : rien à suivre.", ExitCode.REFUSED)
        yield seen
        if not follow or not seen.is_worth_following:
            return
        year = seen.end.school_year
        pause()


def _lines(looks: "Iterator[Progress]", said: "Callable[[Progress], str]") -> None:
    """One line a change."""
    last = ""
    for one in looks:
        line = said(one)
        if line != last:
            click.echo(line.encode() + b"\n", nl=False)
            sys.stdout.flush()
        last = line


def _said(one: "Progress", house: "House") -> str:
    from portal.cli.cells import printable
    from states import french

    count = f"{one.revoked} sur {french.plural(one.total, 'demande révoquée', 'demandes révoquées')}"
    zone = house.settings.zoneinfo
    words = {
        "to_come": f"elle finit le {french.day(one.end.last_day)} à 24 h, avec {french.plural(one.live, 'demande')}"
        " en cours",
        "held": f"retenue ; un opérateur la confirme avec « oda year-end confirm {one.end.school_year} »",
        "stuck": f"{count}, rien n'avance depuis le {french.instant(one.moved_at, zone) if one.moved_at else ''} : le"
        " service est-il arrêté ? Il reprendra où l'on en était",
        "running": f"en cours, {count}",
        "over": f"terminée, {french.plural(one.revoked, 'demande révoquée', 'demandes révoquées')}",
    }
    return printable(f"Année {one.end.school_year} : {words[one.stage.value]}.")


def _json(one: "Progress") -> str:
    import json

    row: dict[str, Any] = {
        "school_year": str(one.end.school_year), "last_day": one.end.last_day.isoformat(), "stage": one.stage.value,
        "revoked": one.revoked, "left": one.live, "total": one.total,
        "moved_at": one.moved_at.isoformat() if one.moved_at else None,
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=False)


def _bar(looks: "Iterator[Progress]", house: "House") -> None:
    """A bar while it runs, and the last words under it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Shown

    from portal.cli.cells import printable

    console = Console(file=sys.stdout, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    last: Progress | None = None
    with Shown(*columns, console=console, transient=True) as shown:
        task = shown.add_task("", total=None)
        for last in looks:
            stage = "" if last.stage.value == "running" else f", {last.stage.label}"
            said = printable(f"Année {last.end.school_year}{stage}")
            shown.update(task, description=said, total=max(last.total, 1), completed=last.revoked)
    if last is not None:
        click.echo(_said(last, house))
