"""Seals the journal: once a day, the head of every chain, signed by a key that is not in the database (R109).

A seal and the heads that it covers are one transaction. Its file, which may fail, is written afterwards, until it is.
The journal leaves as one file of JSON lines, which an auditor checks without the software (docs/journal.md): it holds
events, the heads and the texts of seals, public keys, that is numbers and digests, no note, no name, no address.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, collate, func, literal, select

from notifications.ports import Clock, crash_point
from notifications.sql import BATCH_SIZE, insert_new, insert_rows
from states.model import Actor
from states.school_calendar import SchoolCalendar
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT, INSTALLED, JOURNAL_SEAL, SEALED_HEAD
from workflow.database.journal_tables import SIGNING_KEY as KEY_STARTED
from workflow.database.schedule_tables import OCCURRENCE, has_happened
from workflow.database.tables import REQUEST
from workflow.journal import chain
from workflow.journal.chain import INSTALLATION, JournalHasher, canonical_instant
from workflow.journal.seals import FIRST, LinesDigest, SealContent, SealedLine, SignedSeal, SigningKey, sent_file
from workflow.journal.verification import STREAMED
from workflow.settings.secrets import Keyring, SecretError, SecretMissing

if TYPE_CHECKING:
    from notifications.mailer import Mailer

SEALED: Final = "journal_sealed"
"""The event of a seal: its ``number``, and the ``hash`` of its text."""

KEY_LOST: Final = "signing_key_lost"
"""The event by which an operator puts a key in the place of one that is lost: ``first_seal`` is the next seal's."""

FILE_MODE: Final = 0o640
"""A seal is no secret; who may not read the folder need not read it either."""

EXPORT_FORMAT: Final = 1

_BIRTH: Final = select(INSTALLED.c.created_at)

_LAST_SEAL: Final = select(JOURNAL_SEAL).order_by(JOURNAL_SEAL.c.number.desc()).limit(1)

_LAST_NUMBER: Final = select(func.max(JOURNAL_SEAL.c.number))

_LAST_KEY: Final = (
    select(KEY_STARTED.c.public).order_by(KEY_STARTED.c.first_seal.desc(), KEY_STARTED.c.started_at.desc()).limit(1)
)


