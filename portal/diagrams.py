"""The SVG chart of the table: the six states from top to bottom, the ways back on the left, to the end on the right."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise
from textwrap import wrap
from typing import Any, Final

from states.french import de, listing
from states.transitions import BEFORE, TABLE, UNBORN, Transition, build
from states.vocabulary import LIVE_STATES, Role, State, Trigger

# The strokes of our own diagrams: a few SVG elements, with marks that do not rely on colour alone.


INK, PAPER, LINE = "#161616", "#ffffff", "#3a3a3a"


FONT: Final = "Marianne, 'Liberation Sans', Arial, 'DejaVu Sans Condensed', sans-serif"


SIZE, LEADING = 20, 27
"""Of the text, in the units of the view box: 11 px and more on a telephone 375 px wide."""


MARK_WIDTH = 24


_MARKS: Final = {
    Role.CHEF: '<circle cx="8" cy="0" r="8" fill="#000091"/>',
    Role.OPERATOR: '<rect x="0" y="-8" width="16" height="16" fill="#18753c"/>',
    Role.SCHEDULE: '<path d="M8 -9 L17 8 L-1 8 Z" fill="#b34000"/>',
    Role.CONNECTOR: '<path d="M8 -9 L17 0 L8 9 L-1 0 Z" fill="#6e445a"/>',
}


Point = tuple[float, float]


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """One element; ``_`` in an attribute's name stands for ``-``, an attribute that is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items()
        if value is not None
    )  # fmt: skip
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(at: Point, content: str, **attributes: object) -> str:
    return element("text", escape(content), x=at[0], y=at[1], **attributes)


def box(left: float, top: float, width: float, height: float, **attributes: object) -> str:
    return element("rect", "", x=left, y=top, width=width, height=height, rx=8, **attributes)


def line(*points: Point, arrow: bool = False) -> str:
    """Straight strokes from point to point, with an arrow at the end."""
    path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
    return element("path", d=path, class_="line", marker_end="url(#arrow)" if arrow else None)


def marks(roles: Iterable[Role], at: Point) -> str:
    """The marks of who may act, side by side; ``at`` is the left of the baseline of the text that follows."""
    shown = [role for role in _MARKS if role in set(roles)]
    return "".join(
        element("g", _MARKS[role], transform=f"translate({at[0] + index * MARK_WIDTH:g} {at[1] - 7:g})")
        for index, role in enumerate(shown)
    )


def action(at: Point, label: str, roles: frozenset[Role], width: int) -> tuple[str, int]:
    """What can be done and by whom, on lines of ``width`` characters. Returns the drawing and how many lines."""
    lines = wrap(label, width)
    beside = at[0] + MARK_WIDTH * len(roles) + 2
    drawn = [text((beside, at[1] + index * LEADING), part) for index, part in enumerate(lines)]
    return marks(roles, at) + "".join(drawn), len(lines)


def height_of(labels: Sequence[str], width: int) -> int:
    """How many lines ``labels`` take, each on lines of its own."""
    return sum(len(wrap(label, width)) for label in labels)


def shown(transition: Transition, source: State | None, target: State, drawn: str) -> str:
    """A drawing with the arrow of the table that it shows: a test holds the two together."""
    start = source.value if source else UNBORN
    return element("g", drawn, data_trigger=transition.trigger.value, data_from=start, data_to=target.value)


def document(size: tuple[int, int], title: str, description: str, body: str) -> str:
    """A whole picture that keeps its proportions in any width, and says itself to who cannot see it."""
    style = (
        f"text{{font:{SIZE}px {FONT};fill:{INK}}}.name{{font-weight:700}}.title{{font-weight:700;font-size:26px}}"
        f".line{{fill:none;stroke:{LINE};stroke-width:2}}"
    )
    arrow = element(
        "marker", f'<path d="M0 0 L10 5 L0 10 Z" fill="{LINE}"/>', id="arrow", viewBox="0 0 10 10", refX=9, refY=5,
        markerWidth=8, markerHeight=8, orient="auto-start-reverse",
    )  # fmt: skip
    content = [
        element("title", escape(title), id="diagram-title"),
        element("desc", escape(description), id="diagram-desc"),
        element("style", style),
        element("defs", arrow),
        element("rect", width="100%", height="100%", fill=PAPER),
        body,
    ]
    return element(
        "svg", "\n" + "\n".join(content) + "\n", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {size[0]} {size[1]}",
        role="img", aria_labelledby="diagram-title diagram-desc", lang="fr",
        style=f"width:100%;max-width:{size[0]}px;height:auto",
    ) + "\n"  # fmt: skip


