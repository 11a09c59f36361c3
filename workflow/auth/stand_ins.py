"""The operators who can act in an establishment's stead, written down where they come to and where they cease (R6)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from states.model import Actor, StandIn
from states.vocabulary import StandInKind
from workflow.database.journal_tables import ACTOR
from workflow.database.mapping import stand_in_from
from workflow.database.tables import STAND_IN


def begin_stand_in(
    connection: Connection, kind: StandInKind, uais: Iterable[str], by: Actor, now: datetime, *,
    token: int | None = None, until: datetime | None = None, is_confirmed: bool = False,
) -> None:  # fmt: skip
    """Remember that this operator can from now on act in the stead of these establishments.

    ``is_confirmed``: of a mailbox whose address is none that he chose.
    """
    row: dict[str, Any] = {"kind": kind.value, "operator": by.number, "token": token, "since": now, "until": until}
    row["confirmed_at"] = now if is_confirmed else None
    connection.execute(insert(STAND_IN), [row | {"uai": uai} for uai in uais])


def end_set_mailbox(connection: Connection, uai: str, now: datetime) -> None:
    """The mailbox that an operator had set for an establishment is not in force any more."""
    of_mailbox = (STAND_IN.c.uai == uai, STAND_IN.c.kind == StandInKind.MAILBOX.value, STAND_IN.c.until.is_(None))
    connection.execute(update(STAND_IN).where(*of_mailbox).values(until=now))


def end_token_stand_ins(connection: Connection, token: int, now: datetime) -> None:
    """A token that acted for establishments has ended."""
    is_alive = or_(STAND_IN.c.until.is_(None), STAND_IN.c.until > now)
    connection.execute(update(STAND_IN).where(STAND_IN.c.token == token, is_alive).values(until=now))


def confirm_set_mailbox(connection: Connection, uai: str, by: Actor, now: datetime) -> None:
    """A second operator has looked at the mailbox in force (R14)."""
    of_mailbox = (STAND_IN.c.uai == uai, STAND_IN.c.kind == StandInKind.MAILBOX.value, STAND_IN.c.until.is_(None))
    connection.execute(update(STAND_IN).where(*of_mailbox).values(confirmed_at=now, confirmed_by=by.number))


def find_set_mailbox(connection: Connection, uai: str) -> StandIn | None:
    """The mailbox in force as an operator set it; None when the directory gives it (R14)."""
    query = select(STAND_IN, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == STAND_IN.c.operator)
    of_mailbox = (STAND_IN.c.uai == uai, STAND_IN.c.kind == StandInKind.MAILBOX.value, STAND_IN.c.until.is_(None))
    row = connection.execute(query.where(*of_mailbox).order_by(STAND_IN.c.id.desc()).limit(1)).one_or_none()
    return stand_in_from(row) if row else None
