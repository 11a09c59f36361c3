"""The strokes of our own diagrams: a few SVG elements, with marks that do not rely on colour alone."""

from collections.abc import Iterable, Sequence
from html import escape
from textwrap import wrap
from typing import Final

from states.machine import UNBORN
from states.table import Transition
from states.vocabulary import Role, State

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
