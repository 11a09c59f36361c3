"""The whole story, from the empty folder to the closing words."""

import time
from pathlib import Path
from shlex import quote
from typing import TextIO

from portal.cli.errors import CliFailure, ExitCode
from portal.cli.runner import as_failure
from portal.demo.mail_server import LoopbackRelay
from portal.incidents import record
from portal.walkthrough import story
from portal.walkthrough.asking import ask
from portal.walkthrough.ending import end_year
from portal.walkthrough.issuing import issue
from portal.walkthrough.opening import open_story
from portal.walkthrough.passing import pass_year
from portal.walkthrough.post import Post
from portal.walkthrough.premises import opened_house, workplace
from portal.walkthrough.proof import prove
from portal.walkthrough.screen import Screen
from portal.walkthrough.stage import Stage
from states.french import plural

PAUSE_S = 0.25


def play(keep: Path | None, stream: TextIO, *, fast: bool) -> None:
    """Tell the story on ``stream``; the installation stays in ``keep``, else nothing of it is left.

    Raises CliFailure: the place cannot be used, or a step did not give what it should.
    """
    begun = time.monotonic()
    screen = Screen(stream, pause=PAUSE_S if stream.isatty() and not fast else 0)
    clock = story.StoryClock(story.INSTALLED)
    with workplace(keep) as folder, LoopbackRelay() as relay, opened_house(folder, relay.port, clock) as app:
        stage = Stage(app, clock, Post(app, relay), screen)
        reference, counted = _performed(stage, folder)
        took = time.monotonic() - begun
        _close(stage, counted, took)
    _say_where(screen, keep and folder, reference)


def _performed(stage: Stage, folder: Path) -> tuple[str, str]:
    """Every chapter; what nobody foresaw is told with the step at which it happened."""
    try:
        cast = open_story(stage, folder)
        reference = ask(stage, cast)
        issue(stage, cast, reference)
        announced = pass_year(stage, cast)
        end_year(stage, cast, reference, announced)
        return reference, prove(stage, cast, reference)
    except BrokenPipeError:
        raise
    except Exception as error:
        if as_failure(error):
            raise
        details = [f"Étape : {stage.current}", *record(error)]
        raise CliFailure("La démonstration s'arrête.", ExitCode.INTERNAL, details) from error


def _close(stage: Stage, counted: str, took: float) -> None:
    screen = stage.screen
    refused = plural(stage.refusals, "refusée")
    seconds = f"{took:.1f}".replace(".", ",")
    screen.chapter(7, "En résumé")
    screen.blank()
    for line in (
        f"{plural(stage.accepted, 'action acceptée', 'actions acceptées')}, {refused} avec ses raisons ;",
        f"{plural(stage.revoked, 'révocation faite', 'révocations faites')} à minuit, sans personne ;",
        f"{plural(stage.post.count, 'courriel envoyé et reçu', 'courriels envoyés et reçus')} par SMTP ;",
        f"{counted} dans le journal, sans défaut ;",
        f"une année scolaire vécue en {seconds} s.",
    ):
        screen.say(line, first="  — ", then="    ")


def _say_where(screen: Screen, kept: Path | None, reference: str) -> None:
    screen.blank()
    if kept is None:
        screen.say("L'installation était provisoire : il n'en reste rien. Pour la garder et l'explorer :")
        screen.as_it_is(["oda walkthrough --keep DOSSIER"], "green", margin="    ")
        return
    config = quote(str(kept / "config.yaml"))
    screen.say(f"L'installation est gardée dans {kept}. Pour l'explorer :")
    commands = ("request list --all", f"request show {reference}", "mail list", "journal verify")
    screen.as_it_is([f"oda --config {config} {command}" for command in commands], "green", margin="    ")
    screen.say("Depuis le dépôt, écrire ./run oda au lieu de oda. Aucun courriel n'en partira.", "dim")
