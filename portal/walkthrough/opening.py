"""Before the story: an installation, its directory, and the first passing of the schedule."""

from pathlib import Path

from portal.cli.directory import lines
from portal.texts import end_in_words
from portal.walkthrough import story
from portal.walkthrough.cast import Cast, operator_of
from portal.walkthrough.premises import DIRECTORY_NAME
from portal.walkthrough.shell import oda
from portal.walkthrough.stage import Stage
from workflow.directory.service import Directory

TITLE = "La vie d'une demande de clé ODA"
FOREWORD = (
    "Une année scolaire en quelques secondes, du 1er septembre 2026 au 1er septembre 2027 : un chef d'établissement"
    " nomme un référent (RUPN), le rectorat transmet son code, et la fin d'année retire les droits.",
    "Personnes, établissements et dates sont inventés. Le reste est le vrai logiciel : ses règles, sa base, son"
    " journal, et des courriels réellement envoyés, à un serveur qui ne répond que sur cette machine.",
    "Après $, la commande que chacun taperait. Entre parenthèses, R51 par exemple, la règle qui décide : toutes sont"
    " dans docs/processus.md.",
)


def open_story(stage: Stage, folder: Path) -> Cast:
    """Import the directory and let the schedule pass; returns who acts from now on."""
    screen, app = stage.screen, stage.app
    screen.poster(TITLE, FOREWORD)
    screen.chapter(1, "Le rectorat prépare le service")
    operator = operator_of(app)
    stage.scene(
        story.INSTALLED, operator,
        "L'installation est faite, et donne à son compte le rôle d'opérateur : il n'aura pas à se nommer. Il importe"
        " l'annuaire des établissements de l'académie.",
    )  # fmt: skip
    stage.type(oda("import", "establishments", DIRECTORY_NAME))
    with (folder / DIRECTORY_NAME).open("rb") as file:
        directory = Directory(app.database, app.hasher, app.clock, app.settings.academie.code)
        imported = directory.import_file(file, operator.actor)
    stage.require({story.UAI, story.OTHER_UAI} <= {one.uai for one in imported.new}, "l'annuaire n'est pas importé")
    outcome, *details = [line for line in lines(imported) if line]
    screen.done(outcome)
    for line in details:
        screen.say(line, "dim", first="    ", then="      ")
    cast = Cast.of(app)
    _first_passing(stage, cast)
    return cast


def _first_passing(stage: Stage, cast: Cast) -> None:
    stage.scene(story.INSTALLED, cast.schedule, "Il passe chaque minute, et prévoit aussitôt la fin de l'année.")
    stage.app.ticker.tick()
    end = stage.app.policy.calendar.end_of(story.YEAR)
    stage.screen.done(f"Fin de {end.school_year} : {end_in_words(end)}.")
    stage.screen.say(
        "Cette date est désormais enregistrée : la fin d'année ne courra d'elle-même que si elle l'est, la même, depuis"
        " 24 heures (R51).", "dim", first="    ",
    )  # fmt: skip
