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
    from workflow.retention.chef_names import ChefNamePlan
    from workflow.retention.limits import Counts
    from workflow.retention.person import PersonPlan

_ADDRESS = click.argument("address", metavar="[ADRESSE]", required=False, help="L'adresse électronique de la personne.")
_NAME = click.option(
    "--name", "name", default="", metavar="NOM",
    help="Au lieu d'une adresse : les prénom et nom d'un chef ou d'un adjoint, que le logiciel ne connaît que de nom.",
)  # fmt: skip
_UAI = click.option(
    "--uai", default="", metavar="UAI", help="Avec --name : dans cet établissement seulement, s'il a des homonymes."
)


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
@_NAME
@_UAI
@json_object_option
@pass_cli_context
def access(context: CliContext, address: str | None, name: str, uai: str, as_json: bool) -> None:
    from dataclasses import asdict

    from workflow.retention.access import PersonFile

    found: ChefNamePlan | PersonFile
    mail, name, uai = _whom(address, name, uai)
    with opened(context) as (app, actor):
        found = app.retention.access(mail, actor) if mail else app.retention.access_chef(name, actor, uai)
        zone = app.settings.zoneinfo
    if as_json:
        echo_object(asdict(found))
    elif isinstance(found, PersonFile):
        _write(found, zone)
    else:
        _write_chef(found)


@person.command(
    "erase",
    help="Efface ce qui est gardé d'une personne, à sa demande : dit d'abord ce qui part, ce qui reste et pourquoi"
    " (R111). Une demande en cours se révoque d'abord. Réservé aux opérateurs.",
)
@_ADDRESS
@_NAME
@_UAI
@click.option(
    "--text",
    "chosen",
    multiple=True,
    metavar="RÉFÉRENCE",
    help="Efface aussi, de cette autre demande, les textes qui nomment la personne. Peut être répété.",
)
@click.option("--texts", "all_texts", is_flag=True, help="Les efface de toutes les autres demandes.")
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait fait, sans rien faire.")
@click.option("--yes", is_flag=True, help="Ne demande pas de confirmation.")
@pass_cli_context
def erase(
    context: CliContext, address: str | None, name: str, uai: str, chosen: tuple[str, ...], all_texts: bool,
    dry_run: bool, yes: bool,
) -> None:  # fmt: skip
    from workflow.retention.person import PersonPlan

    plan: ChefNamePlan | PersonPlan
    mail, name, uai = _whom(address, name, uai)
    with opened(context) as (app, actor):
        plan = app.retention.plan(mail) if mail else app.retention.plan_chef(name, uai)
        texts = plan.mentions if all_texts else _chosen(chosen, plan.mentions)
        if isinstance(plan, PersonPlan):
            _write_plan(plan, texts)
            if plan.is_refused:
                raise refused(app.retention.refusals(plan))
        else:
            _write_chef_plan(plan, texts)
        if dry_run or not (texts or plan.changes):
            return
        if not yes and not ask_confirmation(f"Effacer ce qui est gardé de {mail or name}, sans retour ?", "--yes"):
            say(["Rien n'est effacé."])
            return
        try:
            if mail:
                counts = app.retention.erase(mail, actor, texts)
            else:
                counts = app.retention.erase_chef(name, actor, uai, texts)
        except OSError as error:
            remedy = f"Que faire : rendre {app.retention.ledger.path} inscriptible par ce compte, puis recommencer."
            message = "L'effacement n'a pas pu être noté hors de la base : rien n'est effacé."
            raise CliFailure(message, ExitCode.UNAVAILABLE, [remedy]) from error
        _write_counts("Effacé :", counts)
        click.echo(printable(f"Noté dans {app.retention.ledger.path}, à sauvegarder avec les secrets."))
        if texts:
            click.echo("Les textes d'autres demandes n'y sont pas : après une restauration, recommencer pour eux.")


def _whom(address: str | None, name: str, uai: str) -> tuple[str, str, str]:
    """Return the address, or the name and the UAI to which it is narrowed; refuse both, and neither."""
    from states.validation import chef_key, clean, normalise_uai, uai_problem

    if bool(address) == bool(name.strip()):
        raise click.UsageError("Donner soit une adresse, soit --name « PRÉNOM NOM ».")
    if address:
        if uai:
            raise click.UsageError("--uai va avec --name.")
        return _checked(address), "", ""
    if " " not in chef_key(name):
        raise click.UsageError(f"« {name} » : donner le prénom et le nom.")
    uai = normalise_uai(uai)
    if uai and (problem := uai_problem(uai)):
        raise click.UsageError(f"« {uai} » {problem}.")
    return "", clean(name), uai


