"""``oda person`` and ``oda retention``: what is kept of people, what time erases (R110, R111); a lost factor (R106)."""

from datetime import date
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, Day, opened, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for, refused
from portal.cli.output import SectionPrinter, ask_confirmation, cell, echo_object, json_object_option, printable, say
from states import french

if TYPE_CHECKING:
    from datetime import tzinfo

    from workflow.retention.erasure import Counts
    from workflow.retention.person import ChefNamePlan, PersonFile, PersonPlan

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

    from workflow.retention.person import PersonFile

    report: ChefNamePlan | PersonFile
    mail, name, uai = _whom(address, name, uai)
    with opened(context) as (app, actor):
        report = app.retention.access(mail, actor) if mail else app.retention.access_chef(name, actor, uai)
        zone = app.settings.zoneinfo
    if as_json:
        echo_object(asdict(report))
    elif isinstance(report, PersonFile):
        _write_person(report, zone)
    else:
        _write_chef(report)


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
def erase_person(
    context: CliContext, address: str | None, name: str, uai: str, chosen: tuple[str, ...], all_texts: bool,
    dry_run: bool, yes: bool,
) -> None:  # fmt: skip
    from workflow.retention.person import PersonPlan

    plan: ChefNamePlan | PersonPlan
    mail, name, uai = _whom(address, name, uai)
    with opened(context) as (app, actor):
        plan = app.retention.plan(mail) if mail else app.retention.plan_chef(name, uai)
        texts = plan.mentions if all_texts else tuple(dict.fromkeys(typed.strip().upper() for typed in chosen))
        if unknown := [reference for reference in texts if reference not in plan.mentions]:
            raise click.UsageError(f"Aucun texte ne nomme la personne dans {', '.join(unknown)}.")
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
    from states.validation import chef_key, clean, clean_mail, mail_problem, normalise_uai, uai_problem

    if bool(address) == bool(name.strip()):
        raise click.UsageError("Donner soit une adresse, soit --name « PRÉNOM NOM ».")
    if address:
        if uai:
            raise click.UsageError("--uai va avec --name.")
        mail = clean_mail(address)
        if problem := mail_problem(mail):
            raise click.UsageError(f"« {address} » {problem}.")
        return mail, "", ""
    if " " not in chef_key(name):
        raise click.UsageError(f"« {name} » : donner le prénom et le nom.")
    uai = normalise_uai(uai)
    if uai and (problem := uai_problem(uai)):
        raise click.UsageError(f"« {uai} » {problem}.")
    return "", clean(name), uai


def _write_person(report: "PersonFile", zone: "tzinfo") -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé de {report.mail}")
    if report.is_empty:
        printer.line("Rien.")
        return
    printer.fact("Rôle dans les réglages", report.role)
    for title, things in (
        ("Demandes", report.requests), ("Courriels", report.mails), ("Lignes des listes", report.list_rows),
        ("Connexions et jetons", report.access), ("Ce que la personne a fait au rectorat", report.acts),
    ):  # fmt: skip
        if things:
            printer.section(f"{title} : {len(things)}")
            for item in things:
                printer.line(item.title)
                for label, value in item.facts:
                    printer.fact(label, cell(value, zone), 2)
                for text in item.texts:
                    printer.line(text, 2)
    _write_mentions(printer, report.mentions)


def _write_chef(report: "ChefNamePlan") -> None:
    printer = SectionPrinter()
    printer.title(f"Ce qui est gardé sous le nom de {report.name}{f' ({report.uai})' if report.uai else ''}")
    if report.is_unknown:
        printer.line("Rien.")
        return
    for place in report.places:
        printer.line(place.what)
    _write_mentions(printer, report.mentions)
    printer.line("Un homonyme porte le même nom : le vérifier, par établissement (--uai), avant de répondre.")


