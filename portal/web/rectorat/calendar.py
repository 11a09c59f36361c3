"""/rectorat/calendrier and /rectorat/horloge: when the software will act, and by which clock (R52, R82, R86)."""

from calendar import Calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from notifications.vocabulary import Kind
from portal.web.context import Context, Operator, Posted, Rectorat, WebContext
from portal.web.forms import address
from portal.web.rectorat.year_end import YEAR_END_PATH, load_years, render_year_end
from portal.web.security import Visitor
from portal.web.worklist.filters import StateChoice, Task, WorklistCriteria
from states import french
from states.rules.schedule import believed_after
from states.school_calendar import DayKind, SchoolDays, SchoolYear
from workflow.auth.actors import require_operator
from workflow.database.clock import held_clock
from workflow.engine.clock_check import confirm_clock
from workflow.schedule.nodes import NodeState, gap_words, nodes
from workflow.schedule.reminders import WAITS_FOR_ESTABLISHMENT
from workflow.schedule.upcoming import HORIZON, ScheduledAction, ScheduledDate, upcoming

LETTERS: Final = {
    ScheduledAction.YEAR_END: "F",
    ScheduledAction.NOTICE: "A",
    ScheduledAction.CAMPAIGN: "O",
    ScheduledAction.INVITATION: "I",
    ScheduledAction.REMINDERS: "R",
    ScheduledAction.REPORTS: "S",
    ScheduledAction.REVOCATIONS: "D",
    ScheduledAction.ERASURE: "E",
}
"""Letter of each action on its days; the digest, possible on any working day, and what is unknown have none."""

WEEKDAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")

LEGEND: Final = {
    DayKind.WEEKEND: "week-end", DayKind.SCHOOL_HOLIDAY: "vacances scolaires",
    DayKind.PUBLIC_HOLIDAY: "jour férié ou chômé", DayKind.UNKNOWN: "on ne sait pas",
}  # fmt: skip
"""The kinds of days that have a sign of their own beside their colour (see ``oda.css``)."""

_KIND_WORDS: Final = {
    DayKind.SCHOOL_HOLIDAY: "vacances scolaires", DayKind.PUBLIC_HOLIDAY: "jour férié", DayKind.GIVEN: "jour chômé",
    DayKind.UNKNOWN: "on ne sait pas",
}  # fmt: skip

Link = tuple[str, str]
"""An address and its words."""

HANDOVER: Final = (WorklistCriteria(tasks=(Task.HANDOVER,)).address(), "Remises à confirmer")

STALLED: Final = (
    WorklistCriteria(states=tuple(StateChoice[state.name] for state in WAITS_FOR_ESTABLISHMENT)).address(),
    "Demandes à poursuivre",
)

REPORTS: Final = (WorklistCriteria(tasks=(Task.REPORT,)).address(), "Signalements ouverts")
REMOVALS: Final = ("/rectorat/retraits", "Retraits à faire")

router = APIRouter(include_in_schema=False)

