"""Rate limits, counted in the database so that every process counts together (R74); random secrets (R72, R73, R76)."""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from states.decision import Scalar
from workflow.database.tables import KNOCKS
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

WINDOW: Final = timedelta(minutes=30)
"""A try counts this long: as long as a link is valid, so that nobody waits for a mail and is refused another."""


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


class RateLimiter:
    """Counts tries. What is tried is stored as a keyed digest: no address can be read back, nor guessed."""

    def __init__(self, hasher: JournalHasher) -> None:
        self._hasher = hasher

    def hit(
        self, connection: Connection, limit: Limit, subject: str, now: datetime, *, journal: bool = True
    ) -> bool:  # fmt: skip
        """Count one try more and return True when it is allowed.

        A refused try is not counted, so that who waits is let in again. The first refusal is recorded in the journal,
        without the subject (R75), unless ``journal`` is False.
        """
        key = self._key(limit, subject)
        if connection.dialect.name == "postgresql":  # two tries at once are counted one after the other
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
        before = _count(connection, key, now)
        if before <= limit.most:  # the first refused try is stored too, so that it is recorded once
            connection.execute(insert(KNOCKS), [{"key": key, "at": now}])
        if before == limit.most and journal:
            data: dict[str, Scalar] = {"limit": limit.name, "most": limit.most}
            actor = installation.schedule_actor_in(connection)
            installation.record(connection, self._hasher, "door_refused", actor, now, data)
        return before < limit.most

    def is_reached(self, connection: Connection, limit: Limit, subject: str, now: datetime) -> bool:
        """Return True when one try more would be refused."""
        return _count(connection, self._key(limit, subject), now) >= limit.most

    def _key(self, limit: Limit, subject: str) -> str:
        return self._hasher.digest(f"{limit.name}\n{subject}")


def _count(connection: Connection, key: str, now: datetime) -> int:
    recent = select(func.count()).where(KNOCKS.c.key == key, KNOCKS.c.at > now - WINDOW)
    return int(connection.execute(recent).scalar_one())


def delete_expired_tries(connection: Connection, now: datetime) -> int:
    """Delete the tries that count no more, and return how many."""
    return connection.execute(delete(KNOCKS).where(KNOCKS.c.at <= now - WINDOW)).rowcount


def network_of(client: str) -> str:
    """Return the network address to count: for IPv6 the whole /64 network, which one subscriber has for itself."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


def new_secret() -> str:
    """Draw 256 random bits, as text fit for an address, a cookie or a header. Only their digest is ever stored."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the digest that a secret is found by. It needs no salt: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derived(secret: str, use: str) -> str:
    """Derive another secret from this one, which does not give it away."""
    return hmac.new(secret.encode(), use.encode(), hashlib.sha256).hexdigest()
