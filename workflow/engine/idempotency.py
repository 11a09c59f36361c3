"""Idempotency keys: the same action sent twice is done once (R10)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from notifications.sql import table_of
from states.commands import Command
from states.model import Actor
from states.refusals import Reason
from states.school_calendar import SchoolYear
from workflow.database.tables import IdempotencyKey
from workflow.journal.chain import JournalHasher, canonical_text

KEY: Final = table_of(IdempotencyKey)


KEPT: Final = timedelta(days=7)


OTHER_CONTENT: Final = Reason(
    "other_content",
    "R10",
    "Cette clé d'action a déjà servi pour autre chose",
    "Prendre une clé nouvelle pour une action nouvelle.",
)


@dataclass(frozen=True, slots=True)
class FirstResult:
    """The result of an action the first time that its key was used."""

    digest: str
    reference: str
    version: int


def recall(connection: Connection, actor: Actor, command: Command, key: str, now: datetime) -> FirstResult | None:
    """Return what this actor did with this trigger under this key in the last 7 days."""
    query = select(KEY.c.digest, KEY.c.reference, KEY.c.version).where(
        KEY.c.actor == actor.number,
        KEY.c.trigger == command.trigger.value,
        KEY.c.key == key,
        KEY.c.at > now - KEPT,
    )
    row = connection.execute(query).one_or_none()
    return FirstResult(*row) if row else None


def remember(
    connection: Connection, actor: Actor, command: Command, key: str, now: datetime, result: FirstResult
) -> None:
    """Keep the result in the action's own transaction; an expired row under the same key gives way."""
    scope = (KEY.c.actor == actor.number, KEY.c.trigger == command.trigger.value, KEY.c.key == key)
    connection.execute(delete(KEY).where(*scope, KEY.c.at <= now - KEPT))
    row = {
        "actor": actor.number, "trigger": command.trigger.value, "key": key, "digest": result.digest,
        "reference": result.reference, "version": result.version, "at": now,
    }  # fmt: skip
    connection.execute(insert(KEY), [row])


def digest(hasher: JournalHasher, command: Command) -> str:
    """Return the keyed digest of everything that a command asks, its code included.

    It is stored, so it depends on nothing that the code may rename: the trigger is named by its stored value, and a
    field left at its default is left out, so that a field added later changes no digest. Fields keep their names.
    """
    content = {"fields": _content(hasher, command), "trigger": command.trigger.value}
    return hasher.digest(canonical_text(content))


def key_of(hasher: JournalHasher, key: str, commands: Sequence[Command]) -> str:
    """Return the key of a batch of a form: drawn from what it asks, so that another selection, or other answers, under
    the form's key are another action. Each request then says what became of it since (R9)."""
    content = " ".join(digest(hasher, command) for command in commands)
    return f"{key}:{hasher.digest(content)[:32]}"


def is_same(hasher: JournalHasher, stored: str, command: Command) -> bool:
    """Return True when a stored digest is that of this command, in today's form or in the legacy one."""
    return stored in (digest(hasher, command), _legacy_digest(hasher, command))


def _legacy_digest(hasher: JournalHasher, command: Command) -> str:
    """Return the digest that version 0.1.0 stored: of ``repr``, without the code.

    Accepted so that a key sent again across an upgrade is still « déjà fait » for its 7 days. To be removed in 0.3.0:
    no key of 0.1.0 is valid any more by then. Until that day a renamed command, field or enum changes this digest;
    a field that came since is left out while it says nothing.
    """
    text = repr(command)
    for added in (", mail_confirmed=False", ", key_elsewhere=False", ", evidence=None", ", drawn=False"):
        text = text.replace(added, "")
    return hasher.digest(text)


def _content(hasher: JournalHasher, record: Any) -> dict[str, Any]:
    """A record as plain values in the order of their names, secrets as keyed digests (R60)."""
    values = {f.name: (f, getattr(record, f.name)) for f in fields(record)}
    return {
        name: _plain(hasher, value) if field.repr else hasher.digest(value)
        for name, (field, value) in sorted(values.items())
        if value != field.default
    }


def _plain(hasher: JournalHasher, value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case date():
            return value.isoformat()
        case SchoolYear():
            return str(value)
        case None | bool() | int() | str():
            return value
    return _content(hasher, value)
