"""The service: ``oda tick``, ``worker``, ``serve``, ``calendar``, ``nodes``, ``clock``, and its log (R50 to R52, R82).

Schedule, mails and portal, once or until it is told to stop; the dates on which it acts, the machines that do, their
clock.
"""

import ctypes
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from portal.cli.context import CliContext, opened, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode
from portal.cli.output import echo_object, emit, json_option, printable, say
from portal.texts import called_lines, done_lines, end_in_words, held_lines, trouble_lines
from states import french

if TYPE_CHECKING:
    import socket

    from workflow.app import App
    from workflow.removals.connector.service import RoundResult
    from workflow.schedule.tick import TickResult
    from workflow.settings.infrastructure import LogForm, PortalSettings
    from workflow.year_end.service import HeldYear

MEMORY_POOLS: Final = 2
"""Pools from which the C library gives memory to threads."""

_M_ARENA_MAX: Final = -8
_LEVELS = {"WARNING": "attention : ", "ERROR": "erreur : ", "CRITICAL": "erreur : "}

_FRENCH = {
    "mails wait: %s": "les courriels attendent : %s",
    "text of the académie left out: %s": "le texte d'origine s'affiche à la place de celui de l'académie : %s",
    "sealing keys not read again: %s": "les clés des codes n'ont pas pu être relues : %s",
    "tick failed: %s": "le passage de l'échéancier a échoué, nouvel essai au suivant : %s",
    "step failed: %s (%s)": "un travail de l'échéancier a échoué, nouvel essai au passage suivant : %s (%s)",
    "calls failed: %s": "les appels au serveur ODA ont échoué, nouvel essai dans une minute : %s",
    "calls: %d confirmed, %d wait, %d refused": (
        "serveur ODA : retraits confirmés %d, remis à plus tard %d, à reprendre par un opérateur %d"
    ),
    "supervisor not called: %s": "l'adresse monitoring.ping_url n'a pas pu être appelée : %s",
    "supervisor called again": "l'adresse monitoring.ping_url répond de nouveau",
    "page failed: %s": "une page n'a pas pu être faite : %s",
    'Execution of job "%s" skipped: maximum number of running instances reached (%d)': (
        "un travail de l'échéancier dure plus d'une minute : le passage suivant attend qu'il finisse%.0s%.0s"
    ),
    "Invalid HTTP request received.": "une requête reçue n'était pas du HTTP",
    "database: %s": "%s",
    "too many connections: %d": "plus de %d connexions à la fois : une de trop a été refusée",
    "socket.accept() out of system resource": (
        "plus de descripteurs : aucune connexion ne peut être acceptée (ulimit -n, LimitNOFILE)"
    ),
    "Cancel %s running task(s), timeout graceful shutdown exceeded": "réponses abandonnées à l'arrêt : %s",
    "Exception in ASGI application\n": "une réponse a été interrompue",
}
"""French for the log messages of other packages; a message that is not here is written as it is."""

_EVERY_S: Final = 60

_LASTING: Final = 10
"""Lines of a cause that lasts; from then on it is told less often."""

_LASTING_S: Final = 600

MOST_CAUSES: Final = 500
"""Causes remembered; beyond, all of them share one line a minute."""

_VARYING: Final = re.compile(r"\b[0-9A-F]{8,12}\b|\d+")

_DATE_COLUMNS = {
    "day": "Date", "until": "Jusqu'au", "what": "Ce qui se fait", "requests": "Demandes",
    "establishments": "Établissements",
}  # fmt: skip

_NODE_COLUMNS = {"machine": "Machine", "seen_at": "Vue le", "gap": "Horloge", "state": "État", "refused_at": "Depuis"}


