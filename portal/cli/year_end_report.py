"""``oda year-end report``, ``not-renewed`` and ``progress``: follow a year's end until its last task (R81, R85)."""

import sys
import threading
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.files import ExportByCommand, one_form, output_options, write_workbook
from portal.cli.parameters import Year
from states import french
from states.french import plural

if TYPE_CHECKING:
    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.year_end.report import YearEndAccount, YearEndProgress

_COLUMNS = {
    "departement": "Département", "uai": "UAI", "establishment": "Établissement", "reference": "Référence",
    "person": "RUPN", "mailbox": "Boîte",
}  # fmt: skip

EVERY_S = 1.0
"""Seconds between two readings of the progress."""


@click.command(
    "report",
    help="Le bilan d'une fin d'année (R85) : combien de demandes, dans quels départements, qui l'a confirmée si elle"
    " était retenue ; et, à ce jour, les courriels qui ne sont pas arrivés, les retraits ouverts et confirmés. Le PDF"
    " envoyé aux opérateurs : « oda paper year-end ».",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire, par exemple 2026-2027.")
@click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
@pass_cli_context
def show_report(context: CliContext, year: "SchoolYear", as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.cli.output import printable, rows_as_json
        from workflow.year_end.renewals import count_not_renewed
        from workflow.year_end.report import account_of

        rectorat_only(actor)
        account = account_of(connection, year)
        if account is None:
            message = f"La fin de l'année {year} n'est pas terminée : pas de bilan."
            remedy = f"Que faire : voir où elle en est avec « oda year-end progress {year} »."
            raise CliFailure(message, ExitCode.REFUSED, [remedy])
        not_renewed = sum(count_not_renewed(connection, year).values())
    if as_json:
        click.echo(f"{rows_as_json([_report_row(account, not_renewed)])[2:-2].strip()}\n".encode(), nl=False)
        return
    for line in _report_lines(account, not_renewed, app.settings.zoneinfo, app.clock.now()):
        click.echo(printable(line))


@click.command(
    "not-renewed",
    help="Ceux qui avaient une clé jusqu'à la fin de l'année et n'ont pas de demande pour la suivante dans cet"
    " établissement (R81).",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire finie, par exemple 2025-2026.")
@click.option("--departement", default="", metavar="CODE", help="D'un département : 31, 2A, 974.")
@output_options
@click.option("--json", "as_json", is_flag=True, help="Écrit la liste en JSON.")
@pass_cli_context
def list_not_renewed(
    context: CliContext, year: "SchoolYear", departement: str, output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.cli.output import emit
        from portal.exports.lists import not_renewed_workbook
        from workflow.year_end.renewals import all_not_renewed, count_had_key

        rectorat_only(actor)
        people = all_not_renewed(connection, year, departement=_parse_departement(departement))
        if output:
            chosen = {"year": year, "departement": departement}
            export = ExportByCommand(app=app, actor=actor, what="not_renewed", criteria=chosen)
            write_workbook(not_renewed_workbook(year, people), output, export, force=force)
            return
        rows = [
            {
                "departement": person.departement, "uai": person.uai, "establishment": person.establishment,
                "commune": person.commune, "is_open": person.is_open, "mailbox": person.mailbox or None,
                "reference": person.reference, "person": f"{person.prenom} {person.nom}", "nom": person.nom,
                "prenom": person.prenom, "mail": person.mail, "expires_on": person.expires_on,
            }
            for person in people
        ]  # fmt: skip
        where = f" dans le département {departement}" if departement else ""
        empty = f"Personne n'est à renouveler{where} : chacun a une demande pour {year.next}."
        if not app.policy.calendar.has_ended(year, app.clock.now()):
            empty = f"L'année {year} n'est pas finie : voir « oda year-end preview » pour qui est déjà renouvelé."
        elif not rows and not count_had_key(connection, year):
            empty = f"Aucune clé n'a été révoquée par la fin de l'année {year} : il n'y a personne à renouveler."
    emit(rows, _COLUMNS, as_json, empty)


@click.command(
    "progress",
    help="Où en est la fin d'une année (R85) : combien de demandes sont révoquées sur combien. Sans année, celle qui"
    " court, sinon la dernière finie, sinon la prochaine. Réservé aux opérateurs et aux lecteurs.",
)
@click.argument("year", metavar="[ANNÉE]", type=Year(), required=False, help="Par exemple 2026-2027.")
@click.option(
    "--follow", is_flag=True,
    help="Suit jusqu'à la fin : une barre dans un terminal, sinon une ligne à chaque changement.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Écrit du JSON, un objet par ligne.")
@pass_cli_context
def show_progress(context: CliContext, year: "SchoolYear | None", follow: bool, as_json: bool) -> None:
    with opened(context) as (app, actor):
        rectorat_only(actor)
        readings = _readings(app, year, follow=follow)
        if follow and not as_json and sys.stdout.isatty():
            _show_bar(readings, app)
            return
        last_line = ""
        for progress in readings:
            line = _progress_json(progress) if as_json else _progress_line(progress, app)
            if line != last_line:
                click.echo(line.encode() + b"\n", nl=False)
                sys.stdout.flush()
            last_line = line


def rectorat_only(actor: "Actor") -> None:
    """Raise NotAllowed for a chef or a deputy: a year's end concerns the whole académie (R2, R3)."""
    from workflow.auth.actors import require_rectorat

    message = "La fin d'année de toute l'académie se lit avec --as operator:ADRESSE ou reader:ADRESSE."
    require_rectorat(actor, message)


def pause() -> None:
    """Wait until the next reading."""
    threading.Event().wait(EVERY_S)


def _report_lines(account: "YearEndAccount", not_renewed: int, zone: tzinfo, now: datetime) -> Iterator[str]:
    """Yield the report in French; the figures of today come under today's date."""
    year = account.school_year
    yield f"Année {year}, finie le {french.day(account.last_day)} à 24 h."
    places = plural(account.establishments, "établissement")
    yield f"  révoquées : {plural(account.revoked, 'demande')} dans {places}"
    yield f"  terminée le {french.instant(account.closed_at, zone)}"
    if account.hold and account.held_at and account.confirmed_at:
        yield f"  retenue le {french.instant(account.held_at, zone)} : {account.hold.label}"
        yield f"  confirmée le {french.instant(account.confirmed_at, zone)} par {account.confirmed_by}"
    for share in account.shares:
        places = plural(share.establishments, "établissement")
        removals = plural(share.open_removals, "retrait ouvert", "retraits ouverts")
        open_removals = f", {removals}" if share.open_removals else ""
        yield f"    département {share.departement or '(inconnu)'} : {share.revoked} dans {places}{open_removals}"
    yield f"Au {french.instant(now, zone)} :"
    for stage, count in sorted(account.mails.items()):
        yield f"  courriels, « {stage.label} » : {count}"
    for mail in account.missed:
        why = mail.fault.label if mail.fault else mail.stage.label
        reply = f" ; le serveur a répondu « {mail.reply} »" if mail.reply else ""
        yield f"  ! {mail.uai} {mail.establishment}, {mail.recipient or 'aucune boîte'} : {why}{reply}"
        yield f"    le renvoyer : oda mail retry {mail.id}"
    if (rest := account.not_delivered - len(account.missed)) > 0:
        yield f"  ! et {plural(rest, 'autre')} : oda mail list"
    for kind, count in sorted(account.open_removals.items()):
        yield f"  retraits ouverts, « {kind.label} » : {count}"
    for outcome, count in sorted(account.outcomes.items()):
        yield f"  retraits confirmés, « {outcome.label} » : {count}"
    for confirmer, count in account.confirmers.most_common():
        yield f"    par {confirmer or '(inconnu)'} : {count}"
    yield f"  RUPN non renouvelés pour {year.next} : {not_renewed}"


def _report_row(account: "YearEndAccount", not_renewed: int) -> dict[str, Any]:
    """Return the report for a program."""
    was_held = account.hold and account.confirmed_at
    return {
        "school_year": account.school_year, "last_day": account.last_day, "closed_at": account.closed_at,
        "revoked": account.revoked, "establishments": account.establishments,
        "held": {"why": account.hold, "at": account.held_at} if was_held else None,
        "confirmed": {"by": account.confirmed_by, "at": account.confirmed_at} if was_held else None,
        "departements": [
            {"departement": share.departement, "establishments": share.establishments, "revoked": share.revoked,
             "removals_open": share.open_removals} for share in account.shares
        ],
        "mails": dict(account.mails), "mails_waiting": account.waiting, "mails_not_delivered": account.not_delivered,
        "missed": [
            {"id": mail.id, "uai": mail.uai, "establishment": mail.establishment, "recipient": mail.recipient or None,
             "stage": mail.stage, "fault": mail.fault, "reply": mail.reply or None} for mail in account.missed
        ],
        "removals_open": dict(account.open_removals), "removals_confirmed": dict(account.outcomes),
        "confirmed_by": dict(account.confirmers), "not_renewed": not_renewed,
    }  # fmt: skip


def _parse_departement(text: str) -> str:
    from workflow.settings.sections import normalise_departement

    try:
        return normalise_departement(text) if text.strip() else ""
    except ValueError as error:
        raise click.BadParameter(
            f"{error} : écrire par exemple 09, 31, 2A ou 974.", param_hint="--departement"
        ) from None


def _readings(app: "App", year: "SchoolYear | None", *, follow: bool) -> "Iterator[YearEndProgress]":
    """Yield the progress, again and again with ``follow`` until it is over; the first year read is the one followed."""
    from workflow.year_end.report import progress_of

    while True:
        now = app.clock.now()
        with app.database.read() as connection:
            progress = progress_of(connection, app.policy, app.year_ends.statuses(connection, now), now, year)
        if progress is None:
            raise CliFailure(f"L'année {year} a fini sans ce service : rien à suivre.", ExitCode.REFUSED)
        yield progress
        if not follow or not progress.is_worth_following:
            return
        year = progress.end.school_year
        pause()


def _progress_line(progress: "YearEndProgress", app: "App") -> str:
    from portal.cli.output import printable

    year, last_day = progress.end.school_year, french.day(progress.end.last_day)
    count = f"{progress.revoked} sur {plural(progress.total, 'demande révoquée', 'demandes révoquées')}"
    moved_at = french.instant(progress.moved_at, app.settings.zoneinfo) if progress.moved_at else ""
    words = {
        "to_come": f"elle finit le {last_day} à 24 h, avec {plural(progress.live, 'demande')} en cours",
        "held": f"retenue ; un opérateur la confirme avec « oda year-end confirm {year} »",
        "stuck": f"{count}, rien n'avance depuis le {moved_at} : le service est-il arrêté ? Il reprendra où l'on en"
        " était",
        "running": f"en cours, {count}",
        "over": f"terminée, {plural(progress.revoked, 'demande révoquée', 'demandes révoquées')}",
    }
    return printable(f"Année {year} : {words[progress.stage.value]}.")


def _progress_json(progress: "YearEndProgress") -> str:
    import json

    row: dict[str, Any] = {
        "school_year": str(progress.end.school_year), "last_day": progress.end.last_day.isoformat(),
        "stage": progress.stage.value, "revoked": progress.revoked, "left": progress.live, "total": progress.total,
        "moved_at": progress.moved_at.isoformat() if progress.moved_at else None,
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=False)


def _show_bar(readings: "Iterator[YearEndProgress]", app: "App") -> None:
    """Show a bar while the end runs, then its last line."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from portal.cli.output import printable

    console = Console(file=sys.stdout, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    last: YearEndProgress | None = None
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        for last in readings:
            stage = "" if last.stage.value == "running" else f", {last.stage.label}"
            description = printable(f"Année {last.end.school_year}{stage}")
            bar.update(task, description=description, total=max(last.total, 1), completed=last.revoked)
    if last is not None:
        click.echo(_progress_line(last, app))
