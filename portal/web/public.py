"""The pages that are open to all: texts, guides (« Aide »), the theme of the display, the reference of the API.

The reference is the very description of the JSON interface, to read and to print, without any script.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from notifications.rendering.papers import blank_first_connection, compile_paper
from portal import diagrams
from portal.web.context import A_YEAR_S, Context, MaybeVisitor, PostedByAnyone, Rectorat, WebContext
from portal.web.environment import DARK_STYLE, dsfr_folder
from portal.web.forms import Field, Shape, blank, filled
from portal.web.public_texts import PublicFacts
from portal.web.rendering import A_YEAR, THEMES, safe, theme_of
from portal.web.security import Visitor
from workflow.settings.infrastructure import DAYS_AHEAD

router = APIRouter(include_in_schema=False)

FOLDER: Final = Path(__file__).parents[1] / "guides"

DISPLAY_PATH: Final = "/affichage"

_DARK: Final = "[data-fr-theme=dark]"

_BY_PREFERENCE: Final = "[data-fr-theme=system]"

_RULE: Final = re.compile(r"(?P<head>[^{}]+)\{(?P<body>[^{}]*)\}|(?P<query>@[^{}]+)\{|(?P<end>\})")
"""What a minified style sheet is made of: a rule, the beginning of a condition on rules, its end."""

REFERENCE_PATH: Final = "/aide/api"

OF_EVERY_ROUTE: Final = ("401", "403", "422", "429", "500", "503")
"""Refusals that any operation may answer, said once at the top."""


@dataclass(frozen=True, kw_only=True)
class TextPage:
    """A page that is one text: its title, and the piece that holds the text."""

    title: str
    piece: str


ACCESSIBILITY: Final = TextPage(title="Déclaration d'accessibilité", piece="accessibilite.html")

LEGAL: Final = TextPage(title="Mentions légales", piece="mentions-legales.html")

PERSONAL_DATA: Final = TextPage(title="Données personnelles", piece="donnees-personnelles.html")

FAMILIES: Final = TextPage(title="Aider les familles", piece="familles.html")

FIRST_CONNECTION: Final = TextPage(title="Première connexion du RUPN", piece="premiere-connexion.html")

CONTACT: Final = TextPage(title="Contact", piece="contact.html")


def _render(
    request: Request, context: WebContext, visitor: Visitor | None, template: str, **scope: Any
) -> HTMLResponse:
    facts = PublicFacts.of(context.app.settings, context.pages.today())
    home = visitor.home if visitor else ""
    return context.pages.page(request, template, visitor, here=facts, home=home, **scope)


@router.get("/")
def home(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The first page of anybody."""
    return _render(request, context, visitor, "public/home.html")


