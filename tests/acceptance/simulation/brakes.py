"""When a year's end may run by itself (R50 to R52), told again from the rules' text."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

FORESEEN = timedelta(hours=24)
SILENCE = timedelta(days=45)


@dataclass
class ForeseenEnd:
    """The end that was recorded for a year, since when, and what the brake and the operators made of it."""

    end: datetime
    since: datetime
    is_held: bool = False
    is_confirmed: bool = False


@dataclass
class Verdict:
    """What a tick must do: the years whose requests are revoked, those newly held, those that may be alerted of."""

    run: list[int] = field(default_factory=list)
    held_years: list[int] = field(default_factory=list)


class Brake:
    """Follows every tick that may act."""

    def __init__(self, born: datetime) -> None:
        self.last_alive = born
        self.known: dict[int, ForeseenEnd] = {}
        self.over: set[tuple[int, datetime]] = set()

    def look(self, now: datetime, ends: dict[int, datetime]) -> Verdict:
        """A tick at ``now``; ``ends`` are the ends, under today's settings, of the years to watch."""
        verdict = Verdict()
        for year, end in sorted(ends.items()):
            known = self.known.get(year)
            if now < end:
                if known is None or known.end != end or known.is_held:
                    self.known[year] = ForeseenEnd(end, now)
            elif known is None or known.end != end:
                self._hold(verdict, year, end, now)
            elif known.is_confirmed or not known.is_held:
                early = known.since <= end - FORESEEN
                if known.is_confirmed or (early and abs(now - self.last_alive) <= SILENCE):
                    verdict.run.append(year)
                    self.over.add((year, end))
                else:
                    self._hold(verdict, year, end, now)
        self.last_alive = now
        return verdict

    def _hold(self, verdict: Verdict, year: int, end: datetime, now: datetime) -> None:
        self.known[year] = ForeseenEnd(end, now, is_held=True)
        verdict.held_years.append(year)

    def waiting(self, now: datetime, ends: dict[int, datetime]) -> list[int]:
        """The held years that an operator may confirm."""
        return [
            year for year, end in ends.items()
            if now >= end and (foreseen := self.known.get(year)) and foreseen.end == end
            and foreseen.is_held and not foreseen.is_confirmed
        ]  # fmt: skip

    def confirm(self, year: int) -> None:
        self.known[year].is_confirmed = True

    def watched(self, now: datetime) -> set[int]:
        """The years foreseen whose end has come, and that are not over."""
        return {
            year
            for year, foreseen in self.known.items()
            if foreseen.end <= now and (year, foreseen.end) not in self.over
        }
