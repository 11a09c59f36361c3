"""``oda mail check``: the relay of the settings tried step by step, and a real mail (R70)."""

from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, refused
from portal.cli.output import printable

if TYPE_CHECKING:
    from notifications.delivery.probe import Finding, Probe, ProbeFailed
    from states.model import Actor
    from workflow.app import App


_WIDTH = 16


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
    from states.validation import clean, mail_problem

    if address is not None and no_mail:
        raise click.UsageError("Choisir entre --to et --no-mail.")
    to = clean(address) if address is not None else None
    if to is not None and (problem := mail_problem(to)):
        raise click.UsageError(f"« {to} » {problem}.")
    with opened(context) as (app, actor):
        _operators_only(actor)
        asker = own_address(context)
        asyncio.run(_check(app, asker, None if no_mail else to or asker))


async def _check(app: "App", asker: str, recipient: str | None) -> None:
    """Tell each step as it is done. Raises CliFailure at the first that fails."""
    from notifications.delivery.probe import Probe, ProbeFailed

    probe = Probe(app.settings.mail, _password(app))
    try:
        async for finding in probe.findings():
            _tell(finding)
        if recipient is not None:
            _tell(await probe.give(recipient, _message(app, probe, asker, recipient)))
    except ProbeFailed as failed:
        raise _failure(failed) from None
    finally:
        if probe.is_well:
            _lift(app)
    click.echo("Le relais prend les courriels." if recipient else "Le relais répond bien ; aucun courriel envoyé.")


def _tell(finding: "Finding") -> None:
    mark = "!" if finding.is_alarming else " "
    label = finding.step.label
    click.echo(printable(f"{mark} {label[:1].upper() + label[1:]:<{_WIDTH}} : {finding.text}"))


def _failure(failed: "ProbeFailed") -> CliFailure:
    message = f"Le relais ne prend pas les courriels ; l'essai s'arrête à l'étape « {failed.step.label} »."
    return CliFailure(message, ExitCode.UNAVAILABLE, [failed.reply, f"Que faire : {failed.remedy}."])


def _message(app: "App", probe: "Probe", asker: str, recipient: str) -> bytes:
    """The trial mail as it leaves. Raises CliFailure when the académie's words for it cannot be made."""
    import socket

    from notifications.delivery.probe import trial_mail
    from notifications.messages.facts import RelayCheck
    from notifications.rendering.renderer import Unrenderable

    relay = app.settings.mail.relay
    facts = RelayCheck(
        asked_by=asker, machine=socket.gethostname(), host=relay.host, port=relay.port, connection=probe.connection
    )
    try:
        return trial_mail(app.mailer, facts, recipient, app.clock.now())
    except Unrenderable as error:
        raise CliFailure("Le courriel d'essai ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error


def _lift(app: "App") -> None:
    """What waited for the relay waits no more: whoever sends, on whatever machine, sees it at once."""
    from notifications.outbox import circuit_breaker as pauses

    with app.database.write() as connection:
        was_paused = pauses.lift(connection)
    if was_paused:
        click.echo("Les courriels étaient retenus : ils repartent dès maintenant.")


def _password(app: "App") -> str | None:
    import os

    from workflow.settings.secrets import Secrets

    found = Secrets(app.settings.secrets_directory, os.environ).find("smtp-password")
    return found.get_secret_value() if found else None


def _operators_only(actor: "Actor") -> None:
    from states.refusals import Reason
    from states.vocabulary import Role

    if actor.role is not Role.OPERATOR:
        reason = Reason(
            "wrong_role", "R2", f"L'essai du relais n'est pas ouvert au rôle « {actor.role.label} »",
            f"Le demander à : {Role.OPERATOR.label}.",
        )  # fmt: skip
        raise refused([reason], "Rien n'a été essayé.")
