"""The SVG chart of the table: the six states from top to bottom, the ways back on the left, to the end on the right."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from portal import drawing
from portal.drawing import LEADING, action, box, element, line, shown, text
from states.table import BEFORE, TABLE, Transition
from states.vocabulary import LIVE_STATES, Role, State

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
    lines = drawing.height_of([one.trigger.label for one in within(state)], IN_BOX)
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
    yield element("circle", cx=DOWN, cy=72, r=9, fill=drawing.INK)
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
                lines = drawing.height_of([transition.trigger.label], IN_GAP)
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
