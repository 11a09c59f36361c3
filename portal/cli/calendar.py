"""``oda calendar``: the dates on which the software will act, and on how many requests (R86)."""

from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.output import Row, emit, json_option, say

if TYPE_CHECKING:
    from workflow.schedule.upcoming import ScheduledDate


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
        found = upcoming(connection, app.policy, app.mailer, app.clock.now())
    emit([_row(one) for one in found], COLUMNS, as_json)
    if not any(one.requests for one in found):
        say(["Ces dates ne concernent encore aucune demande : elles se rempliront dès la première déclaration."])
    for one in found:
        if one.action is ScheduledAction.UNKNOWN:
            since = french.day(one.day)
            say([f"Vacances scolaires inconnues à partir du {since} : les donner dans les réglages (holidays.school)."])


def _row(one: "ScheduledDate") -> Row:
    return {
        "day": one.day, "until": one.until, "deed": one.action.value, "what": one.sentence, "requests": one.requests,
        "establishments": one.establishments, "school_year": one.school_year,
        "mail": one.mail.value if one.mail else None,
    }  # fmt: skip