class SigningKeyMissing(Exception):
    """This machine cannot sign the next seal; ``why`` is a French clause that says what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class StoredSeal:
    """A seal of the database: what it says, and the very text with its signature."""

    content: SealContent
    signed: SignedSeal


class JournalSealer:
    """Makes the seals. ``folder`` receives the file of each, None when the settings name none.

    ``mailer`` sends each to the ``mailbox`` that keeps them; None when the settings name none.
    """

    def __init__(
        self, database: Database, hasher: JournalHasher, clock: Clock, calendar: SchoolCalendar, keyring: Keyring,
        folder: Path | None, mailer: "Mailer | None" = None, mailbox: str | None = None,
    ) -> None:  # fmt: skip
        self._database, self._hasher, self._clock, self._calendar = database, hasher, clock, calendar
        self._keyring, self._folder, self._mailer, self._mailbox = keyring, folder, mailer, mailbox

    def seal_day(self) -> StoredSeal | None:
        """Seal the journal unless this day has its seal; return the new one. Raises SigningKeyMissing."""
        day = self._calendar.today(self._clock.now())
        key = seal_key(day)
        with self._database.write() as connection:
            chain.lock(connection)  # a second node waits, then finds the first one's
            if has_happened(connection, key):
                return None
            insert_rows(connection, OCCURRENCE, [{"key": key, "at": self._clock.now(), "requests": 0}])
            return self._seal(connection, chain.schedule_actor_in(connection), day)

    def replace_key(self, actor: Actor) -> StoredSeal | None:
        """Make a new key sign from now on; return the seal by which the old one says so, None before the first seal.

        Killed anywhere and called again, it goes on. Raises SigningKeyMissing when the old key is not on this machine,
        and as ``Keyring.add``.
        """
        keys = self.signing_keys()
        with self._database.write() as connection:
            chain.lock(connection)
            last = last_seal(connection)
            in_force = key_in_force(connection, last)
            if last is not None and in_force not in {key.public for key in keys}:
                raise SigningKeyMissing(_not_here(in_force))
            is_announced = last is not None and len(keys) > 1 and keys[0].public == in_force  # and then it was killed
            if not is_announced and (last is None or keys[0].public == in_force):
                self._keyring.add()
            seal = last if is_announced else None
            if last is not None and not is_announced:
                new = self.signing_keys()[0].public
                seal = self._seal(connection, actor, self._calendar.today(self._clock.now()), new)
                _start_key(connection, new, seal.content.at, seal.content.number + 1)
        crash_point("signing_key.before_forgetting")
        self._keyring.keep_first()
        return seal

    def give_up_key(self, actor: Actor) -> str:
        """Put this machine's key in the place of one that is lost; return its public part (R109).

        No seal announces it: whoever checks must have it from elsewhere. Raises SigningKeyMissing.
        """
        public = self.signing_keys()[0].public
        with self._database.write() as connection:
            chain.lock(connection)
            last, now = last_seal(connection), self._clock.now()
            if last is None or key_in_force(connection, last) == public:
                return public
            number = last.content.number + 1
            _start_key(connection, public, now, number)
            chain.record(connection, self._hasher, KEY_LOST, actor, now, {"first_seal": number})
        return public

    def require_none_signed(self) -> None:
        """Raise SigningKeyMissing when a key has signed already: a first one cannot be made in its place."""
        with self._database.read() as connection:
            in_force = key_in_force(connection, last_seal(connection))
        if in_force:
            raise SigningKeyMissing(_not_here(in_force))

    def signing_keys(self) -> list[SigningKey]:
        """Return the keys of this machine, the newest first. Raises SigningKeyMissing."""
        try:
            return [SigningKey.of(secret) for secret in self._keyring.read()]
        except SecretMissing:
            raise SigningKeyMissing(
                f"le secret {self._keyring.name} manque ; en faire un par « oda secrets new-signing-key »"
            ) from None
        except SecretError as error:
            raise SigningKeyMissing(str(error)) from None
        except ValueError:
            raise SigningKeyMissing(
                f"le secret {self._keyring.name} n'est pas une clé de 64 chiffres hexadécimaux ; remettre le fichier"
                " d'origine"
            ) from None

    def write_files(self) -> int:
        """Write in the folder of the settings each seal whose file was never written; return how many.

        Raises OSError: what is left is written at the next call.
        """
        if self._folder is None:
            return 0
        count = 0
        with self._database.read() as connection:
            numbers = _not_filed(connection)
        for number in numbers:
            with self._database.read() as connection:
                seal = stored_seal(connection, number)
                if seal is None:
                    continue
                _write_once(
                    self._folder / file_name(seal.content), sent_file(seal.signed, sealed_lines(connection, number))
                )
            with self._database.write() as connection:
                row = {"key": _filed_key(number), "at": self._clock.now(), "requests": 0}
                connection.execute(insert_new(connection, OCCURRENCE), [row])
            count += 1
        return count

    def _seal(self, connection: Connection, actor: Actor, day: date, next_key: str | None = None) -> StoredSeal:
        """Seal within this transaction, which holds the installation's row."""
        last, now = last_seal(connection), self._clock.now()
        keys = {key.public: key for key in self.signing_keys()}
        public = key_in_force(connection, last) or next(iter(keys))
        if public not in keys:
            raise SigningKeyMissing(_not_here(public))
        number = last.content.number + 1 if last else 1
        heads, lines = self._write_heads(connection, number)
        born = connection.execute(_BIRTH).scalar_one()
        content = SealContent(
            installation=canonical_instant(born), number=number, day=day, at=now,
            previous=last.content.hash if last else FIRST, key=public, next_key=next_key, chains=heads.count,
            heads=heads.hex, changed=lines.count, lines=lines.hex,
        )  # fmt: skip
        seal = StoredSeal(content, keys[public].sign(content))
        row = {"number": number, "day": day, "at": now, "text": seal.signed.text, "signature": seal.signed.signature}
        insert_rows(connection, JOURNAL_SEAL, [row])
        if last is None:
            _start_key(connection, public, now, number)
        chain.record(
            connection, self._hasher, SEALED, actor, now, {"number": number, "hash": content.hash}
        )  # fmt: skip
        if self._mailer and self._mailbox:
            draft = self._mailer.reports.journal_seal(
                self._mailbox, number=number, day=day, chains=content.chains, changed=content.changed,
                lines=seal.signed.sent_form.splitlines(), new_key=next_key is not None,
            )  # fmt: skip
            self._mailer.enqueue(connection, [draft], now)
        chain.commit_to_actors(connection, self._hasher, now)
        return seal

    def _write_heads(self, connection: Connection, number: int) -> tuple[LinesDigest, LinesDigest]:
        """Digest every head, then those that changed, which are kept: one picture of all chains, in pages."""
        heads, lines = LinesDigest(), LinesDigest()
        with self._database.read() as picture:
            for page in _pages_of_heads(picture):
                rows = []
                for stream, length, head, sealed_length, sealed_hash in page:
                    line = SealedLine(stream, length, head)
                    heads.add(line)
                    if (length, head) != (sealed_length, sealed_hash):
                        lines.add(line)
                        rows.append({"seal": number, **line._asdict()})
                insert_rows(connection, SEALED_HEAD, rows)
        return heads, lines


