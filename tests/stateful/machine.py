"""Hypothesis drives the software and the model side by side, and compares them after every step."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from states import commands as c
from states.decision import Refused
from states.model import OnBehalf
from states.school_calendar import SchoolYear
from states.vocabulary import Change, RequestedBy, Role, Settlement, SignInMethod, Trigger
from tests.kit.databases import fresh_url
from tests.kit.folders import swift_folder
from tests.kit.system import ACTORS, SCHOOLS, System
from tests.stateful.acceptance_rules import Verdicts
from tests.stateful.effects import Effects
from tests.stateful.model import HOLD, Model, ends_at, today
from tests.stateful.preview_announcements import announced, happened, is_held, stock
from tests.stateful.values import ENDINGS, NEXT, OPERATOR_TRIGGERS, PEOPLE, Values, days

START = datetime(2026, 6, 15, 9, tzinfo=UTC)
TRIGGERS = [t for t in Trigger if t not in (Trigger.DECLARE, Trigger.DRAW_CODE)]
"""A declaration has a rule of its own; codes are typed in these lives, those that are drawn have their own tests."""
BEHALF = OnBehalf(who="la secrétaire", how=RequestedBy.TELEPHONE, when="2026-06-15")


class Life(Values, RuleBasedStateMachine):
    """One installation and its people; ``backend`` is set by the test."""

    backend: ClassVar[str]

    @initialize(by_link=st.booleans())
    def begin(self, by_link: bool) -> None:
        """``by_link``: codes are read on their page, and leave by no mail (R112)."""
        self.stack = ExitStack()
        folder = self.stack.enter_context(swift_folder("oda-life-"))
        url = self.stack.enter_context(fresh_url(self.backend, folder))
        self.system = System(url, START, code_hold=HOLD, code_by_link=by_link)
        self.stack.callback(lambda: self.system.close())
        self.model = Model(START, by_link=by_link)
        self.expected: dict[str, Any] = {}

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        try:
            assert self.system.flaws() == []
            self.compare_preview()
        finally:
            self.stack.close()

    @property
    def now(self) -> datetime:
        return self.system.clock.now()

    # -- what people do ------------------------------------------------------------------------------------------

    @rule(data=st.data(), who=st.sampled_from(list(ACTORS)), uai=st.sampled_from(list(SCHOOLS)),
          person=st.sampled_from(PEOPLE), homonym=st.booleans(), behalf=st.booleans())  # fmt: skip
    def declare(self, data: Any, who: str, uai: str, person: tuple[str, str, str], homonym: bool, behalf: bool) -> None:
        year = data.draw(st.sampled_from([None, None, today(self.now).year - 1, today(self.now).year]))
        nom, prenom, mail = person
        self.act(who, c.Declare(
            uai=uai, nom=nom, prenom=prenom, mail=mail, school_year=SchoolYear(year) if year else None,
            homonym_confirmed=homonym, on_behalf=BEHALF if behalf else None,
        ))  # fmt: skip

    @rule(data=st.data(), trigger=st.sampled_from(TRIGGERS), who=st.sampled_from(list(ACTORS)), behalf=st.booleans())
    def any_trigger(self, data: Any, trigger: Trigger, who: str, behalf: bool) -> None:
        """Mostly refused: the wrong person or the wrong moment."""
        if self.model.requests:
            reference = data.draw(st.sampled_from(sorted(self.model.requests)))
            self.act(who, self.command(data, trigger, reference, behalf))

    @rule(data=st.data())
    def next_step(self, data: Any) -> None:
        """Mostly accepted: what this request waits for, by who may do it."""
        if self.model.requests:
            reference = data.draw(st.sampled_from(sorted(self.model.requests)))
            self.act_well(data, reference, data.draw(st.sampled_from(NEXT[self.model.requests[reference].state])))

    @rule(data=st.data(), person=st.sampled_from(PEOPLE), uai=st.sampled_from(["0310001H", "0310002J"]),
          steps=st.integers(4, 9), wait=st.sampled_from([0, 0, 30, 31]))  # fmt: skip
    def the_whole_way(self, data: Any, person: tuple[str, str, str], uai: str, steps: int, wait: int) -> None:
        """A declaration followed by what it waits for, as most requests live: far enough to have a code.

        ``wait`` days pass between the checks and the code, which may make them too old.
        """
        nom, prenom, mail = person
        known = set(self.model.requests)
        self.act("chef A" if uai == "0310001H" else "chef BC", c.Declare(uai=uai, nom=nom, prenom=prenom, mail=mail))
        born = set(self.model.requests) - known
        for reference in born:
            for _ in range(steps):
                trigger = self.waited_for(reference)
                self.pass_time(24 * wait if trigger is Trigger.ISSUE_CODE else 0)
                self.act_well(data, reference, trigger)
                if self.model.requests[reference].unread:
                    self.read_code(data, reference)

    def read_code(self, data: Any, reference: str) -> None:
        """Ask for a code during its hold or after, its announcement gone or not; then once more, when it is gone."""
        method = data.draw(st.sampled_from(SignInMethod))
        for minutes in data.draw(st.sampled_from([(0, 2, 0), (2, 0, 0), (2, 0, 24 * 60 * 31)])):
            self.system.clock.advance(minutes=minutes)
            if data.draw(st.booleans()):
                self.mails_leave()
            chef = "chef A" if self.model.requests[reference].uai == "0310001H" else "chef BC"
            self.act(chef, c.OpenCode(reference=reference, method=method))

    def waited_for(self, reference: str) -> Trigger:
        """The one step that brings a request nearer to its code, and then to its hand-over."""
        request = self.model.requests[reference]
        if request.state != "requested":
            return NEXT[request.state][0]
        checks = {Trigger.CHECK_LISTING: request.listing, Trigger.CHECK_DELEGATION: request.delegation}
        return next((trigger for trigger, check in checks.items() if check is None), Trigger.ISSUE_CODE)

    @rule(data=st.data(), trigger=st.sampled_from(ENDINGS))
    def an_ending(self, data: Any, trigger: Trigger) -> None:
        """What ends a request, or follows its end, by who may do it."""
        if self.model.requests:
            self.act_well(data, data.draw(st.sampled_from(sorted(self.model.requests))), trigger)

    def act_well(self, data: Any, reference: str, trigger: Trigger) -> None:
        chef = "chef A" if self.model.requests[reference].uai == "0310001H" else "chef BC"
        who = "opérateur" if trigger in OPERATOR_TRIGGERS else chef
        self.act(who, self.command(data, trigger, reference, False, good=True))

    def command(self, data: Any, trigger: Trigger, reference: str, behalf: bool, *, good: bool = False) -> c.Command:
        make = getattr(self, f"make_{trigger.value}")
        day = today(self.now) + timedelta(days=0 if good else data.draw(days))
        fields = make(data, reference, day, good)
        on_behalf = BEHALF if behalf else None
        return c.COMMANDS[trigger](reference=reference, on_behalf=on_behalf, **fields)  # type: ignore[call-arg]

    # -- time ----------------------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 20, 24 * 6, 24 * 30, 24 * 44, 24 * 60]))
    def time_passes(self, hours: int) -> None:
        """Let time pass."""
        self.pass_time(hours)

    def pass_time(self, hours: int) -> None:
        """Advance, no more than two years without a sign of life that is believed: then nobody could act (R52).

        After a long absence a clock is believed once the service has run for a day.
        """
        doubted = self.model.doubted_at
        if self.now - self.model.last_seen > timedelta(days=500) or (
            doubted and self.now - doubted > timedelta(days=60)
        ):
            self.tick()
            self.system.clock.advance(hours=25)
            self.tick()
        self.system.clock.advance(hours=hours)

    @rule()
    def the_eve(self) -> None:
        """Come close to the next 31 August, ticking on the way as a living service does: no gap holds the end (R52)."""
        end = next(ends_at(y) for y in range(2026, 2100) if ends_at(y - 0) > self.now)
        while end - self.now > timedelta(days=2):
            self.system.clock.advance(hours=min(24 * 44, (end - self.now - timedelta(days=1)).total_seconds() / 3600))
            self.tick()

    @rule(data=st.data(), hours=st.sampled_from([0, 3, 24 * 20]))
    def after_the_end_before_the_schedule(self, data: Any, hours: int) -> None:
        """People go on as before though the year has ended, and the schedule has not passed yet (R24)."""
        self.the_eve()
        end = next(ends_at(y) for y in range(2026, 2100) if ends_at(y) > self.now)
        self.system.clock.set(end + timedelta(hours=hours))
        for reference, request in sorted(self.model.requests.items()):
            if request.live:
                self.act_well(data, reference, self.waited_for(reference))

    @rule()
    def tick(self) -> None:
        self.system.tick()
        self.model.tick(self.now)

    @rule(year=st.integers(min_value=2025, max_value=2029))
    def confirm_held(self, year: int) -> None:
        known = self.model.ends.get(year)
        held_years = known is not None and known.held and not known.confirmed and self.now >= ends_at(year)
        assert self.system.confirm(year) is held_years
        if held_years and known:
            known.confirmed = True
            self.model.run(year)

    @rule()
    def restart(self) -> None:
        self.system.restart()

    @rule()
    def mails_leave(self) -> None:
        self.system.send_mails()
        for request in self.model.requests.values():
            request.sent = request.sent or request.sealed_at is not None

    # -- the comparison ------------------------------------------------------------------------------------------

    def act(self, who: str, command: c.Command) -> None:
        role, name, uais = ACTORS[who]
        expected = Verdicts(self.model, self.now).accepts(command, role.value, uais)
        result = self.system.do(command, self.system.actors[who])
        accepted = not isinstance(result, Refused)
        assert accepted is expected, f"{who} : {command} : {result}"
        if isinstance(result, Refused):
            assert result.reasons
            return
        chef = name if role is Role.CHEF else ""
        Effects(self.model, self.now).apply(command, result.reference, chef)
        goes_on = self.model.requests.get(result.reference) if role is Role.OPERATOR and not command.on_behalf else None
        if goes_on and goes_on.question == "answered":  # an operator has read the answer
            goes_on.question = ""

    @invariant()
    def same_requests(self) -> None:
        if not hasattr(self, "system"):
            return
        stored = self.system.requests()
        assert {r: (row.state, row.version) for r, row in stored.items()} == {
            r: (m.state, m.version) for r, m in self.model.requests.items()
        }
        live = [(m.uai, m.year, m.mail) for m in self.model.requests.values() if m.live]
        assert len(live) == len(set(live))

    @rule(data=st.data(), settled=st.booleans(), wait=st.sampled_from([1, 3, 21, 40]))
    def a_revocation_on_a_day(self, data: Any, settled: bool, wait: int) -> None:
        """A departure announced, its revocation dated; then the service is down until its day, or for weeks after."""
        keys = [r for r, request in sorted(self.model.requests.items()) if request.state == "code_issued"]
        if not keys:
            return
        reference, day = data.draw(st.sampled_from(keys)), today(self.now) + timedelta(days=1)
        self.act("opérateur", c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=day))
        self.act("opérateur", c.SettleChange(
            reference=reference, settlement=Settlement.REVOCATION_DATED, why="le jour dit", revoke_on=day,
        ))  # fmt: skip
        if settled:
            self.act("opérateur", c.SettleChange(reference=reference, settlement=Settlement.NO_EFFECT, why="il reste"))
        self.tick()
        self.system.clock.advance(days=wait)
        self.tick()
        self.tick()

    @invariant()
    def same_reports(self) -> None:
        if not hasattr(self, "system"):
            return
        stored = {(row.reference, row.number): (row.settlement, row.revoke_on) for row in self.system.reports()}
        assert stored == {
            (r, number): (report.settlement, report.day)
            for r, m in self.model.requests.items()
            for number, report in enumerate(m.reports, 1)
        }

    @invariant()
    def same_consequences(self) -> None:
        if not hasattr(self, "system"):
            return
        removals = {r: row.outcome or row.kind for r, row in self.system.removals().items()}
        assert removals == {r: m.removal for r, m in self.model.requests.items() if m.removal}
        assert self.system.sealed() == {r for r, m in self.model.requests.items() if m.sealed_at}
        assert self.system.leaks() == []
        counts = self.system.event_counts()
        assert all(counts[r] == m.version for r, m in self.model.requests.items())

    def compare_preview(self) -> None:
        """What is announced for the end of the running year is what its run then writes (R53)."""
        end = next(ends_at(y) for y in range(2025, 2100) if ends_at(y) > self.now)
        self.the_eve()
        before = self.system.dump()
        expected = announced(self.system, end)
        assert self.system.dump() == before
        if is_held(self.system, end):
            return
        stored = stock(self.system)
        self.system.clock.set(end)
        self.tick()
        assert happened(self.system, stored) == expected
