"""One request whole, with its history, for who may see it: plain values, none of them a secret."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, ScalarSelect, exists, func, or_, select

from states import french
from states.commands import Renew
from states.decision import Scalar
from states.model import Actor, Check, Establishment, Facts, Policy, Report, Request, StandIn, key_holders
from states.refusals import Reason
from states.rules.authorization import held_until, set_mailbox_of
from states.rules.code import code_held_until
from states.rules.declaration import mail_doubts, renewal_years
from states.rules.revocation import RemovalTodo, removal_todo
from states.rules.verification import check_problems
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import (
    DRANE_MOVEMENTS,
    Change,
    Channel,
    CheckOutcome,
    CodeStatus,
    DraneStanding,
    Labelled,
    ReissueReason,
    RemovalKind,
    RemovalOutcome,
    RequestedBy,
    RevokeReason,
    Role,
    Settlement,
    SignInMethod,
    State,
    Step,
    Trigger,
    WithdrawReason,
)
from workflow.database.journal_tables import ACTOR, EVENT, NOTE
from workflow.database.mapping import REQUEST_COLUMNS, removal_from, request_from
from workflow.database.tables import REMOVAL, REQUEST
from workflow.engine.loader import Loader
from workflow.removals.tasks import done, done_for_chef
from workflow.requests.next_actions import NextStep, PossibleAction, next_step, possible_actions

if TYPE_CHECKING:
    from notifications.mailer import Mailer


ERASED: Final = "(texte effacé)"

_OF_THE_RECTORAT: Final = {
    Trigger.ISSUE_CODE: {"extends", "new_key_confirmed"},
    Trigger.CONFIRM_REMOVAL: {"outcome", "note"},
    Trigger.REOPEN_REMOVAL: {"outcome", "why"},
}
"""Data hidden from a chef: they would tell that the person has a key elsewhere (R3, R19)."""

_FORMER = REQUEST.alias("former_request")

_FORMER_ENDED: Final = exists().where(EVENT.c.stream == _FORMER.c.reference, EVENT.c.kind == Trigger.EXPIRE.value)

_GONE: Final = [outcome.value for outcome in RemovalOutcome if outcome is not RemovalOutcome.KEPT]

_KEY_REMOVED: Final = exists().where(REMOVAL.c.reference == _FORMER.c.reference, REMOVAL.c.outcome.in_(_GONE))

Formatter = Callable[[Scalar], str]


@dataclass(frozen=True, slots=True)
class NoteView:
    """A free text; ``body`` is None once it was erased."""

    field: str
    body: str | None

    @property
    def label(self) -> str:
        return NOTE_LABELS.get(self.field, self.field)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """One event. ``source`` is None at a birth; ``data`` is as the journal keeps it, ``details`` in French."""

    seq: int
    trigger: Trigger
    source: State | None
    target: State
    actor: str
    role: Role
    channel: Channel
    at: datetime
    data: Mapping[str, Scalar]
    notes: tuple[NoteView, ...]

    @property
    def details(self) -> tuple[tuple[str, str], ...]:
        return event_details(self.trigger, self.data)


@dataclass(frozen=True, slots=True)
class CheckView:
    """One of the two checks (R34); ``problem`` says why it does not count today, None when it does (R35 to R37)."""

    check: Check | None
    problem: Reason | None

    @property
    def is_valid(self) -> bool:
        return self.problem is None


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalView:
    """The removal of rights (R47).

    ``todo`` is the action that it asks for today (R48): None once confirmed, and for a chef, who does not see
    ``outcome`` either. ``done``: once confirmed, what was done, when, by whom, as the reader may know it.
    """

    kind: RemovalKind
    outcome: RemovalOutcome | None
    opened_at: datetime
    closed_at: datetime | None
    todo: RemovalTodo | None
    done: str = ""

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionView:
    """The rectorat's question and the establishment's answer (R90); a text that was erased is None.

    ``answered_at`` is None while the answer is waited for.
    """

    question: str | None
    asked_at: datetime
    answer: str | None
    answered_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RequestView:
    """All that somebody may see of a request.

    ``others`` are the person's other live requests that the reader may see (R19); ``written_by`` is the version that
    wrote it last, empty before versions were kept (R117). What may be done is worked out when it is asked for: the post
    of a form does not need it, for the rules decide.
    """

    request: Request
    establishment: Establishment
    created_at: datetime
    changed_at: datetime
    written_by: str
    year_end: YearEnd
    listing: CheckView
    delegation: CheckView
    code_fate: CodeStatus
    reports: tuple[Report, ...]
    removal: RemovalView | None
    others: tuple[Request, ...]
    history: tuple[EventView, ...]
    _facts: Facts = field(repr=False)
    _reader: Actor = field(repr=False)
    _policy: Policy = field(repr=False)
    _now: datetime = field(repr=False)

    @cached_property
    def actions(self) -> tuple[PossibleAction, ...]:
        """The actions open to the reader, in the order of the table (R1 to R5)."""
        return possible_actions(self._facts, self._reader, self._policy, self._now)

    @cached_property
    def renewal_years(self) -> tuple[SchoolYear, ...]:
        """The years to which it can be renewed today, the earliest first (R33)."""
        return renewal_years(self.request, self._policy.calendar, self._now)

    @property
    def key_holders(self) -> list[Request]:
        """Those of ``others`` that rely on the same key (R42)."""
        return key_holders(self.others, one_key_a_person=self._policy.one_key_a_person)

    @cached_property
    def next_step(self) -> NextStep | None:
        """The step that the request waits for; None when nothing is left to do."""
        return next_step(self._facts, self._policy, self._now)

    @property
    def sent_back(self) -> EventView | None:
        """The event by which the rectorat sent the request back, while it has not been submitted again (R38)."""
        events = [event for event in self.history if event.trigger in (Trigger.SEND_BACK, Trigger.SUBMIT)]
        is_waiting = self.request.is_live and bool(events) and events[-1].trigger is Trigger.SEND_BACK
        return events[-1] if is_waiting else None

    @property
    def step_to_redo(self) -> Step | None:
        """The step for which it was sent back; None when it was not."""
        return Step(str(self.sent_back.data["step"])) if self.sent_back else None

    @property
    def set_mailbox(self) -> StandIn | None:
        """The mailbox as an operator set it; None when the directory gives it, and for a chef (R3, R14)."""
        return None if self._reader.is_establishment else set_mailbox_of(self.establishment, self._now)

    @property
    def codes_from(self) -> datetime | None:
        """The instant from which a code may leave for a mailbox just set; None when it may now (R14)."""
        return held_until(self.set_mailbox, self._now, self._policy.mailbox_hold)

    @property
    def mail_doubt(self) -> str:
        """Reasons why the RUPN's address is to be looked at twice; empty for a usual one, and for a chef (R16)."""
        doubts = () if self._reader.is_establishment else mail_doubts(
            self._facts, self.request, self._policy.mail_domains
        )  # fmt: skip
        return next((doubt.message for doubt in doubts), "")

    @property
    def question(self) -> QuestionView | None:
        """The question that waits for its answer, or whose answer no operator has acted upon yet; None without one."""
        asked_at, answered_at = self.request.question_asked_at, self.request.question_answered_at
        if asked_at is None:
            return None
        question, answer = self._last_text(Trigger.ASK_QUESTION), self._last_text(Trigger.ANSWER_QUESTION)
        return QuestionView(
            question=question, asked_at=asked_at, answer=answer if answered_at else None, answered_at=answered_at
        )

    def _last_text(self, trigger: Trigger) -> str | None:
        """The words of the last event of a trigger that has one text."""
        events = (event for event in reversed(self.history) if event.trigger is trigger)
        fields = {Trigger.ASK_QUESTION: "question", Trigger.ANSWER_QUESTION: "answer"}
        notes = (note.body for event in events for note in event.notes if note.field == fields[trigger])
        return next(notes, None)

    @property
    def key_date(self) -> date:
        """The last day that the key must bear on the ODA server: the school year's end (R43)."""
        return self.year_end.last_day

    @cached_property
    def code_held_until(self) -> datetime | None:
        """The instant until which the code may be taken back, its mail not having left (R62)."""
        return code_held_until(self.request, self.code_fate, self._policy, self._now)

    @property
    def expiry_differs(self) -> bool:
        """True if the year's end has moved since the day of a key in use was recorded (R43)."""
        return self.request.is_live and self.request.has_key and self.request.expiry_seen_for != self.key_date