def seal_key(day: date) -> str:
    """The occurrence of a day's seal."""
    return f"journal_seal:{day}"


def by_bytes(dialect: str, column: Any) -> Any:
    """A text to order by, by its bytes, as the digests take the lines; for the database of this name."""
    return collate(column, "C") if dialect == "postgresql" else column


def key_in_force(connection: Connection, last: StoredSeal | None) -> str:
    """Return the public key that signs the next seal; empty before the first seal."""
    if last is None:
        return ""
    return connection.execute(_LAST_KEY).scalar_one_or_none() or last.content.key_of_the_next


def key_starts(connection: Connection) -> list[tuple[str, datetime, int]]:
    """Return every key that signed, or is to: its public part, since when, from which seal on."""
    columns = (KEY_STARTED.c.public, KEY_STARTED.c.started_at, KEY_STARTED.c.first_seal)
    return [(row[0], row[1], row[2]) for row in connection.execute(select(*columns).order_by(columns[2], columns[1]))]


def last_seal(connection: Connection) -> StoredSeal | None:
    """Return the newest seal. Raises ValueError when its text was made unreadable."""
    row = connection.execute(_LAST_SEAL).one_or_none()
    return _read(row) if row is not None else None


def stored_seal(connection: Connection, number: int) -> StoredSeal | None:
    """Return a seal by its number. Raises ValueError when its text was made unreadable."""
    row = connection.execute(select(JOURNAL_SEAL).where(JOURNAL_SEAL.c.number == number)).one_or_none()
    return _read(row) if row is not None else None


def sealed_lines(connection: Connection, number: int) -> Iterator[SealedLine]:
    """Yield the heads that changed with a seal, in the order of their bytes."""
    query = select(SEALED_HEAD.c.stream, SEALED_HEAD.c.length, SEALED_HEAD.c.hash)
    of_seal = query.where(SEALED_HEAD.c.seal == number).order_by(
        by_bytes(connection.dialect.name, SEALED_HEAD.c.stream)
    )
    for row in connection.execute(of_seal, execution_options={"yield_per": BATCH_SIZE}):
        yield SealedLine(*row)


def file_name(content: SealContent) -> str:
    """The file of a seal: one a day, in the order of their numbers."""
    return f"sceau-{content.number:06d}-{content.day.isoformat()}.txt"


def is_filed(connection: Connection, number: int) -> bool:
    """Return True when the file of a seal was written."""
    return has_happened(connection, _filed_key(number))


def export_lines(connection: Connection, now: datetime) -> Iterator[str]:
    """Yield the export line by line: what it is, the keys, each seal with its heads, the chains; in bounded memory."""
    born = connection.execute(_BIRTH).scalar_one()
    yield _export_line("export", format=EXPORT_FORMAT, installation=canonical_instant(born), at=canonical_instant(now))
    for key in connection.execute(select(KEY_STARTED).order_by(KEY_STARTED.c.first_seal)):
        yield _export_line("key", public=key.public, since=canonical_instant(key.started_at), first_seal=key.first_seal)
    seals = select(JOURNAL_SEAL.c.number, JOURNAL_SEAL.c.text, JOURNAL_SEAL.c.signature)
    for number, text, signature in connection.execute(seals.order_by(JOURNAL_SEAL.c.number)).all():
        yield _export_line("seal", text=text, signature=signature)
        for head in sealed_lines(connection, number):
            yield _export_line("head", seal=number, **head._asdict())
    events = select(EVENT.c.canonical, EVENT.c.hash)
    ordered = events.order_by(by_bytes(connection.dialect.name, EVENT.c.stream), EVENT.c.seq)
    for event in connection.execute(ordered, execution_options=STREAMED):
        yield _export_line("event", canonical=event.canonical, hash=event.hash)


