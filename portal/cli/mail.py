"""``oda mail``: mails listed, shown, sent again or discarded (R58), their relay tried (R70). Codes are masked (R60)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from notifications.vocabulary import Fault, Kind, Stage
from portal.cli.context import ROW_NUMBER, CliContext, Day, Uai, labelled_option, opened, own_address, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for, refused
from portal.cli.output import (
    ExportByCommand,
    SectionPrinter,
    ask_confirmation,
    echo_object,
    emit,
    json_object_option,
    json_option,
    limit_option,
    one_form,
    output_options,
    printable,
    say,
    write_workbook,
)
from portal.cli.request.execute import WITHOUT_NAMES, Reference
from states import french

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from notifications.delivery.probe import StepResult
    from notifications.outbox.admin import OutboxPage
    from notifications.outbox.queue import Pause
    from notifications.rendering.renderer import Rendered
    from notifications.vocabulary import Mail
    from states.model import Actor
    from workflow.app import App
    from workflow.mail import RetryRefusal, RetryResult
    from workflow.settings.model import Settings

_FIELDS = (
    "id", "kind", "audience", "uai", "reference", "recipient", "stage", "fault", "attempts", "created_at",
    "not_after", "next_attempt_at", "sent_at", "doubted_at", "message_id", "dated_at", "subject", "last_reply",
    "replaces_id",
)  # fmt: skip

_BRIEF = 60
"""Characters of a server's reply in a table; JSON and ``oda mail show`` give it whole."""

_COLUMNS = {
    "id": "N°", "title": "Courriel", "recipient": "À", "status": "Étape", "reference": "Demande",
    "created_at": "Inscrit le",
}  # fmt: skip

mail = CommandGroup(
    "mail",
    lazy={
        "preview": (
            "portal.cli.templates", "preview_mail",
            "Montre un courriel avec des données d'exemple et les réglages de l'installation, sans rien envoyer ; le"
            " code est masqué.",
        ),
        "templates": (
            "portal.cli.templates", "templates",
            "Les modèles de courriels et de documents que l'académie peut remplacer ; avec un nom, ce qu'il peut"
            " employer (R68).",
        ),
    },
    help="Les courriels : les suivre, renvoyer, écarter, changer leurs mots.",
)  # fmt: skip


@failure_for("notifications.outbox.admin.MailRefusal")
def _refusal(error: Exception) -> CliFailure:
    details = [f"{error} ({getattr(error, 'rule', 'R58')})"]
    return CliFailure("Refusé, rien n'a changé.", ExitCode.REFUSED, details)


@failure_for("workflow.mail.MailActionRefused")
def _not_allowed(error: Exception) -> CliFailure:
    return refused(getattr(error, "reasons", ()))


