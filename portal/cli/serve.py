"""``oda serve``: the portal, the schedule and the sending of mails in one process."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.french import FrenchCommand, Integer, Text

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from workflow.settings.portal import PortalSettings


@click.command(
    "serve",
    cls=FrenchCommand,
    help="Tient le portail, l'échéancier et l'envoi des courriels jusqu'à ce qu'on l'arrête (SIGTERM ou Ctrl-C) : les"
    " pages demandées et les courriels commencés sont finis d'abord. Aucune adresse visitée n'est journalisée.",
)
@click.option("--host", type=Text(), metavar="ADRESSE", help="L'adresse IP où écouter ; à défaut, portal.host.")
@click.option("--port", type=Integer(1, 65535), metavar="PORT", help="Le port ; à défaut, portal.port.")
@click.option("--no-worker", is_flag=True, help="Le portail seul : « oda worker » ou « oda tick » fait le reste.")
@pass_app
def serve(app: App, host: str | None, port: int | None, no_worker: bool) -> None:
    from portal.cli import logs
    from portal.cli.service import first_line, logged
    from portal.cli.unattended import house_of
    from portal.serving import Server
    from portal.web.application import create_app
    from workflow.service import Worker

    log = logs.to_stderr()
    with house_of(app) as house:
        settings = house.settings.portal
        worker = Worker(house, logged(house, log))
        worker.check_place()
        host, port = host or settings.host, port or settings.port
        with listening(host, port) as socket:
            server = Server(create_app(house), socket, settings.proxies)
            log.info(
                "portail sur http://%s:%s, ouvert à %s", f"[{host}]" if ":" in host else host, port, settings.address
            )
            for warning in warnings(settings, host):
                log.warning(warning)
            log.info("le portail seul : ni échéancier, ni envoi de courriels" if no_worker else first_line(house))
            with nullcontext() if no_worker else worker.beside(server.stop):
                server.work()
    log.info("arrêté proprement")


def listening(host: str, port: int) -> "socket.socket":
    """The socket on which the portal listens. Raises CliFailure, with what to do."""
    import errno

    from portal.serving import listen

    why = {
        errno.EADDRINUSE: f"Le port {port} est déjà pris, par un autre programme ou par un autre « oda serve ».",
        errno.EACCES: f"Ce compte n'a pas le droit d'écouter sur le port {port}.",
        errno.EADDRNOTAVAIL: f"« {host} » n'est pas une adresse de cette machine.",
    }
    remedy = "Que faire : changer les réglages portal.host et portal.port, ou les options --host et --port."
    try:
        return listen(host, port)
    except (OSError, UnicodeError) as error:
        code = error.errno if isinstance(error, OSError) else None
        message = why.get(code or 0, f"Le portail ne peut pas écouter sur « {host} », port {port}.")
        raise CliFailure(message, ExitCode.UNAVAILABLE, [remedy]) from None


def warnings(settings: "PortalSettings", host: str) -> "Iterator[str]":
    """What deserves a look before people come."""
    from portal.serving import is_loopback

    if not settings.address.startswith("https://") and not is_loopback(host):
        yield (
            "portal.address n'est pas en https alors que d'autres machines atteignent ce port : les codes de connexion"
            " y passeraient en clair. Mettre un serveur HTTPS devant, et son adresse dans portal.address."
        )
