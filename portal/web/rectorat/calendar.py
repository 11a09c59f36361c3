"""The calendar in picture (R86): a small SVG for each month, so that the page lays them out at any width.

Only presentation attributes: our own Content-Security-Policy would refuse a style. Each kind of day has its pattern or
its sign beside its colour, and each day of action its letters.
"""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from html import escape
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from notifications.vocabulary import Kind
from portal import calendar as agenda
from portal import diagrams as drawing
from portal.calendar import Day, Month, horizon, short
from portal.diagrams import element
from portal.web.dependencies import Context, Rectorat
from portal.web.forms import address
from portal.web.process_diagram import FONT
from portal.web.rectorat.year_end import YEAR_END_PATH, load_years, render_year_end
from portal.web.rendering import safe
from portal.web.worklist.filters import Criteria, StateChoice, Task
from states import french
from states.school_calendar import DayKind, SchoolDays, SchoolYear
from workflow.schedule.reminders import WAITS_FOR_ESTABLISHMENT
from workflow.schedule.upcoming import ScheduledAction, ScheduledDate, upcoming

WIDE, HIGH, HEAD = 24, 31, 16
"""Of a day, and of the line of the weekdays, in units of the view box: on a telephone one is nearly a pixel."""


WIDTH: Final = 7 * WIDE


INITIALS: Final = "LMMJVSD"


QUIET, ACTION, END = "#666666", "#000091", "#b60000"


SHADES: Final = {
    DayKind.WEEKEND: "#e5e5e5", DayKind.SCHOOL_HOLIDAY: "#fdf3c8", DayKind.PUBLIC_HOLIDAY: "#eadcf2",
    DayKind.GIVEN: "#eadcf2", DayKind.UNKNOWN: drawing.PAPER,
}  # fmt: skip


LEGEND: Final = {
    DayKind.WEEKEND: "week-end", DayKind.SCHOOL_HOLIDAY: "vacances scolaires",
    DayKind.PUBLIC_HOLIDAY: "jour férié ou chômé", DayKind.UNKNOWN: "on ne sait pas",
}  # fmt: skip
"""The kinds of days that a sign tells, and its words."""


_OFF: Final = {
    DayKind.SCHOOL_HOLIDAY: "Vacances scolaires", DayKind.PUBLIC_HOLIDAY: "Jours fériés", DayKind.GIVEN: "Jours chômés",
    DayKind.UNKNOWN: "On ne sait pas",
}  # fmt: skip


