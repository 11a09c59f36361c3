"""``oda tick`` and ``oda worker``: the schedule and the sending of mails, once or as a service (R50 to R52)."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.context import App, pass_app
from portal.cli.exits import say
from portal.cli.french import FrenchCommand

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from notifications.delivery import Dispatcher
    from workflow.connector.rounds import Called
    from workflow.duties import DutiesDone
    from workflow.house import House
    from workflow.tick import Ticked
    from workflow.year_end import HeldYear


@click.command(
    "tick",
    cls=FrenchCommand,
    help="Passe l'échéancier une fois puis envoie les courriels qui attendent : à lancer chaque minute par cron, à"
    " défaut de « oda worker ».",
)
@click.option("--json", "as_json", is_flag=True, help="Écrit ce qui a été fait en JSON.")
@pass_app
def tick(app: App, as_json: bool) -> None:
    import asyncio
    import logging

    from portal.cli.unattended import house_of
    from workflow.service import Worker

    logging.getLogger("notifications").addHandler(logging.NullHandler())  # told below, once and in whole sentences
    with house_of(app) as house:
        Worker(house).check_place()
        ticked = house.ticker.tick()
        sent = asyncio.run(house.dispatcher.run_once())
        called = house.connector.round() if house.connector and ticked.refused is None else None
        held = house.year_ends.held()
        if as_json:
            _as_json(ticked, sent, held, called)
        else:
            lines = [*done_lines(ticked, sent), *called_lines(called)]
            is_told = house.dispatcher.pause or ticked.refused is not None
            for line in lines or ([] if is_told else ["Rien à faire."]):
                click.echo(printable(line))
        for line in (*_refusal_lines(ticked), *held_lines(held), *_relay_lines(house.dispatcher)):
            say([line])


def done_lines(ticked: "Ticked", sent: int = 0) -> Iterator[str]:
    """What a tick did, in French; nothing for nothing."""
    from states.french import plural

    for year, count in ticked.revoked.items():
        if count:
            yield f"Fin de l'année {year} : {plural(count, 'demande révoquée', 'demandes révoquées')}."
    if ticked.erased:
        yield f"{plural(ticked.erased, 'code effacé', 'codes effacés')}, gardés trop longtemps (R61)."
    if ticked.due:
        yield f"{plural(ticked.due, 'signalement arrivé à son jour', 'signalements arrivés à leur jour')}."
    yield from _duties_lines(ticked.duties)
    if sent:
        yield f"{plural(sent, 'courriel remis', 'courriels remis')} au relais."


def called_lines(called: "Called | None") -> Iterator[str]:
    """What the connector did (R84); nothing for nothing."""
    from states.french import plural

    if called and called.confirmed:
        yield f"{plural(called.confirmed, 'retrait confirmé', 'retraits confirmés')} par le serveur ODA."
    if called and called.waiting:
        yield f"{plural(called.waiting, 'retrait sera redemandé', 'retraits seront redemandés')} au serveur ODA."
    if called and called.refused:
        given_back = plural(called.refused, "retrait rendu", "retraits rendus")
        yield f"{given_back} aux opérateurs : voir « oda connector calls »."


def _duties_lines(duties: "DutiesDone") -> "Iterator[str]":
    """What was written of our own accord (R78 to R81)."""
    from states.french import plural

    if duties.notices:
        yield f"Fin d'année annoncée à {plural(duties.notices, 'établissement')} (R78)."
    if duties.invitations:
        yield f"{plural(duties.invitations, 'établissement invité', 'établissements invités')} à renouveler (R81)."
    if duties.reminders:
        yield f"{plural(duties.reminders, 'rappel inscrit', 'rappels inscrits')} (R79)."
    if duties.digests:
        yield "Récapitulatif des retards inscrit (R80)."


def held_lines(held: "Iterable[HeldYear]") -> Iterator[str]:
    """Each end that waits for an operator, and what to do (R52)."""
    from states.french import day

    for one in held:
        yield f"La fin de l'année {one.school_year} ({day(one.last_day)}) est retenue : {one.hold.label}."
        yield f"  — Que faire : lire « oda year-end preview », puis « oda year-end confirm {one.school_year} »."


def _refusal_lines(ticked: "Ticked") -> Iterator[str]:
    from workflow.machines import refusal

    if ticked.refused is not None:
        yield refusal(ticked.refused)
        yield "  — Que faire : remettre à l'heure cette machine ou celle de la base, puis lancer « oda nodes »."


def _relay_lines(dispatcher: "Dispatcher") -> Iterator[str]:
    if dispatcher.pause:
        yield f"Le relais de messagerie n'a pas pris les courriels, qui attendent : {dispatcher.pause.fault.label}."
        yield "  — Que faire : corriger les réglages mail.relay au besoin, puis lancer « oda mail check »."


def _as_json(ticked: "Ticked", sent: int, held: "Iterable[HeldYear]", called: "Called | None") -> None:
    from portal.cli.request.told import echo_object

    echo_object(
        {
            "revoked": {str(year): count for year, count in ticked.revoked.items()},
            "held": [
                {"school_year": str(one.school_year), "last_day": one.last_day, "why": one.hold, "since": one.held_at}
                for one in held
            ],
            "erased": ticked.erased, "due": ticked.due, "notices": ticked.duties.notices,
            "reminders": ticked.duties.reminders, "invitations": ticked.duties.invitations,
            "digests": ticked.duties.digests, "sent": sent,
            "refused_skew_seconds": None if ticked.refused is None else round(ticked.refused.total_seconds()),
            "calls": vars(called) if called else None,
        }
    )  # fmt: skip


@click.command(
    "worker",
    cls=FrenchCommand,
    help="Tient l'échéancier et l'envoi des courriels jusqu'à ce qu'on l'arrête (SIGTERM ou Ctrl-C). Ce qui a été"
    " manqué pendant un arrêt est rattrapé au démarrage.",
)
@pass_app
def worker(app: App) -> None:
    from portal.cli import logs
    from portal.cli.unattended import house_of
    from workflow.service import Worker

    log = logs.to_stderr()
    with house_of(app) as house:
        log.info(first_line(house))
        Worker(house, logged(house, log)).run()
    log.info("arrêté proprement")


def logged(house: "House", log: "logging.Logger") -> "Callable[[Ticked], None]":
    """What tells the log of each tick."""

    def on_tick(ticked: "Ticked") -> None:
        for line in done_lines(ticked):
            log.info(line)
        if ticked.held:
            for line in held_lines(house.year_ends.held()):
                log.warning(line.strip(" —"))

    return on_tick


def first_line(house: "House") -> str:
    """Which database, how often the schedule passes, and when the year ends."""
    from portal.ends import end_in_words
    from workflow.service import TICK_SECONDS

    calendar = house.policy.calendar
    end = calendar.end_of(calendar.open_years(house.clock.now())[0])
    when = end_in_words(end, house.settings.academie.zone)
    return (
        f"base {house.settings.database_url} ; échéancier toutes les {TICK_SECONDS} s ;"
        f" fin de {end.school_year} : {when}"
    )
