"""Signing in by a link sent by mail, saying who acts, the account, signing out (R37, R72, R73)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from portal.middleware import claims_of, gate_identity
from portal.web.context import (
    A_YEAR_S,
    AnyVisitor,
    Chef,
    Context,
    Forged,
    MaybeVisitor,
    Posted,
    PostedByAnyone,
    SignedIn,
    SignInNeeded,
    WebContext,
)
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import Visitor, comes_from_here, csrf_of, has_csrf, safe_back, with_back
from portal.web.sign_in_browser import Asking, delete_cookies, set_session_cookie
from portal.web.step_up import KEPT_FORM
from states.french import listing
from states.refusals import bad_field, bad_mail
from states.validation import clean, clean_mail, has_uai_form, mail_problem, name_problem, normalise_uai
from states.vocabulary import Role, SignInMethod
from workflow.auth.bindings import IdentityToBind
from workflow.auth.sessions import SessionUser
from workflow.auth.tokens import TokenRefused
from workflow.database.access_tables import SessionEnd
from workflow.database.clock import ClockRefused
from workflow.identity.claims import read_claims
from workflow.identity.provider_sign_in import SIGNED_OUT_PATH, ProviderSession
from workflow.settings.sign_in import SignInSettings

router = APIRouter(include_in_schema=False)

HOMES: Final = {Role.OPERATOR: "/rectorat", Role.READER: "/rectorat", Role.RUPN: "/rupn"}
"""The first page of each role; that of an establishment is its own."""

UAI: Final = Field(
    name="uai", label="UAI de votre établissement", is_capitals=True,
    hint="7 chiffres et une lettre, par exemple 0310001H.",
    missing="Donner l'UAI de l'établissement.",
)  # fmt: skip

OTHER_UAI: Final = replace(UAI, label="UAI de l'autre établissement")

ADDRESS: Final = Field(
    name="adresse", label="Votre adresse professionnelle", shape=Shape.MAIL, autocomplete="email",
    hint="Celle sous laquelle l'administrateur du portail vous a inscrit.", missing="Donner votre adresse.",
)  # fmt: skip

_SUCCESSION: Final = "succession"
"""The field by which a chef whose name is another than the last one's says whether he succeeds him."""


async def mailbox(signed: SignedIn) -> tuple[SessionUser, str]:
    """The user signed in by the link of a mailbox, and the session's secret. Raises SignInNeeded."""
    if signed is None or not signed[0].is_establishment:
        raise SignInNeeded
    return signed


Mailbox = Annotated[tuple[SessionUser, str], Depends(mailbox)]


async def posted_by_signed(request: Request, context: Context, signed: SignedIn) -> FormData:
    """The fields of a form of this session, or of nobody's when nobody is signed in. Raises Forged."""
    form = await request.form(max_files=0, max_fields=20)
    address = context.settings.address
    if not comes_from_here(request, address) or (signed and not has_csrf(form, signed[1])):
        raise Forged
    return form


PostedBySigned = Annotated[FormData, Depends(posted_by_signed)]


@router.get("/connexion")
def show_school(request: Request, context: Context, visitor: MaybeVisitor, suite: str = "") -> Response:
    """The first page of a chef."""
    back = safe_back(suite)
    if visitor:
        return RedirectResponse(back or visitor.home, status_code=303)
    return _render_school(request, context, blank((UAI,)), back)


@router.post("/connexion")
def ask_school(request: Request, context: Context, data: PostedByAnyone, asking: Asking) -> Response:
    """Send a link to an establishment's mailbox, if there is one; the answer is the same if there is none (R72)."""
    form, back = checked_uai(data, UAI), safe_back(data.get("suite"))
    if not _doors(context).may_use_mail(Role.CHEF):
        return _render_school(request, context, blank((UAI,)), back, status=422)
    if not form.is_right:
        return _render_school(request, context, form, back, status=422)
    link_request = asking.of(back=back)
    context.links.send_to_establishment(form.values["uai"], link_request)
    return asking.sent(link_request, uai=normalise_uai(form.values["uai"]))


@router.get("/connexion/rectorat")
def show_rectorat(request: Request, context: Context, visitor: MaybeVisitor, suite: str = "") -> Response:
    """The first page of an operator or a reader."""
    back = safe_back(suite)
    if visitor:
        return RedirectResponse(back or visitor.home, status_code=303)
    return _render_rectorat(request, context, blank((ADDRESS,)), back)


