"""``oda token``: the tokens that open the API to programs (R76)."""

from dataclasses import asdict

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import ActorSpec, ActorSpecType, CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.failures import failure_for
from portal.cli.output import emit, json_option, printable, say
from portal.cli.parameters import ROW_NUMBER, labelled_option
from workflow.database.access_tables import Scope

LIST = {
    "id": "N°", "label": "Nom", "role": "Rôle", "subject": "Pour", "scope": "Portée", "expires_at": "Expire le",
    "seen_at": "Dernier usage", "status": "État",
}  # fmt: skip


@failure_for("workflow.auth.tokens.TokenRefused")
def _refused(error: Exception) -> CliFailure:
    return CliFailure(f"{error} (R76)", ExitCode.REFUSED, [])


@click.group("token", cls=CommandGroup, help="Les jetons : ouvrir l'API à un programme.")
def token() -> None:
    pass


@token.command(
    "create",
    help="Fait un jeton pour un programme qui agira au nom d'une personne (R76). Son secret s'affiche cette seule fois"
    " et n'est gardé nulle part. Réservé aux opérateurs.",
)
@click.option("--for", "of", type=ActorSpecType(), required=True, metavar="QUI", help="Au nom de qui, comme pour --as.")
@labelled_option(Scope, "--scope", required=True, help="Ce qu'il permet : read, act.")
@click.option("--label", required=True, metavar="NOM", help="Quel programme s'en servira.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=90,
    show_default=True,
    metavar="JOURS",
    help="Combien de jours il vaut.",
)
@pass_cli_context
def create(context: CliContext, of: ActorSpec, scope: Scope, label: str, days: int) -> None:
    from states import french

    with opened(context) as (app, actor):
        new, secret = app.tokens.create(actor, of.role, of.value, scope=scope, label=label, days=days)
        until = french.instant(new.expires_at, app.settings.zoneinfo)
    say([
        printable(f"Jeton n° {new.id} (« {new.label} ») pour {new.subject} : {new.scope.label}, jusqu'au {until}."),
        "Son secret, affiché cette seule fois : le mettre aussitôt dans les secrets du programme.",
    ])  # fmt: skip
    click.echo(secret)


@token.command("list", help="Les jetons, le plus récent d'abord ; leur secret n'est gardé nulle part.")
@json_option
@pass_cli_context
def list_(context: CliContext, as_json: bool) -> None:
    with opened(context) as (app, actor):
        now = app.clock.now()
        rows = [
            asdict(token)
            | {"status": "révoqué" if token.revoked_at else "en vigueur" if token.is_valid(now) else "expiré"}
            for token in app.tokens.all(actor)
        ]
        zone = app.settings.zoneinfo
    emit(rows, LIST, as_json, "Aucun jeton.", zone)


@token.command("revoke", help="Révoque un jeton : le programme n'entre plus (R76). Réservé aux opérateurs.")
@click.argument("number", type=ROW_NUMBER, metavar="N°", help="Le numéro du jeton, que donne « list ».")
@pass_cli_context
def revoke(context: CliContext, number: int) -> None:
    with opened(context) as (app, actor):
        token = app.tokens.revoke(actor, number)
    click.echo(printable(f"Jeton n° {token.id} (« {token.label} ») révoqué."))
