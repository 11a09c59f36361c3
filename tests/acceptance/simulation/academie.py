"""The simulated académie: its settings as an académie writes them, and what the oracle must know of them."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from tests.acceptance.simulation.calendars import DAY, GIVEN_CALENDARS, Almanac, Period, almanac

_CONFIG = """\
academie:
  nom: Simulée
  code: 16
  zone: {zone}
  departements: [{departements}]
timezone: {timezone}
database:
  url: "{url}"
people:
  operators: [op@ac-toulouse.fr]
campaign:
  invite_on: {invite_on}
school_year:
  end: {rule}
  rentree_dates: {{{rentrees}}}
  end_dates: {{{ends}}}
  notices: {notices}
holidays:
  school: {{{holidays}}}
  days_off: [{days_off}]
reminders:
  stalled_after_days: {stalled}
  handover_after_days: {handover}
mail:
  sender: ODA <oda@ac-toulouse.fr>
  operators_mailbox: oda@ac-toulouse.fr
  signature: Clés ODA
  contact: 05 00 00 00 00
  relay:
    host: localhost
    security: none
"""


def label(year: int) -> str:
    """``2026-2027``, from the year in which it begins."""
    return f"{year}-{year + 1}"


def _periods(periods: tuple[Period, ...]) -> str:
    return ", ".join(f"{{first: {first}, last: {last}}}" for first, last in periods)


@dataclass(frozen=True, kw_only=True)
class Place:
    """An académie. ``ends`` are imposed last days; ``given_years`` the years whose holidays its settings give."""

    zone: str | None = "C"
    calendar: str | None = "C"
    given_years: tuple[int, ...] = ()
    departements: tuple[str, ...] = ("31", "82")
    timezone: str = "Europe/Paris"
    public: tuple[tuple[int, int], ...] = ()
    days_off: frozenset[date] = frozenset()
    rule: str = "eve_of_rentree"
    rentrees: dict[int, date] = field(default_factory=lambda: {2026: date(2026, 9, 1), 2027: date(2027, 9, 1)})
    ends: dict[int, date] = field(default_factory=dict)
    notices: tuple[int, ...] = (30, 7)
    stalled: tuple[int, ...] = (7, 14, 30)
    handover: tuple[int, ...] = (5, 12, 25)
    invite_on: tuple[int, int] | None = None

    def config(self, url: str) -> str:
        """The settings' file."""
        holidays = [
            f"{label(year)}: [{_periods(GIVEN_CALENDARS[self.calendar or ''][year])}]" for year in self.given_years
        ]
        invite_on = '"{:02d}-{:02d}"'.format(*self.invite_on) if self.invite_on else "null"
        rule = self.rule if self.rule == "eve_of_rentree" else f'"{self.rule}"'
        return _CONFIG.format(
            zone=self.zone or "null", departements=", ".join(f'"{code}"' for code in self.departements),
            timezone=self.timezone, url=url, rule=rule, invite_on=invite_on,
            rentrees=", ".join(f"{label(year)}: {day}" for year, day in self.rentrees.items()),
            ends=", ".join(f"{label(year)}: {day}" for year, day in self.ends.items()),
            notices=list(self.notices), holidays=", ".join(holidays), stalled=list(self.stalled),
            days_off=", ".join(str(day) for day in sorted(self.days_off)), handover=list(self.handover),
        )  # fmt: skip

    def with_(self, **changes: Any) -> "Place":
        """The same under other settings."""
        return replace(self, **changes)

    @property
    def zoneinfo(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def almanac(self) -> Almanac:
        return almanac(self.zone, self.calendar, self.given_years, *self.public, off=self.days_off)

    def last_day(self, year: int) -> date:
        """The last day of a school year (R22): imposed, fixed, the eve of the next return, else 31 August."""
        if year in self.ends:
            return self.ends[year]
        if self.rule != "eve_of_rentree":
            return date.fromisoformat(f"{year + 1}-{self.rule}")
        return self.rentrees[year + 1] - DAY if year + 1 in self.rentrees else date(year + 1, 8, 31)

    def invited_on(self, year: int) -> list[date]:
        """From which days the schools are invited to renew for a year (R81): the campaign's, then the return's."""
        first = date(year, *self.invite_on) if self.invite_on else date(year, 6, 8)
        back = self.rentrees.get(year, date(year, 9, 1))
        return [first, back] if first < back else [first]

    def end(self, year: int) -> datetime:
        """24 h of the last day (R23)."""
        return self.at(self.last_day(year) + DAY, time())

    def at(self, day: date, hour: time) -> datetime:
        """An instant of the académie's day."""
        return datetime.combine(day, hour, tzinfo=self.zoneinfo)

    def open_years(self, now: datetime) -> list[int]:
        """The years that accept declarations (R20): from 1 June before them to their end; if none, the next one."""
        today = now.astimezone(self.zoneinfo).date()
        around = range(today.year - 2, today.year + 2)
        running = [year for year in around if date(year, 6, 1) <= today and now < self.end(year)]
        return running or [next(year for year in around if now < self.end(year))]