@click.command(
    "tick",
    help="Passe l'échéancier une fois puis envoie les courriels qui attendent : à lancer chaque minute par cron, à"
    " défaut de « oda worker ».",
)
@click.option("--json", "as_json", is_flag=True, help="Écrit ce qui a été fait en JSON.")
@pass_cli_context
def tick(context: CliContext, as_json: bool) -> None:
    import asyncio

    logging.getLogger("notifications").addHandler(logging.NullHandler())  # written below, once and in whole sentences
    with opened_app(context) as app:
        from workflow.worker import Worker

        Worker(app).check_place()
        result = app.ticker.tick()
        sent = asyncio.run(app.dispatcher.run_once())
        calls = app.connector.round() if app.connector and result.may_act else None
        if app.webhooks and result.may_act:
            app.webhooks.round()
        unheard = app.supervisor_call.call() if app.supervisor_call and result.is_well else ""
        held_years = app.year_ends.held()
        if as_json:
            _echo_tick(result, sent, held_years, calls)
        else:
            is_explained = app.dispatcher.pause or not result.may_act or result.troubles
            lines = [*done_lines(result, sent), *called_lines(calls), *_put_off_lines(app)]
            lines = lines or ([] if is_explained else ["Rien à faire."])
            for line in lines:
                click.echo(printable(line))
        for line in _problem_lines(app, result, held_years):
            say([line])
        if unheard:
            say([f"L'adresse monitoring.ping_url n'a pas pu être appelée : {unheard}."])
    if result.failures:
        click.get_current_context().exit(ExitCode.INTERNAL)


def _put_off_lines(app: "App") -> Iterator[str]:
    """Say how many mails the relay has put off: they are neither sent nor lost, which « nothing to do » would hide."""
    from notifications.vocabulary import Stage
    from workflow.mail import count_unsent_mails

    with app.database.read() as connection:
        put_off = count_unsent_mails(connection).get(Stage.RETRY, 0)
    if put_off:
        yield f"{french.plural(put_off, 'courriel attend', 'courriels attendent')} un nouvel essai."


@click.command(
    "worker",
    help="Tient l'échéancier et l'envoi des courriels jusqu'à ce qu'on l'arrête (SIGTERM ou Ctrl-C). Ce qui a été"
    " manqué pendant un arrêt est rattrapé au démarrage.",
)
@pass_cli_context
def worker(context: CliContext) -> None:
    log = log_to_stderr(context.settings().monitoring.log_format)
    limit_memory_pools()
    with opened_app(context) as app:
        from workflow.worker import ServiceManager, Worker

        log.info(start_line(app))
        manager = ServiceManager(os.environ)
        Worker(app, tick_logger(app, log), manager.loop("worker"), manager.ready).run()
    log.info("arrêté proprement")


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
    log = log_to_stderr(context.settings().monitoring.log_format)
    limit_memory_pools()
    with opened_app(context) as app:
        from portal.app import create_app
        from portal.middleware import headers_without_page
        from portal.server import Server
        from workflow.worker import ServiceManager, Worker

        settings, manager = app.settings.portal, ServiceManager(os.environ)
        worker = Worker(app, tick_logger(app, log), (lambda: None) if no_worker else manager.loop("worker"))
        worker.check_place()
        host, port = host or settings.host, port or settings.port
        with open_socket(host, port) as listener:
            server = Server(
                create_app(app), listener, settings.proxies, app.database.hurry,
                on_ready=manager.ready, on_turn=manager.loop("portal"), headers=headers_without_page(settings.address),
            )  # fmt: skip
            log.info(
                "portail sur http://%s:%s, ouvert à %s", f"[{host}]" if ":" in host else host, port, settings.address
            )
            for warning in warnings(settings, host):
                log.warning(warning)
            log.info("le portail seul : ni échéancier, ni envoi de courriels" if no_worker else start_line(app))
            with nullcontext() if no_worker else worker.beside(server.stop):
                server.work()
    log.info("arrêté proprement")


def limit_memory_pools() -> None:
    """Have glibc keep few pools, where it would keep eight for each processor and give none of them back.

    Papers are made in any of a process's threads: each pool would grow to the size of the largest work, until the
    service reaches the memory that its unit allows it. Another C library has no such pools.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, MEMORY_POOLS)


def _problem_lines(app: "App", result: "TickResult", held_years: "Iterable[HeldYear]") -> Iterator[str]:
    """The reasons why something waits, each with what to do: the clock, a year's end, the mail relay."""
    from workflow.schedule.nodes import refusal

    if result.clock_skew is not None:
        yield refusal(result.clock_skew)
        yield "  — Que faire : remettre à l'heure cette machine ou celle de la base, puis lancer « oda nodes »."
    yield from held_lines(held_years)
    if app.dispatcher.pause:
        fault = app.dispatcher.pause.fault.label
        yield f"Le relais de messagerie n'a pas pris les courriels, qui attendent : {fault}."
        yield "  — Que faire : corriger les réglages mail.relay au besoin, puis lancer « oda mail check »."
    yield from trouble_lines(result)


