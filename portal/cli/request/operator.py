"""Commands of the rectorat: checks, the code, the expiry, changes, the end of a request and its removal (R32 to R49).

The code is read from a pipe or a hidden prompt, never from an argument that the shell's history keeps (R60).
"""

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import ROW_NUMBER, CliContext, Day, labelled_option
from portal.cli.output import read_secret, say
from portal.cli.request.execute import (
    ActionOptions,
    Callback,
    Reference,
    act,
    act_on_all,
    acting,
    free_text,
    reference_argument,
    references_argument,
)
from states import french
from states.vocabulary import (
    Change,
    CheckOutcome,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    Step,
    Trigger,
)

if TYPE_CHECKING:
    from states.commands import Code, Command
    from states.model import Actor
    from workflow.app import App


@click.command(
    "issue-code",
    help="Émet le code, lu sur l'entrée standard ou saisi sans s'afficher ; ou étend la clé existante (R39 à R43). Un"
    " code saisi part au bout de code.hold_seconds : jusque-là, « take-back-code » l'annule (R62).",
)
@reference_argument
@click.option(
    "--extends",
    type=Reference(),
    metavar="RÉFÉRENCE",
    help="Étend la clé de cette demande ; aucun code n'est lu (R40).",
)
@click.option(
    "--key-elsewhere",
    is_flag=True,
    help="La personne a déjà une clé, qui sert à une autre application ; aucun code n'est lu (R40).",
)
@click.option(
    "--expires-on", type=Day(), metavar="DATE", help="L'expiration portée sur le serveur ODA ; sinon la fin de l'année."
)
@click.option(
    "--new-key", "new_key_confirmed", is_flag=True, help="La personne a déjà une clé, une nouvelle est voulue (R42)."
)
@acting(as_chef=False)
def issue_code(
    context: CliContext,
    options: ActionOptions,
    /,
    reference: str,
    extends: str | None,
    key_elsewhere: bool,
    **fields: Any,
) -> None:
    from states.commands import IssueCode

    common = options.common_fields()

    def build(app: "App", actor: "Actor") -> "Command":
        if extends or key_elsewhere:
            return IssueCode(reference=reference, extends=extends, key_elsewhere=key_elsewhere, **fields, **common)
        code = _code(app, actor, reference, IssueCode.trigger)
        return IssueCode(reference=reference, code=code, **fields, **common)

    act(context, options, build)


@click.command(
    "reissue-code",
    help="Réémet un code, lu sur l'entrée standard ou saisi sans s'afficher ; règle les signalements qui l'attendent"
    " (R44).",
)
@reference_argument
@labelled_option(ReissueReason, "--reason", required=True, metavar="RAISON", help="Pourquoi.")
@click.option(
    "--new-key",
    "new_key_confirmed",
    is_flag=True,
    help="Une autre demande se sert de la même clé, une nouvelle est voulue (R42).",
)
@acting(as_chef=False)
def reissue_code(context: CliContext, options: ActionOptions, /, reference: str, **fields: Any) -> None:
    from states.commands import ReissueCode

    common = options.common_fields()

    def build(app: "App", actor: "Actor") -> "Command":
        code = _code(app, actor, reference, ReissueCode.trigger)
        return ReissueCode(reference=reference, code=code, **fields, **common)

    act(context, options, build)


@click.command(
    "take-back-code",
    help="Annule l'envoi d'un code qui vient d'être saisi, tant que son courriel n'est pas parti (R62).",
)
@references_argument
@acting(as_chef=False)
def take_back_code(context: CliContext, options: ActionOptions, /, references: tuple[str, ...]) -> None:
    from states.commands import TakeBackCode

    common = options.common_fields()
    act_on_all(context, options, references, lambda reference: TakeBackCode(reference=reference, **common))


def _code(app: "App", actor: "Actor", reference: str, trigger: Trigger) -> "Code":
    """Read the code; on a terminal, after the expiry to set on the ODA server (R43) and the person's others (R19).

    No code is typed in vain: where the action cannot be, an empty one lets the engine say why.
    """
    from states.commands import Code

    if sys.stdin.isatty():
        from workflow.requests.detail import show_request

        with app.database.read() as connection:
            view = show_request(connection, reference, actor, app.policy, app.mailer, app.clock.now())
        if view is None or all(action.trigger is not trigger for action in view.actions):
            return Code(clear="")
        request, end = view.request, view.year_end
        default = " (date par défaut)" if end.is_default else ""
        say([
            f"{request.reference} : {request.prenom} {request.nom}, {request.mail} — {view.establishment.nom}",
            f"Date d'expiration à porter sur le serveur ODA : {french.day(end.last_day)}{default}",
            *(
                f"Autre demande de la personne : {other.reference} ({other.uai}, {other.school_year},"
                f" {other.state.label}, {'a une clé' if other.has_key else 'sans clé'})"
                for other in view.others
            ),
        ])  # fmt: skip
    return Code(clear=read_secret("Le code d'initialisation"))


def _check_options(command: Callback) -> Callback:
    """The options of the two checks."""
    for option in (  # from the last of the help to the first
        click.option(
            "--checked-on", type=Day(), metavar="DATE", help="Le jour de la vérification ; sinon aujourd'hui."
        ),
        free_text("--source", "La liste qui a été lue, en quelques mots", required=True),
        labelled_option(CheckOutcome, "--outcome", required=True, metavar="RÉSULTAT", help="Trouvé ?"),
        references_argument,
    ):
        command = option(command)
    return command


@click.command(
    "check-listing",
    help="Enregistre la vérification de la liste des RUPN déclarés à la DRANE (R34).",
)
@_check_options
@acting(as_chef=False)
def check_listing(context: CliContext, options: ActionOptions, /, references: tuple[str, ...], **fields: Any) -> None:
    from states.commands import CheckListing

    common = options.common_fields()
    act_on_all(context, options, references, lambda reference: CheckListing(reference=reference, **fields, **common))


