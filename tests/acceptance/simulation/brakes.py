"""When a year's end may run by itself (R50 to R52), told again from the rules' text."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

FORESEEN = timedelta(hours=24)
SILENCE = timedelta(days=45)


@dataclass
class Foreseen:
    """The end that was recorded for a year, since when, and what the brake and the operators made of it."""

    end: datetime
    since: datetime
    held: bool = False
    confirmed: bool = False


@dataclass
class Looked:
    """What a tick must do: the years whose requests are revoked, those newly held, those that may be alerted of."""

    run: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)


class Brake:
    """Follows every tick that may act."""

    def __init__(self, born: datetime) -> None:
        self.last_alive = born
        self.known: dict[int, Foreseen] = {}
        self.over: set[tuple[int, datetime]] = set()

    def look(self, now: datetime, ends: dict[int, datetime]) -> Looked:
        """A tick at ``now``; ``ends`` are the ends, under today's settings, of the years to watch."""
        found = Looked()
        for year, end in sorted(ends.items()):
            known = self.known.get(year)
            if now < end:
                if known is None or known.end != end or known.held:
                    self.known[year] = Foreseen(end, now)
            elif known is None or known.end != end:
                self._hold(found, year, end, now)
            elif known.confirmed or not known.held:
                early = known.since <= end - FORESEEN
                if known.confirmed or (early and abs(now - self.last_alive) <= SILENCE):
                    found.run.append(year)
                    self.over.add((year, end))
                else:
                    self._hold(found, year, end, now)
        self.last_alive = now
        return found

    def _hold(self, found: Looked, year: int, end: datetime, now: datetime) -> None:
        self.known[year] = Foreseen(end, now, held=True)
        found.held.append(year)

    def waiting(self, now: datetime, ends: dict[int, datetime]) -> list[int]:
        """The held years that an operator may confirm."""
        return [
            year for year, end in ends.items()
            if now >= end and (one := self.known.get(year)) and one.end == end and one.held and not one.confirmed
        ]  # fmt: skip

    def confirm(self, year: int) -> None:
        self.known[year].confirmed = True

    def watched(self, now: datetime) -> set[int]:
        """The years foreseen whose end has come, and that are not over."""
        return {year for year, one in self.known.items() if one.end <= now and (year, one.end) not in self.over}
