"""Pictures in SVG: the life of a request, from the transition table itself, and the charts of the figures (R99, R100).

Every picture is at most as wide as a telephone, has neither a style element nor a style attribute, which a
Content-Security-Policy may refuse, and does not rely on colour alone. The life of a request is also given in words and
in Mermaid; its picture is for who keeps the software, as the pages show it in a head of school's words. A chart has a
table beside it that says the same; its colours are those of ``oda.css``, in the dark too: what is now is filled or
plain, what was before is outlined or dashed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from html import escape
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from notifications.rendering.markup import french_spacing
from states import french
from states.transitions import TABLE, UNBORN, Transition, build
from states.vocabulary import LIVE_STATES, Role, State, Trigger

if TYPE_CHECKING:  # the life of a request is drawn without the figures
    from workflow.activation.rates import ActivationTable, Measure
    from workflow.figures.account import FiguresAccount, WeekPoint

TITLE: Final = "La vie d'une demande de clé ODA"

WHO: Final = {
    Role.CHEF: "le chef d'établissement",
    Role.OPERATOR: "le rectorat",
    Role.SCHEDULE: "le portail, de lui-même",
    Role.CONNECTOR: "le connecteur du serveur ODA",
    Role.RUPN: "le RUPN",
}

LEGEND: Final = WHO | {Role.CHEF: "le chef d'établissement, ou son adjoint"}

FOR_CHEFS: Final = {
    State.DECLARED: ("Vous nommez votre RUPN", "Son nom, son prénom, son adresse professionnelle."),
    State.DELEGATED: ("Vous lui déléguez le module", "Dans DelegCE, puis vous l'indiquez ici."),
    State.CHARTER_SIGNED: ("Il signe la charte", "Devant vous ; l'exemplaire reste dans l'établissement."),
    State.REQUESTED: ("Vous envoyez la demande", "Le rectorat la vérifie, ou vous la renvoie en disant pourquoi."),
    State.CODE_ISSUED: ("Le rectorat envoie le code", "Vous le remettez au RUPN, en main propre, et le confirmez."),
    State.REVOKED: ("La clé cesse de servir ici", "À la fin de l'année, ou avant si vous signalez un départ."),
}
"""Each state as a head of school lives it: what was done to come to it, and what goes with it."""

INK, PAPER, LINE = "#161616", "#ffffff", "#3a3a3a"
FONT: Final = "Marianne, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

WIDTH, SIZE, LEADING = 360, 15, 20
"""Of the picture and of its text, in units of the view box: nearly pixels on a telephone 375 px wide."""

LEFT, BOX, LANE, DOWN, MARK_WIDTH = 8, 314, 346, 40, 24

IN_BOX, IN_NOTE = 33, 38
"""Widths of text in characters of the widest font."""

_MARKS: Final = {
    Role.CHEF: '<circle cx="8" cy="0" r="8" fill="#000091"/>',
    Role.OPERATOR: '<rect x="0" y="-8" width="16" height="16" fill="#18753c"/>',
    Role.SCHEDULE: '<path d="M8 -9 L17 8 L-1 8 Z" fill="#b34000"/>',
    Role.CONNECTOR: '<path d="M8 -9 L17 0 L8 9 L-1 0 Z" fill="#6e445a"/>',
    Role.RUPN: '<circle cx="8" cy="0" r="6.5" fill="none" stroke="#161616" stroke-width="3"/>',
}

_LIBRARY_STYLE: Final = re.compile(r"\s*class", re.IGNORECASE)
"""The Mermaid library's own colours, in the way of a reader's theme."""

ANYWHERE: Final = tuple(row for row in TABLE if {(state, state) for state in LIVE_STATES} <= set(row.arrows))
"""Transitions that leave any live request in its state: drawn once, not in each state."""

ENDINGS: Final = tuple(row for row in TABLE if len(row.sources) > 1 and {to for _, to in row.arrows} == {State.REVOKED})
Arrow = tuple[State | None, State]
CHART_WIDTH: Final = 360

NAME_WIDTH, BAR_HEIGHT, ROW_HEIGHT, HEAD = 132, 10, 32, 8
"""Of the bars: the names' column, a bar, a row of two, what stands above; in units of the view box."""

VALUE_WIDTH: Final = 44
_BAR_ROOM: Final = CHART_WIDTH - NAME_WIDTH - VALUE_WIDTH

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
class Way:
    """A transition as one place of the picture shows it. ``effect``: the change of state, empty for the next one."""

    trigger: Trigger
    roles: frozenset[Role]
    arrows: tuple[Arrow, ...]
    effect: str = ""

    @property
    def label(self) -> str:
        return self.trigger.label

    @property
    def who(self) -> str:
        return french.listing([words for role, words in WHO.items() if role in self.roles], "ou")

    @property
    def sentence(self) -> str:
        return f"{self.label} ({self.who}{', ' + self.effect if self.effect else ''})"