def picture(month: Month, days: SchoolDays, today: date) -> str:
    """One month. Its days before today, and past the horizon, are only numbers."""
    acting = {one.day: one for one in month.days}
    all_days = _days_of(month.first)
    lead = month.first.weekday()
    parts = [
        drawing.text(((index + 0.5) * WIDE, 11), letter, text_anchor="middle", font_size=9.5, fill=QUIET)
        for index, letter in enumerate(INITIALS)
    ]
    for index, day in enumerate(all_days, lead):
        at = (index % 7 * WIDE, HEAD + index // 7 * HIGH)
        told = today <= day <= horizon(today)
        cell = _cell(day.day, days.kind(day) if told else None, acting.get(day), is_today=day == today)
        parts.append(element("g", cell, transform=f"translate({at[0]} {at[1]})"))
    height = HEAD + (lead + len(all_days) + 6) // 7 * HIGH
    return _document(height, parts, f"mois-{month.anchor}", month.name.capitalize(), description(month, days, today))


def description(month: Month, days: SchoolDays, today: date) -> str:
    """The month in words: its days of action, then its days off."""
    said = [f"Le {one.name} : {french.listing(_labels(one))}." for one in month.days]
    told = [day for day in _days_of(month.first) if today <= day <= horizon(today)]
    for kind, words in _OFF.items():
        if off := [day for day in told if days.kind(day) is kind]:
            said.append(f"{words} : {_periods(off, days)}.")
    if month.first == today.replace(day=1):
        said.append(f"Aujourd'hui : le {short(today)}.")
    return " ".join(said) or "Rien de prévu."


def swatch(kind: DayKind | None = None, letters: str = "", *, is_today: bool = False, ends: bool = False) -> str:
    """One day as the picture draws it, for a legend that says it in words."""
    inside = _cell(12, kind or DayKind.SCHOOL, None, is_today=is_today) if not letters else _action(12, letters, ends)
    size = {"viewBox": f"-1 -1 {WIDE + 2} {HIGH + 2}", "width": WIDE + 2, "height": HIGH + 2}
    return element("svg", inside, aria_hidden="true", focusable="false", font_family=FONT, font_size=11.5, **size)


def _days_of(first: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(monthrange(first.year, first.month)[1])]


def _labels(day: Day) -> list[str]:
    return list(dict.fromkeys(one.mail.label if one.mail else one.action.label for one in day.deeds))


def _periods(off: list[date], days: SchoolDays) -> str:
    """``du 5 au 30``, ``le 1er et le 11``; a week-end or a public holiday in between parts nothing."""
    runs: list[tuple[date, date]] = []
    for day in off:
        between = (runs[-1][1] + timedelta(days=n) for n in range(1, (day - runs[-1][1]).days)) if runs else ()
        if runs and not any(_parts(days.kind(one)) for one in between):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    spans = [(_number(first), _number(last)) for first, last in runs]
    return french.listing([f"le {first}" if first == last else f"du {first} au {last}" for first, last in spans])


def _parts(kind: DayKind) -> bool:
    return kind not in (DayKind.WEEKEND, DayKind.PUBLIC_HOLIDAY, DayKind.GIVEN)


def _number(day: date) -> str:
    return "1er" if day.day == 1 else str(day.day)


def _cell(number: int, kind: DayKind | None, acting: Day | None, *, is_today: bool) -> str:
    """A day at the origin; ``kind`` None is a day that is not told."""
    parts = [_ground(kind)] if kind else []
    if acting and acting.letters:
        ends = any(one.action is ScheduledAction.YEAR_END for one in acting.deeds)
        parts.append(_action(number, acting.letters, ends))
    else:
        parts.append(_middle(str(number), 14, fill=drawing.INK if kind else QUIET))
        if kind is DayKind.UNKNOWN:
            parts.append(_middle("?", 26, fill=QUIET))
    if is_today:
        parts.append(element("rect", x=0.75, y=0.75, width=WIDE - 1.5, height=HIGH - 1.5, fill="none",
                             stroke=drawing.INK, stroke_width=2.25))  # fmt: skip
    return "".join(parts)


def _ground(kind: DayKind) -> str:
    """Its colour, and the sign that says the same without it."""
    box = {"x": 0.75, "y": 0.75, "width": WIDE - 1.5, "height": HIGH - 1.5}
    ground = element("rect", **box, fill=SHADES.get(kind, drawing.PAPER))
    match kind:
        case DayKind.SCHOOL_HOLIDAY:
            lines = "M1 27 L8 20 M3.5 30 L13.5 20 M9 30 L19 20 M14.5 30 L23 21.5 M20 30 L23 27"
            return ground + element("path", d=lines, stroke="#8a6d00", stroke_width=0.9)
        case DayKind.PUBLIC_HOLIDAY | DayKind.GIVEN:
            return ground + element("circle", cx=WIDE / 2, cy=10.2, r=8.6, fill="none", stroke="#6e445a")
        case DayKind.UNKNOWN:
            return element("rect", **box, fill="none", stroke="#929292", stroke_dasharray="2 2")
        case _:
            return ground


def _action(number: int, letters: str, ends: bool) -> str:
    """The number over the letters of what is done; more than two are said by « + », and in words beside."""
    said = letters if len(letters) < 3 else f"{letters[0]}+"
    ground = element("rect", x=2.5, y=2.5, width=WIDE - 5, height=HIGH - 5, rx=2, fill=END if ends else ACTION)
    white = {"fill": drawing.PAPER}
    return ground + _middle(str(number), 14, **white) + _middle(said, 25.5, font_size=10.5, font_weight=700, **white)


def _middle(words: str, y: float, **attributes: object) -> str:
    return drawing.text((WIDE / 2, y), words, text_anchor="middle", **attributes)


def _document(height: int, parts: list[str], name: str, title: str, words: str) -> str:
    content = [
        element("title", escape(title), id=f"{name}-titre"),
        element("desc", escape(words), id=f"{name}-texte"),
        element("g", "".join(parts), font_family=FONT, font_size=11.5),
    ]
    return element(
        "svg", "".join(content), viewBox=f"0 0 {WIDTH} {height}", role="img", class_="oda-month",
        aria_labelledby=f"{name}-titre", aria_describedby=f"{name}-texte",
    )  # fmt: skip


# /rectorat/calendrier: every date of the months to come on which the software will act, listed and drawn (R86).


router = APIRouter(include_in_schema=False)


PLACE = "/rectorat/calendrier"


Link = tuple[str, str]
"""Where to go, and the words that say so."""


HANDOVER: Final = (Criteria(tasks=(Task.HANDOVER,)).address(), "Remises à confirmer")


STALLED: Final = (
    Criteria(states=tuple(StateChoice[one.name] for one in WAITS_FOR_ESTABLISHMENT)).address(),
    "Demandes à poursuivre",
)


REPORTS: Final = (Criteria(tasks=(Task.REPORT,)).address(), "Signalements ouverts")


REMOVALS: Final = ("/rectorat/retraits", "Retraits à faire")
"""Today's lists from which those of a day come."""


@router.get(PLACE)
def showing(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """What the software will do by itself, if nothing changes; nothing is written."""
    app, now = context.app, context.app.clock.now()
    with app.database.read() as connection:
        found = upcoming(connection, app.policy, app.mailer, now)
    today = app.policy.calendar.today(now)
    months = agenda.months(found, today)
    return render_year_end(
        request,
        context,
        visitor,
        "rectorat/calendar.html",
        years=load_years(context),
        found=found,
        months=months,
        Deed=ScheduledAction,
        pictures=[safe(picture(month, app.policy.days, today)) for month in months],
        legend=_legend(),
        brief=agenda.in_brief(found),
        nobody=agenda.concerns_nobody(found),
        links=partial(links_of, ended=partial(app.policy.calendar.has_ended, now=now)),
        unknown=[one for one in found if one.action is ScheduledAction.UNKNOWN],
        last=agenda.horizon(today),
        hour=app.policy.timetable.hour,
    )


def links_of(one: ScheduledDate, *, ended: Callable[[SchoolYear], bool]) -> tuple[Link, ...]:
    """The pages that tell more of a date; ``ended``: whether a school year is over."""
    if one.requests == 0 and one.action is not ScheduledAction.YEAR_END:
        return ()
    match one.action:
        case ScheduledAction.REMINDERS:
            return (HANDOVER if one.mail is Kind.HANDOVER_REMINDER else STALLED,)
        case ScheduledAction.ERASURE:
            return (HANDOVER,)
        case ScheduledAction.REPORTS:
            return (REPORTS,)
    return _of_year(one, one.school_year, ended) if one.school_year else ()


def _of_year(one: ScheduledDate, year: SchoolYear, ended: Callable[[SchoolYear], bool]) -> tuple[Link, ...]:
    before = SchoolYear(year.start - 1)
    if one.action is ScheduledAction.YEAR_END:
        return (address(f"{YEAR_END_PATH}/apercu", jour=str(one.day)), f"Aperçu de la fin de {year}"), REMOVALS
    if one.action is ScheduledAction.NOTICE:
        return ((Criteria(states=(StateChoice.LIVE,), year=year).address(), f"Demandes en cours de {year}"),)
    if ended(before):
        return ((f"{YEAR_END_PATH}/{before}/non-renouveles", f"RUPN de {before} non renouvelés"),)
    return ((Criteria(states=(StateChoice.CODE_ISSUED,), year=before).address(), f"Clés de {before}"),)


def _legend() -> list[tuple[Markup, str]]:
    """What is drawn, and its words."""
    drawn = swatch
    kinds = [(safe(drawn(kind)), words) for kind, words in LEGEND.items()]
    ends = agenda.LETTERS[ScheduledAction.YEAR_END]
    marks = [
        (safe(drawn(letters=letter, ends=letter == ends)), deed.label) for deed, letter in agenda.LETTERS.items()
    ]  # fmt: skip
    return [(safe(drawn(is_today=True)), "aujourd'hui"), *kinds, *marks]
