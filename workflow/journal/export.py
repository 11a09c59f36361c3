"""The journal as one file of JSON lines, which an auditor checks without the software (R109): docs/journal.md.

It holds events, the heads and the texts of seals, public keys: numbers and digests, no note, no name, no address.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from workflow.database.journal_tables import EVENT, INSTALLED, JOURNAL_SEAL
from workflow.database.journal_tables import SIGNING_KEY as KEY_STARTED
from workflow.journal.chain import canonical_instant
from workflow.journal.sealing import by_bytes, lines_of
from workflow.journal.verification import STREAMED

EXPORT_FORMAT: Final = 1


def export_lines(connection: Connection, now: datetime) -> Iterator[str]:
    """Yield the export line by line: what it is, the keys, each seal with its heads, the chains; in bounded memory."""
    born = connection.execute(select(INSTALLED.c.created_at)).scalar_one()
    yield _line("export", format=EXPORT_FORMAT, installation=canonical_instant(born), at=canonical_instant(now))
    for key in connection.execute(select(KEY_STARTED).order_by(KEY_STARTED.c.first_seal)):
        yield _line("key", public=key.public, since=canonical_instant(key.started_at), first_seal=key.first_seal)
    seals = select(JOURNAL_SEAL.c.number, JOURNAL_SEAL.c.text, JOURNAL_SEAL.c.signature)
    for number, text, signature in connection.execute(seals.order_by(JOURNAL_SEAL.c.number)).all():
        yield _line("seal", text=text, signature=signature)
        for head in lines_of(connection, number):
            yield _line("head", seal=number, **head._asdict())
    events = select(EVENT.c.canonical, EVENT.c.hash)
    ordered = events.order_by(by_bytes(connection, EVENT.c.stream), EVENT.c.seq)
    for event in connection.execute(ordered, execution_options=STREAMED):
        yield _line("event", canonical=event.canonical, hash=event.hash)


def _line(kind: str, **content: Any) -> str:
    return json.dumps({"type": kind, **content}, ensure_ascii=False, separators=(",", ":")) + "\n"
