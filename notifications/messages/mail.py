"""A mail before it is stored, and as it was read back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifications.vocabulary import Audience, Fault, Kind, Stage


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
