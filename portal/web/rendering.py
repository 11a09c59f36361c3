"""Pages from their templates, escaped by default and strict about unknown names; static files."""

import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import BaseLoader, ChoiceLoader, DictLoader, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from notifications.rendering.child import ChildStopped, run_in_child
from notifications.rendering.environment import PAGES, Contents, TemplateProblem, TemplatesRefused
from notifications.rendering.typography import BOUND, NBSP
from portal.exports.workbook import FileFormat
from portal.texts import TRIGGER_TEXTS
from portal.web.public_texts import piece_problems, read_pieces
from states import french
from states.departements import departement_name
from states.refusals import Reason
from states.vocabulary import State, Trigger
from workflow.settings.model import Settings

if TYPE_CHECKING:
    from portal.web.security import Visitor
    from workflow.app import App


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
    """The version in the addresses of its files, so that browsers keep them for a year."""
    return (dsfr_folder().parent / "dsfr_version").read_text().strip()


DARK_STYLE: Final = f"/static/theme/{dsfr_version()}/sombre.css"


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
        same = {name: headers[name] for name in ("content-type", "cache-control", "last-modified", "etag")}
        same["etag"] = f"W/{same['etag']}"  # the same file in another coding
        return Response(self._packed[path], headers=same | {"content-encoding": "gzip", "vary": "Accept-Encoding"})


STEPS = {
    State.DECLARED: "Délégation",
    State.DELEGATED: "Charte",
    State.CHARTER_SIGNED: "Envoi de la demande",
    State.REQUESTED: "Vérification par le rectorat",
    State.CODE_ISSUED: "Mise en service de la clé",
}
"""The step of each state in the design system's stepper; the declaration comes before them."""


THEMES: Final = {"system": "Thème du système", "light": "Thème clair", "dark": "Thème sombre"}
"""The themes of the display, by their word in a cookie and in the page; the first is the one of who chose none."""


def theme_of(request: Request) -> str:
    """The theme that this browser was told to show."""
    theme = request.cookies.get(request.app.state.context.theme_cookie, "")
    return theme if theme in THEMES else next(iter(THEMES))


