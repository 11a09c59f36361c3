"""A body is JSON, and says so: a form of another site can send nothing here."""

from typing import Final

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

_JSON: Final = "application/json"


async def _only_json(request: Request) -> None:
    """Raises HTTPException (415)."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().casefold()
    if kind != _JSON:
        raise HTTPException(415)


only_json: Final = Depends(_only_json)
