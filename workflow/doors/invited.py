"""Who may be sent a sign-in link, and what they come in as (R72)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from notifications.contexts import Place
from states.vocabulary import Role
from states.words import fold_mail, normalise_uai
from workflow.rows import ESTABLISHMENT, mailbox_of
from workflow.settings.people import PeopleSettings

_IN_FORCE: Final = func.coalesce(func.nullif(ESTABLISHMENT.c.set_mailbox, ""), ESTABLISHMENT.c.mailbox)


@dataclass(frozen=True, kw_only=True, slots=True)
class Invited:
    """Where a link goes. ``subject``: the UAI asked for, or the address as the settings have it.

    ``places`` are the establishments of that mailbox, the one asked for first; none for the rectorat.
    """

    role: Role
    subject: str
    mailbox: str
    places: tuple[Place, ...] = ()

    @property
    def uais(self) -> str:
        """As a session keeps them."""
        return ",".join(sorted(place.uai for place in self.places))


NOBODY: Final = Invited(
    role=Role.CHEF, subject="", mailbox="personne@invalid", places=(Place(uai="", nom="Collège", commune="Ailleurs"),)
)
"""Whom the same work is done for, and undone, when nobody may come in: the time that it takes tells nothing."""


def establishment(connection: Connection, typed: str) -> Invited | None:
    """The mailbox of an open establishment, by its UAI in any case and with any spaces (R11, R13)."""
    uai = normalise_uai(typed)
    row = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)).one_or_none()
    mailbox = mailbox_of(row) if row and row.is_open else None
    others = _sharing(connection, mailbox or NOBODY.mailbox, but=uai)
    if row is None or not mailbox:
        return None
    return Invited(role=Role.CHEF, subject=uai, mailbox=mailbox, places=tuple(map(_place, (row, *others))))


def _sharing(connection: Connection, mailbox: str, but: str) -> list[Any]:
    """The other open establishments of a mailbox; its case makes no difference."""
    query = select(ESTABLISHMENT).where(
        func.lower(_IN_FORCE) == mailbox.lower(), ESTABLISHMENT.c.is_open, ESTABLISHMENT.c.uai != but
    )
    return list(connection.execute(query.order_by(ESTABLISHMENT.c.uai)))


def places(connection: Connection, uais: Iterable[str]) -> tuple[Place, ...]:
    """Establishments by name, open or not."""
    query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais))).order_by(ESTABLISHMENT.c.nom)
    return tuple(map(_place, connection.execute(query)))


def _place(row: Row[Any]) -> Place:
    return Place(uai=row.uai, nom=row.nom, commune=row.commune)


def rectorat(people: PeopleSettings, typed: str) -> Invited | None:
    """An operator or a reader of the settings, at the address that they have there; an operator first (R2)."""
    wanted = fold_mail(typed)
    for role, addresses in ((Role.OPERATOR, people.operators), (Role.READER, people.readers)):
        for address in addresses:
            if fold_mail(address) == wanted:
                return Invited(role=role, subject=address, mailbox=address)
    return None
