"""What a preview announces and what a run has then written, in one comparable form (R53)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from notifications.messages.catalogue import CATALOGUE
from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind
from states.decision import OpenRemoval
from states.rules.schedule import BrakeDecision
from tests.kit.system import System
from workflow.database.tables import IS_LIVE, REMOVAL, REQUEST

MailRow = tuple[str, str, str, str | None, str]


@dataclass(frozen=True)
class YearEndRows:
    """The requests revoked, the removal tasks opened, the mails to establishments."""

    revoked: frozenset[str]
    removals: frozenset[tuple[str, str]]
    mails: frozenset[MailRow]


@dataclass(frozen=True)
class Stock:
    """What the database held before."""

    live: frozenset[str]
    removals: frozenset[str]
    last_mail: int


def is_held(system: System, at: datetime) -> bool:
    """Whether the brake would hold one of the ends due then."""
    with system.database.read() as connection:
        judged = system.ends.statuses(connection, at)
    return any(status.verdict in (BrakeDecision.HOLD, BrakeDecision.HELD) for status in judged)


def announced(system: System, at: datetime) -> YearEndRows:
    """What ``oda year-end preview`` builds on."""
    with system.database.read() as connection:
        events = [h for batch in system.ends.preview(connection, at, system.schedule) for h in batch]
    drafts = system.mailer.drafts(events)
    effects = [(h.request.reference, effect) for h in events for effect in h.decision.effects]
    return YearEndRows(
        frozenset(h.request.reference for h in events),
        frozenset((reference, e.kind.value) for reference, e in effects if isinstance(e, OpenRemoval)),
        frozenset(
            (d.kind.value, d.audience.value, d.recipient, d.uai, CATALOGUE[d.kind].encode(d.context)) for d in drafts
        ),
    )


def stock(system: System) -> Stock:
    with system.database.read() as connection:
        live = connection.execute(select(REQUEST.c.reference).where(IS_LIVE)).scalars().all()
        removals = connection.execute(select(REMOVAL.c.reference)).scalars().all()
        mails = connection.execute(select(MAILS.c.id)).scalars().all()
    return Stock(frozenset(live), frozenset(removals), max(mails, default=0))


def happened(system: System, before: Stock) -> YearEndRows:
    """The rows that are there now and were not, but for the operators' own mails."""
    now = stock(system)
    columns = (MAILS.c.kind, MAILS.c.audience, MAILS.c.recipient, MAILS.c.uai, MAILS.c.context)
    new = MAILS.c.id > before.last_mail
    with system.database.read() as connection:
        removals: list[Any] = list(connection.execute(select(REMOVAL.c.reference, REMOVAL.c.kind)))
        mails: list[Any] = list(connection.execute(select(*columns).where(new, MAILS.c.audience == "establishment")))
        report = MAILS.c.kind == Kind.YEAR_END_REPORT.value
        reports = connection.execute(select(MAILS.c.id).where(new, report)).all()
    revoked = before.live - now.live
    assert len(reports) == (1 if revoked else 0)
    fresh = frozenset((r.reference, r.kind) for r in removals if r.reference not in before.removals)
    return YearEndRows(revoked, fresh, frozenset(tuple(row) for row in mails))
