"""The establishments as people read them: in pages by UAI, each with its requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, func, select

from states.actors import Actor
from states.vocabulary import State
from states.words import fold, has_uai_form
from workflow.rows import ESTABLISHMENT as E
from workflow.rows import REQUEST as R

_STATES = {state.value: state for state in State}


@dataclass(frozen=True, kw_only=True, slots=True)
class Criteria:
    """Which establishments: ``is_open`` None takes both; ``text`` is words of the name, the town or the UAI."""

    departement: str | None = None
    is_open: bool | None = True
    without_mailbox: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An establishment with its mailboxes, ``mailbox`` being the one in force (R14), and its live requests' number."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    mailbox: str | None
    directory_mailbox: str | None
    set_mailbox: str | None
    is_open: bool
    is_listed: bool
    live_requests: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OfRequest:
    """A request of an establishment, in a few words."""

    reference: str
    school_year: str
    nom: str
    prenom: str
    state: State
    changed_at: datetime


def page(connection: Connection, actor: Actor, criteria: Criteria, limit: int, after: str) -> list[Listed]:
    """At most ``limit`` establishments whose UAI follows ``after``; a chef sees only its own (R3).

    A text is looked for in Python, without accents: an académie has a thousand establishments, not a million.
    """
    query = _query(actor).where(E.c.uai > after)
    if criteria.departement is not None:
        query = query.where(E.c.departement == criteria.departement)
    if criteria.is_open is not None:
        query = query.where(E.c.is_open.is_(criteria.is_open))
    if criteria.without_mailbox:
        query = query.where(func.coalesce(E.c.set_mailbox, E.c.mailbox).is_(None))
    if not criteria.text.strip():
        query = query.limit(limit)
    return list(islice(_matching(map(_listed, connection.execute(query)), criteria.text), limit))


def one(connection: Connection, actor: Actor, uai: str) -> Listed | None:
    """An establishment, open or not; None when it is unknown, or not this chef's (R3)."""
    if not has_uai_form(uai):
        return None
    row = connection.execute(_query(actor).where(E.c.uai == uai)).one_or_none()
    return None if row is None else _listed(row)


def requests_of(connection: Connection, uai: str) -> list[OfRequest]:
    """Its requests, the latest school year first."""
    columns = (R.c.reference, R.c.school_year, R.c.nom, R.c.prenom, R.c.state, R.c.changed_at)
    rows = connection.execute(select(*columns).where(R.c.uai == uai).order_by(R.c.reference.desc()))
    return [OfRequest(**(dict(row) | {"state": _STATES[row["state"]]})) for row in rows.mappings()]


def _query(actor: Actor) -> Select[Any]:
    live = select(R.c.uai, func.count().label("live")).where(R.c.state != State.REVOKED.value).group_by(R.c.uai)
    counts = live.subquery()
    query = select(E, func.coalesce(counts.c.live, 0).label("live")).outerjoin(counts, counts.c.uai == E.c.uai)
    if actor.is_establishment:
        query = query.where(E.c.uai.in_(sorted(actor.establishments)))
    return query.order_by(E.c.uai)


def _listed(row: Any) -> Listed:
    return Listed(
        uai=row.uai, nom=row.nom, kind=row.kind, commune=row.commune, departement=row.departement,
        mailbox=row.set_mailbox or row.mailbox, directory_mailbox=row.mailbox, set_mailbox=row.set_mailbox,
        is_open=row.is_open, is_listed=row.is_listed, live_requests=row.live,
    )  # fmt: skip


def _matching(rows: Iterator[Listed], text: str) -> Iterator[Listed]:
    words = fold(text).split()
    for row in rows:
        place = fold(f"{row.nom} {row.commune} {row.uai}") if words else ""
        if all(word in place for word in words):
            yield row
