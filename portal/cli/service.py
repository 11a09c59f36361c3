"""``oda tick`` and ``oda worker``: the schedule and the sending of mails, once or as a service (R50 to R52)."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import echo_object, printable, say
from portal.texts import called_lines, done_lines, held_lines

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from notifications.delivery.dispatcher import Dispatcher
    from workflow.app import App
    from workflow.removals.connector.service import RoundResult
    from workflow.schedule.tick import TickResult
    from workflow.settings.infrastructure import PortalSettings
    from workflow.year_end.service import HeldYear


# The worker's log: plain French lines on the error output, without anybody's name or address.


_LEVELS = {"WARNING": "attention : ", "ERROR": "erreur : ", "CRITICAL": "erreur : "}


_FRENCH = {
    "mails wait: %s": "les courriels attendent : %s",
    "sealing keys not read again: %s": "les clés des codes n'ont pas pu être relues : %s",
    "tick failed: %s": "le passage de l'échéancier a échoué, nouvel essai au suivant : %s",
    "calls failed: %s": "les appels au serveur ODA ont échoué, nouvel essai dans une minute : %s",
    "calls: %d confirmed, %d wait, %d refused": (
        "serveur ODA : retraits confirmés %d, remis à plus tard %d, à reprendre par un opérateur %d"
    ),
    "page failed: %s": "une page n'a pas pu être faite : %s",
    "Invalid HTTP request received.": "une requête reçue n'était pas du HTTP",
}
"""What the other rooms log, in the reader's language; a line that is not here is shown as it is."""


class French(logging.Formatter):
    """``2026-10-12 11:00:00 attention : …``, on one line; an exception is named by its class only."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        message = _FRENCH.get(str(record.msg), str(record.msg))
        message = message % record.args if record.args else message
        error = f" ({record.exc_info[0].__name__})" if record.exc_info and record.exc_info[0] else ""
        level = _LEVELS.get(record.levelname, "")
        return printable(f"{self.formatTime(record, self.datefmt)} {level}{message}{error}")


def to_stderr() -> logging.Logger:
    """Send every room's log to the error output; the libraries' own only from warnings on. Returns ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(French())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log = logging.getLogger("oda")
    log.setLevel(logging.INFO)
    return log


@click.command(
    "tick",
    help="Passe l'échéancier une fois puis envoie les courriels qui attendent : à lancer chaque minute par cron, à"
    " défaut de « oda worker ».",
)
@click.option("--json", "as_json", is_flag=True, help="Écrit ce qui a été fait en JSON.")
@pass_cli_context
def tick(context: CliContext, as_json: bool) -> None:
    import asyncio
    import logging

    logging.getLogger("notifications").addHandler(logging.NullHandler())  # told below, once and in whole sentences
    with opened_app(context) as app:
        from workflow.worker import Worker

        Worker(app).check_place()
        ticked = app.ticker.tick()
        sent = asyncio.run(app.dispatcher.run_once())
        called = app.connector.round() if app.connector and ticked.clock_skew is None else None
        held = app.year_ends.held()
        if as_json:
            _as_json(ticked, sent, held, called)
        else:
            lines = [*done_lines(ticked, sent), *called_lines(called)]
            is_told = app.dispatcher.pause or ticked.clock_skew is not None
            for line in lines or ([] if is_told else ["Rien à faire."]):
                click.echo(printable(line))
        for line in (*_refusal_lines(ticked), *held_lines(held), *_relay_lines(app.dispatcher)):
            say([line])


def _refusal_lines(ticked: "TickResult") -> Iterator[str]:
    from workflow.schedule.nodes import refusal

    if ticked.clock_skew is not None:
        yield refusal(ticked.clock_skew)
        yield "  — Que faire : remettre à l'heure cette machine ou celle de la base, puis lancer « oda nodes »."


def _relay_lines(dispatcher: "Dispatcher") -> Iterator[str]:
    if dispatcher.pause:
        yield f"Le relais de messagerie n'a pas pris les courriels, qui attendent : {dispatcher.pause.fault.label}."
        yield "  — Que faire : corriger les réglages mail.relay au besoin, puis lancer « oda mail check »."


