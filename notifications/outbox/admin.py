"""The outbox as operators handle it: list, count, send again, discard; the status of each code (R58, R62)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, exists, func, insert, literal, null, select, update

from notifications.outbox.store import COLUMNS, MAILS, SEALS, is_about, mail_from
from notifications.vocabulary import LINK_KINDS, Audience, Fault, Kind, Mail, Stage

if TYPE_CHECKING:
    from notifications.messages.catalogue import MailContext

RETRYABLE: Final = (Stage.DEAD, Stage.UNCERTAIN, Stage.CANCELLED)
DISCARDABLE: Final = (Stage.DEAD, Stage.UNCERTAIN)
ADDRESS_FAULTS: Final = (Fault.NO_MAILBOX, Fault.BAD_ADDRESS, Fault.RECIPIENT_REFUSED, Fault.EXHAUSTED)
"""The faults that another address may mend; EXHAUSTED too, for a mailbox full or gone may only be put off."""

_LINK_VALUES: Final = [kind.value for kind in LINK_KINDS]
_DISCARDED: Final[dict[str, Any]] = {"stage": Stage.DISCARDED.value, "next_attempt_at": None}
_EMPTIED: Final[dict[str, ColumnElement[Any]]] = {
    "context": literal("").label("context"),
    **{name: null().label(name) for name in ("body", "html", "papers")},
}
_LIGHT_COLUMNS: Final = tuple(_EMPTIED.get(column.key or "", column) for column in COLUMNS)


class MailRefusal(Exception):
    """The base of these refusals: ``str()`` is for a person, ``rule`` is its number in docs/processus.md."""

    rule = "R58"


class UnknownMail(MailRefusal):
    def __init__(self, mail_id: int) -> None:
        super().__init__(f"Aucun courriel ne porte le n° {mail_id}. Vérifier le numéro dans la liste des courriels.")


class NotRetryable(MailRefusal):
    def __init__(self, mail: Mail) -> None:
        super().__init__(f"Le courriel n° {mail.id} est « {mail.stage.label} » : il n'y a pas lieu de le renvoyer.")


class NotDiscardable(MailRefusal):
    def __init__(self, mail: Mail) -> None:
        super().__init__(f"Le courriel n° {mail.id} est « {mail.stage.label} » : il n'y a pas lieu de l'écarter.")


class CodeGone(MailRefusal):
    """The mail carried, or announced, a code that is erased by now."""

    rule = "R62"

    def __init__(self, mail: Mail) -> None:
        is_read = mail.kind is Kind.CODE_TO_READ
        super().__init__(
            f"Le code du courriel n° {mail.id} a été {'lu ou ' if is_read else ''}effacé : il ne peut plus être"
            f" renvoyé. {'Au besoin, réémettre' if is_read else 'Réémettre'} un code pour la demande {mail.reference}."
        )


class LinkNotResent(MailRefusal):
    """The mail carried a sign-in link, which lives for minutes."""

    rule = "R72"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"Le courriel n° {mail.id} portait un lien de connexion, qui ne se renvoie pas :"
            " qui veut se connecter en demande un autre."
        )


class MailErased(MailRefusal):
    """The mail's text and recipient are erased."""

    rule = "R110"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"Le texte du courriel n° {mail.id} a été effacé, comme tous ceux de son âge : il ne se renvoie plus."
        )


class NoMailboxYet(MailRefusal):
    rule = "R15"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"L'établissement {mail.uai} n'a toujours pas de boîte : le courriel n° {mail.id} n'a nulle part où aller."
            " Fixer d'abord sa boîte."
        )


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """Some mails, the newest first; ``after`` is what to give for the next page, None at the end."""

    mails: tuple[Mail, ...]
    after: int | None


def list_outbox(
    connection: Connection,
    *,
    stages: Sequence[Stage] = (),
    kind: Kind | None = None,
    uai: str | None = None,
    reference: str | None = None,
    after: int | None = None,
    limit: int = 50,
    whole: bool = False,
    conditions: Sequence[ColumnElement[bool]] = (),
) -> OutboxPage:
    """List a page of mails, by keyset: as quick at the end of the list as at its beginning.

    Bodies, papers and facts are left out (``context`` is empty) unless ``whole``. ``conditions`` narrow the list too.
    """
    optional = (
        MAILS.c.stage.in_([stage.value for stage in stages]) if stages else None,
        MAILS.c.kind == kind.value if kind else None,
        MAILS.c.uai == uai if uai else None,
        is_about(reference) if reference else None,
        MAILS.c.id < after if after is not None else None,
    )
    query = select(*(COLUMNS if whole else _LIGHT_COLUMNS)).where(*conditions)
    query = query.where(*(condition for condition in optional if condition is not None))
    rows = connection.execute(query.order_by(MAILS.c.id.desc()).limit(limit + 1)).all()
    mails = tuple(mail_from(row) for row in rows[:limit])
    return OutboxPage(mails, mails[-1].id if len(rows) > limit else None)


