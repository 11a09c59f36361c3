"""Each date of the months to come on which the software will act, and on how many requests (R86).

Everything comes from the rules that act on the day itself; nothing is written, and « if nothing changes » is meant.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, case, distinct, func, select

from notifications.encryption import FOR_LINK
from notifications.mailer import Mailer
from notifications.outbox.store import SEALS
from notifications.vocabulary import Kind
from states.french import plural
from states.model import Policy
from states.rules.schedule import NO_REMINDER, Invitation, Reminders, due_notice, notice_days, reminder_days
from states.school_calendar import DayKind, SchoolYear, YearEnd
from states.vocabulary import Labelled
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REPORT, REQUEST
from workflow.schedule.digest import count_news, next_digest
from workflow.schedule.reminders import (
    REMINDER_KINDS,
    DueInvitation,
    JobDay,
    ReminderKind,
    due_invitation,
    invited_requests,
    marked_keys,
    notice_key,
    sent_reminders,
    waiting_parameters,
    waiting_requests,
)
from workflow.schedule.tick import FORESEEN


class ScheduledAction(Labelled):
    """A kind of action that the software takes by itself on a day."""

    YEAR_END = "year_end", "fin de l'année scolaire"
    NOTICE = "notice", "annonce de la fin d'année"
    CAMPAIGN = "campaign", "ouverture des déclarations"
    INVITATION = "invitation", "invitation à renouveler"
    REMINDERS = "reminders", "rappels"
    REPORTS = "reports", "signalements arrivés à leur jour"
    REVOCATIONS = "revocations", "révocations datées"
    ERASURE = "erasure", "effacement de codes"
    DIGEST = "digest", "récapitulatif des retards"
    UNKNOWN = "unknown", "calendrier inconnu"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledDate:
    """One date, or a period when ``until`` is set. ``sentence`` is a French clause without a capital or a full stop.

    ``requests`` and ``establishments`` are how many it is about if nothing changes; None where it cannot be told.
    ``school_year``: that of an end, a notice, a campaign, an invitation; ``mail``: which of the reminders it is.
    """

    day: date
    action: ScheduledAction
    sentence: str
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
        requests = plural(self.requests, "demande")
        if self.establishments is None:
            return requests
        return f"{requests} dans {plural(self.establishments, 'établissement')}"


HORIZON: Final = timedelta(days=365)


_DAY: Final = timedelta(days=1)


_ORDER: Final = {action: rank for rank, action in enumerate(ScheduledAction)}


def upcoming(connection: Connection, policy: Policy, mailer: Mailer, now: datetime) -> tuple[ScheduledDate, ...]:
    """The dates of the twelve months from ``now``, by day; the same few queries however many requests there are."""
    dates = _Calendar(connection, policy, mailer, now).dates()
    return tuple(sorted(dates, key=lambda entry: (entry.day, _ORDER[entry.action], entry.sentence)))


class _Calendar:
    """The dates to come, each kind from its own rule."""

    def __init__(self, connection: Connection, policy: Policy, mailer: Mailer, now: datetime) -> None:
        self._connection, self._policy = connection, policy
        self._job_day = JobDay(now=now, policy=policy)
        self._keep_days = mailer.mail_context.code_keep_days
        self._is_daily = mailer.settings.operators == "daily"
        self._first, self._last = self._job_day.day, self._job_day.day + HORIZON
        self._counts = _Counts(connection)

    def dates(self) -> Iterator[ScheduledDate]:
        """All of them, in no order."""
        calendar = self._policy.calendar
        for year in self._job_day.running_years:
            if calendar.opening_day(year) <= self._last:
                yield from self._of_year(calendar.end_of(year))
        yield from self._invitations()
        yield from self._reminders()
        sentence = "les opérateurs sont prévenus qu'un changement annoncé arrive à son jour"
        for day, count in self._counts.reports(self._first, self._last).items():
            yield ScheduledDate(day=day, action=ScheduledAction.REPORTS, sentence=sentence, requests=count)
        sentence = "à 0 heure, les demandes dont la révocation est prévue ce jour-là sont révoquées"
        for day, count in self._counts.dated_revocations(self._first, self._last).items():
            yield ScheduledDate(day=day, action=ScheduledAction.REVOCATIONS, sentence=sentence, requests=count)
        keep = timedelta(days=self._keep_days)
        sentence = f"les codes gardés depuis {plural(self._keep_days, 'jour')} sont effacés"
        for day, count in Counter(calendar.today(at + keep) for at in self._counts.sealed()).items():
            if day <= self._last:
                yield ScheduledDate(
                    day=max(day, self._first), action=ScheduledAction.ERASURE, sentence=sentence, requests=count
                )
        yield from self._digests()
        yield from self._unknown()

    def _of_year(self, end: YearEnd) -> Iterator[ScheduledDate]:
        year, live = end.school_year, self._counts.live(end.school_year)
        if end.last_day <= self._last:
            guess = ", date retenue faute de connaître la rentrée suivante" if end.is_default else ""
            yield ScheduledDate(
                day=end.last_day,
                action=ScheduledAction.YEAR_END,
                requests=live.requests,
                establishments=live.establishments,
                sentence=f"à minuit, les demandes en cours de {year} sont révoquées{guess}",
                school_year=year,
            )
        for day, days_left in self._notices(end):
            yield ScheduledDate(
                day=day, action=ScheduledAction.NOTICE, requests=live.requests, establishments=live.establishments,
                sentence=f"la fin de {year} est annoncée, {plural(days_left, 'jour')} avant", school_year=year,
            )  # fmt: skip
        opening = self._policy.calendar.accepts_from(year)
        if self._first < opening <= self._last:
            before = self._counts.live(SchoolYear(year.start - 1))
            yield ScheduledDate(
                day=opening,
                action=ScheduledAction.CAMPAIGN,
                requests=before.with_key,
                establishments=before.places_with_key,
                sentence=f"les déclarations pour {year} ouvrent, et l'année d'avant peut être renouvelée",
                school_year=year,
            )

    def _notices(self, end: YearEnd) -> Iterator[tuple[date, int]]:
        days = self._policy.days
        plan = notice_days(end, days, self._policy.timetable.notices)
        keys = {notice_key(end, delay): delay for notice in plan for delay in notice.delays}
        sent = [keys[key] for key in marked_keys(self._connection, keys)]
        for day in _days(self._first, min(self._last, end.last_day)):
            if notice := due_notice(end, plan, day, sent, days):
                sent += notice.delays
                yield day, notice.days_left

    def _invitations(self) -> Iterator[ScheduledDate]:
        told = set[DueInvitation]()
        for day in _days(self._first, self._last):
            noon = self._policy.calendar.midnight(day) + timedelta(hours=12)
            due = due_invitation(JobDay(now=noon, policy=self._policy))
            if due is None or due in told:
                continue
            told.add(due)
            if not marked_keys(self._connection, [due.key]):
                requests, establishments = self._counts.invited(due.year)
                again = " une seconde fois" if due.invitation is Invitation.RETURN else ""
                sentence = f"les établissements sont invités{again} à renouveler pour {due.year}"
                yield ScheduledDate(
                    day=day,
                    action=ScheduledAction.INVITATION,
                    sentence=sentence,
                    requests=requests,
                    establishments=establishments,
                    school_year=due.year,
                )

    def _reminders(self) -> Iterator[ScheduledDate]:
        for reminder in REMINDER_KINDS:
            per_day = Counter[date]()
            delays, days = reminder.delays(self._policy.timetable), self._policy.days
            ends = {str(year): self._policy.calendar.end_of(year).last_day for year in self._job_day.running_years}
            for (since, year, sent), count in self._counts.waiting(reminder, self._job_day).items():
                until = min(self._last, ends[year])
                for day in reminder_days(since, delays, sent, self._first, until, days):
                    per_day[day] += count
            for day, count in per_day.items():
                yield ScheduledDate(
                    day=day, action=ScheduledAction.REMINDERS, sentence=reminder.kind.label, requests=count,
                    mail=reminder.kind,
                )  # fmt: skip

    def _digests(self) -> Iterator[ScheduledDate]:
        """The period of the digests; the next one as well when they are all that the operators read of what comes."""
        news = " ou du nouveau" if self._is_daily else ""
        sentence = f"chaque jour ouvré, s'il y a du retard{news}"
        yield ScheduledDate(day=self._first, until=self._last, action=ScheduledAction.DIGEST, sentence=sentence)
        if self._is_daily:
            following = next_digest(self._connection, self._job_day)
            hour = self._policy.timetable.hour
            yield ScheduledDate(
                day=following.day, action=ScheduledAction.DIGEST, requests=count_news(self._connection, following),
                sentence=f"à partir de {hour} h, le récapitulatif dit ce qui est arrivé depuis le précédent",
            )  # fmt: skip

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
    sentence = "les vacances scolaires ne sont pas connues : aucun rappel ne part, les autres dates peuvent changer"
    return ScheduledDate(day=first, until=last, action=ScheduledAction.UNKNOWN, sentence=sentence)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


WaitingSince = tuple[date, str, Reminders]
"""The day since which a request waits, its school year, the reminders already sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveRequests:
    """The live requests of a year, in how many establishments, and how many of both have a key."""

    requests: int = 0
    establishments: int = 0
    with_key: int = 0
    places_with_key: int = 0