@dataclass(frozen=True, kw_only=True)
class ProcessStage:
    """One state: the ways to the next one, and the other ways that leave it there or send it back."""

    state: State
    onward: tuple[Way, ...]
    beside: tuple[Way, ...]


@cache
def stages() -> tuple[ProcessStage, ...]:
    """The six states in the order of a request's life."""
    order = list(State)
    drawn = []
    for state in order:
        later = order[order.index(state) + 1 :]
        arrows = {
            row: [(state, to) for to in later if (state, to) in row.arrows] for row in TABLE if row not in ENDINGS
        }
        onward = tuple(_way(row, ways) for row, ways in arrows.items() if ways)
        drawn.append(ProcessStage(state=state, onward=onward, beside=_beside(state)))
    return tuple(drawn)


@dataclass(frozen=True, kw_only=True)
class LifeStep:
    """A state in a head of school's words. ``by_rectorat``: its step is not the establishment's to take."""

    state: State
    title: str
    details: str
    by_rectorat: bool


@cache
def life() -> tuple[LifeStep, ...]:
    """The six states in the order of a request's life, for who does not know them by their names."""
    reaching = {State.DECLARED: births()}
    reaching |= {later.state: stage.onward for stage, later in pairwise(stages())}
    return tuple(
        LifeStep(
            state=state, title=title, details=details,
            by_rectorat=not any(Role.CHEF in way.roles for way in reaching[state]),
        )
        for state, (title, details) in FOR_CHEFS.items()
    )  # fmt: skip


@cache
def births() -> tuple[Way, ...]:
    """The ways in which a request begins."""
    return tuple(_way(row) for row in TABLE if row.is_birth)


@cache
def endings() -> tuple[Way, ...]:
    """The ways in which a request ends, with their sources unless these are all the live states."""
    return tuple(_way(row, effect="" if set(row.sources) == set(LIVE_STATES) else _where(row)) for row in ENDINGS)


@cache
def anywhere() -> tuple[Way, ...]:
    """The ways that any request admits without a change of state."""
    return tuple(_way(row, effect=_where(row)) for row in ANYWHERE)


def _way(row: Transition, arrows: Iterable[Arrow] = (), effect: str = "") -> Way:
    return Way(trigger=row.trigger, roles=row.roles, arrows=tuple(arrows) or tuple(row.arrows), effect=effect)


def _beside(state: State) -> tuple[Way, ...]:
    order = list(State)
    ways = []
    for row in TABLE:
        targets = [to for source, to in row.arrows if source is state and order.index(to) <= order.index(state)]
        if row in ANYWHERE or not targets:
            continue
        back = [f"« {to.label} »" for to in targets if to is not state]
        effect = f"{'parfois ' if state in targets else ''}retour à {french.listing(back, 'ou')}" if back else ""
        ways.append(_way(row, [(state, to) for to in targets], effect))
    return tuple(ways)


def _where(row: Transition) -> str:
    if set(row.sources) == set(State):
        return "dans tous les états"
    if set(row.sources) == set(LIVE_STATES):
        return "avant la révocation"
    first_outside = next(state for state in LIVE_STATES if state not in row.sources)
    return f"avant « {first_outside.label} »"


def description() -> str:
    """The picture in words, for who does not see it."""
    sentences = [f"{_capital(way.label)} : {way.who}." for way in births()]
    for stage in stages():
        ways = " ; ".join(way.sentence for way in (*stage.onward, *stage.beside))
        sentences.append(f"État « {stage.state.label} » : {ways or 'fin'}.")
    sentences += [f"{_capital(way.sentence)}." for way in (*endings(), *anywhere())]
    return " ".join(sentences)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """One SVG element; ``_`` in an attribute's name stands for ``-``, an attribute that is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items()
        if value is not None
    )  # fmt: skip
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(at: tuple[float, float], content: str, **attributes: object) -> str:
    """One line of text, from its left on its baseline."""
    return element("text", escape(content), x=at[0], y=at[1], **attributes)


@cache
def svg() -> str:
    """The whole picture, an SVG document with its title and its description."""
    parts: list[str] = [element("circle", cx=DOWN, cy=14, r=8, fill=INK)]
    y = _draw_ways(parts, births(), 30, DOWN + 18)
    parts.append(_down(22, y + 2))
    exits: list[float] = []
    y += 4
    for stage in stages():
        if stage.state is State.REVOKED:
            below = _draw_ways(parts, endings(), y + 10, LEFT + 14)  # to the end, on the right, from every live state
            parts.extend(_line(f"M{LEFT + BOX} {place:g} H{LANE}") for place in exits)
            parts.append(_line(f"M{LANE} {exits[0]:g} V{below + 20:g} H{LEFT + BOX}", arrow=True))
            y = below
        if stage.state in LIVE_STATES:
            exits.append(y + 20)
        y = _draw_stage(parts, stage, y)
        if stage.onward:
            below = _draw_ways(parts, stage.onward, y + 26, DOWN + 18)
            parts.append(_down(y, below + 2))
            y = below + 4
        elif stage.state is not State.REVOKED:
            y += 24
    return _document(round(_draw_notes(parts, y + 34)), parts)


def _draw_stage(parts: list[str], stage: ProcessStage, top: float) -> float:
    """A state's box; returns its bottom."""
    inside = [text((LEFT + 14, top + 25), _capital(stage.state.label), font_weight=700)]
    bottom = top + 34
    if stage.beside:
        bottom = _draw_ways(inside, stage.beside, top + 50, LEFT + 14) - 4
    fill, stroke = ("#f5f5fe", "#000091") if stage.state in LIVE_STATES else ("#eeeeee", "#3a3a3a")
    frame = element(
        "rect", x=LEFT, y=top, width=BOX, height=bottom - top + 6, rx=8, fill=fill, stroke=stroke, stroke_width=1.5
    )
    parts.append(element("g", frame + "".join(inside), data_state=stage.state.value))
    return bottom + 6


