"""``oda calendar``: the dates on which the software will act, and on how many requests (R86)."""

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.output import emit, json_option, say

COLUMNS = {
    "day": "Date", "until": "Jusqu'au", "what": "Ce qui se fait", "requests": "Demandes",
    "establishments": "Établissements",
}  # fmt: skip


@click.command(
    "calendar",
    help="Chaque date des douze mois à venir où le logiciel agira de lui-même, et sur combien de demandes et"
    " d'établissements si rien ne change (R86). Rien n'est écrit. Réservé aux opérateurs et aux lecteurs.",
)
@json_option
@pass_cli_context
def calendar(context: CliContext, as_json: bool) -> None:
    from states import french

    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.cli.year_end_report import rectorat_only
        from workflow.schedule.upcoming import ScheduledAction, upcoming

        rectorat_only(actor)
        dates = upcoming(connection, app.policy, app.mailer, app.clock.now())
    rows = [
        {
            "day": date.day, "until": date.until, "deed": date.action.value, "what": date.sentence,
            "requests": date.requests, "establishments": date.establishments, "school_year": date.school_year,
            "mail": date.mail.value if date.mail else None,
        }
        for date in dates
    ]  # fmt: skip
    emit(rows, COLUMNS, as_json)
    if not any(date.requests for date in dates):
        say(["Ces dates ne concernent encore aucune demande : elles se rempliront dès la première déclaration."])
    for date in dates:
        if date.action is ScheduledAction.UNKNOWN:
            since = french.day(date.day)
            say([f"Vacances scolaires inconnues à partir du {since} : les donner dans les réglages (holidays.school)."])
