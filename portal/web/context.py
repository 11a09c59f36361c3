"""The dependencies of a page: the application, the visitor and the role that a route requires, the posted form.

A test tries every address in every role.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Final, Protocol, Self
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from jinja2 import BaseLoader
from starlette.datastructures import FormData
from starlette.responses import Response

from portal.middleware import Turns, bound_to_anyone, gate_identity
from portal.web.download import ListExport
from portal.web.forms import GIVEN_BACK
from portal.web.rendering import Pages
from portal.web.security import Visitor, comes_from_here, has_csrf, is_told_from_here
from states.vocabulary import Channel, SignInMethod
from workflow.app import App
from workflow.auth.actors import NotAllowed
from workflow.auth.bindings import GATE, identity_digest
from workflow.auth.kept_forms import KeptForms
from workflow.auth.rate_limit import Limit, RefusalCounts
from workflow.auth.sessions import Sessions, SessionUser, SignIn
from workflow.auth.sign_in_links import Links
from workflow.identity.claims import IdentityEntry, PendingBinding, PendingBindings
from workflow.identity.provider_sign_in import ProviderSignIn
from workflow.journal.security_log import ExportedList
from workflow.settings.infrastructure import PortalSettings

READING: Final = ("GET", "HEAD", "OPTIONS")

A_YEAR_S: Final = 365 * 24 * 3600

KEPT_SECONDS: Final = 600
"""The time in which the page that says what was done is to be opened: warnings may have to be read before it."""

LINKS_AT_ONCE: Final = 2
"""Links that are asked for at once: one is written while the next is made ready. A crowd of them leaves the threads,
the database's connections and its writer's lock to whoever does anything else."""

LINKS_AT_ONCE_BY_NETWORK: Final = 4
"""The same on PostgreSQL, which answers over a network and has several writers."""

_OF_ROLES: Final = ("/etablissement", "/rectorat", "/reprendre-la-saisie")
"""The pages on which one acts in a role; those of one's own account are always one's own."""

_LONGEST_NUMBER: Final = 9


class Demo(Protocol):
    """A demonstration's own templates, beside those of the pages."""

    @property
    def loader(self) -> BaseLoader: ...