def _draw_ways(parts: list[str], ways: tuple[Way, ...], y: float, x: float, width: int = IN_BOX) -> float:
    """Ways one under the other, each with the marks of its roles; returns the baseline after the last.

    Each arrow of the table has its group, the first with the drawing: a test holds the two together.
    """
    for way in ways:
        label = f"{way.label} ({way.effect})" if way.effect else way.label
        marks = len(way.roles & _MARKS.keys())  # a deputy has that of the chef
        lines = wrap(french_spacing(label), width - 3 * marks)
        beside = x + MARK_WIDTH * marks
        drawing = _marks(way.roles, x, y) + "".join(
            text((beside, y + index * LEADING), line) for index, line in enumerate(lines)
        )
        for index, (source, target) in enumerate(way.arrows):
            start = source.value if source else UNBORN
            content = " " if index else drawing
            parts.append(element("g", content, data_trigger=way.trigger.value, data_from=start, data_to=target.value))
        y += len(lines) * LEADING
    return y


def _marks(roles: Iterable[Role], x: float, baseline: float) -> str:
    """The marks of who may act, side by side, before a text on this baseline."""
    drawn = [mark for role, mark in _MARKS.items() if role in set(roles)]
    return "".join(
        element("g", mark, transform=f"translate({x + index * MARK_WIDTH:g} {baseline - 5:g})")
        for index, mark in enumerate(drawn)
    )


def _draw_notes(parts: list[str], y: float) -> float:
    """The ways that exist anywhere, and the meaning of each mark; returns the bottom."""
    parts.append(text((LEFT, y), "À tout moment, sans changer d'état", font_weight=700))
    y = _draw_ways(parts, anywhere(), y + 26, LEFT, IN_NOTE)
    parts.append(text((LEFT, y + 14), "Qui agit", font_weight=700))
    y += 40
    for role, words in LEGEND.items():
        parts += [_marks({role}, LEFT, y), text((LEFT + MARK_WIDTH, y), words)]
        y += LEADING + 4
    return y


def _down(top: float, bottom: float) -> str:
    return _line(f"M{DOWN} {top:g} V{bottom:g}", arrow=True)


def _line(path: str, *, arrow: bool = False) -> str:
    end = "url(#arrow)" if arrow else None
    return element("path", d=path, fill="none", stroke=LINE, stroke_width=1.5, marker_end=end)


def _document(height: int, parts: list[str]) -> str:
    arrow = element(
        "marker", element("path", d="M0 0 L10 5 L0 10 Z", fill=LINE), id="arrow", viewBox="0 0 10 10", refX=9, refY=5,
        markerWidth=8, markerHeight=8, orient="auto-start-reverse",
    )  # fmt: skip
    content = [
        element("title", escape(TITLE), id="schema-titre"),
        element("desc", escape(description()), id="schema-texte"),
        element("defs", arrow),
        element("rect", width="100%", height="100%", fill=PAPER),
        element("g", "\n".join(parts), font_family=FONT, font_size=SIZE, fill=INK),
    ]
    return element(
        "svg", "\n".join(content), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH, height=height, role="img", aria_labelledby="schema-titre schema-texte", lang="fr",
    ) + "\n"  # fmt: skip


