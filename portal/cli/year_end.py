"""``oda year-end``: foresee the end of the school year, and confirm one that is held (R50 to R54, R85)."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.files import ExportByCommand, one_form, output_options, write_workbook
from portal.cli.output import printable, rows_as_json
from portal.cli.parameters import Day, Year
from portal.cli.year_end_report import list_not_renewed, rectorat_only, show_progress, show_report
from portal.texts import end_in_words
from states import french
from states.french import plural

if TYPE_CHECKING:
    from notifications.messages.mail import Draft
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.year_end.figures import YearSummary
    from workflow.year_end.preview import Preview
    from workflow.year_end.service import HeldYear


@click.group("year-end", cls=CommandGroup, help="La fin d'année : prévoir, suivre, confirmer.")
def year_end() -> None:
    pass


for command in (show_progress, show_report, list_not_renewed):
    year_end.add_command(command)


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
        from portal.cli.output import ask_confirmation, progress
        from workflow.auth.actors import require_operator
        from workflow.journal import installation
        from workflow.year_end.service import NothingHeld

        require_operator(actor, "confirmer une fin d'année")
        count = _announce(app, _find_hold(app, year))
        if not yes and not ask_confirmation("Confirmer ?", "--yes"):
            raise CliFailure("Rien n'est confirmé, rien n'a changé.", ExitCode.REFUSED)
        try:
            end = app.year_ends.confirm(year, actor)
        except NothingHeld:
            remedy = "Que faire : passer l'échéancier (« oda tick »), puis relire « oda year-end preview »."
            message = "Entre-temps cette fin d'année a été confirmée, ou sa date a changé : rien n'est confirmé."
            raise CliFailure(message, ExitCode.REFUSED, [remedy]) from None
        with progress(count, "Révocations") as advance:
            revocations = app.year_ends.run(end, installation.schedule_actor(app.database), advance)
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


def _find_hold(app: "App", year: "SchoolYear") -> "HeldYear":
    """Return the hold of that year. Raises CliFailure when it is not held."""
    holds = {hold.school_year: hold for hold in app.year_ends.held()}
    if year not in holds:
        others = ", ".join(map(str, holds)) or "aucune"
        details = [f"Retenues : {others}.", "Que faire : voir « oda year-end preview »."]
        raise CliFailure(f"La fin de l'année {year} n'est pas retenue : rien à confirmer.", ExitCode.REFUSED, details)
    return holds[year]


def _announce(app: "App", hold: "HeldYear") -> int:
    """Say what is held, why, and what the confirmation would do; return the number of requests to revoke."""
    from workflow.year_end.preview import count_live

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