@mail.command("list", help="Les courriels, les plus récents d'abord ; sans filtre, les non remis en tête.")
@labelled_option(Stage, "--stage", "stages", multiple=True, metavar="ÉTAPE", help="À cette étape.")
@labelled_option(Kind, "--kind", metavar="GENRE", help="De ce genre.")
@click.option("--uai", type=Uai(), metavar="UAI", help="D'un établissement.")
@click.option("--reference", type=Reference(), metavar="RÉFÉRENCE", help="D'une demande.")
@limit_option
@click.option("--after", type=ROW_NUMBER, metavar="N", help="La page suivante : après le courriel n° N.")
@json_option
@output_options
@pass_cli_context
def list_mails(
    context: CliContext,
    /,
    stages: tuple[Stage, ...],
    kind: Kind | None,
    uai: str | None,
    reference: str | None,
    limit: int,
    after: int | None,
    as_json: bool,
    output: Path | None,
    force: bool,
) -> None:
    one_form(as_json=as_json, output=output)
    filtered = bool(stages or kind or uai or reference)
    with opened(context) as (app, actor), app.database.read() as connection:
        from notifications.outbox.admin import list_outbox
        from notifications.outbox.queue import load_pause
        from workflow.database.schedule_tables import restoration_held
        from workflow.mail import MailFilters, walk_mails

        _rectorat_only(actor)
        if output:
            from portal.exports.lists import READ_TOGETHER, mails_workbook

            filters = MailFilters(stages=stages, kind=kind, uai=uai or "", reference=reference or "")
            listed = walk_mails(connection, filters, at_once=READ_TOGETHER)
            chosen = {"stage": stages, "kind": kind, "uai": uai, "reference": reference}
            export = ExportByCommand(app=app, actor=actor, what="mails", criteria=chosen)
            write_workbook(mails_workbook(listed, app.settings.zoneinfo), output, export, force=force)
            return
        if filtered:
            page = list_outbox(
                connection, stages=stages, kind=kind, uai=uai, reference=reference, after=after, limit=limit
            )
        else:
            page = _worst_first(connection, after=after, limit=limit)
        pause, restoration = load_pause(connection), restoration_held(connection)
    if restoration:
        day = french.instant(restoration.backup_at, app.settings.zoneinfo)
        say([f"La base vient de la sauvegarde du {day} : aucun courriel ne part avant « oda restore release »."])
    if pause:
        say(_pause_lines(pause, app.clock.now(), app.settings.zoneinfo))
    rows, columns = [_row(mail) for mail in page.mails], _COLUMNS
    if not as_json and any(mail.last_reply for mail in page.mails):
        columns = columns | {"words": "Réponse du serveur"}
        for row in rows:
            reply = row["last_reply"] or ""
            row["words"] = reply if len(reply) <= _BRIEF else f"{reply[: _BRIEF - 1].rstrip()}…"
    emit(rows, columns, as_json, "Aucun courriel ne correspond.", app.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after {page.after}"])


@mail.command("show", help="Un courriel : son envoi, son objet, son texte où le code est masqué (R60).")
@click.argument("number", type=ROW_NUMBER, metavar="N", help="Le numéro du courriel.")
@json_object_option
@pass_cli_context
def show_mail(context: CliContext, /, number: int, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from notifications.outbox.admin import find
        from workflow.mail import words_of

        _rectorat_only(actor)
        mail = find(connection, number)
        words = words_of(mail, app.mailer)
    if as_json:
        text = {"subject": words.subject if words else None, "body": words.body if words else None}
        echo_object(_row(mail) | text | {"is_written": mail.body is not None})
    else:
        _write_page(mail, words, app.settings)


@mail.command(
    "retry",
    help="Renvoie des courriels, à la boîte qu'a chaque établissement aujourd'hui (R58) : par leurs numéros ; tous les"
    " non remis d'un même motif, avec --fault, ou inscrits depuis un jour, avec --since ; avec --uai seul, ceux de"
    " l'établissement que leur adresse a empêchés d'arriver (R15).",
)
@click.argument("numbers", type=ROW_NUMBER, metavar="[N]…", nargs=-1, help="Les numéros des courriels.")
@labelled_option(Fault, "--fault", metavar="MOTIF", help="Tous les non remis de ce motif.")
@click.option("--since", type=Day(), metavar="JOUR", help="Tous les non remis inscrits ce jour-là ou depuis.")
@click.option("--uai", type=Uai(), metavar="UAI", help="Ceux de cet établissement seulement.")
@click.option("--yes", is_flag=True, help="Renvoie sans poser la question.")
@pass_cli_context
def retry_mails(
    context: CliContext,
    /,
    numbers: tuple[int, ...],
    fault: Fault | None,
    since: date | None,
    uai: str | None,
    yes: bool,
) -> None:
    if bool(numbers) == bool(fault or since or uai):
        raise click.UsageError("Donner les numéros des courriels, ou bien --fault, --since ou --uai.")
    with opened(context) as (app, actor):
        if len(numbers) == 1:
            click.echo(_retry_sentence(numbers[0], app.mail_journal.retry(numbers[0], actor)))
        elif numbers:
            _report_retries("", app.mail_journal.retry_many(dict.fromkeys(numbers), actor))
        elif uai and not (fault or since):
            _report_retries(uai, app.mail_journal.retry_all(uai, actor))
        else:
            from notifications.outbox.admin import dead_mails
            from workflow.auth.actors import require_operator

            require_operator(actor, "renvoyer des courriels")
            midnight = datetime.combine(since, time(), app.settings.zoneinfo) if since else None
            with app.database.read() as connection:
                dead = dead_mails(connection, fault=fault, uai=uai, since=midnight)
            question = f"Renvoyer {french.plural(len(dead), 'courriel')} ?"
            if not dead:
                click.echo("Aucun courriel non remis ne correspond : rien à renvoyer.")
            elif yes or ask_confirmation(question, "--yes"):
                _report_retries("", app.mail_journal.retry_many(dead, actor))
            else:
                click.echo("Rien n'est renvoyé.")


@mail.command("discard", help="Écarte un courriel qui ne partira plus, en disant pourquoi (R58).")
@click.argument("number", type=ROW_NUMBER, metavar="N", help="Le numéro du courriel.")
@click.option("--why", required=True, metavar="TEXTE", help=f"Pourquoi ({WITHOUT_NAMES}).")
@pass_cli_context
def discard_mails(context: CliContext, /, number: int, why: str) -> None:
    with opened(context) as (app, actor):
        mail = app.mail_journal.discard(number, actor, why)
    click.echo(printable(f"Courriel n° {number} écarté : {mail.title}, pour {mail.recipient or mail.uai}."))


def _worst_first(connection: "Connection", *, after: int | None, limit: int) -> "OutboxPage":
    """Return a page of the dead mails, then of the others, each the newest first; ``after`` is the last mail listed."""
    from notifications.outbox.admin import OutboxPage, UnknownMail, find, list_outbox

    dead = OutboxPage((), None)
    try:
        is_among_dead = after is None or find(connection, after).stage is Stage.DEAD
    except UnknownMail:
        is_among_dead = False
    if is_among_dead:
        dead = list_outbox(connection, stages=(Stage.DEAD,), after=after, limit=limit)
        after = None
    room = limit - len(dead.mails)
    if dead.after or not room:
        return OutboxPage(dead.mails, dead.mails[-1].id)
    others = tuple(stage for stage in Stage if stage is not Stage.DEAD)
    rest = list_outbox(connection, stages=others, after=after, limit=room)
    return OutboxPage(dead.mails + rest.mails, rest.after)


def _row(mail: "Mail") -> dict[str, Any]:
    """Return every field of a mail for a program, and the columns of the table."""
    fault = f" : {mail.fault.label}" if mail.fault else ""
    fields = {name: getattr(mail, name) for name in _FIELDS}
    return fields | {"title": mail.title, "status": f"{mail.stage.label}{fault}"}


def _write_page(mail: "Mail", words: "Rendered | None", settings: "Settings") -> None:
    """Write a mail as a page of text; before it is written its words may still change (R56)."""
    paper, zone = SectionPrinter(), settings.zoneinfo
    paper.title(f"Courriel n° {mail.id} — {mail.title}")
    paper.fact("Étape", f"{mail.stage.label}{f' ({mail.fault.label})' if mail.fault else ''}")
    paper.fact("Demande", mail.reference or "")
    paper.fact("Établissement", mail.uai or "")
    for label, at in (("Inscrit le", mail.created_at), ("Envoyé le", mail.sent_at), ("Envoi incertain le",
                      mail.doubted_at), ("Prochain essai le", mail.next_attempt_at)):  # fmt: skip
        paper.fact(label, french.instant(at, zone) if at else "")
    paper.fact("Essais", str(mail.attempts))
    paper.fact("Réponse du serveur", mail.last_reply or "")
    paper.fact("Remplace", f"le courriel n° {mail.replaces_id}" if mail.replaces_id else "")
    paper.section("Message" if mail.body is not None else "Message, tel qu'il partirait maintenant")
    paper.fact("De", settings.mail.sender)
    paper.fact("À", mail.recipient or "(aucune boîte)")
    paper.fact("Message-ID", mail.message_id or "")
    paper.fact("Date", french.instant(mail.dated_at, zone) if mail.dated_at else "")
    if words is None:
        paper.line("Le texte ne peut pas être composé.")
        return
    paper.fact("Objet", words.subject)
    click.echo()
    for line in words.body.split("\n"):
        click.echo(f"  {printable(line)}".rstrip())


def _pause_lines(pause: "Pause", now: datetime, timezone: tzinfo) -> Iterator[str]:
    """Say since when and why the relay takes no mail, when it is tried again, and what to do (R70)."""
    reply = f" (« {pause.reply} »)" if pause.reply else ""
    since = french.instant(pause.since, timezone)
    yield f"Le relais ne prend plus les courriels depuis le {since} : {pause.fault.label}{reply}."
    # Past its hour, a pause lasts until the next mail, or until the sender is started again.
    again = f"le {french.instant(pause.until, timezone)}" if now < pause.until else "au prochain envoi"
    yield f"Prochain essai {again}."
    yield "  — Que faire : corriger les réglages mail.relay au besoin, puis lancer « oda mail check »."


def _retry_sentence(number: int, new_number: int) -> str:
    """Return the sentence about a mail that is sent again, under its number or another."""
    new = "" if new_number == number else f", remplacé par le n° {new_number} pour la boîte d'aujourd'hui"
    return f"Courriel n° {number} : à envoyer{new}."


def _report_retries(uai: str, results: "Sequence[RetryResult | RetryRefusal]") -> None:
    """Write a line for each mail, then the totals. Raises CliFailure when any was refused."""
    from workflow.mail import RetryRefusal

    if not results:
        click.echo(f"Aucun courriel de {uai} n'attend une autre adresse : rien à renvoyer.")
        return
    refusals = 0
    of_uai = f"{uai} : " if uai else ""
    for result in results:
        if isinstance(result, RetryRefusal):
            refusals += 1
            line = f"Courriel n° {result.mail} : refusé. {result.refusal} ({result.refusal.rule})"
        else:
            line = _retry_sentence(result.mail, result.leaves_as)
        click.echo(printable(line))
    retry_count = len(results) - refusals
    again = f"{french.plural(retry_count, 'courriel')} à envoyer" if retry_count else "rien à envoyer"
    if refusals:
        which = f"{french.plural(refusals, 'courriel refusé', 'courriels refusés')} sur {len(results)}"
        raise CliFailure(f"{of_uai}{which}, rien n'y a changé ; {again}.", ExitCode.REFUSED)
    click.echo(f"{of_uai}{again}.")


def _rectorat_only(actor: "Actor") -> None:
    """Refuse a chef or a deputy: mails concern many establishments (R2, R3)."""
    from states.refusals import Reason
    from states.vocabulary import Role

    if actor.role not in (Role.OPERATOR, Role.READER):
        reason = Reason(
            "wrong_role", "R2", f"Les courriels ne sont pas montrés au rôle « {actor.role.label} »",
            "Demander à un opérateur du rectorat.",
        )  # fmt: skip
        raise refused([reason], "Rien à montrer.")


@mail.command(
    "check",
    help="Essaie le relais de messagerie pas à pas, puis lui confie un courriel d'essai ; dit ce qui ne va pas et quoi"
    " régler. Si le relais répond bien, les courriels retenus repartent (R70), sauf ceux d'une base restaurée (R116).",
)
@click.option("--to", "address", metavar="ADRESSE", help="À qui va le courriel d'essai ; à défaut, à qui le demande.")
@click.option("--no-mail", is_flag=True, help="N'envoie pas de courriel.")
@pass_cli_context
def check_relay(context: CliContext, /, address: str | None, no_mail: bool) -> None:
    import asyncio

    from states.validation import clean_mail, mail_problem
    from workflow.auth.actors import require_operator

    if address is not None and no_mail:
        raise click.UsageError("Choisir entre --to et --no-mail.")
    to = clean_mail(address) if address is not None else None
    if to is not None and (problem := mail_problem(to)):
        raise click.UsageError(f"« {to} » {problem}.")
    with opened(context) as (app, actor):
        require_operator(actor, "essayer le relais")
        asked_by = own_address(context)
        asyncio.run(_check_steps(app, asked_by, None if no_mail else to or asked_by))


async def _check_steps(app: "App", asked_by: str, recipient: str | None) -> None:
    """Show each step as it is done. Raises CliFailure at the first that fails.

    When the relay works, held mails leave at once: the senders of every machine see that the pause is over. On a
    restored base the trial alone leaves, and that is said (R116).
    """
    import os

    from notifications.delivery.probe import Probe, ProbeFailed, trial_mail
    from notifications.outbox.queue import end_pause
    from notifications.rendering.renderer import Unrenderable
    from workflow.database.schedule_tables import is_held
    from workflow.settings.secrets import SMTP_PASSWORD, Secrets

    with app.database.read() as connection:
        waits_for_release = is_held(connection)
    if waits_for_release:
        alone = "le courriel d'essai part seul, les autres" if recipient else "les courriels"
        say([f"La base a été restaurée : {alone} attendent « oda restore release »."])
    password = Secrets(app.settings.secrets_directory, os.environ).find(SMTP_PASSWORD)
    probe = Probe(app.settings.mail, password.get_secret_value() if password else None)
    try:
        async for result in probe.steps():
            _show_step(result)
        if recipient is not None:
            message = trial_mail(app.mailer, probe.connection, asked_by, recipient, app.clock.now())
            _show_step(await probe.send(recipient, message))
    except ProbeFailed as failure:
        headline = f"Le relais ne prend pas les courriels ; l'essai s'arrête à l'étape « {failure.step.label} »."
        details = [failure.reply, f"Que faire : {failure.remedy}."]
        raise CliFailure(headline, ExitCode.UNAVAILABLE, details) from None
    except Unrenderable as error:
        raise CliFailure("Le courriel d'essai ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error
    finally:
        if probe.is_well:
            with app.database.write() as connection:
                was_paused = end_pause(connection)
            if was_paused and not waits_for_release:
                click.echo("Les courriels étaient retenus : ils repartent dès maintenant.")
    click.echo("Le relais prend les courriels." if recipient else "Le relais répond bien ; aucun courriel envoyé.")


def _show_step(result: "StepResult") -> None:
    mark = "!" if result.is_alarming else " "
    label = result.step.label
    click.echo(printable(f"{mark} {label[:1].upper() + label[1:]:<16} : {result.text}"))
