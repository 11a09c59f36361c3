"""The counts of the académie as its journal gives them: one establishment's events played again (R99). Pure.

A figure at a date is what the events up to the end of that day say, whatever has happened since. What is late is what
the worklist and the digest say is late (R80), by the delays of the settings.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from notifications.vocabulary import CODE_KINDS, Kind
from states.model import Policy
from states.vocabulary import State, Trigger

VERSION: Final = 1
"""Of the rules below: the journal is counted anew when it changes."""

STATES: Final = tuple(state.value for state in State)

COUNTS: Final = (
    *STATES, "handed_over", "extended", "undeliverable", "handovers", "late_checks", "late_steps", "late_handovers",
    "keys", "renewed", "establishments", "key_establishments",
)  # fmt: skip
"""The columns of ``daily_figure``; see ``workflow.figures.account`` for what people read."""

MAIL_DEAD, MAIL_RETRIED, MAIL_DISCARDED = "mail_dead", "mail_retried", "mail_discarded"

MAIL_EVENTS: Final = (MAIL_DEAD, MAIL_RETRIED, MAIL_DISCARDED)
"""The events of the installation's chain that tell of a code that did not arrive, or that leaves again (R58)."""

WITH_DATA: Final = (Trigger.RENEW.value, Trigger.ISSUE_CODE.value, Trigger.CONFIRM_HANDOVER.value)
"""The events of a request whose data count, besides what is read from their columns."""

_STEPS: Final = (State.DECLARED.value, State.DELEGATED.value, State.CHARTER_SIGNED.value)

Key = TypeVar("Key")


@dataclass(frozen=True, kw_only=True)
class CountingRules:
    """The rules of the counts besides the journal: the académie's days, and the delays after which it is late.

    ``checks``, ``steps``, ``handovers``: days after which a request waits for too long at the rectorat, at a step of
    the establishment's, for its hand-over; None where the settings give no delay.
    """

    timezone: ZoneInfo
    checks: int
    steps: int | None
    handovers: int | None

    @classmethod
    def of(cls, policy: Policy, expected_days: int) -> "CountingRules":
        """The rules under the settings; ``expected_days`` is ``handling.expected_days``."""
        stalled, handover = policy.timetable.stalled, policy.timetable.handover
        return cls(
            timezone=policy.calendar.timezone, checks=expected_days, steps=stalled[-1] if stalled else None,
            handovers=handover[-1] if handover else None,
        )  # fmt: skip

    def __str__(self) -> str:
        """All of them, to tell when the journal has to be counted anew."""
        return f"{VERSION}; {self.timezone}; {self.checks}; {self.steps}; {self.handovers}"


class CountedEvent(NamedTuple):
    """An event as counting needs it, of the request ``reference``; ``data`` where the counts depend on it."""

    at: datetime
    reference: str
    seq: int
    kind: str
    to_state: str | None
    data: Mapping[str, Any]


class Delta(NamedTuple):
    """A change of a count: ``cause`` is the instant of the event, ``day`` the one from whose end on it counts."""

    cause: datetime
    school_year: str
    day: date
    name: str
    number: int


class FirstHandover(NamedTuple):
    """A request handed over for the first time: known on ``day``, so many ``days`` after its declaration."""

    cause: datetime
    school_year: str
    day: date
    days: int


