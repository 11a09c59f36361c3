"""``oda import``: the open directory brought in, with a report of all that it changes (R66, R67)."""

from pathlib import Path

import click

from portal.cli.context import App, pass_app
from portal.cli.french import FilePath, FrenchGroup
from portal.cli.opening import opened


@click.group("import", cls=FrenchGroup, help="Importe l'annuaire des établissements.")
def import_group() -> None:
    pass


@import_group.command(
    "establishments",
    help="Importe l'annuaire ouvert (fr-en-annuaire-education, CSV en UTF-8) : ce qui est nouveau, changé, disparu,"
    " refusé. Le refaire ne change rien. Un établissement absent du fichier est fermé.",
)
@click.argument(
    "file",
    metavar="FICHIER",
    type=FilePath(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="Le fichier CSV.",
)
@click.option("--dry-run", is_flag=True, help="Montre ce que l'import changerait, sans rien écrire.")
@click.option("--accept-loss", is_flag=True, help="Confirme une disparition massive d'établissements (R67).")
@click.option("--json", "as_json", is_flag=True, help="Écrit le compte rendu en JSON, sans rien abréger.")
@pass_app
def establishments(app: App, file: Path, dry_run: bool, accept_loss: bool, as_json: bool) -> None:
    from portal.cli.exits import refused
    from portal.cli.import_report import write
    from workflow.directory.refusals import massive_loss

    with opened(app) as (house, actor), file.open("rb") as source:
        imported = house.directory.import_file(source, actor, dry_run=dry_run, accept_loss=accept_loss)
    write(imported, as_json)
    if imported.is_dry_run and imported.loss.is_massive and not accept_loss:
        raise refused([massive_loss(imported.loss)], "Cet import serait refusé.")
