"""The outbox as people handle it: read, count, send again, discard (R58, R62)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, exists, func, insert, literal, null, select, update

from notifications.messages.catalogue import CATALOGUE, MailContext
from notifications.messages.mail import Mail
from notifications.outbox.store import COLUMNS, read
from notifications.outbox.tables import MAILS, SEALS
from notifications.sql import batches
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, Audience, Fault, Kind, Stage
from states.model import Request
from states.vocabulary import CodeStatus, State

# Why a mail is not sent again or discarded: typed errors, each a French sentence with what to do.


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
    """The mail carried a code that is erased by now."""

    rule = "R62"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"Le code du courriel n° {mail.id} a été effacé : il ne peut plus être renvoyé."
            f" Réémettre un code pour la demande {mail.reference}."
        )


class LinkNotResent(MailRefusal):
    """The mail carried a sign-in link, which lives for minutes."""

    rule = "R72"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"Le courriel n° {mail.id} portait un lien de connexion, qui ne se renvoie pas :"
            " qui veut se connecter en demande un autre."
        )


class NoMailboxYet(MailRefusal):
    rule = "R15"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"L'établissement {mail.uai} n'a toujours pas de boîte : le courriel n° {mail.id} n'a nulle part où aller."
            " Fixer d'abord sa boîte."
        )


RETRYABLE = (Stage.DEAD, Stage.UNCERTAIN, Stage.CANCELLED)


DISCARDABLE = (Stage.DEAD, Stage.UNCERTAIN)


OF_THE_ADDRESS: Final = (Fault.NO_MAILBOX, Fault.BAD_ADDRESS, Fault.RECIPIENT_REFUSED, Fault.EXHAUSTED)
"""What another address may mend; EXHAUSTED too, for a mailbox that is full or gone may only be put off."""


_HEAVY: Final[dict[str, ColumnElement[Any]]] = {
    "context": literal("").label("context"),
    **{name: null().label(name) for name in ("body", "html", "papers")},
}


_LIGHT: Final = tuple(_HEAVY.get(column.key or "", column) for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class Page:
    """Some mails, the newest first; ``after`` is what to give for the next page, None at the end."""

    mails: tuple[Mail, ...]
    after: int | None


def listing(
    connection: Connection,
    *,
    stages: Sequence[Stage] = (),
    kind: Kind | None = None,
    uai: str | None = None,
    reference: str | None = None,
    after: int | None = None,
    limit: int = 50,
    whole: bool = False,
    narrowed: Sequence[ColumnElement[bool]] = (),
) -> Page:
    """A page of mails, by keyset: as quick at the end of the list as at its beginning.

    Without their bodies, papers and facts (``context`` is empty) unless ``whole``. ``narrowed``: other conditions.
    """
    wanted = [
        *narrowed,
        MAILS.c.stage.in_([stage.value for stage in stages]) if stages else None,
        MAILS.c.kind == kind.value if kind else None,
        MAILS.c.uai == uai if uai else None,
        MAILS.c.reference == reference if reference else None,
        MAILS.c.id < after if after is not None else None,
    ]
    query = select(*(COLUMNS if whole else _LIGHT)).where(*(one for one in wanted if one is not None))
    rows = connection.execute(query.order_by(MAILS.c.id.desc()).limit(limit + 1)).all()
    mails = tuple(read(row) for row in rows[:limit])
    return Page(mails, mails[-1].id if len(rows) > limit else None)


def find(connection: Connection, mail_id: int) -> Mail:
    """One mail. Raises UnknownMail."""
    return _locked(connection, mail_id, lock=False)


def _locked(connection: Connection, mail_id: int, *, lock: bool = True) -> Mail:
    query = select(*COLUMNS).where(MAILS.c.id == mail_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownMail(mail_id)
    return read(row)


def counts(connection: Connection) -> dict[Stage, int]:
    """How many mails stand at each stage, zero included."""
    rows = connection.execute(select(MAILS.c.stage, func.count()).group_by(MAILS.c.stage))
    found: dict[str, int] = {stage: number for stage, number in rows}  # noqa: C416
    return {stage: found.get(stage.value, 0) for stage in Stage}


def retry(connection: Connection, mail_id: int, *, mailbox: str | None, now: datetime, context: MailContext) -> int:
    """Send a mail again that a person judged worth it; returns the number of the mail that will leave.

    ``mailbox`` is where it would go today. The same address: the same mail, with its Message-ID (R56). Another one:
    a new mail that replaces it (``replaces_id``), the old one being discarded. Raises UnknownMail, NotRetryable,
    LinkNotResent (R72), CodeGone when its code is erased (R62), NoMailboxYet.
    """
    mail = _locked(connection, mail_id)
    if CATALOGUE[mail.kind].has_link:
        raise LinkNotResent(mail)
    if mail.stage not in RETRYABLE:
        raise NotRetryable(mail)
    if CATALOGUE[mail.kind].has_code and not _code_kept(connection, mail):
        raise CodeGone(mail)
    if not mailbox:
        raise NoMailboxYet(mail)
    fresh: dict[str, Any] = {
        "stage": Stage.PENDING.value,
        "fault": None,
        "attempts": 0,
        "next_attempt_at": now,
        "not_after": now + CATALOGUE[mail.kind].lifetime_in(context),
    }
    if mailbox == mail.recipient:
        _change(connection, mail, fresh)
        return mail.id
    _change(connection, mail, {"stage": Stage.DISCARDED.value, "next_attempt_at": None})
    return _replace(connection, mail, {**fresh, "recipient": mailbox, "created_at": now})


def _code_kept(connection: Connection, mail: Mail) -> bool:
    kept = exists().where(SEALS.c.id == mail.seal_id, SEALS.c.ciphertext.is_not(None))
    return bool(connection.execute(select(kept)).scalar_one())


def _replace(connection: Connection, old: Mail, values: dict[str, Any]) -> int:
    same = {
        "kind": old.kind.value,
        "audience": old.audience.value,
        "uai": old.uai,
        "reference": old.reference,
        "context": old.context,
        "priority": old.priority,
        "seal_id": old.seal_id,
        "replaces_id": old.id,
    }
    added = connection.execute(insert(MAILS).values({**same, **values}).returning(MAILS.c.id))
    return int(added.scalar_one())


def _change(connection: Connection, mail: Mail, values: dict[str, Any]) -> None:
    """Change a mail by hand; whoever held it for soon has it no more."""
    free = {"lease_token": None, "lease_until": None}
    connection.execute(update(MAILS).where(MAILS.c.id == mail.id).values({**values, **free}))


def discard(connection: Connection, mail_id: int) -> Mail:
    """Give up a mail that a person judged lost; returns it as it was. Raises UnknownMail, NotDiscardable."""
    mail = _locked(connection, mail_id)
    if mail.stage not in DISCARDABLE:
        raise NotDiscardable(mail)
    _change(connection, mail, {"stage": Stage.DISCARDED.value, "next_attempt_at": None})
    return mail


def discard_stale_links(connection: Connection, now: datetime) -> int:
    """Give up the mails of expired sign-in links that died or may have left: nobody need judge them (R72)."""
    stale = (
        MAILS.c.stage.in_([stage.value for stage in DISCARDABLE]),
        MAILS.c.kind.in_([kind.value for kind in LINK_KINDS]),
        MAILS.c.not_after <= now,
    )
    given_up = {"stage": Stage.DISCARDED.value, "next_attempt_at": None}
    return connection.execute(update(MAILS).where(*stale).values(given_up)).rowcount


def stuck_for(connection: Connection, uai: str, mailbox: str) -> list[int]:
    """The mails of an establishment that died of their address, and had another one than this: the oldest first.

    They can be sent again to ``mailbox``, where it is written to today (R15, R58).
    """
    stuck = (
        MAILS.c.uai == uai,
        MAILS.c.audience == Audience.ESTABLISHMENT.value,
        MAILS.c.stage == Stage.DEAD.value,
        MAILS.c.fault.in_([fault.value for fault in OF_THE_ADDRESS]),
        MAILS.c.recipient != mailbox,
        MAILS.c.kind.not_in([kind.value for kind in LINK_KINDS]),
    )
    return list(connection.execute(select(MAILS.c.id).where(*stuck).order_by(MAILS.c.id)).scalars())


# What became of the codes, seen from their mails (R58).


_BY_STAGE: Final = {
    Stage.PENDING: CodeStatus.WAITING,
    Stage.SENDING: CodeStatus.WAITING,
    Stage.RETRY: CodeStatus.WAITING,
    Stage.SENT: CodeStatus.ACCEPTED,
    Stage.UNCERTAIN: CodeStatus.UNCERTAIN,
    Stage.CANCELLED: CodeStatus.UNDELIVERABLE,
    Stage.DEAD: CodeStatus.UNDELIVERABLE,
    Stage.DISCARDED: CodeStatus.UNDELIVERABLE,
}


def code_statuses(connection: Connection, requests: Iterable[Request]) -> dict[str, CodeStatus]:
    """The fate of each request's code, by reference: its latest code mail decides, unless the request itself tells.

    A code that no mail carries any more is undeliverable.
    """
    fates, sent = {}, []
    for request in requests:
        known = _told_by(request)
        if known is None:
            sent.append(request.reference)
        else:
            fates[request.reference] = known
    stages = dict(_latest_stages(connection, sent))
    return fates | {reference: _BY_STAGE[stages.get(reference, Stage.DEAD)] for reference in sent}


def _told_by(request: Request) -> CodeStatus | None:
    if request.handed_on:
        return CodeStatus.HANDED_OVER
    if request.code_issued_at is None or request.state is not State.CODE_ISSUED:
        return CodeStatus.NONE
    return CodeStatus.EXTENDED if request.extends else None


def _latest_stages(connection: Connection, references: list[str]) -> Iterator[tuple[str, Stage]]:
    kinds = [kind.value for kind in CODE_KINDS]
    for some in batches(references):
        theirs = (MAILS.c.reference.in_(some), MAILS.c.kind.in_(kinds))
        latest = select(func.max(MAILS.c.id)).where(*theirs).group_by(MAILS.c.reference)
        rows = connection.execute(select(MAILS.c.reference, MAILS.c.stage).where(MAILS.c.id.in_(latest)))
        yield from ((reference, Stage.of(stage)) for reference, stage in rows)
