"""Case (input of a rule), Outcome, Decision, Refused, effects, and the event told to subscribers.

Beside them, what several steps check alike: bounded days, free texts, the establishment, the person's other requests.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar

from states import refusals
from states.commands import Code, Command
from states.model import Actor, Establishment, Facts, Policy, Report, Request, key_holders
from states.refusals import Reason
from states.school_calendar import YearEnd
from states.validation import text_problem
from states.vocabulary import RemovalKind, RemovalOutcome, Settlement, State, Trigger

C_co = TypeVar("C_co", bound=Command, covariant=True)

Scalar = str | int | bool | None

EARLIEST: Final = refusals.LONG_PAST
"""The first day that people may give."""


@dataclass(frozen=True)
class Case(Generic[C_co]):
    """Everything that a rule may look at. ``now`` is aware UTC."""

    facts: Facts
    command: C_co
    actor: Actor
    now: datetime
    policy: Policy

    @property
    def request(self) -> Request:
        """The request that the command is about. Raises LookupError for a declaration, which has none yet."""
        if self.facts.request is None:
            raise LookupError("a declaration has no request yet")
        return self.facts.request

    @property
    def today(self) -> date:
        return self.policy.calendar.today(self.now)

    @property
    def key_holders(self) -> list[Request]:
        """The person's other live requests that rely on the same key (R42)."""
        return key_holders(self.facts.others, one_key_a_person=self.policy.one_key_a_person)


@dataclass(frozen=True, slots=True)
class SealCode:
    """Encrypt this code and send it, at once or from ``leaves_at`` on (R60, R62)."""

    code: Code
    leaves_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DrawAndSeal:
    """Draw a code, and keep it encrypted: nobody is written to yet (R97)."""


@dataclass(frozen=True, slots=True)
class SendDrawn:
    """Send the code that was drawn, from ``leaves_at`` on (R62, R97)."""

    leaves_at: datetime


@dataclass(frozen=True, slots=True)
class EraseCode:
    """Erase the code, and cancel what of it has not left (R61, R62)."""


@dataclass(frozen=True, slots=True)
class OpenRemoval:
    kind: RemovalKind


@dataclass(frozen=True, slots=True)
class CloseRemoval:
    outcome: RemovalOutcome


@dataclass(frozen=True, slots=True)
class ReopenTask:
    """Undo ``CloseRemoval``: the task of this kind waits to be confirmed again (R49)."""

    kind: RemovalKind


@dataclass(frozen=True, slots=True)
class OpenReport:
    report: Report


@dataclass(frozen=True, slots=True)
class CloseReport:
    """``report`` as it was; ``revoke_on``: the day of a dated revocation (R46)."""

    report: Report
    settlement: Settlement
    revoke_on: date | None = None


Effect = (
    SealCode | DrawAndSeal | SendDrawn | EraseCode | OpenRemoval | CloseRemoval | ReopenTask | OpenReport | CloseReport
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A rule's answer to an accepted command.

    ``request`` is the request as it becomes (its version and state are set by ``decide``); ``data`` goes to the
    journal and holds no personal data; ``notes`` are free texts kept beside it (R64).
    """

    request: Request
    target: State
    data: dict[str, Scalar] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """An accepted command: one event, its target and its effects. ``source`` is None when a request is born."""

    trigger: Trigger
    source: State | None
    request: Request
    data: dict[str, Scalar]
    notes: dict[str, str]
    effects: tuple[Effect, ...] = ()
    warnings: tuple[Reason, ...] = ()

    @property
    def is_birth(self) -> bool:
        return self.trigger in (Trigger.DECLARE, Trigger.RENEW)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused command: all its reasons, and nothing changed (R7).

    ``reference``: of the request in which the same key had done something else before (R10); empty otherwise.
    """

    reasons: tuple[Reason, ...]
    reference: str = ""

    def __str__(self) -> str:
        return " ; ".join(str(reason) for reason in self.reasons)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestEvent:
    """An accepted decision as subscribers get it, in the transaction that writes it.

    ``decision.request`` is the request as it has become, with its final reference; ``before`` is None at a birth;
    ``others`` are the person's other live requests (empty for a sweep, which does not need them);
    ``seq`` is the number of the event in the request's stream, ``year_end`` the end of its school year.
    """

    decision: Decision
    before: Request | None
    establishment: Establishment
    actor: Actor
    at: datetime
    seq: int
    year_end: YearEnd
    others: tuple[Request, ...] = ()

    @property
    def request(self) -> Request:
        return self.decision.request


def day_problems(field: str, label: str, rule: str, day: date, *, after: date | None = None,
                 before: date | None = None) -> Iterator[Reason]:  # fmt: skip
    """Refuse a day outside its bounds, both included."""
    if (after and day < after) or (before and day > before):
        yield refusals.date_out_of_bounds(field, label, rule, after, before)


def text_problems(field: str, label: str, rule: str, text: str, *, required: bool = True) -> Iterator[Reason]:
    """Refuse a free text that is empty, too long or unreadable."""
    if problem := text_problem(text, required=required):
        yield refusals.bad_field(field, label, problem, rule)


def note_problems(rule: str, note: str, *, required: bool = False) -> Iterator[Reason]:
    """The note beside a reason; some reasons, as « autre raison », say nothing without it (R30, R45)."""
    label = "La précision, nécessaire avec cette raison," if required else "La précision"
    yield from text_problems("note", label, rule, note, required=required)


def establishment_problems(case: Case[Any]) -> Iterator[Reason]:
    """Refuse an establishment that is unknown, closed or without a mailbox (R12, R13, R15)."""
    establishment = case.facts.establishment
    if establishment is None:
        yield refusals.unknown_establishment(case.facts.request.uai if case.facts.request else "", None)
        return
    if not establishment.is_open:
        yield refusals.closed_establishment(establishment.nom)
    if not establishment.mailbox:
        yield refusals.no_mailbox(establishment.nom)


def other_request_warnings(case: Case[Any], request: Request) -> Iterator[Reason]:
    """Warn of the person's other live requests (R19).

    A chef is told nothing of another school, of nobody whom the name alone presumes to be the same, and nothing of the
    year before or after of the very request: it runs to its end while the next one is made ready (R33).
    """
    is_chef = case.actor.is_establishment
    for other in case.facts.others:
        by_mail = other.folded_mail == request.folded_mail
        is_renewal = request.uai == other.uai and (
            request.renews == other.reference or other.renews == request.reference
        )
        if not other.is_live or other.reference == request.reference or (is_chef and is_renewal):
            continue
        if by_mail or (not is_chef and other.person == request.person):
            hidden = is_chef and other.uai not in case.actor.establishments
            yield refusals.other_request_elsewhere() if hidden else refusals.other_request(other, by_mail=by_mail)
