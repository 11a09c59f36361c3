"""What a test of the doors looks at behind them: the links that would leave, the journal, the mails."""

import json
from typing import Any

from sqlalchemy import select

from notifications.encryption import FOR_LINK
from notifications.outbox import admin as outbox
from notifications.outbox.store import SEALS
from notifications.vocabulary import LINK_KINDS, Mail
from workflow.app import App
from workflow.database.journal_tables import EVENT
from workflow.journal.chain import INSTALLATION

BROWSER = "b" * 43
"""The secret of the browser that asks for a link, and opens it (R104)."""


def secrets_of(app: App) -> list[str]:
    """The secrets of the sign-in links that are still sealed, the oldest first."""
    sealed = select(SEALS).where(SEALS.c.reference.like(f"{FOR_LINK}%"), SEALS.c.ciphertext.is_not(None))
    with app.database.read() as connection:
        rows = connection.execute(sealed.order_by(SEALS.c.sealed_at)).all()
    return [app.mailer.sealer.open(row.ciphertext, row.reference) for row in rows]


def link_mails(app: App) -> list[Mail]:
    """The mails of sign-in links, the oldest first."""
    with app.database.read() as connection:
        return [m for m in reversed(outbox.list_outbox(connection, whole=True).mails) if m.kind in LINK_KINDS]


def installation_events(app: App, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    """What the installation's journal says of these kinds, in order: the kind and its data."""
    query = select(EVENT).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind.in_(kinds)).order_by(EVENT.c.seq)
    with app.database.read() as connection:
        return [(row.kind, json.loads(row.canonical)["data"]) for row in connection.execute(query)]