def _as_json(ticked: "TickResult", sent: int, held: "Iterable[HeldYear]", called: "RoundResult | None") -> None:
    echo_object(
        {
            "revoked": {str(year): count for year, count in ticked.revoked.items()},
            "held": [
                {"school_year": str(one.school_year), "last_day": one.last_day, "why": one.hold, "since": one.held_at}
                for one in held
            ],
            "erased": ticked.erased, "due": ticked.due_reports, "notices": ticked.daily_mails.notices,
            "reminders": ticked.daily_mails.reminders, "invitations": ticked.daily_mails.invitations,
            "digests": ticked.daily_mails.digests, "sent": sent,
            "refused_skew_seconds": None if ticked.clock_skew is None else round(ticked.clock_skew.total_seconds()),
            "calls": vars(called) if called else None,
        }
    )  # fmt: skip


@click.command(
    "worker",
    help="Tient l'échéancier et l'envoi des courriels jusqu'à ce qu'on l'arrête (SIGTERM ou Ctrl-C). Ce qui a été"
    " manqué pendant un arrêt est rattrapé au démarrage.",
)
@pass_cli_context
def worker(context: CliContext) -> None:

    log = to_stderr()
    with opened_app(context) as app:
        from workflow.worker import Worker

        log.info(first_line(app))
        Worker(app, logged(app, log)).run()
    log.info("arrêté proprement")


def logged(app: "App", log: "logging.Logger") -> "Callable[[TickResult], None]":
    """What tells the log of each tick."""

    def on_tick(ticked: "TickResult") -> None:
        for line in done_lines(ticked):
            log.info(line)
        if ticked.new_holds:
            for line in held_lines(app.year_ends.held()):
                log.warning(line.strip(" —"))

    return on_tick


def first_line(app: "App") -> str:
    """Which database, how often the schedule passes, and when the year ends."""
    from portal.texts import end_in_words
    from workflow.worker import TICK_SECONDS

    calendar = app.policy.calendar
    end = calendar.end_of(calendar.open_years(app.clock.now())[0])
    when = end_in_words(end, app.settings.academie.zone)
    return (
        f"base {app.settings.database_url} ; échéancier toutes les {TICK_SECONDS} s ; fin de {end.school_year} : {when}"
    )


# ``oda serve``: the portal, the schedule and the sending of mails in one process.


@click.command(
    "serve",
    help="Tient le portail, l'échéancier et l'envoi des courriels jusqu'à ce qu'on l'arrête (SIGTERM ou Ctrl-C) : les"
    " pages demandées et les courriels commencés sont finis d'abord. Aucune adresse visitée n'est journalisée.",
)
@click.option("--host", metavar="ADRESSE", help="L'adresse IP où écouter ; à défaut, portal.host.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Le port ; à défaut, portal.port.")
@click.option("--no-worker", is_flag=True, help="Le portail seul : « oda worker » ou « oda tick » fait le reste.")
@pass_cli_context
def serve(context: CliContext, host: str | None, port: int | None, no_worker: bool) -> None:

    log = to_stderr()
    with opened_app(context) as app:
        from portal.app import create_app
        from portal.server import Server
        from workflow.worker import Worker

        settings = app.settings.portal
        worker = Worker(app, logged(app, log))
        worker.check_place()
        host, port = host or settings.host, port or settings.port
        with listening(host, port) as socket:
            server = Server(create_app(app), socket, settings.proxies)
            log.info(
                "portail sur http://%s:%s, ouvert à %s", f"[{host}]" if ":" in host else host, port, settings.address
            )
            for warning in warnings(settings, host):
                log.warning(warning)
            log.info("le portail seul : ni échéancier, ni envoi de courriels" if no_worker else first_line(app))
            with nullcontext() if no_worker else worker.beside(server.stop):
                server.work()
    log.info("arrêté proprement")


def listening(host: str, port: int) -> "socket.socket":
    """The socket on which the portal listens. Raises CliFailure, with what to do."""
    import errno

    from portal.server import listen

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
    from portal.server import is_loopback

    if not settings.address.startswith("https://") and not is_loopback(host):
        yield (
            "portal.address n'est pas en https alors que d'autres machines atteignent ce port : les codes de connexion"
            " y passeraient en clair. Mettre un serveur HTTPS devant, et son adresse dans portal.address."
        )