def environment_of(
    settings: Settings, pieces: Mapping[str, str], loaders: Iterable[BaseLoader] = ()
) -> ImmutableSandboxedEnvironment:
    """The templates with their filters and names, the académie's own texts first.

    ``pieces``: these texts, by their file name; ``loaders``: of a demonstration's templates.
    """
    own = DictLoader({f"pieces/{name}": text for name, text in pieces.items()})
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([own, *loaders, PackageLoader("portal.web")]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    zone = settings.zoneinfo
    environment.filters |= {
        "day": french.day,
        "instant": partial(french.instant, timezone=zone),
        "hour": partial(french.hour, timezone=zone),
        "short_day": lambda value: f"{value:%d/%m/%Y}",
        "local_day": lambda value: value.astimezone(zone).date(),
        "plural": french.plural,
        "de": french.de,
        "capital": french.capital,
        "sentence": sentence_of,
        "family_name": french.family_name_in_capitals,
        "contact_links": contact_links,
        "departement": departement_name,
    }
    environment.globals |= {
        "settings": settings, "portal": settings.portal, "State": State, "Trigger": Trigger,
        "STEPS": STEPS, "TRIGGER_TEXTS": TRIGGER_TEXTS, "dsfr": f"/static/dsfr/{dsfr_version()}", "dark": DARK_STYLE,
        "ours": f"/static/oda/{our_version()}", "academie": french.academy(settings.academie.nom),
        "FileFormat": FileFormat, "proof_lasts": timedelta(minutes=settings.sign_in.step_up_minutes),
    }  # fmt: skip
    return environment


_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")


def sentence_of(reason: Reason, home: str) -> Markup:
    """What a reason says to who has ``home``: with its rule for the rectorat alone, the requests named being links."""
    rule = f" ({reason.rule})" if reason.rule and home != CHEF_HOME else ""
    text = escape(f"{reason.message}{rule}. {reason.remedy}")
    if not home:
        return text
    return Markup(_REFERENCE.sub(rf'<a href="{home}/demandes/\g<0>">\g<0></a>', str(text)))  # noqa: S704 - escaped above


CHEF_HOME: Final = "/etablissement"


def page_problems(settings: Settings) -> list[TemplateProblem]:
    """The errors in the académie's texts of the public pages (R68)."""
    return _tried(settings, read_pieces(settings))


def _tried(settings: Settings, contents: Contents) -> list[TemplateProblem]:
    """Try the texts in a child process, which one that hangs or kills stops alone; without a text, there is none."""
    if not contents.texts:
        return list(contents.problems)
    try:
        problems: list[TemplateProblem] = run_in_child(f"{__name__}:try_pieces", settings, contents)
    except ChildStopped as stopped:
        return [TemplateProblem((settings.templates_folder or Path()) / PAGES / stopped.label, None, stopped.why)]
    return problems


def try_pieces(settings: Settings, contents: Contents) -> list[TemplateProblem]:
    """The errors of texts that were read: what the child process does."""
    return piece_problems(settings, contents, environment_of(settings, contents.texts))


class Pages:
    """Renders pages. ``loaders``: of a demonstration's templates. Raises TemplatesRefused (R68)."""

    def __init__(self, app: "App", *loaders: BaseLoader) -> None:
        self._app = app
        contents = read_pieces(app.settings)
        self._environment = environment_of(app.settings, contents.texts, loaders)
        if problems := _tried(app.settings, contents):
            raise TemplatesRefused(problems)

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
        }  # fmt: skip
        response = HTMLResponse(self.render(template, **fixed | scope), status_code=status)
        context.success_messages.forget(request, response)
        if visitor and visitor.uai and visitor.uai == request.query_params.get(context.uai_parameter):
            context.keep_in_view(response, visitor.uai)
        return response

    def today(self) -> date:
        """The académie's day."""
        return self._app.policy.calendar.today(self._app.clock.now())


_AS_TYPED = re.compile(r"<(pre|code|textarea|select|script|style)\b.*?</\1", re.DOTALL)


def typographic(html: str) -> str:
    """A page with its no-break spaces: before ``: ; ? !``, inside guillemets, in a date.

    Only in what is read: not in a tag's attributes, nor in what is typed, chosen or copied as it stands. A ``>`` in
    an attribute is written ``&gt;``, as the templates' escaping does.
    """
    as_typed = [match.span() for match in _AS_TYPED.finditer(html)]
    parts: list[str] = []
    copied = 0
    for match in BOUND.finditer(html):
        at = match.start()
        if html.rfind("<", 0, at) > html.rfind(">", 0, at) or any(start < at < end for start, end in as_typed):
            continue
        parts += html[copied:at], NBSP
        copied = at + 1
    return "".join((*parts, html[copied:]))


_ADDRESS_OR_NUMBER = re.compile(
    r"(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<number>(?<!\d)(?:\+33|0)(?:[ .\u00a0]?\d){9}(?!\d))"
)
"""An electronic address; a French number of ten digits, however they are grouped."""


def contact_links(text: str) -> Markup:
    """A contact of the settings, escaped, in which an address can be written to and a number called at a touch."""
    parts: list[Markup] = []
    copied = 0
    for match in _ADDRESS_OR_NUMBER.finditer(text):
        scheme = "mailto:" if match["mail"] else "tel:"
        target = match.group() if match["mail"] else re.sub(r"[^\d+]", "", match.group())
        parts += (
            escape(text[copied : match.start()]),
            Markup('<a href="{}{}">{}</a>').format(scheme, target, match.group()),
        )
        copied = match.end()
    return Markup("").join((*parts, escape(text[copied:])))


def safe(text: str) -> Markup:
    """HTML that we made ourselves."""
    return Markup(text)  # noqa: S704 - never given what a person typed
