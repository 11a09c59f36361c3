"""A mail before it is stored, and as it was read back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row

from notifications.tables import MAILS
from notifications.vocabulary import Audience, Fault, Kind, Stage, member


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A mail to enqueue: whom it is for, and its facts.

    ``recipient`` is empty when the establishment has no mailbox (R15). ``dedupe_key`` makes it leave once, however
    often it is enqueued. ``not_after`` None takes the lifetime of its kind. ``about`` is the draft whose loss this one
    tells the operators: stored before it, it gives its number to the facts' ``mail``.
    ``sealed_for`` is what its secret was sealed for when it is no request (R72).
    """

    kind: Kind
    audience: Audience
    recipient: str
    context: Any
    uai: str | None = None
    reference: str | None = None
    dedupe_key: str | None = None
    not_after: datetime | None = None
    about: "Draft | None" = None
    sealed_for: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A stored mail. ``body`` and ``html`` show a placeholder where a code stands (R60); ``context`` and
    ``papers`` are JSON."""

    id: int
    kind: Kind
    audience: Audience
    uai: str | None
    reference: str | None
    recipient: str
    context: str
    priority: int
    created_at: datetime
    not_after: datetime
    stage: Stage
    attempts: int
    next_attempt_at: datetime | None
    lease_token: str | None
    message_id: str | None
    dated_at: datetime | None
    subject: str | None
    body: str | None
    html: str | None
    papers: str | None
    last_reply: str | None
    fault: Fault | None
    sent_at: datetime | None
    doubted_at: datetime | None
    seal_id: str | None
    replaces_id: int | None

    @property
    def title(self) -> str:
        """What it is about, for a listing, in French."""
        return self.kind.label


COLUMNS: Final[tuple[ColumnElement[Any], ...]] = tuple(MAILS.c[name] for name in Mail.__dataclass_fields__)
"""What to select so that ``read`` makes a Mail of it."""


def read(row: Row[Any]) -> Mail:
    """A Mail from a row of ``COLUMNS``."""
    values = dict(row._mapping)
    values["kind"] = member(Kind, values["kind"])
    values["audience"] = member(Audience, values["audience"])
    values["stage"] = member(Stage, values["stage"])
    values["fault"] = member(Fault, values["fault"]) if values["fault"] else None
    return Mail(**values)
