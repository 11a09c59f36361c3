"""What a page loads beside itself: the State's design system, from its package, and our one style sheet."""

import gzip
import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

OURS: Final = Path(__file__).parent / "static"
TEXTS: Final = (".css", ".js", ".svg")
A_YEAR: Final = "public, max-age=31536000, immutable"


@lru_cache(maxsize=1)
def dsfr_folder() -> Path:
    """The files of the design system, found without importing their package, which would want Django."""
    spec = find_spec("dsfr")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package django-dsfr is not installed")
    return Path(spec.origin).parent / "static" / "dsfr" / "dist"


@lru_cache(maxsize=1)
def dsfr_version() -> str:
    """What stands in the addresses of its files, so that they can be kept for a year."""
    return (dsfr_folder().parent / "dsfr_version").read_text().strip()


@lru_cache(maxsize=1)
def our_version() -> str:
    """The same for our own files: drawn from what they hold."""
    digest = hashlib.sha256()
    for file in sorted(OURS.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class Kept(StaticFiles):
    """Files whose address changes with their content; texts are compressed once, and kept so in memory."""

    def __init__(self, *, directory: Path) -> None:
        super().__init__(directory=directory)
        self._packed: dict[str, bytes] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = A_YEAR
        accepts = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        if accepts and response.status_code == 200 and isinstance(response, FileResponse) and path.endswith(TEXTS):
            return await self._compressed(str(response.path), response.headers)
        return response

    async def _compressed(self, path: str, headers: MutableHeaders) -> Response:
        if path not in self._packed:
            self._packed[path] = await run_in_threadpool(lambda: gzip.compress(Path(path).read_bytes(), 9, mtime=0))
        kept = {name: headers[name] for name in ("content-type", "cache-control", "last-modified", "etag")}
        kept["etag"] = f"W/{kept['etag']}"  # the same file in another coding
        return Response(self._packed[path], headers=kept | {"content-encoding": "gzip", "vary": "Accept-Encoding"})
