"""A download holds nothing of the database, and is closed as soon as its reader leaves."""

import asyncio
from typing import Any

import pytest

from portal.web.download import IN_MEMORY, Download
from tests.kit.portal import DRANE, Portal

YEAR_END = "/rectorat/fin-d-annee"
PATHS = (f"{YEAR_END}/apercu/export", f"{YEAR_END}/2026-2027/non-renouveles/export", "/rectorat/retraits/export")


@pytest.mark.parametrize("path", PATHS)
def test_download__holds_no_connection_while_it_is_sent(
    portal: Portal, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[int] = []
    plain = Download.__call__

    async def seen(self: Download, *args: Any) -> None:
        connections.append(portal.app.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        await plain(self, *args)

    monkeypatch.setattr(Download, "__call__", seen)
    answer = portal.client(DRANE).get(path)
    assert (answer.status_code, connections) == (200, [0])
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("size", [10, 2 * IN_MEMORY])
def test_download__is_closed_when_its_reader_leaves(size: int) -> None:
    file = Download(lambda file: file.write(b"a" * size), "a.csv", "text/csv")
    assert file.headers["content-length"] == str(size)

    async def leave(_: object) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        asyncio.run(file({}, leave, leave))  # type: ignore[arg-type]
    assert file._file.closed
