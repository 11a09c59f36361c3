"""The command ``oda``: its global options, and the tree of its commands, each imported when it is called."""

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from portal.cli.click_french import CommandGroup, LazyCommand, refuse_undecoded
from portal.cli.context import FORMS, ActorSpec, ActorSpecType, CliContext
from portal.cli.output import open_closed_streams
from portal.cli.parameters import FilePath
from portal.cli.runner import run_guarded

TREE: dict[str, LazyCommand] = {
    "init": ("portal.cli.install", "init", "Prépare une installation : réglages, clés, base de données."),
    "check-config": ("portal.cli.settings", "check_config", "Vérifie le fichier de réglages."),
    "config-schema": ("portal.cli.settings", "config_schema", "Écrit le schéma JSON du fichier de réglages."),
    "deploy": ("portal.cli.deploy", "deploy", "Les fichiers de mise en place : systemd, HTTPS, conteneur."),
    "database": ("portal.cli.database", "database", "La base de données : mise à niveau, version."),
    "backup": ("portal.cli.backup", "backup", "Sauvegarde la base et les réglages, le service en marche."),
    "restore": ("portal.cli.restore", "restore", "Restaure une sauvegarde dans une base vide."),
    "import": ("portal.cli.directory", "import_group", "Importe l'annuaire des établissements."),
    "list": ("portal.cli.lists", "list_group", "Les listes de RUPN et de délégations : importer, lire."),
    "establishment": ("portal.cli.directory", "establishment", "Les établissements et leur boîte."),
    "request": ("portal.cli.request", "request", "Les demandes : les suivre et agir."),
    "code": ("portal.cli.code", "code", "Les codes en nombre : tirés, ou donnés par un fichier."),
    "paper": ("portal.cli.papers", "paper", "Les documents à imprimer : charte, bordereau, bilan."),
    "removal": ("portal.cli.removal", "removal", "Les retraits sur le serveur ODA : lister, exporter, confirmer."),
    "drane": ("portal.cli.drane", "drane", "Les RUPN à transmettre à la DRANE : le fichier, le jour."),
    "activation": ("portal.cli.activation", "activation", "Les comptes EduConnect activés : importer, comparer."),
    "year-end": ("portal.cli.year_end", "year_end", "La fin d'année : prévoir, suivre, confirmer."),
    "calendar": ("portal.cli.calendar", "calendar", "Les dates où le logiciel agira, et sur combien de demandes."),
    "figures": ("portal.cli.figures", "figures", "Les chiffres de l'académie, à deux dates, d'après le journal."),
    "connector": ("portal.cli.connector", "connector", "Le connecteur : les retraits demandés au serveur ODA."),
    "tick": ("portal.cli.service", "tick", "Passe l'échéancier une fois, par exemple depuis cron."),
    "serve": ("portal.cli.service", "serve", "Tient le portail, l'échéancier et l'envoi des courriels."),
    "worker": ("portal.cli.service", "worker", "Tient l'échéancier et l'envoi des courriels."),
    "nodes": ("portal.cli.nodes", "list_nodes", "Les machines qui se partagent le travail, et leur horloge."),
    "clock": ("portal.cli.nodes", "clock", "L'horloge : confirmer que la date est juste."),
    "mail": ("portal.cli.mail", "mail", "Les courriels : les suivre, renvoyer, changer leurs mots."),
    "secrets": ("portal.cli.secrets", "secrets", "La clé des codes : la remplacer sans perdre un code."),
    "token": ("portal.cli.token", "token", "Les jetons : ouvrir l'API à un programme."),
    "session": ("portal.cli.session", "session", "Les connexions au portail : qui est connecté, y mettre fin."),
    "journal": ("portal.cli.journal", "journal", "Le journal : le lire, vérifier ses chaînes."),
    "person": ("portal.cli.person", "person", "Une personne : ce qui est gardé d'elle, l'effacer."),
    "retention": ("portal.cli.retention", "retention", "Ce qui s'efface avec le temps, et le registre (RGPD)."),
    "diagram": ("portal.cli.diagram", "diagram", "Dessine les états d'une demande."),
    "demo": ("portal.cli.demo", "demo", "Ouvre le portail sur des établissements inventés."),
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
