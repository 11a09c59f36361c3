"""The mails that an establishment's mailbox received, for those who read it (R3, R60)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from notifications.catalogue import CATALOGUE
from notifications.mail import COLUMNS, Mail, read
from notifications.tables import MAILS
from notifications.vocabulary import Audience, Priority
from states.actors import Actor

SHOWN: Final = tuple(
    kind for kind, entry in CATALOGUE.items()
    if entry.audience is Audience.ESTABLISHMENT and entry.priority is not Priority.SIGN_IN
)  # fmt: skip
"""What is about requests: a link to sign in is nobody's to read twice."""


@dataclass(frozen=True, slots=True)
class Received:
    """Some mails, the newest first; ``after`` is what to give for the next page, None at the end."""

    mails: tuple[Mail, ...]
    after: int | None


def received(
    connection: Connection, scope: Actor, uai: str, *, reference: str | None = None, after: int | None = None,
    limit: int = 25,
) -> Received:  # fmt: skip
    """The mails to the mailbox of one establishment of ``scope``, of one request when it is named."""
    wanted = [*_theirs(scope), MAILS.c.uai == uai]
    if reference is not None:
        wanted.append(MAILS.c.reference == reference)
    if after is not None:
        wanted.append(MAILS.c.id < after)
    query = select(*COLUMNS).where(*wanted).order_by(MAILS.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    mails = tuple(read(row) for row in rows[:limit])
    return Received(mails, mails[-1].id if len(rows) > limit else None)


def received_one(connection: Connection, scope: Actor, mail_id: int) -> Mail | None:
    """One of them; None alike for an unknown number and for a mail of somebody else (R3)."""
    row = connection.execute(select(*COLUMNS).where(*_theirs(scope), MAILS.c.id == mail_id)).one_or_none()
    return read(row) if row else None


def _theirs(scope: Actor) -> list[ColumnElement[bool]]:
    mine: Collection[str] = scope.establishments if scope.is_establishment else ()
    return [
        MAILS.c.audience == Audience.ESTABLISHMENT.value,
        MAILS.c.kind.in_([kind.value for kind in SHOWN]),
        MAILS.c.uai.in_(sorted(mine)),
    ]
