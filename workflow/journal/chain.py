"""The journal: chains of events over canonical text, without personal data (R63, R64).

Each request has its chain, and so has the installation (imports, mailboxes, the brake, dead mails). Who stands behind
an actor's number is committed to in the latter when the number is given (R109).

The place from which the person of a call acts (R108) belongs to a request of the portal: a web server sets it once, and
whatever is recorded for the request finds it, without each service having to pass it on. The addresses kept of it stand
apart from the chains, for a time. The line of an event for the system's log is written after the commit, never in its
way, and holds codes and numbers: no name, no mail address, no secret.
"""

import hashlib
import hmac
import ipaddress
import json
import logging
import logging.handlers
import secrets
import socket
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from notifications.ports import Clock
from notifications.sql import insert_rows
from states.decision import Scalar
from states.model import Actor
from states.vocabulary import Channel, Role
from workflow.database.clock import require_right_clock
from workflow.database.connection import Database, after_commit
from workflow.database.journal_tables import ACTOR, EVENT, INSTALLED, NOTE, SECURITY_ADDRESSES
from workflow.journal.event_kinds import FROM_SOMEWHERE

INSTALLATION = "installation"

GENESIS = "0" * 64

FORMAT = 1

MOST_NETWORKS: Final = 20
"""Networks kept of one event of refused tries, those of most tries first: a crowd of them fills no table."""

LONGEST_BROWSER: Final = 100
"""Characters of a browser's description."""

LOGGER: Final = logging.getLogger("oda.security")

SYSTEM_LOG: Final = "/dev/log"
"""The socket of syslog and of journald."""

_TAG: Final = "oda-security: "

_log: Final = logging.getLogger("oda")

SCHEDULE_KEY = "schedule"

SCHEDULE_LABEL = "l'échéancier"

ACTOR_NAMED: Final = "actor_named"
"""The event that commits to who stands behind a number: ``number``, and ``who``, the keyed digest."""

UNDER_ANY_CLOCK: Final = frozenset(
    {"signed_in", "signed_out_everywhere", "session_ended", "recovery_code_used", "exported", "clock_confirmed"}
)
"""The events of a person under an absurd clock: come in, read, leave, and say that the clock is right (R52)."""


# Statements are built once: to build one takes as long as to execute it.
_LOCKED: Final = select(INSTALLED.c.chain_head, INSTALLED.c.chain_length).with_for_update()

_MOVED: Final = update(INSTALLED).values(chain_head=bindparam("head"), chain_length=bindparam("length"))

_ACTOR_NUMBER: Final = select(ACTOR.c.number).where(ACTOR.c.key == bindparam("actor_key"))

_ACTORS: Final = select(ACTOR).order_by(ACTOR.c.number)

OF_INSTALLATION: Final = EVENT.c.stream == literal_column(f"'{INSTALLATION}'")
"""Written out, never bound: a partial index serves only what it can recognise, and SQLite plans a bound one anew."""

