"""The pages of the demonstration: its bar, where it starts, what day it is, and everybody's mailbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import BaseLoader, PackageLoader
from sqlalchemy import select
from starlette.exceptions import HTTPException

from portal.demo.data import ACTIVE, CHEFS, DEPARTEMENTS, NEWCOMER, OPERATOR, READER, SCHOOLS, TWO, BackgroundLoop
from portal.demo.mail_server import Letter, Mailbox
from portal.middleware import HEADERS
from portal.texts import done_lines
from portal.web.context import Context, MaybeVisitor, PostedByAnyone, SignedIn, WebContext
from portal.web.sign_in import HOMES
from portal.web.sign_in_browser import delete_cookies, set_session_cookie
from states import french
from states.validation import fold
from states.vocabulary import Role
from workflow.app import App
from workflow.auth.sessions import SessionUser
from workflow.database.tables import REQUEST

if TYPE_CHECKING:
    from portal.web.security import Visitor


_JUMPS_KEPT: Final = 8
_LETTERS_A_PAGE: Final = 40
_EVENING, _MORNING = time(18), time(8)

_SUGGESTED: Final = (
    ("à renouveler", "Renouveler le RUPN de l'an dernier"),
    ("charte signée", "Envoyer une demande prête au rectorat"),
    ("renvoyée à la charte", "Reprendre une demande renvoyée par le rectorat"),
    ("code transmis", "Remettre un code et le confirmer"),
    ("remis", "Demander un nouveau code, signaler un changement"),
)
"""The scenarios whose establishment the first page proposes, and what there is to do there."""

_LETTER_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-same-origin; frame-ancestors 'self'"
)
"""A mail's HTML carries its own styles, and can do nothing else."""

_FRAMING_POLICY: Final = f"{HEADERS['Content-Security-Policy']}; frame-src 'self'"


@dataclass(frozen=True)
class Jump:
    """A move of the clock and what came of it, in French."""

    at: datetime
    lines: tuple[str, ...]


@dataclass(frozen=True)
class JumpTarget:
    """A move that the first page proposes."""

    slug: str
    label: str
    at: datetime


@dataclass
class DemoView:
    """The demonstration as its bar and its pages see it; ``examples`` is a UAI for each scenario."""

    app: App
    loop: BackgroundLoop
    mailbox: Mailbox
    examples: Mapping[str, str]
    is_permanent: bool = False
    jumps: list[Jump] = field(default_factory=list)

    @property
    def loader(self) -> BaseLoader:
        return PackageLoader("portal.demo")

    @property
    def arrived(self) -> int:
        """The number of mails in the mailbox."""
        return len(self.mailbox.received)

    @property
    def schools(self) -> Sequence[tuple[str, list[tuple[str, str]]]]:
        """The chefs that can be played, by département: what the form sends, and what is read."""
        return [
            (
                name,
                [
                    (f"chef:{school.uai}", f"{_chef(school.uai)} ({school.commune})")
                    for school in ACTIVE
                    if school.departement == departement
                ],
            )
            for departement, (name, _) in DEPARTEMENTS.items()
        ]

    @property
    def suggestions(self) -> list[tuple[str, str, str]]:
        """Chefs worth being: what the form sends, what there is to do there, who it is."""
        suggestions = [(f"chef:{self.examples[name]}", words, _chef(self.examples[name])) for name, words in _SUGGESTED]
        names = french.listing([school.nom for school in TWO])
        first_visit = (f"chef:{NEWCOMER.uai}", "Faire une première demande", _chef(NEWCOMER.uai))
        return [
            first_visit,
            *suggestions,
            ("deux", "Passer d'un établissement à l'autre", f"{CHEFS[TWO[0].uai]}, {names}"),
            ("rupn", "Lire où en est sa clé, dire que ce n'est plus soi", f"le RUPN, {self._rupn()}"),
        ]

    def played_by(self, visitor: "Visitor | None") -> str:
        """The person that is played, in a few words; who signed in by a mail's link gave a name of their own."""
        if visitor is None:
            return "un visiteur non connecté"
        if visitor.is_rupn:
            return f"un RUPN, {visitor.session_user.subject}"
        if not visitor.is_chef:
            return "un opérateur du rectorat" if visitor.is_operator else "un lecteur (DRANE)"
        name = visitor.actor.name
        return _chef(visitor.uai) if name in ("", CHEFS.get(visitor.uai)) else f"{name} ({visitor.uai})"

    def session_user(self, form_value: str) -> SessionUser | None:
        """The person that the form names; None for nobody of the story."""
        kind, _, uai = form_value.partition(":")
        if form_value == "operateur":
            return SessionUser(role=Role.OPERATOR, subject=OPERATOR)
        if form_value == "lecteur":
            return SessionUser(role=Role.READER, subject=READER)
        if form_value == "rupn":
            return SessionUser(role=Role.RUPN, subject=self._rupn())
        if kind == "deux":
            subject = ",".join(sorted(school.uai for school in TWO))
            return SessionUser(role=Role.CHEF, subject=subject, name=CHEFS[TWO[0].uai])
        if kind == "chef" and uai in CHEFS:
            return SessionUser(role=Role.CHEF, subject=uai, name=CHEFS[uai])
        return None

    def _rupn(self) -> str:
        """The address of a RUPN whose code is to be handed over."""
        school = self.examples["code transmis"]
        of_school = select(REQUEST.c.folded_mail).where(REQUEST.c.uai == school).order_by(REQUEST.c.reference.desc())
        with self.app.database.read() as connection:
            return str(connection.execute(of_school.limit(1)).scalar_one())

    def targets(self) -> list[JumpTarget]:
        """The moves of the clock from now: to tomorrow, in a week, to the year's last day, and to the day after."""
        now, calendar, zone = self.app.clock.now(), self.app.policy.calendar, self.app.settings.zoneinfo
        end = calendar.end_of(calendar.open_years(now)[0])
        last = datetime.combine(end.last_day, _EVENING, zone)
        after = datetime.combine(end.last_day + timedelta(days=1), _MORNING, zone)
        targets = [
            JumpTarget("jour", "Avancer d'un jour", now + timedelta(days=1)),
            JumpTarget("semaine", "Avancer d'une semaine", now + timedelta(days=7)),
            JumpTarget("fin", f"Aller au {french.day(last.date())}", last),
            JumpTarget("lendemain", f"Aller au {french.day(after.date())}", after),
        ]
        return [target for target in targets if target.at > now]

    def jump(self, slug: str) -> bool:
        """Move the clock; return False when there is no such move."""
        target = next((target for target in self.targets() if target.slug == slug), None)
        if target is None:
            return False
        result, sent = self.loop.jump(target.at)
        lines = [*done_lines(result, sent)]
        lines += [f"La fin de l'année {end.school_year} est retenue : {hold.label}." for end, hold in result.new_holds]
        self.jumps.insert(0, Jump(self.app.clock.now(), tuple(lines or ["Rien à faire à cette date."])))
        del self.jumps[_JUMPS_KEPT:]
        return True


