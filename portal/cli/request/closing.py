"""Reports of a change, the end of a request, and the removal of its rights (R32, R45, R46, R49)."""

from datetime import date
from typing import Any

import click

from portal.cli.context import App
from portal.cli.french import Day, FrenchCommand, LabelledChoice
from portal.cli.request.act import act, act_on_all
from portal.cli.request.options import Manner, acting, free_text, reference_argument, references_argument
from states.vocabulary import Change, RemovalOutcome, RevokeReason, Settlement


@click.command(
    "report-change",
    cls=FrenchCommand,
    help="Signale ce qui change pour le RUPN ou sa clé ; le rectorat le règle (R32).",
)
@reference_argument
@click.option("--change", required=True, type=LabelledChoice(Change), metavar="CHANGEMENT", help="Ce qui change.")
@click.option(
    "--from",
    "effective_on",
    required=True,
    type=Day(),
    metavar="DATE",
    help="À partir de quand ; ce peut être à venir.",
)
@free_text("--note", "Une précision", required=False)
@acting(as_chef=True)
def report_change(app: App, manner: Manner, /, effective_on: date, **said: Any) -> None:
    from states.commands import ReportChange

    command = ReportChange(effective_on=effective_on, **said, **manner.fields())
    act(app, manner, lambda *_: command)


@click.command("settle-change", cls=FrenchCommand, help="Dit ce qui a été fait d'un signalement, et pourquoi (R46).")
@reference_argument
@click.option(
    "--settlement", required=True, type=LabelledChoice(Settlement), metavar="SUITE", help="Ce qui a été fait."
)
@free_text("--why", "Pourquoi", required=True)
@click.option(
    "--report", type=click.IntRange(min=1), metavar="N", help="Lequel, quand plusieurs signalements sont ouverts."
)
@acting(as_chef=False)
def settle_change(app: App, manner: Manner, /, **said: Any) -> None:
    from states.commands import SettleChange

    command = SettleChange(**said, **manner.fields())
    act(app, manner, lambda *_: command)


@click.command("revoke", cls=FrenchCommand, help="Révoque des demandes, à tout moment de leur vie (R45).")
@references_argument
@click.option("--reason", required=True, type=LabelledChoice(RevokeReason), metavar="RAISON", help="Pourquoi.")
@free_text("--note", "Une précision, que l'établissement lira", required=False)
@acting(as_chef=False)
def revoke(app: App, manner: Manner, /, references: tuple[str, ...], **said: Any) -> None:
    from states.commands import Revoke

    common = manner.fields()
    act_on_all(app, manner, references, lambda reference: Revoke(reference=reference, **said, **common))


@click.command(
    "confirm-removal",
    cls=FrenchCommand,
    help="Confirme ce qui a été fait sur le serveur ODA ; « oda request show » dit ce qu'il y a à faire (R48, R49).",
)
@references_argument
@click.option(
    "--outcome", required=True, type=LabelledChoice(RemovalOutcome), metavar="RÉSULTAT", help="Ce qui a été fait."
)
@free_text("--note", "Une précision", required=False)
@acting(as_chef=False)
def confirm_removal(app: App, manner: Manner, /, references: tuple[str, ...], **said: Any) -> None:
    from states.commands import ConfirmRemoval

    common = manner.fields()
    act_on_all(app, manner, references, lambda reference: ConfirmRemoval(reference=reference, **said, **common))
