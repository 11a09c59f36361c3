"""``oda mail``: the mails that leave, those that did not arrive, and what a person decides of them (R58)."""

from typing import TYPE_CHECKING

import click

from notifications.vocabulary import Kind, Stage
from portal.cli.cells import printable
from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode, failure_for, refused, say
from portal.cli.french import FrenchGroup, LabelledChoice, Uai
from portal.cli.mail_check import check
from portal.cli.mail_templates import preview, templates
from portal.cli.output import emit, json_of_one, json_option
from portal.cli.request.options import WITHOUT_NAMES, Reference

if TYPE_CHECKING:
    from states.actors import Actor

_COLUMNS = {
    "id": "N°", "title": "Courriel", "recipient": "À", "status": "Étape", "reference": "Demande",
    "created_at": "Inscrit le",
}  # fmt: skip
_EMPTY = "Aucun courriel ne correspond."


@failure_for("notifications.errors.MailRefusal")
def _refusal(error: Exception) -> CliFailure:
    details = [f"{error} ({getattr(error, 'rule', 'R58')})"]
    return CliFailure("Refusé, rien n'a changé.", ExitCode.REFUSED, details)


@failure_for("workflow.mail_events.MailActionRefused")
def _not_allowed(error: Exception) -> CliFailure:
    return refused(getattr(error, "reasons", ()))


@click.group("mail", cls=FrenchGroup, help="Les courriels : les suivre, renvoyer, écarter, changer leurs mots.")
def mail() -> None:
    pass


mail.add_command(templates)
mail.add_command(preview)
mail.add_command(check)


@mail.command("list", help="Les courriels, les plus récents d'abord ; sans filtre, les non remis en tête.")
@click.option("--stage", "stages", multiple=True, type=LabelledChoice(Stage), metavar="ÉTAPE", help="À cette étape.")
@click.option("--kind", type=LabelledChoice(Kind), metavar="GENRE", help="De ce genre.")
@click.option("--uai", type=Uai(), metavar="UAI", help="D'un établissement.")
@click.option("--reference", type=Reference(), metavar="RÉFÉRENCE", help="D'une demande.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Combien au plus.")
@click.option("--after", type=click.IntRange(min=1), metavar="N", help="La page suivante : après le courriel n° N.")
@json_option
@pass_app
def list_(
    app: App, /, stages: tuple[Stage, ...], kind: Kind | None, uai: str | None, reference: str | None, limit: int,
    after: int | None, as_json: bool,
) -> None:  # fmt: skip
    from notifications import pauses
    from notifications.outbox import listing
    from portal.cli.mail_page import brief, row, worst_first
    from portal.cli.mail_pause import pause_lines
    from portal.cli.opening import opened

    filtered = bool(stages or kind or uai or reference)
    with opened(app) as (house, actor), house.database.read() as connection:
        _rectorat_only(actor)
        if filtered:
            page = listing(connection, stages=stages, kind=kind, uai=uai, reference=reference, after=after, limit=limit)
        else:
            page = worst_first(connection, after=after, limit=limit)
        pause = pauses.stored(connection)
    if pause:
        say(pause_lines(pause, house.clock.now(), house.settings.zoneinfo))
    shown = row if as_json else brief
    columns = _COLUMNS | ({"words": "Réponse du serveur"} if any(one.last_reply for one in page.mails) else {})
    emit([shown(one) for one in page.mails], columns, as_json, _EMPTY, house.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after {page.after}"])


@mail.command("show", help="Un courriel : son envoi, son objet, son texte où le code est masqué (R60).")
@click.argument("number", type=click.IntRange(min=1), metavar="N", help="Le numéro du courriel.")
@json_of_one
@pass_app
def show(app: App, /, number: int, as_json: bool) -> None:
    from notifications.outbox import find
    from portal.cli.mail_page import shape, write
    from portal.cli.opening import opened
    from portal.cli.request.told import echo_object
    from portal.mail_words import words_of

    with opened(app) as (house, actor), house.database.read() as connection:
        _rectorat_only(actor)
        found = find(connection, number)
        words = words_of(found, house.mailer)
    if as_json:
        echo_object(shape(found, words))
    else:
        write(found, words, house.settings)


@mail.command(
    "retry",
    help="Renvoie un courriel, à la boîte qu'a l'établissement aujourd'hui (R58) ; avec --uai, tous ceux de"
    " l'établissement que leur adresse a empêchés d'arriver (R15).",
)
@click.argument("number", type=click.IntRange(min=1), metavar="[N]", required=False, help="Le numéro du courriel.")
@click.option("--uai", type=Uai(), metavar="UAI", help="Tous ceux de cet établissement, au lieu d'un seul.")
@pass_app
def retry(app: App, /, number: int | None, uai: str | None) -> None:
    from portal.cli import mail_retry
    from portal.cli.opening import opened

    if (number is None) == (uai is None):
        raise click.UsageError("Donner le numéro d'un courriel, ou --uai UAI.")
    with opened(app) as (house, actor):
        if number is not None:
            click.echo(mail_retry.sentence(number, house.mail_journal.retry(number, actor)))
        elif uai is not None:
            mail_retry.tell(uai, house.mail_journal.retry_all(uai, actor))


@mail.command("discard", help="Écarte un courriel qui ne partira plus, en disant pourquoi (R58).")
@click.argument("number", type=click.IntRange(min=1), metavar="N", help="Le numéro du courriel.")
@click.option("--why", required=True, metavar="TEXTE", help=f"Pourquoi ({WITHOUT_NAMES}).")
@pass_app
def discard(app: App, /, number: int, why: str) -> None:
    from portal.cli.opening import opened

    with opened(app) as (house, actor):
        lost = house.mail_journal.discard(number, actor, why)
    click.echo(printable(f"Courriel n° {number} écarté : {lost.title}, pour {lost.recipient or lost.uai}."))


def _rectorat_only(actor: "Actor") -> None:
    """Mails tell of many establishments: the rectorat and its readers alone look at them (R2, R3)."""
    from states.refusals import Reason
    from states.vocabulary import Role

    if actor.role not in (Role.OPERATOR, Role.READER):
        reason = Reason(
            "wrong_role", "R2", f"Les courriels ne sont pas montrés au rôle « {actor.role.label} »",
            "Demander à un opérateur du rectorat.",
        )  # fmt: skip
        raise refused([reason], "Rien à montrer.")
