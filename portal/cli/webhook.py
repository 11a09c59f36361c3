"""``oda webhook``: the other systems that are told, what they were told, a trial, sending again (R118)."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from portal.cli.context import ROW_NUMBER, CliContext, labelled_option, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, writing
from portal.cli.output import emit, json_option, printable
from portal.cli.request.execute import Reference
from states.french import plural
from workflow.database.schedule_tables import DeliveryStage

if TYPE_CHECKING:
    from workflow.settings.model import Settings
    from workflow.settings.services import WebhookEndpoint

_ENDPOINTS = {
    "name": "Logiciel", "host": "Serveur", "standing": "État", "waiting": "À envoyer", "given_up": "Abandonnés",
    "delivered_at": "Dernier reçu",
}  # fmt: skip

_DELIVERIES = {
    "number": "N°", "endpoint": "Logiciel", "kind": "Message", "reference": "Demande", "stage": "Étape",
    "attempts": "Essais", "next_at": "Prochain", "answer": "Réponse",
}  # fmt: skip


@click.group("webhook", cls=CommandGroup, help="Les autres logiciels prévenus des événements des demandes (R118).")
def webhook() -> None:
    pass


def _endpoint(settings: "Settings", name: str) -> "WebhookEndpoint":
    """Return the endpoint of this name. Raises CliFailure, with those that there are."""
    endpoint = settings.webhooks.endpoint(name)
    if endpoint is None:
        names = ", ".join(each.name for each in settings.webhooks.endpoints) or "aucun"
        remedy = f"Que faire : donner un de ceux de webhooks.endpoints ({names}), ou l'y ajouter (docs/webhooks.md)."
        raise CliFailure(f"Aucun webhook ne s'appelle « {name} ».", ExitCode.SETTINGS, [remedy])
    return endpoint


@webhook.command("list", help="Les logiciels des réglages : sont-ils prévenus, et combien de messages attendent.")
@json_option
@pass_cli_context
def list_endpoints(context: CliContext, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.auth.actors import require_rectorat
        from workflow.webhooks.queue import view_endpoints

        require_rectorat(actor, "Les webhooks se lisent avec --as operator:ADRESSE ou reader:ADRESSE.")
        rows = [asdict(view) for view in view_endpoints(connection, app.settings.webhooks)]
        empty = "Aucun : personne n'est prévenu (réglage webhooks.endpoints)."
        emit(rows, _ENDPOINTS, as_json, empty, app.settings.zoneinfo)


@webhook.command("deliveries", help="Les messages, les plus récents d'abord, et ce qu'il en est.")
@click.option("--name", metavar="NOM", default="", help="Ceux de ce logiciel seulement.")
@labelled_option(DeliveryStage, "--stage", help="Ceux-là seulement : waiting, delivered, given_up, discarded.")
@click.option("--request", "reference", type=Reference(), metavar="DEMANDE", help="Ceux de cette demande.")
@click.option(
    "--limit", type=click.IntRange(1, 2000), default=200, show_default=True, metavar="NOMBRE", help="Combien au plus."
)
@json_option
@pass_cli_context
def deliveries(
    context: CliContext, name: str, stage: DeliveryStage | None, reference: str | None, limit: int, as_json: bool
) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.auth.actors import require_rectorat
        from workflow.webhooks.queue import list_deliveries

        require_rectorat(actor, "Les webhooks se lisent avec --as operator:ADRESSE ou reader:ADRESSE.")
        found = list_deliveries(connection, endpoint=name, stage=stage, reference=reference or "", limit=limit)
        emit([asdict(each) for each in found], _DELIVERIES, as_json, "Aucun message.", app.settings.zoneinfo)


@webhook.command(
    "retry",
    help="Renvoie des messages, reçus ou non, sous leur numéro (webhook-id) d'origine. Réservé aux opérateurs.",
)
@click.argument("numbers", metavar="[N]...", nargs=-1, type=ROW_NUMBER, help="Leurs numéros, dans la liste.")
@click.option("--name", metavar="NOM", help="Tous ceux que ce logiciel n'a pas pris, et qui sont abandonnés.")
@pass_cli_context
def retry(context: CliContext, numbers: tuple[int, ...], name: str | None) -> None:
    if (name is None) == (not numbers):
        raise click.UsageError("Donner des numéros, ou bien --name NOM.")
    with opened(context) as (app, actor):
        from workflow.webhooks.queue import given_up_numbers
        from workflow.webhooks.sender import send_again

        chosen = list(numbers)
        if name is not None:
            with app.database.read() as connection:
                chosen = given_up_numbers(connection, _endpoint(app.settings, name).name)
        found = send_again(app.engine, actor, chosen)
    click.echo(f"{plural(len(found), 'message sera renvoyé', 'messages seront renvoyés')}.")
    if missing := sorted(set(chosen) - set(found)):
        listed = ", ".join(map(str, missing))
        remedy = "Que faire : voir « oda webhook deliveries » ; un message en cours d'envoi ne se renvoie pas."
        raise CliFailure(f"Rien à renvoyer sous ces numéros : {listed}.", ExitCode.REFUSED, [remedy])


@webhook.command(
    "test",
    help="Envoie à un logiciel un message d'essai signé (type « ping »), qui ne parle de rien. Reçu, il remet en"
    " marche un logiciel qui ne l'était plus. Réservé aux opérateurs.",
)
@click.argument("name", metavar="NOM", help="Son nom dans webhooks.endpoints.")
@pass_cli_context
def test(context: CliContext, name: str) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.webhooks.queue import Verdict

        require_operator(actor, "essayer un webhook")
        endpoint = _endpoint(app.settings, name)
        if app.webhooks is None:
            raise AssertionError("unreachable")
        judgement = app.webhooks.ping(endpoint)
        if judgement.verdict is not Verdict.RECEIVED:
            remedy = "Que faire : vérifier l'adresse, le secret des deux côtés et le pare-feu (docs/webhooks.md)."
            message = f"« {name} » n'a pas pris le message d'essai."
            raise CliFailure(message, ExitCode.UNAVAILABLE, [f"{judgement.words}.", remedy])
    click.echo(printable(f"« {name} » a pris le message d'essai (réponse {judgement.status})."))


@webhook.command(
    "secret",
    help="Fait le secret d'un logiciel, et l'écrit une fois, pour le lui donner. S'il en a un, en ajoute un nouveau :"
    " les deux signent, le temps que l'autre logiciel change ; puis --end-change ôte l'ancien.",
)
@click.argument("name", metavar="NOM", help="Son nom dans webhooks.endpoints.")
@click.option("--end-change", is_flag=True, help="Ôte l'ancien secret : le nouveau signe seul.")
@pass_cli_context
def secret(context: CliContext, name: str, end_change: bool) -> None:
    from workflow.settings.secrets import Keyring, KeyringFixed, Secrets

    settings = context.settings()
    endpoint = _endpoint(settings, name)
    keyring = Keyring(Secrets(settings.secrets_directory, os.environ), endpoint.secret_name)
    try:
        with writing(keyring.file, "vérifier la place du disque et les droits de ce compte"):
            if end_change:
                count = keyring.keep_first()
                click.echo(
                    "L'ancien secret ne signe plus." if count else "Il n'y avait qu'un secret : rien n'a changé."
                )
            else:
                is_new = keyring.create()
                if not is_new:
                    keyring.add()
                click.echo(keyring.read()[0])
                remedy = "" if is_new else f" ; une fois changé, « oda webhook secret {name} --end-change »"
                click.echo(printable(f"À donner à « {name} », par une voie sûre{remedy}. Puis redémarrer."), err=True)
    except KeyringFixed as fixed:
        message = f"Le secret vient de la variable {fixed.variable}, que cette commande ne change pas."
        raise CliFailure(
            message, ExitCode.SETTINGS, ["Que faire : y écrire un secret par ligne, le nouveau d'abord."]
        ) from None
