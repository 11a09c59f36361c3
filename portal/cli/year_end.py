"""``oda year-end``: the end of the school year foreseen, and a held one confirmed (R50 to R54, R85)."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.french import Day, FilePath, FrenchGroup, Year
from portal.cli.year_end_progress import progress
from portal.cli.year_end_reading import not_renewed, rectorat_only, report

if TYPE_CHECKING:
    from states.actors import Actor
    from states.school_year import SchoolYear
    from workflow.house import House
    from workflow.year_end import HeldYear


@click.group("year-end", cls=FrenchGroup, help="La fin d'année : prévoir, suivre, confirmer.")
def year_end() -> None:
    pass


for command in (progress, report, not_renewed):
    year_end.add_command(command)


@year_end.command(
    "preview",
    help="Montre ce que ferait la fin d'année : qui serait révoqué, quels courriels partiraient, ce qui surprend. Rien"
    " n'est écrit (R53). Réservé aux opérateurs et aux lecteurs.",
)
@click.option(
    "--on", type=Day(date(2000, 1, 1), date(2099, 12, 31)), metavar="DATE",
    help="Le jour, regardé à 24 h ; à défaut le dernier jour de l'année en cours.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
    help="Écrit un CSV pour un tableur, une ligne par demande, dans ce fichier, ou avec « - » sur la sortie standard.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@pass_app
def preview(app: App, on: date | None, as_json: bool, output: Path | None, force: bool) -> None:
    from portal import preview_rows
    from portal.cli import preview_report
    from portal.cli.opening import opened
    from portal.cli.removal_export import write
    from portal.spreadsheet import csv_text
    from workflow.preview import Preview

    if as_json and output:
        raise click.UsageError("--json et --output ne vont pas ensemble : choisir l'un ou l'autre.")
    with opened(app) as (house, actor), house.database.read() as connection:
        rectorat_only(actor)
        now = house.clock.now()
        calendar = house.policy.calendar
        day = on or calendar.end_of(calendar.open_years(now)[0]).last_day
        found = Preview(connection, house.year_ends, house.mailer, now=now, at=house.year_ends.instant_of(day))
        if output:
            pieces = csv_text(preview_rows.HEADINGS, preview_rows.rows(found))
            write((piece.encode() for piece in pieces), output, force=force)
        elif as_json:
            preview_report.write_json(found, day)
        else:
            preview_report.write(found, day, house.settings.academie.zone)


@year_end.command(
    "confirm",
    help="Laisse passer une fin d'année que le frein retient (R52) : toutes ses demandes en cours sont révoquées."
    " Réservé aux opérateurs.",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire, par exemple 2026-2027.")
@click.option("--yes", is_flag=True, help="Confirme sans poser la question.")
@pass_app
def confirm(app: App, year: "SchoolYear", yes: bool) -> None:
    from portal.cli.confirm import confirmed
    from portal.cli.opening import opened
    from states.vocabulary import Role

    with opened(app) as (house, actor):
        if actor.role is not Role.OPERATOR:
            raise CliFailure("Seul un opérateur confirme une fin d'année (R2, R52).", ExitCode.REFUSED)
        held = _held(house, year)
        count = _tell(house, held)
        if not yes and not confirmed("Confirmer ?", "--yes"):
            raise CliFailure("Rien n'est confirmé, rien n'a changé.", ExitCode.REFUSED)
        _sweep(house, actor, held, count)


def _held(house: "House", year: "SchoolYear") -> "HeldYear":
    """The hold of that year; CliFailure when there is none."""
    held = {one.school_year: one for one in house.year_ends.held()}
    if year not in held:
        others = ", ".join(str(one) for one in held) or "aucune"
        details = [f"Retenues : {others}.", "Que faire : voir « oda year-end preview »."]
        raise CliFailure(f"La fin de l'année {year} n'est pas retenue : rien à confirmer.", ExitCode.REFUSED, details)
    return held[year]


def _tell(house: "House", held: "HeldYear") -> int:
    """Say what is held, why, and what the confirmation would do; returns how many requests."""
    from states import french
    from workflow.preview import count_live

    with house.database.read() as connection:
        requests, establishments = count_live(connection, held.school_year)
    since = french.instant(held.held_at, house.settings.zoneinfo)
    places = french.plural(establishments, "établissement")
    for line in (
        f"La fin de l'année {held.school_year} ({french.day(held.last_day)}) est retenue depuis le {since} :",
        f"  {held.hold.label}.",
        f"Confirmer révoque {french.plural(requests, 'demande')} dans {places}, et prévient chacun.",
    ):
        click.echo(printable(line), err=True)
    return requests


def _sweep(house: "House", actor: "Actor", held: "HeldYear", count: int) -> None:
    from portal.cli.output import progress as progress_bar
    from states import french
    from workflow import installation
    from workflow.year_end import NothingHeld

    try:
        end = house.year_ends.confirm(held.school_year, actor)
    except NothingHeld:
        remedy = "Que faire : passer l'échéancier (« oda tick »), puis relire « oda year-end preview »."
        message = "Entre-temps cette fin d'année a été confirmée, ou sa date a changé : rien n'est confirmé."
        raise CliFailure(message, ExitCode.REFUSED, [remedy]) from None
    with progress_bar(count, "Révocations") as advance:
        revoked = house.year_ends.run(end, installation.schedule_actor(house.database), advance)
    done = f"{french.plural(revoked, 'demande révoquée', 'demandes révoquées')}"
    click.echo(f"Année {held.school_year} : {done}. Les courriels partent avec le service, ou par « oda tick ».")