def load_facts(connection: Connection, reference: str, mailer: "Mailer") -> Facts:
    """Load the facts of the rules, without a lock; ``facts.request`` is None for an unknown reference."""
    command = Renew(reference=reference)  # any command on a request loads the same facts
    return Loader(connection, mailer.code_statuses, lock=False).load([command]).facts(command)


def show_request(
    connection: Connection, reference: str, scope: Actor, policy: Policy, mailer: "Mailer", now: datetime
) -> RequestView | None:
    """One request; None alike for an unknown reference and for one that ``scope`` may not see (R3)."""
    facts = load_facts(connection, reference, mailer)
    request = facts.request
    if request is None or not scope.can_see(request.uai):
        return None
    problems = check_problems(request, policy.calendar.today(now), policy.checks_max_age_days)
    history = load_history(connection, reference, scope)
    row = connection.execute(
        select(REQUEST.c.created_at, REQUEST.c.changed_at, REQUEST.c.written_by).where(REQUEST.c.reference == reference)
    ).one()
    return RequestView(
        request=_without_hidden_key(connection, request, scope),
        establishment=facts.establishment or Establishment(uai=request.uai, nom=request.uai, is_open=False),
        created_at=row.created_at,
        changed_at=row.changed_at,
        written_by=row.written_by,
        year_end=policy.calendar.end_of(request.school_year),
        listing=CheckView(request.listing, problems.get(Trigger.CHECK_LISTING)),
        delegation=CheckView(request.delegation, problems.get(Trigger.CHECK_DELEGATION)),
        code_fate=facts.code_fate,
        reports=facts.reports,
        removal=_removal(connection, facts, request, scope, policy, history),
        others=tuple(other for other in facts.others if scope.can_see(other.uai)),
        history=history,
        _facts=facts,
        _reader=scope,
        _policy=policy,
        _now=now,
    )