def _chef(uai: str) -> str:
    school = next((school for school in SCHOOLS if school.uai == uai), None)
    return f"{CHEFS[uai]}, {school.nom}" if school else CHEFS[uai]


router = APIRouter(prefix="/demonstration", include_in_schema=False)


def _demo(context: WebContext) -> DemoView:
    """The demonstration behind these pages; they are in no application that has none."""
    if not isinstance(context.demo, DemoView):
        raise HTTPException(404)
    return context.demo


@router.get("")
def start(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Propose who to be and where to go in time, and tell what the moves of the clock did."""
    return context.pages.page(request, "demo/start.html", visitor)


@router.get("/barre.css")
def stylesheet() -> Response:
    """The bar's look."""
    css = files("portal.demo").joinpath("bar.css").read_text(encoding="utf-8")
    return Response(css, media_type="text/css")


@router.post("/qui")
def become(context: Context, form: PostedByAnyone) -> RedirectResponse:
    """Sign in as somebody of the story, or as nobody."""
    form_value = str(form.get("qui") or "")
    if form_value == "personne":
        response = RedirectResponse("/demonstration", status_code=303)
        delete_cookies(response, context)
        return response
    session_user = _demo(context).session_user(form_value)
    if session_user is None:
        raise HTTPException(422)
    return _signed_in(context, session_user, HOMES.get(session_user.role, "/etablissement"))


@router.post("/temps")
def move(context: Context, signed: SignedIn, form: PostedByAnyone) -> RedirectResponse:
    """Move the clock; whoever was signed in still is, however long it took."""
    if not _demo(context).jump(str(form.get("pas") or "")):
        raise HTTPException(422)
    address = "/demonstration#temps"
    return _signed_in(context, signed[0], address) if signed else RedirectResponse(address, status_code=303)


def _signed_in(context: WebContext, session_user: SessionUser, address: str) -> RedirectResponse:
    """Lead there with a new session of this person."""
    with context.app.database.write() as connection:
        secret = context.sessions.open(connection, session_user, context.app.clock.now())
    response = RedirectResponse(address, status_code=303)
    delete_cookies(response, context)
    set_session_cookie(response, context, secret)
    return response


@router.get("/boite")
def show_mailbox(
    request: Request,
    context: Context,
    visitor: MaybeVisitor,
    de: str = "",
    page: Annotated[int, Query(ge=1, le=500)] = 1,
) -> HTMLResponse:
    """The mails that left by SMTP, the last first; ``de`` keeps those of a recipient or a subject."""
    wanted = fold(de[:100])
    letters = _demo(context).mailbox.letters(
        lambda letter: wanted in fold(f"{letter.recipient} {letter.subject}") if wanted else True
    )
    return context.pages.page(
        request, "demo/box.html", visitor, letters=letters[(page - 1) * _LETTERS_A_PAGE : page * _LETTERS_A_PAGE],
        count=len(letters), wanted=de[:100], at=page, more=page * _LETTERS_A_PAGE < len(letters),
    )  # fmt: skip


@router.get("/boite/{number}")
def show_letter(request: Request, context: Context, visitor: MaybeVisitor, number: int) -> HTMLResponse:
    """One mail, whole."""
    letter = _letter(context, number)
    portal = context.settings.address
    links = [(address, address.removeprefix(portal)) for address in letter.links(portal)]
    page = context.pages.page(request, "demo/letter.html", visitor, letter=letter, links=links)
    page.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return page


@router.get("/boite/{number}/html")
def letter_html(context: Context, number: int) -> HTMLResponse:
    """The mail's HTML, for the frame of its page."""
    return HTMLResponse(_letter(context, number).html, headers={"Content-Security-Policy": _LETTER_POLICY})


@router.get("/boite/{number}/pieces/{rank}")
def attachment(context: Context, number: int, rank: int) -> Response:
    """A file that came with the mail."""
    attachments = _letter(context, number).attachments
    if not 0 <= rank < len(attachments):
        raise HTTPException(404)
    file = attachments[rank]
    name = "".join(char for char in file.filename if char.isascii() and (char.isalnum() or char in "-_."))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(file.content, media_type=file.content_type, headers=headers)


def _letter(context: WebContext, number: int) -> Letter:
    letter = _demo(context).mailbox.letter(number)
    if letter is None:
        raise HTTPException(404)
    return letter
