"""The rates of activated accounts as an SVG picture: two bars a département, and the target (R100).

As wide as a telephone, in the classes of ``oda.css`` that the charts of the figures have; the last day is filled, the
first one outlined, the target dashed. A table on the page says the same.
"""

from fractions import Fraction
from html import escape

from portal.diagrams import element, text
from workflow.activation.rates import ActivationTable, Measure, percent_text

WIDTH, NAME_WIDTH, VALUE_WIDTH = 360, 132, 44

BAR_HEIGHT, ROW_HEIGHT, HEAD = 10, 32, 8
"""A bar, a département, what stands above; in units of the view box."""


def has_two_days(table: ActivationTable, measure: Measure) -> bool:
    """Return True when the numbers of this measure are known at the first day too."""
    return table.academie.rate(measure, at_first=True) is not None


def activation_svg(table: ActivationTable, measure: Measure, target: int | None) -> str:
    """The picture of one measure: a département a row, then the académie."""
    parts: list[str] = []
    two_days = has_two_days(table, measure)
    for rank, line in enumerate(table.all_lines):
        top = HEAD + rank * ROW_HEIGHT
        parts.append(text((0, top + 15), line.name))
        if two_days:
            parts += _bar(line.rate(measure, at_first=True), top, "before")
        parts += _bar(line.rate(measure), top + (BAR_HEIGHT + 2 if two_days else 5), "now")
    height = HEAD + len(table.all_lines) * ROW_HEIGHT
    if target is not None:
        x = round(_across(Fraction(target)), 1)
        parts.append(element("line", x1=x, x2=x, y1=2, y2=height - 4, class_="oda-chart__line oda-chart__line--before"))
    title = f"Comptes activés ({measure.label}), par département"
    content = [element("title", escape(title)), element("desc", escape(_description(table, measure, target))), *parts]
    return element(
        "svg", "\n".join(content), viewBox=f"0 0 {WIDTH} {height}", width=WIDTH, height=height, role="img",
        aria_label=title, class_="oda-chart", focusable="false",
    )  # fmt: skip


def _across(percent: Fraction) -> float:
    return NAME_WIDTH + float(percent) * (WIDTH - NAME_WIDTH - VALUE_WIDTH) / 100


def _bar(percent: Fraction | None, y: float, kind: str) -> list[str]:
    end = round(_across(percent or Fraction(0)), 1)
    words = text((WIDTH - VALUE_WIDTH + 8, y + 9), percent_text(percent), class_="oda-chart__value")
    width = round(end - NAME_WIDTH, 1)
    if not width:
        return [words]
    bar = element("rect", class_=f"oda-chart__{kind}", x=NAME_WIDTH, y=y, width=width, height=BAR_HEIGHT)
    return [bar, words]


def _description(table: ActivationTable, measure: Measure, target: int | None) -> str:
    """The picture in words, for who does not see it."""
    two_days = has_two_days(table, measure)
    sentences = [] if target is None else [f"Objectif : {target} %."]
    for line in table.all_lines:
        last = percent_text(line.rate(measure))
        first = f"{percent_text(line.rate(measure, at_first=True))}, puis " if two_days else ""
        sentences.append(f"{line.name} : {first}{last}.")
    return " ".join(sentences)