class _Counts:
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
        self._live: Mapping[str, LiveRequests] = {row.pop("school_year"): LiveRequests(**row) for row in rows}

    def live(self, year: SchoolYear) -> LiveRequests:
        """The live requests of a year."""
        return self._live.get(str(year), LiveRequests())

    def invited(self, year: SchoolYear) -> tuple[int, int]:
        """Count the requests that the invitation to renew for ``year`` would name, and their establishments (R81)."""
        counts = select(func.count(), func.count(distinct(REQUEST.c.uai)))
        joined = counts.select_from(REQUEST).join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        requests, establishments = self._connection.execute(joined.where(*invited_requests(year))).one()
        return requests, establishments

    def waiting(self, reminder: ReminderKind, job_day: JobDay) -> Counter[WaitingSince]:
        """Count the requests that wait for their establishment, by day and by reminders already sent (R79)."""
        query = select(REQUEST.c.reference, REQUEST.c.school_year, reminder.since.label("stands_since"))
        query = query.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        sent = sent_reminders(self._connection, reminder, job_day)
        today = job_day.policy.calendar.today
        return Counter(
            (today(row.stands_since), row.school_year, sent.get(row.reference, NO_REMINDER))
            for row in self._connection.execute(query.where(*waiting_requests(reminder)), waiting_parameters(job_day))
        )

    def reports(self, first: date, last: date) -> dict[date, int]:
        """Count the reports of live requests that fall due on each day after ``first`` (R32)."""
        query = (
            select(REPORT.c.effective_on, func.count())
            .join(REQUEST, REQUEST.c.reference == REPORT.c.reference)
            .where(REPORT.c.settlement.is_(None), REPORT.c.due_told_at.is_(None), IS_LIVE)
            .where(REPORT.c.effective_on > first, REPORT.c.effective_on <= last)
            .group_by(REPORT.c.effective_on)
        )
        return {day: count for day, count in self._connection.execute(query)}  # noqa: C416

    def dated_revocations(self, first: date, last: date) -> Counter[date]:
        """Count the requests to revoke on each day, one that is past due being revoked on the first (R46)."""
        day = func.min(REPORT.c.revoke_on)
        query = select(day).join(REQUEST, REQUEST.c.reference == REPORT.c.reference).where(FORESEEN)
        days = self._connection.execute(query.group_by(REPORT.c.reference)).scalars()
        return Counter(max(day, first) for day in days if day <= last)

    def sealed(self) -> list[datetime]:
        """Return the instant at which each code still kept was sealed (R61)."""
        is_code = ~SEALS.c.reference.startswith(FOR_LINK)
        query = select(SEALS.c.sealed_at).where(SEALS.c.ciphertext.is_not(None), is_code)
        return list(self._connection.execute(query).scalars())
