"""Fields that several commands share: bounded days and free texts."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from states import refusals
from states.refusals import Reason
from states.validation import text_problem

EARLIEST: Final = refusals.LONG_PAST
"""The first day that people may give."""


def day_problems(field: str, label: str, rule: str, day: date, *, after: date | None = None,
                 before: date | None = None) -> Iterator[Reason]:  # fmt: skip
    """Refuse a day outside its bounds, both included."""
    if (after and day < after) or (before and day > before):
        yield refusals.date_out_of_bounds(field, label, rule, after, before)


def text_problems(field: str, label: str, rule: str, text: str, *, required: bool = True) -> Iterator[Reason]:
    """Refuse a free text that is empty, too long or unreadable."""
    if problem := text_problem(text, required=required):
        yield refusals.bad_field(field, label, problem, rule)


def note_problems(rule: str, note: str, *, required: bool = False) -> Iterator[Reason]:
    """The note beside a reason; some reasons, as « autre raison », say nothing without it (R30, R45)."""
    label = "La précision, nécessaire avec cette raison," if required else "La précision"
    yield from text_problems("note", label, rule, note, required=required)
