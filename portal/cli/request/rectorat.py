"""What the rectorat does with a request: check the two lists, send back, tick the expiry (R34 to R38, R43)."""

from collections.abc import Callable
from datetime import date
from typing import Any

import click

from portal.cli.context import App
from portal.cli.french import Day, FrenchCommand, LabelledChoice
from portal.cli.request.act import act, act_on_all
from portal.cli.request.options import (
    Callback,
    Manner,
    acting,
    free_text,
    reference_argument,
    references_argument,
)
from states.vocabulary import CheckOutcome, Step


def _check_options(command: Callback) -> Callback:
    """What the two checks are told."""
    options: tuple[Callable[[Callback], Callback], ...] = (
        references_argument,
        click.option(
            "--outcome", required=True, type=LabelledChoice(CheckOutcome), metavar="RÉSULTAT", help="Trouvé ?"
        ),
        free_text("--source", "La liste qui a été lue, en quelques mots", required=True),
        click.option(
            "--checked-on", type=Day(), metavar="DATE", help="Le jour de la vérification ; sinon aujourd'hui."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    "check-listing",
    cls=FrenchCommand,
    help="Enregistre la vérification de la liste des RUPN déclarés à la DRANE (R34).",
)
@_check_options
@acting(as_chef=False)
def check_listing(app: App, manner: Manner, /, references: tuple[str, ...], **said: Any) -> None:
    from states.commands import CheckListing

    common = manner.fields()
    act_on_all(app, manner, references, lambda reference: CheckListing(reference=reference, **said, **common))


@click.command(
    "check-delegation", cls=FrenchCommand, help="Enregistre la vérification de la délégation dans DelegCE (R34)."
)
@_check_options
@acting(as_chef=False)
def check_delegation(app: App, manner: Manner, /, references: tuple[str, ...], **said: Any) -> None:
    from states.commands import CheckDelegation

    common = manner.fields()
    act_on_all(app, manner, references, lambda reference: CheckDelegation(reference=reference, **said, **common))


@click.command("send-back", cls=FrenchCommand, help="Renvoie la demande à l'établissement, qui refait une étape (R38).")
@reference_argument
@click.option("--step", required=True, type=LabelledChoice(Step), metavar="ÉTAPE", help="L'étape à refaire.")
@free_text("--why", "La raison, que l'établissement lira", required=True)
@acting(as_chef=False)
def send_back(app: App, manner: Manner, /, **said: Any) -> None:
    from states.commands import SendBack

    command = SendBack(**said, **manner.fields())
    act(app, manner, lambda *_: command)


@click.command("confirm-expiry", cls=FrenchCommand, help="Coche la date d'expiration que la clé porte désormais (R43).")
@references_argument
@click.option(
    "--expires-on", type=Day(), metavar="DATE", help="La date portée sur le serveur ODA ; sinon la fin de l'année."
)
@acting(as_chef=False)
def confirm_expiry(app: App, manner: Manner, /, references: tuple[str, ...], expires_on: date | None) -> None:
    from states.commands import ConfirmExpiry

    common = manner.fields()
    act_on_all(
        app, manner, references, lambda reference: ConfirmExpiry(reference=reference, expires_on=expires_on, **common)
    )
