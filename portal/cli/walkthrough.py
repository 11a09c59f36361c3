"""``oda walkthrough``: the life of one request, told in the terminal on an installation made for the occasion."""

from pathlib import Path

import click

from portal.cli.french import FilePath, FrenchCommand


@click.command(
    "walkthrough",
    cls=FrenchCommand,
    help="Montre la vie d'une demande, de la déclaration au retrait des droits : une vraie installation dans un dossier"
    " provisoire, des courriels réellement envoyés, mais à cette seule machine. Rien n'est installé.",
)
@click.option(
    "--keep",
    type=FilePath(file_okay=False, path_type=Path),
    metavar="DOSSIER",
    help="Garde l'installation dans ce dossier neuf, pour l'explorer ensuite.",
)
@click.option("--fast", is_flag=True, help="Sans pause entre les étapes.")
def walkthrough(keep: Path | None, fast: bool) -> None:
    import sys

    from portal.walkthrough.play import play

    play(keep, sys.stdout, fast=fast)
