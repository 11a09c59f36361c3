"""``oda request show``: one request whole."""

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import refused
from portal.cli.french import FrenchCommand
from portal.cli.request import told
from portal.cli.request.options import reference_argument


@click.command("show", cls=FrenchCommand, help="Une demande : où elle en est, son histoire, ce qu'on peut en faire.")
@reference_argument
@click.option("--json", "as_json", is_flag=True, help="Écrit la demande entière en JSON.")
@pass_app
def show(app: App, reference: str, as_json: bool) -> None:
    from portal.cli.opening import opened
    from portal.cli.request.page import write
    from portal.cli.request.shape import shape
    from workflow.reading.scope import nothing_to_see
    from workflow.reading.showing import show_request

    with opened(app) as (house, actor), house.database.read() as connection:
        view = show_request(connection, reference, actor, house.policy, house.mailer, house.clock.now())
    if view is None:
        raise refused([nothing_to_see(actor, reference)], "Rien à montrer.")
    if as_json:
        told.echo_object(shape(view))
    else:
        write(view, house.settings.zoneinfo)
