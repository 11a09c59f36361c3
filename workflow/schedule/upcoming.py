"""Each date of the months to come on which the software will act, and on how many requests (R86).

Everything comes from the rules that act on the day itself; nothing is written, and « if nothing changes » is meant.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, case, distinct, func, select

from notifications.encryption.seals import FOR_LINK
from notifications.mailer import Mailer
from notifications.outbox.tables import SEALS
from notifications.vocabulary import Kind
from states import french
from states.policy import Policy
from states.rules.schedule import NO_REMINDER, Reminders, due_notice, notice_days, reminder_days
from states.school_calendar import DayKind, SchoolYear, YearEnd
from states.vocabulary import Labelled
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REPORT, REQUEST
from workflow.schedule import daily_job as occurrences
from workflow.schedule import notices as invitations
from workflow.schedule import reminders
from workflow.schedule.daily_job import Today
from workflow.schedule.notices import key

# On how many requests the software will act: one query for each kind of date, whatever their number (R86).


Stand = tuple[date, str, Reminders]
"""Since which day a request waits, its school year, the reminders already made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """The live requests of a year, in how many establishments, and how many of both have a key."""

    requests: int = 0
    establishments: int = 0
    with_key: int = 0
    places_with_key: int = 0


_NONE: Final = Live()


