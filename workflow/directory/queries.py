"""The establishments as people read them: in pages by UAI, each with its requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, select

from notifications.outbox.admin import stuck_for
from states.characters import fold
from states.departements import departement_name
from states.model import Actor
from states.validation import fold_mail, has_uai_form
from states.vocabulary import State
from workflow.database.journal_tables import ACTOR, EVENT, NOTE
from workflow.database.tables import ESTABLISHMENT as E
from workflow.database.tables import IS_LIVE
from workflow.database.tables import REQUEST as R
from workflow.directory.model import MAILBOX_SET
from workflow.journal.chain import INSTALLATION
from workflow.mail.admin import mailbox_now

MOST_EXPORTED: Final = 20_000
"""Establishments of a file: more than any académie has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentFilters:
    """The filters of a list of establishments; None and empty ones leave everything in.

    ``text`` is words of the name, the town or the UAI; with an « @ », the beginning of a mailbox.
    """

    departement: str | None = None
    is_open: bool | None = True
    without_mailbox: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentLine:
    """An establishment with its mailboxes, ``mailbox`` being the one in force (R14), and its live requests' number.

    ``link_asked_at``: when somebody last asked to sign in for it while it had no mailbox.
    """

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
    telephone: str = ""
    departement_name: str = ""
    nature: str = ""
    chef_civility: str = ""
    link_asked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentRequest:
    """A request of an establishment, in summary."""

    reference: str
    school_year: str
    nom: str
    prenom: str
    state: State
    changed_at: datetime
    chef_name: str = ""


@dataclass(frozen=True, slots=True)
class MailboxDecision:
    """An operator's last decision on a mailbox; ``why`` None once it was erased."""

    at: datetime
    who: str
    cleared: bool
    why: str | None


def list_establishments(
    connection: Connection, actor: Actor, filters: EstablishmentFilters, limit: int, after: str = ""
) -> list[EstablishmentLine]:
    """At most ``limit`` establishments whose UAI follows ``after``; a chef sees only its own (R3).

    A text is looked for in Python, without accents: an académie has a thousand establishments, not a million.
    """
    query = _query(actor).where(E.c.uai > after)
    if filters.departement is not None:
        query = query.where(E.c.departement == filters.departement)
    if filters.is_open is not None:
        query = query.where(E.c.is_open.is_(filters.is_open))
    if filters.without_mailbox:
        query = query.where(func.coalesce(E.c.set_mailbox, E.c.mailbox).is_(None))
    if not filters.text.strip():
        query = query.limit(limit)
    words, mailbox = fold(filters.text).split(), fold_mail(filters.text) if "@" in filters.text else ""
    matches = (
        row for row in connection.execute(query)
        if not words or (_has_mailbox(row, mailbox) if mailbox else _contains(row, words))
    )  # fmt: skip
    return _lines_of(connection, list(islice(matches, limit)))


def find_establishment(connection: Connection, actor: Actor, uai: str) -> EstablishmentLine | None:
    """An establishment, open or not; None when it is unknown, or not this chef's (R3)."""
    if not has_uai_form(uai):
        return None
    lines = _lines_of(connection, connection.execute(_query(actor).where(E.c.uai == uai)).all())
    return lines[0] if lines else None


def list_requests_of(connection: Connection, uai: str) -> list[EstablishmentRequest]:
    """The requests of an establishment, the latest school year first."""
    columns = (R.c.reference, R.c.school_year, R.c.nom, R.c.prenom, R.c.state, R.c.changed_at, R.c.chef_name)
    rows = connection.execute(select(*columns).where(R.c.uai == uai).order_by(R.c.reference.desc()))
    return [EstablishmentRequest(**(dict(row) | {"state": State.of(row["state"])})) for row in rows.mappings()]


def find_last_mailbox_decision(connection: Connection, uai: str) -> MailboxDecision | None:
    """The operator who last set or gave back a mailbox, when and why; None when nobody ever did (R14)."""
    is_reason = and_(NOTE.c.stream == EVENT.c.stream, NOTE.c.seq == EVENT.c.seq, NOTE.c.field == "why")
    query = select(EVENT.c.at, EVENT.c.canonical, ACTOR.c.label, NOTE.c.body).outerjoin(
        ACTOR, ACTOR.c.number == EVENT.c.actor
    )
    row = connection.execute(
        query.outerjoin(NOTE, is_reason)
        .where(
            EVENT.c.stream == INSTALLATION, EVENT.c.kind == MAILBOX_SET,
            EVENT.c.canonical.contains(f'"uai":"{uai}"', autoescape=True),
        )
        .order_by(EVENT.c.seq.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return MailboxDecision(row.at, row.label or "", '"cleared":true' in row.canonical, row.body)


def count_stuck_mails(connection: Connection, uai: str) -> int:
    """Count the mails that died of their address and can be sent again to the mailbox of today (R15)."""
    mailbox = mailbox_now(connection, uai)
    return len(stuck_for(connection, uai, mailbox)) if mailbox else 0


def _query(actor: Actor) -> Select[Any]:
    query = select(E)
    if actor.is_establishment:
        query = query.where(E.c.uai.in_(sorted(actor.establishments)))
    return query.order_by(E.c.uai)


def _lines_of(connection: Connection, rows: Sequence[Any]) -> list[EstablishmentLine]:
    """The lines of these rows, with one more query for their live requests."""
    uais = [row.uai for row in rows]
    counts = select(R.c.uai, func.count().label("number")).where(R.c.uai.in_(uais), IS_LIVE).group_by(R.c.uai)
    live = {row.uai: row.number for row in connection.execute(counts)}
    return [
        EstablishmentLine(
            uai=row.uai, nom=row.nom, kind=row.kind, commune=row.commune, departement=row.departement,
            mailbox=row.set_mailbox or row.mailbox, directory_mailbox=row.mailbox, set_mailbox=row.set_mailbox,
            is_open=row.is_open, is_listed=row.is_listed, live_requests=live.get(row.uai, 0),
            telephone=row.telephone, nature=row.nature, chef_civility=row.chef_civility,
            departement_name=row.departement_name or (departement_name(row.departement) if row.departement else ""),
            link_asked_at=row.link_asked_at,
        )
        for row in rows
    ]  # fmt: skip


def _has_mailbox(row: Any, beginning: str) -> bool:
    return any(fold_mail(mailbox).startswith(beginning) for mailbox in (row.mailbox, row.set_mailbox) if mailbox)


def _contains(row: Any, words: list[str]) -> bool:
    text = fold(f"{row.nom} {row.commune} {row.uai}")
    return all(word in text for word in words)