def _pages_of_heads(connection: Connection) -> Iterator[list[Any]]:
    """Yield the head of every chain beside the one last sealed, in the order of their bytes, page after page."""
    ordered = _HEADS_OF_REQUESTS[connection.dialect.name]
    pages = connection.execute(ordered, execution_options={"yield_per": BATCH_SIZE}).partitions()
    yield from ([tuple(row) for row in page] for page in pages)
    # Its name comes after every reference.
    yield [tuple(row) for row in connection.execute(_HEAD_OF_INSTALLATION)]


def _with_sealed(table: Any, stream: ColumnElement[str], length: Any, head: Any) -> Any:
    newest = select(func.max(SEALED_HEAD.c.seal)).where(SEALED_HEAD.c.stream == stream).correlate(table)
    sealed = and_(SEALED_HEAD.c.stream == stream, SEALED_HEAD.c.seal == newest.scalar_subquery())
    columns = (stream, length, head, SEALED_HEAD.c.length, SEALED_HEAD.c.hash)
    return select(*columns).select_from(table.outerjoin(SEALED_HEAD, sealed))


_OF_REQUESTS: Final = _with_sealed(REQUEST, REQUEST.c.reference, REQUEST.c.chain_length, REQUEST.c.chain_head)

_HEADS_OF_REQUESTS: Final = {
    dialect: _OF_REQUESTS.order_by(by_bytes(dialect, REQUEST.c.reference)) for dialect in ("sqlite", "postgresql")
}

_HEAD_OF_INSTALLATION: Final = _with_sealed(
    INSTALLED, literal(INSTALLATION), INSTALLED.c.chain_length, INSTALLED.c.chain_head
).where(INSTALLED.c.chain_length > 0)


def _start_key(connection: Connection, public: str, now: datetime, first_seal: int) -> None:
    row = {"public": public, "started_at": now, "first_seal": first_seal}
    connection.execute(insert_new(connection, KEY_STARTED), [row])


def _not_here(public: str) -> str:
    return (
        f"la clé {public[:16]}…, qui signe les sceaux, n'est pas sur cette machine ; remettre le fichier"
        " seal-signing-key depuis la sauvegarde des secrets"
    )


def _read(row: Row[Any]) -> StoredSeal:
    return StoredSeal(SealContent.read(row.text), SignedSeal(row.text, row.signature))


def _filed_key(number: int) -> str:
    return f"journal_seal_file:{number}"


def _not_filed(connection: Connection) -> list[int]:
    """Return the numbers of the seals without a file, oldest first: they are written in this order."""
    newest = connection.execute(_LAST_NUMBER).scalar_one()
    if newest is None or is_filed(connection, newest):
        return []
    filed = OCCURRENCE.c.key.startswith(_filed_key(0)[:-1], autoescape=True)
    known = {int(key.rpartition(":")[2]) for key in connection.execute(select(OCCURRENCE.c.key).where(filed)).scalars()}
    numbers = connection.execute(select(JOURNAL_SEAL.c.number).order_by(JOURNAL_SEAL.c.number)).scalars()
    return [number for number in numbers if number not in known]


def _write_once(path: Path, content: Iterator[str]) -> None:
    """Write a file whole or not at all, for the group to read. The folder is not made: an unmounted disk shows.

    A seal that was sent is never written over: another of its name, after a restored backup, gets one of its own.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, FILE_MODE)
            file.writelines(content)
            file.flush()
            os.fsync(descriptor)
        names = (path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, 1000)))
        os.replace(
            draft, next(name for name in names if not name.exists() or name.read_bytes() == draft.read_bytes())
        )  # fmt: skip
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _export_line(kind: str, **content: Any) -> str:
    return json.dumps({"type": kind, **content}, ensure_ascii=False, separators=(",", ":")) + "\n"
