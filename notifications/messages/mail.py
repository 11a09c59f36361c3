"""A mail before it is stored, and as it is read back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifications.vocabulary import Audience, Fault, Kind, Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A mail to enqueue: its recipient and its facts.

    ``recipient`` is empty when the establishment has no mailbox (R15). ``dedupe_key`` makes it leave once, however
    often it is enqueued. ``not_before`` None lets it leave at once; ``not_after`` None takes the lifetime of its kind.
    ``sealed_for`` names what its secret was sealed for when that is no request (R72). ``other_references``: other
    requests that it is about; it then needs a dedupe key.
    """

    kind: Kind
    audience: Audience
    recipient: str
    context: Any
    uai: str | None = None
    reference: str | None = None
    dedupe_key: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    sealed_for: str | None = None
    other_references: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A stored mail; its fields are the columns of ``outgoing_mail``.

    ``body`` and ``html`` show a placeholder where a code stands (R60); ``context`` and ``papers`` are JSON. The last
    fields are for ``outbox.queue``: see ``OutgoingMail``.
    """

    id: int
    kind: Kind
    audience: Audience
    uai: str | None = None
    reference: str | None = None
    recipient: str
    context: str
    priority: int
    created_at: datetime
    not_after: datetime
    stage: Stage
    attempts: int = 0
    next_attempt_at: datetime | None = None
    lease_token: str | None = None
    message_id: str | None = None
    dated_at: datetime | None = None
    subject: str | None = None
    body: str | None = None
    html: str | None = None
    papers: str | None = None
    last_reply: str | None = None
    fault: Fault | None = None
    sent_at: datetime | None = None
    doubted_at: datetime | None = None
    seal_id: str | None = None
    replaces_id: int | None = None
    put_off_since: datetime | None = None
    disputed: str | None = None
    others_accepted: bool = False
    proofs: int = 0
    relay_blamed: bool = False
    reported_at: datetime | None = None
    erased_at: datetime | None = None

    @property
    def title(self) -> str:
        """The mail's subject matter, in French, for a list."""
        return self.kind.label
