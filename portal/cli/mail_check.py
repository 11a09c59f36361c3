"""``oda mail check``: try the relay of the settings step by step, then with a real mail (R70)."""

from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import printable

if TYPE_CHECKING:
    from notifications.delivery.probe import StepResult
    from workflow.app import App


@click.command(
    "check",
    help="Essaie le relais de messagerie pas à pas, puis lui confie un courriel d'essai ; dit ce qui ne va pas et quoi"
    " régler. Si le relais répond bien, les courriels retenus repartent (R70).",
)
@click.option("--to", "address", metavar="ADRESSE", help="À qui va le courriel d'essai ; à défaut, à qui le demande.")
@click.option("--no-mail", is_flag=True, help="N'envoie pas de courriel.")
@pass_cli_context
def check(context: CliContext, /, address: str | None, no_mail: bool) -> None:
    import asyncio

    from portal.cli.context import opened, own_address
    from states.validation import clean_mail, mail_problem
    from workflow.auth.actors import require_operator

    if address is not None and no_mail:
        raise click.UsageError("Choisir entre --to et --no-mail.")
    to = clean_mail(address) if address is not None else None
    if to is not None and (problem := mail_problem(to)):
        raise click.UsageError(f"« {to} » {problem}.")
    with opened(context) as (app, actor):
        require_operator(actor, "essayer le relais")
        asked_by = own_address(context)
        asyncio.run(_check(app, asked_by, None if no_mail else to or asked_by))


async def _check(app: "App", asked_by: str, recipient: str | None) -> None:
    """Show each step as it is done. Raises CliFailure at the first that fails.

    When the relay works, held mails leave at once: the senders of every machine see that the pause is over.
    """
    import os

    from notifications.delivery.probe import Probe, ProbeFailed, trial_mail
    from notifications.outbox import circuit_breaker
    from notifications.rendering.renderer import Unrenderable
    from workflow.settings.secrets import SMTP_PASSWORD, Secrets

    password = Secrets(app.settings.secrets_directory, os.environ).find(SMTP_PASSWORD)
    probe = Probe(app.settings.mail, password.get_secret_value() if password else None)
    try:
        async for result in probe.steps():
            _show(result)
        if recipient is not None:
            message = trial_mail(app.mailer, probe.connection, asked_by, recipient, app.clock.now())
            _show(await probe.send(recipient, message))
    except ProbeFailed as failure:
        headline = f"Le relais ne prend pas les courriels ; l'essai s'arrête à l'étape « {failure.step.label} »."
        details = [failure.reply, f"Que faire : {failure.remedy}."]
        raise CliFailure(headline, ExitCode.UNAVAILABLE, details) from None
    except Unrenderable as error:
        raise CliFailure("Le courriel d'essai ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error
    finally:
        if probe.is_well:
            with app.database.write() as connection:
                was_paused = circuit_breaker.lift(connection)
            if was_paused:
                click.echo("Les courriels étaient retenus : ils repartent dès maintenant.")
    click.echo("Le relais prend les courriels." if recipient else "Le relais répond bien ; aucun courriel envoyé.")


def _show(result: "StepResult") -> None:
    mark = "!" if result.is_alarming else " "
    label = result.step.label
    click.echo(printable(f"{mark} {label[:1].upper() + label[1:]:<16} : {result.text}"))