@router.post("/connexion/rectorat")
def ask_rectorat(request: Request, context: Context, data: PostedByAnyone, asking: Asking) -> Response:
    """Send a link to an operator or a reader."""
    form, back = filled((ADDRESS,), data), safe_back(data.get("suite"))
    if not _is_open_to_rectorat(context):
        return _render_rectorat(request, context, blank((ADDRESS,)), back, status=422)
    if form.is_right and (problem := mail_problem(clean_mail(form.values["adresse"]))):
        form = form.refused([bad_mail("adresse", "L'adresse", problem)])
    if not form.is_right:
        return _render_rectorat(request, context, form, back, status=422)
    link_request = asking.of(back=back)
    context.links.send_to_rectorat(clean_mail(form.values["adresse"]), link_request)
    return asking.sent(link_request, pour="rectorat")


def gate_user(request: Request, context: WebContext) -> str:
    """The person whom the gate names, for the button that signs in; empty when it names nobody (R102)."""
    gate = gate_identity(request)
    if gate is None:
        return ""
    names = context.app.settings.sign_in.mapping.claims
    identity = read_claims(claims_of(gate, names), names)
    return identity.name or identity.mail or gate.person


def checked_uai(data: FormData, field: Field) -> Form:
    """The form of one UAI, whose shape alone is judged: the directory is not read (R11)."""
    form = filled((field,), data)
    if form.is_right and not has_uai_form(normalise_uai(form.values["uai"])):
        form = form.refused([bad_field("uai", "L'UAI", "a 7 chiffres puis une lettre", "R11")])
    return form


def _doors(context: WebContext) -> SignInSettings:
    return context.app.settings.sign_in


def _is_open_to_rectorat(context: WebContext) -> bool:
    """True when an operator or a reader signs in by a mail's link; which of the two, nobody learns (R72)."""
    return any(map(_doors(context).may_use_mail, (Role.OPERATOR, Role.READER)))


def _render_school(request: Request, context: WebContext, form: Form, back: str, *, status: int = 200) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/school.html", status=status, form=form, back=back, is_kept=back == KEPT_FORM,
        gate_user=gate_user(request, context),
        other=with_back("/connexion/rectorat", back), by_mail=_doors(context).may_use_mail(Role.CHEF),
        ended_by=_ended_by(request, context),
    )  # fmt: skip


def _ended_by(request: Request, context: WebContext) -> SessionEnd | None:
    """The end that somebody else put to the session that this browser had (R107)."""
    secret = request.cookies.get(context.cookie, "")
    return context.sessions.ended_by(secret) if secret else None


def _render_rectorat(
    request: Request, context: WebContext, form: Form, back: str, *, status: int = 200
) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/rectorat.html", status=status, form=form, back=back, is_kept=back == KEPT_FORM,
        gate_user=gate_user(request, context),
        other=with_back("/connexion", back), by_mail=_is_open_to_rectorat(context),
        ended_by=_ended_by(request, context),
    )  # fmt: skip


def after_sign_in(session_user: SessionUser, back: str) -> str:
    """The page of who has just signed in: the one that they wanted, once it is known who acts."""
    if not session_user.is_identified:
        return with_back("/connexion/qui", back)
    return back or HOMES.get(session_user.role, "/etablissement")


@router.get("/connexion/qui")
def show_who(request: Request, context: Context, signed: Mailbox, suite: str = "") -> HTMLResponse:
    """The name and the function of who acts: a mailbox does not tell them (R37, R73)."""
    user = last_of_device(request, context, _with_identity(request, context, signed[0]))
    return _render_who(request, context, signed, blank(_who_fields(context, user)), safe_back(suite))


@router.post("/connexion/qui")
def say_who(request: Request, context: Context, signed: Mailbox, data: PostedBySigned) -> Response:
    """Keep the answer for this session, under a new secret; an identity that waited for it is bound (R103)."""
    secret, session_user = signed[1], _with_identity(request, context, signed[0])
    form, back = filled(_who_fields(context, session_user), data), safe_back(data.get("suite"))
    name = session_user.identity_name or clean(form.values.get("nom", ""))
    if form.is_right and (problem := name_problem(name)):
        form = form.refused([bad_field("nom", "Votre nom", problem, "R37")])
    if not form.is_right:
        return _render_who(request, context, signed, form, back, status=422)
    role = Role(form.values.get("fonction", Role.CHEF.value))
    identified = replace(session_user, name=name, role=role)
    former = context.sign_in.former_chefs(session_user, identified.name) if role is Role.CHEF else ()
    succession = data.get(_SUCCESSION)
    if former and succession not in ("new", "same"):
        form = form.adding(_succession_field(former), "", "Choisir une réponse.")
        return _render_who(request, context, signed, form, back, status=422)
    is_new = bool(former) and succession == "new"
    try:
        if session_user.identity != signed[0].identity:
            _bind(request, context, identified)
        new_secret = context.sign_in.identify(session_user, secret, identified.name, role, is_new_chef=is_new)
    except ClockRefused as refused:
        return _render_who(request, context, signed, form.refused(refused.reasons), back, status=422)
    if is_new:
        actor = context.sessions.actor(identified)
        context.app.tokens.end_former_chefs(actor)
        context.app.bindings.end_former_chefs(actor, identified.identity)
    response = RedirectResponse(back or "/etablissement", status_code=303)
    set_session_cookie(response, context, new_secret)
    forget_pending_binding(response, context)
    person = json.dumps([identified.subject, identified.role.value, identified.name])  # on this device alone (R73)
    context.set_cookie(response, context.name_cookie, urlsafe_b64encode(person.encode()).decode(), A_YEAR_S)
    return response