@dataclass
class _Trace:
    """One request, as far as its events have been played."""

    school_year: str
    state: str = ""
    since: date = date.min
    declared_on: date = date.min
    has_key: bool = False
    is_extended: bool = False
    is_handed_over: bool = False
    was_handed_over: bool = False
    is_undeliverable: bool = False
    is_reissued: bool = False
    is_renewed: bool = False
    has_expired: bool = False
    due: tuple[str, date] | None = None
    """What it would be late for, and the first day on which it would be; ``late_from``: the day from which it is."""
    late_from: date = date.min

    @property
    def is_live(self) -> bool:
        return self.state not in ("", State.REVOKED.value)

    def counted(self) -> frozenset[str]:
        """The counts in which the request is now, those of what is late left out."""
        names = {self.state} - {""}
        if self.state == State.CODE_ISSUED.value:
            flags = (("handed_over", self.is_handed_over), ("extended", self.is_extended))
            names |= {name for name, is_so in (*flags, ("undeliverable", self.is_undeliverable)) if is_so}
        if self.was_handed_over:
            names.add("handovers")
        if self.has_key and (self.is_live or self.has_expired):
            names |= {"keys", "renewed"} if self.is_renewed else {"keys"}
        return frozenset(names)

    def waits(self, rules: CountingRules) -> tuple[str, int] | None:
        """Return what the request waits for that may come late, and the days that it may take."""
        if self.state == State.REQUESTED.value:
            return "late_checks", rules.checks
        if self.state in _STEPS and rules.steps is not None:
            return "late_steps", rules.steps
        is_awaited = not (self.is_handed_over or self.is_extended)
        if self.state == State.CODE_ISSUED.value and is_awaited and rules.handovers is not None:
            return "late_handovers", rules.handovers
        return None


@dataclass
class Replay:
    """Plays the events of one establishment; collects each change of a count, and each first hand-over."""

    rules: CountingRules
    deltas: list[Delta] = field(default_factory=list)
    handovers: list[FirstHandover] = field(default_factory=list)
    _traces: dict[str, _Trace] = field(default_factory=dict)
    _live: Counter[str] = field(default_factory=Counter)
    _with_key: Counter[str] = field(default_factory=Counter)

    def play(self, years: Mapping[str, str], events: Iterable[CountedEvent]) -> None:
        """Play all events of the establishment, in any order; ``years``: the school year of each of its requests."""
        self._traces = {reference: _Trace(year) for reference, year in years.items()}
        for event in in_order(events):
            self._play(event)

    def _play(self, event: CountedEvent) -> None:
        trace = self._traces[event.reference]
        day = event.at.astimezone(self.rules.timezone).date()
        if event.kind == Trigger.RENEW.value:
            self._renew(event, trace, day)
        with_key, before, was_live = self._is_with_key(trace), trace.counted(), trace.is_live
        if event.kind in MAIL_EVENTS:
            # A code's mail that died, was given up, or leaves again; that of a code since replaced tells nothing.
            is_replaced = event.data.get("mail_kind") == Kind.CODE_ISSUED.value and trace.is_reissued
            if not (trace.is_handed_over or trace.is_extended or is_replaced):
                trace.is_undeliverable = event.kind != MAIL_RETRIED
        else:
            self._play_step(event, trace, day)
        self._note(event.at, trace.school_year, day, before, trace.counted())
        self._note_late(event.at, trace, day)
        self._note_establishment(event.at, trace, day, "establishments", self._live, trace.is_live - was_live)
        change = self._is_with_key(trace) - with_key
        self._note_establishment(event.at, trace, day, "key_establishments", self._with_key, change)

    def _play_step(self, event: CountedEvent, trace: _Trace, day: date) -> None:
        if trace.state == "":
            trace.declared_on = day
        if event.to_state and event.to_state != trace.state:
            trace.state, trace.since = event.to_state, day
        match event.kind:
            case Trigger.ISSUE_CODE.value:
                trace.is_extended = bool(event.data.get("extends") or event.data.get("key_elsewhere"))
                trace.has_key, trace.is_handed_over, trace.is_undeliverable = True, False, False
                trace.is_reissued = False
            case Trigger.REISSUE_CODE.value:
                trace.is_extended = trace.is_handed_over = trace.is_undeliverable = False
                trace.is_reissued = True
            case Trigger.TAKE_BACK_CODE.value:  # the code before it, if there was one, is erased too (R62)
                trace.has_key = trace.is_undeliverable = event.to_state == State.CODE_ISSUED.value
                trace.is_handed_over = trace.is_extended = False
            case Trigger.CONFIRM_HANDOVER.value:
                trace.is_handed_over, trace.is_undeliverable = True, False
                if not trace.was_handed_over:
                    trace.was_handed_over = True
                    handed_on = date.fromisoformat(event.data["handed_on"]) if event.data.get("handed_on") else day
                    days = max(0, (handed_on - trace.declared_on).days)
                    self.handovers.append(FirstHandover(event.at, trace.school_year, day, days))
            case Trigger.EXPIRE.value:
                trace.has_expired = True

    def _renew(self, event: CountedEvent, trace: _Trace, day: date) -> None:
        """The request that this one renews, when it is of an earlier year (R33)."""
        former = self._traces.get(str(event.data.get("renews")))
        if former is None or former.school_year >= trace.school_year:
            return
        before = former.counted()
        former.is_renewed = True
        self._note(event.at, former.school_year, day, before, former.counted())

    def _note(
        self, cause: datetime, school_year: str, day: date, before: frozenset[str], after: frozenset[str]
    ) -> None:  # fmt: skip
        for name in sorted(before ^ after):
            self.deltas.append(Delta(cause, school_year, day, name, 1 if name in after else -1))

    def _note_late(self, cause: datetime, trace: _Trace, day: date) -> None:
        """Say from which day on the request is late, which no event will tell, and take back what was said before."""
        waits = trace.waits(self.rules)
        due = (waits[0], trace.since + timedelta(days=waits[1] + 1)) if waits else None
        if trace.due == due:
            return
        if trace.due:
            late_from = max(day, trace.late_from)
            self.deltas.append(Delta(cause, trace.school_year, late_from, trace.due[0], -1))
        trace.due = due
        if due:
            trace.late_from = max(day, due[1])
            self.deltas.append(Delta(cause, trace.school_year, trace.late_from, due[0], 1))

    def _note_establishment(
        self, cause: datetime, trace: _Trace, day: date, name: str, counter: Counter[str], change: int
    ) -> None:  # fmt: skip
        """The establishment itself counts once, however many of its requests do."""
        if not change:
            return
        counter[trace.school_year] += change
        if counter[trace.school_year] == (1 if change > 0 else 0):
            self.deltas.append(Delta(cause, trace.school_year, day, name, change))

    @staticmethod
    def _is_with_key(trace: _Trace) -> bool:
        return trace.state == State.CODE_ISSUED.value and not trace.is_undeliverable


