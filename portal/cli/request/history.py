"""The history of a request as lines of text: the newest event last, as the journal keeps it (R8)."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from portal.cli.request.paper import Paper
from states import french

if TYPE_CHECKING:
    from workflow.reading.history import EventView


def write_history(paper: Paper, events: "Sequence[EventView]", timezone: tzinfo) -> None:
    """Each event: when, what, from where to where, who, through what, and what was said."""
    paper.section("Histoire")
    for event in events:
        paper.line(f"{event.seq}. {french.instant(event.at, timezone)} : {event.trigger.label}{_move(event)}")
        paper.line(_who(event), 2)
        said = " ; ".join(f"{label} : {value}" for label, value in event.details)
        if said:
            paper.line(said, 2)
        for note in event.notes:
            paper.fact(note.label, "(texte effacé)" if note.body is None else note.body, 2)


def _move(event: "EventView") -> str:
    if event.source is event.target:
        return ""
    if event.source is None:
        return f" → {event.target.label}"
    return f" ({event.source.label} → {event.target.label})"


def _who(event: "EventView") -> str:
    """Who, in which role unless the name already tells it, and how it came in."""
    role = "" if event.role.label in event.actor else f", {event.role.label}"
    return f"par {event.actor}{role} — {event.channel.label}"
