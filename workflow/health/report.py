"""The answer to a probe: whether the service can answer, and whether its mission needs somebody (R115).

It names nobody, writes nothing, and is read again after some seconds only, so that no stranger loads the database. A
supervisor hears of it by a call at each good tick, and rings when it hears none: the call delays no tick and fails
none; what keeps it from arriving is told once, and once more when it arrives again.
"""

import asyncio
import logging
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from notifications.delivery.smtp import describe_refused_certificate
from notifications.outbox.admin import ADDRESS_FAULTS
from notifications.outbox.queue import load_pause
from notifications.outbox.store import MAILS
from notifications.ports import Clock, DatabaseTrouble
from notifications.vocabulary import Stage
from states import french
from states.french import plural, span
from states.rules.schedule import STEADY_START, STEP_BACK, ClockFault
from states.school_calendar import SchoolCalendar
from workflow.database import schema
from workflow.database.clock import held_clock, last_heartbeat
from workflow.database.connection import Database
from workflow.database.faults import DatabaseFault
from workflow.database.schedule_tables import is_held, last_backup_at
from workflow.http_post import describe_error
from workflow.schedule.nodes import refused_count, seen_certificate
from workflow.settings.infrastructure import ALLOW_SUPERVISOR, MonitoringSettings
from workflow.settings.services import AddressRefused, Resolver, WebhookEndpoint, check_addresses, resolve_host
from workflow.webhooks.queue import load_states
from workflow.year_end.service import held_in

KEPT: Final = timedelta(seconds=5)
"""The time for which a report serves every other visitor."""

LATE: Final = timedelta(seconds=110)
"""The schedule runs every minute: after this long without it somebody is needed, told within two minutes (R115)."""

RELAY_PATIENCE: Final = timedelta(minutes=1)
"""A relay that restarts is back by then."""

MAIL_PATIENCE: Final = timedelta(minutes=10)
"""A mail that is due leaves within seconds, or in the order of a long queue."""

MANY_DEAD: Final = 10
"""Mails that did not arrive because of their addresses: one is an operator's affair, who is told; many are not."""

WEBHOOK_PATIENCE: Final = timedelta(hours=1)
"""Another system that is being upgraded is back by then; what it is told waits for days."""

CERTIFICATE: Final = "certificat du relais"

LOW_SPACE: Final = 100 * 1024 * 1024

LOW_SHARE: Final = 0.05
"""Of a small disk, which never had ``LOW_SPACE``."""

_REFUSES_TO_WRITE: Final = {
    DatabaseFault.READ_ONLY: "en lecture seule",
    DatabaseFault.NO_SPACE: "son disque est plein",
    DatabaseFault.DISK: "son disque refuse de lire ou d'écrire",
}

_CLOCKS_OFF: Final = ("machine à remettre à l'heure", "machines à remettre à l'heure")

CALL_S: Final = 5
"""Seconds of a whole call, once its name is resolved."""

_log: Final = logging.getLogger("oda")


class HealthState(Enum):
    """The state of the whole, with its first word: only the first one needs nobody."""

    WELL = "ok", "ok"
    ATTENTION = "attention", "attention"
    DOWN = "down", "en panne"

    def __init__(self, code: str, word: str) -> None:
        self.code, self.word = code, word


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: its code for programs, its name and its state in French, and whether it needs somebody."""

    code: str
    name: str
    text: str
    needs_somebody: bool = False


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The findings of a look at the service. ``is_ready``: the database answers, at this software's version."""

    findings: tuple[Finding, ...]
    is_ready: bool = True

    @property
    def state(self) -> HealthState:
        if not self.is_ready:
            return HealthState.DOWN
        is_well = not any(finding.needs_somebody for finding in self.findings)
        return HealthState.WELL if is_well else HealthState.ATTENTION


def away(fault: DatabaseFault) -> HealthReport:
    """Return the report of a database that does not serve."""
    said = f"injoignable ({_within(fault.message)})"
    return HealthReport((Finding("database", "base", said, needs_somebody=True),), is_ready=False)


def _within(sentence: str) -> str:
    """A sentence inside another one."""
    return sentence[0].lower() + sentence[1:]


