"""``oda list``: the list of RUPN and that of delegations, imported, shown, searched (R93)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.files import (
    MOST_BYTES,
    MOST_ROWS,
    ExportByCommand,
    column_option,
    complete_option,
    file_argument,
    one_form,
    output_options,
    write_workbook,
)
from portal.cli.output import emit, json_option, limit_option, printable, rows_as_json, say
from portal.cli.parameters import Day
from states.french import day, listing, plural

if TYPE_CHECKING:
    from workflow.app import App
    from workflow.database.file_tables import ListKind
    from workflow.evidence.importer import ListReport
    from workflow.evidence.parser import ListRow, ReadList, RowRemark
    from workflow.spreadsheets.columns import Columns

KINDS: Final = ("listing", "delegation")

IMPORTS: Final = {
    "kind": "Liste", "list_date": "Date", "imported_at": "Importée le", "who": "Par", "rows": "Lignes",
    "new": "Nouvelles", "changed": "Changées", "gone": "Disparues", "refused": "Refusées",
}  # fmt: skip

ENTRIES: Final = {
    "uai": "UAI", "nom": "Nom", "prenom": "Prénom", "mail": "Adresse", "application": "Application", "ends": "Fin",
    "author": "Délégué par", "recorded_on": "Date",
}  # fmt: skip

LISTED: Final = 20
"""Lines of each part of the text report of an import; the JSON report has them all."""

kind_argument = click.argument(
    "kind", metavar="LISTE", type=click.Choice(KINDS),
    help="listing : la liste des RUPN de la DRANE ; delegation : celle des délégations de DelegCE.",
)  # fmt: skip


@click.group("list", cls=CommandGroup, help="La liste des RUPN et celle des délégations.")
def list_group() -> None:
    pass


@list_group.command(
    "import",
    help="Importe une liste (CSV, XLSX, XLS ou ODS), qui remplace celle en vigueur : ce qui est nouveau, changé,"
    " disparu, refusé. Refaire le même import ne change rien (R93).",
)
@kind_argument
@file_argument
@click.option(
    "--date",
    "list_date",
    metavar="DATE",
    type=Day(),
    help="Le jour où la liste a été tirée. À défaut, celui que disent le nom du fichier ou son début.",
)
@click.option("--dry-run", is_flag=True, help="Montre ce que l'import changerait, sans rien écrire.")
@click.option("--accept-loss", is_flag=True, help="Confirme que beaucoup de lignes ont disparu (R93).")
@click.option("--accept-same-file", is_flag=True, help="Le même fichier a été tiré de nouveau, à une autre date (R93).")
@complete_option
@column_option
@click.option("--json", "as_json", is_flag=True, help="Écrit le compte rendu en JSON, sans rien abréger.")
@pass_cli_context
def import_list(
    context: CliContext,
    kind: str,
    file: Path,
    list_date: date | None,
    dry_run: bool,
    accept_loss: bool,
    accept_same_file: bool,
    file_is_complete: bool,
    columns: Mapping[str, str],
    as_json: bool,
) -> None:
    with opened(context) as (app, actor):
        from portal.cli.errors import refused
        from workflow.auth.actors import require_operator
        from workflow.database.file_tables import ListKind
        from workflow.evidence.columns import choice_kind
        from workflow.evidence.importer import MASSIVE_LOSS, SAME_FILE

        require_operator(actor, "importer une liste")
        list_kind = ListKind.of(kind)
        read, titles, likely = _read(app, list_kind, file, columns, is_complete=file_is_complete)
        accepted = [code for code, yes in ((MASSIVE_LOSS, accept_loss), (SAME_FILE, accept_same_file)) if yes]
        chosen = list_date or likely
        if dry_run:
            report = app.lists.preview(read, chosen)
        else:
            report = app.lists.import_read(read, chosen, actor, accepted=accepted)
            if columns:
                app.column_choices.keep(choice_kind(list_kind), titles)
    if as_json:
        click.echo(f"{rows_as_json([_as_json(report)])}\n".encode(), nl=False)
    else:
        for line in _report_lines(report, dry_run=dry_run, is_likely=list_date is None):
            click.echo(printable(line))
    reasons = [*report.reasons, *(reason for reason in report.doubtful if reason.code not in accepted)]
    if dry_run and reasons:
        raise refused(reasons, "Cet import serait refusé.")


@list_group.command(
    "match",
    help="Compare les demandes à vérifier aux listes en vigueur : ce qui concorde se vérifie, ce qui a disparu se"
    " signale (R94, R95).",
)
@click.option(
    "--apply/--dry-run", "is_applied", help="L'enregistre ; à défaut, dit seulement ce qui se ferait.",
)  # fmt: skip
@pass_cli_context
def match(context: CliContext, is_applied: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator

        require_operator(actor, "comparer les demandes aux listes")
        result = app.list_checks.run() if is_applied else app.list_checks.preview()
    for line in result.sentences(is_foreseen=not is_applied):
        click.echo(printable(line))
    if not result.checks.kinds:
        say(["Aucune liste à comparer, ou aucune demande à vérifier : « oda list status »."])
    elif not is_applied:
        say(["Rien n'est enregistré. Pour le faire : oda list match --apply"])


@list_group.command("status", help="Les listes en vigueur, leur date, et les imports d'avant.")
@click.option("--all", "everything", is_flag=True, help="Tous les imports, au lieu du dernier de chaque liste.")
@json_option
@pass_cli_context
def status(context: CliContext, everything: bool, as_json: bool) -> None:
    with opened(context) as (app, _):
        from workflow.database.file_tables import ListKind

        imports = [one for kind in ListKind for one in app.lists.imports(kind, limit=1000 if everything else 1)]
        zone = app.settings.zoneinfo
    empty = "Aucune liste n'a encore été importée : « oda list import listing FICHIER »."
    emit([asdict(one) for one in imports], IMPORTS, as_json, empty, zone)


@list_group.command("show", help="Les lignes d'une liste en vigueur, par UAI.")
@kind_argument
@click.option("--search", metavar="MOTS", default="", help="Celles qui ont cet UAI, ces noms, ou cette adresse.")
@limit_option
@click.option("--after", metavar="PLACE", default="", help="Celles qui suivent : la page suivante.")
@json_option
@output_options
@pass_cli_context
def show_list(
    context: CliContext,
    kind: str,
    search: str,
    limit: int,
    after: str,
    as_json: bool,
    output: Path | None,
    force: bool,
) -> None:
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor):
        from workflow.database.file_tables import ListKind
        from workflow.evidence.lists import MOST_EXPORTED, place_of_entry

        if output:
            from portal.exports.lists import list_workbook

            entries = app.lists.search(ListKind.of(kind), search, limit=MOST_EXPORTED)
            export = ExportByCommand(app=app, actor=actor, what=kind, criteria={"search": search})
            write_workbook(list_workbook(ListKind.of(kind), entries), output, export, force=force)
            return
        entries = app.lists.search(ListKind.of(kind), search, limit=limit + 1, after=after)
    emit([asdict(entry) for entry in entries[:limit]], ENTRIES, as_json, "Aucune ligne ne correspond.")
    if len(entries) > limit:
        say([f"La suite : ajouter --after {place_of_entry(entries[limit - 1])}"])


def _read(
    app: "App", kind: "ListKind", file: Path, columns: Mapping[str, str], *, is_complete: bool
) -> "tuple[ReadList, Columns, date | None]":
    """The table of a file, its columns, and the date that it seems to have. Raises UnusableFile."""
    from workflow.evidence.columns import choice_kind, columns_of
    from workflow.evidence.parser import likely_date, read_list, with_titles
    from workflow.spreadsheets.reader import read_table

    with file.open("rb") as source:
        table = with_titles(kind, read_table(source, most_bytes=MOST_BYTES, most_rows=MOST_ROWS))
    titles = app.column_choices.recognise(choice_kind(kind), table, columns_of(kind, table), named=columns)
    read = read_list(kind, table, titles, is_complete=is_complete)
    return read, titles, likely_date(table, titles, file.name, app.lists.today)


def _as_json(report: "ListReport") -> dict[str, object]:
    """The report with its rows whole; a refusal by its code, its rule and its words."""
    values = asdict(report)
    return values | {"changes_something": report.changes_something}


def _report_lines(report: "ListReport", *, dry_run: bool, is_likely: bool) -> Iterator[str]:
    """Yield the report of an import in French, line by line."""
    counts = listing(
        [
            plural(len(report.new), "nouvelle"), plural(len(report.changed), "changée"),
            plural(len(report.gone), "disparue"), plural(report.unchanged, "inchangée"),
            plural(len(report.refused), "refusée"),
        ]
    )  # fmt: skip
    if not report.changes_something:
        yield f"Rien n'a changé, cette liste est déjà en vigueur : {counts}."
    else:
        begins = "À blanc, rien n'est écrit. L'import donnerait" if dry_run else "Liste importée"
        yield f"{begins} : {counts}."
    if report.list_date:
        yield f"Date de la liste : {day(report.list_date)}{', lue dans le fichier ou son nom' if is_likely else ''}."
    left = (
        (len(report.outside), "hors de l'annuaire", "hors de l'annuaire"), (report.repeated, "répétée", "répétées"),
        (report.silent, "sans délégation", "sans délégation"),
    )  # fmt: skip
    if said := [f"{plural(count, 'ligne')} {one if count < 2 else several}" for count, one, several in left if count]:
        yield f"Laissées de côté : {listing(said)}."
    yield from report.compared
    yield from _section("Refusées", _remarks(report.refused))
    yield from _section("Disparues", [_person(row) for row in report.gone])
    yield from _section("Changées", [_person(pair.after) for pair in report.changed])
    yield from _section("Nouvelles", [_person(row) for row in report.new])
    yield from _section("Hors de l'annuaire", _remarks(report.outside))


def _person(row: "ListRow") -> str:
    return "  ".join(part for part in (row.uai, f"{row.nom} {row.prenom}".strip(), row.mail) if part)


def _remarks(remarks: "Sequence[RowRemark]") -> list[str]:
    return [f"ligne {remark.line} : {remark.message}" for remark in remarks]


def _section(title: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"{title} ({len(items)}) :"
    yield from (f"  {item}" for item in items[:LISTED])
    if len(items) > LISTED:
        yield f"  … et {plural(len(items) - LISTED, 'autre')} (--json les donne toutes)"
