"""``oda session``: who is signed in to the portal, and the end of a session or of all of somebody's (R107)."""

from dataclasses import asdict

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.failures import failure_for
from portal.cli.output import emit, json_option, printable
from portal.cli.parameters import ROW_NUMBER

COLUMNS = {
    "number": "N°", "subject": "Pour", "name": "Nom", "role": "Rôle", "browser": "Navigateur", "door": "Par",
    "created_at": "Ouverte le", "seen_at": "Dernier usage",
}  # fmt: skip

OF_HELP = "De cette adresse du rectorat, ou de cet établissement, seulement."


@failure_for("workflow.auth.open_sessions.SessionUnknown")
def _unknown(error: Exception) -> CliFailure:
    return CliFailure(f"{error} Voir « oda session list » (R107).", ExitCode.REFUSED, [])


@click.group("session", cls=CommandGroup, help="Les connexions au portail : qui est connecté, y mettre fin.")
def session() -> None:
    pass


@session.command(
    "list",
    help="Les connexions ouvertes, la plus récente d'abord (R107). Leur secret n'est gardé nulle part."
    " Réservé aux opérateurs.",
)
@click.option("--of", "of", default="", metavar="ADRESSE|UAI", help=OF_HELP)
@json_option
@pass_cli_context
def list_(context: CliContext, of: str, as_json: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.open_sessions import SessionFilters

        sessions = app.open_sessions.all(actor, SessionFilters(of=of))
        zone = app.settings.zoneinfo
    rows = [asdict(one) | {"door": one.door} for one in sessions]
    for row in rows:
        del row["is_own"]  # no session shows this listing
    emit(rows, COLUMNS, as_json, "Aucune connexion ouverte.", zone)


@session.command(
    "end",
    help="Finit une connexion par son numéro, ou toutes celles d'une adresse ou d'un établissement, avec les liens de"
    " connexion déjà envoyés (R107). La personne peut se connecter de nouveau. Réservé aux opérateurs.",
)
@click.argument("number", type=ROW_NUMBER, metavar="[N°]", required=False, help="Le numéro, que donne « list ».")
@click.option("--of", "of", default="", metavar="ADRESSE|UAI", help="Toutes celles de cette adresse ou de cet UAI.")
@pass_cli_context
def end(context: CliContext, number: int | None, of: str) -> None:
    from states.french import plural

    if (number is None) == (not of.strip()):
        raise click.UsageError("Donner soit le numéro d'une connexion, soit --of ADRESSE ou --of UAI.")
    with opened(context) as (app, actor):
        if number is not None:
            app.open_sessions.end(number, actor)
            sentence = f"La connexion n° {number} a pris fin."
        else:
            ended = app.open_sessions.end_all_of(of, actor)
            counted = plural(ended, "connexion a pris fin", "connexions ont pris fin")
            sentence = f"{of} : {counted}." if ended else f"{of} : aucune connexion n'était ouverte."
    click.echo(printable(sentence))
