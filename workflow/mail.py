"""Mails as people see and handle them: listed, shown, sent again, discarded, each act kept in the journal (R58).

The rectorat sees all of them, an establishment those that it received (R3).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.outbox.admin import (
    DISCARDABLE,
    RETRYABLE,
    MailRefusal,
    OutboxPage,
    dead_mails,
    discard,
    find,
    list_outbox,
    retry,
    stuck_for,
)
from notifications.outbox.queue import Pause
from notifications.outbox.store import COLUMNS, MAILS, SEALS, is_about, mail_from
from notifications.rendering.renderer import Rendered, Unrenderable
from notifications.vocabulary import CODE_KINDS, CODE_MAILS, LINK_KINDS, Audience, Fault, Kind, Mail, Priority, Stage
from states.decision import Scalar
from states.model import Actor
from states.refusals import Reason, bad_field, unknown_establishment
from states.rules.authorization import code_problems
from states.validation import clean_text, has_uai_form, normalise_uai, text_problem, uai_problem
from workflow.auth.actors import require_operator
from workflow.database.journal_tables import ACTOR, EVENT, NOTE
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.engine.engine import Engine
from workflow.engine.loader import load_establishment
from workflow.journal import chain
from workflow.journal.chain import INSTALLATION
from workflow.requests.filters import UNDELIVERABLE

MISSED: Final = (Stage.DEAD, Stage.UNCERTAIN)

WAITING: Final = (Stage.PENDING, Stage.RETRY, Stage.SENDING)

ASIDE: Final = (Stage.CANCELLED, Stage.DISCARDED)

EVENT_LABELS: Final = {"mail_dead": "non remis", "mail_retried": "renvoyé", "mail_discarded": "écarté"}
"""The kinds of the journal's events on a mail, with their French words."""

ESTABLISHMENT_KINDS: Final = tuple(
    kind for kind, entry in CATALOGUE.items()
    if entry.audience is Audience.ESTABLISHMENT and entry.priority is not Priority.SIGN_IN
)  # fmt: skip
"""The kinds of mails that an establishment may read: a sign-in link is nobody's to read twice."""

ListedMail = tuple[Mail, str]
"""A mail, and the name of its establishment or nothing."""

_CODES: Final = [kind.value for kind in CODE_KINDS]

_LATER = MAILS.alias("later_code_mail")

_LOST_CODE: Final = and_(
    MAILS.c.stage == Stage.CANCELLED.value,
    MAILS.c.kind.in_(_CODES),
    MAILS.c.reference.in_(select(REQUEST.c.reference).where(UNDELIVERABLE)),
    ~exists().where(
        _LATER.c.reference == MAILS.c.reference,
        _LATER.c.kind.in_([kind.value for kind in CODE_MAILS]),
        _LATER.c.id > MAILS.c.id,
    ),
)
"""Given up while somebody still waits for the code."""


class MailActionRefused(Exception):
    """An action on a mail that is refused, with its reasons (R2, R58); nothing has changed."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryResult:
    """A mail sent again, under the number ``leaves_as``."""

    mail: int
    leaves_as: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRefusal:
    """A mail that stays as it is, and why."""

    mail: int
    refusal: MailRefusal


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFilters:
    """The filters of a list of mails; None and empty ones leave everything in."""

    stages: tuple[Stage, ...] = ()
    fault: Fault | None = None
    kind: Kind | None = None
    uai: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class MailPage:
    """Some mails; ``places`` names their establishments by UAI; ``after`` is the next page's cursor."""

    mails: tuple[Mail, ...]
    places: dict[str, str]
    after: str | None


@dataclass(frozen=True, slots=True)
class MailEvent:
    """An action of somebody, or of the schedule, on a mail; ``why`` None when no reason was given, or was erased."""

    at: datetime
    action: str
    who: str
    why: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MailView:
    """One mail.

    ``mailbox``: its recipient if it left today; ``code_gone``: it carried a code that is erased (R62);
    ``replaced_by``: the number of the mail that left in its place.
    """

    mail: Mail
    place: str
    mailbox: str
    code_gone: bool
    replaced_by: int | None
    history: tuple[MailEvent, ...]

    @property
    def is_retryable(self) -> bool:
        """True if its stage lets it be sent again; a link is asked for anew instead (R72)."""
        is_open = self.mail.stage in RETRYABLE and self.mail.kind not in LINK_KINDS
        return is_open and self.mail.erased_at is None

    @property
    def can_retry(self) -> bool:
        """True if sending it again would be accepted."""
        return self.is_retryable and not self.code_gone and bool(self.mailbox)

    @property
    def can_discard(self) -> bool:
        return self.mail.stage in DISCARDABLE


@dataclass(frozen=True, slots=True)
class ReceivedMails:
    """Some mails, the newest first; ``after`` is the next page's cursor, None at the end."""

    mails: tuple[Mail, ...]
    after: int | None


