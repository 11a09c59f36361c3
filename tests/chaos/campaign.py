"""A campaign: three processes, people who act, a storm drawn from a seed, the calm, and what must then be true."""

import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from portal.cli.errors import ExitCode
from tests.chaos.installation import CONNECTIONS, STOPS_IN_S, ChaosInstallation, Service, exit_code
from tests.chaos.invariants import Books, Invariant, files_with_a_code, restless
from tests.chaos.logs import kinds_of_lines, unforeseen
from tests.chaos.people import Chef, Ledger, Operator, Person, Place
from tests.chaos.plan import Storm
from tests.chaos.process import begin
from tests.chaos.relay import ProvingRelay
from tests.kit.databases import fresh_url
from tests.kit.ports import free_port
from tests.kit.postgresql_server import PrivateServer, private_server

CALM_S: Final = 180
"""How long the mails of a calm may take, besides a third of the storm's time."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a campaign is drawn from. ``pause``: between two actions of one person, seconds at least and at most;
    ``has_year_end``: the school year ends near the end of the storm, which waits for it."""

    seed: int
    database: str
    seconds: float
    establishments: int = 8
    pause: tuple[float, float] = (0.3, 1.5)
    has_year_end: bool = True

    @property
    def until_end(self) -> float:
        """Seconds from the beginning of the storm to the year's end."""
        return 0.75 * self.seconds if self.has_year_end else 86_400


@dataclass
class Outcome:
    """What a campaign was and gave."""

    plan: Plan
    invariants: list[Invariant]
    actions: Counter[str]
    answers: Counter[str]
    refusals: Counter[str]
    cuts: Counter[str]
    faults: Counter[str]
    replies: Counter[str]
    mails: Counter[str]
    doubtful: int
    doubles: int
    endings: Counter[str]
    slowest_stop: float
    calm_seconds: float
    took: float
    log_kinds: Counter[str]
    books: Books = field(repr=False)
    log: list[str] = field(repr=False)

    @property
    def holds(self) -> bool:
        return all(invariant.holds for invariant in self.invariants)


def run(plan: Plan, folder: Path) -> Outcome:
    """Play a campaign in an empty folder, which keeps the logs."""
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(plan.seed)
    with _database(plan.database, folder) as (url, server), ProvingRelay() as relay:
        installation = ChaosInstallation(folder / "installation", url, relay.port, plan.establishments, plan.until_end)
        with closing(installation):
            port = free_port()
            services = [
                Service(installation, "portal", ("serve", "--port", str(port))),
                Service(installation, "worker-1", ("worker",)), Service(installation, "worker-2", ("worker",)),
            ]  # fmt: skip
            ledger = Ledger()
            people = _people(
                plan, installation, Place(port, installation.shift, installation.app.policy.calendar, ledger)
            )
            storm = Storm(installation, services, relay, server, draw)
            try:
                _play(plan, storm, services, people, port)
                calm = _wait_for_rest(plan, installation)
                stuck = [
                    f"{service.name}: {took:.0f} s"
                    for service in services
                    if (took := service.terminate()) >= STOPS_IN_S
                ]
            finally:
                for service in services:
                    service.kill()
            interruptions = _interruptions(storm.counts)
            books = Books(installation, ledger, relay, interruptions, has_year_end=plan.has_year_end)
            kinds = kinds_of_lines(service.log for service in services)
            places = [folder, *([server.folder] if server else [])]
            invariants = [
                *books.all(), _verified(installation), _secret(places), _clean_ends(services, stuck),
                Invariant("aucune erreur imprévue dans les journaux", kinds.total(), unforeseen(kinds)),
            ]  # fmt: skip
            return Outcome(
                plan, invariants,
                actions=Counter(attempt.trigger for attempt in ledger.attempts if attempt.status in (200, 201)),
                answers=Counter(str(attempt.status or "sans réponse") for attempt in ledger.attempts),
                refusals=ledger.refusals, cuts=ledger.cuts, faults=storm.counts, replies=relay.replies,
                mails=Counter(f"{mail.stage}{f' : {mail.fault}' if mail.fault else ''}" for mail in books.mails),
                doubtful=books.doubtful, doubles=books.doubles,
                endings=Counter(str(code) for service in services for code in service.endings),
                slowest_stop=max(service.slowest_stop for service in services), calm_seconds=calm,
                took=time.monotonic() - begun, log_kinds=kinds, books=books, log=storm.log,
            )  # fmt: skip


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, PrivateServer | None]]:
    if kind == "sqlite":
        with fresh_url("sqlite", folder) as url:
            yield url, None
        return
    with private_server() as server:
        yield server.make_database("oda_chaos"), server


