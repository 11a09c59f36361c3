"""``oda journal``: read the security journal, verify the chains, name what no check can see (R63, R65, R108)."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.export_file import ExportByCommand, one_form, output_options, write_workbook
from portal.cli.output import echo_object, emit, json_option, limit_option, printable, say
from portal.cli.parameters import ROW_NUMBER, Day, LabelledChoice, labelled_option
from workflow.journal.event_kinds import EventGroup, EventKind

if TYPE_CHECKING:
    from workflow.journal.security_log import SecurityEvent


@click.group("journal", cls=CommandGroup, help="Le journal : le lire, vérifier ses chaînes.")
def journal() -> None:
    pass


_COLUMNS: Final = {
    "seq": "N°", "at": "Quand", "label": "Événement", "who": "Qui", "details": "Précisions", "networks": "D'où",
}  # fmt: skip


@journal.command(
    "list",
    help="Le journal de sécurité, les plus récents d'abord : connexions, refus, jetons, boîtes, exports, et ce qui est"
    " fait pour toute l'installation (R108). Réservé aux opérateurs.",
)
@labelled_option(EventGroup, "--about", "group", help="Un sujet seulement.")
@click.option("--kind", type=LabelledChoice(EventKind), metavar="GENRE", help="Un genre d'événement seulement.")
@click.option("--who", default="", metavar="TEXTE", help="Une personne : nom, adresse ou UAI, ou un morceau.")
@click.option("--since", type=Day(), metavar="DATE", help="Depuis ce jour.")
@click.option("--until", type=Day(), metavar="DATE", help="Jusqu'à ce jour, compris.")
@limit_option
@click.option("--after", type=ROW_NUMBER, metavar="N", help="La page suivante : ce que la précédente a dit d'ajouter.")
@output_options
@json_option
@pass_cli_context
def list_(
    context: CliContext, /, group: EventGroup | None, kind: EventKind | None, who: str, since: date | None,
    until: date | None, limit: int, after: int | None, output: Path | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.auth.actors import require_operator
        from workflow.journal.security_log import SecurityFilters, list_security_events, walk_security_events

        require_operator(actor, "lire le journal de sécurité")
        midnight = app.policy.calendar.midnight
        filters = SecurityFilters(
            group=group, kind=kind, person=who, since=midnight(since) if since else None,
            until=midnight(until + timedelta(days=1)) if until else None,
        )  # fmt: skip
        if output:
            from portal.exports.security_log import security_workbook

            chosen = {"about": group, "kind": kind, "who": who, "since": since, "until": until}
            export = ExportByCommand(app=app, actor=actor, what="security", criteria=chosen)
            workbook = security_workbook(walk_security_events(connection, filters), app.settings.zoneinfo)
            write_workbook(workbook, output, export, force=force)
            return
        page = list_security_events(connection, filters, before=after, limit=limit)
    empty = "Aucun événement ne correspond."
    emit([_row(event, as_json) for event in page.events], _COLUMNS, as_json, empty, app.settings.zoneinfo)
    if page.before:
        say([f"La suite : ajouter --after {page.before}"])


def _row(event: "SecurityEvent", as_json: bool) -> dict[str, object]:
    """One event; a program reads codes, a person words."""
    row: dict[str, object] = {"seq": event.seq, "at": event.at, "label": event.label, "who": event.who}
    if as_json:
        origins = [{"network": o.network, "browser": o.browser, "times": o.times} for o in event.origins]
        return row | {
            "kind": event.kind, "actor": event.actor, "role": event.role.value, "data": dict(event.data),
            "notes": dict(event.notes), "origins": origins,
        }  # fmt: skip
    details = " ; ".join(f"{name} : {value}" for name, value in event.details)
    return row | {"details": details, "networks": ", ".join(origin.network for origin in event.origins)}


@journal.command(
    "verify",
    help="Vérifie toutes les chaînes du journal : nomme chaque événement modifié, retiré, inséré ou déplacé, et dit ce"
    " qu'aucune vérification ne peut voir. Sort en 0 si tout tient, en 1 sinon.",
)
@click.option("--json", "as_json", is_flag=True, help="Écrit le résultat en JSON.")
@pass_cli_context
def verify(context: CliContext, as_json: bool) -> None:
    from dataclasses import asdict

    from portal.cli.output import progress
    from states.french import plural
    from workflow.journal.verification import BLIND_SPOTS, Verifier, count_events

    with (
        opened_app(context) as app,
        app.database.read() as connection,
        progress(count_events(connection), "Événements") as advance,
    ):
        verifier = Verifier(connection, app.hasher, advance)
        flaws = list(verifier.flaws())
    counted = f"{plural(verifier.events, 'événement')} en {plural(verifier.streams, 'chaîne')}"
    if as_json:
        counts = {"events": verifier.events, "chains": verifier.streams}
        echo_object({**counts, "flaws": [asdict(flaw) for flaw in flaws], "blind_spots": list(BLIND_SPOTS)})
    else:
        verdict = "tout tient" if not flaws else plural(len(flaws), "défaut")
        for line in (
            f"{counted} : {verdict}.",
            *(f"  — {flaw}" for flaw in flaws),
            "Ce que cette vérification ne voit pas :",
            *(f"  — {blind_spot} ;" for blind_spot in BLIND_SPOTS[:-1]),
            f"  — {BLIND_SPOTS[-1]}.",
        ):
            click.echo(printable(line))
    if flaws:
        remedy = "Que faire : ne rien corriger à la main, garder une copie de la base, comparer avec une sauvegarde."
        raise CliFailure(f"Le journal ne tient pas : {plural(len(flaws), 'défaut')}.", ExitCode.REFUSED, [remedy])
