"""The least that the sweep could cost: its rows written by ``executemany``, nothing read, no rule."""

import hashlib
import json
import time
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import select

from bench.population import AFTER_END, BATCH, YEAR
from workflow.database import Database
from workflow.rows import REQUEST

_EVENT = ("stream", "seq", "kind", "from_state", "to_state", "actor", "role", "at", "canonical", "hash")
_MAIL = (
    "kind", "audience", "uai", "recipient", "context", "priority", "created_at", "not_after", "stage", "attempts",
    "next_attempt_at",
)  # fmt: skip


def durability(database: Database) -> str:
    """The settings under which both were timed."""
    with database.engine.connect() as connection:
        names: tuple[str, ...] = ("fsync", "synchronous_commit", "wal_level")
        if database.is_postgresql:
            return ", ".join(f"{n}={connection.exec_driver_sql(f'SHOW {n}').scalar()}" for n in names)
        names = ("journal_mode", "synchronous")
        return ", ".join(f"{n}={connection.exec_driver_sql(f'PRAGMA {n}').scalar()}" for n in names)


def floor(database: Database) -> float:
    """Seconds to write what a sweep writes; what must be known beforehand is read before the clock starts."""
    with database.read() as connection:
        rows = connection.execute(select(REQUEST).order_by(REQUEST.c.uai, REQUEST.c.reference)).all()
    mark = "%s" if database.is_postgresql else "?"
    at: Any = AFTER_END if database.is_postgresql else AFTER_END.strftime("%Y-%m-%d %H:%M:%S.%f")
    start = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        with database.write() as connection:
            cursor = connection.connection.cursor()
            _write(cursor, mark, rows[first : first + BATCH], at)
    return time.perf_counter() - start


def _write(cursor: Any, mark: str, rows: Any, at: Any) -> None:
    events = [_event(row, at) for row in rows]
    _many(cursor, mark, "event", _EVENT, events)
    changed = [("revoked", r.version + 1, at, "expire", "l'échéancier", e[-1], r.chain_length + 1, r.reference)
               for r, e in zip(rows, events, strict=True)]  # fmt: skip
    names = ("state", "version", "changed_at", "last_trigger", "last_actor", "chain_head", "chain_length")
    sets = ", ".join(f"{name} = {mark}" for name in names)
    cursor.executemany(f"UPDATE delegation_request SET {sets} WHERE reference = {mark}", changed)
    removals = [(r.reference, "remove_rights", at) for r in rows]
    _many(cursor, mark, "removal_task", ("reference", "kind", "opened_at"), removals)
    schools = {uai: list(group) for uai, group in groupby(rows, key=lambda r: r.uai)}
    _many(cursor, mark, "outgoing_mail", _MAIL, [_mail(uai, group, at) for uai, group in schools.items()])
    done = [(f"year-end:{YEAR}:2027-08-31:{uai}", at, len(group)) for uai, group in schools.items()]
    _many(cursor, mark, "occurrence", ("key", "at", "requests"), done)


def _many(cursor: Any, mark: str, table: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    places = ", ".join([mark] * len(columns))
    cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def _event(row: Any, at: datetime | str) -> tuple[Any, ...]:
    """The text of an expiry, as long as the real one, and its hash."""
    seq = row.chain_length + 1
    text = json.dumps({
        "actor": 1, "at": "2027-09-01T00:00:00.000000Z", "channel": "schedule",
        "data": {"last_day": "2027-08-31", "removal": "remove_rights"}, "from": "code_issued", "kind": "expire",
        "notes": {}, "prev": row.chain_head, "role": "schedule", "seq": seq, "stream": row.reference, "to": "revoked",
        "v": 1,
    })  # fmt: skip
    return (row.reference, seq, "expire", "code_issued", "revoked", 1, "schedule", at, text,
            hashlib.sha256(text.encode()).hexdigest())  # fmt: skip


def _mail(uai: str, rows: list[Any], at: Any) -> tuple[Any, ...]:
    context = {
        "establishment": {"uai": uai, "nom": "Collège n° 0", "commune": "Toulouse"},
        "year": {"label": str(YEAR), "last_day": "2027-08-31", "is_default": True},
        "rupns": [
            {"rupn": {"nom": r.nom, "prenom": r.prenom, "mail": r.mail}, "reference": r.reference, "had_key": True,
             "delegated": False} for r in rows
        ],
    }  # fmt: skip
    return ("year_end", "establishment", uai, f"ce.{uai.lower()}@ac-toulouse.fr", json.dumps(context), 5, at, at,
            "pending", 0, at)  # fmt: skip