@dataclass(frozen=True, slots=True)
class TickFailure:
    """The failure of this process's last tick: by the database's fault, else in a way that the log tells."""

    fault: DatabaseFault | None = None

    @classmethod
    def of(cls, error: Exception) -> Self:
        return cls(getattr(error, "fault", None))

    @property
    def words(self) -> str:
        if self.fault is None:
            return "voir le journal du service"
        return _within(self.fault.message)


class HealthMonitor:
    """Reads the state of the service; ``folder`` lies on the disk whose free space counts.

    ``since_tick`` gives the time since the last tick of this process, by a counter that no clock sets back.
    """

    def __init__(
        self, database: Database, clock: Clock, calendar: SchoolCalendar, folder: Path,
        since_tick: Callable[[], timedelta | None], count: Callable[[], float] = time.monotonic,
        oldest_backup: timedelta | None = None, webhooks: Sequence[WebhookEndpoint] = (),
        certificate_notice: timedelta | None = None,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._calendar, self._folder = database, clock, calendar, folder
        self._since_tick, self._count, self._oldest_backup = since_tick, count, oldest_backup
        self._webhooks, self._certificate_notice = webhooks, certificate_notice
        self._newest = schema.newest()
        self.ticks = self.tick_failures = 0
        self._tick_failure: TickFailure | None = None
        self._kept: tuple[HealthReport, float] | None = None
        self._reading = threading.Lock()

    def record_tick(self, failure: TickFailure | None) -> None:
        """Keep how the last tick of this process ended; None: well."""
        self._tick_failure = failure
        self.ticks += 1
        self.tick_failures += failure is not None

    def kept(self) -> HealthReport | None:
        """Return what was read some seconds ago; None when it is too old, or nothing was."""
        kept = self._kept
        return kept[0] if kept and self._count() - kept[1] < KEPT.total_seconds() else None

    def keep(self, report: HealthReport) -> HealthReport:
        """Let this report serve the visitors of the next seconds."""
        self._kept = report, self._count()
        return report

    def report(self) -> HealthReport:
        """Return what was just read, else read; of those who come together, one reads."""
        with self._reading:
            return self.kept() or self.keep(self._read())

    def _read(self) -> HealthReport:
        try:
            with self._database.aside() as connection:
                version = schema.version(connection)
                if version != self._newest:
                    said = f"{version or 'aucune'}, ce logiciel demande {self._newest} : « oda database upgrade »"
                    behind = Finding("schema", "version de la base", said, needs_somebody=True)
                    return HealthReport((Finding("database", "base", "joignable"), behind), is_ready=False)
                return HealthReport(tuple(self._findings(connection)))
        except DatabaseTrouble as trouble:
            return away(getattr(trouble, "fault", DatabaseFault.UNREACHABLE))
        except SQLAlchemyError:
            return away(DatabaseFault.UNREACHABLE)

    def _findings(self, connection: Connection) -> Iterator[Finding]:
        now = self._clock.now()
        yield self._writable(connection)
        yield self._schedule(connection, now)
        yield from _clocks(connection, now)
        yield from _mails(connection, now)
        yield from self._certificate(connection, now)
        for held in held_in(connection, self._calendar):
            said = f"{held.school_year} retenue depuis le {french.day(held.held_at.date())}, à confirmer au rectorat"
            yield Finding("year_end", "fin d'année", said, needs_somebody=True)
        yield from _webhooks(connection, self._webhooks, now)
        yield from self._disk()
        yield from self._backup(connection, now)
        yield Finding("schema", "version de la base", self._newest)

    def _writable(self, connection: Connection) -> Finding:
        if self._database.is_postgresql:
            is_read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"
        else:
            file = Path(self._database.url.database or "")
            is_read_only = not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))
        fault = self._tick_failure.fault if self._tick_failure else None
        fault = DatabaseFault.READ_ONLY if is_read_only else fault or self._database.refused_writing
        if said := fault and _REFUSES_TO_WRITE.get(fault):
            return Finding("database", "base", f"joignable, mais {said}", needs_somebody=True)
        return Finding("database", "base", "joignable")

    def _schedule(self, connection: Connection, now: datetime) -> Finding:
        since = self._since_tick() or timedelta(0)
        ago = max(now - last_heartbeat(connection, now), since, timedelta(0))  # whatever the clock says
        text, failure = f"dernier passage il y a {_duration(ago)}", self._tick_failure
        if failure and not (failure.fault and failure.fault.is_passing):
            return Finding("schedule", "échéancier", f"{text}, en échec : {failure.words}", needs_somebody=True)
        return Finding("schedule", "échéancier", text, needs_somebody=ago >= LATE)

    def _backup(self, connection: Connection, now: datetime) -> Iterator[Finding]:
        """Tell of the last backup once there was one, and of a restoration after which nothing leaves by itself."""
        if is_held(connection):
            said = "l'échéancier et les courriels attendent que quelqu'un les relance"
            yield Finding("restored", "base restaurée", said, needs_somebody=True)
        if made_at := last_backup_at(connection):
            age = max(now - made_at, timedelta(0))
            is_old = self._oldest_backup is not None and age > self._oldest_backup
            yield Finding("backup", "dernière sauvegarde", f"il y a {_duration(age)}", needs_somebody=is_old)

    def _certificate(self, connection: Connection, now: datetime) -> Iterator[Finding]:
        """Tell how long the relay's certificate is good for, as the schedule saw it: without it no mail leaves."""
        certificate = seen_certificate(connection, now)
        if certificate is None:
            return
        if certificate.refused is not None:
            said = f"il n'est pas admis : {describe_refused_certificate(certificate.refused)}"
            yield Finding("certificate", CERTIFICATE, said, needs_somebody=True)
        elif certificate.until:
            left, day = certificate.until - now, french.day(certificate.until.date())
            if left <= timedelta(0):
                yield Finding("certificate", CERTIFICATE, f"il a expiré le {day}", needs_somebody=True)
            elif self._certificate_notice and left < self._certificate_notice:
                said = f"il expire le {day}, dans {span(left)}"
                yield Finding("certificate", CERTIFICATE, said, needs_somebody=True)
            else:
                yield Finding("certificate", CERTIFICATE, f"valable jusqu'au {day}")

    def _disk(self) -> Iterator[Finding]:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            yield Finding("disk", "disque", "le dossier des données est hors d'atteinte", needs_somebody=True)
            return
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        if free < min(LOW_SPACE, size * LOW_SHARE):
            said = "plein" if free == 0 else f"presque plein : reste {plural(free // 2**20, 'Mo', 'Mo')}"
            yield Finding("disk", "disque", said, needs_somebody=True)


