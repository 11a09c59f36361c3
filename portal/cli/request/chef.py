"""What the establishment does of a request, or an operator at its request: delegate to confirm the handover."""

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import confirmed, printable
from portal.cli.parameters import Day, Uai, Year, labelled_option
from portal.cli.request.execute import ActionOptions, act, acting, free_text, reference_argument
from states.vocabulary import WithdrawReason

if TYPE_CHECKING:
    from states.commands import Command
    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App


# ``oda request declare`` and ``renew``: how a request is born (R25, R33).


year_option = click.option(
    "--year", "school_year", type=Year(), metavar="ANNÉE", help="L'année scolaire ; sinon la dernière ouverte (R20)."
)


homonym_option = click.option(
    "--homonym", "homonym_confirmed", is_flag=True, help="C'est bien une autre personne de mêmes nom et prénom (R17)."
)


drane_option = click.option(
    "--drane-declared-on", type=Day(), metavar="DATE", help="Jour de sa déclaration dans l'application de la DRANE."
)


@click.command("declare", help="Déclare un RUPN : une demande naît, et reçoit sa référence (R25).")
@click.option("--uai", type=Uai(), metavar="UAI", help="L'établissement ; un chef qui n'en a qu'un peut s'en passer.")
@click.option("--nom", required=True, metavar="NOM", help="Le nom du RUPN.")
@click.option("--prenom", required=True, metavar="PRÉNOM", help="Son prénom.")
@click.option("--mail", required=True, metavar="ADRESSE", help="Son adresse électronique.")
@year_option
@drane_option
@homonym_option
@acting(as_chef=True, version=False)
def declare(context: CliContext, manner: ActionOptions, /, uai: str | None, **said: Any) -> None:
    from states.commands import Declare

    common = manner.fields()
    act(context, manner, lambda _, actor: Declare(uai=uai or _only_one(actor), **said, **common))


def _only_one(actor: "Actor") -> str:
    if len(actor.establishments) != 1:
        raise click.UsageError("Dire l'établissement : --uai UAI.")
    return next(iter(actor.establishments))


@click.command(
    "renew",
    help="Renouvelle une demande pour une année ouverte : rien n'est ressaisi, délégation et charte sont à refaire.",
)
@reference_argument
@year_option
@homonym_option
@acting(as_chef=True)
def renew(
    context: CliContext,
    manner: ActionOptions,
    /,
    reference: str,
    school_year: "SchoolYear | None",
    homonym_confirmed: bool,
) -> None:
    from states.commands import Renew

    command = Renew(
        reference=reference, school_year=school_year, homonym_confirmed=homonym_confirmed, **manner.fields()
    )
    act(context, manner, lambda *_: command)


@click.command("delegate", help="Atteste que la délégation est indispensable et faite dans DelegCE (R26).")
@reference_argument
@free_text("--why", "Pourquoi elle est indispensable", required=True)
@click.option("--made-on", required=True, type=Day(), metavar="DATE", help="Le jour où elle a été faite dans DelegCE.")
@acting(as_chef=True)
def delegate(context: CliContext, manner: ActionOptions, /, **said: Any) -> None:
    from states.commands import Delegate

    command = Delegate(**said, **manner.fields())
    act(context, manner, lambda *_: command)


@click.command("sign-charter", help="Enregistre la charte signée par le RUPN (R27).")
@reference_argument
@click.option("--signed-on", required=True, type=Day(), metavar="DATE", help="Le jour de la signature.")
@click.option("--charter", "charter", required=True, metavar="VERSION", help="La version signée, lue sur la charte.")
@click.option("--copy-kept", is_flag=True, help="L'exemplaire signé est conservé dans l'établissement.")
@acting(as_chef=True)
def sign_charter(context: CliContext, manner: ActionOptions, /, charter: str, **said: Any) -> None:
    from states.commands import SignCharter

    command = SignCharter(version=charter, **said, **manner.fields())
    act(context, manner, lambda *_: command)


@click.command(
    "submit",
    help="Envoie la demande au rectorat, une fois l'identité du RUPN relue et confirmée (R28).",
)
@reference_argument
@click.option("--confirmed", "sure", is_flag=True, help="L'identité est déjà relue : ne pas poser la question.")
@acting(as_chef=True)
def submit(context: CliContext, manner: ActionOptions, /, reference: str, sure: bool) -> None:
    common = manner.fields()
    act(context, manner, lambda app, actor: _submission(app, actor, reference, common, sure))


def _submission(app: "App", actor: "Actor", reference: str, common: dict[str, Any], sure: bool) -> "Command":
    """The identity as it is shown is the one that is confirmed: a correction in between is refused (R28)."""
    from states.commands import Submit
    from workflow.requests.detail import load_facts

    with app.database.read() as connection:
        request = load_facts(connection, reference, app.mailer).request
    if request is None or not actor.can_see(request.uai):
        return Submit(reference=reference, nom="", prenom="", mail="", **common)  # the engine says why it is refused
    if not sure:
        for label, value in (("Nom", request.nom), ("Prénom", request.prenom), ("Adresse", request.mail)):
            click.echo(printable(f"{label} : {value}"), err=True)
        if not confirmed("Cette identité est-elle exacte ?"):
            raise CliFailure(
                "Rien n'a été envoyé.", ExitCode.REFUSED, ["Que faire : corriger d'abord, oda request amend."]
            )
    return Submit(reference=reference, nom=request.nom, prenom=request.prenom, mail=request.mail, **common)


@click.command("amend", help="Corrige une demande avant son envoi ; ce qui est tu reste (R29).")
@reference_argument
@click.option("--nom", metavar="NOM", help="Le nom corrigé ; après la charte, elle est à signer à nouveau.")
@click.option("--prenom", metavar="PRÉNOM", help="Le prénom corrigé, de même.")
@click.option("--mail", metavar="ADRESSE", help="L'adresse corrigée.")
@drane_option
@homonym_option
@acting(as_chef=True)
def amend(context: CliContext, manner: ActionOptions, /, **said: Any) -> None:
    from states.commands import Amend

    command = Amend(**said, **manner.fields())
    act(context, manner, lambda *_: command)


@click.command("withdraw", help="Abandonne une demande dont le code n'est pas transmis (R30).")
@reference_argument
@labelled_option(WithdrawReason, "--reason", required=True, metavar="RAISON", help="Pourquoi elle l'est.")
@free_text("--note", "Une précision", required=False)
@acting(as_chef=True)
def withdraw(context: CliContext, manner: ActionOptions, /, **said: Any) -> None:
    from states.commands import Withdraw

    command = Withdraw(**said, **manner.fields())
    act(context, manner, lambda *_: command)


@click.command("confirm-handover", help="Confirme que le code a été remis en main propre (R31).")
@reference_argument
@click.option("--handed-on", required=True, type=Day(), metavar="DATE", help="Le jour de la remise.")
@acting(as_chef=True)
def confirm_handover(context: CliContext, manner: ActionOptions, /, reference: str, handed_on: date) -> None:
    from states.commands import ConfirmHandover

    command = ConfirmHandover(reference=reference, handed_on=handed_on, **manner.fields())
    act(context, manner, lambda *_: command)
