"""Copies of the software's code that the migrations need, as it was when they were written.

A migration must do the same for ever, so it imports nothing that goes on changing: these are copies, never updated.
"""

import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on the way in and out, UTC in the database. Raises ValueError on a naive value."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was given where an instant is meant")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_UNDECOMPOSED = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ʼ": " "})


def fold(text: str) -> str:
    """A name without case, accents, hyphens, apostrophes: ``"D'Étienne-Noël"`` is ``"d etienne noel"`` (R17)."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_UNDECOMPOSED)
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in bare).split())


def person_key(nom: str, prenom: str) -> str:
    """Nom and prénom folded, whatever their order: equal for who is presumed the same person (R17)."""
    return " ".join(sorted(f"{fold(nom)} {fold(prenom)}".split()))
