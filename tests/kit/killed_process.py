"""A process to kill: ``python -m tests.kit.killed_process URL INSTANT POINT NTH SCENE``.

It opens the world on a database that exists, at an instant that is given, and plays a scene; at the NTH passage of the
crash point named POINT it kills itself with SIGKILL, as a power cut would. ``-`` names no point: it lives.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime

from notifications.ports import set_crash_hook
from states import commands as c
from states.vocabulary import WithdrawReason
from tests.kit.system import System


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
    """Declare and withdraw without end, to be killed from outside; says when it has begun."""
    print("ready", flush=True)
    number = 1000
    while True:
        number += 1
        mail = f"toil{os.getpid()}.{number}@ac-toulouse.fr"
        born = system.accept(c.Declare(uai="0310001H", nom=f"N{number}x{os.getpid()}", prenom="P", mail=mail), "chef A")
        system.accept(c.Withdraw(reference=born.reference, reason=WithdrawReason.ERROR), "chef A")


SCENES: dict[str, Callable[[System], None]] = {"issue": issue, "tick": tick, "endless_work": endless_work}


def main() -> None:
    url, instant, point, nth, scene = sys.argv[1:]
    system = System.reopened(url, datetime.fromisoformat(instant))
    if point != "-":
        kill_at(point, int(nth))
    SCENES[scene](system)
    system.close()


if __name__ == "__main__":
    main()