def _echo_tick(result: "TickResult", sent: int, held_years: "Iterable[HeldYear]", calls: "RoundResult | None") -> None:
    """Write what was done for a program."""
    echo_object(
        {
            "revoked": {str(year): count for year, count in result.revoked.items()},
            "held": [
                {"school_year": str(end.school_year), "last_day": end.last_day, "why": end.hold, "since": end.held_at}
                for end in held_years
            ],
            "erased": result.erased, "due": result.due_reports, "notices": result.daily_mails.notices,
            "reminders": result.daily_mails.reminders, "invitations": result.daily_mails.invitations,
            "digests": result.daily_mails.digests, "sent": sent,
            "refused_skew_seconds": None if result.clock_skew is None else round(result.clock_skew.total_seconds()),
            "clock_fault": result.clock_fault, "restored": result.is_held, "set_aside": result.set_aside,
            "failures": [{"step": failure.step, "error": failure.error} for failure in result.failures],
            "calls": vars(calls) if calls else None,
        }
    )  # fmt: skip


def tick_logger(app: "App", log: logging.Logger) -> "Callable[[TickResult], None]":
    """A function that logs the result of each tick."""

    last: list[str] = []

    def log_tick(result: "TickResult") -> None:
        for line in done_lines(result):
            log.info(line)
        troubles = list(trouble_lines(result))
        for line in troubles if troubles != last else ():  # a trouble that lasts is told once, not each minute
            log.warning(line.strip(" —"))
        last[:] = troubles
        if result.new_holds:
            for line in held_lines(app.year_ends.held()):
                log.warning(line.strip(" —"))

    return log_tick


def start_line(app: "App") -> str:
    """The first line of the log: the database, the interval of the schedule, the end of the school year."""
    from workflow.worker import TICK_SECONDS

    calendar = app.policy.calendar
    end = calendar.end_of(calendar.open_years(app.clock.now())[0])
    when = end_in_words(end, app.settings.academie.zone)
    return (
        f"base {app.settings.database_url} ; échéancier toutes les {TICK_SECONDS} s ; fin de {end.school_year} : {when}"
    )


def open_socket(host: str, port: int) -> "socket.socket":
    """Open the socket of the portal. Raises CliFailure, with what to do."""
    import errno

    from portal.server import listen

    messages = {
        errno.EADDRINUSE: f"Le port {port} est déjà pris, par un autre programme ou par un autre « oda serve ».",
        errno.EACCES: f"Ce compte n'a pas le droit d'écouter sur le port {port}.",
        errno.EADDRNOTAVAIL: f"« {host} » n'est pas une adresse de cette machine.",
    }
    remedy = "Que faire : changer les réglages portal.host et portal.port, ou les options --host et --port."
    try:
        return listen(host, port)
    except (OSError, UnicodeError) as error:
        code = error.errno if isinstance(error, OSError) else None
        message = messages.get(code or 0, f"Le portail ne peut pas écouter sur « {host} », port {port}.")
        raise CliFailure(message, ExitCode.UNAVAILABLE, [remedy]) from None


def warnings(settings: "PortalSettings", host: str) -> Iterator[str]:
    """The settings that expose people, in French."""
    from workflow.settings.services import is_this_machine

    if not settings.address.startswith("https://") and not is_this_machine(host):
        yield (
            "portal.address n'est pas en https alors que d'autres machines atteignent ce port : les codes de connexion"
            " y passeraient en clair. Mettre un serveur HTTPS devant, et son adresse dans portal.address."
        )


