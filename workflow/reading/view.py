"""One request as it is shown: plain values, none of them a secret."""

from dataclasses import dataclass
from datetime import date, datetime

from states.facts import Check, Establishment, Report, Request
from states.refusals import Reason
from states.removal import RemovalTodo
from states.school_year import YearEnd
from states.vocabulary import CodeFate, RemovalKind, RemovalOutcome
from workflow.reading.actions import PossibleAction
from workflow.reading.history import EventView
from workflow.reading.next_step import NextStep


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
    """The removal of rights (R47). ``todo`` is what is to be done today (R48): None once confirmed, and for a chef,
    to whom ``outcome`` is not told either. ``done``: once confirmed, what was done, when, by whom, as he may know it.
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
class RequestView:
    """All that somebody may see of a request; ``others`` are the person's other live requests that he may see (R19)."""

    request: Request
    establishment: Establishment
    created_at: datetime
    changed_at: datetime
    year_end: YearEnd
    listing: CheckView
    delegation: CheckView
    code_fate: CodeFate
    reports: tuple[Report, ...]
    removal: RemovalView | None
    others: tuple[Request, ...]
    history: tuple[EventView, ...]
    actions: tuple[PossibleAction, ...]
    next_step: NextStep | None

    @property
    def key_date(self) -> date:
        """The last day that the key must bear on the ODA server: the school year's end (R43)."""
        return self.year_end.last_day

    @property
    def expiry_differs(self) -> bool:
        """Whether the year's end has moved since the day of a key in use was recorded (R43)."""
        return self.request.is_live and self.request.has_key and self.request.expiry_seen_for != self.key_date
