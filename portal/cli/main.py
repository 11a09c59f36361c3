"""The command ``oda``: its options, the tree of its commands, each imported when it is called, its exit code.

What writes for the person is imported when there is something to say: the help waits for nothing.
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from portal.cli.context import FORMS, ActorSpec, ActorSpecType, CliContext, FilePath
from portal.cli.errors import (
    TRANSLATIONS,
    CliFailure,
    CommandGroup,
    ExitCode,
    LazyCommand,
    error_lines,
    refuse_undecoded,
)

TREE: dict[str, LazyCommand] = {
    "init": ("portal.cli.install", "init", "Prépare une installation : réglages, clés, base de données."),
    "check-config": ("portal.cli.settings", "check_config", "Vérifie le fichier de réglages."),
    "config-schema": ("portal.cli.settings", "config_schema", "Écrit le schéma JSON du fichier de réglages."),
    "deploy": ("portal.cli.install", "deploy", "Les fichiers de mise en place : systemd, HTTPS, conteneur."),
    "database": ("portal.cli.database", "database", "La base de données : mise à niveau, version."),
    "backup": ("portal.cli.database", "backup", "Sauvegarde la base et les réglages, le service en marche."),
    "restore": ("portal.cli.database", "restore", "Restaure une sauvegarde dans une base vide."),
    "import": ("portal.cli.directory", "import_group", "Importe l'annuaire des établissements."),
    "list": ("portal.cli.lists", "list_group", "Les listes de RUPN et de délégations : importer, lire."),
    "establishment": ("portal.cli.directory", "establishment", "Les établissements et leur boîte."),
    "request": ("portal.cli.request", "request", "Les demandes : les suivre et agir."),
    "code": ("portal.cli.code", "code", "Les codes en nombre : tirés, ou donnés par un fichier."),
    "paper": ("portal.cli.papers", "paper", "Les documents à imprimer : charte, bordereau, bilan."),
    "removal": ("portal.cli.removal", "removal", "Les retraits sur le serveur ODA : lister, exporter, confirmer."),
    "drane": ("portal.cli.lists", "drane", "Les RUPN à transmettre à la DRANE : le fichier, le jour."),
    "activation": ("portal.cli.figures", "activation", "Les comptes EduConnect activés : importer, comparer."),
    "year-end": ("portal.cli.year_end", "year_end", "La fin d'année : prévoir, suivre, confirmer."),
    "calendar": ("portal.cli.service", "calendar", "Les dates où le logiciel agira, et sur combien de demandes."),
    "figures": ("portal.cli.figures", "figures", "Les chiffres de l'académie, à deux dates, d'après le journal."),
    "connector": ("portal.cli.removal", "connector", "Le connecteur : les retraits demandés au serveur ODA."),
    "webhook": ("portal.cli.webhook", "webhook", "Les autres logiciels prévenus de ce qui arrive aux demandes."),
    "tick": ("portal.cli.service", "tick", "Passe l'échéancier une fois, par exemple depuis cron."),
    "serve": ("portal.cli.service", "serve", "Tient le portail, l'échéancier et l'envoi des courriels."),
    "worker": ("portal.cli.service", "worker", "Tient l'échéancier et l'envoi des courriels."),
    "nodes": ("portal.cli.service", "list_nodes", "Les machines qui se partagent le travail, et leur horloge."),
    "clock": ("portal.cli.service", "clock", "L'horloge : confirmer que la date est juste."),
    "mail": ("portal.cli.mail", "mail", "Les courriels : les suivre, renvoyer, changer leurs mots."),
    "secrets": ("portal.cli.settings", "secrets", "La clé des codes : la remplacer sans perdre un code."),
    "token": ("portal.cli.access", "token", "Les jetons : ouvrir l'API à un programme."),
    "session": ("portal.cli.access", "session", "Les connexions au portail : qui est connecté, y mettre fin."),
    "substitution": ("portal.cli.access", "substitution", "Les suppléances : les lister, y mettre fin."),
    "binding": ("portal.cli.access", "binding", "Les identités liées aux établissements : lister, finir."),
    "journal": ("portal.cli.journal", "journal", "Le journal : le lire, vérifier ses chaînes."),
    "person": ("portal.cli.person", "person", "Une personne : ce qui est gardé d'elle, l'effacer."),
    "retention": ("portal.cli.person", "retention", "Ce qui s'efface avec le temps, et le registre (RGPD)."),
    "diagram": ("portal.cli.papers", "diagram", "Dessine les états d'une demande."),
    "demo": ("portal.cli.install", "demo", "Ouvre le portail sur des établissements inventés."),
}


class Oda(CommandGroup):
    """The root: the only place where an exception becomes a message and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run ``oda`` and exit; with ``standalone_mode`` False, return or raise as the command does."""
        if not standalone_mode:
            return super().main(args, prog_name or "oda", complete_var, standalone_mode=False, **extra)
        instruction = os.environ.get(complete_var or "_ODA_COMPLETE")
        if instruction:
            from click.shell_completion import shell_complete

            sys.exit(shell_complete(self, extra, "oda", complete_var or "_ODA_COMPLETE", instruction))
        arguments = list(sys.argv[1:] if args is None else args)

        def run() -> None:
            refuse_undecoded(arguments)
            with self.make_context("oda", arguments, **extra) as ctx:
                self.invoke(ctx)

        sys.exit(run_guarded(run))


@click.group(
    cls=Oda,
    lazy=TREE,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Les clés ODA des RUPN : demandes, courriels, révocation de fin d'année.",
    epilog="L'aide d'une commande : oda COMMANDE --help",
)
@click.option(
    "--config",
    type=FilePath(dir_okay=False, path_type=Path),
    metavar="FICHIER",
    envvar="ODA_CONFIG",
    help="Le fichier de réglages.  [variable d'environnement : ODA_CONFIG]",
)
@click.option("--as", "acting_as", type=ActorSpecType(), metavar="QUI", help=f"Qui agit : {FORMS}.")
@click.version_option(package_name="oda-delegations", message="oda %(version)s", help="Affiche la version.")
@click.pass_context
def oda(ctx: click.Context, config: Path | None, acting_as: ActorSpec | None) -> None:
    ctx.obj = CliContext(config, acting_as)


def main() -> None:
    """Run ``oda`` as a program. Whatever the terminal's encoding, no character makes it fail."""
    gc.set_threshold(50_000)  # imports make a hundred thousand objects that stay: a fifth of the time of a start
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    oda.main()


