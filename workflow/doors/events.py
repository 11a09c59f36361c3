"""What the doors tell the journal: who, by number; never an address, never a secret (R75)."""

from datetime import datetime

from sqlalchemy import Connection

from states.actors import Actor
from states.case import Scalar
from workflow import installation
from workflow.doors.knocks import Limit
from workflow.journal import Notary


def signed_in(connection: Connection, notary: Notary, actor: Actor, now: datetime) -> None:
    """Somebody opened a link. Of a mailbox we only know whose it is, until they say who they are."""
    installation.record(connection, notary, "signed_in", actor, now, {"establishments": len(actor.establishments)})


def presented(connection: Connection, notary: Notary, actor: Actor, now: datetime) -> None:
    """Who acts for a mailbox has said so: the actor's number is theirs from now on."""
    installation.record(connection, notary, "presented", actor, now, {"establishments": len(actor.establishments)})


def left_everywhere(connection: Connection, notary: Notary, actor: Actor, ended: int, now: datetime) -> None:
    """Every session of these establishments, or of this address, was ended: so many."""
    installation.record(connection, notary, "signed_out_everywhere", actor, now, {"sessions": ended})


def refused(connection: Connection, notary: Notary, limit: Limit, now: datetime) -> None:
    """Too many tries, told when the limit is reached and not at each further try (R74)."""
    actor = installation.schedule_actor_in(connection)
    installation.record(connection, notary, "door_refused", actor, now, {"limit": limit.name, "most": limit.most})


def token(
    connection: Connection, notary: Notary, kind: str, actor: Actor, number: int, more: dict[str, Scalar], now: datetime
) -> None:
    """A token was made or revoked: its number and its scope (R76)."""
    installation.record(connection, notary, kind, actor, now, {"token": number, **more})
