"""Charts as SVG pictures: bars of two dates, lines of weeks, rates; a table beside each says the same (R99, R100).

A picture is as wide as a telephone, has neither a style element nor a style attribute, which a
Content-Security-Policy may refuse; its colours are those of ``oda.css``, in the dark too, and nothing is told by colour
alone: what is now is filled, what was before is outlined; the second line is dashed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from html import escape
from typing import Final

from portal.diagrams import element, text
from states import french
from workflow.activation.rates import ActivationTable, Measure, percent_text
from workflow.figures.account import FiguresAccount, WeekPoint
from workflow.figures.tables import ACADEMIE, day_of

WIDTH: Final = 360

NAME_WIDTH, BAR_HEIGHT, ROW_HEIGHT, HEAD = 132, 10, 32, 8
"""Of the bars: the names' column, a bar, a row of two, what stands above; in units of the view box."""

VALUE_WIDTH: Final = 44

_BAR_ROOM: Final = WIDTH - NAME_WIDTH - VALUE_WIDTH

PLOT_TOP, PLOT_BOTTOM, PLOT_LEFT, PLOT_RIGHT = 14, 190, 34, 316
"""Of the lines: where they are drawn."""

SMALL_MONTHS: Final = (
    "janv.",
    "févr.",
    "mars",
    "avr.",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture, and its legend: what its filled and its outlined, or its plain and its dashed, shapes are."""

    svg: str
    legend: tuple[str, str]


def declared_chart(account: FiguresAccount) -> Chart:
    """Establishments with a declared RUPN by département, at both dates; the académie's are left to the table."""
    rows = [(name, before.establishments, now.establishments) for name, now, before in account.places()]
    return Chart(
        svg=_bars("Établissements qui ont un RUPN déclaré, par département", rows),
        legend=(day_of(account.now).capitalize(), day_of(account.before).capitalize()),
    )


def weeks_chart(account: FiguresAccount) -> Chart:
    """The académie's establishments with a RUPN and keys in service, week after week."""
    return Chart(
        svg=_lines(f"{ACADEMIE}, {account.now.school_year}, semaine après semaine", account.weeks),
        legend=("Établissements avec un RUPN déclaré", "Clés en service"),
    )


def activation_svg(table: ActivationTable, measure: Measure, target: int | None) -> str:
    """The rates of one measure: a département a row, then the académie; the target is dashed, in per cent."""
    parts: list[str] = []
    has_two_days = table.academie.rate(measure, at_first=True) is not None
    sentences = [] if target is None else [f"Objectif : {target} %."]
    for rank, line in enumerate(table.all_lines):
        top = HEAD + rank * ROW_HEIGHT
        first, last = line.rate(measure, at_first=True), line.rate(measure)
        parts.append(text((0, top + 15), line.name))
        if has_two_days:
            parts += _rate_bar(first, top, "before")
        parts += _rate_bar(last, top + (BAR_HEIGHT + 2 if has_two_days else 5), "now")
        sentences.append(
            f"{line.name} : {f'{percent_text(first)}, puis ' if has_two_days else ''}{percent_text(last)}."
        )
    height = HEAD + len(table.all_lines) * ROW_HEIGHT
    if target is not None:
        x = round(NAME_WIDTH + _BAR_ROOM * target / 100, 1)
        parts.append(element("line", x1=x, x2=x, y1=2, y2=height - 4, class_="oda-chart__line oda-chart__line--before"))
    return _document(f"Comptes activés ({measure.label}), par département", " ".join(sentences), height, parts)


def _rate_bar(percent: Fraction | None, y: float, kind: str) -> list[str]:
    words = text((WIDTH - VALUE_WIDTH + 8, y + 9), percent_text(percent), class_="oda-chart__value")
    width = round(_BAR_ROOM * float(percent or 0) / 100, 1)
    if not width:
        return [words]
    return [element("rect", class_=f"oda-chart__{kind}", x=NAME_WIDTH, y=y, width=width, height=BAR_HEIGHT), words]


def _bars(title: str, rows: Sequence[tuple[str, int, int]]) -> str:
    most = max((max(before, now) for _, before, now in rows), default=0) or 1
    parts = []
    for rank, (name, before, now) in enumerate(rows):
        top = HEAD + rank * ROW_HEIGHT
        parts.append(text((0, top + 15), name))
        for value, y, kind in ((before, top, "before"), (now, top + BAR_HEIGHT + 2, "now")):
            width = round(_BAR_ROOM * value / most, 1)
            bar = {"x": NAME_WIDTH, "y": y, "width": max(width, 0.5), "height": BAR_HEIGHT}
            parts.append(element("rect", class_=f"oda-chart__{kind}", **bar))
            words = french.number(value)
            parts.append(text((NAME_WIDTH + width + 4, y + 9), words, class_="oda-chart__value"))
    described = " ; ".join(f"{name} : {before} puis {now}" for name, before, now in rows)
    return _document(title, described, HEAD + len(rows) * ROW_HEIGHT, parts)


def _lines(title: str, points: Sequence[WeekPoint]) -> str:
    series = [[point.establishments for point in points], [point.in_service for point in points]]
    top = _rounded_up(max((max(values, default=0) for values in series), default=0))
    parts = [*_grid(top), *_months(points)]
    for values, kind in zip(series, ("now", "before"), strict=True):
        places = [(_across(rank, len(points)), _up(value, top)) for rank, value in enumerate(values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(element("polyline", points=path, class_=f"oda-chart__line oda-chart__line--{kind}"))
        if places:
            x, y = places[-1]
            parts.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4, class_=f"oda-chart__end--{kind}"))
    parts += _ends(series, top, len(points))
    last = f"Au {points[-1].day:%d/%m/%Y} : {series[0][-1]} et {series[1][-1]}." if points else "Rien encore."
    return _document(title, f"Établissements avec un RUPN déclaré, et clés en service. {last}", 216, parts)


def _ends(series: Sequence[Sequence[int]], top: int, number: int) -> list[str]:
    """The last value of each line, at its end; two that would touch are moved apart."""
    if not number:
        return []
    places = sorted((_up(values[-1], top), values[-1]) for values in series)
    if places[1][0] - places[0][0] < 14:
        middle = (places[0][0] + places[1][0]) / 2
        places = [(middle - 7, places[0][1]), (middle + 7, places[1][1])]
    x = _across(number - 1, number) + 7
    return [text((x, round(y + 4, 1)), french.number(value), class_="oda-chart__value") for y, value in places]


def _grid(top: int) -> list[str]:
    parts = []
    for value in (0, top // 2, top) if top > 1 else (0, top):
        y = _up(value, top)
        parts.append(element("line", x1=PLOT_LEFT, x2=PLOT_RIGHT, y1=y, y2=y, class_="oda-chart__grid"))
        parts.append(
            text((PLOT_LEFT - 5, y + 4), french.number(value), class_="oda-chart__scale", text_anchor="end")
        )  # fmt: skip
    return parts


def _months(points: Sequence[WeekPoint]) -> list[str]:
    """The names of the months below the first week of each, as many as there is room for."""
    starts: list[tuple[int, date]] = []
    for rank, point in enumerate(points):
        if rank == 0 or point.day.month != points[rank - 1].day.month:
            starts.append((rank, point.day))
    every = -(-len(starts) // 7) if starts else 1
    return [
        text((_across(rank, len(points)), PLOT_BOTTOM + 18), SMALL_MONTHS[day.month - 1], class_="oda-chart__scale")
        for rank, day in starts[::every] if _across(rank, len(points)) < PLOT_RIGHT - 20 or len(points) == 1
    ]  # fmt: skip


def _across(rank: int, number: int) -> float:
    return PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * rank / (number - 1) if number > 1 else PLOT_LEFT


def _up(value: int, top: int) -> float:
    return round(PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * value / (top or 1), 1)


def _rounded_up(value: int) -> int:
    """An even round number that is not below: the top of the scale."""
    step = 2
    while step * 5 < value:
        step *= 5 if str(step)[0] == "2" else 2
    return max(step, -(-value // step) * step)


def _document(title: str, described: str, height: int, parts: Sequence[str]) -> str:
    content = [element("title", escape(title)), element("desc", escape(described)), *parts]
    return element(
        "svg", "\n".join(content), viewBox=f"0 0 {WIDTH} {height}", width=WIDTH, height=height, role="img",
        aria_label=title, class_="oda-chart", focusable="false",
    )  # fmt: skip