def _clocks(connection: Connection, now: datetime) -> Iterator[Finding]:
    if refused := refused_count(connection, now):
        yield Finding("clocks", "horloges", plural(refused, *_CLOCKS_OFF), needs_somebody=True)
    if held := held_clock(connection):
        if held.fault is ClockFault.STARTED:  # ends by itself, like the rest of a start (R119)
            yield Finding("clock", "horloge", f"{held.fault.label} : {span(STEADY_START)} d'attente")
        else:
            yield Finding("clock", "horloge à vérifier", held.fault.label, needs_somebody=True)
    elif last_heartbeat(connection) - now > STEP_BACK:
        said = "le dernier passage de l'échéancier est daté de l'avenir"
        yield Finding("clock", "horloge à vérifier", said, needs_somebody=True)


def _mails(connection: Connection, now: datetime) -> Iterator[Finding]:
    """Tell of the mails that wait, and of those that did not arrive.

    Of the relay's pause only while a mail waits: without one, nobody knows whether the relay is still in trouble. One
    wrong address is the operators' affair, anything else is not.
    """
    pause = load_pause(connection)
    if pause and connection.scalar(select(MAILS.c.id).where(MAILS.c.next_attempt_at.is_not(None)).limit(1)):
        lasted = max(now - pause.since, timedelta(0))
        said = f"{pause.fault.label}, depuis {_duration(lasted)}"
        yield Finding("relay", "courriels arrêtés", said, needs_somebody=lasted >= RELAY_PATIENCE or pause.since > now)
    due = MAILS.c.next_attempt_at <= now
    oldest, count = connection.execute(select(func.min(MAILS.c.next_attempt_at), func.count()).where(due)).one()
    if oldest is not None:
        waits = plural(count, "courriel à envoyer", "courriels à envoyer")
        said = f"{waits}, le plus ancien depuis {_duration(now - oldest)}"
        yield Finding("mail", "courriels", said, needs_somebody=now - oldest >= MAIL_PATIENCE)
    query = (
        select(MAILS.c.fault, func.count().label("mails"))
        .where(MAILS.c.stage == Stage.DEAD.value)
        .group_by(MAILS.c.fault)
    )
    counts = {row.fault: row.mails for row in connection.execute(query)}
    total = sum(counts.values())
    if total:
        is_of_address = total - sum(counts.get(fault.value, 0) for fault in ADDRESS_FAULTS) == 0
        said = f"{plural(total, 'courriel non remis', 'courriels non remis')}, à renvoyer ou à écarter au rectorat"
        yield Finding("dead_mail", "courriels perdus", said, needs_somebody=not is_of_address or total >= MANY_DEAD)