class CodeWithheld(MailRefusal):
    """The mail carries a code that this operator may not send there now (R6, R14)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"{reason.message}. {reason.remedy}")
        self.rule = reason.rule


class MailJournal:
    """Records in the installation's chain the events of mails, by number and kind, never by content (R64)."""

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def dead(self, connection: Connection, mail: Mail) -> None:
        """Record a death in the mail's transaction, for the dispatcher, or for the mailer when it is born dead."""
        self._record(connection, "mail_dead", chain.schedule_actor_in(connection), mail)

    def refused(self, connection: Connection, pause: Pause) -> None:
        """Record that all mails stop because the relay refuses us: once a trouble, in its transaction (R70)."""
        data: dict[str, Scalar] = {"fault": pause.fault.value}
        actor, now = chain.schedule_actor_in(connection), self._engine.clock.now()
        chain.record(connection, self._engine.hasher, "relay_refused", actor, now, data)

    def retry(self, mail_id: int, actor: Actor) -> int:
        """Send a mail again, to the mailbox of today. Returns the number of the mail that leaves (R58).

        Raises NotAllowed unless an operator acts, UnknownMail, NotRetryable, CodeGone (R62), NoMailboxYet (R15),
        CodeWithheld.
        """
        require_operator(actor, "renvoyer un courriel")
        with self._engine.database.write() as connection:
            mail = find(connection, mail_id)
            to_operators = mail.audience is Audience.OPERATORS
            leaves_as = retry(
                connection, mail_id, now=self._engine.clock.now(), context=self._mailer.mail_context,
                mailbox=self._mailer.settings.operators_mailbox if to_operators
                else mailbox_now(connection, mail.uai or ""),
            )  # fmt: skip
            if mail.kind in CODE_KINDS:  # after what no waiting would mend; it undoes the rest
                self._require_separation(connection, mail, actor)
            self._record(connection, "mail_retried", actor, mail, {"leaves_as": leaves_as})
        return leaves_as

    def retry_all(self, uai: str, actor: Actor) -> list[RetryResult | RetryRefusal]:
        """Send again to an establishment the mails that died for want of a mailbox, the oldest first (R15, R58).

        As ``retry_many``. Raises NotAllowed unless an operator acts, MailActionRefused for an unknown establishment, or
        one without a mailbox.
        """
        require_operator(actor, "renvoyer des courriels")
        uai = normalise_uai(uai)
        with self._engine.database.read() as connection:
            stuck = stuck_for(connection, uai, _known_mailbox(connection, uai))
        return self.retry_many(stuck, actor)

    def retry_many(self, mails: Iterable[int], actor: Actor) -> list[RetryResult | RetryRefusal]:
        """Send these mails again, with a result for each: one that is refused stops no other (R58).

        Each has its own transaction and its own event. Raises NotAllowed unless an operator acts.
        """
        require_operator(actor, "renvoyer des courriels")
        results: list[RetryResult | RetryRefusal] = []
        for mail_id in mails:
            try:
                results.append(RetryResult(mail=mail_id, leaves_as=self.retry(mail_id, actor)))
            except MailRefusal as refusal:
                results.append(RetryRefusal(mail=mail_id, refusal=refusal))
        return results

    def _require_separation(self, connection: Connection, mail: Mail, actor: Actor) -> None:
        """Raise CodeWithheld for a code that would leave for a mailbox that one operator alone chose (R6, R14)."""
        now, policy = self._engine.clock.now(), self._engine.policy
        establishment = load_establishment(connection, mail.uai or "")
        if reasons := list(code_problems(establishment, actor, now, policy)):
            raise CodeWithheld(reasons[0])

    def discard(self, mail_id: int, actor: Actor, why: str) -> Mail:
        """Give up a mail, saying why; returns it as it was (R58).

        Raises NotAllowed unless an operator acts, MailActionRefused without a readable reason, UnknownMail,
        NotDiscardable.
        """
        require_operator(actor, "écarter un courriel")
        if problem := text_problem(why):
            raise MailActionRefused(bad_field("why", "La raison", problem, "R58"))
        with self._engine.database.write() as connection:
            mail = discard(connection, mail_id)
            self._record(connection, "mail_discarded", actor, mail, notes={"why": clean_text(why)})
        return mail

    def _record(
        self, connection: Connection, kind: str, actor: Actor, mail: Mail, extra: Mapping[str, Scalar] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        data: dict[str, Scalar] = {
            "mail": mail.id, "mail_kind": mail.kind.value, "reference": mail.reference, "uai": mail.uai,
            "fault": mail.fault.value if mail.fault else None, **(extra or {}),
        }  # fmt: skip
        chain.record(connection, self._engine.hasher, kind, actor, self._engine.clock.now(), data, notes)


def mailbox_now(connection: Connection, uai: str) -> str:
    """The mailbox of an establishment today; empty when it has none."""
    query = select(ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox).where(ESTABLISHMENT.c.uai == uai)
    row = connection.execute(query).one_or_none()
    return (mailbox_of(row) or "") if row else ""


def _known_mailbox(connection: Connection, uai: str) -> str:
    """The mailbox of today. Raises MailActionRefused when there is none, or no such establishment."""
    known = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.uai == uai)
    if not has_uai_form(uai) or connection.execute(known).first() is None:
        raise MailActionRefused(unknown_establishment(uai, uai_problem(uai)))
    if mailbox := mailbox_now(connection, uai):
        return mailbox
    raise MailActionRefused(
        Reason(
            "no_mailbox", "R15", f"L'établissement {uai} n'a pas de boîte : ses courriels n'ont nulle part où aller",
            f"La fixer : « oda establishment set-mailbox {uai} ADRESSE ».", "uai",
        )
    )  # fmt: skip


