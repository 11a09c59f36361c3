"""``oda retention``: what time erases, foreseen for any day, and the register made from the settings (R110, R111)."""

from datetime import date

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened_app, pass_cli_context
from portal.cli.output import SectionPrinter, echo_object, json_object_option
from portal.cli.parameters import Day
from states import french


@click.group("retention", cls=CommandGroup, help="Ce qui s'efface avec le temps, et le registre (RGPD).")
def retention() -> None:
    pass


@retention.command(
    "preview",
    help="Dit ce que l'échéancier effacerait un jour donné, par sorte, sans rien effacer (R110) ; et combien de"
    " demandes restent, faute d'un retrait confirmé.",
)
@click.option("--on", "day", type=Day(), metavar="DATE", help="Le jour ; aujourd'hui par défaut.")
@json_object_option
@pass_cli_context
def preview(context: CliContext, day: date | None, as_json: bool) -> None:
    from workflow.retention.limits import Erased

    with opened_app(context) as app:
        found = app.retention.preview(day)
        settings, zone = app.settings.retention, app.settings.zoneinfo
    if as_json:
        echo_object({"on": found.day, **found.counts.by_kind, "removals_awaited": found.awaited})
        return
    printer = SectionPrinter()
    printer.title(f"Ce qui serait effacé le {french.day(found.day)}")
    for kind, number in found.counts.by_kind.items():
        printer.fact(Erased.of(kind).label, french.number(number))
    printer.section("D'après les réglages")
    for label, months, before in (
        ("demandes finies, retrait confirmé", settings.requests, found.limits.requests),
        ("lignes des listes", settings.lists, found.limits.lists),
        ("courriels", settings.mails, found.limits.mails),
        ("adresses de réseau", settings.addresses, found.limits.addresses),
    ):
        printer.fact(label, f"{months} mois, donc d'avant le {french.day(before.astimezone(zone).date())}")
    if found.awaited:
        printer.section("Ce qui reste")
        waiting = french.plural(
            found.awaited, "demande finie depuis plus longtemps", "demandes finies depuis plus longtemps"
        )
        printer.line(f"{waiting} : retrait jamais confirmé (oda removal list), rien n'en est effacé avant.")


@retention.command(
    "register",
    help="Écrit en Markdown l'entrée du registre des traitements (RGPD, article 30) et une analyse d'impact abrégée,"
    " d'après les réglages (R111). À relire et à compléter avec le délégué à la protection des données.",
)
@pass_cli_context
def register(context: CliContext) -> None:
    from portal.personal_data import register_text

    click.echo(register_text(context.settings()), nl=False)