@router.get("/demarche")
def process(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The process in plain words, under its picture."""
    return _render(
        request, context, visitor, "public/process.html", life=diagrams.life()
    )  # fmt: skip


@router.get("/familles")
def families(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The help that families get without any key, and the two ways of assistance."""
    return _render(request, context, visitor, "public/paper.html", paper=FAMILIES)


@router.get("/premiere-connexion")
def first_connection(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The connection of a RUPN with a key, the first time and afterwards, and what to do if it fails."""
    return _render(request, context, visitor, "public/paper.html", paper=FIRST_CONNECTION)


@router.get("/premiere-connexion.pdf")
def print_first_connection(context: Context) -> Response:
    """The same on paper, for anybody (R69)."""
    mailer = context.app.mailer
    paper = blank_first_connection(mailer.mail_context, mailer.wordings)
    headers = {"Content-Disposition": f'inline; filename="{paper.filename}"', "Cache-Control": "public, max-age=3600"}
    content = compile_paper(paper, context.app.clock.now())
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/ressources")
def resources(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The library of the settings: posters, letters, videos for establishments and families."""
    library = context.app.settings.resources.library
    return _render(request, context, visitor, "public/resources.html", library=library)


@router.get("/plan-du-site")
def site_map(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Every page from which this visitor may begin: a second way to find them, beside the menu (RGAA 12.1)."""
    return context.pages.page(request, "public/site_map.html", visitor)


@router.get("/accessibilite")
def accessibility(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The declaration that the law asks for, honest about the audits."""
    return _render(request, context, visitor, "public/paper.html", paper=ACCESSIBILITY)


@router.get("/mentions-legales")
def legal(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The publisher and the host of the portal."""
    return _render(request, context, visitor, "public/paper.html", paper=LEGAL)


@router.get("/donnees-personnelles")
def personal_data(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The data kept, why, how long, who sees them, and everybody's rights."""
    return _render(request, context, visitor, "public/paper.html", paper=PERSONAL_DATA)


@router.get("/.well-known/security.txt")
def security_txt(context: Context) -> Response:
    """The address that is told of a flaw (RFC 9116); there is no such file without a contact in the settings."""
    contact = context.app.settings.security_contact
    if contact.contact is None:
        raise HTTPException(404)
    expires = context.app.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=DAYS_AHEAD)
    lines = [
        f"Contact: {contact.contact if contact.contact.startswith('https:') else f'mailto:{contact.contact}'}",
        f"Expires: {expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: fr, en",
        f"Canonical: {context.settings.address}/.well-known/security.txt",
        *([f"Policy: {contact.policy}"] if contact.policy else []),
    ]
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response("\n".join(lines) + "\n", media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/contact")
def contact(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The people to ask."""
    return _render(request, context, visitor, "public/paper.html", paper=CONTACT)


@dataclass(frozen=True, kw_only=True)
class Guide:
    """A guide: ``name`` is its file's, ``address`` where it is read."""

    name: str
    address: str
    title: str
    purpose: str


CHEF_GUIDE: Final = Guide(
    name="chef", address="/aide/chef", title="La clé ODA de votre RUPN",
    purpose="Pour le chef d'établissement : de la demande à la fin de l'année, en une page à imprimer.",
)  # fmt: skip

OPERATOR_GUIDE: Final = Guide(
    name="operateur", address="/rectorat/aide", title="Le portail au quotidien",
    purpose="Pour les opérateurs du rectorat : vérifier, émettre, répondre, retirer.",
)  # fmt: skip

GUIDES: Final = (CHEF_GUIDE, OPERATOR_GUIDE)


@dataclass(frozen=True, kw_only=True)
class GuideText:
    """A guide as HTML, and its second-level headings for the list of contents: pairs of an anchor and a title."""

    html: Markup
    contents: tuple[tuple[str, str], ...]


@cache
def read_guide(name: str) -> GuideText:
    """The text of a guide, rendered once. Its first line is its title, which the page bears itself."""
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.add_render_rule("image", _picture)
    markdown.add_render_rule("table_open", lambda *_: '<div class="fr-table"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8").partition("\n")[2]
    tokens = markdown.parse(text)
    contents = _anchored(tokens)
    return GuideText(html=safe(markdown.renderer.render(tokens, markdown.options, {})), contents=contents)


def _anchored(tokens: Sequence[Token]) -> tuple[tuple[str, str], ...]:
    """Give each second-level heading the anchor that the list of contents names."""
    contents: list[tuple[str, str]] = []
    for token, following in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = f"partie-{len(contents) + 1}"
            token.attrSet("id", anchor)
            contents.append((anchor, following.content))
    return tuple(contents)


def _picture(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A picture under an address that changes with our files, so that browsers keep it."""
    token = tokens[index]
    token.attrSet("src", str(token.attrGet("src")).replace("images/", f"/aide/images/{pictures_version()}/", 1))
    token.attrSet("class", "oda-picture")
    token.attrSet("loading", "lazy")
    return renderer.image(tokens, index, options, env)


@router.get("/aide")
def show_guides(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The guides that the reader may open."""
    guides = GUIDES if visitor is not None and visitor.is_rectorat else (CHEF_GUIDE,)
    return context.pages.page(request, "public/guides.html", visitor, guides=guides)


@router.get(CHEF_GUIDE.address)
def show_chef_guide(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The chef's guide, on one page that prints."""
    return _render_guide(request, context, visitor, CHEF_GUIDE)


@router.get(OPERATOR_GUIDE.address)
def show_operator_guide(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The operators' guide: what the rectorat does concerns the rectorat alone."""
    return _render_guide(request, context, visitor, OPERATOR_GUIDE)


def _render_guide(request: Request, context: WebContext, visitor: Visitor | None, guide: Guide) -> HTMLResponse:
    return context.pages.page(request, "public/guide.html", visitor, guide=guide, text=read_guide(guide.name))


@router.get("/aide/images/{version}/{name}.png")
def show_picture(version: str, name: str) -> FileResponse:  # noqa: ARG001 - the version makes another address of it
    """A picture of the guides."""
    if name not in pictures():
        raise HTTPException(404)
    headers = {"Cache-Control": A_YEAR}
    return FileResponse(FOLDER / "images" / f"{name}.png", media_type="image/png", headers=headers)


@cache
def pictures() -> frozenset[str]:
    """The names of the pictures."""
    return frozenset(path.stem for path in (FOLDER / "images").glob("*.png"))


@cache
def pictures_version() -> str:
    """The version in the addresses of the pictures, drawn from what they show."""
    record = FOLDER / "images" / "pictures.json"
    return hashlib.sha256(record.read_bytes()).hexdigest()[:12]


def _theme_field(theme: str) -> Field:
    return Field(name="theme", label="Thème", shape=Shape.CHOICE, options=tuple(THEMES.items()), value=theme)


@router.get(DISPLAY_PATH)
def show_display(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The choice of a theme."""
    return context.pages.page(
        request, "public/display.html", visitor, form=blank((_theme_field(theme_of(request)),))
    )  # fmt: skip


@router.post(DISPLAY_PATH)
def choose_theme(request: Request, context: Context, visitor: MaybeVisitor, data: PostedByAnyone) -> Response:
    """Remember the theme in this browser: a preference that names nobody."""
    form = filled((_theme_field(theme_of(request)),), data)
    if not form.is_right:
        return context.pages.page(request, "public/display.html", visitor, status=422, form=form)
    theme = form.values["theme"]
    response = context.success_messages.redirect(
        visitor, DISPLAY_PATH, f"l'affichage est réglé : {THEMES[theme].lower()}"
    )
    context.set_cookie(response, context.theme_cookie, theme, A_YEAR_S)
    return response


@router.get(DARK_STYLE)
def dark_by_preference() -> Response:
    """The dark rules of the design system, for a machine that is in the dark."""
    return Response(dark_rules(), media_type="text/css", headers={"Cache-Control": A_YEAR})


@lru_cache(maxsize=1)
def dark_rules() -> str:
    """The rules of the design system's dark theme, within their conditions, for the machine's preference.

    The design system applies that preference by a script; this style sheet does it by the browser's word.
    """
    rules: list[str] = []
    queries: list[str] = []
    for part in _RULE.finditer((dsfr_folder() / "dsfr.main.min.css").read_text(encoding="utf-8")):
        if part["query"]:
            queries.append(part["query"])
        elif part["end"]:
            queries = queries[:-1]
        elif _DARK in part["head"]:
            selectors = [selector for selector in part["head"].split(",") if _DARK in selector]
            rule = f"{','.join(selectors).replace(_DARK, _BY_PREFERENCE)}{{{part['body']}}}"
            rules.append("".join(f"{query}{{" for query in queries) + rule + "}" * len(queries))
    return "\n".join(rules)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter or a field of a body."""

    name: str
    text: Markup
    is_required: bool


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation, with what it takes, an example of its answer, and its own refusals."""

    anchor: str
    method: str
    path: str
    title: str
    text: Markup
    parameters: Sequence[Parameter]
    body: str
    answer: str
    refusals: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The operations of a tag."""

    anchor: str
    title: str
    text: str
    operations: Sequence[Operation]


@router.get(REFERENCE_PATH)
def show_reference(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Every operation, from the very document that programs read."""
    mounts = (route for route in request.app.routes if isinstance(route, Mount) and route.name == "api")
    api: Any = next(mounts).app
    document: Mapping[str, Any] = api.openapi()
    anyone = next(iter(next(iter(document["paths"].values())).values()))
    return context.pages.page(
        request, "public/api_reference.html", visitor, groups=tuple(_groups(document)),
        address=context.settings.address, prefix=document["servers"][0]["url"],
        common=_refusals(anyone, OF_EVERY_ROUTE),
    )  # fmt: skip


def _groups(document: Mapping[str, Any]) -> Iterator[Group]:
    for rank, tag in enumerate(document["tags"], start=1):
        operations = [
            _operation(document, path, method, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ]
        title = tag["name"][:1].upper() + tag["name"][1:]
        yield Group(anchor=f"groupe-{rank}", title=title, text=tag["description"], operations=operations)


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {})
    schema = document["components"]["schemas"].get(body.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
    fields = [
        Parameter(
            name=name, text=_with_code(member.get("description", "")), is_required=name in schema.get("required", ())
        )
        for name, member in schema.get("properties", {}).items()
    ]
    parameters = [
        Parameter(
            name=parameter["name"], text=_with_code(parameter.get("description", "")),
            is_required=parameter.get("required", False),
        )
        for parameter in operation.get("parameters", [])
    ]  # fmt: skip
    example = next(iter(body.get("examples", {}).values()), None)
    (status,) = (status for status in operation["responses"] if status.startswith("2"))
    answer = operation["responses"][status].get("content", {}).get("application/json", {})
    return Operation(
        anchor=operation["operationId"].replace("_", "-"), method=method.upper(), path=path,
        title=operation["summary"], text=_with_code(operation["description"]), parameters=[*parameters, *fields],
        body=_as_text(example["value"]) if example else "",
        answer=_as_text(answer["example"]) if "example" in answer else "",
        refusals=_refusals(operation, [status for status in operation["responses"] if status not in OF_EVERY_ROUTE]),
    )  # fmt: skip


def _refusals(operation: Mapping[str, Any], statuses: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (status, operation["responses"][status]["description"]) for status in statuses if not status.startswith("2")
    ]


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _with_code(text: str) -> Markup:
    """The sentence with what stands between back quotes as code."""
    parts = text.split("`")
    pieces = (Markup("<code>{}</code>").format(part) if rank % 2 else escape(part) for rank, part in enumerate(parts))
    return Markup("").join(pieces)
