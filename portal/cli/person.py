"""``oda person``: what is kept on somebody, and erasing it at their request (R111); the second factor (R106)."""

from typing import TYPE_CHECKING

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, refused
from portal.cli.factor import factor
from portal.cli.output import SectionPrinter, ask_confirmation, cell, echo_object, json_object_option, printable, say
from states import french

if TYPE_CHECKING:
    from datetime import tzinfo

    from workflow.retention.access import Kept, PersonFile
    from workflow.retention.limits import Counts
    from workflow.retention.person import PersonPlan

_ADDRESS = click.argument("address", metavar="ADRESSE", help="L'adresse électronique de la personne.")


@click.group("person", cls=CommandGroup, help="Une personne : ce qui est gardé d'elle, l'effacer ; son second facteur.")
def person() -> None:
    pass


person.add_command(factor)


@person.command(
    "access",
    help="Écrit tout ce qui est gardé d'une personne : demandes, textes, courriels, listes, connexions (R111). La"
    " réponse est un événement du journal. Réservé aux opérateurs.",
)
@_ADDRESS
@json_object_option
@pass_cli_context
def access(context: CliContext, address: str, as_json: bool) -> None:
    from dataclasses import asdict

    mail = _checked(address)
    with opened(context) as (app, actor):
        found = app.retention.access(mail, actor)
        zone = app.settings.zoneinfo
    if as_json:
        echo_object(asdict(found))
    else:
        _write(found, zone)


@person.command(
    "erase",
    help="Efface ce qui est gardé d'une personne, à sa demande : dit d'abord ce qui part, ce qui reste et pourquoi"
    " (R111). Une demande en cours se révoque d'abord. Réservé aux opérateurs.",
)
@_ADDRESS
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait fait, sans rien faire.")
@click.option("--yes", is_flag=True, help="Ne demande pas de confirmation.")
@pass_cli_context
def erase(context: CliContext, address: str, dry_run: bool, yes: bool) -> None:
    mail = _checked(address)
    with opened(context) as (app, actor):
        plan = app.retention.plan(mail)
        _write_plan(plan)
        if plan.is_refused:
            raise refused(app.retention.refusals(plan))
        if dry_run or plan.is_unknown:
            return
        if not yes and not ask_confirmation(f"Effacer ce qui est gardé de {plan.mail}, sans retour ?", "--yes"):
            say(["Rien n'est effacé."])
            return
        try:
            counts = app.retention.erase(mail, actor)
        except OSError as error:
            remedy = f"Que faire : rendre {app.retention.ledger.path} inscriptible par ce compte, puis recommencer."
            message = "L'effacement n'a pas pu être noté hors de la base : rien n'est effacé."
            raise CliFailure(message, ExitCode.UNAVAILABLE, [remedy]) from error
        _write_counts("Effacé :", counts)
        click.echo(printable(f"Noté dans {app.retention.ledger.path}, à sauvegarder avec les secrets."))


def _checked(address: str) -> str:
    from states.validation import clean_mail, mail_problem

    mail = clean_mail(address)
    if problem := mail_problem(mail):
        raise click.UsageError(f"« {address} » {problem}.")
    return mail


def _write(found: "PersonFile", zone: "tzinfo") -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé de {found.mail}")
    if found.is_empty:
        printer.line("Rien.")
        return
    printer.fact("Rôle dans les réglages", found.role)
    for title, things in (
        ("Demandes", found.requests), ("Courriels", found.mails), ("Lignes des listes", found.list_rows),
        ("Connexions et jetons", found.access), ("Ce que la personne a fait au rectorat", found.acts),
    ):  # fmt: skip
        if things:
            printer.section(f"{title} : {len(things)}")
            for kept in things:
                _write_kept(printer, kept, zone)
    if found.mentions:
        printer.section("Autres demandes dont un texte nomme la personne")
        printer.line(", ".join(found.mentions))


def _write_kept(printer: SectionPrinter, kept: "Kept", zone: "tzinfo") -> None:
    printer.line(kept.title)
    for label, value in kept.facts:
        printer.fact(label, cell(value, zone), 2)
    for text in kept.texts:
        printer.line(text, 2)


def _write_plan(plan: "PersonPlan") -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé de {plan.mail}")
    if plan.is_unknown:
        printer.line("Rien : il n'y a rien à effacer.")
        return
    _write_counts("Part :", plan.counts)
    stays = [
        (
            plan.awaited,
            "un retrait est à confirmer, ou un signalement à régler : elles partiront ensuite",
        ),
        (plan.mentions, "un de leurs textes nomme la personne ; à relire une par une, elles partent avec leur demande"),
    ]
    for references, why in stays:
        if references:
            printer.line(f"Reste : {', '.join(references)} ({why}).")
    printer.line("Reste : le journal, où les personnes sont des numéros, et les chiffres, où personne n'est nommé.")
    printer.line("Ce que gardent d'autres (la DRANE, DelegCE, le serveur ODA, les boîtes) se demande à chacun.")


def _write_counts(title: str, counts: "Counts") -> None:
    from workflow.retention.limits import Erased

    click.echo(title)
    for kind, number in counts.data.items():
        click.echo(f"  {Erased.of(kind).label} : {french.number(number)}")
    if not counts.data:
        click.echo("  rien")