class FrenchFormatter(logging.Formatter):
    """``2026-10-12 11:00:00+0200 attention : …``, on one line; an exception is named by its class only."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S%z")

    def format(self, record: logging.LogRecord) -> str:
        level = _LEVELS.get(record.levelname, "")
        return printable(f"{self.formatTime(record, self.datefmt)} {level}{_said(record)}")


class JsonFormatter(logging.Formatter):
    """``{"at": "2026-10-12T11:00:00+0200", "level": "warning", "message": …}``, the same words, one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname.lower(),
            "logger": record.name, "message": printable(_said(record)),
        }  # fmt: skip
        return json.dumps(line, ensure_ascii=False)


def _said(record: logging.LogRecord) -> str:
    """The French of a line; an exception is named by its class only, for its text may hold a code."""
    message = _FRENCH.get(str(record.msg), str(record.msg))
    message = message % record.args if record.args else message
    if record.name == "asyncio":  # its reason, then pages about its own objects
        message = _FRENCH.get(message := message.partition("\n")[0], message)
    error = f" ({record.exc_info[0].__name__})" if record.exc_info and record.exc_info[0] else ""
    return f"{message}{error}{getattr(record, 'again', '')}"


def log_to_stderr(form: "LogForm" = "text") -> logging.Logger:
    """Send the log of every package to the error output, and return ours; the libraries' only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else FrenchFormatter())
    handler.addFilter(OncePerMinute())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log = logging.getLogger("oda")
    log.setLevel(logging.INFO)
    return log


@dataclass(slots=True)
class _Cause:
    since: float
    seen: float
    again: int = 0
    lines: int = 1

    @property
    def every(self) -> int:
        """Seconds between two of its lines."""
        return _EVERY_S if self.lines < _LASTING else _LASTING_S


class OncePerMinute(logging.Filter):
    """Drops a line whose cause was written less than a minute ago; the next one tells how many were dropped.

    A cause that lasts for ten minutes is then told every ten.

    The cause is the logger, and the first line without its numbers. What was done well is never dropped.
    """

    def __init__(self, count: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._count = count
        self._causes: dict[str, _Cause] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a line to drop."""
        if record.levelno < logging.WARNING:
            return True
        first_line = record.getMessage().partition("\n")[0]
        key, now = f"{record.name} {_VARYING.sub('#', first_line)}", self._count()
        with self._lock:
            if len(self._causes) >= MOST_CAUSES:
                self._causes = {name: cause for name, cause in self._causes.items() if now - cause.seen < _EVERY_S}
                key = key if key in self._causes or len(self._causes) < MOST_CAUSES else ""
            cause = self._causes.get(key)
            lasts = cause is not None and now - cause.seen < 2 * _EVERY_S
            if cause and now - cause.since < (cause.every if lasts else _EVERY_S):
                cause.again, cause.seen = cause.again + 1, now
                return False
            self._causes[key] = _Cause(now, now, lines=cause.lines + 1 if cause and lasts else 1)
        if cause and cause.again:
            record.again = f" (et {french.plural(cause.again, 'fois', 'fois')} depuis la dernière ligne)"
        return True


@click.command(
    "calendar",
    help="Chaque date des douze mois à venir où le logiciel agira de lui-même, et sur combien de demandes et"
    " d'établissements si rien ne change (R86). Rien n'est écrit. Réservé aux opérateurs et aux lecteurs.",
)
@json_option
@pass_cli_context
def calendar(context: CliContext, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.cli.year_end import rectorat_only
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
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.engine import clock_check

        require_operator(actor, "confirmer l'horloge")
        now = app.clock.now()
        when = french.instant(now, app.settings.zoneinfo)
        with app.database.write() as connection:
            outcome = clock_check.confirm_clock(connection, app.hasher, actor, app.machine, now)
    if outcome is None:
        message = f"Le serveur n'est pas à l'heure : {when}. Rien n'est confirmé."
        raise CliFailure(message, ExitCode.REFUSED, ["Que faire : remettre la machine à l'heure (NTP)."])
    said = "La date est confirmée" if outcome else "Rien n'attendait"
    click.echo(f"{said} : {when}.")