def open_closed_streams() -> None:
    """Open the null device for the standard streams that the caller closed (``<&-``): Python has None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  open until the end


def run_guarded(run: Callable[[], object]) -> int:
    """Run a command to its end and return its exit code, having written what went wrong.

    Two outputs may close under it: ``oda … | head`` ends in silence with READER_GONE.
    """
    try:
        return _run_command(run)
    except BrokenPipeError:
        from portal.cli.output import reader_is_gone

        reader_is_gone()
        return ExitCode.READER_GONE
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            from portal.cli.output import mute

            mute(sys.stdout)  # Python would write it again at its end, and change the exit code


def _run_command(run: Callable[[], object]) -> int:
    try:
        run()
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except (KeyboardInterrupt, click.Abort, EOFError):
        from portal.cli.output import say

        say(["", "Interrompu."])
        return ExitCode.INTERRUPTED
    except BrokenPipeError as error:
        from portal.cli.output import reader_is_gone

        return ExitCode.READER_GONE if reader_is_gone() else report(error)
    except Exception as error:  # the only place that may: nothing else would tell the person
        return report(error)
    return ExitCode.DONE


def as_failure(error: Exception) -> CliFailure | None:
    """The failure that ``error`` means; None for an unforeseen one."""
    if isinstance(error, CliFailure):
        return error
    paths = (f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__)
    translate = next((TRANSLATIONS[path] for path in paths if path in TRANSLATIONS), None)
    return translate(error) if translate else None


def report(error: Exception) -> ExitCode:
    """Write the message of an exception for the person at the keyboard, and return the exit code."""
    from portal.cli.output import say

    if isinstance(error, click.ClickException):
        say(error_lines(error))
        return ExitCode.USAGE
    failure = as_failure(error)
    if failure is None:
        from portal.server import log_incident

        number = log_incident(error)
        say([f"Erreur interne : la commande s'est arrêtée. Numéro d'incident à transmettre au support : {number}."])
        return ExitCode.INTERNAL
    say([failure.message, *(f"  — {detail}" for detail in failure.details)])
    return failure.exit_code