def _webhooks(connection: Connection, endpoints: Sequence[WebhookEndpoint], now: datetime) -> Iterator[Finding]:
    """Tell of each other system that takes no message (R118)."""
    if not endpoints:
        return
    for name, state in load_states(connection, endpoints).items():
        if state.is_gone:
            said = f"« {name} » a répondu qu'il ne veut plus être prévenu"
            yield Finding(f"webhook_{name}", "autre logiciel", said, needs_somebody=True)
        elif state.failing_since:
            lasted = max(now - state.failing_since, timedelta(0))
            said = f"« {name} » n'est plus prévenu depuis {_duration(lasted)}"
            yield Finding(f"webhook_{name}", "autre logiciel", said, needs_somebody=lasted >= WEBHOOK_PATIENCE)


def _duration(ago: timedelta) -> str:
    return span(ago) if ago >= timedelta(seconds=1) else "0 seconde"


class _Unwelcome(Exception):
    """The supervisor answered something else than that it has heard."""


@dataclass(kw_only=True)
class SupervisorCall:
    """Calls ``monitoring.ping_url``; does nothing without one. ``transport`` is a test's."""

    settings: MonitoringSettings
    resolver: Resolver = resolve_host
    transport: httpx2.AsyncBaseTransport | None = None
    _failing: bool = field(default=False, init=False)
    _turn: Lock = field(default_factory=Lock, init=False)
    _tls: list[ssl.SSLContext] = field(default_factory=list, init=False)

    def begin(self) -> Thread | None:
        """Call in a thread that ends with the process; None while another call lasts."""
        if self._turn.locked():
            return None
        thread = Thread(target=self._call_and_tell, name="oda-supervisor", daemon=True)
        thread.start()
        return thread

    def call(self) -> str:
        """Call now; return why it was not heard, in French, without the address, which may hold a key; else nothing."""
        url = self.settings.ping_url
        if url is None:
            return ""
        host = urlsplit(url).hostname or ""
        try:
            asyncio.run(self._call(url, host))
        except (AddressRefused, _Unwelcome) as refused:
            return str(refused)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, OSError, UnicodeError) as error:
            return describe_error(error, host, CALL_S)
        except Exception as error:  # its class alone: a text may hold the address
            return type(error).__name__
        return ""

    def _call_and_tell(self) -> None:
        with self._turn:
            why = self.call()
            if why and not self._failing:
                _log.warning("supervisor not called: %s", why)
            elif not why and self._failing:
                _log.info("supervisor called again")
            self._failing = bool(why)

    async def _call(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        texts = self.resolver(host, parts.port or (443 if is_secure else 80))
        address = check_addresses(host, texts, self.settings.allowed, is_secure=is_secure, setting=ALLOW_SUPERVISOR)[0]
        if not self.transport and not self._tls:  # the authorities of the system, read once
            self._tls.append(ssl.create_default_context())
        options: dict[str, Any] = {"transport": self.transport} if self.transport else {"verify": self._tls[0]}
        async with (
            asyncio.timeout(CALL_S),
            httpx2.AsyncClient(**options, trust_env=False, follow_redirects=False, timeout=CALL_S) as client,
            client.stream(
                "GET", httpx2.URL(url).copy_with(host=address),
                headers={"Host": parts.netloc, "User-Agent": "oda"}, extensions={"sni_hostname": host},
            ) as response,
        ):  # fmt: skip
            if not response.is_success:
                raise _Unwelcome(f"« {host} » a répondu {response.status_code}")