class Counts:
    """The figures behind a calendar, in one read transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        has_key = REQUEST.c.code_issued_at.is_not(None)
        query = select(
            REQUEST.c.school_year, func.count().label("requests"),
            func.count(distinct(REQUEST.c.uai)).label("establishments"),
            func.count(REQUEST.c.code_issued_at).label("with_key"),
            func.count(distinct(case((has_key, REQUEST.c.uai)))).label("places_with_key"),
        ).where(IS_LIVE).group_by(REQUEST.c.school_year)  # fmt: skip
        rows = (dict(row._mapping) for row in connection.execute(query))
        self._live: Mapping[str, Live] = {row.pop("school_year"): Live(**row) for row in rows}

    def live(self, year: SchoolYear) -> Live:
        """The live requests of a year."""
        return self._live.get(str(year), _NONE)

    def invited(self, year: SchoolYear) -> tuple[int, int]:
        """How many requests the invitation to renew for ``year`` would name, in how many establishments (R81)."""
        counts = select(func.count(), func.count(distinct(REQUEST.c.uai)))
        joined = counts.select_from(REQUEST).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        requests, establishments = self._connection.execute(joined.where(*invitations.invited(year))).one()
        return requests, establishments

    def waiting(self, matter: reminders.ReminderKind, today: Today) -> Counter[Stand]:
        """How many requests wait for their establishment since each day, with as many reminders made (R79)."""
        wanted = reminders.waiting(matter, today)
        query = select(REQUEST.c.reference, REQUEST.c.school_year, matter.since.label("stands_since"))
        joined = query.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai).where(*wanted)
        made = reminders.made_of(self._connection, matter, today, matter.where)
        local = today.policy.calendar.today
        return Counter(
            (local(row.stands_since), row.school_year, made.get(row.reference, NO_REMINDER))
            for row in self._connection.execute(joined)
        )

    def reports(self, first: date, last: date) -> dict[date, int]:
        """How many reports of live requests fall due on each day after ``first`` (R32)."""
        query = (
            select(REPORT.c.effective_on, func.count())
            .join(REQUEST, REQUEST.c.reference == REPORT.c.reference)
            .where(REPORT.c.settlement.is_(None), REPORT.c.due_told_at.is_(None), IS_LIVE)
            .where(REPORT.c.effective_on > first, REPORT.c.effective_on <= last)
            .group_by(REPORT.c.effective_on)
        )
        return {day: count for day, count in self._connection.execute(query)}  # noqa: C416

    def sealed(self) -> list[datetime]:
        """When each code that is still kept was sealed (R61)."""
        kept = (SEALS.c.ciphertext.is_not(None), ~SEALS.c.reference.startswith(FOR_LINK))
        return list(self._connection.execute(select(SEALS.c.sealed_at).where(*kept)).scalars())


# A date on which the software will act, and what it will then do (R86).


class ScheduledAction(Labelled):
    """What the software does by itself on a day."""

    YEAR_END = "year_end", "fin de l'année scolaire"
    NOTICE = "notice", "annonce de la fin d'année"
    CAMPAIGN = "campaign", "ouverture des déclarations"
    INVITATION = "invitation", "invitation à renouveler"
    REMINDERS = "reminders", "rappels"
    REPORTS = "reports", "signalements arrivés à leur jour"
    ERASURE = "erasure", "effacement de codes"
    DIGEST = "digest", "récapitulatif des retards"
    UNKNOWN = "unknown", "calendrier inconnu"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledDate:
    """One date, or a period when ``until`` is set. ``what`` is a French clause without a capital or a full stop.

    ``requests`` and ``establishments`` are how many it is about if nothing changes; None where it cannot be told.
    ``school_year``: that of an end, a notice, a campaign, an invitation; ``mail``: which of the reminders it is.
    """

    day: date
    deed: ScheduledAction
    what: str
    until: date | None = None
    requests: int | None = None
    establishments: int | None = None
    school_year: SchoolYear | None = None
    mail: Kind | None = None

    @property
    def on_how_many(self) -> str:
        """``812 demandes dans 455 établissements``; empty where it cannot be told."""
        if self.requests is None:
            return ""
        told = french.plural(self.requests, "demande")
        if self.establishments is None:
            return told
        return f"{told} dans {french.plural(self.establishments, 'établissement')}"


__all__ = ["HORIZON", "ScheduledAction", "ScheduledDate", "upcoming"]


HORIZON: Final = timedelta(days=365)


_DAY: Final = timedelta(days=1)


_ORDER: Final = {deed: rank for rank, deed in enumerate(ScheduledAction)}


def upcoming(connection: Connection, policy: Policy, mailer: Mailer, now: datetime) -> tuple[ScheduledDate, ...]:
    """What the twelve months from ``now`` on hold, by day; the same few queries however many requests there are."""
    found = list(_Calendar(connection, policy, mailer, now).entries())
    return tuple(sorted(found, key=lambda one: (one.day, _ORDER[one.deed], one.what)))


class _Calendar:
    """The dates to come, each kind from its own rule."""

    def __init__(self, connection: Connection, policy: Policy, mailer: Mailer, now: datetime) -> None:
        self._connection, self._policy = connection, policy
        self._today = Today(now=now, policy=policy)
        self._keep_days = mailer.mail_context.code_keep_days
        self._first, self._last = self._today.day, self._today.day + HORIZON
        self._counts = Counts(connection)

    def entries(self) -> Iterator[ScheduledDate]:
        """All of them, in no order."""
        running = [year for year in self._today.running if self._policy.calendar.opening_day(year) <= self._last]
        for year in running:
            yield from self._of_year(self._policy.calendar.end_of(year))
        yield from self._invitations()
        yield from self._reminders()
        yield from self._reports()
        yield from self._erasures()
        yield ScheduledDate(
            day=self._first, until=self._last, deed=ScheduledAction.DIGEST, what="chaque jour ouvré, s'il y a du retard"
        )
        yield from self._unknown()

    def _of_year(self, end: YearEnd) -> Iterator[ScheduledDate]:
        year, live = end.school_year, self._counts.live(end.school_year)
        if end.last_day <= self._last:
            guess = ", date retenue faute de connaître la rentrée suivante" if end.is_default else ""
            yield ScheduledDate(
                day=end.last_day,
                deed=ScheduledAction.YEAR_END,
                requests=live.requests,
                establishments=live.establishments,
                what=f"à minuit, les demandes en cours de {year} sont révoquées{guess}",
                school_year=year,
            )
        for day, left in self._notices(end):
            yield ScheduledDate(
                day=day, deed=ScheduledAction.NOTICE, requests=live.requests, establishments=live.establishments,
                what=f"la fin de {year} est annoncée, {french.plural(left, 'jour')} avant", school_year=year,
            )  # fmt: skip
        opening = self._policy.calendar.accepts_from(year)
        if self._first < opening <= self._last:
            before = self._counts.live(SchoolYear(year.start - 1))
            yield ScheduledDate(
                day=opening,
                deed=ScheduledAction.CAMPAIGN,
                requests=before.with_key,
                establishments=before.places_with_key,
                what=f"les déclarations pour {year} ouvrent, et l'année d'avant peut être renouvelée",
                school_year=year,
            )

    def _notices(self, end: YearEnd) -> Iterator[tuple[date, int]]:
        days = self._policy.days
        plan = notice_days(end, days, self._policy.timetable.notices)
        keys = {key(end, delay): delay for notice in plan for delay in notice.delays}
        sent = [keys[one] for one in occurrences.among(self._connection, keys)]
        for day in _days(self._first, min(self._last, end.last_day)):
            found = due_notice(end, plan, day, sent, days)
            if found:
                sent += found.delays
                yield day, found.days_left

    def _invitations(self) -> Iterator[ScheduledDate]:
        done = set[SchoolYear]()
        for day in _days(self._first, self._last):
            noon = self._policy.calendar.midnight(day) + timedelta(hours=12)
            year = invitations.due_invitations(Today(now=noon, policy=self._policy))
            if year is None or year in done:
                continue
            done.add(year)
            if not occurrences.among(self._connection, [invitations.key_invitations(year)]):
                requests, establishments = self._counts.invited(year)
                what = f"les établissements sont invités à renouveler pour {year}"
                yield ScheduledDate(
                    day=day,
                    deed=ScheduledAction.INVITATION,
                    what=what,
                    requests=requests,
                    establishments=establishments,
                    school_year=year,
                )

    def _reminders(self) -> Iterator[ScheduledDate]:
        for matter in reminders.MATTERS:
            each = Counter[date]()
            delays, days = matter.delays(self._policy.timetable), self._policy.days
            ends = {str(year): self._policy.calendar.end_of(year).last_day for year in self._today.running}
            for (since, year, made), count in self._counts.waiting(matter, self._today).items():
                until = min(self._last, ends[year])
                for day in reminder_days(since, delays, made, self._first, until, days):
                    each[day] += count
            for day, count in each.items():
                yield ScheduledDate(
                    day=day, deed=ScheduledAction.REMINDERS, what=matter.kind.label, requests=count, mail=matter.kind
                )  # fmt: skip

    def _reports(self) -> Iterator[ScheduledDate]:
        for day, count in self._counts.reports(self._first, self._last).items():
            what = "les opérateurs sont prévenus qu'un changement annoncé arrive à son jour"
            yield ScheduledDate(day=day, deed=ScheduledAction.REPORTS, what=what, requests=count)

    def _erasures(self) -> Iterator[ScheduledDate]:
        kept = timedelta(days=self._keep_days)
        each = Counter(self._policy.calendar.today(at + kept) for at in self._counts.sealed())
        for day, count in each.items():
            if day <= self._last:
                what = f"les codes gardés depuis {french.plural(self._keep_days, 'jour')} sont effacés"
                yield ScheduledDate(day=max(day, self._first), deed=ScheduledAction.ERASURE, what=what, requests=count)

    def _unknown(self) -> Iterator[ScheduledDate]:
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


def _not_known(first: date, last: date) -> ScheduledDate:
    what = "les vacances scolaires ne sont pas connues : aucun rappel ne part, les autres dates peuvent changer"
    return ScheduledDate(day=first, until=last, deed=ScheduledAction.UNKNOWN, what=what)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
