"""The rates of activated accounts as an SVG picture: two bars a département, and the target (R100).

As wide as a telephone, without style, its marks not relying on colour alone; the page shows the same as a table.
"""

from fractions import Fraction
from html import escape
from typing import Final

from portal.diagrams import FONT, INK, PAPER, element, text
from states import french
from workflow.activation.rates import ActivationTable, Measure, percent_text

WIDTH: Final = 360

SIZE, BAR, ROW = 14, 13, 58
"""Of the text, of a bar, of a département, in units of the view box."""

LEFT, RIGHT = 8, 300
"""Where 0 % and 100 % stand; a rate is written beyond its bar."""

BEFORE, AFTER, TARGET = "#cacafb", "#000091", "#b34000"


def activation_svg(table: ActivationTable, measure: Measure, target: int | None, number: int = 1) -> str:
    """The picture of one measure; ``number`` makes its identifiers different from those of another on the page."""
    parts: list[str] = []
    y = _draw_legend(parts, table, target)
    top = y
    for line in table.all_lines:
        parts.append(text((LEFT, y + 13), line.name, font_weight=700))
        first = line.rate(measure, at_first=True)
        if table.before:
            _draw_bar(parts, y + 19, first, BEFORE, INK)
        _draw_bar(parts, y + (19 + BAR + 3 if table.before else 19), line.rate(measure), AFTER, AFTER)
        y += ROW if table.before else ROW - BAR - 3
    if target is not None:
        parts.append(_target_line(target, top + 16, y - 4))
    title = f"Comptes activés des {measure.label}, par département"
    return _document(round(y + 4), parts, title, _description(table, measure, target), number)


def _draw_legend(parts: list[str], table: ActivationTable, target: int | None) -> float:
    y = 8.0
    legend = [(BEFORE, table.before)] if table.before else []
    for fill, day in [*legend, (AFTER, table.after)]:
        parts.append(element("rect", x=LEFT, y=y, width=BAR, height=BAR, fill=fill, stroke=INK, stroke_width=0.5))
        parts.append(text((LEFT + 20, y + 12), f"au {french.day(day)}" if day else ""))
        y += 20
    if target is not None:
        parts.append(element("path", d=f"M{LEFT + 6} {y} v14", stroke=TARGET, stroke_width=2, stroke_dasharray="4 3"))
        parts.append(text((LEFT + 20, y + 12), f"objectif : {target}\u00a0%"))
        y += 20
    return y + 6


def _draw_bar(parts: list[str], y: float, percent: Fraction | None, fill: str, stroke: str) -> None:
    width = 0.0 if percent is None else float(percent) * (RIGHT - LEFT) / 100
    if width:
        parts.append(
            element("rect", x=LEFT, y=y, width=f"{width:g}", height=BAR, fill=fill, stroke=stroke, stroke_width=0.5)
        )
    parts.append(text((round(LEFT + width + 5, 2), y + 11), percent_text(percent)))


def _target_line(target: int, top: float, bottom: float) -> str:
    x = LEFT + target * (RIGHT - LEFT) / 100
    return element(
        "path", d=f"M{x:g} {top:g} V{bottom:g}", stroke=TARGET, stroke_width=2, stroke_dasharray="4 3", fill="none"
    )


def _description(table: ActivationTable, measure: Measure, target: int | None) -> str:
    """The picture in words, for who does not see it."""
    sentences = [] if target is None else [f"Objectif : {target} %."]
    for line in table.all_lines:
        last = percent_text(line.rate(measure))
        first = f"{percent_text(line.rate(measure, at_first=True))}, puis " if table.before else ""
        sentences.append(f"{line.name} : {first}{last}.")
    return " ".join(sentences)


def _document(height: int, parts: list[str], title: str, description: str, number: int) -> str:
    identifiers = (f"graphique-{number}-titre", f"graphique-{number}-texte")
    content = [
        element("title", escape(title), id=identifiers[0]),
        element("desc", escape(description), id=identifiers[1]),
        element("rect", width="100%", height="100%", fill=PAPER),
        element("g", "\n".join(parts), font_family=FONT, font_size=SIZE, fill=INK),
    ]
    return element(
        "svg", "\n".join(content), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}", width=WIDTH,
        height=height, role="img", aria_labelledby=" ".join(identifiers), lang="fr",
    ) + "\n"  # fmt: skip
