"""The life of a request, drawn from the transition table itself: as an SVG picture, in words, and in Mermaid.

The picture is for who keeps the software; the pages show the life of a request in a head of school's words. It is at
most as wide as a telephone, has neither a style element nor a style attribute, which a Content-Security-Policy may
refuse, and its marks do not rely on colour alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from textwrap import wrap
from typing import Any, Final

from notifications.rendering.typography import french_spacing
from states import french
from states.transitions import TABLE, UNBORN, Transition, build
from states.vocabulary import LIVE_STATES, Role, State, Trigger

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
    return tuple(ProcessStage(state=state, onward=_onward(state), beside=_beside(state)) for state in State)


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


def _onward(state: State) -> tuple[Way, ...]:
    order = list(State)
    later = order[order.index(state) + 1 :]
    arrows = {row: [(state, to) for to in later if (state, to) in row.arrows] for row in TABLE if row not in ENDINGS}
    return tuple(_way(row, ways) for row, ways in arrows.items() if ways)


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
            y = _draw_endings(parts, exits, y)
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


def _draw_endings(parts: list[str], exits: list[float], top: float) -> float:
    """The ways to the end, on the right, from every live state; returns the top of the last box."""
    below = _draw_ways(parts, endings(), top + 10, LEFT + 14)
    parts.extend(_line(f"M{LEFT + BOX} {y:g} H{LANE}") for y in exits)
    parts.append(_line(f"M{LANE} {exits[0]:g} V{below + 20:g} H{LEFT + BOX}", arrow=True))
    return below


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
            return State.of(state["name"]).label

        def _transition_label(self, tran: dict[str, Any]) -> str:
            return Trigger.of(tran["trigger"]).label

        def _get_elements(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            states, transitions = super()._get_elements()
            edges = [{**edge, "source": "[*]"} if edge["source"] == UNBORN else edge for edge in transitions]
            return [state for state in states if state["name"] != UNBORN], edges

    machine: Any = build(GraphMachine, graph_engine="mermaid")
    machine.machine_attributes = {**machine.machine_attributes, "rankdir": "TB"}
    source: str = French(machine).get_graph(title=f"title: {TITLE}").source
    rows = (row.rstrip() for row in source.splitlines() if UNBORN not in row and not _LIBRARY_STYLE.match(row))
    return "\n".join(rows) + "\n"
