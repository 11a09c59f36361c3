"""Cursors: a page of a listing leads to the next one by its address."""

from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import BaseModel, Field

PREFIX: Final = "/api/v1"
Limit = Annotated[int, Field(ge=1, le=200, description="Combien au plus.")]


def next_page(path: str, wanted: BaseModel, after: object) -> str | None:
    """The address of the page that follows, with the same filters; None at the end."""
    if after is None:
        return None
    asked = wanted.model_dump(mode="json", exclude_defaults=True) | {"after": after}
    pairs = [(name, _text(one)) for name, value in asked.items() for one in _each(value)]
    return f"{PREFIX}/{path}?{urlencode(pairs)}"


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