def in_order(events: Iterable[CountedEvent]) -> Iterator[CountedEvent]:
    """The events by time; a request's own always in the order of its chain, whatever the clock showed (R52).

    An event whose clock had gone back counts at the instant of the one before it.
    """
    latest: dict[str, datetime] = {}
    timed: list[tuple[datetime, bool, int, int, CountedEvent]] = []
    for rank, event in enumerate(sorted(events, key=itemgetter(1, 2))):
        is_of_mail = event.kind in MAIL_EVENTS
        if not is_of_mail:
            event = event._replace(at=max(event.at, latest.get(event.reference, event.at)))
            latest[event.reference] = event.at
        timed.append((event.at, is_of_mail, event.seq if is_of_mail else 0, rank, event))
    timed.sort(key=itemgetter(0, 1, 2, 3))
    return (entry[-1] for entry in timed)


def data_of(canonical: str | None) -> Mapping[str, Any]:
    """The data of an event from its canonical text; none when the text was not asked for."""
    return json.loads(canonical)["data"] if canonical else {}


def is_of_code(data: Mapping[str, Any]) -> bool:
    """True for the data of an event about a mail that carries a request's code."""
    return bool(data.get("reference")) and data.get("mail_kind") in {kind.value for kind in CODE_KINDS}


def added(target: dict[Key, int], key: Key, number: int) -> None:
    """Add to a count, and forget it when nothing is left of it."""
    if total := target.get(key, 0) + number:
        target[key] = total
    else:
        target.pop(key, None)
