"""The pages of the demonstration: where it starts, who one is, what day it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import BaseLoader, PackageLoader
from starlette.exceptions import HTTPException

from portal.demo.clock import BackgroundLoop
from portal.demo.data import ACTIVE, CHEFS, DEPARTEMENTS, OPERATOR, READER, SCHOOLS, TWO, School
from portal.demo.mail_server import Letter, Mailbox
from portal.texts import done_lines
from portal.web.context import WebContext
from portal.web.dependencies import Context, MaybeVisitor, PostedByAnyone, SignedIn
from portal.web.security import HEADERS
from portal.web.sign_in import delete_cookies, set_session_cookie
from states import french
from states.validation import fold
from states.vocabulary import Role
from workflow.app import App
from workflow.auth.sessions import SessionUser

if TYPE_CHECKING:
    from portal.web.security import Visitor


# What the demonstration adds to the pages: who can be played, what time it is, what the last jumps did.


KEPT: Final = 8


EVENING, MORNING = time(18), time(8)


WORTH: Final = (
    ("à renouveler", "Renouveler le RUPN de l'an dernier"),
    ("charte signée", "Envoyer une demande prête au rectorat"),
    ("renvoyée à la charte", "Reprendre une demande renvoyée par le rectorat"),
    ("code transmis", "Remettre un code et le confirmer"),
    ("remis", "Signaler un changement ou la perte d'une clé"),
)
"""The endings whose establishment the first page proposes, and what there is to do there."""


@dataclass(frozen=True)
class Jump:
    """A move of the clock and what came of it, in French."""

    at: datetime
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A move that the bar proposes."""

    slug: str
    label: str
    at: datetime


@dataclass
class Showing:
    """The demonstration as its bar and its pages see it."""

    app: App
    heart: BackgroundLoop
    mailbox: Mailbox
    examples: Mapping[str, str]
    """An establishment by what there is to see there, as the story left it."""
    kept: bool = False
    jumps: list[Jump] = field(default_factory=list)

    @property
    def loader(self) -> BaseLoader:
        return PackageLoader("portal.demo")

    @property
    def arrived(self) -> int:
        """How many mails the mailbox holds."""
        return len(self.mailbox.received)

    @property
    def schools(self) -> Sequence[tuple[str, list[tuple[str, str]]]]:
        """The chefs that can be played, by département: what the form sends, and what is read."""
        return [
            (
                nom,
                [(f"chef:{one.uai}", f"{_chef(one.uai)} ({one.commune})") for one in ACTIVE if one.departement == key],
            )
            for key, (nom, _) in DEPARTEMENTS.items()
        ]

    @property
    def suggestions(self) -> list[tuple[str, str, str]]:
        """Chefs worth being: what the form sends, what there is to do there, who it is."""
        told = [(f"chef:{self.examples[ending]}", words, _chef(self.examples[ending])) for ending, words in WORTH]
        names = french.listing([one.nom for one in TWO])
        return [*told, ("deux", "Passer d'un établissement à l'autre", f"{CHEFS[TWO[0].uai]}, {names}")]

    def played_by(self, visitor: "Visitor | None") -> str:
        """Who is being played, in a few words."""
        if visitor is None:
            return "un visiteur non connecté"
        if not visitor.is_chef:
            return "un opérateur du rectorat" if visitor.is_operator else "un lecteur (DRANE)"
        return _chef(visitor.uai)

    def session_user(self, who: str) -> SessionUser | None:
        """Whom these words of the form name; None for nobody of the story."""
        if who == "operateur":
            return SessionUser(role=Role.OPERATOR, subject=OPERATOR)
        if who == "lecteur":
            return SessionUser(role=Role.READER, subject=READER)
        kind, _, uai = who.partition(":")
        if kind == "deux":
            return SessionUser(role=Role.CHEF, subject=",".join(sorted(one.uai for one in TWO)), name=CHEFS[TWO[0].uai])
        if kind == "chef" and uai in CHEFS:
            return SessionUser(role=Role.CHEF, subject=uai, name=CHEFS[uai])
        return None

    def targets(self) -> list[Target]:
        """Where the clock can go from now: tomorrow, in a week, to the year's last day, and to the morrow."""
        now, calendar, zone = self.app.clock.now(), self.app.policy.calendar, self.app.settings.zoneinfo
        end = calendar.end_of(calendar.open_years(now)[0])
        last = datetime.combine(end.last_day, EVENING, zone)
        after = datetime.combine(end.last_day + timedelta(days=1), MORNING, zone)
        found = [
            Target("jour", "Avancer d'un jour", now + timedelta(days=1)),
            Target("semaine", "Avancer d'une semaine", now + timedelta(days=7)),
            Target("fin", f"Aller au {french.day(last.date())}", last),
            Target("lendemain", f"Aller au {french.day(after.date())}", after),
        ]
        return [one for one in found if one.at > now]

    def jump(self, slug: str) -> bool:
        """Move the clock; whether there is such a move."""
        target = next((one for one in self.targets() if one.slug == slug), None)
        if target is None:
            return False
        ticked, sent = self.heart.jump(target.at)
        lines = [*done_lines(ticked, sent)]
        lines += [f"La fin de l'année {end.school_year} est retenue : {hold.label}." for end, hold in ticked.new_holds]
        self.jumps.insert(0, Jump(self.app.clock.now(), tuple(lines or ["Rien à faire à cette date."])))
        del self.jumps[KEPT:]
        return True


