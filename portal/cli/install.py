"""``oda init``, ``deploy`` and ``demo``: an installation made, put in place, or shown on invented establishments.

An installation that was begun is completed, and a piece that exists is never touched. The files that put the service
in place (units, proxies, container) are those that came with it. The demonstration runs in a browser until Ctrl-C.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from portal.cli.context import FilePath, create_database_file, database_of
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, writing
from portal.cli.output import printable, progress, say

if TYPE_CHECKING:
    from workflow.settings.model import Settings

_ELSEWHERE = "y faire de la place, ou choisir un dossier où ce compte écrit"
_PACKAGED: Final = Path(__file__).resolve().parents[1] / "deploy"
_CHECKOUT: Final = Path(__file__).resolve().parents[2] / "deploy"


@click.command(
    "init",
    help="Prépare une installation dans un dossier : réglages commentés, clés, base de données. Dans une installation"
    " commencée, complète ce qui manque et n'écrase rien.",
)
@click.argument("folder", metavar="DOSSIER", type=FilePath(file_okay=False, path_type=Path), help="Le dossier.")
def init(folder: Path) -> None:
    installer = Installer(folder.expanduser().absolute(), os.environ)
    pieces = installer.complete()
    if not pieces:
        message = f"{installer.folder} a déjà une installation complète : rien n'a été touché."
        remedy = f"Que faire : la vérifier avec « oda --config {installer.config} check-config »."
        raise CliFailure(message, ExitCode.REFUSED, [remedy])
    for warning in installer.warnings:
        say([f"Attention : {warning}"])
    config, command = installer.config, f"oda --config {installer.config}"
    for line in (
        f"Installation prête dans {installer.folder}. Fait :",
        *(f"  — {piece}" for piece in pieces),
        "",
        "Ensuite :",
        f"  1. Relire {config} (opérateurs, boîtes, relais de courriel, dates), puis : {command} check-config",
        f"  2. Importer l'annuaire : {command} --as operator:ADRESSE import establishments FICHIER.csv",
        f"  3. Lancer le service : {command} serve (le portail, les courriels et l'échéancier)",
    ):
        click.echo(printable(line))


class Installer:
    """Completes the installation of one folder. ``warnings`` are French sentences, filled by ``complete``."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        from workflow.settings.loader import DEFAULT_NAME

        self.folder = folder
        self.config = folder / DEFAULT_NAME
        self.warnings: list[str] = []
        self._environ = environ

    def complete(self) -> list[str]:
        """Make the missing pieces and return them in French; an empty list when the installation was complete.

        Raises CliFailure when the folder cannot be written or the key of an existing journal is lost, SettingsError,
        and the errors of ``database_of``.
        """
        from notifications.ports import SystemClock
        from workflow.app import install
        from workflow.journal.chain import JournalHasher
        from workflow.settings.loader import load_settings
        from workflow.settings.model import SCHEMA_NAME, schema_text, starter_text
        from workflow.settings.secrets import JOURNAL_KEY, Secrets

        pieces = []
        with writing(self.folder, _ELSEWHERE):
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            if _write_if_missing(self.config, starter_text()):
                pieces.append(f"{self.config} : les réglages, commentés")
            if _write_if_missing(self.folder / SCHEMA_NAME, schema_text()):
                pieces.append(f"{self.folder / SCHEMA_NAME} : leur schéma, pour un éditeur de texte")
        settings = load_settings(self.config, self._environ)
        file = settings.database.sqlite_file(settings.folder)
        is_installed, has_seals = _look_into(settings) if file is None or file.exists() else (False, False)
        pieces += self._missing_keys(settings, is_installed=is_installed, has_seals=has_seals)
        if not is_installed:
            if file:
                create_database_file(file)
            key = Secrets(settings.secrets_directory, self._environ).read(JOURNAL_KEY).get_secret_value()
            with database_of(settings) as database:
                _, version = install(database, JournalHasher(key.encode()), SystemClock())
            pieces.append(f"{settings.database_url} : la base de données, version {version}")
        return pieces

    def _missing_keys(self, settings: "Settings", *, is_installed: bool, has_seals: bool) -> list[str]:
        from workflow.settings.secrets import JOURNAL_KEY, SEAL_KEY, SIGNING_KEY, Secrets, generate

        directory = settings.secrets_directory
        secrets = Secrets(directory, self._environ)
        missing = [name for name in (JOURNAL_KEY, SEAL_KEY, SIGNING_KEY) if secrets.find(name) is None]
        if is_installed and JOURNAL_KEY in missing:
            message = "Cette base existe déjà, et sa clé du journal manque : une clé nouvelle ne serait pas la sienne."
            path = directory / JOURNAL_KEY
            remedy = f"Que faire : remettre le fichier {path} d'origine, depuis la sauvegarde des secrets."
            raise CliFailure(message, ExitCode.SETTINGS, [remedy])
        if is_installed and has_seals and SIGNING_KEY in missing:
            message = "Des sceaux sont déjà signés, et leur clé manque : une clé nouvelle en romprait la suite."
            remedy = (
                f"Que faire : remettre le fichier {directory / SIGNING_KEY} d'origine ; s'il est perdu,"
                " « oda secrets new-signing-key --lost »."
            )
            raise CliFailure(message, ExitCode.SETTINGS, [remedy])
        if is_installed and SEAL_KEY in missing:
            self.warnings.append(
                "la clé des codes manquait, une nouvelle a été faite : les codes qui attendaient sous l'ancienne sont à"
                f" réémettre, sauf à remettre l'ancien fichier {directory / SEAL_KEY}"
            )
        if not missing:
            return []
        with writing(directory, _ELSEWHERE):
            return [f"{path} : une clé, à sauvegarder à part de la base" for path in generate(directory)]


