"""The installation's own chain (imports, mailboxes, the brake, dead mails: R63) and the numbers of its actors (R64).


Who stands behind a number is committed to in the chain when the number is given (R109).
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from states.vocabulary import Channel, Role
from workflow.database.clock import require_right_clock
from workflow.database.connection import Database, after_commit
from workflow.database.journal_tables import ACTOR, EVENT, INSTALLED, NOTE
from workflow.journal.chain import EMPTY_CHAIN, INSTALLATION, ChainHead, JournalHasher
from workflow.journal.event_kinds import is_from_somewhere
from workflow.journal.stream import Origin, current_origin, keep_origins, write_event

SCHEDULE_KEY = "schedule"


SCHEDULE_LABEL = "l'échéancier"


ACTOR_NAMED: Final = "actor_named"
"""The event that commits to who stands behind a number: ``number``, and ``who``, the keyed digest."""


UNDER_ANY_CLOCK: Final = frozenset(
    {"signed_in", "signed_out_everywhere", "session_ended", "recovery_code_used", "exported", "clock_confirmed"}
)
"""The events of a person under an absurd clock: come in, read, leave, and say that the clock is right (R52)."""


class NotInstalled(Exception):
    """La base est vide : la préparer avec « oda init » ou « oda database upgrade »."""


class OtherInstallation(Exception):
    """La clé du journal n'est pas celle de cette base : remettre le fichier journal-key d'origine."""


def found(connection: Connection, hasher: JournalHasher, now: datetime) -> None:
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
    locked = select(INSTALLED.c.chain_head, INSTALLED.c.chain_length).with_for_update()
    return ChainHead(*connection.execute(locked).one())


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
    connection.execute(insert(EVENT), [event])
    if texts:
        connection.execute(insert(NOTE), texts)
    connection.execute(update(INSTALLED).values(chain_head=event["hash"], chain_length=event["seq"]))
    seq, number, role = int(event["seq"]), actor.number, actor.role.value
    if is_from_somewhere(kind):
        own = current_origin()
        keep_origins(connection, INSTALLATION, seq, ([own] if own else []) if origins is None else origins, at)
    after_commit(connection, lambda: write_event(kind, seq, number, role, at, data))


def known_actor(connection: Connection, key: str) -> int | None:
    """Return the number of an actor in the journal; None before its first appearance (R64)."""
    return connection.execute(select(ACTOR.c.number).where(ACTOR.c.key == key)).scalar_one_or_none()


def address_in(key: str) -> str:
    """Return the address in the key of an operator or a reader (``operator:ADDRESS``)."""
    return key.partition(":")[2]


def actor_number(database: Database, hasher: JournalHasher, clock: Clock, key: str, label: str) -> int:
    """Return the number of an actor in the journal, given and committed to at its first appearance (R64, R109)."""
    query = select(ACTOR.c.number).where(ACTOR.c.key == key)
    for _ in range(2):
        with database.read() as connection:
            number = connection.execute(query).scalar_one_or_none()
        if number is not None:
            return int(number)
        try:
            with database.write() as connection:
                lock(connection)
                connection.execute(insert(ACTOR), [{"key": key, "label": label, "nonce": _nonce()}])
                actor = connection.execute(select(ACTOR).where(ACTOR.c.key == key)).one()
                _commit_to(connection, hasher, [actor], clock.now())
        except IntegrityError:
            continue  # another process has just named it
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def commit_to_actors(connection: Connection, hasher: JournalHasher, now: datetime) -> int:
    """Commit to who stands behind each number that no event commits to yet; return how many there were (R109)."""
    lock(connection)
    events = select(EVENT.c.canonical).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == ACTOR_NAMED)
    known = {json.loads(text)["data"]["number"] for text in connection.execute(events).scalars()}
    actors = connection.execute(select(ACTOR).order_by(ACTOR.c.number))
    unknown = [actor for actor in actors if actor.number not in known and not is_erased(actor)]
    _commit_to(connection, hasher, unknown, now)
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


def _commit_to(connection: Connection, hasher: JournalHasher, actors: list[Any], now: datetime) -> None:
    """Append an event for each of these actors in the schedule's name, in one statement."""
    if not actors:
        return
    head, schedule, events = lock(connection), schedule_actor_in(connection), []
    for actor in actors:
        data = {"number": actor.number, "who": hasher.identity(actor.nonce, actor.number, actor.key, actor.label)}
        event = hasher.event((INSTALLATION, head), ACTOR_NAMED, (None, None), schedule, now, data, [])
        head = ChainHead(event["hash"], event["seq"])
        events.append(event)
    connection.execute(insert(EVENT), events)
    connection.execute(update(INSTALLED).values(chain_head=head.hash, chain_length=head.length))


def schedule_actor(database: Database) -> Actor:
    """Return the schedule, which alone may end a year (R2)."""
    with database.read() as connection:
        return schedule_actor_in(connection)


def schedule_actor_in(connection: Connection) -> Actor:
    """Return the same inside a transaction; it was named when the installation was created."""
    query = select(ACTOR.c.number).where(ACTOR.c.key == SCHEDULE_KEY)
    number = int(connection.execute(query).scalar_one())
    return Actor(role=Role.SCHEDULE, number=number, label=SCHEDULE_LABEL, channel=Channel.SCHEDULE)
