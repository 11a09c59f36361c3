"""The rows of the lists that no request needs, erased after some months: few data, and not for ever (R93)."""

from datetime import datetime, tzinfo
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, literal, or_, select

from notifications.sql import BATCH_SIZE, insert_new
from states.model import Actor
from states.school_calendar import months_before
from states.vocabulary import State
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import EVIDENCE_IMPORT
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import IS_LIVE
from workflow.database.tables import REQUEST as R
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

MOST_BATCHES: Final = 50
"""Batches of one call: the rest is for the next one."""


def erase_unneeded_rows(
    database: Database, hasher: JournalHasher, actor: Actor, now: datetime, zone: tzinfo, keep_months: int
) -> int:  # fmt: skip
    """Erase, once a day, the rows last seen by an import of more than ``keep_months`` ago; return how many.

    Those stay that a live request may still need: of its establishment while its checks are to be made, of its person
    afterwards. A request that comes later needs none: a list older than it proves nothing (R94). Each batch is a
    transaction of its own, and the journal keeps their number.
    """
    today = now.astimezone(zone).date()
    key = f"list_rows:{today.isoformat()}"
    with database.read() as connection:
        if connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == key)).first():
            return 0
    before = datetime.combine(months_before(today, keep_months), datetime.min.time(), zone)
    erased = 0
    for _ in range(MOST_BATCHES):
        with database.write() as connection:
            count = _erase_batch(connection, before)
            if count:
                installation.record(connection, hasher, "list_rows_erased", actor, now, {"rows": count})
            else:  # another machine may say it at the same instant
                connection.execute(insert_new(connection, OCCURRENCE), [{"key": key, "at": now, "requests": 0}])
        erased += count
        if not count:
            break
    return erased


def count_unneeded_rows(connection: Connection, before: datetime) -> int:
    """How many rows would go of those that an import before this instant was the last to see."""
    query = select(func.count()).select_from(E)
    return int(connection.execute(query.where(_is_unneeded(before))).scalar_one())


def _erase_batch(connection: Connection, before: datetime) -> int:
    ids = select(E.c.id).where(_is_unneeded(before)).order_by(E.c.id).limit(BATCH_SIZE)
    return connection.execute(delete(E).where(E.c.id.in_(ids))).rowcount


def _is_unneeded(before: datetime) -> ColumnElement[bool]:
    of_person = or_(
        R.c.person == E.c.person, R.c.folded_mail == E.c.folded_mail, R.c.listing_entry == E.c.id,
        R.c.delegation_entry == E.c.id,
        (literal(" ") + E.c.other_mails + " ").like(literal("% ") + R.c.folded_mail + " %"),
    )  # fmt: skip
    is_needed = exists().where(R.c.uai == E.c.uai, IS_LIVE, or_(R.c.state != State.CODE_ISSUED.value, of_person))
    old = select(EVIDENCE_IMPORT.c.number).where(EVIDENCE_IMPORT.c.imported_at < before)
    return and_(E.c.last_import.in_(old), ~is_needed)
