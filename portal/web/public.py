"""The pages that are open to all."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from portal.web import process_diagram as process
from portal.web import process_diagram as process_drawing
from portal.web.context import WebContext
from portal.web.dependencies import Context, MaybeVisitor
from portal.web.public_texts import PublicFacts
from portal.web.security import Visitor

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A page that is one text: its title, and the piece that holds the text."""

    title: str
    piece: str


ACCESSIBILITY: Final = Paper(title="Déclaration d'accessibilité", piece="accessibilite.html")


LEGAL: Final = Paper(title="Mentions légales", piece="mentions-legales.html")


PERSONAL_DATA: Final = Paper(title="Données personnelles", piece="donnees-personnelles.html")


CONTACT: Final = Paper(title="Contact", piece="contact.html")


AN_HOUR: Final = "public, max-age=3600"


def _page(request: Request, context: WebContext, visitor: Visitor | None, template: str, **more: Any) -> HTMLResponse:
    facts = PublicFacts.of(context.app.settings, context.pages.today())
    home = visitor.home if visitor else ""
    return context.pages.page(request, template, visitor, here=facts, home=home, **more)


@router.get("/")
def home(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Where anybody starts."""
    return _page(request, context, visitor, "public/home.html")


@router.get("/demarche")
def how_it_goes(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The process in plain words, with its picture and the same in a list."""
    return _page(request, context, visitor, "public/process.html", process=process, drawing=process_drawing)


@router.get("/demarche/schema.svg")
def picture() -> Response:
    """The picture of the process, drawn from the table that the software applies."""
    return Response(process_drawing.picture(), media_type="image/svg+xml", headers={"Cache-Control": AN_HOUR})


@router.get("/accessibilite")
def accessibility(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The declaration that the law asks for, honest about what was audited."""
    return _page(request, context, visitor, "public/paper.html", paper=ACCESSIBILITY)


@router.get("/mentions-legales")
def legal(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Who publishes and hosts the portal."""
    return _page(request, context, visitor, "public/paper.html", paper=LEGAL)


@router.get("/donnees-personnelles")
def personal_data(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """What is kept, why, how long, who sees it, and everybody's rights."""
    return _page(request, context, visitor, "public/paper.html", paper=PERSONAL_DATA)


@router.get("/contact")
def contact(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Whom to ask."""
    return _page(request, context, visitor, "public/paper.html", paper=CONTACT)
