"""Several machines at work on one installation of a server's own, each a process; what they leave, to compare."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.population import AFTER_END, NOTARY, populate, year_ends
from notifications.outbox.store import MAILS
from tests.kit.forked_process import forked, writing_to
from tests.kit.installation import CONFIG
from tests.kit.worker_process import Machine, run
from workflow.database.connection import Database
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable
from workflow.database.journal_tables import EVENT
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import REMOVAL, REQUEST
from workflow.journal.verification import Verifier
from workflow.settings.loader import load_settings
from workflow.settings.secrets import generate
from workflow.year_end.service import BATCH

JOURNAL_KEY = "bench" * 8
"""The key under which ``bench.population`` writes its journal."""

IMPATIENT = "    timeout_seconds: 3\n  lease_seconds: 7\n"
"""What a machine had reserved when the database went away is due again before a test loses patience."""

OF_AN_END = ("year_end", "year_end_report", "revoked", "removal_task")
"""The mails that a sweep may write; the digests and reminders of other days are no part of what is compared."""


class Installation:
    """A populated database with its settings, at the end of a school year; ``shift`` brings today just after it."""

    def __init__(self, folder: Path, url: str, requests: int, *, port: int = 9, batch: int = BATCH) -> None:
        """``port`` is the relay's; on 9 nobody listens, so the mails wait. ``batch``: requests a transaction."""
        self.url, self.folder, self._batch = url, folder, batch
        folder.mkdir(exist_ok=True)
        self.config = folder / "config.yaml"
        text = CONFIG.format(url=url.replace(":@", "@", 1))
        self.config.write_text(f"{text}    port: {port}\n    security: none\n{IMPATIENT}", encoding="utf-8")
        generate(folder / "secrets")
        key = folder / "secrets" / "journal-key"
        key.chmod(0o600)
        key.write_text(JOURNAL_KEY)
        self.database = Database(url)
        populate(self.database, requests)
        ends, schedule = year_ends(self.database)
        ends.observe(schedule, "bench")  # a sign of life of just before: no machine has been off (R119)
        self.shift = (AFTER_END - datetime.now(UTC) + timedelta(minutes=30)).total_seconds()
        assert load_settings(self.config).database_url

    @contextmanager
    def node(
        self, name: str, point: str = "", nth: int = 1, by: signal.Signals = signal.SIGKILL
    ) -> Iterator[BaseProcess]:
        """A machine at work; killed at the end if it has not ended."""
        machine = Machine(
            config=self.config, name=name, shift=self.shift, batch=self._batch, point=point, nth=nth, by=by
        )
        process = forked(writing_to, self.folder / f"{name}.log", run, machine)
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def begins_at(self) -> datetime:
        """The instant that the machines take for now."""
        return datetime.now(UTC) + timedelta(seconds=self.shift)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        self.database.dispose()

    def waits(self, for_what: Callable[["Installation"], bool], seconds: float = 60) -> None:
        """Until it is so; a database that restarts meanwhile is waited for."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            try:
                if for_what(self):
                    return
            except (DatabaseBusy, DatabaseUnreachable):
                pass
            time.sleep(0.1)
        logs = {path.name: path.read_text()[-2000:] for path in self.folder.glob("*.log")}
        raise AssertionError(f"not within {seconds} s: {for_what} {logs}")

    def is_over(self) -> bool:
        """Whether the year's report is written: the last thing that a sweep does."""
        with self.database.read() as connection:
            report = select(MAILS.c.id).where(MAILS.c.kind == "year_end_report")
            return connection.execute(report).first() is not None

    def end_state(self) -> dict[str, list[Any]]:
        """All that must not depend on how many machines did it, nor on what befell them, sorted."""
        answers = {
            "requests": select(
                REQUEST.c.reference, REQUEST.c.uai, REQUEST.c.state, REQUEST.c.version, REQUEST.c.chain_length,
                REQUEST.c.last_trigger, REQUEST.c.last_actor, REQUEST.c.key_possible,
            ),
            "events": select(EVENT.c.stream, EVENT.c.seq, EVENT.c.kind, EVENT.c.from_state, EVENT.c.to_state)
            .where(EVENT.c.stream != "installation"),
            "years": select(EVENT.c.kind).where(EVENT.c.kind.like("year%")),
            "mails": select(MAILS.c.kind, MAILS.c.uai, MAILS.c.reference, MAILS.c.recipient, MAILS.c.context)
            .where(MAILS.c.kind.in_(OF_AN_END)),
            "removals": select(REMOVAL.c.reference, REMOVAL.c.kind, REMOVAL.c.outcome),
            "occurrences": select(OCCURRENCE.c.key, OCCURRENCE.c.requests),
        }  # fmt: skip
        with self.database.read() as connection:
            return {name: sorted(map(repr, connection.execute(query))) for name, query in answers.items()}

    def flaws(self) -> list[str]:
        with self.database.read() as connection:
            return [str(flaw) for flaw in Verifier(connection, NOTARY).flaws()]


def send_signal(process: BaseProcess, number: signal.Signals) -> None:
    """Send a signal to one that lives."""
    assert process.pid
    assert process.exitcode is None, "it has ended"
    os.kill(process.pid, number)


def stopped(process: BaseProcess) -> int | None:
    """How one that is told to stop ends; a frozen one goes on first. None: it does not end."""
    send_signal(process, signal.SIGTERM)
    with suppress(ProcessLookupError):
        os.kill(process.pid or 0, signal.SIGCONT)
    process.join(60)
    return process.exitcode


def is_frozen(process: BaseProcess) -> bool:
    """Whether it has stopped itself by SIGSTOP."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
