"""``oda year-end``: an end foreseen, confirmed when it is held, followed until its last task (R50 to R54, R81, R85)."""

import json
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext, Day, Departement, Year, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode
from portal.cli.output import (
    ExportByCommand,
    ask_confirmation,
    emit,
    one_form,
    output_options,
    printable,
    progress,
    rows_as_json,
    write_workbook,
)
from portal.texts import end_in_words
from states import french
from states.french import plural

if TYPE_CHECKING:
    from notifications.vocabulary import Draft
    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.year_end.preview import Preview, YearSummary
    from workflow.year_end.report import YearEndAccount, YearEndProgress

_COLUMNS = {
    "departement": "Département", "uai": "UAI", "establishment": "Établissement", "reference": "Référence",
    "person": "RUPN", "mailbox": "Boîte",
}  # fmt: skip

EVERY_S = 1.0
"""Seconds between two readings of the progress."""


@click.group("year-end", cls=CommandGroup, help="La fin d'année : prévoir, suivre, confirmer.")
def year_end() -> None:
    pass


@year_end.command(
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


@year_end.command(
    "not-renewed",
    help="Ceux qui avaient une clé jusqu'à la fin de l'année et n'ont pas de demande pour la suivante dans cet"
    " établissement (R81).",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire finie, par exemple 2025-2026.")
@click.option("--departement", default="", type=Departement(), metavar="CODE", help="D'un département : 31, 2A, 974.")
@output_options
@click.option("--json", "as_json", is_flag=True, help="Écrit la liste en JSON.")
@pass_cli_context
def list_not_renewed(
    context: CliContext, year: "SchoolYear", departement: str, output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.exports.lists import not_renewed_workbook
        from workflow.year_end.renewals import all_not_renewed, count_had_key

        rectorat_only(actor)
        people = all_not_renewed(connection, year, departement=departement)
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


@year_end.command(
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
        for reading in readings:
            row = {
                "school_year": str(reading.end.school_year), "last_day": reading.end.last_day.isoformat(),
                "stage": reading.stage.value, "revoked": reading.revoked, "left": reading.live, "total": reading.total,
                "moved_at": reading.moved_at.isoformat() if reading.moved_at else None,
            }  # fmt: skip
            line = json.dumps(row, ensure_ascii=False) if as_json else _progress_line(reading, app)
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


def _show_bar(readings: "Iterator[YearEndProgress]", app: "App") -> None:
    """Show a bar while the end runs, then its last line."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

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


@year_end.command(
    "preview",
    help="Montre ce que ferait la fin d'année : qui serait révoqué, quels courriels partiraient, ce qui surprend. Rien"
    " n'est écrit (R53). Réservé aux opérateurs et aux lecteurs.",
)
@click.option(
    "--on", type=Day(date(2000, 1, 1), date(2099, 12, 31)), metavar="DATE",
    help="Le jour, regardé à 24 h ; à défaut le dernier jour de l'année en cours.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
@output_options
@pass_cli_context
def preview_year_end(context: CliContext, on: date | None, as_json: bool, output: Path | None, force: bool) -> None:
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.exports.lists import preview_workbook
        from workflow.year_end.preview import Preview
        from workflow.year_end.renewals import renewal_progress

        rectorat_only(actor)
        now = app.clock.now()
        calendar = app.policy.calendar
        day = on or calendar.end_of(calendar.open_years(now)[0]).last_day
        year_end_preview = Preview(connection, app.year_ends, app.mailer, now=now, at=app.year_ends.instant_of(day))
        if output:
            export = ExportByCommand(app=app, actor=actor, what="year_end_preview", criteria={"on": day})
            write_workbook(preview_workbook(year_end_preview.establishments(), day), output, export, force=force)
        elif as_json:
            _write_json(year_end_preview, day)
        else:
            for line in _lines(year_end_preview, day, app.settings.academie.zone):
                click.echo(printable(line))
            if renewals := renewal_progress(connection, app.policy, now):
                to_extend = plural(renewals.to_extend, "clé à prolonger", "clés à prolonger")
                click.echo(printable(f"Aujourd'hui : {renewals.sentence}, {to_extend}."))


@year_end.command(
    "confirm",
    help="Laisse passer une fin d'année que le frein retient (R52) : toutes ses demandes en cours sont révoquées."
    " Réservé aux opérateurs.",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire, par exemple 2026-2027.")
@click.option("--yes", is_flag=True, help="Confirme sans poser la question.")
@pass_cli_context
def confirm_held_end(context: CliContext, year: "SchoolYear", yes: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.journal import chain
        from workflow.year_end.service import NothingHeld

        require_operator(actor, "confirmer une fin d'année")
        count = _announce(app, year)
        if not yes and not ask_confirmation("Confirmer ?", "--yes"):
            raise CliFailure("Rien n'est confirmé, rien n'a changé.", ExitCode.REFUSED)
        try:
            end = app.year_ends.confirm(year, actor)
        except NothingHeld:
            remedy = "Que faire : passer l'échéancier (« oda tick »), puis relire « oda year-end preview »."
            message = "Entre-temps cette fin d'année a été confirmée, ou sa date a changé : rien n'est confirmé."
            raise CliFailure(message, ExitCode.REFUSED, [remedy]) from None
        with progress(count, "Révocations") as advance:
            revocations = app.year_ends.run(end, chain.schedule_actor(app.database), advance)
    result = plural(revocations, "demande révoquée", "demandes révoquées")
    click.echo(f"Année {year} : {result}. Les courriels partent avec le service, ou par « oda tick ».")


def _lines(preview: "Preview", day: date, zone: str | None) -> Iterator[str]:
    """Yield the preview in French, one establishment at a time; ``zone`` is the académie's holiday zone (R53)."""
    yield f"Au {french.day(day)} à 24 h. Prévision : rien n'est écrit."
    if not preview.summary.years:
        yield "Aucune demande en cours d'une année finie à cet instant : rien ne serait révoqué."
    for end in preview.establishments():
        place = end.establishment
        yield ""
        yield f"{place.uai}  {place.nom}, {place.commune} ({place.departement}) — année {end.school_year}"
        for ending in end.requests:
            request = ending.request
            anomalies = "".join(f" ! {anomaly.label}" for anomaly in ending.anomalies)
            yield f"  {request.reference}  {request.prenom} {request.nom}, {request.state.label}{anomalies}"
        yield f"  courriel : {end.mail.kind.label} → {end.mail.recipient or '(aucune boîte)'}"
        yield from (f"  ! {anomaly.label}" for anomaly in end.anomalies)
    for year in preview.summary.years:
        yield ""
        yield from _year_lines(year, zone)
    for earlier, count in preview.summary.earlier_removals.items():
        removals = plural(count, "retrait de droits encore à confirmer", "retraits de droits encore à confirmer")
        yield f"! Année {earlier} : {removals}."


def _year_lines(year: "YearSummary", zone: str | None) -> Iterator[str]:
    end = year.end
    yield f"Année {end.school_year}, finie le {end_in_words(end, zone)}"
    places = plural(year.establishments, "établissement")
    yield f"  à révoquer : {plural(year.requests, 'demande')} dans {places}"
    for departement, count in sorted(year.departements.items()):
        yield f"    département {departement or '(inconnu)'} : {count}"
    yield f"  déjà renouvelées pour {end.school_year.next} : {year.renewed} sur {year.requests}"
    yield from (f"  à ouvrir, « {kind.label} » : {count}" for kind, count in sorted(year.removals.items()))
    yield from (f"  courriels, « {kind.label} » : {count}" for kind, count in sorted(year.mails.items()))
    if year.report:
        yield f"  courriel, « {year.report.kind.label} » : 1 → {year.report.recipient}"
    if end.is_default:
        yield "  ! la date de fin est une date par défaut : donner la vraie dans les réglages (school_year)"
    yield from (f"  ! {count} × {anomaly.label}" for anomaly, count in sorted(year.anomalies.items()))
    forecast = year.foreseen_hold
    if forecast and not forecast.avoidable:
        command = f"« oda year-end confirm {year.end.school_year} »"
        yield (
            f"  ! le frein la retient : {forecast.hold.label} ; une alerte part aux opérateurs, l'un d'eux confirme par"
            f" {command}"
        )


def _write_json(preview: "Preview", day: date) -> None:
    """Write one JSON object, one establishment at a time, so that none stays in memory."""
    _write_text('{"establishments": [')
    for number, end in enumerate(preview.establishments()):
        place = end.establishment
        row = {
            "school_year": end.school_year, "uai": place.uai, "nom": place.nom, "commune": place.commune,
            "departement": place.departement, "mail": _mail_row(end.mail), "odd": list(end.anomalies),
            "requests": [
                {
                    "reference": ending.request.reference, "nom": ending.request.nom, "prenom": ending.request.prenom,
                    "state": ending.request.state, "removal": ending.removal, "odd": list(ending.anomalies),
                    "renewed": ending.renewed,
                }
                for ending in end.requests
            ],
        }  # fmt: skip
        _write_text(f"{',' if number else ''}{rows_as_json([row])[1:-1].rstrip()}")
    summary = preview.summary
    rest: dict[str, Any] = {
        "on": day, "at": summary.at, "requests": summary.requests, "years": [_year_row(year) for year in summary.years],
        "earlier_removals": {str(year): count for year, count in summary.earlier_removals.items()},
    }  # fmt: skip
    _write_text(f"],{rows_as_json([rest])[2:-2].strip()[1:]}\n")


def _write_text(text: str) -> None:
    """Write in UTF-8, whatever the terminal's encoding."""
    click.echo(text.encode(), nl=False)


def _mail_row(mail: "Draft") -> dict[str, Any]:
    return {"kind": mail.kind, "audience": mail.audience, "recipient": mail.recipient or None}


def _year_row(year: "YearSummary") -> dict[str, Any]:
    forecast = year.foreseen_hold
    return {
        "school_year": year.end.school_year, "last_day": year.end.last_day, "is_default": year.end.is_default,
        "requests": year.requests, "renewed": year.renewed, "establishments": year.establishments,
        "departements": dict(year.departements),
        "removals": dict(year.removals), "mails": dict(year.mails), "odd": dict(year.anomalies),
        "report": _mail_row(year.report) if year.report else None,
        "without_mailbox": [place.uai for place in year.without_mailbox],
        "held": {"why": forecast.hold, "sentence": forecast.hold.label, "avoidable": forecast.avoidable}
                if forecast else None,
    }  # fmt: skip


def _announce(app: "App", year: "SchoolYear") -> int:
    """Say what is held, why, and what the confirmation would do; return the number of requests to revoke.

    Raises CliFailure when that year is not held.
    """
    from workflow.year_end.preview import count_live

    holds = {hold.school_year: hold for hold in app.year_ends.held()}
    hold = holds.get(year)
    if hold is None:
        others = ", ".join(map(str, holds)) or "aucune"
        details = [f"Retenues : {others}.", "Que faire : voir « oda year-end preview »."]
        raise CliFailure(f"La fin de l'année {year} n'est pas retenue : rien à confirmer.", ExitCode.REFUSED, details)
    with app.database.read() as connection:
        requests, establishments = count_live(connection, hold.school_year)
    since = french.instant(hold.held_at, app.settings.zoneinfo)
    places = plural(establishments, "établissement")
    for line in (
        f"La fin de l'année {hold.school_year} ({french.day(hold.last_day)}) est retenue depuis le {since} :",
        f"  {hold.hold.label}.",
        f"Confirmer révoque {plural(requests, 'demande')} dans {places}, et prévient chacun.",
    ):
        click.echo(printable(line), err=True)
    return requests
