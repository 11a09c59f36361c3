"""``oda person factor``: the second factor of an operator who has lost theirs (R106)."""

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.failures import failure_for
from portal.cli.output import printable


@failure_for("workflow.auth.second_factor.FactorUnknown")
def _unknown(error: Exception) -> CliFailure:
    return CliFailure(f"{error} Rien n'a changé (R106).", ExitCode.REFUSED, [])


@click.group("factor", cls=CommandGroup, help="Le second facteur d'un opérateur.")
def factor() -> None:
    pass


@factor.command(
    "remove",
    help="Retire le second facteur d'un opérateur qui a perdu son téléphone et ses codes de secours (R106). Il en est"
    " prévenu par courriel, et tous les opérateurs aussi. Réservé aux opérateurs.",
)
@click.argument("address", metavar="ADRESSE", help="L'adresse de l'opérateur, comme dans people.operators.")
@pass_cli_context
def remove(context: CliContext, address: str) -> None:
    with opened(context) as (app, actor):
        app.second_factors.remove(actor, address)
        demand = " Un autre sera demandé à sa prochaine connexion." if app.second_factors.policy == "required" else ""
    click.echo(printable(f"Le second facteur de {address} est retiré.{demand}"))
