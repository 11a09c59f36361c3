"""A form that was sent after the end of its session, kept for a day with what a person typed in it (R73)."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, insert, select

from notifications.ports import Clock
from states.validation import person_key
from workflow.auth.sessions import REMEMBERED, SessionUser, find_user
from workflow.database.access_tables import KEPT_FORMS
from workflow.database.connection import Database
from workflow.settings.secrets import derived, digest, new_secret

LARGEST: Final = 64_000
"""Bytes of a form: three times the longest that a person fills in."""

TypedFields = Sequence[tuple[str, str]]
"""Names and texts, in their order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptForm:
    """A form as it was sent: ``target`` is the address that it was sent to, with its parameters."""

    target: str
    fields: TypedFields


class KeptForms:
    """Forms kept encrypted by a secret that the browser alone has; one a session, shown to the same person only."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def knows(self, session_secret: str) -> bool:
        """Return True for the secret of a session that is remembered, though it has ended."""
        with self._database.read() as connection:
            return find_user(connection, session_secret) is not None

    def keep(self, session_secret: str, form: KeptForm) -> str | None:
        """Keep a form of a session that has ended; return the secret that opens it, for the browser.

        None for a session that is not known, or no longer, and for a form that is too long.
        """
        now = self._clock.now()
        with self._database.read() as connection:
            user = find_user(connection, session_secret)
        content = json.dumps({"user": user and _person(user), "target": form.target, "fields": list(form.fields)})
        if user is None or len(content) > LARGEST:
            return None
        secret = new_secret()
        row = {
            "digest": digest(secret), "session": digest(session_secret), "kept_at": now,
            "content": _cipher(secret).encrypt(content.encode()).decode(),
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(delete(KEPT_FORMS).where(KEPT_FORMS.c.session == row["session"]))
            connection.execute(insert(KEPT_FORMS), [row])
        return secret

    def find(self, secret: str, user: SessionUser) -> KeptForm | None:
        """Return the form that this secret opens, when it is this person's."""
        query = select(KEPT_FORMS.c.content).where(
            KEPT_FORMS.c.digest == digest(secret), KEPT_FORMS.c.kept_at > self._clock.now() - REMEMBERED
        )
        with self._database.read() as connection:
            content = connection.execute(query).scalar_one_or_none()
        try:
            kept = json.loads(_cipher(secret).decrypt(content.encode())) if content else None
        except InvalidToken:
            return None
        if kept is None:
            return None
        former, present = kept["user"], _person(user)
        # Establishments may have been added to the former session (R73): one in common is enough.
        in_common = set(former["subject"].split(",")) & set(present["subject"].split(","))
        if not in_common or (former["side"], former["name"]) != (present["side"], present["name"]):
            return None
        return KeptForm(target=kept["target"], fields=[(name, text) for name, text in kept["fields"]])


def _cipher(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived(secret, "kept form"))))


def _person(user: SessionUser) -> dict[str, str]:
    """The mailbox or the address, and the folded name that a mailbox's person gave."""
    return {"subject": user.subject, "name": person_key(user.name, ""), "side": "uai" if user.uais else "address"}