def _look_into(settings: "Settings") -> tuple[bool, bool]:
    """Tell an installation, and one that has seals. Raises SchemaBehind or SchemaAhead for another version."""
    from workflow.database import schema
    from workflow.database.journal_tables import INSTALLED, JOURNAL_SEAL

    with database_of(settings) as database, database.read() as connection:
        if schema.version(connection) is None:
            return False, False
        schema.require_current(connection)
        is_installed = connection.execute(INSTALLED.select()).first() is not None
        return is_installed, connection.execute(JOURNAL_SEAL.select().limit(1)).first() is not None


def _write_if_missing(path: Path, content: str) -> bool:
    """Write a file that is missing, or that a full disk or a power cut left empty; return True if it was written."""
    if path.exists() and path.stat().st_size:
        return False
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)  # the next start would take half a file for a whole one
        raise
    return True


def deploy_files() -> dict[str, Path]:
    """Each file by its name, of the wheel or of the sources."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")}


def purpose_of(path: Path) -> str:
    """The purpose of a file by its first line; empty when that is no comment."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ") if first.startswith("# ") else ""


class FileName(click.ParamType[str]):
    """The name of one of these files."""

    name = "nom"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in deploy_files():
            self.fail(f"« {value} » n'est pas un de ces fichiers : « oda deploy list » en donne la liste.", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[Any]":  # noqa: ARG002
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=purpose_of(path))
            for name, path in deploy_files().items()
            if name.startswith(incomplete)
        ]


@click.group(
    "deploy",
    cls=CommandGroup,
    help="Les fichiers qui mettent le service en place : unités systemd, serveur HTTPS, conteneur.",
)
def deploy() -> None:
    pass


@deploy.command("list", help="Les noms de ces fichiers, et à quoi chacun sert.")
def list_files() -> None:
    files = deploy_files()
    width = max(map(len, files))
    for name, path in files.items():
        click.echo(printable(f"{name:{width}}  {purpose_of(path)}"))


@deploy.command(
    "show", help="Écrit un de ces fichiers, à envoyer où il doit aller : oda deploy show nginx.conf > oda.conf"
)
@click.argument("name", metavar="NOM", type=FileName(), help="Le nom du fichier, d'après « oda deploy list ».")
def show_file(name: str) -> None:
    click.echo(deploy_files()[name].read_bytes(), nl=False)


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
    from portal.demo.runtime import HOST, check_demo, run_demo, workplace

    log_to_stderr()
    if check:
        if port is not None or no_browser:
            raise click.UsageError("--check n'ouvre rien : ni --port ni --no-browser n'y servent.")
        with workplace(keep) as folder, _season_progress() as advance:
            wrong_figures = check_demo(folder, click.echo, advance)
        if wrong_figures:
            details = [f"{figure}." for figure in wrong_figures]
            raise CliFailure("La démonstration ne donne pas ce qu'elle doit.", ExitCode.REFUSED, details)
        click.echo("Tout est juste.")
        return
    if port is not None:
        open_socket(HOST, port).close()  # refuses a port that is taken before anything is made
    with _season_progress() as advance:
        run_demo(keep, port, click.echo, (lambda _: None) if no_browser else webbrowser.open, advance)


@contextmanager
def _season_progress() -> Iterator[Callable[[int], None]]:
    """Show how many days of the season are played: a bar on a terminal until the last, else a line every ten days."""
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