def _write_mentions(printer: SectionPrinter, mentions: tuple[str, ...]) -> None:
    if mentions:
        printer.section("Autres demandes dont un texte nomme la personne")
        printer.line(", ".join(mentions))


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
    from workflow.retention.erasure import Erased

    click.echo(title)
    for kind, number in counts.data.items():
        click.echo(f"  {Erased(kind).label} : {french.number(number)}")
    if not counts.data:
        click.echo("  rien")


@failure_for("workflow.auth.second_factor.FactorKnown")
@failure_for("workflow.auth.second_factor.FactorUnknown")
def _unknown_factor(error: Exception) -> CliFailure:
    return CliFailure(f"{error} Rien n'a changé (R106).", ExitCode.REFUSED, [])


@person.group("factor", cls=CommandGroup, help="Le second facteur d'un opérateur.")
def factor() -> None:
    pass


@factor.command(
    "allow",
    help="Autorise un opérateur à inscrire un second facteur pendant un jour, quand les réglages en exigent un (R106)."
    " S'assurer d'abord, de vive voix, que la demande vient de lui. Réservé aux opérateurs.",
)
@click.argument("address", metavar="ADRESSE", help="L'adresse de l'opérateur, comme dans people.operators.")
@pass_cli_context
def allow_factor(context: CliContext, address: str) -> None:
    with opened(context) as (app, actor):
        app.second_factors.allow(actor, address)
    click.echo(printable(f"{address} peut inscrire un second facteur sur le portail, jusqu'à demain à la même heure."))


@factor.command(
    "remove",
    help="Retire le second facteur d'un opérateur qui a perdu son téléphone et ses codes de secours (R106). Il en est"
    " prévenu par courriel, et tous les opérateurs aussi. Réservé aux opérateurs.",
)
@click.argument("address", metavar="ADRESSE", help="L'adresse de l'opérateur, comme dans people.operators.")
@pass_cli_context
def remove_factor(context: CliContext, address: str) -> None:
    with opened(context) as (app, actor):
        app.second_factors.remove(actor, address)
        is_required = app.second_factors.policy == "required"
    click.echo(printable(f"Le second facteur de {address} est retiré."))
    if is_required:
        click.echo(printable(f"Pour qu'un autre soit inscrit : oda person factor allow {address}"))


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
def preview_erasures(context: CliContext, day: date | None, as_json: bool) -> None:
    from workflow.retention.erasure import Erased

    with opened_app(context) as app:
        report = app.retention.preview(day)
        settings, zone = app.settings.retention, app.settings.zoneinfo
    if as_json:
        echo_object({"on": report.day, **report.counts.by_kind, "removals_awaited": report.awaited})
        return
    printer = SectionPrinter()
    printer.title(f"Ce qui serait effacé le {french.day(report.day)}")
    for kind, number in report.counts.by_kind.items():
        printer.fact(Erased(kind).label, french.number(number))
    printer.section("D'après les réglages")
    for label, months, before in (
        ("demandes finies, retrait confirmé", settings.requests, report.limits.requests),
        ("lignes des listes", settings.lists, report.limits.lists),
        ("courriels", settings.mails, report.limits.mails),
        ("adresses de réseau", settings.addresses, report.limits.addresses),
    ):
        printer.fact(label, f"{months} mois, donc d'avant le {french.day(before.astimezone(zone).date())}")
    if report.awaited:
        printer.section("Ce qui reste")
        waiting = french.plural(
            report.awaited, "demande finie depuis plus longtemps", "demandes finies depuis plus longtemps"
        )
        printer.line(f"{waiting} : retrait jamais confirmé (oda removal list), rien n'en est effacé avant.")


@retention.command(
    "register",
    help="Écrit en Markdown l'entrée du registre des traitements (RGPD, article 30) et une analyse d'impact abrégée,"
    " d'après les réglages (R111). À relire et à compléter avec le délégué à la protection des données.",
)
@pass_cli_context
def register(context: CliContext) -> None:
    from portal.web.public_texts import register_text

    click.echo(register_text(context.settings()), nl=False)
