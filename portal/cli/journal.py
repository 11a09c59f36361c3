"""``oda journal``: read the security journal, verify chains and seals, export it all (R63, R65, R108, R109)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from portal.cli.context import (
    ROW_NUMBER,
    CliContext,
    Day,
    FilePath,
    LabelledChoice,
    labelled_option,
    opened,
    opened_app,
    pass_cli_context,
)
from portal.cli.errors import CliFailure, CommandGroup, ExitCode
from portal.cli.output import (
    ExportByCommand,
    echo_object,
    emit,
    json_option,
    limit_option,
    one_form,
    output_options,
    printable,
    progress,
    say,
    write_file,
    write_workbook,
)
from states.french import plural
from workflow.journal.event_kinds import EventGroup, EventKind

if TYPE_CHECKING:
    from workflow.app import App
    from workflow.journal.seals import SentSeal
    from workflow.journal.security_log import SecurityEvent

_COLUMNS: Final = {
    "seq": "N°", "at": "Quand", "label": "Événement", "who": "Qui", "details": "Précisions", "networks": "D'où",
}  # fmt: skip


@click.group("journal", cls=CommandGroup, help="Le journal : le lire, vérifier ses chaînes et ses sceaux, l'exporter.")
def journal() -> None:
    pass


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
def list_events(
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
            from portal.exports.lists import security_workbook

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
    " qu'aucune vérification ne peut voir. Avec --seal, vérifie aussi par les sceaux : ceux de la base, et ceux qui ont"
    " été envoyés si on en donne les fichiers ou le dossier (R109). Sort en 0 si tout tient, en 1 sinon.",
)
@click.argument("files", metavar="[FICHIER|DOSSIER]...", nargs=-1, type=FilePath(exists=True, path_type=Path),
                help="Avec --seal : les sceaux envoyés, fichiers du dossier ou courriels enregistrés.")  # fmt: skip
@click.option("--seal", "by_seals", is_flag=True, help="Vérifie aussi par les sceaux.")
@click.option(
    "--key", "keys", multiple=True, metavar="CLÉ",
    help="Avec --seal : une clé publique notée ailleurs, à laquelle se fier. À défaut, celles de cette machine.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Écrit le résultat en JSON.")
@pass_cli_context
def verify(context: CliContext, files: tuple[Path, ...], by_seals: bool, keys: tuple[str, ...], as_json: bool) -> None:
    from workflow.journal.seal_checks import SENT_SPOTS, STORED_SPOTS, SealReport, SealVerifier
    from workflow.journal.verification import BLIND_SPOTS, Verifier, count_events

    if not by_seals and (files or keys):
        raise click.UsageError("Ajouter --seal pour vérifier par les sceaux.")
    sent = _sent_seals(files) if files else None
    seals, spots = SealReport(), list(BLIND_SPOTS)
    with (
        opened_app(context) as app,
        app.database.read() as connection,
        progress(count_events(connection), "Événements") as advance,
    ):
        verifier = Verifier(connection, app.hasher, advance)
        flaws = list(verifier.flaws())
        if by_seals:
            today = app.policy.calendar.today(app.clock.now())
            seals = SealVerifier(connection, today, keys or _own_keys(app)).check(sent)
            flaws += seals.flaws
            spots = list(SENT_SPOTS if sent else STORED_SPOTS)
    counted = f"{plural(verifier.events, 'événement')} en {plural(verifier.streams, 'chaîne')}"
    if as_json:
        counts: dict[str, object] = {"events": verifier.events, "chains": verifier.streams}
        counts |= {"erased_actors": verifier.erased_actors, "unproven_actors": verifier.unproven_actors}
        if by_seals:
            counts["seals"] = {
                "stored": seals.stored, "sent": seals.sent, "heads": seals.lines, "last_day": seals.last_day,
                "notices": seals.notices,
            }  # fmt: skip
        echo_object({**counts, "flaws": [asdict(flaw) for flaw in flaws], "blind_spots": spots})
    else:
        if by_seals:
            counted += f", {plural(seals.stored, 'sceau', 'sceaux')} dans la base"
            counted += f", {plural(seals.sent, 'sceau donné', 'sceaux donnés')}" if sent is not None else ""
        verdict = "tout tient" if not flaws else plural(len(flaws), "défaut")
        erased = plural(verifier.erased_actors, "identité effacée", "identités effacées")
        unproven = plural(verifier.unproven_actors, "numéro d'acteur sans empreinte", "numéros d'acteur sans empreinte")
        for line in (
            f"{counted} : {verdict}.",
            *(f"  — {flaw}" for flaw in flaws),
            *(f"À savoir : {notice}." for notice in seals.notices),
            *([f"À savoir : {erased}, à la fin de leur conservation."] if verifier.erased_actors else []),
            *([f"À savoir : {unproven} ; « oda database upgrade » les relève."] if verifier.unproven_actors else []),
            "Ce que cette vérification ne voit pas :",
            *(f"  — {blind_spot} ;" for blind_spot in spots[:-1]),
            f"  — {spots[-1]}.",
        ):
            click.echo(printable(line))
    if flaws:
        remedy = "Que faire : ne rien corriger à la main, garder une copie de la base, comparer avec une sauvegarde."
        raise CliFailure(f"Le journal ne tient pas : {plural(len(flaws), 'défaut')}.", ExitCode.REFUSED, [remedy])


@journal.command(
    "export",
    help="Écrit tout le journal dans un fichier (une ligne JSON par événement, par sceau et par tête de chaîne), qu'un"
    " auditeur vérifie sans ce logiciel, d'après docs/journal.md. Aucun nom ni adresse : des numéros et des empreintes"
    " (R109). L'export est lui-même au journal. Réservé aux opérateurs.",
)
@click.argument("file", metavar="FICHIER", type=FilePath(dir_okay=False, path_type=Path), help="Le fichier à écrire.")
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@pass_cli_context
def export(context: CliContext, file: Path, force: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.journal.sealing import export_lines

        require_operator(actor, "exporter le journal")
        now, count = app.clock.now(), 0

        def write(output: IO[bytes]) -> None:
            nonlocal count
            with app.database.read() as connection:
                for line in export_lines(connection, now):
                    output.write(line.encode())
                    count += 1

        write_file(write, file, force=force)
        ExportByCommand(app=app, actor=actor, what="journal").record("jsonl", count)


def _sent_seals(files: Sequence[Path]) -> "list[SentSeal]":
    """Read every seal of these files and folders. Raises CliFailure when one cannot be read, or none is there."""
    from workflow.journal.seals import read_sent

    seals: list[SentSeal] = []
    for path in files:
        inside = sorted(child for child in path.iterdir() if child.is_file()) if path.is_dir() else [path]
        for file in inside:
            try:
                found = read_sent(file)
            except OSError:
                remedy = "Que faire : donner à ce compte le droit de le lire."
                raise CliFailure(f"{file} ne peut pas être lu.", ExitCode.BAD_INPUT, [remedy]) from None
            if not found and not path.is_dir():
                remedy = "Que faire : donner le fichier du sceau, ou le courriel entier, tel qu'il a été reçu."
                raise CliFailure(f"{file} ne contient aucun sceau.", ExitCode.BAD_INPUT, [remedy])
            seals += found
    if not seals:
        remedy = "Que faire : donner le dossier où sont les sceaux reçus (réglage seal)."
        raise CliFailure("Aucun sceau dans ce qui est donné.", ExitCode.BAD_INPUT, [remedy])
    return seals


def _own_keys(app: "App") -> list[str]:
    """The public keys of this machine; none where it has no signing key, which the schedule tells."""
    from workflow.journal.sealing import SigningKeyMissing

    try:
        return [key.public for key in app.journal_sealer.signing_keys()]
    except SigningKeyMissing:
        return []
