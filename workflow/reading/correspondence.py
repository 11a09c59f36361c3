"""The mails that somebody may know of (R3): the rectorat all of them, an establishment those to its mailbox."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection

from notifications.outbox import Page, listing
from notifications.tables import MAILS
from notifications.vocabulary import Audience, Kind, Stage
from states.actors import Actor
from workflow.reading.mailbox import SHOWN


def list_mails(
    connection: Connection, scope: Actor, *, stages: Sequence[Stage] = (), kind: Kind | None = None,
    uai: str | None = None, reference: str | None = None, after: int | None = None, limit: int = 50,
) -> Page:  # fmt: skip
    """A page of mails, the newest first, without their words."""
    narrowed: tuple[ColumnElement[bool], ...] = ()
    if scope.is_establishment:
        narrowed = (
            MAILS.c.uai.in_(sorted(scope.establishments)),
            MAILS.c.audience == Audience.ESTABLISHMENT.value,
            MAILS.c.kind.in_([one.value for one in SHOWN]),
        )
    return listing(
        connection, stages=stages, kind=kind, uai=uai, reference=reference, after=after, limit=limit, narrowed=narrowed
    )
