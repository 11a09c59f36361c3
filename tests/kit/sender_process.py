"""A process that sends the mails of an installation, to be killed: the product's own dispatcher, on a shared clock.

The same papers, which took half of such a short life, are made once for all of them.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from multiprocessing.process import BaseProcess
from pathlib import Path

from notifications.delivery import dispatcher as delivery
from notifications.delivery import transactions
from notifications.delivery.dispatcher import Dispatcher
from notifications.rendering.papers import Paper, compile_paper
from tests.kit.forked_process import forked
from tests.kit.killed_process import kill_at
from workflow.app import bootstrap
from workflow.database.connection import Database
from workflow.settings.loader import load_settings

POLL_SECONDS = 0.03


class SharedClock:
    """The instant that a file says, for several processes: the test moves it for all of them at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return datetime.fromisoformat(self._path.read_text())

    def set(self, now: datetime) -> None:
        _write_whole(self._path, now.isoformat().encode())

    def advance(self, **delta: float) -> None:
        """Move by a timedelta's words: ``advance(minutes=1)``."""
        self.set(self.now() + timedelta(**delta))


def _write_whole(path: Path, content: bytes) -> None:
    """Whoever reads finds all of it, or what was there before."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What a sender is told: its installation, and at which passage of which crash point it meets which signal.

    One that ``stays`` sends until SIGTERM; another ends when nothing is due any more. ``connections`` None is what the
    settings say. ``papers`` is the folder of those made.
    """

    config: Path
    url: str
    clock: Path
    papers: Path
    point: str = ""
    nth: int = 1
    by: signal.Signals = signal.SIGKILL
    stays: bool = False
    connections: int | None = None


def send(orders: Orders) -> None:
    """What the process does."""
    settings = load_settings(orders.config)
    if orders.connections:
        mail = settings.mail.model_copy(update={"connections": orders.connections})
        settings = settings.model_copy(update={"mail": mail})
    app = bootstrap(settings, {}, clock=SharedClock(orders.clock), database=Database(orders.url))
    if orders.point:
        kill_at(orders.point, orders.nth, orders.by)
    with _papers_made_once(orders.papers):
        asyncio.run(_stay(app.dispatcher) if orders.stays else app.dispatcher.run_once())
    app.close()


@contextmanager
def _papers_made_once(folder: Path) -> Iterator[None]:
    def make_once(paper: Paper, made_at: datetime) -> bytes:
        path = folder / sha256(repr((paper, made_at)).encode()).hexdigest()
        if not path.exists():
            _write_whole(path, compile_paper(paper, made_at))
        return path.read_bytes()

    transactions.compile_paper = make_once  # type: ignore[attr-defined]
    try:
        yield
    finally:
        transactions.compile_paper = compile_paper  # type: ignore[attr-defined]


async def _stay(dispatcher: Dispatcher) -> None:
    delivery.POLL_SECONDS = POLL_SECONDS
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await dispatcher.run(stop)


def born(orders: Orders) -> BaseProcess:
    """A sender at work."""
    return forked(send, orders)
