"""One mail whole: where it stands, what can be done of it, what the journal tells of it (R58, R62)."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, exists, func, select

from notifications import outbox
from notifications.catalogue import CATALOGUE
from notifications.mail import Mail
from notifications.tables import MAILS, SEALS
from notifications.vocabulary import LINK_KINDS, Audience
from workflow.installation import ACTOR
from workflow.journal import INSTALLATION
from workflow.mail_events import mailbox_now
from workflow.reading.mail_lists import names_of
from workflow.writing import EVENT, NOTE

HAPPENED: Final = {"mail_dead": "non remis", "mail_retried": "renvoyé", "mail_discarded": "écarté"}
"""What the installation's journal keeps of mails, in French."""


@dataclass(frozen=True, slots=True)
class MailEvent:
    """What somebody, or the schedule, did of a mail; ``why`` None when nothing was said, or was erased."""

    at: datetime
    what: str
    who: str
    why: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MailView:
    """One mail. ``mailbox``: where it would go today; ``code_gone``: it carried a code that is erased (R62);
    ``replaced_by``: the number of the mail that left in its place."""

    mail: Mail
    place: str
    mailbox: str
    code_gone: bool
    replaced_by: int | None
    history: tuple[MailEvent, ...]

    @property
    def is_retryable(self) -> bool:
        """Whether its stage lets it be sent again; a sign-in link is asked for anew instead (R72)."""
        return self.mail.stage in outbox.RETRYABLE and self.mail.kind not in LINK_KINDS

    @property
    def can_retry(self) -> bool:
        """Whether sending it again would be accepted."""
        return self.is_retryable and not self.code_gone and bool(self.mailbox)

    @property
    def can_discard(self) -> bool:
        return self.mail.stage in outbox.DISCARDABLE


def show_mail(connection: Connection, number: int, operators: str) -> MailView:
    """One mail with its story; ``operators`` is the operators' mailbox. Raises UnknownMail."""
    mail = outbox.find(connection, number)
    to_operators = mail.audience is Audience.OPERATORS
    next_one = select(func.max(MAILS.c.id)).where(MAILS.c.replaces_id == number)
    kept = exists().where(SEALS.c.id == mail.seal_id, SEALS.c.ciphertext.is_not(None))
    return MailView(
        mail=mail, place=names_of(connection, [mail.uai]).get(mail.uai, "") if mail.uai else "",
        mailbox=operators if to_operators else mailbox_now(connection, mail.uai or ""),
        code_gone=CATALOGUE[mail.kind].has_code and not connection.execute(select(kept)).scalar_one(),
        replaced_by=connection.execute(next_one).scalar(), history=_history(connection, mail),
    )  # fmt: skip


def _history(connection: Connection, mail: Mail) -> tuple[MailEvent, ...]:
    """What the installation's journal tells of a mail, which it knows by its number."""
    named = select(EVENT, ACTOR.c.label, NOTE.c.body).outerjoin(ACTOR, ACTOR.c.number == EVENT.c.actor)
    noted = and_(NOTE.c.stream == EVENT.c.stream, NOTE.c.seq == EVENT.c.seq, NOTE.c.field == "why")
    query = named.outerjoin(NOTE, noted).where(
        EVENT.c.stream == INSTALLATION, EVENT.c.kind.in_(HAPPENED), EVENT.c.at >= mail.created_at,
        EVENT.c.canonical.contains(f'"mail":{mail.id},', autoescape=True),
    )  # fmt: skip
    return tuple(
        MailEvent(row.at, _what(row.kind, json.loads(row.canonical)["data"]), row.label or "", row.body)
        for row in connection.execute(query.order_by(EVENT.c.seq))
    )


def _what(kind: str, data: dict[str, object]) -> str:
    leaving = data.get("leaves_as")
    new = f" sous le n° {leaving}" if leaving is not None and leaving != data["mail"] else ""
    return f"{HAPPENED[kind]}{new}"
