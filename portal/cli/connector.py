"""``oda connector``: try the ODA server, list the calls made to it, repeat them (R84)."""

from dataclasses import asdict

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import emit, json_option, printable
from portal.cli.parameters import labelled_option
from portal.cli.request.execute import Reference
from states.vocabulary import CallStage

COLUMNS = {
    "reference": "Demande", "stage": "Appel", "attempts": "Essais", "next_at": "Prochain", "answer": "Réponse",
}  # fmt: skip


@click.group("connector", cls=CommandGroup, help="Le connecteur : les retraits demandés au serveur ODA.")
def connector() -> None:
    pass


@connector.command(
    "check",
    help="Essaie le serveur ODA des réglages : son adresse, son certificat, un appel signé qui ne demande rien."
    " Réservé aux opérateurs.",
)
@pass_cli_context
def check(context: CliContext) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.removals.connector.service import TrialFailed, trial

        require_operator(actor, "essayer le connecteur")
        if app.connector is None:
            remedy = "Que faire : donner l'adresse du serveur ODA dans removals.connector.url (docs/connecteur.md)."
            raise CliFailure("Aucun connecteur n'est réglé : rien n'est appelé.", ExitCode.SETTINGS, [remedy])
        try:
            for heading, outcome in trial(app.connector.caller, app.clock.now()):
                click.echo(printable(f"{heading:<12} : {outcome}"))
        except TrialFailed as failure:
            message = f"Le serveur ODA ne peut pas être appelé ; l'essai s'arrête à l'étape « {failure.step} »."
            details = [str(failure), f"Que faire : {failure.remedy}."]
            raise CliFailure(message, ExitCode.UNAVAILABLE, details) from None
    click.echo("Le serveur ODA répond.")


@connector.command("calls", help="Les appels au serveur ODA : où ils en sont, et les derniers mots du serveur.")
@labelled_option(CallStage, "--stage", help="Ceux-là seulement : waiting, done, refused.")
@click.option(
    "--limit",
    type=click.IntRange(1, 2000),
    default=200,
    show_default=True,
    metavar="NOMBRE",
    help="Combien au plus.",
)
@json_option
@pass_cli_context
def calls(context: CliContext, stage: CallStage | None, limit: int, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.auth.actors import require_rectorat
        from workflow.removals.connector.queue import list_calls

        message = "Les appels au serveur ODA se lisent avec --as operator:ADRESSE ou reader:ADRESSE."
        require_rectorat(actor, message)
        rows = [asdict(call) for call in list_calls(connection, stage=stage, limit=limit)]
        emit(rows, COLUMNS, as_json, "Aucun appel.", app.settings.zoneinfo)


@connector.command(
    "again",
    help="Redemande au serveur ODA des retraits qu'il a refusés ou manqués trop de fois ; l'appel part sous une clé"
    " nouvelle, au prochain passage. Réservé aux opérateurs.",
)
@click.argument(
    "references", metavar="[DEMANDE]...", nargs=-1, type=Reference(), help="Les demandes, par leur référence."
)
@click.option("--all", "every", is_flag=True, help="Tous ceux qui sont à reprendre.")
@pass_cli_context
def again(context: CliContext, references: tuple[str, ...], every: bool) -> None:
    from states.french import plural

    if every == bool(references):
        raise click.UsageError("Donner des demandes, ou bien --all.")
    selection = None if every else set(references)
    with opened(context) as (app, actor):
        from workflow.removals.connector.service import ask_again

        retries = ask_again(app.engine, actor, selection)
    without_retry = sorted((selection or set()) - set(retries))
    click.echo(f"{plural(len(retries), 'retrait sera redemandé', 'retraits seront redemandés')} au serveur ODA.")
    if without_retry:
        raise CliFailure(
            f"Rien à reprendre pour {', '.join(without_retry)}.", ExitCode.REFUSED,
            ["Que faire : voir « oda connector calls --stage refused »."],
        )  # fmt: skip
