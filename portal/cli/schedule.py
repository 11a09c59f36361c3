"""``oda calendar``, ``nodes``, ``clock``: when the software acts, the machines that do, and their clock (R52, R82)."""

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import emit, json_option, say

_DATE_COLUMNS = {
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
    emit(rows, _DATE_COLUMNS, as_json)
    if not any(date.requests for date in dates):
        say(["Ces dates ne concernent encore aucune demande : elles se rempliront dès la première déclaration."])
    for date in dates:
        if date.action is ScheduledAction.UNKNOWN:
            since = french.day(date.day)
            say([f"Vacances scolaires inconnues à partir du {since} : les donner dans les réglages (holidays.school)."])


_NODE_COLUMNS = {"machine": "Machine", "seen_at": "Vue le", "gap": "Horloge", "state": "État", "refused_at": "Depuis"}


@click.command(
    "nodes",
    help="Les machines qui tiennent l'échéancier : quand chacune a donné signe de vie, de combien son horloge s'écarte"
    " de celle de la base, et si elle agit (R82). Une machine muette depuis un mois n'est plus listée.",
)
@json_option
@pass_cli_context
def list_nodes(context: CliContext, as_json: bool) -> None:
    with opened_app(context) as app:
        from workflow.schedule.nodes import NodeState, gap_words, nodes

        with app.database.read() as connection:
            machines = nodes(connection, app.clock.now())
        zone = app.settings.zoneinfo
    rows = []
    for machine in machines:
        seconds, gap = None, "la sienne juge"
        if machine.skew is not None:
            seconds = round(machine.skew.total_seconds(), 3)
            gap = gap_words(machine.skew) if abs(machine.skew.total_seconds()) >= 1 else "à l'heure"
        rows.append({
            "machine": machine.host, "seen_at": machine.seen_at, "skew_seconds": seconds, "gap": gap,
            "state": machine.state, "refused_at": machine.refused_at,
        })  # fmt: skip
    emit(rows, _NODE_COLUMNS, as_json, "Aucune machine n'a encore tenu l'échéancier.", zone)
    if any(machine.state is NodeState.REFUSED for machine in machines):
        say(["Remettre à l'heure la machine qui s'abstient, ou celle de la base si toutes s'abstiennent."])


@click.group("clock", cls=CommandGroup, help="L'horloge, quand le logiciel ne la croit pas.")
def clock() -> None:
    pass


@clock.command(
    "confirm",
    help="Dit que la date de la machine est juste : ce qui attendait par précaution est fait au passage suivant (R52)."
    " Réservé aux opérateurs.",
)
@pass_cli_context
def confirm_clock(context: CliContext) -> None:
    from states import french

    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.engine.clock_check import confirm_clock

        require_operator(actor, "confirmer l'horloge")
        now = app.clock.now()
        when = french.instant(now, app.settings.zoneinfo)
        with app.database.write() as connection:
            outcome = confirm_clock(connection, app.hasher, actor, app.machine, now)
    if outcome is None:
        message = f"Le serveur n'est pas à l'heure : {when}. Rien n'est confirmé."
        raise CliFailure(message, ExitCode.REFUSED, ["Que faire : remettre la machine à l'heure (NTP)."])
    said = "La date est confirmée" if outcome else "Rien n'attendait"
    click.echo(f"{said} : {when}.")