REMARKS: Final = (
    "Corriger le nom ou le prénom après la signature fait revenir à « déléguée ».",
    "Un opérateur peut aussi agir au nom de l'établissement qui l'a sollicité.",
)


LEGEND: Final = {
    Role.CHEF: "le chef d'établissement, ou son adjoint",
    Role.OPERATOR: "un opérateur du rectorat",
    Role.SCHEDULE: "l'échéancier, de lui-même",
    Role.CONNECTOR: "le connecteur du serveur ODA, de lui-même",
}


ANYWHERE: Final = tuple(row for row in TABLE if {(state, state) for state in LIVE_STATES} <= set(row.arrows))
"""What leaves any live request where it stands: told once, not in each state."""


ENDINGS: Final = tuple(row for row in TABLE if len(row.sources) > 1 and {to for _, to in row.arrows} == {State.REVOKED})


WIDTH, LEFT, BOX, GAP, HEAD = 680, 108, 364, 84, 40


DOWN, BUS, STEP = LEFT + 104, LEFT + BOX + 30, 26


IN_BOX, IN_GAP, IN_LANE, IN_NOTE = 31, 22, 11, 58
"""Lengths in units of the view box, then widths of text in characters."""


def within(state: State) -> list[Transition]:
    """What leaves a request in this state, and is not possible in every state."""
    return [line for line in TABLE if (state, state) in line.arrows and line not in ANYWHERE]


def draw(title: str) -> tuple[tuple[int, int], str]:
    """The chart with its title and its legend: its size in units of the view box, and its elements."""
    tops = _tops()
    noted, bottom = _notes(tops[State.REVOKED] + _height(State.REVOKED) + 40)
    parts = [text((24, 40), title, class_="title"), *_births(tops), *_boxes(tops), *_forward(tops)]
    return (WIDTH, bottom), "\n".join([*parts, *_backward(tops), *_endings(tops), *noted])


def _height(state: State) -> int:
    lines = height_of([one.trigger.label for one in within(state)], IN_BOX)
    return HEAD + 8 + lines * LEADING


def _tops() -> dict[State, int]:
    tops, top = {}, 156
    for state in State:
        tops[state] = top
        top += _height(state) + GAP
    return tops


def _label(transition: Transition, at: tuple[float, float], width: int) -> tuple[str, int]:
    return action(at, transition.trigger.label, transition.roles, width)


def _births(tops: dict[State, int]) -> Iterator[str]:
    born = [line for line in TABLE if line.is_birth]
    yield element("circle", cx=DOWN, cy=72, r=9, fill=INK)
    way = line((DOWN, 80), (DOWN, tops[State.DECLARED]), arrow=True)
    for index, transition in enumerate(born):
        drawn, _ = _label(transition, (DOWN + 22, 94 + index * LEADING), IN_BOX)
        yield shown(transition, BEFORE, transition.arrows[0][1], way + drawn)


def _boxes(tops: dict[State, int]) -> Iterator[str]:
    for state, top in tops.items():
        live = state in LIVE_STATES
        fill, stroke = ("#f5f5fe", "#000091") if live else ("#eeeeee", "#3a3a3a")
        yield box(LEFT, top, BOX, _height(state), fill=fill, stroke=stroke, stroke_width=2)
        yield text((LEFT + 18, top + 28), state.label.capitalize(), class_="name", data_state=state.value)
        y = top + HEAD + 20
        for transition in within(state):
            drawn, lines = _label(transition, (LEFT + 18, y), IN_BOX)
            yield shown(transition, state, state, drawn)
            y += lines * LEADING


def _forward(tops: dict[State, int]) -> Iterator[str]:
    for source, target in pairwise(State):
        for transition in TABLE:
            if (source, target) in transition.arrows and transition not in ENDINGS:
                start = tops[source] + _height(source)
                lines = height_of([transition.trigger.label], IN_GAP)
                drawn, _ = _label(transition, (DOWN + 22, start + 60 - 12 * lines), IN_GAP)
                yield shown(transition, source, target, line((DOWN, start), (DOWN, tops[target]), arrow=True) + drawn)