def list_mails(
    connection: Connection, filters: MailFilters, *, after: str | None = None, limit: int = 50
) -> MailPage:  # fmt: skip
    """A page of mails: those that did not arrive, those that wait, those that left, those laid aside.

    ``after`` is the cursor of the page before. Raises ValueError when it is not one.
    """
    part, last = _parse_cursor(after)
    numbered: list[tuple[int, Mail]] = []
    while part < len(_PARTS) and len(numbered) <= limit:
        page = list_outbox(
            connection, stages=filters.stages, kind=filters.kind, uai=filters.uai or None,
            reference=filters.reference or None, after=last, limit=limit + 1 - len(numbered),
            conditions=(_PARTS[part], *([MAILS.c.fault == filters.fault.value] if filters.fault else [])),
        )  # fmt: skip
        numbered += [(part, mail) for mail in page.mails]
        part, last = part + 1, None
    page_mails = numbered[:limit]
    following = f"{page_mails[-1][0]}-{page_mails[-1][1].id}" if len(numbered) > limit else None
    mails = tuple(mail for _, mail in page_mails)
    return MailPage(mails, establishment_names(connection, (mail.uai for mail in mails if mail.uai)), following)


def walk_mails(connection: Connection, filters: MailFilters, *, at_once: int) -> Iterator[ListedMail]:
    """Yield what every page lists, in its order, ``at_once`` read together."""
    after: str | None = None
    while True:
        page = list_mails(connection, filters, after=after, limit=at_once)
        yield from ((mail, page.places.get(mail.uai or "", "")) for mail in page.mails)
        if page.after is None:
            return
        after = page.after


def retryable_together(connection: Connection, filters: MailFilters) -> list[int]:
    """The dead mails of such a list, the oldest first; none when it is of another stage (R58)."""
    if filters.stages and filters.stages != (Stage.DEAD,):
        return []
    return dead_mails(
        connection, fault=filters.fault, kind=filters.kind, uai=filters.uai or None, reference=filters.reference or None
    )


def find_mails(connection: Connection, numbers: Collection[int]) -> MailPage:
    """These mails, the oldest first, without their text; unknown numbers are left out."""
    page = list_outbox(connection, limit=len(numbers) + 1, conditions=(MAILS.c.id.in_(numbers),))
    mails = page.mails[::-1]
    return MailPage(mails, establishment_names(connection, (mail.uai for mail in mails if mail.uai)), None)


def establishment_names(connection: Connection, uais: Iterable[str]) -> dict[str, str]:
    """The names of these establishments, by UAI."""
    query = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.nom).where(ESTABLISHMENT.c.uai.in_(sorted(set(uais))))
    return {row.uai: row.nom for row in connection.execute(query)}


def count_unsent_mails(connection: Connection) -> dict[Stage, int]:
    """Count the mails that did not arrive or wait, by stage: few, so that counting them stays quick."""
    query = select(MAILS.c.stage, func.count()).where(_at((*MISSED, *WAITING))).group_by(MAILS.c.stage)
    return {Stage(stage): count for stage, count in connection.execute(query)}


def show_mail(connection: Connection, number: int, operators: str) -> MailView:
    """One mail with its history; ``operators`` is the operators' mailbox. Raises UnknownMail."""
    mail = find(connection, number)
    to_operators = mail.audience is Audience.OPERATORS
    last_copy = select(func.max(MAILS.c.id)).where(MAILS.c.replaces_id == number)
    code_is_kept = exists().where(SEALS.c.id == mail.seal_id, SEALS.c.ciphertext.is_not(None))
    return MailView(
        mail=mail, place=establishment_names(connection, [mail.uai]).get(mail.uai, "") if mail.uai else "",
        mailbox=operators if to_operators else mailbox_now(connection, mail.uai or ""),
        code_gone=CATALOGUE[mail.kind].has_code and not connection.execute(select(code_is_kept)).scalar_one(),
        replaced_by=connection.execute(last_copy).scalar(), history=_history(connection, mail),
    )  # fmt: skip


