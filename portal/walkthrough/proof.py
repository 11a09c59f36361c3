"""What is left of it all: the request's history, and the journal whose chains are checked (R8, R63, R65)."""

from portal.cli.output import cell
from portal.walkthrough import story
from portal.walkthrough.cast import Cast
from portal.walkthrough.shell import oda
from portal.walkthrough.stage import Stage
from states.french import plural
from workflow.journal.verification import BLIND_SPOTS, Verifier
from workflow.requests.detail import history


def prove(stage: Stage, cast: Cast, reference: str) -> str:
    """Show the history and verify the journal; returns what was counted, in French."""
    stage.screen.chapter(6, "Ce qu'il en reste")
    stage.scene(story.VERIFIED, cast.operator, "Il relit l'histoire de la demande, et vérifie le journal.")
    _history(stage, cast, reference)
    stage.type(oda("journal", "verify"))
    with stage.app.database.read() as connection:
        verifier = Verifier(connection, stage.app.hasher)
        flaws = [str(flaw) for flaw in verifier.flaws()]
    stage.require(not flaws, f"le journal ne tient pas : {' ; '.join(flaws)}")
    counted = f"{plural(verifier.events, 'événement')} en {plural(verifier.streams, 'chaîne')}"
    stage.screen.done(f"{counted} : tout tient, aucun défaut.")
    stage.screen.say(
        f"Cette vérification ne voit pas tout, et le dit ; par exemple : {BLIND_SPOTS[0]}.", "dim", first="    ",
    )  # fmt: skip
    return counted


def _history(stage: Stage, cast: Cast, reference: str) -> None:
    with stage.app.database.read() as connection:
        events = history(connection, reference, cast.operator.actor)
    stage.require(len(events) >= 9, "l'histoire de la demande n'est pas entière")
    stage.screen.blank()
    for event in events:
        line = f"{cell(event.at, story.ZONE)}  {event.trigger.label} · {event.role.label}"
        stage.screen.say(line, first=f"    {event.seq:>2}  ", then="                          ")
