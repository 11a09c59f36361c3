"""The guides of the portal, « Aide »: Markdown files that are read as they are too, with pictures made by the tests."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup
from starlette.exceptions import HTTPException

from portal.web.context import Context, MaybeVisitor, Rectorat, WebContext
from portal.web.rendering import A_YEAR, safe
from portal.web.security import Visitor

router = APIRouter(include_in_schema=False)

FOLDER: Final = Path(__file__).parents[1] / "guides"


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
    return _render(request, context, visitor, CHEF_GUIDE)


@router.get(OPERATOR_GUIDE.address)
def show_operator_guide(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The operators' guide: what the rectorat does concerns the rectorat alone."""
    return _render(request, context, visitor, OPERATOR_GUIDE)


def _render(request: Request, context: WebContext, visitor: Visitor | None, guide: Guide) -> HTMLResponse:
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