def ended_key(connection: Connection, request: Request) -> Request | None:
    """The request of the year before that ended with it, and whose key can still be extended to this one (R40)."""
    year = SchoolYear(request.school_year.start - 1)
    source = select(former_key_of(year)).where(REQUEST.c.reference == request.reference)
    reference = connection.execute(source.select_from(REQUEST)).scalar()
    if reference is None:
        return None
    ended = select(*REQUEST_COLUMNS).where(
        REQUEST.c.reference == reference, REQUEST.c.state == State.REVOKED.value
    )  # fmt: skip
    row = connection.execute(ended).one_or_none()
    return request_from(row) if row else None


def former_key_of(year: SchoolYear) -> ScalarSelect[str]:
    """The reference of the request of ``year`` whose key a request of the next one would keep: the latest."""
    same_person = or_(
        _FORMER.c.reference == REQUEST.c.renews,
        _FORMER.c.person == REQUEST.c.person,
        _FORMER.c.folded_mail == REQUEST.c.folded_mail,
    )
    return (
        select(func.max(_FORMER.c.reference))
        .where(_FORMER.c.uai == REQUEST.c.uai, _FORMER.c.school_year == str(year), same_person)
        .where(_FORMER.c.code_issued_at.is_not(None), or_(_FORMER.c.state != State.REVOKED.value, _FORMER_ENDED))
        .where(~_KEY_REMOVED)
        .correlate(REQUEST)
        .scalar_subquery()
    )