@click.command("check-delegation", help="Enregistre la vérification de la délégation dans DelegCE (R34).")
@_check_options
@acting(as_chef=False)
def check_delegation(
    context: CliContext, options: ActionOptions, /, references: tuple[str, ...], **fields: Any
) -> None:
    from states.commands import CheckDelegation

    common = options.common_fields()
    act_on_all(context, options, references, lambda reference: CheckDelegation(reference=reference, **fields, **common))


@click.command("send-back", help="Renvoie la demande à l'établissement, qui refait une étape (R38).")
@reference_argument
@labelled_option(Step, "--step", required=True, metavar="ÉTAPE", help="L'étape à refaire.")
@free_text("--why", "La raison, que l'établissement lira", required=True)
@acting(as_chef=False)
def send_back(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import SendBack

    act(context, options, SendBack(**fields, **options.common_fields()))


@click.command("ask-question", help="Pose une question à l'établissement ; la demande reste où elle en est (R90).")
@reference_argument
@free_text("--question", "La question, que l'établissement lira", required=True)
@acting(as_chef=False)
def ask_question(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import AskQuestion

    act(context, options, AskQuestion(**fields, **options.common_fields()))


@click.command(
    "send-to-drane", help="Note la transmission d'un RUPN, d'une correction ou d'un retrait à la DRANE (R96)."
)
@references_argument
@click.option("--on", "sent_on", type=Day(), metavar="DATE", help="Le jour de la transmission ; sinon aujourd'hui.")
@acting(as_chef=False)
def send_to_drane(
    context: CliContext, options: ActionOptions, /, references: tuple[str, ...], sent_on: date | None
) -> None:
    from states.commands import SendToDrane

    common = options.common_fields()
    act_on_all(
        context, options, references, lambda reference: SendToDrane(reference=reference, sent_on=sent_on, **common)
    )


@click.command("confirm-expiry", help="Coche la date d'expiration que la clé porte désormais (R43).")
@references_argument
@click.option(
    "--expires-on", type=Day(), metavar="DATE", help="La date portée sur le serveur ODA ; sinon la fin de l'année."
)
@acting(as_chef=False)
def confirm_expiry(
    context: CliContext, options: ActionOptions, /, references: tuple[str, ...], expires_on: date | None
) -> None:
    from states.commands import ConfirmExpiry

    common = options.common_fields()
    act_on_all(
        context,
        options,
        references,
        lambda reference: ConfirmExpiry(reference=reference, expires_on=expires_on, **common),
    )


@click.command(
    "report-change",
    help="Signale ce qui change pour le RUPN ou sa clé ; le rectorat le règle (R32).",
)
@reference_argument
@labelled_option(Change, "--change", required=True, metavar="CHANGEMENT", help="Ce qui change.")
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
def report_change(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import ReportChange

    act(context, options, ReportChange(**fields, **options.common_fields()))


@click.command("settle-change", help="Dit ce qui a été fait d'un signalement, ou date la révocation (R46).")
@reference_argument
@labelled_option(Settlement, "--settlement", required=True, metavar="SUITE", help="Ce qui a été fait.")
@free_text("--why", "Pourquoi", required=True)
@click.option("--report", type=ROW_NUMBER, metavar="N", help="Lequel, quand plusieurs signalements sont ouverts.")
@click.option(
    "--revoke-on", type=Day(), metavar="DATE", help="Le jour d'une révocation datée, que l'échéancier fera à 0 heure."
)
@acting(as_chef=False)
def settle_change(context: CliContext, options: ActionOptions, /, **fields: Any) -> None:
    from states.commands import SettleChange

    act(context, options, SettleChange(**fields, **options.common_fields()))


@click.command("revoke", help="Révoque des demandes, ce qui règle aussi leurs signalements (R45).")
@references_argument
@labelled_option(RevokeReason, "--reason", required=True, metavar="RAISON", help="Pourquoi.")
@free_text("--note", "Ses mots, que l'établissement lira ; nécessaires pour refusal, error, other", required=False)
@acting(as_chef=False)
def revoke(context: CliContext, options: ActionOptions, /, references: tuple[str, ...], **fields: Any) -> None:
    from states.commands import Revoke

    common = options.common_fields()
    act_on_all(context, options, references, lambda reference: Revoke(reference=reference, **fields, **common))


@click.command(
    "confirm-removal",
    help="Confirme ce qui a été fait sur le serveur ODA ; « oda request show » dit ce qu'il y a à faire (R48, R49).",
)
@references_argument
@labelled_option(RemovalOutcome, "--outcome", required=True, metavar="RÉSULTAT", help="Ce qui a été fait.")
@free_text("--note", "Une précision", required=False)
@acting(as_chef=False)
def confirm_removal(context: CliContext, options: ActionOptions, /, references: tuple[str, ...], **fields: Any) -> None:
    from states.commands import ConfirmRemoval

    common = options.common_fields()
    act_on_all(context, options, references, lambda reference: ConfirmRemoval(reference=reference, **fields, **common))


@click.command("reopen-removal", help="Rouvre des retraits confirmés à tort : ils sont de nouveau à faire (R49).")
@references_argument
@free_text("--why", "Pourquoi", required=True)
@acting(as_chef=False)
def reopen_removal(context: CliContext, options: ActionOptions, /, references: tuple[str, ...], **fields: Any) -> None:
    from states.commands import ReopenRemoval

    common = options.common_fields()
    act_on_all(context, options, references, lambda reference: ReopenRemoval(reference=reference, **fields, **common))