def list_received_mails(
    connection: Connection, scope: Actor, uai: str, *, reference: str | None = None, after: int | None = None,
    limit: int = 25,
) -> ReceivedMails:  # fmt: skip
    """The mails to the mailbox of one establishment of ``scope``, of one request when it is named."""
    conditions = [*_received_by(scope), MAILS.c.uai == uai]
    if reference is not None:
        conditions.append(is_about(reference))
    if after is not None:
        conditions.append(MAILS.c.id < after)
    query = select(*COLUMNS).where(*conditions).order_by(MAILS.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    mails = tuple(mail_from(row) for row in rows[:limit])
    return ReceivedMails(mails, mails[-1].id if len(rows) > limit else None)


def find_received_mail(connection: Connection, scope: Actor, mail_id: int) -> Mail | None:
    """A received mail; None alike for an unknown number and for a mail of somebody else (R3)."""
    row = connection.execute(select(*COLUMNS).where(*_received_by(scope), MAILS.c.id == mail_id)).one_or_none()
    return mail_from(row) if row else None


def list_visible_mails(
    connection: Connection, scope: Actor, *, stages: Sequence[Stage] = (), kind: Kind | None = None,
    uai: str | None = None, reference: str | None = None, after: int | None = None, limit: int = 50,
) -> OutboxPage:  # fmt: skip
    """A page of mails, the newest first, without their text: an establishment's own, else all (R3)."""
    return list_outbox(
        connection, stages=stages, kind=kind, uai=uai, reference=reference, after=after, limit=limit,
        conditions=_received_by(scope) if scope.is_establishment else (),
    )  # fmt: skip


def is_secret(mail: Mail) -> bool:
    """True if nobody but its recipient may read its text."""
    return mail.kind in LINK_KINDS


def words_of(mail: Mail, mailer: Mailer) -> Rendered | None:
    """The text of a mail, or the one it would have if it left now; None when it cannot be made."""
    if mail.subject is not None and mail.body is not None:
        return Rendered(mail.subject, mail.body, mail.html or "")
    try:
        return mailer.renderer.render(mail.kind, CATALOGUE[mail.kind].decode(mail.context), mailer.mail_context)
    except (Unrenderable, ValueError):
        return None


def _at(stages: Sequence[Stage]) -> ColumnElement[bool]:
    return MAILS.c.stage.in_([stage.value for stage in stages])


def _parse_cursor(after: str | None) -> tuple[int, int | None]:
    """The part of the list and the last number seen."""
    if not after:
        return 0, None
    part, number = after.split("-")
    if not (part.isdecimal() and number.isdecimal() and int(number) < 2**31):
        raise ValueError(after)
    return int(part), int(number)


def _history(connection: Connection, mail: Mail) -> tuple[MailEvent, ...]:
    """The events of a mail in the installation's journal, which knows it by its number."""
    events_by = select(EVENT, ACTOR.c.label, NOTE.c.body).outerjoin(ACTOR, ACTOR.c.number == EVENT.c.actor)
    is_reason = and_(NOTE.c.stream == EVENT.c.stream, NOTE.c.seq == EVENT.c.seq, NOTE.c.field == "why")
    query = events_by.outerjoin(NOTE, is_reason).where(
        EVENT.c.stream == INSTALLATION, EVENT.c.kind.in_(EVENT_LABELS), EVENT.c.at >= mail.created_at,
        EVENT.c.canonical.contains(f'"mail":{mail.id},', autoescape=True),
    )  # fmt: skip
    events = []
    for row in connection.execute(query.order_by(EVENT.c.seq)):
        leaves_as = json.loads(row.canonical)["data"].get("leaves_as")
        renumbered = f" sous le n° {leaves_as}" if leaves_as not in (None, mail.id) else ""
        events.append(MailEvent(row.at, f"{EVENT_LABELS[row.kind]}{renumbered}", row.label or "", row.body))
    return tuple(events)


def _received_by(scope: Actor) -> tuple[ColumnElement[bool], ...]:
    uais: Collection[str] = scope.establishments if scope.is_establishment else ()
    return (
        MAILS.c.audience == Audience.ESTABLISHMENT.value,
        MAILS.c.kind.in_([kind.value for kind in ESTABLISHMENT_KINDS]),
        MAILS.c.uai.in_(sorted(uais)),
    )


_PARTS: Final = (
    or_(_at((Stage.DEAD,)), _LOST_CODE), _at((Stage.UNCERTAIN,)), _at(WAITING), _at((Stage.SENT,)),
    and_(_at(ASIDE), not_(_LOST_CODE)),
)  # fmt: skip
"""The parts of the list, the worst first; each shows the newest first."""