def mermaid() -> str:
    """The same life in Mermaid's language, by the library that declares the graph; it needs no Graphviz."""
    from transitions.extensions import GraphMachine
    from transitions.extensions.diagrams_mermaid import Graph

    class French(Graph):
        """The library's graph with our labels, and its outside in place of the pseudo-state."""

        def _convert_state_attributes(self, state: dict[str, Any]) -> str:
            return State(state["name"]).label

        def _transition_label(self, tran: dict[str, Any]) -> str:
            return Trigger(tran["trigger"]).label

        def _get_elements(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            states, transitions = super()._get_elements()
            edges = [{**edge, "source": "[*]"} if edge["source"] == UNBORN else edge for edge in transitions]
            return [state for state in states if state["name"] != UNBORN], edges

    machine: Any = build(GraphMachine, graph_engine="mermaid")
    machine.machine_attributes = {**machine.machine_attributes, "rankdir": "TB"}
    source: str = French(machine).get_graph(title=f"title: {TITLE}").source
    rows = (row.rstrip() for row in source.splitlines() if UNBORN not in row and not _LIBRARY_STYLE.match(row))
    return "\n".join(rows) + "\n"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture, and its legend: what its filled and its outlined, or its plain and its dashed, shapes are."""

    svg: str
    legend: tuple[str, str]


def declared_chart(account: "FiguresAccount") -> Chart:
    """Establishments with a declared RUPN by département, at both dates; the académie's are left to the table."""
    from workflow.figures.tables import day_of

    rows = [(name, before.establishments, now.establishments) for name, now, before in account.places()]
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
    title = "Établissements qui ont un RUPN déclaré, par département"
    described = " ; ".join(f"{name} : {before} puis {now}" for name, before, now in rows)
    return Chart(
        svg=_chart_document(title, described, HEAD + len(rows) * ROW_HEIGHT, parts),
        legend=(day_of(account.now).capitalize(), day_of(account.before).capitalize()),
    )


def weeks_chart(account: "FiguresAccount") -> Chart:
    """The académie's establishments with a RUPN and keys in service, week after week."""
    from workflow.figures.tables import ACADEMIE

    points = account.weeks
    series = [[point.establishments for point in points], [point.in_service for point in points]]
    top = _rounded_up(max((max(values, default=0) for values in series), default=0))
    parts: list[str] = []
    for value in (0, top // 2, top) if top > 1 else (0, top):
        y = _up(value, top)
        parts.append(element("line", x1=PLOT_LEFT, x2=PLOT_RIGHT, y1=y, y2=y, class_="oda-chart__grid"))
        scale = text((PLOT_LEFT - 5, y + 4), french.number(value), class_="oda-chart__scale", text_anchor="end")
        parts.append(scale)
    parts += _months(points)
    for values, kind in zip(series, ("now", "before"), strict=True):
        places = [(_across(rank, len(points)), _up(value, top)) for rank, value in enumerate(values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(element("polyline", points=path, class_=f"oda-chart__line oda-chart__line--{kind}"))
        if places:
            x, y = places[-1]
            parts.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4, class_=f"oda-chart__end--{kind}"))
    parts += _ends(series, top, len(points))
    last = f"Au {points[-1].day:%d/%m/%Y} : {series[0][-1]} et {series[1][-1]}." if points else "Rien encore."
    title = f"{ACADEMIE}, {account.now.school_year}, semaine après semaine"
    described = f"Établissements avec un RUPN déclaré, et clés en service. {last}"
    return Chart(
        svg=_chart_document(title, described, 216, parts),
        legend=("Établissements avec un RUPN déclaré", "Clés en service"),
    )


def activation_svg(table: "ActivationTable", measure: "Measure", target: int | None) -> str:
    """The rates of one measure: a département a row, then the académie; the target is dashed, in per cent."""
    from workflow.activation.rates import percent_text

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
    return _chart_document(f"Comptes activés ({measure.label}), par département", " ".join(sentences), height, parts)


def _rate_bar(percent: Fraction | None, y: float, kind: str) -> list[str]:
    from workflow.activation.rates import percent_text

    words = text((CHART_WIDTH - VALUE_WIDTH + 8, y + 9), percent_text(percent), class_="oda-chart__value")
    width = round(_BAR_ROOM * float(percent or 0) / 100, 1)
    if not width:
        return [words]
    return [element("rect", class_=f"oda-chart__{kind}", x=NAME_WIDTH, y=y, width=width, height=BAR_HEIGHT), words]


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


def _months(points: "Sequence[WeekPoint]") -> list[str]:
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


def _chart_document(title: str, described: str, height: int, parts: Sequence[str]) -> str:
    content = [element("title", escape(title)), element("desc", escape(described)), *parts]
    return element(
        "svg", "\n".join(content), viewBox=f"0 0 {CHART_WIDTH} {height}", width=CHART_WIDTH, height=height, role="img",
        aria_label=title, class_="oda-chart", focusable="false",
    )  # fmt: skip