@dataclass(frozen=True, kw_only=True)
class WebContext:
    """``demo`` is what a demonstration adds; None in a real installation, where nothing of it can be reached."""

    app: App
    sessions: Sessions
    links: Links
    sign_in: SignIn
    kept_forms: KeptForms
    pages: Pages
    providers: ProviderSignIn
    identities: IdentityEntry
    pending_bindings: PendingBindings
    asking_turns: Turns
    demo: Demo | None = field(default=None)

    @classmethod
    def of(cls, app: App, demo: Demo | None = None) -> Self:
        portal = app.settings.portal
        sessions = Sessions(
            app.database, app.people,
            idle=timedelta(minutes=portal.session_idle_minutes), longest=timedelta(hours=portal.session_hours),
        )  # fmt: skip
        links = Links(app.database, app.clock, app.hasher, app.mailer, app.settings, app.people, app.dispatcher.wake)
        sign_in = SignIn(
            app.database, app.clock, app.hasher, app.people, sessions, links, app.mailer, app.settings.zoneinfo,
            app.second_factors,
        )  # fmt: skip
        return cls(
            app=app, sessions=sessions, links=links, sign_in=sign_in, kept_forms=KeptForms(app.database, app.clock),
            pages=Pages(app, *([demo.loader] if demo else [])), demo=demo,
            providers=ProviderSignIn(app.database, app.clock, app.hasher, app.settings, app.secrets),
            identities=IdentityEntry(app.database, app.people, sign_in, app.settings, app.claimed_delegations.keep),
            pending_bindings=PendingBindings(app.clock, app.hasher),
            asking_turns=Turns(LINKS_AT_ONCE_BY_NETWORK if app.database.is_postgresql else LINKS_AT_ONCE),
        )  # fmt: skip

    @property
    def settings(self) -> PortalSettings:
        return self.app.settings.portal

    def export_of(self, visitor: Visitor, what: ExportedList) -> ListExport:
        """The list that this visitor takes away (R108)."""
        app = self.app
        return ListExport(database=app.database, journal=app.export_journal, actor=visitor.actor, what=what)

    def count_refusal(self, limit: Limit, request: Request, number: int = 1) -> None:
        """Count what was refused to this request, ``number`` times (R108)."""
        counts = RefusalCounts(self.app.database, self.app.clock, self.app.hasher)
        counts.count(limit, request.client.host if request.client else "", number)

    @property
    def is_https(self) -> bool:
        """True if people reach us by HTTPS: then the cookies never travel otherwise."""
        return urlsplit(self.settings.address).scheme == "https"

    @property
    def success_messages(self) -> "SuccessMessages":
        """The messages of what was just done, each said once on the page that follows."""
        return SuccessMessages(self)

    def set_cookie(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Have the browser keep a cookie, which no script reads; without ``seconds``, until it is closed."""
        response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=self.is_https)

    def delete_cookie(self, response: Response, name: str) -> None:
        """Have the browser forget a cookie: it heeds this only with the attributes that set it."""
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=self.is_https)

    def cookie_named(self, name: str) -> str:
        """The prefix makes the browser refuse the cookie from any other host or path."""
        return f"__Host-{name}" if self.is_https else name

    @property
    def cookie(self) -> str:
        """The session's cookie."""
        return self.cookie_named("oda")

    @property
    def asking_cookie(self) -> str:
        """The cookie of a browser that asked for a link, which opens nowhere else (R104)."""
        return self.cookie_named("oda-lien")

    @property
    def uai_cookie(self) -> str:
        """The cookie of the establishment that a mailbox has in view: a choice, no right."""
        return self.cookie_named("oda-uai")

    @property
    def uai_parameter(self) -> str:
        """The parameter that puts an establishment of the session in view: the links of the mails about one have it."""
        return "uai"

    def keep_in_view(self, response: Response, uai: str) -> None:
        """Have the browser remember the establishment in view."""
        self.set_cookie(response, self.uai_cookie, uai, A_YEAR_S)

    @property
    def substitution_cookie(self) -> str:
        """The cookie of the substitution by which somebody chose to act: a choice, no right (R114)."""
        return self.cookie_named("oda-suppleance")

    @property
    def name_cookie(self) -> str:
        """The cookie of the name last given on this device, to be proposed: a convenience, no right."""
        return self.cookie_named("oda-nom")

    @property
    def device_cookie(self) -> str:
        """The cookie by which a browser of the rectorat is known again: it opens nothing (R107)."""
        return self.cookie_named("oda-navigateur")

    @property
    def theme_cookie(self) -> str:
        """The cookie of the theme that was chosen: a preference, no right."""
        return self.cookie_named("oda-theme")

    @property
    def attempt_cookie(self) -> str:
        """The cookie of a sign-in by a provider that has begun: its return is for this browser alone (R101)."""
        return self.cookie_named("oda-retour")

    @property
    def provider_cookie(self) -> str:
        """The cookie of what signing out of the provider needs, sealed."""
        return self.cookie_named("oda-fournisseur")

    @property
    def binding_cookie(self) -> str:
        """The cookie of an identity that its establishment's mailbox has yet to vouch for, sealed (R103)."""
        return self.cookie_named("oda-liaison")

    def pending_binding(self, request: Request) -> PendingBinding | None:
        """The identity that this browser is about to bind; None when there is none."""
        return self.pending_bindings.read(request.cookies.get(self.binding_cookie, ""))

    @property
    def kept_cookie(self) -> str:
        """The cookie that opens what was typed after the end of a session."""
        return self.cookie_named("oda-kept")


@dataclass(frozen=True)
class SuccessMessages:
    """The message of an action just done, shown once, on the page to which the action leads.

    It travels in a cookie of the browser that acted, signed for its session and for that page's address:
    no address can make a page claim what nobody did, a reload does not repeat it, and another tab does not take it
    (R10).
    """

    web: WebContext

    def redirect(self, visitor: Visitor | None, address: str, sentence: str) -> RedirectResponse:
        """Lead to a page that says what was done. ``sentence`` is one of ours, without its capital and full stop."""
        response = RedirectResponse(address, status_code=303)
        self.attach(response, visitor, address, sentence)
        return response

    def attach(self, response: Response, visitor: Visitor | None, address: str, sentence: str) -> None:
        """Have the page of this address say what was done, to this visitor or, without one, to nobody signed in."""
        path = urlsplit(address).path
        text = urlsafe_b64encode(sentence.encode()).decode().rstrip("=")
        signed = f"{text}.{self._signature(visitor, path, sentence)}"
        self.web.set_cookie(response, self._cookie(path), signed, KEPT_SECONDS)

    def read(self, request: Request, visitor: Visitor | None) -> str | None:
        """The sentence of the action that led this visitor to this page."""
        path = request.url.path
        text, _, signature = request.cookies.get(self._cookie(path), "").partition(".")
        try:
            sentence = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except ValueError:
            return None
        expected = self._signature(visitor, path, sentence)
        return sentence if sentence and hmac.compare_digest(signature.encode(), expected.encode()) else None

    def forget(self, request: Request, response: Response) -> None:
        """Remove the message of the page that has just been made, whether or not it was believed."""
        cookie = self._cookie(request.url.path)
        if cookie in request.cookies:
            self.web.delete_cookie(response, cookie)

    def _cookie(self, path: str) -> str:
        """One cookie a page: two tabs that act together do not lose each other's message."""
        page = hashlib.sha256(path.encode()).hexdigest()[:8]
        return self.web.cookie_named(f"oda-done-{page}")

    def _signature(self, visitor: Visitor | None, path: str, sentence: str) -> str:
        secret = visitor.secret if visitor else ""
        return self.web.app.hasher.digest("\x1f".join(("success", secret, path, sentence)))


class SignInNeeded(Exception):
    """Nobody is signed in; ``back`` is where to return to."""

    def __init__(self, back: str = "") -> None:
        self.back = back


class PresentationNeeded(Exception):
    """A mailbox is signed in, and nobody has said who acts."""


class FactorNeeded(Exception):
    """Signed in, and the second factor is still waited for; ``back`` is where to return to (R106)."""

    def __init__(self, back: str = "") -> None:
        self.back = back


class ProofNeeded(Exception):
    """Signed in, and the last proof of who it is is too old for what is asked."""


class Forbidden(Exception):
    """Signed in, in a role that this address does not admit."""


class Forged(Exception):
    """A form that was sent by none of our pages of this session."""


async def context(request: Request) -> WebContext:
    """The assembled software that this application serves; async, so that no thread is taken for it."""
    web_context: WebContext = request.app.state.context
    return web_context


Context = Annotated[WebContext, Depends(context)]


def session_user_of(request: Request, context: Context) -> tuple[SessionUser, str] | None:
    """The user of the session's cookie, and its secret; None for nobody."""
    secret = request.cookies.get(context.cookie)
    session_user = context.sessions.find(secret, context.app.clock.now()) if secret else None
    if session_user and secret and _is_another(request, context, session_user):
        context.sign_in.sign_out(secret)
        return None
    return (session_user, secret) if session_user and secret else None


def _is_another(request: Request, context: WebContext, user: SessionUser) -> bool:
    """True when the gate now names another person than the one whose session it has opened (R102)."""
    gate = gate_identity(request)
    if gate is None or user.method is not SignInMethod.TRUSTED_HEADERS:
        return False
    return identity_digest(context.app.hasher, GATE, gate.person) != user.identity


SignedIn = Annotated[tuple[SessionUser, str] | None, Depends(session_user_of)]


def visitor_or_none(request: Request, context: Context, signed: SignedIn) -> Visitor | None:
    """The visitor of a page that is open to all; None for nobody, and for somebody whose role was withdrawn."""
    if signed is None:
        return None
    session_user, secret = signed
    if session_user.awaits_factor:
        return None
    try:
        actor = context.sessions.actor(session_user)
    except NotAllowed:
        if session_user.is_identified:  # removed from the settings: put back, the person signs in anew (R73)
            context.sign_in.sign_out(secret)
        return None
    if substitute := _substitute(request, context, session_user, secret):
        return substitute
    uais = session_user.uais
    choices = (
        request.query_params.get(context.uai_parameter, ""),
        request.cookies.get(context.uai_cookie, ""),
        *uais[:1],
    )
    uai = next((choice for choice in choices if choice in uais), "")
    return Visitor(actor=actor, session_user=session_user, secret=secret, uai=uai)


def _substitute(request: Request, context: WebContext, session_user: SessionUser, secret: str) -> Visitor | None:
    """The visitor who acts in another's stead, as they chose; None on one's own pages, and once it has ended (R114).

    It is asked anew at each page: what was ended a moment ago opens nothing more.
    """
    chosen = request.cookies.get(context.substitution_cookie, "")
    if not request.url.path.startswith(_OF_ROLES) or not (chosen.isdecimal() and len(chosen) <= _LONGEST_NUMBER):
        return None
    substitutions = context.app.substitutions
    substitution = substitutions.in_force(session_user, int(chosen))
    if substitution is None:
        return None
    try:
        actor = substitutions.actor(session_user, substitution, Channel.WEB)
    except NotAllowed:
        return None
    acting = replace(session_user, subject=substitution.giver) if actor.is_establishment else session_user
    uai = substitution.giver if actor.is_establishment else ""
    return Visitor(actor=actor, session_user=acting, secret=secret, uai=uai, in_stead_of=substitution.of)


MaybeVisitor = Annotated[Visitor | None, Depends(visitor_or_none)]


async def any_visitor(request: Request, signed: SignedIn, visitor: MaybeVisitor) -> Visitor:
    """The visitor, in any role. Raises SignInNeeded, PresentationNeeded, FactorNeeded."""
    if visitor is not None:
        return visitor
    if signed and not signed[0].is_identified:
        raise PresentationNeeded
    needed = FactorNeeded if signed and signed[0].awaits_factor else SignInNeeded
    if request.method not in READING:  # a form is no page to return to
        raise needed
    url = request.url
    raise needed(quote(f"{url.path}?{url.query}" if url.query else url.path, safe="/"))


AnyVisitor = Annotated[Visitor, Depends(any_visitor)]


async def chef(visitor: AnyVisitor) -> Visitor:
    """A chef or a deputy. Raises Forbidden."""
    if not visitor.is_chef:
        raise Forbidden
    return visitor


async def rectorat(visitor: AnyVisitor) -> Visitor:
    """An operator, or a reader who sees and changes nothing. Raises Forbidden."""
    if not visitor.is_rectorat:
        raise Forbidden
    return visitor


async def operator(visitor: AnyVisitor) -> Visitor:
    """An operator. Raises Forbidden."""
    if not visitor.is_operator:
        raise Forbidden
    return visitor


async def rupn(visitor: AnyVisitor) -> Visitor:
    """A RUPN, who sees what is his own (R113). Raises Forbidden."""
    if not visitor.is_rupn:
        raise Forbidden
    return visitor


Chef = Annotated[Visitor, Depends(chef)]

Rectorat = Annotated[Visitor, Depends(rectorat)]

Operator = Annotated[Visitor, Depends(operator)]

Rupn = Annotated[Visitor, Depends(rupn)]


def require_fresh_proof(context: WebContext, visitor: Visitor) -> None:
    """Raises ProofNeeded unless this person proved who they are lately."""
    if not is_fresh(context, visitor):
        raise ProofNeeded


def is_fresh(context: WebContext, visitor: Visitor) -> bool:
    """Return True when no other proof is needed now. A proof of the future is no better than an old one."""
    proved_at, now = visitor.session_user.proved_at, context.app.clock.now()
    minutes = timedelta(minutes=context.app.settings.sign_in.step_up_minutes)
    return proved_at is not None and abs(now - proved_at) < minutes


def proven_operator(context: Context, visitor: Operator) -> Visitor:
    """An operator who proved lately who they are. Raises Forbidden, ProofNeeded."""
    require_fresh_proof(context, visitor)
    return visitor


def proven_visitor(context: Context, visitor: AnyVisitor) -> Visitor:
    """Somebody, in any role, who proved lately who they are. Raises ProofNeeded."""
    require_fresh_proof(context, visitor)
    return visitor


def proven_chef(context: Context, visitor: Chef) -> Visitor:
    """A chef or a deputy who proved lately who they are. Raises Forbidden, ProofNeeded."""
    require_fresh_proof(context, visitor)
    return visitor


ProvenOperator = Annotated[Visitor, Depends(proven_operator)]

ProvenVisitor = Annotated[Visitor, Depends(proven_visitor)]

ProvenChef = Annotated[Visitor, Depends(proven_chef)]


async def typed(request: Request, context: Context, visitor: AnyVisitor) -> FormData:
    """The fields of a form that a person fills in, sent by one of our pages of this session. Raises Forged.

    One of our pages of a former session in the same browser: the form is given back, to be read and sent again (R73).
    The route makes its form by ``filled``, and does nothing unless it is right.
    """
    form, address = await request.form(max_files=0, max_fields=2000), context.settings.address
    if comes_from_here(request, address) and has_csrf(form, visitor.secret):
        return form
    if is_told_from_here(request, address):
        return FormData([*form.multi_items(), (GIVEN_BACK, "oui")])
    raise Forged


Typed = Annotated[FormData, Depends(typed)]


async def posted(form: Typed) -> FormData:
    """The fields of a button, in which nothing is typed. Raises Forged, for one of a former session too."""
    if GIVEN_BACK in form:
        raise Forged
    return form


Posted = Annotated[FormData, Depends(posted)]


async def posted_by_anyone(request: Request, context: Context) -> FormData:
    """The fields of a form of a public page. Raises Forged when it comes from another site."""
    if not comes_from_here(request, context.settings.address):
        raise Forged
    bound_to_anyone(request.scope)
    return await request.form(max_files=0, max_fields=50)


PostedByAnyone = Annotated[FormData, Depends(posted_by_anyone)]
