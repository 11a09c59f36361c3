"""Mails held a little ahead of need, so that no connection waits for the database nor for the words."""

import asyncio
from collections import deque
from collections.abc import Callable

from notifications.claims import Claim


class Feed:
    """Gives mails one by one to several connections; ``take`` holds up to ``size`` more of them, in a thread."""

    def __init__(self, take: Callable[[int], list[Claim]], size: int) -> None:
        self._take = take
        self._size = size
        self._held: deque[Claim] = deque()
        self._more: asyncio.Task[None] | None = None
        self._was_short = False

    @property
    def is_empty(self) -> bool:
        """Whether the next mail has to be waited for."""
        return not self._held

    async def next(self) -> Claim | None:
        """The next mail; None when nothing is due any more. Raises what ``take`` raised."""
        asked = False
        while not self._held:
            if self._more is None:
                if asked:
                    return None
                asked = True  # by ourselves: what another asked earlier has not seen what we recorded last
                self._more = asyncio.create_task(self._fetch())
            await self._arrived(self._more)
        if self._more is None and not self._was_short and len(self._held) <= self._size // 2:
            self._more = asyncio.create_task(self._fetch())
        return self._held.popleft()

    async def rest(self) -> list[Claim]:
        """What was held and not asked for, once nobody asks any more, even when ``take`` fails by then."""
        if fetching := self._more:
            await asyncio.wait((fetching,))
            fetching.exception()  # else asyncio complains that nobody heard of it
        rest, self._held = list(self._held), deque()
        return rest

    async def _arrived(self, fetching: "asyncio.Task[None]") -> None:
        await asyncio.wait((fetching,))  # not awaited itself: one who leaves must not cancel what others wait for
        fetching.result()

    async def _fetch(self) -> None:
        try:
            taken = await asyncio.to_thread(self._take, self._size)
            self._held.extend(taken)
            self._was_short = len(taken) < self._size
        finally:
            self._more = None
