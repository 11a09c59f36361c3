"""How often one may try a door: counted in the database, so that every process counts together (R74)."""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from workflow.database.tables import KNOCKS
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

WINDOW: Final = timedelta(minutes=30)
"""How long a try counts: as long as a link is valid, so that nobody waits for a mail and is refused another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most ``most`` tries of this ``name`` within ``WINDOW``."""

    name: str
    most: int


LINKS_OF_SUBJECT: Final = Limit(name="link-subject", most=5)
"""Links for one establishment or address: enough for who looks in the wrong mailbox, too few to fill one."""


LINKS_OF_CLIENT: Final = Limit(name="link-client", most=60)
"""Links asked for from one network address: many schools may share one, behind the proxy of the académie."""


FAILED_OPENINGS: Final = Limit(name="opening", most=10)
"""Links opened in vain from one network address: nobody guesses 256 bits, and nobody need try."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimitResult:
    """What one try came to. ``is_first_refusal``: the limit has just been reached, which is worth telling once."""

    is_allowed: bool
    is_first_refusal: bool = False


class RateLimiter:
    """Counts the tries. What is tried is kept as a keyed digest: no address can be read back, nor guessed."""

    def __init__(self, hasher: JournalHasher) -> None:
        self._hasher = hasher

    def hit(self, connection: Connection, limit: Limit, who: str, now: datetime) -> RateLimitResult:
        """Count one try more. One that is refused is not counted: who waits is let in again."""
        key = self._key(limit, who)
        if connection.dialect.name == "postgresql":  # two tries at once are counted one after the other
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
        before = self._count(connection, key, now)
        if before <= limit.most:  # the first that is refused is kept too, for it to be told once
            connection.execute(insert(KNOCKS), [{"key": key, "at": now}])
        return RateLimitResult(is_allowed=before < limit.most, is_first_refusal=before == limit.most)

    def is_over(self, connection: Connection, limit: Limit, who: str, now: datetime) -> bool:
        """Whether one try more would be refused."""
        return self._count(connection, self._key(limit, who), now) >= limit.most

    def _count(self, connection: Connection, key: str, now: datetime) -> int:
        recent = select(func.count()).where(KNOCKS.c.key == key, KNOCKS.c.at > now - WINDOW)
        return int(connection.execute(recent).scalar_one())

    def _key(self, limit: Limit, who: str) -> str:
        return self._hasher.digest(f"{limit.name}\n{who}")


def forget_old(connection: Connection, now: datetime) -> int:
    """Forget the tries that count no more; returns how many."""
    return connection.execute(delete(KNOCKS).where(KNOCKS.c.at <= now - WINDOW)).rowcount


def network_of(client: str) -> str:
    """The network address that is counted: for IPv6 the network of 64 bits that one subscriber has whole."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


# The secrets of the doors: drawn here, kept nowhere.


def new_secret() -> str:
    """256 bits, fit for an address, a cookie or a header."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """By which a secret is found again. No salt is needed: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derived(secret: str, use: str) -> str:
    """Another secret drawn from this one, which does not give it away."""
    return hmac.new(secret.encode(), use.encode(), hashlib.sha256).hexdigest()


# What the doors tell the journal: who, by number; never an address, never a secret (R75).


def refused(connection: Connection, hasher: JournalHasher, limit: Limit, now: datetime) -> None:
    """Too many tries, told when the limit is reached and not at each further try (R74)."""
    actor = installation.schedule_actor_in(connection)
    installation.record(connection, hasher, "door_refused", actor, now, {"limit": limit.name, "most": limit.most})