_COMMITMENTS: Final = select(EVENT.c.canonical).where(OF_INSTALLATION, EVENT.c.kind == ACTOR_NAMED)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of a chain: the hash of its last event and the number of its events."""

    hash: str
    length: int


EMPTY_CHAIN = ChainHead(GENESIS, 0)


class JournalHasher:
    """Makes the events of every chain. ``key`` (bytes) is the journal's key, which is not in the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def commitment(self, nonce: str, stream: str, seq: int, field: str, body: str) -> str:
        """Return the keyed digest of a free text: it proves the text, and tells nothing once the text is erased."""
        message = "\x1f".join((nonce, stream, str(seq), field, body)).encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def identity(self, nonce: str, number: int, key: str, label: str) -> str:
        """Return the commitment to who stands behind an actor's number (R109)."""
        return self.commitment(nonce, "actor", number, key, label)

    def key_check(self) -> str:
        """Return a digest of the key itself, which shows at once that another installation's key is in place."""
        return self.commitment("", INSTALLATION, 0, "key", "oda")

    def digest(self, text: str) -> str:
        """Return a keyed digest, to compare two texts without storing them (R10, R74)."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def notes(self, stream: str, seq: int, texts: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the rows of the free texts beside an event."""
        return [
            {"stream": stream, "seq": seq, "field": field, "nonce": secrets.token_hex(8), "body": body}
            for field, body in sorted(texts.items())
        ]

    def event(
        self, chain: tuple[str, ChainHead], kind: str, states: tuple[str | None, str | None], actor: Actor,
        at: datetime, data: Mapping[str, Scalar], notes: list[dict[str, Any]],
    ) -> dict[str, Any]:  # fmt: skip
        """Return the row of the next event of a chain, hash included."""
        stream, head = chain
        seq = head.length + 1
        commitments = {n["field"]: self.commitment(n["nonce"], stream, seq, n["field"], n["body"]) for n in notes}
        canonical = canonical_text(
            {
                "actor": actor.number,
                "at": canonical_instant(at),
                "channel": actor.channel.value,
                "data": dict(sorted(data.items())),
                "from": states[0],
                "kind": kind,
                "notes": dict(sorted(commitments.items())),
                "prev": head.hash,
                "role": actor.role.value,
                "seq": seq,
                "stream": stream,
                "to": states[1],
                "v": FORMAT,
            }
        )
        return {
            "stream": stream, "seq": seq, "kind": kind, "from_state": states[0], "to_state": states[1],
            "actor": actor.number, "role": actor.role.value, "at": at, "canonical": canonical,
            "hash": hash_of(canonical),
        }  # fmt: skip


def canonical_text(value: Mapping[str, Any]) -> str:
    """Return compact JSON, in NFC, of keys that come sorted: the same bytes on every machine."""
    text = to_json(value).decode()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=16)
def canonical_instant(at: datetime) -> str:
    """Return an instant in UTC to the microsecond, always of the same length."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_of(canonical: str) -> str:
    return hashlib.sha256(canonical.encode()).hexdigest()


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


def network_of(client: str) -> str:
    """Return the network address to count: for IPv6 the whole /64 network, which one subscriber has for itself.

    An IPv4 address that a socket of both kinds writes as IPv6 (``::ffff:192.0.2.1``) is that IPv4 address.
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def shortened(client: str) -> str:
    """Return the network that a mail may name: 256 addresses, or an IPv6 /48; empty for what is no address (R104)."""
    try:
        address = ipaddress.ip_network(network_of(client)).network_address
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 48 if address.version == 6 else 24), strict=False))


def delete_old_origins(connection: Connection, before: datetime) -> int:
    """Erase what is kept of the events before this instant; return how many addresses."""
    return connection.execute(delete(SECURITY_ADDRESSES).where(is_old_origin(before))).rowcount


def is_old_origin(before: datetime) -> ColumnElement[bool]:
    """The condition of the addresses that ``delete_old_origins`` erases."""
    return SECURITY_ADDRESSES.c.at < before


def count_old_origins(connection: Connection, before: datetime) -> int:
    """Count the addresses that would go."""
    query = select(func.count()).select_from(SECURITY_ADDRESSES).where(is_old_origin(before))
    return int(connection.execute(query).scalar_one())


class _Harmless(logging.Handler):
    """A receiver of lines that is told in our own log when it cannot be written to, and stops nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (of logging)
        _log.error("security log: a line could not be written; the journal has it")


class _ErrorOutput(_Harmless, logging.StreamHandler):  # type: ignore[type-arg]
    """The error output, which systemd and containers keep."""


class _SystemLog(_Harmless, logging.handlers.SysLogHandler):
    """The system's log over its socket; a full or absent one is never waited for."""

    def __init__(self, address: str = SYSTEM_LOG) -> None:
        super().__init__(address=address, facility=logging.handlers.SysLogHandler.LOG_AUTH)
        self.ident = _TAG
        self.append_nul = False

    def _connect_unixsocket(self, address: str) -> None:
        super()._connect_unixsocket(address)  # type: ignore[misc]
        found: socket.socket = vars(self)["socket"]
        found.setblocking(False)


