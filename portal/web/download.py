"""Files made while they are sent, so that their size costs no memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from portal.spreadsheet import MEDIA_TYPE, csv_text
from portal.web.installed import Installed

Row = Sequence[object]


def spreadsheet(
    here: Installed, filename: str, headings: Sequence[str], rows: Callable[[Connection], Iterable[Row]]
) -> StreamingResponse:
    """A CSV file whose rows are read in one transaction, the picture of one instant, as the reader takes them."""

    def read() -> Iterator[Row]:
        with here.house.database.read() as connection:
            yield from rows(connection)

    named = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingResponse(csv_text(headings, read()), media_type=MEDIA_TYPE, headers=named)
