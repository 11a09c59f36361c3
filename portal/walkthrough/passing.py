"""The year passes: the schedule month after month, then what the end would do, foreseen (R51, R53)."""

from notifications.vocabulary import Kind
from portal.walkthrough import story
from portal.walkthrough.cast import Cast
from portal.walkthrough.shell import oda
from portal.walkthrough.stage import Stage
from states import commands as c
from states.french import MONTHS, day, listing, plural
from states.vocabulary import State
from workflow.year_end.figures import EstablishmentEnd, YearSummary
from workflow.year_end.preview import Preview


def pass_year(stage: Stage, cast: Cast) -> int:
    """From autumn to the eve of the end; returns how many requests the preview says will be revoked."""
    stage.screen.chapter(4, "L'année passe")
    stage.scene(
        story.ELSEWHERE, cast.other_chef,
        "Au lycée des Sept-Collines d'Auch, il déclare aussi un RUPN ; cette demande en restera là.",
    )  # fmt: skip
    declare = c.Declare(uai=story.OTHER_UAI, nom=story.OTHER_NOM, prenom=story.OTHER_PRENOM, mail=story.OTHER_MAIL)
    stage.do(cast.other_chef, declare, State.DECLARED, Kind.DECLARED)
    _months(stage, cast)
    return _foresee(stage, cast)


def _months(stage: Stage, cast: Cast) -> None:
    for when in story.MONTHS:
        stage.pass_schedule(when)
    names = listing([MONTHS[when.month - 1] for when in story.MONTHS])
    stage.scene(story.MONTHS[-1], cast.schedule, f"Il est passé chaque mois de ce récit ({names}).")
    stage.screen.done("Rien à faire : aucune fin n'est échue, aucun code n'a été gardé trop longtemps.")


def _foresee(stage: Stage, cast: Cast) -> int:
    end = stage.app.policy.calendar.end_of(story.YEAR)
    stage.scene(story.PREVIEWED, cast.operator, f"Il demande ce que fera la fin d'année, le {day(end.last_day)}.")
    stage.type(oda("year-end", "preview", "--on", end.last_day.strftime("%d/%m/%Y")))
    app = stage.app
    with app.database.read() as connection:
        at = app.year_ends.instant_of(end.last_day)
        preview = Preview(connection, app.year_ends, app.mailer, now=app.clock.now(), at=at)
        for one in preview.establishments():
            _announce(stage, one)
    years = preview.summary.years
    stage.require([year.requests for year in years] == [2], "la prévision n'annonce pas les deux demandes")
    _sum_up(stage, years[0])
    for when in story.SUMMER:
        stage.pass_schedule(when)
    return years[0].requests


def _announce(stage: Stage, one: EstablishmentEnd) -> None:
    place = one.establishment
    stage.screen.say(f"{place.uai}  {place.nom}, {place.commune}", "bold", first="    ")
    for ending in one.requests:
        request = ending.request
        then = f", puis « {ending.removal.label} »" if ending.removal else ""
        told = f"{request.reference}  {request.prenom} {request.nom} : {request.state.label} → révoquée{then}"
        stage.screen.say(told, first="      ", then="        ")
    stage.screen.say(f"courriel « {one.mail.kind.label} » à {one.mail.recipient}", first="      ", then="        ")


def _sum_up(stage: Stage, year: YearSummary) -> None:
    places = plural(sum(year.mails.values()), "établissement à prévenir", "établissements à prévenir")
    report = f" et un bilan à {year.report.recipient}" if year.report else ""
    stage.screen.done(f"{plural(year.requests, 'demande')} à révoquer, {places}{report}. Rien n'est écrit (R53).")
    if year.held:
        stage.require(year.held.avoidable, f"la fin d'année est retenue : {year.held.hold.label}")
        stage.screen.say(
            "Et un garde-fou : si l'échéancier ne passait plus d'ici là, rien ne serait révoqué sans qu'un opérateur le"
            " confirme (R52).", "dim", first="    ",
        )  # fmt: skip
