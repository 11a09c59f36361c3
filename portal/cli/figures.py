"""``oda figures`` and ``oda activation``: the académie at two dates, on the screen or as a file.

The figures counted from the journal, their tables made anew and verified (R99); the EduConnect accounts activated,
imported and compared (R91, R100).
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.cli.context import CliContext, Day, Departement, FilePath, Year, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode
from portal.cli.output import (
    STANDARD_OUTPUT,
    ExportByCommand,
    ask_confirmation,
    csv_option,
    echo_object,
    emit,
    is_pdf,
    json_object_option,
    json_option,
    output_options,
    printable,
    printable_output_options,
    progress,
    say,
    write_paper,
    write_workbook,
)
from states import french

if TYPE_CHECKING:
    from fractions import Fraction

    from states.school_calendar import SchoolYear
    from workflow.activation.importer import ActivationPlan
    from workflow.activation.rates import ActivationTable
    from workflow.app import App
    from workflow.figures.account import FiguresAccount
    from workflow.figures.tables import FigureTable

_SCHOOL_COLUMNS: Final = {
    "departement": "Département", "school": "Établissement", "key": "Clé", "parents": "Responsables",
    "pupils": "Élèves",
}  # fmt: skip


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
        from portal.cli.year_end import rectorat_only
        from workflow.figures.account import DayToCome, account_of, choose
        from workflow.figures.tables import tables_of

        rectorat_only(actor)
        dates, targets = app.policy.calendar, app.settings.figures.targets
        with app.database.read() as connection:
            try:
                choice = choose(connection, dates, dates.today(app.clock.now()), day=day, before=before, year=year)
            except DayToCome as error:
                raise click.UsageError(str(error)) from None
            # However long the journal takes to count.
            account = account_of(connection, app.figures, dates, choice, targets, most_fresh=None)
        tables = tables_of(account, app.figures.rules)
        if output and is_pdf(output):
            from portal.documents import make_figures

            export = ExportByCommand(app=app, actor=actor, what="figures", criteria={"from": account.before.day})
            write_paper(make_figures(app, account), output, export, force=force)
            return
        if output or as_csv:
            from portal.exports.lists import figures_workbook

            criteria = {"from": account.before.day} if output else {}
            export = ExportByCommand(app=app, actor=actor, what="figures", criteria=criteria)
            write_workbook(figures_workbook(account, tables), output or STANDARD_OUTPUT, export, force=force)
            return
    if as_json:
        dates_compared = {
            "date": account.now.day, "school_year": account.now.school_year, "compared_date": account.before.day,
            "compared_school_year": account.before.school_year,
        }  # fmt: skip
        rows = {table.key: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables}
        echo_object(dates_compared | rows)
    else:
        _show(account, tables)


def _show(account: "FiguresAccount", tables: "tuple[FigureTable, ...]") -> None:
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
    click.echo(f"Les chiffres sont recomptés, pour {french.plural(number, 'établissement')}.")


@figures.command(
    "verify",
    help="Recompte tout le journal et compare : dit chaque jour dont les tables des chiffres ne disent pas la même"
    " chose. N'écrit rien.",
)
@pass_cli_context
def verify(context: CliContext) -> None:
    with opened(context) as (app, actor):
        from portal.cli.year_end import rectorat_only

        rectorat_only(actor)
        with progress(_establishments(app), "Établissements comptés") as advance:
            differences = app.figures.verify(advance)
    from states.validation import departement_name

    if not differences:
        click.echo("Les chiffres disent ce que dit le journal.")
        return
    for difference in differences[:20]:
        place = f"{difference.school_year}, {departement_name(difference.departement)}, {difference.day:%d/%m/%Y}"
        click.echo(printable(f"{place}, {difference.count} : {difference.stored}, le journal dit {difference.counted}"))
    number = french.plural(len(differences), "chiffre diffère", "chiffres diffèrent")
    raise CliFailure(
        f"{number} du journal.", ExitCode.REFUSED, ["Que faire : les refaire avec « oda figures rebuild »."]
    )


def _establishments(app: "App") -> int:
    from sqlalchemy import func, select

    from workflow.database.tables import REQUEST

    with app.database.read() as connection:
        return int(connection.execute(select(func.count(REQUEST.c.uai.distinct()))).scalar_one())


@click.group("activation", cls=CommandGroup, help="Les comptes EduConnect activés : les importer, les comparer.")
def activation() -> None:
    pass


@activation.command(
    "import",
    help="Importe les comptes activés : par établissement ou par département, des nombres de comptes et de comptes"
    " activés (R91, R100). Ce qui a été compris est dit d'abord ; ce qu'une date n'a plus dans le fichier est effacé.",
)
@click.argument(
    "file", metavar="FICHIER", type=FilePath(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="CSV, XLSX, XLS ou ODS.",
)  # fmt: skip
@click.option("--day", type=Day(), metavar="DATE", help="La date des lignes qui n'en ont pas.")
@click.option("--file-is-complete", is_flag=True, help="Le fichier est entier, bien qu'il ait l'air coupé.")
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait importé, sans rien écrire.")
@click.option("--yes", is_flag=True, help="Importe sans poser la question.")
@click.option("--accept-gone", is_flag=True, help="Avec --yes : efface ce que le fichier ne donne plus.")
@pass_cli_context
def import_(
    context: CliContext, /, file: Path, day: date | None, file_is_complete: bool, dry_run: bool, yes: bool,
    accept_gone: bool,
) -> None:  # fmt: skip
    from workflow.spreadsheets.reader import read_table
    from workflow.spreadsheets.workbook import UnusableFile

    with opened(context) as (app, actor):
        from workflow.activation.importer import COLUMNS, KIND, import_activation, plan_import
        from workflow.auth.actors import require_operator

        require_operator(actor, "importer les comptes activés")
        departements, today = app.settings.academie.departements, app.policy.calendar.today(app.clock.now())
        try:
            with file.open("rb") as source:
                table = read_table(source)
            table.refuse_if_cut(is_complete=file_is_complete)
            columns = app.column_choices.recognise(KIND, table, COLUMNS)
            columns.refuse_if_incomplete(advice="désigner les colonnes sur la page « Importer les comptes activés »")
            with app.database.read() as connection:
                plan = plan_import(connection, columns, departements=departements, today=today, default_day=day)
        except UnusableFile as error:
            raise CliFailure("Ce fichier ne peut pas être lu.", ExitCode.BAD_INPUT, [str(error)]) from None
        say(_summary(plan))
        if dry_run or not plan.changes_something:
            say(["À blanc : rien n'est écrit." if plan.changes_something else "Rien à importer, rien n'a changé."])
            return
        if plan.gone and yes and not accept_gone:
            remedy = "Que faire : donner un fichier entier, ou ajouter --accept-gone."
            raise CliFailure("Des relevés disparaîtraient, rien n'est importé.", ExitCode.REFUSED, [remedy])
        if not yes and not ask_confirmation("Importer ?", "--yes"):
            raise CliFailure("Rien n'est importé, rien n'a changé.", ExitCode.REFUSED)
        import_activation(
            app.database, app.hasher, columns, actor, app.clock.now(), departements=departements, today=today,
            default_day=day, digest=table.digest,
        )  # fmt: skip
    say(["L'import est fait."])


def _summary(plan: "ActivationPlan") -> Iterator[str]:
    yield (
        f"{french.plural(len(plan.new), 'nouveau relevé', 'nouveaux relevés')},"
        f" {french.plural(len(plan.changed), 'changé', 'changés')},"
        f" {french.plural(plan.unchanged, 'inchangé', 'inchangés')},"
        f" {french.plural(len(plan.gone), 'disparu', 'disparus')}."
    )
    for gone in plan.gone:
        yield f"  disparu : {gone.place}, le {french.day(gone.counted_on)}"
    if plan.refused:
        yield f"{french.plural(len(plan.refused), 'ligne refusée', 'lignes refusées')} :"
    for refused in plan.refused:
        yield f"  ligne {refused.line}, {refused.written} : {refused.message}"


@activation.command(
    "show",
    help="Les taux par département et pour l'académie, à deux dates : la dernière, et la première de l'année (R100).",
)
@click.option("--from", "first", type=Day(), metavar="DATE", help="La première date.")
@click.option("--to", "last", type=Day(), metavar="DATE", help="La seconde date.")
@printable_output_options
@json_option
@pass_cli_context
def show_rates(
    context: CliContext, /, first: date | None, last: date | None, output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.activation.rates import activation_table, known_days, usual_days
        from workflow.auth.actors import require_rectorat

        require_rectorat(actor, "Ces taux se lisent avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")
        known = known_days(connection)
        for day in (first, last):
            if day is not None and day not in known:
                known_text = ", ".join(each.isoformat() for each in known) or "aucune"
                raise CliFailure(
                    f"Aucun relevé n'est du {french.day(day)}.", ExitCode.BAD_INPUT, [f"Dates connues : {known_text}"]
                )
        usual_first, usual_last = usual_days(known)
        after, before = last or usual_last, first or usual_first
        before = None if before == after else before
        table = activation_table(connection, before, after) if after else None
        if table and output is not None:
            from portal.documents import make_activation
            from portal.exports.lists import activation_workbook

            export = ExportByCommand(app=app, actor=actor, what="activation", criteria={"from": before, "to": after})
            if is_pdf(output):
                write_paper(make_activation(app, table), output, export, force=force)
            else:
                write_workbook(activation_workbook(table), output, export, force=force)
            return
    if table is None:
        say(["Aucun relevé n'est importé : oda activation import FICHIER"])
        return
    _emit_rates(table, as_json=as_json)


def _emit_rates(table: "ActivationTable", *, as_json: bool) -> None:
    from workflow.activation.rates import Measure, percent_text

    def value(percent: "Fraction | None", *, sign: bool = False) -> object:
        if as_json:
            return None if percent is None else float(percent)
        return percent_text(percent, sign=sign)

    columns = {"name": "Département"}
    if table.before:
        columns |= {"pupil_before": f"Élèves au {table.before:%d/%m/%Y}"}
    columns |= {f"{measure}": f"{measure.label.capitalize()} au {table.after:%d/%m/%Y}" for measure in Measure}
    if table.before:
        columns |= {
            "pupil_progress": "Progression des élèves", "parent_before": f"Responsables au {table.before:%d/%m/%Y}",
        }  # fmt: skip
    columns |= {"with_key": "Établissements avec une clé", "establishments": "Ouverts"}
    rows: list[dict[str, object]] = [
        {
            "name": line.name, "departement": line.departement, "with_key": line.with_key,
            "establishments": line.establishments,
            **{f"{measure}": value(line.rate(measure)) for measure in Measure},
            **{f"{measure}_before": value(line.rate(measure, at_first=True)) for measure in Measure},
            **{f"{measure}_progress": value(line.progress(measure), sign=True) for measure in Measure},
        }
        for line in table.all_lines
    ]  # fmt: skip
    emit(rows, columns, as_json)


@activation.command(
    "establishments", help="Où l'aide manque : les établissements sans clé d'abord, puis les taux les plus bas (R100)."
)
@click.option("--departement", default="", type=Departement(), metavar="CODE", help="D'un département : 31, 2A, 974.")
@click.option("--pupils", is_flag=True, help="Selon les comptes des élèves, et non ceux des responsables.")
@output_options
@json_option
@pass_cli_context
def establishments(
    context: CliContext, /, departement: str, pupils: bool, output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.activation.rates import Measure, known_days, percent_text, where_help_is_missing
        from workflow.auth.actors import require_rectorat

        require_rectorat(actor, "Cette liste se lit avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")
        known = known_days(connection)
        measure = Measure.PUPILS if pupils else Measure.PARENTS
        lines = where_help_is_missing(connection, known[0], measure, departement=departement) if known else []
        if output is not None and known:
            from portal.exports.lists import help_workbook

            export = ExportByCommand(
                app=app, actor=actor, what="activation_places", criteria={"departement": departement, "pupils": pupils}
            )
            write_workbook(help_workbook(known[0], lines), output, export, force=force)
            return
    rows: list[dict[str, object]] = [
        {
            "departement": line.departement, "school": f"{line.uai} {line.nom}", "uai": line.uai,
            "key": line.has_key if as_json else ("oui" if line.has_key else "sans clé"),
            "parents": percent_text(line.parents.percent(1) if line.parents else None),
            "pupils": percent_text(line.pupils.percent(1) if line.pupils else None),
        }
        for line in lines
    ]  # fmt: skip
    emit(rows, _SCHOOL_COLUMNS, as_json, "Aucun relevé par établissement n'est importé.", app.settings.zoneinfo)
