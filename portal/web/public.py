"""The pages that are open to all."""

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from notifications.rendering.papers import blank_first_connection
from notifications.rendering.pdf import compile_paper
from portal import diagrams
from portal.web.context import Context, MaybeVisitor, WebContext
from portal.web.public_texts import PublicFacts
from portal.web.security import Visitor
from workflow.settings.monitoring import DAYS_AHEAD

router = APIRouter(include_in_schema=False)


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
    """How a RUPN connects with a key, the first time and afterwards, and what to do if it fails."""
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
    """Whom to tell of a flaw (RFC 9116); there is no such file without a contact in the settings."""
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
