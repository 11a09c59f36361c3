"""The rows of the lists that no request needs, erased after some months: few data, and not for ever (R93)."""

import calendar
from datetime import date, datetime, tzinfo
from typing import Final

from sqlalchemy import Connection, and_, delete, exists, literal, or_, select

from notifications.sql import BATCH_SIZE, insert_new
from states.model import Actor
from states.vocabulary import State
from workflow.database.connection import Database
from workflow.database.evidence_tables import EVIDENCE_ENTRY as E
from workflow.database.evidence_tables import EVIDENCE_IMPORT
from workflow.database.tables import IS_LIVE, OCCURRENCE
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


def months_before(day: date, months: int) -> date:
    """The same day some months before, or the last one of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _erase_batch(connection: Connection, before: datetime) -> int:
    of_person = or_(
        R.c.person == E.c.person, R.c.folded_mail == E.c.folded_mail, R.c.listing_entry == E.c.id,
        R.c.delegation_entry == E.c.id,
        (literal(" ") + E.c.other_mails + " ").like(literal("% ") + R.c.folded_mail + " %"),
    )  # fmt: skip
    is_needed = exists().where(R.c.uai == E.c.uai, IS_LIVE, or_(R.c.state != State.CODE_ISSUED.value, of_person))
    old = and_(EVIDENCE_IMPORT.c.number == E.c.last_import, EVIDENCE_IMPORT.c.imported_at < before)
    ids = select(E.c.id).join(EVIDENCE_IMPORT, old).where(~is_needed).order_by(E.c.id).limit(BATCH_SIZE)
    return connection.execute(delete(E).where(E.c.id.in_(ids))).rowcount
