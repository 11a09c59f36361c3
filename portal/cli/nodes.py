"""``oda nodes``: list the machines that share the installation, and the clock of each (R82)."""

from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, opened_app, pass_cli_context
from portal.cli.output import Row, emit, json_option, say

if TYPE_CHECKING:
    from workflow.schedule.nodes import Node

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
        from workflow.schedule.nodes import NodeState, nodes

        with app.database.read() as connection:
            machines = nodes(connection, app.clock.now())
        zone = app.settings.zoneinfo
    rows = [_row(machine) for machine in machines]
    emit(rows, COLUMNS, as_json, "Aucune machine n'a encore tenu l'échéancier.", zone)
    if any(machine.state is NodeState.REFUSED for machine in machines):
        say(["Remettre à l'heure la machine qui s'abstient, ou celle de la base si toutes s'abstiennent."])


def _row(node: "Node") -> Row:
    """Return one machine's row; a clock less than a second off is on time."""
    from workflow.schedule.nodes import gap_words

    seconds = None if node.skew is None else round(node.skew.total_seconds(), 3)
    if node.skew is None:
        gap = "la sienne juge"
    else:
        gap = gap_words(node.skew) if abs(node.skew.total_seconds()) >= 1 else "à l'heure"
    return {
        "machine": node.host, "seen_at": node.seen_at, "skew_seconds": seconds, "gap": gap, "state": node.state,
        "refused_at": node.refused_at,
    }  # fmt: skip