def _chosen(typed: tuple[str, ...], mentions: tuple[str, ...]) -> tuple[str, ...]:
    """The requests whose texts are to go; refuse one of which no text names the person."""
    references = tuple(dict.fromkeys(reference.strip().upper() for reference in typed))
    if unknown := [reference for reference in references if reference not in mentions]:
        raise click.UsageError(f"Aucun texte ne nomme la personne dans {', '.join(unknown)}.")
    return references


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
    _write_mentions(printer, found.mentions)


def _write_chef(found: "ChefNamePlan") -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé sous le nom de {found.name}{f' ({found.uai})' if found.uai else ''}")
    if found.is_unknown:
        printer.line("Rien.")
        return
    for place in found.places:
        printer.line(place.what)
    _write_mentions(printer, found.mentions)
    printer.line("Un homonyme porte le même nom : le vérifier, par établissement (--uai), avant de répondre.")


def _write_mentions(printer: SectionPrinter, mentions: tuple[str, ...]) -> None:
    if mentions:
        printer.section("Autres demandes dont un texte nomme la personne")
        printer.line(", ".join(mentions))


def _write_kept(printer: SectionPrinter, kept: "Kept", zone: "tzinfo") -> None:
    printer.line(kept.title)
    for label, value in kept.facts:
        printer.fact(label, cell(value, zone), 2)
    for text in kept.texts:
        printer.line(text, 2)


def _write_plan(plan: "PersonPlan", texts: tuple[str, ...]) -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé de {plan.mail}")
    if plan.is_unknown:
        printer.line("Rien : il n'y a rien à effacer.")
        return
    _write_counts("Part :", plan.counts)
    if plan.awaited:
        why = "un retrait est à confirmer, ou un signalement à régler : elles partiront ensuite"
        printer.line(f"Reste : {', '.join(plan.awaited)} ({why}).")
    if plan.acts:
        kinds = french.plural(
            plan.acts, "désignation de la personne au journal", "désignations de la personne au journal"
        )
        printer.line(f"Reste : {kinds}, tant qu'une demande gardée ou une action récente en répond (R110).")
    _write_rest(printer, plan.mentions, texts)


def _write_chef_plan(plan: "ChefNamePlan", texts: tuple[str, ...]) -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé sous le nom de {plan.name}{f' ({plan.uai})' if plan.uai else ''}")
    if plan.is_unknown:
        printer.line("Rien : il n'y a rien à effacer.")
        return
    for place in plan.places:
        printer.line(f"Reste : {place.what} ({place.stays})." if place.stays else f"Part : {place.what}.")
    _write_rest(printer, plan.mentions, texts)
    printer.line("Reste : les courriels qui citent ce nom, jusqu'à la fin de leur durée (oda retention register).")
    printer.line("Un homonyme porte le même nom : le vérifier, par établissement (--uai), avant d'effacer.")


def _write_rest(printer: SectionPrinter, mentions: tuple[str, ...], texts: tuple[str, ...]) -> None:
    if texts:
        printer.line(f"Part : les textes qui nomment la personne dans {', '.join(texts)}.")
    if others := [reference for reference in mentions if reference not in texts]:
        why = "un de leurs textes nomme la personne ; les relire, puis --text RÉFÉRENCE ou --texts les efface"
        printer.line(f"Reste : {', '.join(others)} ({why}).")
    printer.line("Reste : le journal, où les personnes sont des numéros, et les chiffres, où personne n'est nommé.")
    printer.line("Ce que gardent d'autres (la DRANE, DelegCE, le serveur ODA, les boîtes) se demande à chacun.")


def _write_counts(title: str, counts: "Counts") -> None:
    from workflow.retention.limits import Erased

    click.echo(title)
    for kind, number in counts.data.items():
        click.echo(f"  {Erased.of(kind).label} : {french.number(number)}")
    if not counts.data:
        click.echo("  rien")
