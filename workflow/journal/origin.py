"""Where the person of this call is, and the addresses kept of it: apart from the chains, for a time (R108).

The origin belongs to a request of the portal: a web server sets it once, and whatever is recorded for the request finds
it, without each service having to pass it on. A command and the schedule have none.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from workflow.database.journal_tables import SECURITY_ADDRESSES

MOST_NETWORKS: Final = 20
"""Networks kept of one event of refused tries, those of most tries first: a crowd of them fills no table."""

LONGEST_BROWSER: Final = 100
"""Characters of a browser's description."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The network address, as it is counted (R74), and the browser in a few words; ``times`` of refused tries."""

    network: str
    browser: str = ""
    times: int = 1


_origin: Final[ContextVar[Origin | None]] = ContextVar("origin", default=None)


@contextmanager
def coming_from(origin: Origin | None) -> Iterator[None]:
    """Let what is recorded meanwhile know where its person is."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> Origin | None:
    """Return where the person of this call is; None for a command, the schedule, an unknown address."""
    return _origin.get()


def keep_origins(connection: Connection, stream: str, seq: int, origins: Iterable[Origin], at: datetime) -> None:
    """Keep where an event came from, beside it."""
    worst_first = sorted(origins, key=lambda origin: (-origin.times, origin.network))[:MOST_NETWORKS]
    rows = [
        {
            "stream": stream, "seq": seq, "rank": rank, "network": origin.network,
            "browser": origin.browser[:LONGEST_BROWSER], "times": origin.times, "at": at,
        }
        for rank, origin in enumerate(worst_first, start=1)
    ]  # fmt: skip
    if rows:
        connection.execute(insert(SECURITY_ADDRESSES), rows)


def delete_old_origins(connection: Connection, before: datetime) -> int:
    """Erase what is kept of the events before this instant; return how many addresses."""
    return connection.execute(delete(SECURITY_ADDRESSES).where(SECURITY_ADDRESSES.c.at < before)).rowcount


def count_old_origins(connection: Connection, before: datetime) -> int:
    """Count the addresses that would go."""
    query = select(func.count()).select_from(SECURITY_ADDRESSES).where(SECURITY_ADDRESSES.c.at < before)
    return int(connection.execute(query).scalar_one())
