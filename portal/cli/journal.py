"""``oda journal``: verify the chains of events, and name what no check can see (R63, R65)."""

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import echo_object, printable


@click.group("journal", cls=CommandGroup, help="Le journal : vérifier ses chaînes.")
def journal() -> None:
    pass


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