def open_stream(choice: str, address: str = SYSTEM_LOG) -> None:
    """Send the lines where the setting ``security_log`` says: ``none``, ``stderr`` or ``syslog``.

    A line is its JSON alone: its receiver adds when and by which machine.
    """
    close_stream()
    if choice == "none":
        return
    handler = _SystemLog(address) if choice == "syslog" else _ErrorOutput(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def close_stream() -> None:
    """Send the lines nowhere."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        handler.close()
    LOGGER.propagate = False
    LOGGER.setLevel(logging.CRITICAL + 1)


close_stream()


def write_line(event: str, outcome: str, at: datetime | None = None, **facts: object) -> None:
    """Write one line; facts that are None are left out. It raises nothing."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    origin = current_origin()
    line: dict[str, Any] = {
        "at": (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"), "event": event,
        "outcome": outcome, "network": origin.network if origin else None, **facts,
    }  # fmt: skip
    text = json.dumps({name: value for name, value in line.items() if value is not None}, default=str)
    LOGGER.info("%s", text)


class NotInstalled(Exception):
    """La base est vide : la préparer avec « oda init » ou « oda database upgrade »."""


class OtherInstallation(Exception):
    """La clé du journal n'est pas celle de cette base : remettre le fichier journal-key d'origine."""


def found_installation(connection: Connection, hasher: JournalHasher, now: datetime) -> None:
    """Create the installation's row, once. Its creation is the first trace of life (R52)."""
    if connection.execute(select(INSTALLED.c.id)).first():
        return
    row = {
        "id": 1,
        "created_at": now,
        "key_check": hasher.key_check(),
        "chain_head": EMPTY_CHAIN.hash,
        "chain_length": 0,
    }
    connection.execute(insert(INSTALLED), [row])
    connection.execute(insert(ACTOR), [{"key": SCHEDULE_KEY, "label": SCHEDULE_LABEL, "nonce": _nonce()}])


def check_key(connection: Connection, hasher: JournalHasher) -> None:
    """Raises NotInstalled, or OtherInstallation when the journal's key is another's."""
    check = connection.execute(select(INSTALLED.c.key_check)).scalar_one_or_none()
    if check is None:
        raise NotInstalled
    if check != hasher.key_check():
        raise OtherInstallation


def lock(connection: Connection) -> ChainHead:
    """Lock the installation's row until the transaction ends, and return the end of its chain.

    Whatever is done once for the whole installation waits here for its turn: a second node then sees the first's work.
    """
    return ChainHead(*connection.execute(_LOCKED).one())


def record(
    connection: Connection, hasher: JournalHasher, kind: str, actor: Actor, at: datetime,
    data: Mapping[str, Scalar], notes: Mapping[str, str] | None = None, origins: Sequence[Origin] | None = None,
) -> None:  # fmt: skip
    """Append an event to the installation's chain; its row is the lock.

    Where its person is is kept beside it, for the kinds that have it kept (R108): ``origins``, or this call's own. The
    line of the system's log is written once the transaction is committed.

    Raises ClockRefused, which undoes the whole transaction, for what a person does under an absurd clock (R52): no
    service that writes here outside the engine need ask.
    """
    if actor.role is not Role.SCHEDULE and kind not in UNDER_ANY_CLOCK:
        require_right_clock(connection, at)
    head = lock(connection)
    texts = hasher.notes(INSTALLATION, head.length + 1, notes or {})
    event = hasher.event((INSTALLATION, head), kind, (None, None), actor, at, data, texts)
    insert_rows(connection, EVENT, [event])
    insert_rows(connection, NOTE, texts)
    connection.execute(_MOVED, {"head": event["hash"], "length": event["seq"]})
    seq = int(event["seq"])
    if kind in FROM_SOMEWHERE:
        if origins is None:
            origins = [own] if (own := current_origin()) else []
        worst_first = sorted(origins, key=lambda origin: (-origin.times, origin.network))[:MOST_NETWORKS]
        rows = [
            {
                "stream": INSTALLATION, "seq": seq, "rank": rank, "network": origin.network,
                "browser": origin.browser[:LONGEST_BROWSER], "times": origin.times, "at": at,
            }
            for rank, origin in enumerate(worst_first, start=1)
        ]  # fmt: skip
        insert_rows(connection, SECURITY_ADDRESSES, rows)
    outcome = "refused" if kind.endswith("_refused") else "done"
    facts = {"actor": actor.number, "role": actor.role.value, "seq": seq, "data": dict(data) or None}
    after_commit(connection, lambda: write_line(kind, outcome, at, **facts))


def known_actor(connection: Connection, key: str) -> int | None:
    """Return the number of an actor in the journal; None before its first appearance (R64)."""
    return connection.execute(_ACTOR_NUMBER, {"actor_key": key}).scalar_one_or_none()


def address_in(key: str) -> str:
    """Return the address in the key of an operator or a reader (``operator:ADDRESS``)."""
    return key.partition(":")[2]


def actor_number(database: Database, hasher: JournalHasher, clock: Clock, key: str, label: str) -> int:
    """Return the number of an actor in the journal, given and committed to at its first appearance (R64, R109)."""
    for _ in range(2):
        with database.read() as connection:
            number = known_actor(connection, key)
        if number is not None:
            return number
        try:
            with database.write() as connection:
                head = lock(connection)
                row = {"key": key, "label": label, "nonce": _nonce()}
                actor = connection.execute(insert(ACTOR).values(row).returning(ACTOR)).one()
                _commit_to(connection, hasher, head, [actor], clock.now())
        except IntegrityError:
            continue  # another process has just named it
        return int(actor.number)
    with database.read() as connection:
        return int(connection.execute(_ACTOR_NUMBER, {"actor_key": key}).scalar_one())


def commit_to_actors(connection: Connection, hasher: JournalHasher, now: datetime) -> int:
    """Commit to who stands behind each number that no event commits to yet; return how many there were (R109)."""
    head = lock(connection)
    known = {json.loads(text)["data"]["number"] for text in connection.execute(_COMMITMENTS).scalars()}
    unknown = [actor for actor in connection.execute(_ACTORS) if actor.number not in known and not is_erased(actor)]
    _commit_to(connection, hasher, head, unknown, now)
    return len(unknown)


def erased_identity(number: int) -> dict[str, str]:
    """Return what the row of an actor holds once nobody is known behind its number, its salt gone (R109, R110).

    A guard of the database admits no other wording. The journal still verifies, and says so.
    """
    return {"key": f"erased:{number}", "label": f"n° {number}, nom effacé", "nonce": ""}


def is_erased(actor: Any) -> bool:
    """Return True for the row of an actor whose identity was erased."""
    return {name: getattr(actor, name) for name in ("key", "label", "nonce")} == erased_identity(actor.number)


def _nonce() -> str:
    return secrets.token_hex(16)


def _commit_to(
    connection: Connection, hasher: JournalHasher, head: ChainHead, actors: list[Any], now: datetime
) -> None:
    """Append an event for each of these actors in the schedule's name, in one statement. ``head`` is locked."""
    if not actors:
        return
    schedule, events = schedule_actor_in(connection), []
    for actor in actors:
        data = {"number": actor.number, "who": hasher.identity(actor.nonce, actor.number, actor.key, actor.label)}
        event = hasher.event((INSTALLATION, head), ACTOR_NAMED, (None, None), schedule, now, data, [])
        head = ChainHead(event["hash"], event["seq"])
        events.append(event)
    insert_rows(connection, EVENT, events)
    connection.execute(_MOVED, {"head": head.hash, "length": head.length})


def schedule_actor(database: Database) -> Actor:
    """Return the schedule, which alone may end a year (R2)."""
    with database.read() as connection:
        return schedule_actor_in(connection)


def schedule_actor_in(connection: Connection) -> Actor:
    """Return the same inside a transaction; it was named when the installation was created."""
    number = int(connection.execute(_ACTOR_NUMBER, {"actor_key": SCHEDULE_KEY}).scalar_one())
    return Actor(role=Role.SCHEDULE, number=number, label=SCHEDULE_LABEL, channel=Channel.SCHEDULE)