CLOCK_PATH: Final = "/rectorat/horloge"


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarDay:
    """A day and what happens on it. ``kind`` is None before today and past the horizon, which are not told."""

    day: date
    kind: DayKind | None
    is_today: bool
    actions: Sequence[ScheduledDate]

    @property
    def name(self) -> str:
        """``mardi 1er septembre``: the month's title says which year."""
        return f"{WEEKDAYS[self.day.weekday()]} {french.day(self.day).rpartition(' ')[0]}"

    @property
    def letters(self) -> str:
        """Its actions, each once, in the order of the letters: ``FR``; more than two are ``F+``."""
        actions = {scheduled.action for scheduled in self.actions}
        letters = "".join(letter for action, letter in LETTERS.items() if action in actions)
        return letters if len(letters) < 3 else f"{letters[0]}+"

    @property
    def words(self) -> str:
        """The meaning of its look, for a screen reader."""
        actions = dict.fromkeys(_name(scheduled) for scheduled in self.actions)
        kind = [_KIND_WORDS[self.kind]] if self.kind in _KIND_WORDS else []
        return ", ".join([*(["aujourd'hui"] if self.is_today else []), *kind, *actions])


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarMonth:
    """A month by weeks, with None for the days of its neighbours."""

    first: date
    weeks: Sequence[Sequence[CalendarDay | None]]

    @property
    def name(self) -> str:
        """``septembre 2026``."""
        return f"{french.MONTHS[self.first.month - 1]} {self.first.year}"

    @property
    def anchor(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def days(self) -> list[CalendarDay]:
        """The days on which the software acts; there may be none."""
        return [day for week in self.weeks for day in week if day and day.actions]


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionSummary:
    """All dates of one kind of action, the earliest first, one for each day."""

    dates: Sequence[ScheduledDate]

    @property
    def next(self) -> ScheduledDate:
        return self.dates[0]

    @property
    def name(self) -> str:
        """``annonce de la fin d'année``, ``rappel : remise à confirmer``."""
        return _name(self.next)

    @property
    def others(self) -> str:
        """``puis 3 autres dates, jusqu'au 31 août 2027``; empty when there is one date."""
        count = len(self.dates) - 1
        if not count:
            return ""
        last = french.day(self.dates[-1].day)
        return f"puis le {last}" if count == 1 else f"puis {count} autres dates, jusqu'au {last}"


def _name(scheduled: ScheduledDate) -> str:
    return scheduled.mail.label if scheduled.mail else scheduled.action.label


@router.get("/rectorat/calendrier")
def show_calendar(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """Show what the software will do by itself in the twelve months to come."""
    app, now = context.app, context.app.clock.now()
    with app.database.read() as connection:
        dates = upcoming(connection, app.policy, app.mailer, now)
    today = app.policy.calendar.today(now)
    return render_year_end(
        request, context, visitor, "rectorat/calendar.html", years=load_years(context),
        months=months_of(dates, app.policy.days, today), summaries=summaries_of(dates),
        nobody=not any(scheduled.requests for scheduled in dates),
        links=partial(links_of, ended=partial(app.policy.calendar.has_ended, now=now)),
        next_digest=next((day for day in dates if day.action is ScheduledAction.DIGEST and not day.until), None),
        unknown=[scheduled for scheduled in dates if scheduled.action is ScheduledAction.UNKNOWN],
        last=today + HORIZON, hour=app.policy.timetable.hour, WEEKDAYS=WEEKDAYS, LEGEND=LEGEND, LETTERS=LETTERS,
    )  # fmt: skip


def months_of(dates: Iterable[ScheduledDate], days: SchoolDays, today: date) -> list[CalendarMonth]:
    """Every month from today's to that of the horizon; the digest, of every working day, is left out."""
    actions: defaultdict[date, list[ScheduledDate]] = defaultdict(list)
    for scheduled in dates:
        if scheduled.action is not ScheduledAction.DIGEST:
            actions[scheduled.day].append(scheduled)
    first, last, months = today.replace(day=1), today + HORIZON, []
    while first <= last:
        weeks = [
            [
                CalendarDay(day=day, kind=days.kind(day) if today <= day <= last else None, is_today=day == today,
                    actions=actions[day])
                if day.month == first.month else None
                for day in week
            ]
            for week in Calendar().monthdatescalendar(first.year, first.month)
        ]  # fmt: skip
        months.append(CalendarMonth(first=first, weeks=weeks))
        first = (first + timedelta(days=31)).replace(day=1)
    return months


def summaries_of(dates: Iterable[ScheduledDate]) -> list[ActionSummary]:
    """Each kind of action that has a date, in the order of the letters."""
    kinds: defaultdict[tuple[int, str], list[ScheduledDate]] = defaultdict(list)
    ranks = list(LETTERS)
    for scheduled in dates:
        if scheduled.action in LETTERS:
            kinds[ranks.index(scheduled.action), _name(scheduled)].append(scheduled)
    return [ActionSummary(dates=kinds[kind]) for kind in sorted(kinds)]


def links_of(scheduled: ScheduledDate, *, ended: Callable[[SchoolYear], bool]) -> tuple[Link, ...]:
    """The pages that tell more of a date; ``ended``: True if a school year is over."""
    if scheduled.requests == 0 and scheduled.action is not ScheduledAction.YEAR_END:
        return ()
    match scheduled.action:
        case ScheduledAction.REMINDERS:
            return (HANDOVER if scheduled.mail is Kind.HANDOVER_REMINDER else STALLED,)
        case ScheduledAction.ERASURE:
            return (HANDOVER,)
        case ScheduledAction.REPORTS:
            return (REPORTS,)
    year = scheduled.school_year
    if year is None:
        return ()
    if scheduled.action is ScheduledAction.YEAR_END:
        return (address(f"{YEAR_END_PATH}/apercu", jour=str(scheduled.day)), f"Aperçu de la fin de {year}"), REMOVALS
    if scheduled.action is ScheduledAction.NOTICE:
        return ((WorklistCriteria(states=(StateChoice.LIVE,), year=year).address(), f"Demandes en cours de {year}"),)
    before = SchoolYear(year.start - 1)
    if ended(before):
        return ((f"{YEAR_END_PATH}/{before}/non-renouveles", f"RUPN de {before} non renouvelés"),)
    return ((WorklistCriteria(states=(StateChoice.CODE_ISSUED,), year=before).address(), f"Clés de {before}"),)


@router.get(CLOCK_PATH)
def show_clock(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """Show the date that the server believes, what makes it doubted, and each machine."""
    return _render_clock(request, context, visitor)


@router.post(CLOCK_PATH)
def confirm_date(request: Request, context: Context, visitor: Operator, _: Posted) -> Response:
    """Take an operator's word that the date is right; what waited is done at the next tick (R52)."""
    require_operator(visitor.actor, "confirmer l'horloge")
    app = context.app
    with app.database.write() as connection:
        outcome = confirm_clock(connection, app.hasher, visitor.actor, app.machine, app.clock.now())
    if outcome is None:
        return _render_clock(request, context, visitor, is_wrong=True)
    sentence = "la date est confirmée, ce qui attendait reprend dans la minute" if outcome else "rien n'attendait"
    return context.success_messages.redirect(visitor, CLOCK_PATH, sentence)


def _render_clock(request: Request, context: WebContext, visitor: Visitor, *, is_wrong: bool = False) -> HTMLResponse:
    """The page; ``is_wrong``: the date cannot be right, and nothing was confirmed."""
    app = context.app
    with app.database.read() as connection:
        held, machines = held_clock(connection), nodes(connection, app.clock.now())
    return context.pages.page(
        request, "rectorat/clock.html", visitor, status=422 if is_wrong else 200, held=held, machines=machines,
        is_wrong=is_wrong, gap_words=gap_words, NodeState=NodeState, span=french.span,
        believed_after=believed_after(held.fault) if held else None,
    )  # fmt: skip
