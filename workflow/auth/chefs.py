"""The chef of an establishment, the last one known or a new one (R37), and who can act in its stead (R6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from notifications.sql import batches
from states.model import Actor, StandIn
from states.validation import chef_key
from states.vocabulary import StandInKind
from workflow.database.journal_tables import ACTOR
from workflow.database.mapping import stand_in_from
from workflow.database.tables import ESTABLISHMENT, REQUEST, STAND_IN

_OF_REQUESTS: Final = (
    select(REQUEST.c.chef_name)
    .where(REQUEST.c.uai == ESTABLISHMENT.c.uai, REQUEST.c.chef_name != "")
    .order_by(REQUEST.c.changed_at.desc())
    .limit(1)
    .scalar_subquery()
)

_KNOWN: Final = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.chef_name, _OF_REQUESTS.label("of_requests")).where(
    ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True))
)

_NAMED: Final = (
    select(REQUEST.c.uai, REQUEST.c.chef_name)
    .where(REQUEST.c.uai.in_(bindparam("uais", expanding=True)), REQUEST.c.chef_name != "")
    .distinct()
)


@dataclass(frozen=True, slots=True)
class KnownChefs:
    """The chefs of an establishment that its requests and its sign-ins name, by their keys (R37).

    ``in_force`` is the last one known, empty when nobody is.
    """

    in_force: str = ""
    former: frozenset[str] = frozenset()


def known_chefs(connection: Connection, uais: Sequence[str]) -> dict[str, KnownChefs]:
    """The chefs known of these establishments, each of which is there."""
    last = dict.fromkeys(uais, "")
    all_keys: dict[str, set[str]] = {uai: set() for uai in uais}
    for batch in batches(uais):
        for row in connection.execute(_KNOWN, {"uais": batch}):
            last[row.uai] = chef_key(row.chef_name or row.of_requests or "")
        for uai, name in connection.execute(_NAMED, {"uais": batch}):
            all_keys[uai].add(chef_key(name))
    return {uai: KnownChefs(last[uai], frozenset(all_keys[uai] - {last[uai]})) for uai in uais}


def known_chef_name(connection: Connection, uai: str) -> str | None:
    """Return the last chef known of an open establishment; None for none, or one of which nobody is known."""
    query = _KNOWN.where(ESTABLISHMENT.c.is_open)
    row = connection.execute(query, {"uais": [uai]}).one_or_none()
    return (row.chef_name or row.of_requests or None) if row else None


def find_former_chefs(connection: Connection, uais: Sequence[str], name: str) -> tuple[str, ...]:
    """The last chefs known of these establishments who are not the one of this name, however it is written."""
    names = [row.chef_name or row.of_requests or "" for row in connection.execute(_KNOWN, {"uais": list(uais)})]
    others = {chef_key(known): known for known in names if known and chef_key(known) != chef_key(name)}
    return tuple(sorted(others.values()))


def remember_chef(connection: Connection, uais: Sequence[str], name: str, *, is_new: bool) -> None:
    """Keep this chef as the last one known: the first of all, or who says to be the new one."""
    of_session = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais)))
    rows = connection.execute(_KNOWN, {"uais": list(uais)}).all()
    unknown = [row.uai for row in rows if not (row.chef_name or row.of_requests)]
    chosen = list(uais) if is_new else unknown
    if chosen:
        connection.execute(of_session.where(ESTABLISHMENT.c.uai.in_(chosen)).values(chef_name=name))


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
