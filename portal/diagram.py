"""The life of a request as a picture, drawn from the table itself: SVG of our own, or Mermaid by ``transitions``."""

import re
from collections.abc import Iterator
from typing import Any, Final

from portal import chart, drawing
from states.french import de, listing
from states.machine import STATES, TRIGGERS, UNBORN, build
from states.table import BEFORE, TABLE, Transition
from states.vocabulary import Role

TITLE: Final = "La vie d'une demande de clé ODA"
_STYLE: Final = re.compile(r"\s*class", re.IGNORECASE)
"""The library's own colours, in the way of a reader's theme."""


def svg() -> str:
    """The picture as one SVG document, which keeps readable from 375 px wide on."""
    size, body = chart.draw(TITLE)
    return drawing.document(size, TITLE, description(), body)


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
            return STATES[state["name"]].label

        def _transition_label(self, tran: dict[str, Any]) -> str:
            return TRIGGERS[tran["trigger"]].label

        def _get_elements(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            states, transitions = super()._get_elements()
            born = [{**t, "source": "[*]"} if t["source"] == UNBORN else t for t in transitions]
            return [state for state in states if state["name"] != UNBORN], born

    machine: Any = build(GraphMachine, graph_engine="mermaid")
    machine.machine_attributes = {**machine.machine_attributes, "rankdir": "TB"}
    source: str = French(machine).get_graph(title=f"title: {TITLE}").source
    kept = (row.rstrip() for row in source.splitlines() if UNBORN not in row and not _STYLE.match(row))
    return "\n".join(kept) + "\n"
