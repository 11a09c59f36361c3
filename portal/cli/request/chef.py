"""Actions of the establishment, or of an operator at its request, from the declaration to the handover (R25 to R33).

Besides, the ways in which operators share requests between them: taken, released, noted (R88).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import ROW_NUMBER, CliContext, Day, Uai, Year, labelled_option, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, refused
from portal.cli.output import ask_confirmation, printable, say
from portal.cli.request.execute import ActionOptions, act, acting, free_text, reference_argument
from states import french
from states.vocabulary import Role, WithdrawReason

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from states.commands import Command
    from states.model import Actor
    from workflow.app import App
    from workflow.requests.collaboration import Assignment

_year_option = click.option(
    "--year", "school_year", type=Year(), metavar="ANNÉE", help="L'année scolaire ; sinon la dernière ouverte (R20)."
)

_homonym_option = click.option(
    "--homonym", "homonym_confirmed", is_flag=True, help="C'est bien une autre personne de mêmes nom et prénom (R17)."
)

_mail_option = click.option(
    "--mail-confirmed", is_flag=True, help="C'est bien son adresse, bien que d'un autre domaine (R16)."
)

_drane_option = click.option(
    "--drane-declared-on", type=Day(), metavar="DATE", help="Jour de sa déclaration dans l'application de la DRANE."
)


@click.command("declare", help="Déclare un RUPN : une demande naît, et reçoit sa référence (R25).")
@click.option("--uai", type=Uai(), metavar="UAI", help="L'établissement ; un chef qui n'en a qu'un peut s'en passer.")
@click.option("--nom", required=True, metavar="NOM", help="Le nom du RUPN.")
@click.option("--prenom", required=True, metavar="PRÉNOM", help="Son prénom.")
@click.option("--mail", required=True, metavar="ADRESSE", help="Son adresse électronique.")
@_year_option
@_drane_option
@_mail_option
@_homonym_option
@acting(as_chef=True, version=False)
def declare(context: CliContext, options: ActionOptions, /, uai: str | None, **fields: Any) -> None:
    from states.commands import Declare

    common = options.common_fields()

    def build(_: "App", actor: "Actor") -> "Command":
        if not uai and len(actor.establishments) != 1:
            raise click.UsageError("Dire l'établissement : --uai UAI.")
        return Declare(uai=uai or next(iter(actor.establishments)), **fields, **common)

    act(context, options, build)


@click.command(
    "renew",
    help="Renouvelle une demande pour une année ouverte : rien n'est ressaisi, délégation et charte sont à refaire.",
)
@reference_argument
@_year_option
@_mail_option
@_homonym_option
@acting(as_chef=True)
def renew(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import Renew

    act(context, options, Renew(**fields, **options.common_fields()))


@click.command("delegate", help="Atteste que la délégation est indispensable et faite dans DelegCE (R26).")
@reference_argument
@free_text("--why", "Pourquoi elle est indispensable", required=True)
@click.option("--made-on", required=True, type=Day(), metavar="DATE", help="Le jour où elle a été faite dans DelegCE.")
@acting(as_chef=True)
def delegate(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import Delegate

    act(context, options, Delegate(**fields, **options.common_fields()))


@click.command("sign-charter", help="Enregistre la charte signée par le RUPN (R27).")
@reference_argument
@click.option("--signed-on", required=True, type=Day(), metavar="DATE", help="Le jour de la signature.")
@click.option("--charter", "charter", required=True, metavar="VERSION", help="La version signée, lue sur la charte.")
@click.option("--copy-kept", is_flag=True, help="L'exemplaire signé est conservé dans l'établissement.")
@acting(as_chef=True)
def sign_charter(context: CliContext, options: ActionOptions, /, charter: str, **fields: Any) -> None:
    from states.commands import SignCharter

    act(context, options, SignCharter(version=charter, **fields, **options.common_fields()))


@click.command(
    "submit",
    help="Envoie la demande au rectorat, une fois l'identité du RUPN relue et confirmée (R28).",
)
@reference_argument
@click.option("--confirmed", "sure", is_flag=True, help="L'identité est déjà relue : ne pas poser la question.")
@acting(as_chef=True)
def submit(context: CliContext, options: ActionOptions, /, reference: str, sure: bool) -> None:
    """The identity as it is shown is the one that is confirmed: a correction in between is refused (R28)."""
    common = options.common_fields()

    def build(app: "App", actor: "Actor") -> "Command":
        from states.commands import Submit
        from workflow.requests.detail import load_facts

        with app.database.read() as connection:
            request = load_facts(connection, reference, app.mailer).request
        if request is None or not actor.can_see(request.uai):  # the engine says why it is refused
            return Submit(reference=reference, nom="", prenom="", mail="", **common)
        if not sure:
            for label, value in (("Nom", request.nom), ("Prénom", request.prenom), ("Adresse", request.mail)):
                click.echo(printable(f"{label} : {value}"), err=True)
            if not ask_confirmation("Cette identité est-elle exacte ?"):
                remedy = "Que faire : corriger d'abord, oda request amend."
                raise CliFailure("Rien n'a été envoyé.", ExitCode.REFUSED, [remedy])
        return Submit(reference=reference, nom=request.nom, prenom=request.prenom, mail=request.mail, **common)

    act(context, options, build)


@click.command("amend", help="Corrige une demande avant son envoi ; ce qui est tu reste (R29).")
@reference_argument
@click.option("--nom", metavar="NOM", help="Le nom corrigé ; après la charte, elle est à signer de nouveau.")
@click.option("--prenom", metavar="PRÉNOM", help="Le prénom corrigé, de même.")
@click.option("--mail", metavar="ADRESSE", help="L'adresse corrigée.")
@_drane_option
@_mail_option
@_homonym_option
@acting(as_chef=True)
def amend(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import Amend

    act(context, options, Amend(**fields, **options.common_fields()))


@click.command("take-back", help="Reprend une demande envoyée, pour la corriger, tant que rien n'y est vérifié (R29).")
@reference_argument
@acting(as_chef=True)
def take_back(context: CliContext, options: ActionOptions, /, reference: str) -> None:
    from states.commands import TakeBack

    act(context, options, TakeBack(reference=reference, **options.common_fields()))


@click.command("withdraw", help="Abandonne une demande dont le code n'est pas transmis (R30).")
@reference_argument
@labelled_option(WithdrawReason, "--reason", required=True, metavar="RAISON", help="Pourquoi elle l'est.")
@free_text("--note", "Une précision", required=False)
@acting(as_chef=True)
def withdraw(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import Withdraw

    act(context, options, Withdraw(**fields, **options.common_fields()))


@click.command("answer-question", help="Répond à la question du rectorat (R90).")
@reference_argument
@free_text("--answer", "La réponse", required=True)
@acting(as_chef=True)
def answer_question(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import AnswerQuestion

    act(context, options, AnswerQuestion(**fields, **options.common_fields()))


@click.command("confirm-handover", help="Confirme que le code a été remis en main propre (R31).")
@reference_argument
@click.option("--handed-on", required=True, type=Day(), metavar="DATE", help="Le jour de la remise.")
@acting(as_chef=True)
def confirm_handover(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import ConfirmHandover

    act(context, options, ConfirmHandover(**fields, **options.common_fields()))


@contextmanager
def _opened_on(context: CliContext, reference: str, action: str) -> "Iterator[tuple[App, Actor]]":
    """``opened``, for an operator and a request that exists. Raises NotAllowed (R2), CliFailure."""
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.requests.detail import show_request
        from workflow.requests.filters import not_visible

        require_operator(actor, action)
        with app.database.read() as connection:
            view = show_request(connection, reference, actor, app.policy, app.mailer, app.clock.now())
        if view is None:
            raise refused([not_visible(actor, reference)])
        yield app, actor


@click.command(
    "take",
    help="Dit aux collègues que vous vous occupez de la demande, pour un moment ; cela n'empêche personne d'agir, et"
    " chacun peut la prendre à son tour (R88).",
)
@reference_argument
@pass_cli_context
def take(context: CliContext, /, reference: str) -> None:
    with _opened_on(context, reference, "s'occuper d'une demande") as (app, actor):
        with app.database.read() as connection:
            before = _assignment(connection, app, reference)
        app.assignments.take(reference, actor)
        with app.database.read() as connection:
            current = _assignment(connection, app, reference)
    if before and not before.is_of(actor):
        say([f"Attention : {before.address} s'en occupait. Le lui dire."])
    until = f" jusqu'au {french.instant(current.until, app.settings.zoneinfo)}" if current else ""
    click.echo(printable(f"{reference} : vous vous en occupez{until}."))


@click.command("release", help="Dit que plus personne ne s'occupe de la demande, qui que ce soit qui l'avait (R88).")
@reference_argument
@pass_cli_context
def release(context: CliContext, /, reference: str) -> None:
    with _opened_on(context, reference, "laisser une demande") as (app, _):
        app.assignments.release(reference)
    click.echo(printable(f"{reference} : plus personne ne s'en occupe."))


@click.command(
    "note",
    help="Écrit une note privée sur la demande : les opérateurs seuls la lisent, par « oda request show » (R88).",
)
@reference_argument
@free_text("--text", "La note, de 500 caractères au plus", required=True)
@pass_cli_context
def note(context: CliContext, /, reference: str, text: str) -> None:
    from workflow.requests.collaboration import notes_of

    with _opened_on(context, reference, "écrire une note") as (app, actor):
        if reasons := app.private_notes.write(reference, actor, text):
            raise refused(reasons)
        with app.database.read() as connection:
            number = notes_of(connection, reference)[0].number
    click.echo(printable(f"{reference} : la note n° {number} est écrite, les opérateurs seuls la lisent."))


@click.command("erase-note", help="Efface pour de bon une note privée, qui que ce soit qui l'a écrite (R88).")
@reference_argument
@click.argument("number", type=ROW_NUMBER, metavar="N", help="Le numéro de la note, que « oda request show » donne.")
@pass_cli_context
def erase_note(context: CliContext, /, reference: str, number: int) -> None:
    from workflow.requests.collaboration import notes_of

    with _opened_on(context, reference, "effacer une note") as (app, _):
        with app.database.read() as connection:
            numbers = {note.number for note in notes_of(connection, reference)}
        if number not in numbers:
            remedy = f"Que faire : lire les notes par « oda request show {reference} »."
            message = f"La demande {reference} n'a pas de note n° {number}, rien n'a changé."
            raise CliFailure(message, ExitCode.REFUSED, [remedy])
        app.private_notes.erase(reference, number)
    click.echo(printable(f"{reference} : la note n° {number} est effacée."))


def colleagues_lines(connection: "Connection", app: "App", actor: "Actor", reference: str) -> list[str]:
    """The operator who handles a request, for the rectorat, and its notes, for operators alone; nothing for a chef."""
    from workflow.requests.collaboration import notes_of

    if actor.is_establishment:
        return []
    zone, assignment = app.settings.zoneinfo, _assignment(connection, app, reference)
    lines = []
    if assignment:
        lines.append(f"{assignment.address} s'en occupe, jusqu'au {french.instant(assignment.until, zone)}")
    for written in notes_of(connection, reference) if actor.role is Role.OPERATOR else ():
        when = french.instant(written.written_at, zone)
        lines.append(f"Note n° {written.number}, {written.author}, {when} : {written.body}")
    return lines


def _assignment(connection: "Connection", app: "App", reference: str) -> "Assignment | None":
    from workflow.requests.collaboration import assignments_of

    return assignments_of(connection, [reference], app.clock.now()).get(reference)
