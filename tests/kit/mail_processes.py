"""An installation with its relay and the processes that send for it: started, killed, frozen, and what they leave."""

import json
import os
import signal
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select

from notifications import encryption
from notifications.authoring.examples import EXAMPLES
from notifications.messages.catalogue import CATALOGUE
from notifications.outbox import admin as outbox
from notifications.outbox import store as enqueue
from notifications.outbox.store import MAILS
from notifications.vocabulary import Audience, Draft, Erasure, Kind, Mail, Stage
from tests.kit import sender_process
from tests.kit.factories import NOW, UAI
from tests.kit.folders import lasting_folder
from tests.kit.installation import make_installation
from tests.kit.sender_process import Orders, SharedClock, born
from tests.kit.smtp import ScriptedRelay
from workflow.app import App, bootstrap
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.journal.verification import Verifier
from workflow.settings.loader import load_settings

LEASE = 60
OPERATORS = "oda@ac-toulouse.fr"
_SETTINGS = """\
    port: {port}
    security: none
    timeout_seconds: 1
  connections: {connections}
  lease_seconds: {lease}
  max_attempts: {max_attempts}
  retry_after_seconds: [20, 40]
  retry_uncertain: {retry_uncertain}
"""


class MailProcesses:
    """Each mail it writes goes to an address of its own, so that the relay's transcript tells of which mail it is."""

    def __init__(
        self, folder: Path, url: str, relay: ScriptedRelay, *, connections: int = 3, retry_uncertain: bool = True,
        max_attempts: int = 8,
    ) -> None:  # fmt: skip
        self.relay, self._url, self._instant = relay, url, folder / "instant"
        self.clock = SharedClock(self._instant)
        self.clock.set(NOW)
        self._config = make_installation(folder, url, self.clock)
        mail_settings = _SETTINGS.format(
            port=relay.port, connections=connections, lease=LEASE, max_attempts=max_attempts,
            retry_uncertain=str(retry_uncertain).lower(),
        )  # fmt: skip
        self._config.write_text(self._config.read_text(encoding="utf-8") + mail_settings, encoding="utf-8")
        settings = load_settings(self._config)
        self.app: App = bootstrap(settings, {}, clock=self.clock, database=Database(url))
        self.written = 0
        self.erased: set[str] = set()

    def close(self) -> None:
        self.app.close()

    def write(self, *samples: str, lasts: timedelta | None = None) -> None:
        """Enqueue a mail for each of these samples; one that carries a code has its own, sealed.

        ``lasts`` is until when they may leave, None for the usual time.
        """
        now, mailer = self.clock.now(), self.app.mailer
        drafts = [self._draft(sample, now + lasts if lasts else None) for sample in samples]
        coded = {draft.reference: "AB12CD34" for draft in drafts if CATALOGUE[draft.kind].has_code and draft.reference}
        with self.app.database.write() as connection:
            sealed = encryption.seal(connection, mailer.sealer, coded, now) if coded else {}
            enqueue.enqueue(connection, drafts, now, context=mailer.mail_context, seals=sealed)

    def _draft(self, sample: str, not_after: datetime | None) -> Draft:
        self.written += 1
        kind, facts = EXAMPLES[sample]
        audience = CATALOGUE[kind].audience
        to = OPERATORS if audience is Audience.OPERATORS else f"ce.{self.written}@ac-toulouse.fr"
        reference = f"ODA-2027-{self.written:05}"
        return Draft(
            kind=kind, audience=audience, recipient=to, context=facts, uai=UAI, reference=reference, not_after=not_after
        )

    def erase(self, reference: str) -> None:
        """Erase a code, as its revocation does."""
        self.erased.add(reference)
        with self.app.database.write() as connection:
            encryption.erase(connection, [reference], Erasure.REVOKED, self.clock.now())

    def start(self, **orders: Any) -> BaseProcess:
        """A sender at work; see ``Orders``."""
        return born(self._orders(**orders))

    def send(self, **orders: Any) -> int:
        """A sender from its birth to its end; returns how it ended."""
        return ended(self.start(**orders))

    def send_here(self) -> None:
        """A sender that nothing kills: an application made anew, in this process, until nothing is due."""
        sender_process.send(self._orders())

    def _orders(self, **orders: Any) -> Orders:
        return Orders(config=self._config, url=self._url, clock=self._instant, papers=_papers(), **orders)

    def mails(self, *stages: Stage, kind: Kind | None = None) -> list[Mail]:
        """The stored mails with their facts, the newest first."""
        with self.app.database.read() as connection:
            return list(outbox.list_outbox(connection, stages=stages, kind=kind, limit=10_000, whole=True).mails)

    def restless(self) -> int:
        """How many mails are still to be sent, held, or being sent."""
        some = or_(*(MAILS.c[name].is_not(None) for name in ("next_attempt_at", "lease_until", "lease_token")))
        with self.app.database.read() as connection:
            return int(connection.execute(select(func.count()).where(some)).scalar_one())

    def settle(self, rounds: int = 30) -> None:
        """The relay is well, time passes, one sender after the other ends by itself: until the outbox is at rest."""
        for _ in range(rounds):
            self.send_here()
            if not self.restless():
                return
            self.clock.advance(seconds=2 * LEASE)
        raise AssertionError(f"{self.restless()} mails find no rest")

    def deaths(self) -> list[int]:
        """The mails that the journal says dead, as often as it says it."""
        query = select(EVENT.c.canonical).where(EVENT.c.kind == "mail_dead")
        with self.app.database.read() as connection:
            return [json.loads(canonical)["data"]["mail"] for canonical in connection.execute(query).scalars()]

    def flaws(self) -> list[str]:
        with self.app.database.read() as connection:
            return [str(flaw) for flaw in Verifier(connection, self.app.hasher).flaws()]


@cache
def _papers() -> Path:
    return lasting_folder("oda-papers-")


def ended(process: BaseProcess, seconds: float = 30) -> int:
    """How a process ended: 0, or minus the signal."""
    process.join(seconds)
    assert process.exitcode is not None, "it does not end"
    return process.exitcode


def frozen(process: BaseProcess) -> None:
    """Wait until it has met SIGSTOP."""
    assert process.pid
    state = Path(f"/proc/{process.pid}/stat")
    while state.read_text().rpartition(")")[2].split()[0] != "T":
        assert process.is_alive(), "it has ended before it froze"
        process.join(0.005)


def thaw(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        if process.pid and process.is_alive():
            os.kill(process.pid, signal.SIGCONT)
