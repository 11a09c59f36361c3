"""Files that a program sends as they are, and those that it takes away, each recorded (R108)."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

from portal.api.auth import ActingOperator, Caller, Installation
from portal.server import widen_for_file
from workflow.journal.security_log import Export, ExportedList, criteria_codes

CSV: Final = "text/csv"

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"

PDF: Final = "application/pdf"

XLS: Final = "application/vnd.ms-excel"

_TAKEN: Final = (CSV, XLSX, ODS, XLS)


async def file_sent(request: Request, caller: ActingOperator) -> bytes:  # noqa: ARG001 (an operator may send more)
    """The file that the body is. Raises HTTPException (415, 413) for what is announced as something else."""
    if request.headers.get("content-type", "").split(";")[0].strip().casefold() not in _TAKEN:
        raise HTTPException(415)
    widen_for_file(request.scope)
    return await request.body()


FileSent = Annotated[bytes, Depends(file_sent)]

_FILE: Final = {"schema": {"type": "string", "format": "binary"}}

FILE_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": dict.fromkeys(_TAKEN, _FILE)}}
"""What the description says of such a body."""


def file_answer(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What the description says of a file that is given."""
    return {200: {"description": "Le fichier.", "content": dict.fromkeys(media_types, _FILE)}}


def leaving(
    context: Installation, caller: Caller, what: ExportedList, content: bytes, *, filename: str, media_type: str,
    rows: int | None = None, criteria: Mapping[str, object] | None = None,
) -> Response:  # fmt: skip
    """The file as a response; that it leaves is recorded, with its filters as codes (R108)."""
    form = filename.rpartition(".")[2].lower()
    export = Export(what=what, format=form, rows=rows, filters=criteria_codes(criteria or {}))
    context.app.export_journal.record(caller.actor, export)
    return attached(content, filename=filename, media_type=media_type)


def attached(content: bytes | Iterable[bytes], *, filename: str, media_type: str) -> Response:
    """The file as a response to keep nowhere."""
    body = content if isinstance(content, bytes) else b"".join(content)
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)
