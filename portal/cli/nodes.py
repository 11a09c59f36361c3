"""``oda nodes``: list the machines that share the installation, and the clock of each (R82)."""

import click

from portal.cli.context import CliContext, opened_app, pass_cli_context
from portal.cli.output import emit, json_option, say

COLUMNS = {"machine": "Machine", "seen_at": "Vue le", "gap": "Horloge", "state": "État", "refused_at": "Depuis"}


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
    emit(rows, COLUMNS, as_json, "Aucune machine n'a encore tenu l'échéancier.", zone)
    if any(machine.state is NodeState.REFUSED for machine in machines):
        say(["Remettre à l'heure la machine qui s'abstient, ou celle de la base si toutes s'abstiennent."])
