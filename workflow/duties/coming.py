"""Each date of the months to come on which the software will act, and on how many requests (R86).

Everything comes from the rules that act on the day itself; nothing is written, and « if nothing changes » is meant.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from notifications.mailer import Mailer
from states import french, notices, reminding
from states.days import DayKind
from states.policy import Policy
from states.school_year import SchoolYear, YearEnd
from workflow.duties import invitations, occurrences, reminders
from workflow.duties.coming_counts import Counts
from workflow.duties.dates import Coming, Deed
from workflow.duties.notices import key
from workflow.duties.passing import Today

__all__ = ["HORIZON", "Coming", "Deed", "coming"]

HORIZON: Final = timedelta(days=365)
_DAY: Final = timedelta(days=1)
_ORDER: Final = {deed: rank for rank, deed in enumerate(Deed)}


def coming(connection: Connection, policy: Policy, mailer: Mailer, now: datetime) -> tuple[Coming, ...]:
    """What the twelve months from ``now`` on hold, by day; the same few queries however many requests there are."""
    found = list(_Calendar(connection, policy, mailer, now).entries())
    return tuple(sorted(found, key=lambda one: (one.day, _ORDER[one.deed], one.what)))


class _Calendar:
    """The dates to come, each kind from its own rule."""

    def __init__(self, connection: Connection, policy: Policy, mailer: Mailer, now: datetime) -> None:
        self._connection, self._policy = connection, policy
        self._today = Today(now=now, policy=policy)
        self._keep_days = mailer.surroundings.code_keep_days
        self._first, self._last = self._today.day, self._today.day + HORIZON
        self._counts = Counts(connection)

    def entries(self) -> Iterator[Coming]:
        """All of them, in no order."""
        running = [year for year in self._today.running if self._policy.calendar.opening_day(year) <= self._last]
        for year in running:
            yield from self._of_year(self._policy.calendar.end_of(year))
        yield from self._invitations()
        yield from self._reminders()
        yield from self._reports()
        yield from self._erasures()
        yield Coming(day=self._first, until=self._last, deed=Deed.DIGEST, what="chaque jour ouvré, s'il y a du retard")
        yield from self._unknown()

    def _of_year(self, end: YearEnd) -> Iterator[Coming]:
        year, live = end.school_year, self._counts.live(end.school_year)
        if end.last_day <= self._last:
            guess = ", date retenue faute de connaître la rentrée suivante" if end.is_default else ""
            yield Coming(
                day=end.last_day, deed=Deed.YEAR_END, requests=live.requests, establishments=live.establishments,
                what=f"à minuit, les demandes en cours de {year} sont révoquées{guess}", school_year=year,
            )  # fmt: skip
        for day, left in self._notices(end):
            yield Coming(
                day=day, deed=Deed.NOTICE, requests=live.requests, establishments=live.establishments,
                what=f"la fin de {year} est annoncée, {french.plural(left, 'jour')} avant", school_year=year,
            )  # fmt: skip
        opening = self._policy.calendar.accepts_from(year)
        if self._first < opening <= self._last:
            before = self._counts.live(SchoolYear(year.start - 1))
            yield Coming(
                day=opening, deed=Deed.CAMPAIGN, requests=before.with_key, establishments=before.places_with_key,
                what=f"les déclarations pour {year} ouvrent, et l'année d'avant peut être renouvelée", school_year=year,
            )  # fmt: skip

    def _notices(self, end: YearEnd) -> Iterator[tuple[date, int]]:
        days = self._policy.days
        plan = notices.planned(end, days, self._policy.timetable.notices)
        keys = {key(end, before): before for one in plan for before in one.before}
        sent = [keys[one] for one in occurrences.among(self._connection, keys)]
        for day in _days(self._first, min(self._last, end.last_day)):
            found = notices.due(end, plan, day, sent, days)
            if found:
                sent += found.before
                yield day, found.days_left

    def _invitations(self) -> Iterator[Coming]:
        done = set[SchoolYear]()
        for day in _days(self._first, self._last):
            noon = self._policy.calendar.midnight(day) + timedelta(hours=12)
            year = invitations.due(Today(now=noon, policy=self._policy))
            if year is None or year in done:
                continue
            done.add(year)
            if not occurrences.among(self._connection, [invitations.key(year)]):
                requests, establishments = self._counts.invited(year)
                what = f"les établissements sont invités à renouveler pour {year}"
                yield Coming(
                    day=day, deed=Deed.INVITATION, what=what, requests=requests, establishments=establishments,
                    school_year=year,
                )  # fmt: skip

    def _reminders(self) -> Iterator[Coming]:
        for matter in reminders.MATTERS:
            each = Counter[date]()
            delays, days = matter.delays(self._policy.timetable), self._policy.days
            ends = {str(year): self._policy.calendar.end_of(year).last_day for year in self._today.running}
            for (since, year, made), count in self._counts.waiting(matter, self._today).items():
                until = min(self._last, ends[year])
                for day in reminding.days_to_come(since, delays, made, self._first, until, days):
                    each[day] += count
            for day, count in each.items():
                yield Coming(
                    day=day, deed=Deed.REMINDERS, what=matter.kind.label, requests=count, mail=matter.kind
                )  # fmt: skip

    def _reports(self) -> Iterator[Coming]:
        for day, count in self._counts.reports(self._first, self._last).items():
            what = "les opérateurs sont prévenus qu'un changement annoncé arrive à son jour"
            yield Coming(day=day, deed=Deed.REPORTS, what=what, requests=count)

    def _erasures(self) -> Iterator[Coming]:
        kept = timedelta(days=self._keep_days)
        each = Counter(self._policy.calendar.today(at + kept) for at in self._counts.sealed())
        for day, count in each.items():
            if day <= self._last:
                what = f"les codes gardés depuis {french.plural(self._keep_days, 'jour')} sont effacés"
                yield Coming(day=max(day, self._first), deed=Deed.ERASURE, what=what, requests=count)

    def _unknown(self) -> Iterator[Coming]:
        """The periods of which the calendar says nothing: what falls then is told by working days, or not at all."""
        unknown: date | None = None
        kinds = ((day, self._policy.days.kind(day)) for day in _days(self._first, self._last))
        for day, kind in kinds:
            if kind is DayKind.UNKNOWN:
                unknown = unknown or day
            elif unknown and kind in (DayKind.SCHOOL, DayKind.SCHOOL_HOLIDAY):
                yield _not_known(unknown, day - _DAY)
                unknown = None
        if unknown:
            yield _not_known(unknown, self._last)


def _not_known(first: date, last: date) -> Coming:
    what = "les vacances scolaires ne sont pas connues : aucun rappel ne part, les autres dates peuvent changer"
    return Coming(day=first, until=last, deed=Deed.UNKNOWN, what=what)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
