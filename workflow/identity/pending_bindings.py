"""An identity on its way to be bound: kept in a sealed cookie of its browser, until a mailbox vouches for it (R103)."""

import json
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from notifications.ports import Clock
from workflow.journal.chain import JournalHasher

LASTS: Final = timedelta(minutes=60)
"""The time in which the mailbox's link must have been opened, in the same browser."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingBinding:
    """An identity to bind. ``label``: its provider as people call it; ``uai``: the establishment asked, once it is.

    ``digest``, ``method``, ``provider``, ``name`` are those of ``NamedIdentity``; ``proposed``: the establishments that
    its SIRET or its claims name.
    """

    digest: str
    method: str
    provider: str
    label: str
    name: str
    begun_at: datetime
    proposed: tuple[str, ...] = ()
    uai: str = ""


class PendingBindings:
    """Seals and opens that cookie, under a key that no page and no database holds."""

    def __init__(self, clock: Clock, hasher: JournalHasher) -> None:
        self._clock = clock
        self._box = Fernet(urlsafe_b64encode(bytes.fromhex(hasher.digest("pending-binding"))))

    def keep(self, pending: PendingBinding) -> str:
        """The cookie's content."""
        values = asdict(pending) | {"begun_at": pending.begun_at.isoformat()}
        return self._box.encrypt(json.dumps(values).encode()).decode()

    def read(self, cookie: str) -> PendingBinding | None:
        """The identity of this cookie; None for what is none of ours, and for one of too long ago."""
        try:
            values: dict[str, Any] = json.loads(self._box.decrypt(cookie.encode(errors="replace")))
        except InvalidToken:
            return None
        begun_at = datetime.fromisoformat(values["begun_at"])
        if not begun_at <= self._clock.now() < begun_at + LASTS:
            return None
        return PendingBinding(**values | {"begun_at": begun_at, "proposed": tuple(values["proposed"])})
