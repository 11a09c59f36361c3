"""Time rules, pure, from dates alone: clock and year-end brake, notices (R78), reminders (R79), invitations (R81)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from states.school_calendar import DayKind, SchoolDays, YearEnd
from states.vocabulary import Labelled

RECORDED_AHEAD: Final = timedelta(hours=24)
"""A year's end runs by itself only if its date was recorded this long before it (R51)."""

LONGEST_ABSENCE: Final = timedelta(days=45)
"""Without a sign of life of any node for longer than this, the brake holds (R52)."""


FIRST_DAY: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""No clock that shows an earlier instant is right: this software did not exist (its demonstration begins in 2025)."""

FARTHEST_AHEAD: Final = timedelta(days=2 * 365)
"""A clock farther than this from the last sign of life is taken to be wrong, whoever looks at it (R52)."""

STEP_AHEAD: Final = timedelta(minutes=10)
"""Lead over the machine's counter that a pause of a virtual machine may explain."""

STEP_BACK: Final = timedelta(minutes=2)

STEADY: Final = timedelta(hours=24)
"""A clock that jumped and then runs on for this long, with nobody correcting it, is taken to be right (R52)."""

A_DAY_BACK: Final = timedelta(days=1)
"""A clock that went back farther would write the mails of days that are past."""

STEADY_BACK: Final = timedelta(hours=1)
"""The same after a step back, which makes nothing due."""

SHORT_STOP: Final = timedelta(hours=1)
"""After a longer one, a machine that has just started may not have been put right yet (R119)."""

STEADY_START: Final = timedelta(minutes=30)
"""The time that its synchronisation has for that."""


class ClockFault(Labelled):
    """The reason why the clock is not believed (R52): a French clause about it."""

    TOO_EARLY = "too_early", "l'horloge indique une date d'avant le logiciel lui-même"
    TOO_LATE = "too_late", "l'horloge indique une date à plus de deux ans du dernier signe de vie du service"
    ABSENCE = "absence", "le service n'avait donné aucun signe de vie depuis plus de 45 jours"
    AHEAD = "ahead", "l'horloge a avancé d'un coup, plus que le temps écoulé"
    BACK = "back", "l'horloge est revenue en arrière"
    STARTED = "started", "la machine vient de démarrer, et peut encore être remise à l'heure"


def believed_after(fault: ClockFault) -> timedelta | None:
    """The time for which a clock runs on steadily before it is believed by itself; None: never at such a date."""
    if fault is ClockFault.TOO_EARLY:
        return None
    return {ClockFault.BACK: STEADY_BACK, ClockFault.STARTED: STEADY_START}.get(fault, STEADY)


def absurd_clock(now: datetime, heartbeat: datetime | None) -> ClockFault | None:
    """The fault of a clock at which no command is accepted (R52); ``heartbeat`` is the last sign of life up to now."""
    if now < FIRST_DAY:
        return ClockFault.TOO_EARLY
    return ClockFault.TOO_LATE if heartbeat and now - heartbeat > FARTHEST_AHEAD else None


def check_clock(
    now: datetime,
    heartbeat: datetime | None,
    latest: datetime | None,
    drift: timedelta | None,
    *,
    has_started: bool = False,
) -> ClockFault | None:
    """Decide whether the clock can be believed at ``now`` (R52, R119).

    ``heartbeat`` is the last sign of life up to now, ``latest`` the last of all; ``drift`` is the clock's lead over the
    machine's counter since the last tick that believed it, None in a process that has not ticked yet. ``has_started``:
    the machine did since the last sign of life, so that its counter explains nothing.
    """
    if absurd := absurd_clock(now, heartbeat):
        return absurd
    if heartbeat and now - heartbeat > LONGEST_ABSENCE:
        return ClockFault.ABSENCE
    if drift is None:
        if latest and latest - now > STEP_BACK:
            return ClockFault.BACK
        is_unexplained = has_started and heartbeat and now - heartbeat > SHORT_STOP
        return ClockFault.STARTED if is_unexplained else None
    if drift > STEP_AHEAD:
        return ClockFault.AHEAD
    return ClockFault.BACK if drift < -STEP_BACK else None


