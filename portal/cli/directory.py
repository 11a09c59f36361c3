"""``oda establishment`` and ``oda import``: the directory, read, imported, its mailboxes set (R11 to R15, R66, R67)."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, Departement, Uai, opened, pass_cli_context
from portal.cli.errors import CommandGroup
from portal.cli.output import (
    STANDARD_OUTPUT,
    ExportByCommand,
    cell,
    column_option,
    complete_option,
    csv_option,
    emit,
    file_argument,
    json_object_option,
    json_option,
    limit_option,
    one_form,
    output_options,
    printable,
    rows_as_json,
    say,
    write_workbook,
)
from portal.texts import DIRECTORY_COLUMNS
from states.french import instant, plural

if TYPE_CHECKING:
    from workflow.directory.importer import ImportReport
    from workflow.directory.parser import Remark

LIST = {
    "uai": "UAI", "nom": "Nom", "commune": "Commune", "departement": "Dép.", "mailbox": "Boîte", "is_open": "Ouvert",
    "live_requests": "En cours",
}  # fmt: skip

SHOW = {
    "uai": "UAI", "nom": "Nom", "kind": "Type", "commune": "Commune", "departement": "Département",
    "is_open": "Ouvert", "is_listed": "Dans l'annuaire", "mailbox": "Boîte",
    "directory_mailbox": "Boîte de l'annuaire", "set_mailbox": "Boîte fixée par un opérateur",
    "telephone": "Téléphone", "departement_name": "Nom du département", "nature": "Nature",
    "chef_civility": "Civilité du chef",
}  # fmt: skip

REQUESTS = {
    "reference": "Référence", "school_year": "Année", "nom": "Nom", "prenom": "Prénom", "state": "État",
    "changed_at": "Depuis",
}  # fmt: skip

LISTED = 20
"""Lines of each list in the text report of an import; the JSON report has them all."""


@click.group("establishment", cls=CommandGroup, help="Les établissements et leur boîte.")
def establishment() -> None:
    pass


@establishment.command("list", help="Les établissements ouverts, par UAI.")
@click.option("--departement", metavar="CODE", type=Departement(), help="Ceux d'un département : 31, 2A, 974.")
@click.option("--closed", is_flag=True, help="Les fermés, au lieu des ouverts.")
@click.option("--all", "everything", is_flag=True, help="Les ouverts et les fermés.")
@click.option("--without-mailbox", is_flag=True, help="Ceux qui n'ont pas de boîte (R13).")
@click.option("--search", metavar="MOTS", default="", help="Ceux dont le nom, la commune ou l'UAI a ces mots.")
@limit_option
@click.option("--after", metavar="UAI", type=Uai(), default="", help="Ceux qui suivent cet UAI : la page suivante.")
@json_option
@csv_option
@output_options
@pass_cli_context
def list_directory(
    context: CliContext,
    departement: str | None,
    closed: bool,
    everything: bool,
    without_mailbox: bool,
    search: str,
    limit: int,
    after: str,
    as_json: bool,
    as_csv: bool,
    output: Path | None,
    force: bool,
) -> None:
    if closed and everything:
        raise click.UsageError("--closed et --all ne vont pas ensemble.")
    one_form(as_json=as_json, as_csv=as_csv, output=output)
    with opened(context) as (app, actor):
        from workflow.directory.service import MOST_EXPORTED, EstablishmentFilters

        is_open = None if everything else not closed
        criteria = EstablishmentFilters(
            departement=departement, is_open=is_open, without_mailbox=without_mailbox, text=search
        )
        if output or as_csv:
            from portal.exports.lists import establishments_workbook

            chosen = {"departement": departement, "search": search, "closed": closed, "all": everything}
            export = ExportByCommand(app=app, actor=actor, what="establishments", criteria=chosen)
        if output:
            places = app.directory.establishments(actor, criteria, limit=MOST_EXPORTED)
            write_workbook(establishments_workbook(places), output, export, force=force)
            return
        rows = app.directory.establishments(actor, criteria, limit=limit + 1, after=after)
        if as_csv:
            write_workbook(establishments_workbook(rows[:limit]), STANDARD_OUTPUT, export, force=False)
    if not as_csv:
        emit([asdict(row) for row in rows[:limit]], LIST, as_json, "Aucun établissement ne correspond.")
    if len(rows) > limit:
        say([f"La suite : ajouter --after {rows[limit - 1].uai}"])


@establishment.command("show", help="Un établissement, sa boîte et ses demandes.")
@click.argument("uai", type=Uai(), metavar="UAI", help="L'UAI de l'établissement.")
@json_object_option
@pass_cli_context
def show_establishment(context: CliContext, uai: str, as_json: bool) -> None:
    with opened(context) as (app, actor):
        detail, requests = app.directory.establishment(actor, uai)
    rows = [asdict(request) for request in requests]
    values = asdict(detail)
    if as_json:
        emit([values | {"requests": rows}], SHOW, as_json)
        return
    for key, heading in SHOW.items():
        click.echo(f"{heading} : {cell(values[key]) or '—'}")
    click.echo()
    emit(rows, REQUESTS, as_json, "Aucune demande.", app.settings.zoneinfo)


@establishment.command(
    "set-mailbox",
    help="Fixe la boîte d'un établissement, que les imports ne changeront plus (R14) ; --clear rend celle de"
    " l'annuaire. Qui est connecté au portail par l'ancienne boîte ne l'est plus (R73).",
)
@click.argument("uai", type=Uai(), metavar="UAI", help="L'UAI de l'établissement.")
@click.argument("address", metavar="[ADRESSE]", required=False, help="L'adresse de la boîte.")
@click.option("--why", required=True, metavar="TEXTE", help="Pourquoi, en une phrase, sans nommer personne.")
@click.option("--mail-confirmed", is_flag=True, help="C'est bien sa boîte, bien que d'un autre domaine (R14).")
@click.option("--clear", is_flag=True, help="Rend à l'établissement la boîte que donne l'annuaire.")
@pass_cli_context
def set_mailbox(
    context: CliContext, uai: str, address: str | None, why: str, clear: bool, mail_confirmed: bool
) -> None:
    if clear == (address is not None):
        raise click.UsageError("Donner une adresse, ou --clear.")
    with opened(context) as (app, actor):
        change = app.directory.set_mailbox(uai, address, why, actor, confirmed=mail_confirmed)
        zone = app.settings.zoneinfo
    before, after = change.before or "(aucune)", change.after or "(aucune)"
    outcome = f"{before} → {after}" if change.is_done else f"{after} ; c'était déjà le cas, rien n'a changé"
    click.echo(printable(f"Boîte de {change.uai} ({change.nom}) : {outcome}."))
    if change.undelivered:
        mails = plural(change.undelivered, "courriel")
        verb, pronoun = ("n'avaient", "les") if change.undelivered > 1 else ("n'avait", "le")
        click.echo(f"{mails} {verb} pas pu partir : {pronoun} renvoyer avec « oda mail retry --uai {change.uai} ».")
    if change.codes_from:
        click.echo(
            f"Aucun code n'y part avant le {instant(change.codes_from, zone)}, sauf si un autre opérateur la confirme :"
            f" « oda establishment confirm-mailbox {change.uai} »."
        )


@establishment.command(
    "confirm-mailbox",
    help="Confirme la boîte qu'un autre opérateur a fixée : les codes y partent aussitôt (R14).",
)
@click.argument("uai", type=Uai(), metavar="UAI", help="L'UAI de l'établissement.")
@pass_cli_context
def confirm_mailbox_of(context: CliContext, uai: str) -> None:
    with opened(context) as (app, actor):
        is_done = app.directory.confirm_mailbox(uai, actor)
    click.echo(f"Boîte de {uai} : {'confirmée' if is_done else 'rien à confirmer'}.")


@establishment.command(
    "new-chef",
    help="Dit qu'un nouveau chef d'établissement est là (R37) : ce qui ouvrait le portail au précédent prend fin, et le"
    " nouveau n'a plus à le dire en se connectant. La délégation est à vérifier de nouveau dès qu'il agit.",
)
@click.argument("uai", type=Uai(), metavar="UAI", help="L'UAI de l'établissement.")
@click.option("--name", required=True, metavar="NOM", help="Ses prénom et nom.")
@pass_cli_context
def name_new_chef(context: CliContext, uai: str, name: str) -> None:
    with opened(context) as (app, actor):
        change = app.directory.name_new_chef(uai, name, actor)
    before = change.before or "(inconnu)"
    outcome = f"{before} → {change.after}" if change.is_done else f"{before} ; c'était déjà le cas, rien n'a changé"
    click.echo(printable(f"Chef d'établissement de {change.uai} ({change.nom}) : {outcome}."))


@click.group("import", cls=CommandGroup, help="Importe l'annuaire des établissements.")
def import_group() -> None:
    pass


@import_group.command(
    "establishments",
    help="Importe l'annuaire ouvert (fr-en-annuaire-education, en CSV, XLSX, XLS ou ODS) : ce qui est nouveau, changé,"
    " disparu, refusé. Le refaire ne change rien. Un établissement absent du fichier est fermé.",
)
@file_argument
@click.option("--dry-run", is_flag=True, help="Montre ce que l'import changerait, sans rien écrire.")
@click.option("--accept-loss", is_flag=True, help="Confirme une disparition massive d'établissements (R67).")
@complete_option
@column_option
@click.option("--json", "as_json", is_flag=True, help="Écrit le compte rendu en JSON, sans rien abréger.")
@pass_cli_context
def establishments(
    context: CliContext,
    file: Path,
    dry_run: bool,
    accept_loss: bool,
    file_is_complete: bool,
    columns: dict[str, str],
    as_json: bool,
) -> None:
    with opened(context) as (app, actor), file.open("rb") as source:
        from portal.cli.errors import refused
        from workflow.directory.importer import massive_loss

        imported = app.directory.import_file(
            source, actor, dry_run=dry_run, accept_loss=accept_loss, file_is_complete=file_is_complete, choice=columns
        )
    if as_json:
        report = asdict(imported)
        report["loss"] |= {"total": imported.loss.total, "is_massive": imported.loss.is_massive}
        click.echo(f"{rows_as_json([report])}\n".encode(), nl=False)
    else:
        for line in _report_lines(imported):
            click.echo(printable(line))
    if imported.is_dry_run and imported.loss.is_massive and not accept_loss:
        raise refused([massive_loss(imported.loss)], "Cet import serait refusé.")


def _report_lines(imported: "ImportReport") -> Iterator[str]:
    """Yield the report of an import in French, line by line."""
    counts = ", ".join(
        (
            plural(len(imported.new), "nouveau", "nouveaux"),
            plural(len(imported.changed), "changé"),
            plural(len(imported.gone), "disparu"),
            plural(imported.unchanged, "inchangé"),
        )
    )
    if imported.is_dry_run:
        yield f"À blanc, rien n'est écrit. L'import donnerait : {counts}."
    else:
        yield f"Annuaire importé : {counts}." if imported.changes_something else f"Rien n'a changé : {counts}."
    yield (
        f"Lignes lues : {imported.rows} (hors académie : {imported.outside_academie}, hors périmètre :"
        f" {imported.outside_scope}, répétées : {imported.repeated}, en désaccord : {imported.differing},"
        f" refusées : {len(imported.refused)})."
    )
    if imported.without_mailbox:
        yield f"{plural(imported.without_mailbox, 'établissement ouvert', 'établissements ouverts')} sans boîte."
    if imported.chosen_mailboxes:
        chosen = plural(imported.chosen_mailboxes, "boîte nouvelle ne porte", "boîtes nouvelles ne portent")
        yield (
            f"{chosen} pas l'UAI de l'établissement dans le domaine de l'académie : ce choix est compté comme celui de"
            " qui importe, et aucun code n'y part avant l'accord d'un autre opérateur, ou un délai (R120)."
        )
    yield from _section("Nouveaux", [f"{e.uai}  {e.nom}" for e in imported.new])
    changed_lines = []
    for establishment in imported.changed:
        changes = " ; ".join(
            f"{DIRECTORY_COLUMNS[change.column]} : {cell(change.before) or '(vide)'} → {cell(change.after) or '(vide)'}"
            for change in establishment.changes
        )
        changed_lines.append(f"{establishment.uai}  {establishment.nom} — {changes}")
    yield from _section("Changés", changed_lines)
    yield from _section("Disparus de l'annuaire, donc fermés", [f"{e.uai}  {e.nom}" for e in imported.gone])
    yield from _section("Refusés", _remarks(imported.refused))
    yield from _section("Avertissements", _remarks(imported.warnings))
    live = [f"{request.reference}  {request.uai}" for request in imported.stranded]
    yield from _section("Demandes en cours d'établissements fermés, à traiter", live)


def _remarks(remarks: "Iterable[Remark]") -> list[str]:
    return [f"ligne {remark.line}  {remark.uai} : {remark.message}" for remark in remarks]


def _section(title: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"{title} ({len(items)}) :"
    yield from (f"  {item}" for item in items[:LISTED])
    if len(items) > LISTED:
        yield f"  … et {plural(len(items) - LISTED, 'autre')} (--json les donne tous)"


_SAME_COMMAND = copy(establishments)
_SAME_COMMAND.hidden = True
import_group.add_command(_SAME_COMMAND, "directory")
