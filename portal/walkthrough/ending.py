"""The end of the year: revoked at midnight, told once, then the rights removed and confirmed (R47 to R54)."""

from notifications.vocabulary import Kind
from portal.texts import done_lines
from portal.walkthrough import story
from portal.walkthrough.cast import Cast
from portal.walkthrough.shell import oda
from portal.walkthrough.stage import Stage
from states import commands as c
from states.vocabulary import RemovalOutcome, State
from workflow.requests.detail import show_request


def end_year(stage: Stage, cast: Cast, reference: str, announced: int) -> None:
    """One minute before, midnight, one minute after; then the operator's morning."""
    stage.screen.chapter(5, "L'année finit, les droits aussi")
    eve = (
        "Il est encore passé en juillet et en août, mais avant 8 heures, d'où partent les courriels du jour : la fin"
        " de l'année s'annonce donc ce soir. Il lui reste une minute à vivre."
    )
    stage.scene(story.EVE, cast.schedule, eve)
    _tick(stage, 0)
    over = f"L'année {story.YEAR} est finie : ses demandes en cours sont révoquées d'elles-mêmes."
    stage.scene(story.OVER, cast.schedule, over)
    _tick(stage, announced)
    stage.screen.chain(State.REVOKED)
    stage.receive(Kind.YEAR_END, Kind.YEAR_END_REPORT)
    stage.scene(story.AGAIN, cast.schedule, "Une minute après : rien n'est fait deux fois (R50).")
    _tick(stage, 0)
    stage.receive()
    _remove(stage, cast, reference)


def _tick(stage: Stage, wanted: int) -> None:
    stage.type(oda("tick"))
    ticked = stage.app.ticker.tick()
    revoked = sum(ticked.revoked.values())
    stage.require(revoked == wanted and not ticked.held, f"{revoked} demandes sont révoquées au lieu de {wanted}")
    stage.revoked += revoked
    stage.screen.done(" ".join(done_lines(ticked)) or "Rien à faire.")


def _remove(stage: Stage, cast: Cast, reference: str) -> None:
    app = stage.app
    stage.scene(story.REMOVED, cast.operator, "Il regarde ce qu'il reste à faire sur le serveur ODA.")
    stage.type(oda("request", "show", reference))
    with app.database.read() as connection:
        actor, now = cast.operator.actor, app.clock.now()
        view = show_request(connection, reference, actor, app.policy, app.mailer, now)
    if view is None or view.removal is None or view.removal.todo is None:
        raise stage.derailed("aucune tâche de retrait n'est ouverte")
    asked = view.removal.kind.label
    stage.screen.done(f"{asked[0].upper()}{asked[1:]} — aujourd'hui : {view.removal.todo.sentence}")
    stage.screen.blank()
    stage.screen.say("Il la supprime, et le dit : le logiciel n'affirme aucun retrait que personne n'a confirmé (R49).")
    removal = c.ConfirmRemoval(reference=reference, outcome=RemovalOutcome.REMOVED)
    stage.do(cast.operator, removal, State.REVOKED)