def load_history(connection: Connection, reference: str, scope: Actor) -> tuple[EventView, ...]:
    """Every event of a request in order, with its free texts (R8); the caller checks that ``scope`` may see it."""
    query = select(EVENT, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == EVENT.c.actor)
    rows = connection.execute(query.where(EVENT.c.stream == reference).order_by(EVENT.c.seq)).all()
    bodies = {
        (note.seq, note.field): note.body for note in connection.execute(select(NOTE).where(NOTE.c.stream == reference))
    }
    return tuple(_event(row, bodies, scope) for row in rows)


def _as_is(value: Scalar) -> str:
    return "oui" if value is True else str(value)


def _day(value: Scalar) -> str:
    return french.day(date.fromisoformat(str(value)))


def _one_of(values: type[Labelled]) -> Formatter:
    labels = {value.value: value.label for value in values}
    return lambda value: labels.get(str(value), str(value))


_LABELS: Final[dict[str, tuple[str, Formatter]]] = {
    "uai": ("établissement", _as_is),
    "school_year": ("année scolaire", _as_is),
    "drane_declared_on": ("déclaré à la DRANE le", _day),
    "drane_sent_by_us": ("transmis à la DRANE par le rectorat", _as_is),
    "mail_confirmed": ("adresse d'un autre domaine confirmée", _as_is),
    "homonym_confirmed": ("homonyme confirmé", _as_is),
    "made_on": ("délégation faite le", _day),
    "signed_on": ("charte signée le", _day),
    "version": ("version de la charte", _as_is),
    "copy_kept": ("exemplaire conservé", _as_is),
    "outcome": ("résultat", _one_of(CheckOutcome)),
    "checked_on": ("vérifié le", _day),
    "automatic": ("faite d'elle-même, tout concordant", _as_is),
    "list_number": ("import de la liste n°", _as_is),
    "list_line": ("ligne", _as_is),
    "list_entry": ("entrée n°", _as_is),
    "list_score": ("ressemblance sur 100", _as_is),
    "step": ("étape à refaire", _one_of(Step)),
    "batch": ("lot de codes n°", _as_is),
    "anew": ("à la place du code précédent", _as_is),
    "extends": ("clé de la demande", _as_is),
    "key_elsewhere": ("clé qui sert déjà à une autre application", _as_is),
    "expires_on": ("expiration à porter sur le serveur ODA", _day),
    "replaced_code": ("le code précédent n'est pas rétabli", _as_is),
    "new_key_confirmed": ("nouvelle clé confirmée", _as_is),
    "method": ("connecté par", _one_of(SignInMethod)),
    "handed_on": ("code remis le", _day),
    "report": ("signalement n°", _as_is),
    "change": ("ce qui change", _one_of(Change)),
    "effective_on": ("à partir du", _day),
    "settlement": ("suite donnée", _one_of(Settlement)),
    "revoke_on": ("révocation prévue le", _day),
    "reports": ("signalement réglé n°", _as_is),
    "name_changed": ("nom ou prénom corrigé", _as_is),
    "mail_changed": ("adresse corrigée", _as_is),
    "reason": ("raison", _as_is),
    "removal": ("retrait", _one_of(RemovalKind)),
    "last_day": ("dernier jour de l'année", _day),
    "renews": ("renouvelle la demande", _as_is),
    "chef_changed": ("le chef d'établissement a changé", _as_is),
    "transmitted": ("transmis à la DRANE", lambda value: DRANE_MOVEMENTS.get(DraneStanding(str(value)), str(value))),
    "transmitted_on": ("transmis le", _day),
    "asked_how": ("demandé par l'établissement", _one_of(RequestedBy)),
    "asked_on": ("demandé le", _day),
}
"""Label and format of each key, in the order of a sentence; the journal's own order is alphabetical."""

