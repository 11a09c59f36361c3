"""A file to download, made whole before its first byte leaves: no reader holds the database, however slow (R87)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Final

from anyio import CapacityLimiter, create_task_group, to_thread
from anyio.lowlevel import RunVar
from fastapi import Depends, Query
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from notifications.ports import Clock
from notifications.rendering.papers import Paper, PaperUnmakeable, compile_paper
from portal.exports.spreadsheet_files import FileFormat, TooManyRows, Workbook
from portal.middleware import WITHOUT_BODY
from states.model import Actor
from workflow.database.connection import Database
from workflow.journal.security_log import Export, ExportedList, ExportJournal, filter_codes

IN_MEMORY: Final = 1_000_000
"""Bytes beyond which a file waits on the disk, under no name."""

MADE_AT_ONCE: Final = 1
"""Files being made; who comes next waits without a thread nor a connection, and the pages stay quick."""

PIECE: Final = 64 * 1024

_limiter: Final[RunVar[CapacityLimiter]] = RunVar("downloads")


class Download(Response):
    """The file that ``write`` makes, whole, at once.

    Whoever leaves, or whatever fails, the file is closed at once. ``on_leaving`` records that it leaves, beside its
    first bytes: neither waits for the other (R108).
    """

    def __init__(self, write: Callable[[IO[bytes]], object], filename: str, media_type: str) -> None:
        super().__init__(media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{filename}"'})
        self.on_leaving: Callable[[], None] | None = None
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed once it is sent)
        try:
            write(self._file)
        except BaseException:
            self._file.close()
            raise
        self.headers["Content-Length"] = str(self._file.tell())
        self._file.seek(0)

    def close(self) -> None:
        """Throw away a file that is not to be sent."""
        self._file.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        failure: Exception | None = None
        try:
            async with create_task_group() as tasks:
                if self.on_leaving and WITHOUT_BODY not in scope:
                    tasks.start_soon(to_thread.run_sync, self.on_leaving)
                try:
                    await self._send(send)
                except Exception as error:  # a reader who leaves does not undo what is recorded
                    failure = error
        finally:
            self._file.close()
        if failure:
            raise failure

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while piece := await run_in_threadpool(self._file.read, PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@dataclass(frozen=True, kw_only=True)
class ListExport:
    """A list that somebody takes away, for the journal (R108)."""

    database: Database
    journal: ExportJournal
    actor: Actor
    what: ExportedList

    def recorded(self, download: Download, format: str, *, rows: int | None = None, page: str = "") -> Download:
        """The file, which records its own leaving; ``page``: its page, whose filters are recorded."""
        export = Export(what=self.what, format=format, rows=rows, filters=filter_codes(page))
        download.on_leaving = self.journal.recorder(self.actor, export)
        return download


def workbook_download(export: ListExport, workbook: Workbook, file_format: FileFormat, page: str) -> Download:
    """The workbook as a file of this format. Raises TooManyRows."""
    counted, count = workbook.counted()
    download = Download(partial(counted.write, file_format), workbook.filename(file_format), file_format.media_type)
    return export.recorded(download, file_format.value, rows=count.total, page=page)


def paper_download(export: ListExport, clock: Clock, make: Callable[[], Paper], page: str) -> Download:
    """A paper of figures as a PDF file; an error page when a template of the académie's cannot make it."""
    try:
        paper = make()
        content = compile_paper(paper, clock.now())
    except PaperUnmakeable:
        raise HTTPException(500) from None
    download = Download(lambda file: file.write(content), paper.filename, "application/pdf")
    return export.recorded(download, "pdf", page=page)


async def format_of(chosen: Annotated[str, Query(alias="format", max_length=10)] = "") -> FileFormat:
    """The format of an address; CSV when it says none that is known."""
    return next((member for member in FileFormat if member == chosen), FileFormat.CSV)


ChosenFormat = Annotated[FileFormat, Depends(format_of)]


async def download_list(
    export: ListExport, file_format: FileFormat, workbook_of: Callable[[Connection], Workbook], page: str
) -> Response:  # fmt: skip
    """The list as a file, all of one instant (R92); filters that ``workbook_of`` refuses are told by the page.

    A list that no sheet can hold comes as CSV. ``page``: its address, whose filters are recorded.
    """

    def make() -> Response:
        with export.database.read() as connection:
            try:
                workbook = workbook_of(connection)
            except ValueError:
                return RedirectResponse(page, status_code=303)
            try:
                return workbook_download(export, workbook, file_format, page)
            except TooManyRows:
                return workbook_download(export, workbook_of(connection), FileFormat.CSV, page)

    return await made_in_turn(make)


async def made_in_turn(make: Callable[[], Response]) -> Response:
    """Make it in a thread, once fewer than ``MADE_AT_ONCE`` others are being made."""
    limiter = _limiter.get(None)
    if limiter is None:
        _limiter.set(limiter := CapacityLimiter(MADE_AT_ONCE))
    return await to_thread.run_sync(make, limiter=limiter)
