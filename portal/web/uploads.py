"""A form with a file: read in memory, bounded, and kept nowhere."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from portal.web.security import CSRF_FIELD, comes_from_here, is_same
from portal.web.visitors import AnyVisitor, Forged

LARGEST: Final = 1_000_000
"""Bytes of a whole form. What Starlette puts on a disk is larger, so that nothing is ever written there."""
DRAINED: Final = 50_000_000
"""Bytes that are read to be thrown away: a browser shows no answer while it is still sending."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that one of our pages of this session sent; ``content`` is the file's, empty without one.

    ``too_large``: nothing of it was read.
    """

    fields: FormData
    content: bytes = b""
    too_large: bool = False

    def text(self, name: str) -> str:
        """What was typed in a field; empty when it is missing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


async def uploaded(request: Request, found: AnyVisitor) -> Upload:
    """The form, with the file of its field ``fichier``. Raises Forged, HTTPException."""
    announced = request.headers.get("content-length", "")
    if not announced.isdecimal() or int(announced) > DRAINED:
        raise HTTPException(413)
    if int(announced) > LARGEST:
        async for _ in request.stream():
            pass
        return Upload(FormData(), too_large=True)
    try:
        fields = await request.form(max_files=1, max_fields=20, max_part_size=LARGEST)
    except HTTPException:  # what no browser sends
        raise Forged from None
    file = fields.get("fichier")
    content = await file.read() if isinstance(file, UploadFile) else b""
    await fields.close()
    given = fields.get(CSRF_FIELD)
    if not comes_from_here(request) or not isinstance(given, str) or not is_same(given, found.csrf):
        raise Forged
    return Upload(fields, content)


Uploaded = Annotated[Upload, Depends(uploaded)]