_LABELS_OF_TRIGGER: Final[dict[tuple[Trigger, str], tuple[str, Formatter]]] = {
    (Trigger.REISSUE_CODE, "reason"): ("raison", _one_of(ReissueReason)),
    (Trigger.DRAW_CODE, "reason"): ("raison", _one_of(ReissueReason)),
    (Trigger.WITHDRAW, "reason"): ("raison", _one_of(WithdrawReason)),
    (Trigger.REVOKE, "reason"): ("raison", _one_of(RevokeReason)),
    (Trigger.CONFIRM_REMOVAL, "outcome"): ("retrait", _one_of(RemovalOutcome)),
    (Trigger.REOPEN_REMOVAL, "outcome"): ("avait été confirmé", _one_of(RemovalOutcome)),
}

_RANKS: Final = {key: rank for rank, key in enumerate(_LABELS)}

NOTE_LABELS: Final[dict[str, str]] = {
    "chef_before": "chef d'établissement précédent", "chef_after": "nouveau chef d'établissement",
    "why": "raison", "note": "précision", "source": "source", "asked_by": "demandé par",
    "question": "question", "answer": "réponse",
}  # fmt: skip
"""The label of each free text beside an event."""


def event_details(trigger: Trigger, data: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    """The data as (label, value), in French; unknown values and what was not the case are left out."""
    details = []
    for key in sorted(data, key=lambda key: _RANKS.get(key, len(_RANKS))):
        value = data[key]
        if value is None or value is False:
            continue
        label, format_value = _LABELS_OF_TRIGGER.get((trigger, key)) or _LABELS.get(key) or (key, _as_is)
        details.append((label, format_value(value)))
    return tuple(details)


def has_label(key: str) -> bool:
    """Return True when a key of an event's data has its French label."""
    return key in _LABELS


def _event(row: Any, bodies: Mapping[tuple[int, str], str], scope: Actor) -> EventView:
    content, trigger, role = json.loads(row.canonical), Trigger(row.kind), Role(row.role)
    hidden = _OF_THE_RECTORAT.get(trigger, set()) if scope.is_establishment else set()
    return EventView(
        seq=row.seq,
        trigger=trigger,
        source=State(row.from_state) if row.from_state else None,
        target=State(row.to_state),
        actor=scope.name_of(role, row.label or f"n° {row.actor}, {role.label}"),  # a label tells the role
        role=role,
        channel=Channel(content["channel"]),
        at=row.at,
        data={key: value for key, value in content["data"].items() if key not in hidden},
        notes=tuple(
            NoteView(field, bodies.get((row.seq, field))) for field in sorted(content["notes"]) if field not in hidden
        ),
    )


def _without_hidden_key(connection: Connection, request: Request, scope: Actor) -> Request:
    """The request without the reference of a key that a chef may not know of (R3)."""
    if not request.extends or not scope.is_establishment:
        return request
    uai = connection.execute(select(REQUEST.c.uai).where(REQUEST.c.reference == request.extends)).scalar()
    return request if uai and scope.can_see(uai) else request.with_(extends=None)


def _removal(
    connection: Connection, facts: Facts, request: Request, scope: Actor, policy: Policy, history: Sequence[EventView]
) -> RemovalView | None:
    row: Any = connection.execute(select(REMOVAL).where(REMOVAL.c.reference == request.reference)).one_or_none()
    if row is None:
        return None
    removal, timezone, todo, sentence = removal_from(row), policy.calendar.timezone, None, ""
    if removal.outcome and scope.is_establishment:
        visible = (other for other in facts.others if scope.can_see(other.uai))
        sentence = done_for_chef(removal.outcome, row.closed_at, visible, timezone)
    elif removal.outcome:
        by = next((event.actor for event in reversed(history) if event.trigger is Trigger.CONFIRM_REMOVAL), "")
        sentence = done(removal.outcome, row.closed_at, by, timezone)
    elif not scope.is_establishment:
        todo = removal_todo(request, facts, policy)
    return RemovalView(
        kind=removal.kind, outcome=None if scope.is_establishment else removal.outcome, opened_at=row.opened_at,
        closed_at=row.closed_at, todo=todo, done=sentence,
    )  # fmt: skip
