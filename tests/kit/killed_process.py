"""What a process plays that is to be killed (see ``tests.kit.forked_process``).

It opens the system on a database that exists, at an instant that is given, and plays a scene; at a passage of a crash
point it kills itself with SIGKILL, as a power cut would.
"""

import itertools
import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from notifications.ports import set_crash_hook
from states import commands as c
from states.vocabulary import WithdrawReason
from tests.kit.system import System

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LETTERS = str.maketrans("0123456789", "abcdefghij")
"""A name takes no digit."""


def kill_at(point: str, nth: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Arm the crash point; ``by`` SIGSTOP freezes the process there, until SIGCONT."""
    passages = 0

    def hook(name: str) -> None:
        nonlocal passages
        passages += name == point
        if name == point and passages == nth:
            signal.pthread_kill(threading.get_ident(), by)  # this thread: another may take its time to stop this one

    set_crash_hook(hook)


def issue(system: System) -> None:
    """The step that seals a code and writes its mail."""
    reference = next(iter(system.requests()))
    command = c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34"))
    system.engine.execute([command], system.actors["opérateur"], key="once")


def tick(system: System) -> None:
    system.tick()


def endless_work(system: System) -> None:
    """Declare and withdraw without end, to be killed from outside."""
    for number in itertools.count(1000):
        mail = f"toil{os.getpid()}.{number}@ac-toulouse.fr"
        nom = f"N{number}x{os.getpid()}".translate(LETTERS)
        declared = system.accept(c.Declare(uai="0310001H", nom=nom, prenom="P", mail=mail), "chef A")
        system.accept(c.Withdraw(reference=declared.reference, reason=WithdrawReason.ERROR), "chef A")


def play(
    scene: Callable[[System], None], url: str, now: datetime, point: str = "", nth: int = 1,
    ready: "Connection | None" = None,
) -> None:  # fmt: skip
    """Play a scene on a database that exists, killed at the NTH passage of a crash point; no point: it lives.

    ``ready`` is told when the scene begins.
    """
    system = System.reopened(url, now)
    if point:
        kill_at(point, nth)
    if ready:
        ready.send(None)
    scene(system)
    system.close()


def run_oda(words: list[str], point: str = "", nth: int = 1) -> None:
    """Run the real command line, killed likewise."""
    from portal.cli.main import oda

    if point:
        kill_at(point, nth)
    oda.main(words)
