"""The same action sent twice is done once (R10)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from states.commands import Command
from states.model import Actor
from states.refusals import Reason
from workflow.database import tables
from workflow.database.tables import table_of
from workflow.journal.chain import JournalHasher

KEY = table_of(tables.IdempotencyKey)


KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an action under this key gave the first time."""

    digest: str
    reference: str
    version: int


def digest(hasher: JournalHasher, command: Command) -> str:
    """A keyed digest of a command; a code does not show itself in it."""
    return hasher.digest(repr(command))


def recall(connection: Connection, actor: Actor, command: Command, key: str, now: datetime) -> Remembered | None:
    """What this actor already did with this trigger under this key in the last 7 days."""
    query = select(KEY.c.digest, KEY.c.reference, KEY.c.version).where(
        KEY.c.actor == actor.number,
        KEY.c.trigger == command.trigger.value,
        KEY.c.key == key,
        KEY.c.at > now - KEPT,
    )
    row = connection.execute(query).one_or_none()
    return Remembered(*row) if row else None


def remember(
    connection: Connection, actor: Actor, command: Command, key: str, now: datetime, result: Remembered
) -> None:
    """Keep what was done, in its own transaction; a stale row under the same key gives way."""
    scope = (KEY.c.actor == actor.number, KEY.c.trigger == command.trigger.value, KEY.c.key == key)
    connection.execute(delete(KEY).where(*scope, KEY.c.at <= now - KEPT))
    row = {
        "actor": actor.number, "trigger": command.trigger.value, "key": key, "digest": result.digest,
        "reference": result.reference, "version": result.version, "at": now,
    }  # fmt: skip
    connection.execute(insert(KEY), [row])


def forget_old(connection: Connection, now: datetime) -> None:
    """Drop what is older than 7 days."""
    connection.execute(delete(KEY).where(KEY.c.at <= now - KEPT))


def other_content() -> Reason:
    return Reason(
        "other_content",
        "R10",
        "Cette clé d'action a déjà servi pour autre chose",
        "Prendre une clé nouvelle pour une action nouvelle.",
    )
