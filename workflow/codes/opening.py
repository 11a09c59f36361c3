"""A code read on the portal: given once, from the transaction that erases it and writes that it was read (R112).

The code is read before anything is written, and handed to its reader after all of it is committed. A process that
stops in between gives it to nobody: then it is lost, and a new one is asked for. What a second click in the same
session is shown for a minute is in this process's memory alone, sealed by that session's secret.
"""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.fernet import Fernet
from sqlalchemy import Connection

from notifications.encryption import seals
from notifications.encryption.sealer import CodeUnreadable
from notifications.mailer import Mailer
from notifications.ports import Clock, crash_point
from states.commands import Code, OpenCode
from states.decision import Refused
from states.model import Actor
from states.refusals import Reason
from workflow.auth.rate_limit import derived, digest
from workflow.engine.engine import Engine

SHOWN_AGAIN: Final = timedelta(seconds=60)
"""How long a second click shows what the first one opened: long enough for an answer lost on the way."""

_UNREADABLE: Final = Reason(
    "code_unreadable", "R71", "Le code ne peut pas être déchiffré",
    "Prévenir le rectorat, qui en fera un nouveau ; rien n'est effacé.",
)  # fmt: skip


def open_code(engine: Engine, mailer: Mailer, command: OpenCode, actor: Actor) -> Code | Refused:
    """Give the code of a request, which is erased, or say why not; of two who ask at once, one has it (R9).

    Raises DatabaseBusy, DatabaseUnreachable, CodeLeaving.
    """
    opened = engine.in_transaction(_opening(engine, mailer, command, actor))
    crash_point("codes.opened")
    return opened


def _opening(
    engine: Engine, mailer: Mailer, command: OpenCode, actor: Actor
) -> Callable[[Connection, datetime], Code | Refused]:
    def work(connection: Connection, now: datetime) -> Code | Refused:
        try:
            codes = seals.codes_of(connection, mailer.sealer, [command.reference])
        except CodeUnreadable:
            return Refused((_UNREADABLE,))
        (result,) = engine.run(connection, [command], actor, now)
        if isinstance(result, Refused):
            return result
        return Code(clear=codes[command.reference])

    return work


@dataclass(slots=True)
class _Opening:
    """One form's opening. ``turn`` is held by who opens it; ``sealed`` is what it gave, None until then."""

    begun_at: datetime
    turn: threading.Lock = field(default_factory=threading.Lock)
    sealed: bytes | None = None


class RecentOpenings:
    """Gives a second click the code that the first one opened, in the same session, for a minute (R112).

    The browser shows the answer to its last click, and would lose the code that the first one was given. An opening is
    that of a session's form: the request as its page showed it, by its version. Nothing is written: another process,
    or this one started anew, says that the code was read.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._openings, self._lock = clock, dict[str, _Opening](), threading.Lock()

    def open_once(
        self, session: str, reference: str, version: int | None, open_it: Callable[[], Code | Refused]
    ) -> Code | Refused:
        """Return what ``open_it`` gives, or has just given to the same form of this session (its secret)."""
        if version is None:
            return open_it()
        form = f"code shown\n{reference}\n{version}"
        opening = self._opening(digest(f"{session}\n{form}"))
        cipher = Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived(session, form))))
        with opening.turn:
            if opening.sealed is not None:
                return Code(clear=cipher.decrypt(opening.sealed).decode())
            opened = open_it()
            if isinstance(opened, Code):
                opening.sealed = cipher.encrypt(opened.clear.encode())
            return opened

    def _opening(self, key: str) -> _Opening:
        """Return that of a form, or a new one; all that are older than a minute are forgotten."""
        now = self._clock.now()
        with self._lock:
            recent = {
                known: opening for known, opening in self._openings.items()
                if timedelta(0) <= now - opening.begun_at < SHOWN_AGAIN
            }  # fmt: skip
            self._openings = recent
            return recent.setdefault(key, _Opening(now))