class Hold(Labelled):
    """The reason why the brake holds a year's end (R51, R52)."""

    UNFORESEEN = "unforeseen", "sa date n'avait pas été enregistrée avant qu'elle passe"
    TOO_RECENT = "too_recent", "sa date n'était enregistrée que depuis moins de 24 heures"
    MOVED = "moved", "un changement de réglage a placé sa date dans le passé"
    ABSENCE = "absence", "le service n'avait donné aucun signe de vie depuis plus de 45 jours"
    CLOCK = "clock", "l'horloge venait de faire un saut que le temps écoulé n'explique pas"


class BrakeDecision(Labelled):
    """The task of a tick at a year's end."""

    WAIT = "wait", "attendre"
    RECORD = "record", "enregistrer la date"
    HOLD = "hold", "retenir et alerter"
    HELD = "held", "déjà retenue"
    RUN = "run", "révoquer"


@dataclass(frozen=True, slots=True)
class RecordedEnd:
    """An end as it was recorded, aware UTC, and what became of it since."""

    ends_at: datetime
    recorded_at: datetime
    is_held: bool = False
    is_confirmed: bool = False


def check_brake(
    end: YearEnd, record: RecordedEnd | None, now: datetime, last_heartbeat: datetime, clock_held: bool = False
) -> tuple[BrakeDecision, Hold | None]:
    """Decide whether ``end`` may run by itself at ``now`` (R51, R52).

    ``last_heartbeat`` is the last sign of life of any node before this one; ``clock_held``: the clock is not believed
    (see ``check_clock``). A date still to come is recorded anew when it moved, or when it had been held or recorded by
    a clock that has come back.
    """
    if now < end.ends_at:
        is_recorded = record is not None and record.ends_at == end.ends_at and not record.is_held
        is_recorded = is_recorded and record is not None and record.recorded_at <= now
        return (BrakeDecision.WAIT if is_recorded else BrakeDecision.RECORD), None
    if record is None:
        return BrakeDecision.HOLD, Hold.UNFORESEEN
    if record.ends_at != end.ends_at:
        return BrakeDecision.HOLD, Hold.MOVED
    if record.is_confirmed:
        return BrakeDecision.RUN, None
    if record.is_held:
        return BrakeDecision.HELD, None
    if record.recorded_at > end.ends_at - RECORDED_AHEAD:
        return BrakeDecision.HOLD, Hold.TOO_RECENT
    if abs(now - last_heartbeat) > LONGEST_ABSENCE:
        return BrakeDecision.HOLD, Hold.ABSENCE
    if clock_held:
        return BrakeDecision.HOLD, Hold.CLOCK
    return BrakeDecision.RUN, None


@dataclass(frozen=True, slots=True)
class NoticeDay:
    """A day on which a notice of a year's end leaves, and the delays that it stands for, the longest first (R78)."""

    day: date
    delays: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice to send today: the delays that it stands for, the longest first, and the days left."""

    delays: tuple[int, ...]
    days_left: int


def notice_days(end: YearEnd, days: SchoolDays, delays: Iterable[int]) -> tuple[NoticeDay, ...]:
    """The days on which an end is announced, the earliest first; delays that fall on one day are one notice (R78)."""
    delays_of: dict[date, list[int]] = {}
    for delay in sorted(set(delays), reverse=True):
        delays_of.setdefault(_leaving_by(end.last_day - timedelta(days=delay), days), []).append(delay)
    return tuple(NoticeDay(day, tuple(delays_of[day])) for day in sorted(delays_of))


def _leaving_by(day: date, days: SchoolDays) -> date:
    """The last school day up to this one; where that is unknown, the last working day."""
    school_day = days.last_school_day(day)
    if school_day is not None:
        return school_day
    while not days.is_working_day(day):
        day -= timedelta(days=1)
    return day


def due_notice(
    end: YearEnd, plan: Iterable[NoticeDay], today: date, sent: Collection[int], days: SchoolDays
) -> DueNotice | None:
    """The notice to send today, None when there is none (R78).

    ``sent`` holds the delays of this end whose notice has left. Missed ones leave together, with the day's own: today
    if it is a school day, or if no other comes before the end; else they wait for one. Where nothing is known of the
    day, a working day will do: a notice, unlike a reminder, may not be left out.
    """
    if today > end.last_day:
        return None
    overdue = [notice for notice in plan if notice.day <= today and not set(notice.delays) & set(sent)]
    if not overdue:
        return None
    if overdue[-1].day != today:
        remaining = (today + timedelta(days=number) for number in range((end.last_day - today).days + 1))
        may_be_open = (day for day in remaining if days.kind(day) in (DayKind.SCHOOL, DayKind.UNKNOWN))
        if next(may_be_open, today) != today:
            return None
    return DueNotice(tuple(delay for notice in overdue for delay in notice.delays), (end.last_day - today).days)


INVITED_AFTER: Final = timedelta(days=7)
"""From the campaign's opening to the first invitation to renew, unless a setting gives its day."""

