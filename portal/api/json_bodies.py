"""Bodies are JSON, and each key is given once: refused before anything is read of them."""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException

from portal.api.problems import Refusal, of_form
from states.validation import storable


async def only_json(request: Request) -> None:
    """Refuse what is not JSON: a form of another site can send nothing here. Raises HTTPException (415).

    A key given twice is refused too: which of its values was meant is anybody's guess (RFC 8259). Raises Refusal.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().casefold() != "application/json":
        raise HTTPException(415)
    with suppress(ValueError, RecursionError):  # what cannot be read has its own refusal
        json.loads(await request.body(), object_pairs_hook=_without_double)


def _without_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        field = storable(double)[:60] or None
        raise Refusal((of_form("form_key_twice", "Cette clé est donnée deux fois", "N'en garder qu'une.", field),), 422)
    return values