def _with_identity(request: Request, context: WebContext, user: SessionUser) -> SessionUser:
    """The user of a mailbox's link, with the identity that this browser had it vouch for (R103)."""
    pending = context.pending_binding(request)
    if pending is None or user.method is not SignInMethod.MAIL_LINK or pending.uai not in user.uais or user.name:
        return user
    return replace(
        user, method=SignInMethod(pending.method), provider=pending.provider, identity=pending.digest,
        identity_name=pending.name,
    )  # fmt: skip


def _bind(request: Request, context: WebContext, user: SessionUser) -> None:
    """Bind the identity to the establishments whose mailbox has just signed this person in (R103)."""
    pending = context.pending_binding(request)
    if pending and pending.digest == user.identity:
        identity = IdentityToBind(digest=pending.digest, provider=pending.label, name=user.name)
        context.app.bindings.bind(identity, user.uais, context.sessions.actor(user))


def forget_pending_binding(response: Response, context: WebContext) -> None:
    """No identity waits in this browser any more."""
    context.delete_cookie(response, context.binding_cookie)


def _succession_field(former: Sequence[str]) -> Field:
    return Field(
        name=_SUCCESSION, label=f"Le dernier chef d'établissement connecté ici se nommait {listing(list(former))}",
        shape=Shape.CHOICE,
        options=(
            ("new", "Je suis le nouveau chef d'établissement"),
            ("same", "C'est bien moi : mon nom est seulement écrit autrement"),
        ),
        hint="Un nouveau chef refait les délégations à son nom dans DelegCE ; le rectorat les vérifie de nouveau.",
    )  # fmt: skip


def last_of_device(request: Request, context: WebContext, user: SessionUser) -> SessionUser:
    """The user with the name last given on this device for one of these establishments, to be proposed, if any.

    What a browser sends proves nothing: it only stands in a field, for a person to read and send.
    """
    if user.name:
        return user
    try:
        subject, role, name = json.loads(urlsafe_b64decode(request.cookies.get(context.name_cookie, "")))
        is_theirs = not set(user.uais).isdisjoint(subject.split(","))
        if is_theirs and not name_problem(name):
            return replace(user, name=name, role=Role.DEPUTY if role == Role.DEPUTY.value else Role.CHEF)
    except (ValueError, TypeError, AttributeError):
        pass
    return user


def _who_fields(context: WebContext, session_user: SessionUser) -> list[Field]:
    name = Field(
        name="nom", label="Vos prénom et nom", is_name=True, hint="Ils sont inscrits avec ce que vous ferez.",
        value=session_user.name, autocomplete="name", missing="Donner votre prénom et votre nom.",
    )  # fmt: skip
    function = Field(
        name="fonction", label="Votre fonction", shape=Shape.CHOICE, value=session_user.role.value,
        options=tuple((role.value, role.label.capitalize()) for role in (Role.CHEF, Role.DEPUTY)),
    )  # fmt: skip
    names = [] if session_user.identity_name else [name]
    return [*names, function] if context.app.settings.people.deputy_may_act else names


def _render_who(
    request: Request, context: WebContext, signed: tuple[SessionUser, str], form: Form, back: str, status: int = 200
) -> HTMLResponse:
    session_user, secret = signed
    user = _with_identity(request, context, session_user)
    pending = context.pending_binding(request) if user.identity != session_user.identity else None
    return context.pages.page(
        request, "sign_in/who.html", status=status, form=form, back=back, csrf=csrf_of(secret), user=user,
        pending=pending, places=context.links.places(session_user.uais),
        by=pending.label if pending else context.app.settings.sign_in.label_of(user.provider),
    )  # fmt: skip


