"""The oracle: what each tick must have done, and the whole at the end, from the rules' text and what was done."""

from collections import defaultdict
from datetime import datetime, timedelta

from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.brakes import SILENCE, Brake
from tests.acceptance.simulation.digest_due import Digests
from tests.acceptance.simulation.mails import Letter
from tests.acceptance.simulation.notices_due import Invitations, Notices
from tests.acceptance.simulation.record import Life, Record
from tests.acceptance.simulation.reminders_due import Reminders

A_DAY = timedelta(hours=24)
"""For how long nothing that cannot be undone is done after a long silence (R52)."""

OF_THE_END = ("brake_alert", "year_end", "year_end_report")

Bag = dict[str, list[Letter]]


class Oracle:
    """Judges tick after tick; ``ended`` tells of each request that the schedule revoked."""

    def __init__(self, place: Place, record: Record, born: datetime) -> None:
        self.record = record
        self.brake = Brake(born)
        self.notices, self.invitations = Notices(place, record), Invitations(place, record)
        self.reminders, self.digests = Reminders(place, record), Digests(place, record)
        self.holds: list[tuple[datetime, int]] = []
        self._doubted_since: datetime | None = None
        self.swept: dict[int, int] = defaultdict(int)
        self.settings(place)

    def settings(self, place: Place) -> None:
        """The service now runs under these settings."""
        self.place = place
        for judge in (self.notices, self.invitations, self.reminders, self.digests):
            judge.place = place

    def ends(self, now: datetime) -> dict[int, datetime]:
        """The ends to watch: of the years that are open or have live requests, and those foreseen and not over."""
        years = {*self.record.years(), *self.place.open_years(now), *self.brake.watched(now)}
        return {year: self.place.end(year) for year in years}

    def tick(
        self, now: datetime, letters: list[Letter], delivered: datetime, *, off: bool = False
    ) -> tuple[list[Life], list[str]]:
        """What the schedule must have revoked at ``now``, and what is wrong with what this tick wrote.

        ``off``: a machine is known to be stopped by its clock.
        """
        bag: Bag = defaultdict(list)
        for letter in letters:
            bag[letter.kind].append(letter)
        if now - self.brake.last_alive > SILENCE:
            self._doubted_since = now
        is_doubted = self._doubted_since is not None and now - self._doubted_since < A_DAY
        verdict = self.brake.look(now, self.ends(now))
        gone = [life for year in verdict.run for life in self.record.of_year(year)]
        wrong = self._sweep_letters(now, gone, bag) + self._alerts(now, verdict.held_years, bag)
        for life in gone:
            self.record.expire(life, now)
        self.holds += [(now, year) for year in verdict.held_years]
        if is_doubted:
            return gone, wrong + self.idle(now, [letter for letter in letters if letter.kind not in OF_THE_END])
        wrong += self.notices.judge(now, bag["year_end_notice"])
        wrong += self.reminders.judge(now, bag["stalled_reminder"] + bag["handover_reminder"], delivered)
        wrong += self.invitations.judge(now, bag["renewal_invitation"])
        wrong += self.digests.judge(now, bag["late_digest"], end_is_held=bool(self.waiting(now)), off=off)
        return gone, wrong

    def idle(self, now: datetime, letters: list[Letter]) -> list[str]:
        """Between ticks, or on a machine whose clock is off, the software writes nothing of its own accord (R82)."""
        return [
            f"{letter.kind} to {letter.uai} at {now} by nobody" for letter in letters if letter.kind != "clock_alert"
        ]

    def leap(self, now: datetime, letters: list[Letter]) -> list[str]:
        """Under a clock that leaps the software says so, and does nothing else that cannot be undone (R52)."""
        return self.idle(now, [letter for letter in letters if letter.kind != "brake_alert"])

    def waiting(self, now: datetime) -> list[int]:
        """The years that the brake holds."""
        return self.brake.waiting(now, self.ends(now))

    def confirm(self, now: datetime, year: int, letters: list[Letter]) -> tuple[list[Life], list[str]]:
        """An operator lets a held year run, and it runs at once."""
        self.brake.confirm(year)
        bag: Bag = defaultdict(list)
        for letter in letters:
            bag[letter.kind].append(letter)
        gone = self.record.of_year(year)
        wrong = self._sweep_letters(now, gone, bag)
        for life in gone:
            self.record.expire(life, now)
        return gone, wrong

    def _sweep_letters(self, now: datetime, gone: list[Life], bag: Bag) -> list[str]:
        """One mail for each establishment of each ended year, naming its RUPN; one report to the operators (R54)."""
        named: dict[tuple[str, int], list[str]] = defaultdict(list)
        for life in gone:
            named[life.uai, life.year].append(life.reference)
            self.swept[life.year] += 1
        want = sorted((uai, tuple(sorted(references))) for (uai, _), references in named.items())
        got = sorted((letter.uai or "", letter.named) for letter in bag["year_end"])
        wrong = [] if want == got else [f"mails of the year's end at {now}: {got} instead of {want}"]
        years = sorted((year, self.swept[year]) for year in {life.year for life in gone})
        reports = sorted(
            (int(letter.facts["year"]["label"][:4]), letter.facts["revoked"]) for letter in bag["year_end_report"]
        )
        return wrong + ([] if years == reports else [f"reports at {now}: {reports} instead of {years}"])

    def _alerts(self, now: datetime, years: list[int], bag: Bag) -> list[str]:
        """One alert for each end newly held; of a year without a live request there may be none (R52)."""
        alerts = sorted(int(letter.facts["year"]["label"][:4]) for letter in bag["brake_alert"])
        must = {year for year in years if self.record.of_year(year)}
        if len(set(alerts)) == len(alerts) and must <= set(alerts) <= set(years):
            return []
        return [f"alerts at {now}: {alerts} instead of {sorted(years)}"]
