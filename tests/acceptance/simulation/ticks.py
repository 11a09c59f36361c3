"""The ticks of the simulation: by which machines, with which clocks, and what the oracle says of each."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.disturbances import Fate
from tests.acceptance.simulation.machines import Machine, NodeMonitor
from tests.acceptance.simulation.mails import Letter, Mailbag
from tests.acceptance.simulation.oracle import Oracle
from tests.acceptance.simulation.people import Cast
from tests.acceptance.simulation.record import Life, Record


@dataclass
class Tally:
    """What happened, for the report and to show that the simulation met what it is for."""

    ticks: int = 0
    idle: int = 0
    together: int = 0
    letters: dict[str, int] = field(default_factory=dict)
    confirmed: list[int] = field(default_factory=list)
    seconds: float = 0


class Ticks:
    """The half of a story that ticks; what is wrong is raised at once, with the seed."""

    def __init__(
        self,
        machines: NodeMonitor,
        place: Place,
        seed: int,
        record: Record,
        cast: Cast,
        fate: Fate,
        draw: random.Random,
    ) -> None:
        self.machines, self.place, self.seed, self.record = machines, place, seed, record
        self.cast, self.fate, self.draw, self.tally = cast, fate, draw, Tally()
        self.start = self.delivered = machines.truth.now()
        self.oracle, self.bag = Oracle(place, record, self.start), Mailbag(machines.database)
        self._off_known = set[str]()

    def tick(self, at: datetime, *, leap: bool = False) -> None:
        """One tick, of one machine or of several, perhaps at once."""
        self.machines.truth.set(at)
        who = self._ticking(at, leap=leap)
        for machine in who:
            far = at.date() in self.fate.off and machine.name == "machine-b" and not leap
            machine.clock.offset = self._offset(far=far)
        self.tally.ticks += len(who)
        if len(who) > 1 and self.draw.random() < 0.5:
            self.tally.together += 1
            self.machines.together(who)
        else:
            for machine in who:
                machine.tick()
        letters = self.bag.new()
        for letter in letters:
            self.tally.letters[letter.kind] = self.tally.letters.get(letter.kind, 0) + 1
        self.wrong(self._clock_alerts(at, who, self._stopped(letters)))
        if leap:
            self.wrong(self.oracle.leap(at, letters))
            return
        if all(machine.is_off for machine in who):
            self.tally.idle += 1
            self.wrong(self.oracle.idle(at, letters))
            return
        gone, wrong = self.oracle.tick(at, letters, self.delivered, off=bool(self._off_known))
        self.gone(gone, at, wrong)

    def _stopped(self, letters: list[Letter]) -> list[str]:
        """The machines that an alert says are stopped by a clock that differs from the database's."""
        return [
            letter.facts["machine"] for letter in letters if letter.kind == "clock_alert" and not letter.facts["why"]
        ]

    def _ticking(self, at: datetime, *, leap: bool) -> list[Machine]:
        machines = self.machines.all
        if len(machines) > 1 and any(first <= at < last for first, last in self.fate.alone):
            return machines[:1] if int(at.timestamp()) // 86_400 % 2 else machines[1:]
        if len(machines) > 1 and self.draw.random() < 0.25:
            return self.draw.sample(machines, 2)
        return [self.draw.choice(machines)]

    def _offset(self, *, far: bool) -> timedelta:
        if not self.machines.is_postgresql:
            return timedelta(0)
        sign = self.draw.choice((-1, 1))
        return sign * (timedelta(seconds=90) if far else timedelta(seconds=self.draw.uniform(0, 30)))

    def _clock_alerts(self, at: datetime, who: list[Machine], alerts: list[str]) -> list[str]:
        """One for each time that a machine begins to be off (R82)."""
        newly = sorted(machine.name for machine in who if machine.is_off and machine.name not in self._off_known)
        for machine in who:
            (self._off_known.add if machine.is_off else self._off_known.discard)(machine.name)
        return [] if sorted(alerts) == newly else [f"clock alerts at {at}: {alerts} instead of {newly}"]

    def gone(self, gone: list[Life], at: datetime, wrong: list[str]) -> None:
        """What the schedule revoked, held against what the database says is live."""
        today = at.astimezone(self.place.zoneinfo).date()
        for life in gone:
            self.cast.ended(life, today)
        self.wrong(wrong)
        live, expected = self.bag.live, {year: len(self.record.of_year(year)) for year in self.record.years()}
        if live != expected or (gone and self.bag.live_references() != set(self.record.live)):
            self.wrong([f"live requests at {at}: {live} instead of {expected}"])

    def wrong(self, wrong: list[str]) -> None:
        if wrong:
            rest = f"\n… and {len(wrong) - 20} more" if len(wrong) > 20 else ""
            raise AssertionError(f"ODA_SEED={self.seed} {self.fate.events}\n" + "\n".join(wrong[:20]) + rest)
