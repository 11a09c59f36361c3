"""``oda figures``: the figures of the académie at two dates; their tables made anew and verified (R99)."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.files import (
    STANDARD_OUTPUT,
    ExportByCommand,
    is_pdf,
    printable_output_options,
    write_paper,
    write_workbook,
)
from portal.cli.output import csv_option, echo_object, json_object_option, progress
from portal.cli.parameters import Day, Year

if TYPE_CHECKING:
    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.figures.account import FiguresAccount
    from workflow.figures.tables import FigureTable


@click.group(
    "figures", cls=CommandGroup, invoke_without_command=True,
    help="Les chiffres de l'académie et de ses départements au soir de deux jours, comptés d'après le journal (R99)."
    " Réservé aux opérateurs et aux lecteurs.",
)  # fmt: skip
@click.option("--date", "day", type=Day(), metavar="JOUR", help="Au soir de ce jour ; sinon aujourd'hui.")
@click.option(
    "--compare", "before", type=Day(), metavar="JOUR",
    help="À comparer au soir de ce jour ; sinon le même jour l'an passé, ou l'ouverture de la campagne.",
)  # fmt: skip
@click.option(
    "--year", type=Year(), metavar="ANNÉE",
    help="Les demandes de cette année scolaire ; sinon celle qui court à chaque date.",
)  # fmt: skip
@printable_output_options
@csv_option
@json_object_option
@pass_cli_context
@click.pass_context
def figures(
    ctx: click.Context, context: CliContext, day: date | None, before: date | None, year: "SchoolYear | None",
    output: Path | None, force: bool, as_csv: bool, as_json: bool,
) -> None:  # fmt: skip
    if ctx.invoked_subcommand is not None:
        return
    with opened(context) as (app, actor):
        from portal.cli.year_end_report import rectorat_only
        from workflow.figures.tables import tables_of

        rectorat_only(actor)
        account = _load(app, day, before, year)
        tables = tables_of(account, app.figures.rules)
        if output:
            _write(app, actor, account, tables, output, force=force)
            return
        if as_csv:
            from portal.exports.lists import figures_workbook

            export = ExportByCommand(app=app, actor=actor, what="figures")
            write_workbook(figures_workbook(account, tables), STANDARD_OUTPUT, export, force=False)
            return
    if as_json:
        echo_object(_json(account, tables))
    else:
        _show(account, tables)


def _load(app: "App", day: date | None, before: date | None, year: "SchoolYear | None") -> "FiguresAccount":
    """The figures that are asked for, however long the journal takes to count."""
    from workflow.figures.account import DayToCome, account_of, choose

    calendar, today = app.policy.calendar, app.policy.calendar.today(app.clock.now())
    with app.database.read() as connection:
        try:
            choice = choose(connection, calendar, today, day=day, before=before, year=year)
        except DayToCome as error:
            raise click.UsageError(str(error)) from None
        return account_of(connection, app.figures, calendar, choice, app.settings.figures.targets, most_fresh=None)


def _show(account: "FiguresAccount", tables: "tuple[FigureTable, ...]") -> None:
    from portal.cli.output import emit, printable
    from workflow.figures.tables import nothing_declared, shown, warnings_of

    for figures_at in (account.now, account.before):
        if figures_at.is_empty:
            click.echo(printable(nothing_declared(figures_at)))
    for warning in warnings_of(account):
        click.echo(printable(f"Vigilance : {warning.sentence}"))
    for table in tables:
        if not table.rows:
            continue
        click.echo()
        click.secho(printable(table.title), bold=True)
        rows = [dict(zip(table.columns, map(shown, row), strict=True)) for row in table.rows]
        emit(rows, table.columns, as_json=False)


def _json(account: "FiguresAccount", tables: "tuple[FigureTable, ...]") -> dict[str, object]:
    return {
        "date": account.now.day, "school_year": account.now.school_year, "compared_date": account.before.day,
        "compared_school_year": account.before.school_year,
    } | {table.key: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables}  # fmt: skip


def _write(
    app: "App", actor: "Actor", account: "FiguresAccount", tables: "tuple[FigureTable, ...]", output: Path, *,
    force: bool,
) -> None:  # fmt: skip
    from portal.documents import make_figures
    from portal.exports.lists import figures_workbook

    export = ExportByCommand(app=app, actor=actor, what="figures", criteria={"from": account.before.day})
    if is_pdf(output):
        write_paper(make_figures(app, account), output, export, force=force)
    else:
        write_workbook(figures_workbook(account, tables), output, export, force=force)


@figures.command(
    "rebuild",
    help="Recompte tout le journal : les tables des chiffres en sont refaites. L'échéancier le fait de lui-même quand"
    " il le faut ; rien n'attend pendant ce temps.",
)
@pass_cli_context
def rebuild(context: CliContext) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator

        require_operator(actor, "recompter les chiffres")
        with progress(_establishments(app), "Établissements comptés") as advance:
            number = app.figures.rebuild(advance)
    from states import french

    click.echo(f"Les chiffres sont recomptés, pour {french.plural(number, 'établissement')}.")


@figures.command(
    "verify",
    help="Recompte tout le journal et compare : dit chaque jour dont les tables des chiffres ne disent pas la même"
    " chose. N'écrit rien.",
)
@pass_cli_context
def verify(context: CliContext) -> None:
    with opened(context) as (app, actor):
        from portal.cli.year_end_report import rectorat_only

        rectorat_only(actor)
        with progress(_establishments(app), "Établissements comptés") as advance:
            differences = app.figures.verify(advance)
    from portal.cli.output import printable
    from states import french
    from states.departements import departement_name

    if not differences:
        click.echo("Les chiffres disent ce que dit le journal.")
        return
    for found in differences[:20]:
        place = f"{found.school_year}, {departement_name(found.departement)}, {found.day:%d/%m/%Y}"
        click.echo(printable(f"{place}, {found.count} : {found.stored}, le journal dit {found.counted}"))
    number = french.plural(len(differences), "chiffre diffère", "chiffres diffèrent")
    raise CliFailure(
        f"{number} du journal.", ExitCode.REFUSED, ["Que faire : les refaire avec « oda figures rebuild »."]
    )


def _establishments(app: "App") -> int:
    from sqlalchemy import func, select

    from workflow.database.tables import REQUEST

    with app.database.read() as connection:
        return int(connection.execute(select(func.count(REQUEST.c.uai.distinct()))).scalar_one())
