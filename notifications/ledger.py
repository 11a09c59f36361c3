"""What several connections record at one moment is one transaction: a commit costs more than a mail."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from notifications.claims import Claim
from notifications.outcomes import Outcome
from notifications.vocabulary import Stage

PATIENCE = (0.5, 2.0, 5.0)
"""Seconds between two tries to write: a database that restarts must not make mails uncertain that left."""

GATHERING = 0.0005
"""Seconds left to other connections to join a commit: with one of 16 alone in it, the next would wait for both."""


@dataclass(frozen=True, slots=True)
class Begin:
    """This mail may leave from now on."""

    held: Claim


@dataclass(frozen=True, slots=True)
class Finish:
    """What came of a mail that was begun."""

    held: Claim
    outcome: Outcome


Entry = Begin | Finish
Written = bool | Stage | None
"""For a Begin: whether it may go on. For a Finish: the mail's new stage; None when somebody else decides by now."""
Write = Callable[[list[Entry]], list[Written]]


class Ledger:
    """Gathers the entries that come while a commit is under way, and writes them with the next."""

    def __init__(self, write: Write, gathering: float = 0) -> None:
        self._write, self._gathering = write, gathering
        self._waiting: list[tuple[Entry, asyncio.Future[Written]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, *entries: Entry) -> list[Written]:
        """Record these entries, in order and together; returns once they are committed, with what came of each."""
        loop = asyncio.get_running_loop()
        mine = [(entry, loop.create_future()) for entry in entries]
        self._waiting += mine
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._run())
        return [await future for _, future in mine]

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._gathering)
            batch, self._waiting = self._waiting, []
            try:
                written = await self._patiently([entry for entry, _ in batch])
            except BaseException as error:
                for _, future in batch:
                    future.set_exception(error)
                    future.exception()  # known to who awaits; one of them may have left meanwhile
            else:
                for (_, future), result in zip(batch, written, strict=True):
                    if not future.done():
                        future.set_result(result)

    async def _patiently(self, entries: list[Entry]) -> list[Written]:
        for wait in PATIENCE:
            try:
                return await asyncio.to_thread(self._write, entries)
            except Exception:
                await asyncio.sleep(wait)
        return await asyncio.to_thread(self._write, entries)
