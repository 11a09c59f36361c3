"""``oda demo``: run the portal on invented establishments, in a browser, until Ctrl-C."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from portal.cli.errors import CliFailure, ExitCode
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
@click.option(
    "--check",
    is_flag=True,
    help="N'ouvre rien : joue ce mois de septembre et une fin d'année, compte, et sort en 0 si tout est juste, en 1"
    " sinon.",
)
def demo(keep: Path | None, port: int | None, no_browser: bool, check: bool) -> None:
    import webbrowser

    from portal.cli.service import log_to_stderr, open_socket
    from portal.demo.runtime import HOST, run_demo

    log_to_stderr()
    if check:
        if port is not None or no_browser:
            raise click.UsageError("--check n'ouvre rien : ni --port ni --no-browser n'y servent.")
        from portal.demo.check import check_demo
        from portal.demo.runtime import workplace

        with workplace(keep) as folder, _season_progress() as progress:
            wrong_figures = check_demo(folder, click.echo, progress)
        if wrong_figures:
            details = [f"{figure}." for figure in wrong_figures]
            raise CliFailure("La démonstration ne donne pas ce qu'elle doit.", ExitCode.REFUSED, details)
        click.echo("Tout est juste.")
        return
    if port is not None:
        open_socket(HOST, port).close()  # refuses a port that is taken before anything is made
    with _season_progress() as progress:
        run_demo(keep, port, click.echo, (lambda _: None) if no_browser else webbrowser.open, progress)


@contextmanager
def _season_progress() -> Iterator[Callable[[int], None]]:
    """Show how many days of the season are played: a bar on a terminal until the last, else a line every ten days."""
    from portal.cli.output import progress
    from portal.demo.scenario import SEASON_DAYS

    played = 0
    with ExitStack() as stack:
        advance = stack.enter_context(progress(SEASON_DAYS, "Jours joués"))

        def show(days: int) -> None:
            nonlocal played
            played += days
            advance(days)
            if played == SEASON_DAYS:
                stack.close()
            if not sys.stderr.isatty() and (played % 10 == 0 or played == SEASON_DAYS):
                click.echo(f"  {played} jours joués sur {SEASON_DAYS}")

        yield show