def find(connection: Connection, mail_id: int, *, lock: bool = False) -> Mail:
    """Read one mail. Raises UnknownMail."""
    query = select(*COLUMNS).where(MAILS.c.id == mail_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownMail(mail_id)
    return mail_from(row)


def counts(connection: Connection) -> dict[Stage, int]:
    """Count the mails at each stage, zero included."""
    rows = connection.execute(select(MAILS.c.stage, func.count()).group_by(MAILS.c.stage))
    numbers: dict[str, int] = {stage: number for stage, number in rows}  # noqa: C416
    return {stage: numbers.get(stage.value, 0) for stage in Stage}


def retry(connection: Connection, mail_id: int, *, mailbox: str | None, now: datetime, context: "MailContext") -> int:
    """Send a mail again that a person judged worth it; returns the number of the mail that will leave.

    ``mailbox`` is where it would go today. The same address: the same mail, with its Message-ID (R56). Another one:
    a new mail that replaces it (``replaces_id``), the old one being discarded. Raises UnknownMail, NotRetryable,
    LinkNotResent (R72), MailErased (R110), CodeGone when its code is erased (R62), NoMailboxYet.
    """
    from notifications.messages.catalogue import CATALOGUE  # with every kind's facts: who only looks does without

    mail = find(connection, mail_id, lock=True)
    entry = CATALOGUE[mail.kind]
    if entry.has_link:
        raise LinkNotResent(mail)
    if mail.stage not in RETRYABLE:
        raise NotRetryable(mail)
    if mail.erased_at is not None:
        raise MailErased(mail)
    has_code = exists().where(SEALS.c.id == mail.seal_id, SEALS.c.ciphertext.is_not(None))
    if entry.needs_seal and not connection.execute(select(has_code)).scalar_one():
        raise CodeGone(mail)
    if not mailbox:
        raise NoMailboxYet(mail)
    fresh: dict[str, Any] = {
        "stage": Stage.PENDING.value,
        "fault": None,
        "attempts": 0,
        "next_attempt_at": now,
        "not_after": now + entry.lifetime_in(context),
        "put_off_since": None,
        "disputed": None,
        "others_accepted": False,
        "proofs": 0,
        "relay_blamed": False,
        "reported_at": None,
    }
    if mailbox == mail.recipient:
        _change(connection, mail, fresh)
        return mail.id
    _change(connection, mail, _DISCARDED)
    copied = {
        "kind": mail.kind.value,
        "audience": mail.audience.value,
        "uai": mail.uai,
        "reference": mail.reference,
        "context": mail.context,
        "priority": mail.priority,
        "seal_id": mail.seal_id,
    }
    changed = {"replaces_id": mail.id, "recipient": mailbox, "created_at": now}
    return int(connection.execute(insert(MAILS).values(copied | fresh | changed).returning(MAILS.c.id)).scalar_one())


def _change(connection: Connection, mail: Mail, values: dict[str, Any]) -> None:
    """Change a mail by hand; a sender that had claimed it loses it."""
    no_lease = {"lease_token": None, "lease_until": None}
    connection.execute(update(MAILS).where(MAILS.c.id == mail.id).values({**values, **no_lease}))


def discard(connection: Connection, mail_id: int) -> Mail:
    """Give up a mail that a person judged lost; returns it as it was. Raises UnknownMail, NotDiscardable."""
    mail = find(connection, mail_id, lock=True)
    if mail.stage not in DISCARDABLE:
        raise NotDiscardable(mail)
    _change(connection, mail, _DISCARDED)
    return mail


def dead_mails(
    connection: Connection,
    *,
    fault: Fault | None = None,
    kind: Kind | None = None,
    uai: str | None = None,
    reference: str | None = None,
    since: datetime | None = None,
) -> list[int]:
    """Find the dead mails of one cause, kind, establishment or request, enqueued ``since`` then; the oldest first.

    They can be sent again together (R58); sign-in links are left out, which are asked for anew (R72).
    """
    optional = (
        MAILS.c.fault == fault.value if fault else None,
        MAILS.c.kind == kind.value if kind else None,
        MAILS.c.uai == uai if uai else None,
        is_about(reference) if reference else None,
        MAILS.c.created_at >= since if since else None,
    )
    is_dead = (MAILS.c.stage == Stage.DEAD.value, MAILS.c.erased_at.is_(None), MAILS.c.kind.not_in(_LINK_VALUES))
    query = select(MAILS.c.id).where(*is_dead)
    query = query.where(*(condition for condition in optional if condition is not None))
    return list(connection.execute(query.order_by(MAILS.c.id)).scalars())


def stuck_for(connection: Connection, uai: str, mailbox: str) -> list[int]:
    """Find an establishment's mails that died of their address, sent to another one than this; the oldest first.

    They can be sent again to ``mailbox``, its address of today (R15, R58).
    """
    is_stuck = (
        MAILS.c.uai == uai,
        MAILS.c.audience == Audience.ESTABLISHMENT.value,
        MAILS.c.stage == Stage.DEAD.value,
        MAILS.c.erased_at.is_(None),
        MAILS.c.fault.in_([fault.value for fault in ADDRESS_FAULTS]),
        MAILS.c.recipient != mailbox,
        MAILS.c.kind.not_in([*_LINK_VALUES, Kind.MAILBOX_CHANGED.value]),  # that one was for the former mailbox alone
    )
    return list(connection.execute(select(MAILS.c.id).where(*is_stuck).order_by(MAILS.c.id)).scalars())
