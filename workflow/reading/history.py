"""A request's history: its events in order, with who, in which role, and the free texts beside them (R8)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from states.actors import Actor
from states.case import Scalar
from states.vocabulary import Channel, Role, State, Trigger
from workflow.installation import ACTOR
from workflow.reading.words import NOTES, details
from workflow.writing import EVENT, NOTE

_STATES = {state.value: state for state in State}
_TRIGGERS = {trigger.value: trigger for trigger in Trigger}
_ROLES = {role.value: role for role in Role}
_CHANNELS = {channel.value: channel for channel in Channel}
ERASED: Final = "(texte effacé)"

_OF_THE_RECTORAT: Final = {
    Trigger.ISSUE_CODE: {"extends", "new_key_confirmed"},
    Trigger.CONFIRM_REMOVAL: {"outcome", "note"},
}
"""What would tell a chef that the person has a key elsewhere (R3, R19)."""


@dataclass(frozen=True, slots=True)
class NoteView:
    """A free text; ``body`` None once it was erased."""

    field: str
    body: str | None

    @property
    def label(self) -> str:
        return NOTES.get(self.field, self.field)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """One event. ``source`` is None at a birth; ``data`` is as the journal keeps it, ``details`` in French."""

    seq: int
    trigger: Trigger
    source: State | None
    target: State
    actor: str
    role: Role
    channel: Channel
    at: datetime
    data: Mapping[str, Scalar]
    notes: tuple[NoteView, ...]

    @property
    def details(self) -> tuple[tuple[str, str], ...]:
        return details(self.trigger, self.data)


def history(connection: Connection, reference: str, scope: Actor) -> tuple[EventView, ...]:
    """Every event of a request, the first one first; the caller has checked that ``scope`` may see it."""
    named = select(EVENT, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == EVENT.c.actor)
    rows = connection.execute(named.where(EVENT.c.stream == reference).order_by(EVENT.c.seq)).all()
    bodies = {
        (note.seq, note.field): note.body for note in connection.execute(select(NOTE).where(NOTE.c.stream == reference))
    }
    return tuple(_event(row, bodies, scope) for row in rows)


def _event(row: Any, bodies: Mapping[tuple[int, str], str], scope: Actor) -> EventView:
    told = json.loads(row.canonical)
    trigger = _TRIGGERS[row.kind]
    hidden = _OF_THE_RECTORAT.get(trigger, set()) if scope.is_establishment else set()
    return EventView(
        seq=row.seq, trigger=trigger, source=_STATES.get(row.from_state), target=_STATES[row.to_state],
        actor=row.label or f"n° {row.actor}", role=_ROLES[row.role], channel=_CHANNELS[told["channel"]], at=row.at,
        data={key: value for key, value in told["data"].items() if key not in hidden},
        notes=tuple(
            NoteView(name, bodies.get((row.seq, name))) for name in sorted(told["notes"]) if name not in hidden
        ),
    )  # fmt: skip
