"""A storm drawn from a seed: the relay fails in every way, senders die, freeze and come back, time jumps."""

import random
import signal
import time
from datetime import timedelta
from multiprocessing.process import BaseProcess

from notifications.vocabulary import CODE_KINDS, Stage
from tests.kit.mail_processes import MailProcesses, ended, thaw
from tests.kit.smtp import ScriptedRelay
from tests.kit.smtp_behaviours import ConnectionsAtOnce, Greylisting, MailsPerConnection, SizeLimit
from tests.kit.smtp_script import Behaviour
from tests.notifications.delivery.test_smtp_fault_matrix import ANSWERS, CELLS

POINTS = ("claiming", "wording", "claimed", "beginning", "before_data", "after_data", "recording", "recorded")
ASLEEP = ("claimed", "before_data", "after_data")
"""Where one may freeze without a transaction open, if it has one connection alone."""
SAMPLES = ("declared", "declared", "delegated", "submitted", "new_request", "code_issued")
FAULTS = [cell.values for cell in CELLS if cell.values[0] not in ("STARTTLS", "AUTH", "HELO")]


class RandomLoad:
    """Each ``step`` is drawn; what has happened is in ``log``, to be read when the books are wrong."""

    def __init__(self, post: MailProcesses, relay: ScriptedRelay, draw: random.Random) -> None:
        self.post, self.relay, self.draw = post, relay, draw
        self.log: list[str] = []
        self.deaths = 0
        self._alive: list[BaseProcess] = []
        self._sleepers: list[BaseProcess] = []
        self._silences = 0

    def blow(self, steps: int) -> None:
        """The whole storm; at its end nobody lives, and the relay is well."""
        acts = {
            self._write: 3, self._start: 6, self._kill: 2, self._wake: 1, self._fault: 6, self._behaviour: 1,
            self._down: 1, self._recover: 2, self._erase: 1,
        }  # fmt: skip
        try:
            self._write()
            for act in self.draw.choices(list(acts), weights=list(acts.values()), k=steps):
                act()
                self._pass()
        finally:
            self._end()

    def _write(self) -> None:
        samples = self.draw.choices(SAMPLES, k=self.draw.randint(2, 5))
        lasts = timedelta(seconds=self.draw.randint(30, 600)) if self.draw.random() < 0.2 else None
        self._say(f"write {samples} lasting {lasts}")
        self.post.write(*samples, lasts=lasts)

    def _start(self) -> None:
        """Two at once at most, besides the sleepers; nine of ten are to die at a point, or to freeze there."""
        self._count()
        if len(self._alive) >= 2:
            self._kill()
        fate, nth = self.draw.random(), self.draw.randint(1, 6)
        if fate < 0.2 and len(self._sleepers) < 2:
            point = f"mail.{self.draw.choice(ASLEEP)}"
            self._sleepers.append(self.post.start(point=point, nth=nth, by=signal.SIGSTOP, connections=1, stays=True))
        else:
            point = f"mail.{self.draw.choice(POINTS)}" if fate < 0.7 else ""
            self._alive.append(self.post.start(point=point, nth=nth, stays=True))
        self._say(f"start, {point} {nth}, fate {fate:.2f}")

    def _kill(self) -> None:
        if self._alive:
            process = self._alive.pop(self.draw.randrange(len(self._alive)))
            self._say("kill" if process.exitcode is None else "dead already")
            process.kill()
            ended(process)
            self.deaths += 1

    def _wake(self) -> None:
        """Those that froze go on, as senders like any other."""
        self._say(f"wake {len(self._sleepers)}")
        thaw(self._sleepers)

    def _fault(self) -> None:
        command, name = self.draw.choice(FAULTS)
        self._silences += name in ("hang", "too late")
        if name not in ("hang", "too late") or self._silences <= 3:
            self._say(f"relay: {command} {name}")
            self.relay.on(str(command), ANSWERS[str(name)], times=self.draw.randint(1, 2))

    def _behaviour(self) -> None:
        known: list[Behaviour] = [
            Greylisting(1), Greylisting(2), MailsPerConnection(2), ConnectionsAtOnce(1), SizeLimit(15_000),
        ]  # fmt: skip
        drawn = self.draw.choice(known)
        self._say(f"relay: {drawn}")
        self.relay.behave(drawn)
        self.relay.latency = self.draw.choice([0, 0.005, 0.03])

    def _down(self) -> None:
        self._say("relay: down")
        self.relay.stop_listening()
        time.sleep(0.1)
        self._pass()
        self.relay.listen_again()

    def _recover(self) -> None:
        self._say("relay: well")
        self.relay.forgive()
        self.relay.latency = 0

    def _erase(self) -> None:
        waiting = [mail for mail in self.post.mails() if mail.kind in CODE_KINDS and mail.stage is not Stage.SENT]
        if waiting:
            chosen = self.draw.choice(waiting)
            self._say(f"erase the code of mail {chosen.id}")
            self.post.erase(chosen.reference or "")

    def _pass(self) -> None:
        """Some time for all, then a leap of the clock."""
        time.sleep(self.draw.uniform(0.01, 0.1))
        leap = self.draw.choice([1, 5, 15, 25, 45, 70, 320])
        self.post.clock.advance(seconds=leap)

    def _count(self) -> None:
        """Those that met their end by themselves."""
        self.deaths += sum(process.exitcode is not None for process in self._alive)
        self._alive = [process for process in self._alive if process.exitcode is None]

    def _end(self) -> None:
        """Some are told to stop and finish what they do, the others are killed; one may still freeze meanwhile."""
        self._recover()
        for process in (*self._alive, *self._sleepers):
            if self.draw.random() < 0.5:
                process.terminate()
            else:
                process.kill()
            for _ in range(300):
                thaw([process])
                process.join(0.1)
                if process.exitcode is not None:
                    break
            ended(process, 0)

    def _say(self, line: str) -> None:
        self.log.append(f"{self.post.clock.now():%H:%M:%S} {line}")
