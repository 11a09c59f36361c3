"""The storm of a campaign, drawn from its seed: what befalls the processes, the relay and the database."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.chaos.installation import ChaosInstallation, Service
from tests.chaos.relay import ProvingRelay
from tests.kit.postgresql_server import PrivateServer
from tests.kit.smtp_behaviours import ConnectionsAtOnce, Greylisting, MailsPerConnection, SizeLimit
from tests.kit.smtp_script import Behaviour, Late
from tests.notifications.delivery.test_smtp_fault_matrix import ANSWERS, CELLS

POINTS: Final = {
    "portal": (
        "engine.before_write", "engine.after_write", "engine.before_commit", "engine.after_commit", "mail.claimed",
        "mail.before_data", "mail.after_data", "mail.recording", "year_end.observed",
    ),
    "worker": (
        "mail.claiming", "mail.wording", "mail.claimed", "mail.beginning", "mail.before_data", "mail.after_data",
        "mail.recording", "mail.recorded", "year_end.observed", "retention.before_commit", "retention.after_commit",
    ),
}  # fmt: skip
SWEEP_POINTS: Final = ("sweep.before_commit", "sweep.between_batches", "sweep.before_close")
FAULTS: Final = [cell.values for cell in CELLS if cell.values[0] not in ("STARTTLS", "AUTH", "HELO")]
SKEWS: Final = (0, 0, 0, 400, -400)
"""Seconds by which the clock of a machine is off; one that is too far off must hold its schedule (R82)."""


class Storm:
    """Each step is drawn. ``counts`` says how often each thing happened, ``log`` what and when."""

    def __init__(
        self, installation: ChaosInstallation, services: list[Service], relay: ProvingRelay,
        server: PrivateServer | None, draw: random.Random,
    ) -> None:  # fmt: skip
        self._installation, self._services, self._relay = installation, services, relay
        self._server, self.draw = server, draw
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        self.slow_stops: list[str] = []
        self._frozen: dict[str, float] = {}
        self._begun = time.monotonic()

    def blow(self, seconds: float, *, awaits_end: bool) -> None:
        """Until so many seconds are over, and the school year is if its end is awaited."""
        self._begun = time.monotonic()
        acts: dict[Callable[[], None], float] = {
            self._kill: 3, self._terminate: 2, self._freeze: 2, self._fault: 12, self._behaviour: 2, self._down: 1,
            self._refuse_mailbox: 1, self._recover: 7, self._restart_database: 1 if self._server else 0,
        }  # fmt: skip
        while (elapsed := time.monotonic() - self._begun) < seconds or (
            awaits_end and self._is_end_near(elapsed, seconds)
        ):
            self._thaw()
            self._revive(is_near_end=abs(self._installation.until_end()) < 0.15 * seconds)
            (act,) = self.draw.choices(list(acts), weights=list(acts.values()))
            act()
            time.sleep(self.draw.uniform(0.1, 1.0))

    def _is_end_near(self, elapsed: float, seconds: float) -> bool:
        """Whether the year's end, of which a slow start has been feared, is still to come, or has just come."""
        return self._installation.until_end() > -0.2 * seconds and elapsed < 3 * seconds

    def calm(self) -> None:
        """The relay is well; every process lives, and nothing more awaits any of them."""
        self._relay.forgive()
        self._relay.latency = 0
        self._thaw(now=True)
        for service in self._services:
            if service.is_alive and service.is_armed:
                self._stop(service)
            if not service.is_alive:
                service.start()
        self._say("le calme")

    def _revive(self, *, is_near_end: bool) -> None:
        """What is dead lives again, as a service manager has it; it is often to die, or to freeze, at a point."""
        for service in self._services:
            if service.is_alive:
                continue
            if service.ended_alone:
                self.counts["morts à un point de coupure" if service.is_armed else "fins sans ordre"] += 1
            self.counts["démarrages"] += 1
            point, nth, by = "", 1, signal.SIGKILL
            if self.draw.random() < 0.5:
                self.counts["points de coupure posés"] += 1
                known = SWEEP_POINTS if is_near_end else POINTS["portal" if service.name == "portal" else "worker"]
                point, nth = self.draw.choice(known), self.draw.randint(1, 8)
                by = self.draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP])
            skew = self.draw.choice(SKEWS) if self._server and service.name != "portal" else 0
            self.counts["horloges décalées"] += skew != 0
            self._say(f"{service.name}: démarrage, {point or 'sans point'} {nth} {by.name}, décalage {skew} s")
            service.start(skew=skew, point=point, nth=nth, by=by)

    def _any(self) -> Service:
        return self.draw.choice(self._services)

    def _kill(self) -> None:
        service = self._any()
        self.counts["SIGKILL"] += 1
        self._say(f"{service.name}: SIGKILL")
        service.kill()

    def _terminate(self) -> None:
        service = self._any()
        if service.is_alive:
            self._stop(service)

    def _stop(self, service: Service) -> None:
        self.counts["SIGTERM"] += 1
        self._frozen.pop(service.name, None)
        took = service.terminate(self._thaw_due)
        self._say(f"{service.name}: SIGTERM, {took:.1f} s")

    def _freeze(self) -> None:
        service = self._any()
        if service.is_alive and service.name not in self._frozen:
            lasts = self.draw.choice([0.5, 2, 4, 9])
            self.counts["SIGSTOP"] += 1
            self._say(f"{service.name}: SIGSTOP {lasts} s")
            service.signal(signal.SIGSTOP)
            self._frozen[service.name] = time.monotonic() + lasts

    def _thaw_due(self) -> None:
        """As ``_thaw``, without drawing: how long a process takes to stop changes nothing of what comes."""
        for service in self._services:
            if self._frozen.get(service.name, 0) < time.monotonic():
                self._frozen.pop(service.name, None)
                service.signal(signal.SIGCONT)

    def _thaw(self, *, now: bool = False) -> None:
        for service in self._services:
            if service.name in self._frozen:
                if now or time.monotonic() > self._frozen[service.name]:
                    service.signal(signal.SIGCONT)
                    del self._frozen[service.name]
            elif now or self.draw.random() < 0.1:  # it may have met a crash point that freezes it
                service.signal(signal.SIGCONT)

    def _fault(self) -> None:
        command, name = (str(value) for value in self.draw.choice(FAULTS))
        answer = Late(3.0) if name == "too late" else ANSWERS[name]
        self.counts[f"relais : {command}"] += 1
        self._say(f"relais: {command} {name}")
        self._relay.on(command, answer, times=self.draw.randint(1, 3))

    def _behaviour(self) -> None:
        known: list[Behaviour] = [
            Greylisting(1), Greylisting(2), MailsPerConnection(2), ConnectionsAtOnce(1), SizeLimit(15_000),
        ]  # fmt: skip
        drawn = self.draw.choice(known)
        self.counts[f"relais : {type(drawn).__name__}"] += 1
        self._say(f"relais: {drawn}")
        self._relay.behave(drawn)
        self._relay.latency = self.draw.choice([0, 0.005, 0.03])

    def _refuse_mailbox(self) -> None:
        uai = self.draw.choice(self._installation.uais)
        self.counts["relais : boîte refusée"] += 1
        self._say(f"relais: la boîte de {uai} est refusée")
        self._relay.on("RCPT", "550 5.1.1 User unknown", times=None, about=self._installation.mailbox(uai))

    def _down(self) -> None:
        lasts = self.draw.choice([0.2, 1, 3])
        self.counts["relais arrêté"] += 1
        self._say(f"relais: arrêté {lasts} s")
        self._relay.stop_listening()
        time.sleep(lasts)
        self._relay.listen_again()

    def _recover(self) -> None:
        self._say("relais: bien")
        self._relay.forgive()
        self._relay.latency = 0

    def _restart_database(self) -> None:
        if self._server is None:
            return
        mode = self.draw.choice(["immediate", "immediate", "fast"])
        self.counts["redémarrages de PostgreSQL"] += 1
        self._say(f"PostgreSQL: {mode}")
        self._server.restart(mode)

    def _say(self, text: str) -> None:
        self.log.append(f"{time.monotonic() - self._begun:7.1f} s  {text}")