def _chef(uai: str) -> str:
    school = _school(uai)
    return f"{CHEFS[uai]}, {school.nom}" if school else CHEFS[uai]


def _school(uai: str) -> School | None:
    return next((one for one in SCHOOLS if one.uai == uai), None)


router = APIRouter(prefix="/demonstration", include_in_schema=False)


def showing_of(context: WebContext) -> Showing:
    """The demonstration behind these pages; they are in no application that has none."""
    if not isinstance(context.demo, Showing):
        raise HTTPException(404)
    return context.demo


@router.get("")
def start(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """What there is to see, and what the moves of the clock did."""
    return context.pages.page(request, "demo/start.html", visitor, showing=showing_of(context))


@router.get("/barre.css")
def style() -> Response:
    """The bar's look."""
    css = files("portal.demo").joinpath("bar.css").read_text(encoding="utf-8")
    return Response(css, media_type="text/css")


@router.post("/qui")
def be_somebody(context: Context, form: PostedByAnyone) -> RedirectResponse:
    """Sign in as somebody of the story, or as nobody."""
    who = str(form.get("qui") or "")
    if who == "personne":
        leaving = RedirectResponse("/demonstration", status_code=303)
        delete_cookies(leaving, context)
        return leaving
    session_user = showing_of(context).session_user(who)
    if session_user is None:
        raise HTTPException(422)
    return signed_in(context, session_user, "/etablissement" if session_user.is_establishment else "/rectorat")


@router.post("/temps")
def move(context: Context, signed: SignedIn, form: PostedByAnyone) -> RedirectResponse:
    """Move the clock; whoever was signed in still is, however long it took."""
    if not showing_of(context).jump(str(form.get("pas") or "")):
        raise HTTPException(422)
    place = "/demonstration#temps"
    return signed_in(context, signed[0], place) if signed else RedirectResponse(place, status_code=303)


def signed_in(context: WebContext, session_user: SessionUser, place: str) -> RedirectResponse:
    """Lead there with a new session of this person."""
    with context.app.database.write() as connection:
        secret = context.sessions.open(connection, session_user, context.app.clock.now())
    leading = RedirectResponse(place, status_code=303)
    delete_cookies(leading, context)
    set_session_cookie(leading, context, secret)
    return leading


# The mailbox as pages: the mails that left by SMTP, their text, their look, their files.


PAGE: Final = 40


FRAMED: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-same-origin; frame-ancestors 'self'"
)
"""A mail's HTML carries its own styles, and can do nothing else."""


FRAMING: Final = f"{HEADERS['Content-Security-Policy']}; frame-src 'self'"


router_mailbox_pages = APIRouter(prefix="/demonstration/boite", include_in_schema=False)


@router_mailbox_pages.get("")
def box(
    request: Request,
    context: Context,
    visitor: MaybeVisitor,
    de: str = "",
    page: Annotated[int, Query(ge=1, le=500)] = 1,
) -> HTMLResponse:
    """The mails, the last first; ``de`` keeps those of a recipient or a subject."""
    wanted = fold(de[:100])
    letters = showing_of(context).mailbox.letters(
        lambda one: wanted in fold(f"{one.recipient} {one.subject}") if wanted else True
    )
    shown = letters[(page - 1) * PAGE : page * PAGE]
    return context.pages.page(
        request, "demo/box.html", visitor, letters=shown, count=len(letters), wanted=de[:100], at=page,
        more=page * PAGE < len(letters),
    )  # fmt: skip


@router_mailbox_pages.get("/{number}")
def letter(request: Request, context: Context, visitor: MaybeVisitor, number: int) -> HTMLResponse:
    """One mail, whole."""
    one = _letter(context, number)
    links = [
        (address, address.removeprefix(context.settings.address)) for address in one.links(context.settings.address)
    ]
    shown = context.pages.page(request, "demo/letter.html", visitor, letter=one, links=links, pieces=one.pieces)
    shown.headers["Content-Security-Policy"] = FRAMING
    return shown


@router_mailbox_pages.get("/{number}/html")
def looks(context: Context, number: int) -> HTMLResponse:
    """The mail's HTML, for the frame of its page."""
    return HTMLResponse(_letter(context, number).html, headers={"Content-Security-Policy": FRAMED})


@router_mailbox_pages.get("/{number}/pieces/{rank}")
def piece(context: Context, number: int, rank: int) -> Response:
    """A file that came with the mail."""
    pieces = _letter(context, number).pieces
    if not 0 <= rank < len(pieces):
        raise HTTPException(404)
    name = "".join(char for char in pieces[rank].filename if char.isascii() and (char.isalnum() or char in "-_."))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces[rank].content, media_type=pieces[rank].kind, headers=headers)


def _letter(context: WebContext, number: int) -> Letter:
    found = showing_of(context).mailbox.letter(number)
    if found is None:
        raise HTTPException(404)
    return found