def _backward(tops: dict[State, int]) -> Iterator[str]:
    """Each way back has a lane of its own on the left, the longest outermost."""
    order = {state: position for position, state in enumerate(State)}
    ways = [(line, [a for a in line.arrows if a[0] and order[a[1]] < order[a[0]]]) for line in TABLE]
    found = sorted((way for way in ways if way[1]), key=lambda way: len(way[1]), reverse=True)
    for index, (transition, arrows) in enumerate(found):
        lane, shift = 20 + 62 * index, 16 + 14 * index
        for number, (source, target) in enumerate(arrows):
            if source is None:
                continue
            start, end = tops[source] + shift, tops[target] + shift
            drawn = line((LEFT, start), (lane, start), (lane, end), (LEFT, end), arrow=True)
            if number == 0:
                drawn += _label(transition, (lane + 10, start - 62), 15)[0]
            yield shown(transition, source, target, drawn)


def _endings(tops: dict[State, int]) -> Iterator[str]:
    """The ways to the end, on the right: one lane for those that start from the same states, named where it ends."""
    lanes: dict[tuple[State, ...], list[Transition]] = {}
    for transition in ENDINGS:
        lanes.setdefault(transition.sources, []).append(transition)
    right, end = LEFT + BOX, tops[State.REVOKED]
    for index, (sources, together) in enumerate(sorted(lanes.items(), key=lambda lane: len(lane[0]))):
        lane = BUS + STEP * index
        for source in sources:
            start, stop = tops[source] + 18 + 14 * index, end + 18 + 14 * index
            drawn = line((right, start), (lane, start), (lane, stop), (right, stop), arrow=True)
            yield "".join(shown(one, source, State.REVOKED, drawn if one is together[0] else " ") for one in together)
        at, y = (lane - 150 if index == 0 else lane + 12), end - 38
        for transition in together:
            drawn, lines = _label(transition, (at, y), IN_LANE)
            yield drawn
            y += lines * LEADING + 8


def _notes(top: int) -> tuple[list[str], int]:
    """What is possible anywhere, and who each mark is. Returns the drawings and the bottom of the picture."""
    parts, y = [text((24, top), "À tout moment, sans changer d'état", class_="name")], top + 34
    for transition in ANYWHERE:
        where = "dans tous les états" if State.REVOKED in transition.sources else "avant la révocation"
        drawn, lines = action((24, y), f"{transition.trigger.label}, {where}", transition.roles, IN_NOTE)
        parts.append(
            "".join(shown(transition, s, s, drawn if s is State.DECLARED else " ") for s in transition.sources)
        )
        y += lines * LEADING
    parts.append(text((24, y + 26), "Qui agit", class_="name"))
    y += 60
    for role, words in LEGEND.items():
        parts.append(action((24, y), words, frozenset({role}), IN_NOTE)[0])
        y += LEADING
    for remark in REMARKS:
        drawn, lines = action((22, y + 14), remark, frozenset(), IN_NOTE)
        parts.append(drawn)
        y += lines * LEADING
    return parts, y + 20


# The life of a request as a picture, drawn from the table itself: SVG of our own, or Mermaid by ``transitions``.


TITLE: Final = "La vie d'une demande de clé ODA"


_STYLE: Final = re.compile(r"\s*class", re.IGNORECASE)
"""The library's own colours, in the way of a reader's theme."""


def svg() -> str:
    """The picture as one SVG document, which keeps readable from 375 px wide on."""
    size, body = draw(TITLE)
    return document(size, TITLE, description(), body)


def description() -> str:
    """The whole picture in words, for who does not see it."""
    return " ".join(_sentences())


def _sentences() -> Iterator[str]:
    for transition in TABLE:
        who = listing([role.label for role in Role if role in transition.roles], "ou")
        label = transition.trigger.label
        yield f"{label[0].upper()}{label[1:]} ({who}) : {' ; '.join(_ways(transition))}."


def _ways(transition: Transition) -> Iterator[str]:
    stays = [source.label for source, target in transition.arrows if source is target and source is not BEFORE]
    if stays:
        yield f"sans changer d'état, {listing(stays, 'ou')}"
    for source, target in transition.arrows:
        if source is BEFORE:
            yield f"une demande naît, {target.label}"
        elif source is not target:
            yield f"{de(source.label)} à {target.label}"


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
            born = [{**t, "source": "[*]"} if t["source"] == UNBORN else t for t in transitions]
            return [state for state in states if state["name"] != UNBORN], born

    machine: Any = build(GraphMachine, graph_engine="mermaid")
    machine.machine_attributes = {**machine.machine_attributes, "rankdir": "TB"}
    source: str = French(machine).get_graph(title=f"title: {TITLE}").source
    kept = (row.rstrip() for row in source.splitlines() if UNBORN not in row and not _STYLE.match(row))
    return "\n".join(kept) + "\n"
