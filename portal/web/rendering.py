"""Pages from their templates, escaped by default and strict about unknown names; static files."""

import gzip
import logging
import re
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import BaseLoader, Environment, PackageLoader
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from notifications.rendering.child import ChildStopped, TooLong, run_in_child
from notifications.rendering.environment import PAGES, Contents, TemplateProblem, TemplatesRefused
from notifications.rendering.markup import BOUND, NBSP
from notifications.rendering.renderer import TEMPLATE_ERRORS, why
from portal.web.environment import environment_of
from portal.web.forms import PagesAround
from portal.web.public_texts import PublicFacts, read_pieces
from portal.web.security import Visitor
from workflow.settings.model import Settings

if TYPE_CHECKING:
    from workflow.app import App

_log = logging.getLogger("oda")

TEXTS: Final = (".css", ".js", ".svg")

A_YEAR: Final = "public, max-age=31536000, immutable"

THEMES: Final = {"system": "Thème du système", "light": "Thème clair", "dark": "Thème sombre"}
"""The themes of the display, by their word in a cookie and in the page; the first is the one of who chose none."""

_AS_TYPED = re.compile(r"<(pre|code|textarea|select|script|style)\b.*?</\1", re.DOTALL)


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
        same = {name: headers[name] for name in ("content-type", "cache-control", "last-modified", "etag")}
        same["etag"] = f"W/{same['etag']}"  # the same file in another coding
        return Response(self._packed[path], headers=same | {"content-encoding": "gzip", "vary": "Accept-Encoding"})


def theme_of(request: Request) -> str:
    """The theme that this browser was told to show."""
    theme = request.cookies.get(request.app.state.context.theme_cookie, "")
    return theme if theme in THEMES else next(iter(THEMES))


def page_problems(settings: Settings) -> list[TemplateProblem]:
    """The errors in the académie's texts of the public pages (R68)."""
    return _tried(settings, read_pieces(settings))


def _tried(settings: Settings, contents: Contents) -> list[TemplateProblem]:
    """Try the texts in a child process, which one that hangs or kills stops alone; without a text, there is none."""
    if not contents.texts:
        return list(contents.problems)
    try:
        problems: list[TemplateProblem] = run_in_child("portal.web.environment:try_pieces", settings, contents)
    except ChildStopped as stopped:
        return [TemplateProblem((settings.templates_folder or Path()) / PAGES / stopped.label, None, stopped.why)]
    return problems


class Pages:
    """Renders pages. ``loaders``: of a demonstration's templates. Raises TemplatesRefused (R68)."""

    def __init__(self, app: "App", *loaders: BaseLoader) -> None:
        self._app = app
        contents = read_pieces(app.settings)
        if problems := _tried(app.settings, contents):
            raise TemplatesRefused(problems)
        calls = {name: f"{{{{ replaced_piece({name!r}, here, home) }}}}" for name in contents.texts}
        self._environment = environment_of(app.settings, calls, loaders, Environment)
        self._environment.globals["replaced_piece"] = _ReplacedPieces(app.settings, contents, self._own_piece)

    def render(self, template: str, **scope: Any) -> str:
        """The page's HTML, in French spacing. ``scope`` holds at least what ``page`` adds."""
        return typographic(self._environment.get_template(template).render(**scope))

    def page(
        self, request: Request, template: str, visitor: "Visitor | None" = None, *, status: int = 200, **scope: Any
    ) -> HTMLResponse:
        """A whole page for this visitor."""
        if getattr(scope.get("form"), "given_back", False):
            status = 200  # nothing was refused
        context = request.app.state.context
        fixed = {
            "visitor": visitor, "path": request.url.path, "today": self.today(), "now": self._app.clock.now(),
            "theme": theme_of(request), "demo": context.demo, "done": context.success_messages.read(request, visitor),
            "around": partial(PagesAround.of, request.url),
        }  # fmt: skip
        response = HTMLResponse(self.render(template, **fixed | scope), status_code=status)
        context.success_messages.forget(request, response)
        if visitor and visitor.uai and visitor.uai == request.query_params.get(context.uai_parameter):
            context.keep_in_view(response, visitor.uai)
        return response

    def _own_piece(self, name: str, here: PublicFacts, home: str) -> str:
        """This software's own text in that place."""
        own = self._environment.overlay(loader=PackageLoader("portal.web"))
        return own.get_template(f"pieces/{name}").render(here=here, home=home)

    def today(self) -> date:
        """The académie's day."""
        return self._app.policy.calendar.today(self._app.clock.now())


class _ReplacedPieces:
    """The académie's own texts of the public pages, each filled once a day for each home of a visitor.

    A child process fills them: one that what the day says makes endless, or immense, stops no page. ``own`` gives the
    text shown in its place, and the service's log says why.
    """

    def __init__(
        self, settings: Settings, contents: Contents, own: Callable[[str, PublicFacts, str], str]
    ) -> None:  # fmt: skip
        self._settings, self._texts, self._own = settings, contents.texts, own
        self._filled: dict[tuple[str, str], tuple[PublicFacts, Markup]] = {}

    def __call__(self, name: str, here: PublicFacts, home: str) -> Markup:
        """The HTML of that text, of the same facts as the last time or anew."""
        facts, filled = self._filled.get((name, home), (None, Markup()))
        if facts != here:
            filled = safe(self._fill(name, here, home))
            self._filled[name, home] = here, filled
        return filled

    def _fill(self, name: str, here: PublicFacts, home: str) -> str:
        fill = "portal.web.environment:fill_piece"
        try:
            text: str = run_in_child(fill, self._settings, name, self._texts[name], here, home)
        except (ChildStopped, TooLong, MemoryError, RecursionError, *TEMPLATE_ERRORS) as error:
            path = (self._settings.templates_folder or Path()) / PAGES / name
            _log.error("text of the académie left out: %s", TemplateProblem(path, None, why(error)))
            return self._own(name, here, home)
        return text


def typographic(html: str) -> str:
    """A page with its no-break spaces: before ``: ; ? !``, inside guillemets, in a date.

    Only in what is read: not in a tag's attributes, nor in what is typed, chosen or copied as it stands. A ``>`` in
    an attribute is written ``&gt;``, as the templates' escaping does.
    """
    as_typed = (match.span() for match in _AS_TYPED.finditer(html))
    start = end = 0
    parts: list[str] = []
    copied = 0
    for match in BOUND.finditer(html):
        at = match.start()
        while end <= at:
            start, end = next(as_typed, (len(html), len(html)))
        if start < at or html.rfind("<", 0, at) > html.rfind(">", 0, at):
            continue
        parts += html[copied:at], NBSP
        copied = at + 1
    return "".join((*parts, html[copied:]))


def safe(text: str) -> Markup:
    """HTML that we made ourselves."""
    return Markup(text)  # noqa: S704 - never given what a person typed
