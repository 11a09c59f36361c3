"""``oda demo``: the portal on invented establishments, in a browser, until Ctrl-C."""

from pathlib import Path

import click

from portal.cli.parameters import FilePath


@click.command(
    "demo",
    help="Ouvre le portail sur 48 établissements inventés et un mois de septembre de demandes : être un chef"
    " d'établissement, un opérateur ou un lecteur, lire les courriels partis, avancer jusqu'à la fin de l'année. Tout"
    " se passe sur cette machine, dans un dossier provisoire ; Ctrl-C y met fin.",
)
@click.option(
    "--keep",
    type=FilePath(file_okay=False, path_type=Path),
    metavar="DOSSIER",
    help="Garde l'installation dans ce dossier neuf.",
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Le port, à défaut 8000 s'il est libre.")
@click.option("--no-browser", is_flag=True, help="N'ouvre pas le navigateur : l'adresse est affichée.")
def demo(keep: Path | None, port: int | None, no_browser: bool) -> None:
    import webbrowser

    from portal.cli import service as logs
    from portal.cli.service import listening
    from portal.demo.runtime import HOST, perform

    logs.to_stderr()
    if port is not None:
        listening(HOST, port).close()  # a port that is taken is refused before anything is made
    perform(keep, port, click.echo, (lambda _: None) if no_browser else webbrowser.open)