INVITED_WITHIN: Final = timedelta(days=60)
"""Delay after its day during which a missed invitation still leaves."""


class Invitation(Labelled):
    """An invitation to renew: while the year runs, then at the pupils' return to those not renewed (R81)."""

    CAMPAIGN = "campaign", "pendant la campagne"
    RETURN = "return", "à la rentrée"


@dataclass(frozen=True, slots=True)
class InvitationPeriod:
    """The days on which an invitation may leave, both included."""

    invitation: Invitation
    first: date
    last: date


def invitation_periods(invite_on: date, pupils_return: date) -> tuple[InvitationPeriod, ...]:
    """The periods of both invitations for a school year; only one where the first comes at the return or later (R81).

    The first is no longer made up for once the second is due.
    """
    if invite_on >= pupils_return:
        return (InvitationPeriod(Invitation.CAMPAIGN, invite_on, invite_on + INVITED_WITHIN),)
    eve = pupils_return - timedelta(days=1)
    return (
        InvitationPeriod(Invitation.CAMPAIGN, invite_on, min(invite_on + INVITED_WITHIN, eve)),
        InvitationPeriod(Invitation.RETURN, pupils_return, pupils_return + INVITED_WITHIN),
    )


@dataclass(frozen=True, slots=True)
class Reminders:
    """The number of reminders made since a request came to its state, and the day of the last one (R79)."""

    count: int = 0
    last_day: date | None = None


NO_REMINDER: Final = Reminders()


def next_reminder_day(since: date, delays: Sequence[int], reminders: Reminders = NO_REMINDER) -> date | None:
    """The day from which the next reminder is due; None when the delays, rising, are used up (R79).

    ``since`` is the day on which the request came to its state. After an interruption the delays that expired make
    one reminder, and the next one is as far from it as the settings put them apart.
    """
    count = reminders.count
    if count >= len(delays):
        return None
    day = since + timedelta(days=delays[count])
    if count and reminders.last_day:
        return max(day, reminders.last_day + timedelta(days=delays[count] - delays[count - 1]))
    return day


def is_reminder_due(since: date, delays: Sequence[int], reminders: Reminders, today: date, days: SchoolDays) -> bool:
    """Return True when a reminder leaves today: its day has come, and schools are certainly open (R77)."""
    day = next_reminder_day(since, delays, reminders)
    return day is not None and day <= today and days.is_school_day(today)


def reminder_days(
    since: date, delays: Sequence[int], reminders: Reminders, today: date, until: date, days: SchoolDays
) -> tuple[date, ...]:
    """The days of its reminders from today to ``until``, if nothing moved; none past what is known of school days."""
    result: list[date] = []
    while (day := next_reminder_day(since, delays, reminders)) is not None:
        school_day = days.next_school_day(max(day, today))
        if school_day is None or school_day > until:
            break
        result.append(school_day)
        reminders, today = Reminders(reminders.count + 1, school_day), school_day + timedelta(days=1)
    return tuple(result)