def _people(plan: Plan, installation: ChaosInstallation, place: Place) -> list[Person]:
    seed = str(plan.seed)
    chefs = [
        Chef(uai, 10_000 * number, f"{seed}", place, token, plan.pause)
        for number, (uai, token) in enumerate(installation.chefs.items(), 1)
    ]
    operators = [
        Operator(f"operator-{number}", seed, place, token, (plan.pause[0] / 3, plan.pause[1] / 3))
        for number, token in enumerate(installation.operators, 1)
    ]
    return [*chefs, *operators]


def _play(plan: Plan, storm: Storm, services: list[Service], people: list[Person], port: int) -> None:
    for service in services:
        service.start()
    _wait_for_portal(port)
    for person in people:
        person.start()
    storm.blow(plan.seconds, awaits_end=plan.has_year_end)
    for person in people:
        person.leave()
    storm.calm()
    _wait_for_portal(port)
    for person in people:
        person.join(90)
        person.give_up()
    for person in people:
        person.join(60)


def _wait_for_portal(port: int, seconds: float = 120) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the portal does not answer")


def _wait_for_rest(plan: Plan, installation: ChaosInstallation) -> float:
    """Until no mail is to be sent any more, and the year is over; returns how long it took, or would not take."""
    begun, quiet, most = time.monotonic(), 0, CALM_S + plan.seconds / 3
    while (took := time.monotonic() - begun) < most:
        is_over = not plan.has_year_end or installation.is_over()
        quiet = quiet + 1 if is_over and not restless(installation) else 0
        if quiet > 3:  # a tick may still write mails
            return took
        time.sleep(0.8)
    return most


def _interruptions(counts: Counter[str]) -> int:
    """How many sendings may have been cut between the message and its record, by what was done to the processes."""
    alone = ("SIGKILL", "SIGSTOP", "points de coupure posés", "fins sans ordre")
    together = ("redémarrages de PostgreSQL", "relais arrêté")
    cut_processes = sum(counts[name] for name in alone) + 3 * sum(counts[name] for name in together)
    return CONNECTIONS * cut_processes


def _verified(installation: ChaosInstallation) -> Invariant:
    life = installation.life("verification", "journal", "verify")
    code = exit_code(begin(life))
    problems = [] if code == 0 else [f"code de sortie {code}", *life.log.read_text().splitlines()]
    return Invariant("« oda journal verify » ne trouve rien", 1, problems)


def _secret(places: list[Path]) -> Invariant:
    files, problems = files_with_a_code(places)
    return Invariant("aucun code en clair sur le disque", files, problems)


def _clean_ends(services: list[Service], stuck: list[str]) -> Invariant:
    """Each process ended by our hand, one that had just begun at the signal itself, or because the database was away:
    nobody fell by itself, nobody stayed."""
    known = (0, -signal.SIGKILL, -signal.SIGTERM, ExitCode.UNAVAILABLE, ExitCode.BUSY)
    endings = [(service.name, code) for service in services for code in service.endings]
    odd = [f"{name}: code de sortie {code}" for name, code in endings if code not in known]
    return Invariant(f"chaque processus finit quand on le lui demande, en {STOPS_IN_S} s", len(endings), [*stuck, *odd])
