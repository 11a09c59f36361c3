"""The mails that each moment of the simulation brought, read from the outbox as they were stored."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from notifications.outbox.store import MAILS
from workflow.database.connection import Database
from workflow.database.tables import IS_LIVE, REQUEST

WATCHED = (
    "year_end_notice", "handover_reminder", "stalled_reminder", "renewal_invitation", "late_digest", "year_end",
    "year_end_report", "brake_alert", "clock_alert",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One mail: whom it names (``references``), and until when it may leave."""

    id: int
    kind: str
    uai: str | None
    reference: str | None
    recipient: str
    facts: Any
    created_at: datetime
    not_after: datetime

    @property
    def named(self) -> tuple[str, ...]:
        """The references of the RUPN that it names, sorted."""
        return tuple(sorted(rupn["reference"] for rupn in self.facts["rupns"]))


_NEW = (
    select(*(MAILS.c[name] for name in Letter.__dataclass_fields__ if name != "facts"), MAILS.c.context)
    .where(MAILS.c.id > bindparam("last"), MAILS.c.kind.in_(WATCHED))
    .order_by(MAILS.c.id)
)
_LIVE = select(REQUEST.c.school_year, func.count()).where(IS_LIVE).group_by(REQUEST.c.school_year)
_LIVE_REFERENCES = select(REQUEST.c.reference).where(IS_LIVE)


class Mailbag:
    """Reads what is new since it last looked.

    ``live``: how many live requests the database held then, by the year in which their school year begins.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = 0
        self.live: dict[int, int] = {}

    def new(self) -> list[Letter]:
        """The mails written of the software's own accord since the last look."""
        with self._database.read() as connection:
            rows = connection.execute(_NEW, {"last": self._last}).all()
            self.live = {int(year[:4]): count for year, count in connection.execute(_LIVE)}
        self._last = rows[-1].id if rows else self._last
        return [
            Letter(**{k: v for k, v in row._mapping.items() if k != "context"}, facts=json.loads(row.context))
            for row in rows
        ]  # fmt: skip

    def live_references(self) -> set[str]:
        with self._database.read() as connection:
            return set(connection.execute(_LIVE_REFERENCES).scalars())