@router.get("/compte")
def show_account(request: Request, context: Context, visitor: AnyVisitor) -> HTMLResponse:
    """The session: whose it is, until when, for which establishments; the other ones; the tokens that act for them."""
    return _render_account(request, context, visitor, blank((OTHER_UAI,)))


@router.get("/compte/prolonger")
def prolong(request: Request, context: Context, visitor: AnyVisitor) -> HTMLResponse:
    """Prolong the session, in a window of its own: what is typed in the other one stays (R73)."""
    now = context.app.clock.now()
    context.sessions.prolong(visitor.secret, now)
    session_user = context.sessions.find(visitor.secret, now)
    return context.pages.page(
        request, "sign_in/prolonged.html", visitor, until=session_user.ends_at if session_user else now,
        at_the_latest=context.sessions.ends_at(visitor.secret),
    )  # fmt: skip


@router.post("/compte/jetons/{number}/fin")
def end_token(context: Context, visitor: Chef, number: int, _: Posted) -> Response:
    """Revoke a token of the establishment; one that is over already is over (R76)."""
    try:
        context.app.tokens.revoke(visitor.actor, number)
    except TokenRefused:
        return RedirectResponse("/compte", status_code=303)
    return context.success_messages.redirect(visitor, "/compte", "ce programme n'a plus accès au portail")


@router.post("/compte/etablissement")
def add_establishment(request: Request, context: Context, visitor: Chef, data: Posted, asking: Asking) -> Response:
    """Send a link to another establishment's mailbox, which adds it to this session; the answer is the same (R72)."""
    form = checked_uai(data, OTHER_UAI)
    if not form.is_right or not _doors(context).may_use_mail(Role.CHEF):
        return _render_account(request, context, visitor, form, status=422)
    link_request = asking.of(back="/compte", session=visitor.secret)
    context.links.send_to_establishment(form.values["uai"], link_request)
    return asking.sent(link_request, uai=normalise_uai(form.values["uai"]))


@router.post("/compte/partout")
def sign_out_everywhere(request: Request, context: Context, visitor: AnyVisitor, _: Posted) -> Response:
    """End every session of this address, or of any of these establishments (R73)."""
    context.sign_in.sign_out_everywhere(visitor.session_user)
    return _signed_out(request, context, visitor.session_user, "vous êtes déconnecté sur tous les appareils")


@router.post("/deconnexion")
def sign_out(request: Request, context: Context, signed: SignedIn, _: PostedBySigned) -> Response:
    """End this session, and the one at the provider that opened it (R73, R101)."""
    if signed:
        context.sign_in.sign_out(signed[1])
    return _signed_out(request, context, signed[0] if signed else None, "vous êtes déconnecté")


def _signed_out(request: Request, context: WebContext, user: SessionUser | None, sentence: str) -> Response:
    """Lead to the page of signing in, by the provider that is to sign out too."""
    provider = _doors(context).provider(user.provider) if user else None
    url = _logout_url(request, context, provider.name) if provider and provider.logout else ""
    if provider and url:
        response: Response = context.pages.page(request, "sign_in/from_provider.html", url=url, provider=provider)
        context.success_messages.attach(response, None, SIGNED_OUT_PATH, sentence)
    else:
        left_open = f" ; pour quitter aussi {provider.label}, fermez le navigateur" if provider else ""
        response = context.success_messages.redirect(None, SIGNED_OUT_PATH, sentence + left_open)
    delete_cookies(response, context)
    return response


def _logout_url(request: Request, context: WebContext, name: str) -> str:
    """The address that signs out of this provider; empty when there is none, or it does not answer."""
    session = context.providers.cookies.read(request.cookies.get(context.provider_cookie, ""))
    if session is None or session.provider != name:
        session = ProviderSession(provider=name)
    return context.providers.logout_url(session)


def _render_account(
    request: Request, context: WebContext, visitor: Visitor, form: Form, status: int = 200
) -> HTMLResponse:
    tokens = context.app.tokens.of_establishments(visitor.actor) if visitor.is_chef else ()
    ends_at = context.sessions.ends_at(visitor.secret)
    sessions = context.app.open_sessions.of_user(visitor.session_user, visitor.secret)
    factors, has_factor = context.app.second_factors, visitor.is_operator and context.app.second_factors.is_offered
    factor = factors.standing(visitor.session_user.subject) if has_factor else None  # of operators alone (R106)
    return context.pages.page(
        request, "sign_in/account.html", visitor, status=status, form=form, ends_at=ends_at, tokens=tokens,
        sessions=sessions, factor=factor,
        places=context.links.places(visitor.session_user.uais), idle=context.settings.session_idle_minutes,
        by_mail=_doors(context).may_use_mail(Role.CHEF),
    )  # fmt: skip
