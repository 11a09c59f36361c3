"""The six digits of a link, for the browser that asked for it when the mail is read elsewhere (R104)."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from workflow.auth.rate_limit import (
    WRONG_CODES_FROM_STRANGERS,
    WRONG_CODES_OF_BROWSER,
    WRONG_CODES_OF_CLIENT,
    WRONG_CODES_OF_SUBJECT,
    Limit,
    RateLimiter,
    derived,
    digest,
)
from workflow.database.access_tables import LINKS
from workflow.journal.chain import JournalHasher

DIGITS: Final = 6

_MOST_LINKS: Final = 5
"""Links of one browser that a code is compared with, the newest first: those that a mailbox may get in half an hour."""

_NOBODY: Final = "personne@invalid"
"""Stands for the links that are missing."""


def code_of(secret: str) -> str:
    """Return the six digits of a link. They follow from its secret: showing them writes nothing (R72)."""
    return f"{int(derived(secret, 'six digits'), 16) % 10**DIGITS:0{DIGITS}}"


class LinkCodes:
    """Finds the link whose six digits are typed. What is stored of them is a keyed digest: none is guessed from it."""

    def __init__(self, hasher: JournalHasher) -> None:
        self._hasher = hasher
        self._limiter = RateLimiter(hasher)

    def digest_of(self, link_digest: str, code: str) -> str:
        """Return what is stored of a code."""
        return self._hasher.digest(f"six digits\n{link_digest}\n{code}")

    def is_spent(self, connection: Connection, browser: str, network: str, now: datetime) -> bool:
        """Return True when this browser, or its network, has no try left."""
        tried = ((WRONG_CODES_OF_BROWSER, digest(browser)), (WRONG_CODES_OF_CLIENT, network))
        return any(self._limiter.is_reached(connection, limit, key, now) for limit, key in tried)

    def find(self, connection: Connection, browser: str, code: str, network: str, now: datetime) -> Row[Any] | None:
        """Return the link of this code, among those that this browser asked for; None counts as a wrong code (R74).

        A code that no limit leaves a try is wrong, whatever it is. As many links are compared whether there are any or
        not, so that neither the answer nor its time tells.
        """
        is_allowed = not self._limiter.is_reached(connection, WRONG_CODES_OF_CLIENT, network, now)
        attempt, found = connection.begin_nested(), None
        is_allowed &= self._limiter.hit(connection, WRONG_CODES_OF_BROWSER, digest(browser), now)
        links: list[Row[Any] | None] = [*self.pending(connection, browser, now)]
        for link in links + [None] * (_MOST_LINKS - len(links)):
            counted = connection.begin_nested()
            limits = self._limits(connection, link.sent_to if link else _NOBODY, network, now)
            hits = [self._limiter.hit(connection, limit, key, now) for limit, key in limits]
            typed = self.digest_of(link.digest if link else _NOBODY, code)
            is_right = hmac.compare_digest(link.code_digest if link else "", typed)
            found = link if is_right and is_allowed and all(hits) else found
            if link:
                counted.commit()
            else:
                counted.rollback()
        if found is None:
            attempt.commit()
            self._limiter.hit(connection, WRONG_CODES_OF_CLIENT, network, now)
        else:
            attempt.rollback()
        return found

    def pending(self, connection: Connection, browser: str, now: datetime) -> Sequence[Row[Any]]:
        """Return the links that this browser asked for and that still open, the newest first."""
        theirs = (LINKS.c.browser == digest(browser), LINKS.c.used_at.is_(None), LINKS.c.expires_at > now)
        query = select(LINKS).where(*theirs).order_by(LINKS.c.created_at.desc(), LINKS.c.digest).limit(_MOST_LINKS)
        return connection.execute(query).all()

    def _limits(self, connection: Connection, mailbox: str, network: str, now: datetime) -> list[tuple[Limit, str]]:
        """Return the limits of a mailbox; a network known to it is counted alone, and takes nothing from others."""
        if self._limiter.is_known(connection, mailbox, network, now):
            return [(WRONG_CODES_OF_SUBJECT, f"{mailbox}\n{network}")]
        return [(WRONG_CODES_OF_SUBJECT, mailbox), (WRONG_CODES_FROM_STRANGERS, "")]
