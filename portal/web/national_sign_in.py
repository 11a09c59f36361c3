"""Signing in by an identity that others vouch for: the académie's gate, a provider (R101, R102, R103).

The gate's headers never sign in by themselves: a page shows the person whom they name, and its button signs in. An
identity that names no establishment is bound to one by the link of its mailbox.

The return from a provider is a GET that begins a session, for a provider can send a browser back by nothing else. It
does so once, and only in the browser that pressed the button: the state that it carries is that of a sealed cookie of
this browser, and is used up; the nonce of the signed token is that of the same cookie.
"""

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.middleware import GateIdentity, claims_of, gate_identity
from portal.web.context import Context, MaybeVisitor, PostedByAnyone, SignedIn, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import door_of, is_of_rupn, safe_back, with_back
from portal.web.sign_in import UAI, Mailbox, PostedBySigned, after_sign_in, forget_pending_binding
from portal.web.sign_in_browser import Asking, Client, device_of, keep_device, set_session_cookie
from states import french
from states.refusals import bad_field
from states.validation import chef_key, fold_mail, has_uai_form, normalise_uai
from states.vocabulary import Role, SignInMethod
from workflow.auth.bindings import GATE, identity_digest
from workflow.auth.rate_limit import REFUSED_IDENTITIES
from workflow.auth.sessions import SessionUser
from workflow.identity.claims import (
    BINDING_LASTS,
    BindingNeeded,
    IdentityRefusal,
    IdentityRefused,
    IdentityUser,
    NamedIdentity,
    PendingBinding,
    Resolution,
)
from workflow.identity.provider import ProvenIdentity, SignInAttempt
from workflow.identity.provider_sign_in import ATTEMPT_LASTS, RETURN_PATH, ProviderReturn, ProviderSession
from workflow.identity.signed_tokens import ProviderFailure, ProviderProblem
from workflow.settings.secrets import digest

router = APIRouter(include_in_schema=False)

_REFUSALS: Final = {
    IdentityRefusal.UNREADABLE: "Ce qui est dit de vos établissements n'a pas pu être lu. Signalez-le.",
    IdentityRefusal.NOT_CHEF: "Ce portail est ouvert aux chefs d'établissement et aux personnes du rectorat qui s'en"
    " occupent ; votre fonction est autre.",
    IdentityRefusal.NO_ESTABLISHMENT: "Il n'est dit d'aucun établissement que vous en êtes responsable. Si vous venez"
    " de prendre vos fonctions, cela peut prendre quelques jours.",
    IdentityRefusal.UNKNOWN_ESTABLISHMENT: "Votre établissement n'est pas parmi ceux de l'académie. Signalez-le.",
    IdentityRefusal.CLOSED_ESTABLISHMENT: "Votre établissement est fermé. S'il ne l'est pas, signalez-le.",
    IdentityRefusal.NOT_IN_GROUP: "Il vous manque un droit que l'académie donne. Demandez-le-lui.",
    IdentityRefusal.DEPUTY: "Seul le chef d'établissement peut se connecter, et vous êtes reconnu comme son adjoint.",
    IdentityRefusal.NO_FUNCTION: "Votre identité est reconnue, mais rien ne dit votre fonction ni votre établissement.",
    IdentityRefusal.NO_REQUEST: "Aucune demande de clé ne porte votre adresse. Si l'on a déclaré une autre adresse pour"
    " vous, demandez à votre chef d'établissement de la corriger.",
}
"""Why an identity opens nothing, and what to do."""

_OTHER: Final = "autre"
"""The answer of who has another establishment than those that their identity proposes."""

_Text = Annotated[str, Query(max_length=4000)]

_SHUT: Final = "Recommencez dans quelques minutes. Les autres façons de vous connecter restent ouvertes."

_WORDS: Final = {
    ProviderProblem.UNAVAILABLE: (503, "{label} ne répond pas", _SHUT),
    ProviderProblem.BUSY: (503, "Trop de connexions à la fois", _SHUT),
    ProviderProblem.CANCELLED: (
        200, "Vous n'êtes pas connecté", "La connexion par {label} n'a pas été menée à son terme. Rien n'a changé.",
    ),
    ProviderProblem.REFUSED: (
        502, "{label} n'a pas confirmé votre identité",
        "Recommencez. Si cela se répète, connectez-vous autrement et signalez-le.",
    ),
    ProviderProblem.LOST: (
        400, "Cette connexion n'est plus valable",
        "Elle a été commencée il y a plus de {minutes} minutes ou dans un autre navigateur, ou elle a déjà servi."
        " Recommencez ici.",
    ),
    ProviderProblem.NOT_BELIEVED: (
        502, "La réponse de {label} n'a pas pu être vérifiée",
        "Par prudence, vous n'êtes pas connecté. Recommencez ; si cela se répète, connectez-vous autrement et"
        " signalez-le.",
    ),
    ProviderProblem.TOO_WEAK: (
        403, "Votre connexion doit être plus sûre",
        "Pour votre fonction, {label} doit vérifier votre identité plus fortement, par exemple avec un second facteur."
        " Recommencez : cela vous sera demandé.",
    ),
    ProviderProblem.NOT_FRESH: (
        403, "{label} n'a pas vérifié de nouveau votre identité",
        "Cette action demande une preuve toute récente. Recommencez, et laissez {label} vous la demander.",
    ),
    ProviderProblem.OTHER_PERSON: (
        403, "{label} n'a pas reconnu la personne connectée ici",
        "Votre connexion d'ici reste celle d'avant. Pour changer de personne, déconnectez-vous d'abord.",
    ),
}  # fmt: skip
"""What a page says of each problem: the status, the title, what to do."""


def name_of(context: WebContext, gate: GateIdentity) -> NamedIdentity:
    """The identity that the gate's headers name, its claims under the names that the settings give them."""
    claims = claims_of(gate, context.app.settings.sign_in.mapping.claims)
    return NamedIdentity(
        method=SignInMethod.TRUSTED_HEADERS, label=context.app.settings.sign_in.trusted_headers.label,
        digest=identity_digest(context.app.hasher, GATE, gate.person), claims=claims,
    )  # fmt: skip


@router.post("/connexion/guichet")
def sign_in_by_gate(request: Request, context: Context, signed: SignedIn, data: PostedByAnyone) -> Response:
    """Begin the session of whom the gate names, once they have pressed the button that names them (R102).

    Who has one already proves to be the same (R105), and is not asked again who acts.
    """
    back, gate = safe_back(data.get("suite")), gate_identity(request)
    if gate is None:
        return RedirectResponse(with_back("/connexion", back), status_code=303)
    identity = name_of(context, gate)
    resolution = context.identities.resolve(identity, as_rupn=is_of_rupn(back))
    if not isinstance(resolution, IdentityUser):
        return without_session(request, context, identity, resolution, back)
    device = device_of(request, context)
    session_user, secret = context.identities.enter(
        resolution, identity, former=request.cookies.get(context.cookie, ""), device=device,
        proves=signed[0] if signed and signed[0].identity == identity.digest else None,
    )  # fmt: skip
    response = RedirectResponse(after_sign_in(session_user, back), status_code=303)
    set_session_cookie(response, context, secret)
    keep_device(response, context, session_user, device)
    return response


def without_session(
    request: Request, context: WebContext, identity: NamedIdentity, resolution: BindingNeeded | IdentityRefused,
    back: str,
) -> Response:  # fmt: skip
    """Lead somebody who is who they say, and has no session yet, to bind the identity, or to read why not (R103)."""
    if isinstance(resolution, BindingNeeded) and context.app.settings.sign_in.may_use_mail(Role.CHEF):
        pending = PendingBinding(
            digest=identity.digest, method=identity.method.value, provider=identity.provider, label=identity.label,
            name=resolution.name, begun_at=context.app.clock.now(), proposed=resolution.proposed,
        )  # fmt: skip
        response = RedirectResponse(with_back("/connexion/liaison", back), status_code=303)
        _keep(response, context, pending)
        return response
    context.count_refusal(REFUSED_IDENTITIES, request)
    code = resolution.code if isinstance(resolution, IdentityRefused) else IdentityRefusal.NO_FUNCTION
    return context.pages.page(
        request, "sign_in/provider_failed.html", status=403, title="Votre identité n'ouvre pas ce portail",
        remedy=_REFUSALS[code], provider=None, back=back, level="", retry=False,
        other=with_back(door_of(back), back), is_signed=False,
    )  # fmt: skip


def _keep(response: Response, context: WebContext, pending: PendingBinding) -> None:
    sealed = context.pending_bindings.keep(pending)
    context.set_cookie(response, context.binding_cookie, sealed, int(BINDING_LASTS.total_seconds()))


@router.get("/connexion/liaison")
def show_binding(request: Request, context: Context, visitor: MaybeVisitor, suite: str = "") -> Response:
    """The question of an identity without function: which establishment's mailbox can vouch for it (R103)."""
    back, pending = safe_back(suite), context.pending_binding(request)
    if visitor:
        return RedirectResponse(back or visitor.home, status_code=303)
    if pending is None:
        return RedirectResponse(with_back("/connexion", back), status_code=303)
    return _render_binding(request, context, pending, blank(_binding_fields(context, pending)), back)


@router.post("/connexion/liaison")
def ask_binding(request: Request, context: Context, data: PostedByAnyone, asking: Asking) -> Response:
    """Send the link to that mailbox, if there is one; the answer is the same if there is none (R72, R103)."""
    back, pending = safe_back(data.get("suite")), context.pending_binding(request)
    if pending is None:
        return RedirectResponse(with_back("/connexion", back), status_code=303)
    form = filled(_binding_fields(context, pending), data)
    chosen = form.values.get("etablissement", _OTHER) or _OTHER
    uai = normalise_uai(form.values.get("uai", "") if chosen == _OTHER else chosen)
    if form.is_right and not has_uai_form(uai):
        form = form.refused([bad_field("uai", "L'UAI", "a 7 chiffres puis une lettre", "R11")])
    if not form.is_right:
        return _render_binding(request, context, pending, form, back, status=422)
    link_request = asking.of(back=back, identity=pending.name, provider=pending.label)
    context.links.send_to_establishment(uai, link_request)
    response = asking.sent(link_request, uai=uai)
    _keep(response, context, replace(pending, uai=uai))
    return response


@router.post("/connexion/liaison/non")
def refuse_binding(context: Context, _signed: Mailbox, data: PostedBySigned) -> Response:
    """Forget the identity that waited in this browser: whoever reads this mailbox is somebody else."""
    response = RedirectResponse(with_back("/connexion/qui", safe_back(data.get("suite"))), status_code=303)
    forget_pending_binding(response, context)
    return response


def _binding_fields(context: WebContext, pending: PendingBinding) -> list[Field]:
    places = context.links.places(pending.proposed)
    typed = replace(UAI, required=not places)
    if not places:
        return [typed]
    choice = Field(
        name="etablissement", label="Votre établissement", shape=Shape.CHOICE,
        options=(*((place.uai, place.full) for place in places), (_OTHER, "Un autre")),
        value=places[0].uai if len(places) == 1 else "", missing="Choisir l'établissement.",
    )  # fmt: skip
    return [choice, replace(typed, label="UAI de l'autre établissement")]


def _render_binding(
    request: Request, context: WebContext, pending: PendingBinding, form: Form, back: str, *, status: int = 200
) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/binding.html", status=status, form=form, pending=pending, back=back,
        other=with_back("/connexion", back),
    )  # fmt: skip


@router.post("/connexion/fournisseur/{name}")
def begin(request: Request, context: Context, signed: SignedIn, data: PostedByAnyone, name: str) -> Response:
    """Send a browser to its provider, by a page: no form of ours leads out of the portal, whose headers forbid it."""
    back = safe_back(data.get("suite"))
    is_fresh = signed is not None and data.get("preuve") == "oui"
    level = str(data.get("niveau", ""))
    try:
        url, cookie = context.providers.begin(
            name, back, is_fresh=is_fresh, session=digest(signed[1]) if signed and is_fresh else "",
            level_of=level if level in ("chef", "operator", "reader") else "",
        )  # fmt: skip
    except ProviderFailure as failure:
        return _failed(request, context, failure, (name, back), is_signed=signed is not None)
    provider = context.app.settings.sign_in.provider(name)
    page = context.pages.page(request, "sign_in/to_provider.html", url=url, provider=provider)
    context.set_cookie(page, context.attempt_cookie, cookie, int(ATTEMPT_LASTS.total_seconds()))
    return page


@router.get(RETURN_PATH)
def finish(
    request: Request, context: Context, signed: SignedIn, client: Client, state: _Text = "", code: _Text = "",
    error: _Text = "", iss: _Text | None = None,
) -> Response:  # fmt: skip
    """Begin the session of whom the provider has named, once, in the browser that asked (R101)."""
    sealed = request.cookies.get(context.attempt_cookie, "")
    name, back = "", ""
    try:
        attempt = context.providers.cookies.open(sealed)
        name, back = attempt.provider, attempt.back
        context.providers.cookies.take(attempt, state)
        if attempt.session and (signed is None or digest(signed[1]) != attempt.session):
            raise ProviderFailure(ProviderProblem.LOST, "a proof for a session that is over")
        provider_return = ProviderReturn(state=state, code=code, error=error, issuer=iss)
        identity = context.providers.finish(attempt, provider_return, client)
        response = _enter(request, context, attempt, identity, signed if attempt.session else None)
    except ProviderFailure as failure:
        if failure.problem in (ProviderProblem.TOO_WEAK, ProviderProblem.OTHER_PERSON):
            context.count_refusal(REFUSED_IDENTITIES, request)
        response = _failed(request, context, failure, (name, back), is_signed=signed is not None)
    if sealed:
        context.delete_cookie(response, context.attempt_cookie)
    return response


def _enter(
    request: Request, context: WebContext, attempt: SignInAttempt, identity: ProvenIdentity,
    proving: tuple[SessionUser, str] | None,
) -> Response:  # fmt: skip
    """The session of an identity, or the page that says why it opens none. Raises ProviderFailure.

    ``proving``: the session whose user was asked to prove who they are anew (R105).
    """
    named = _named(context, identity)
    resolution = context.identities.resolve(named, as_rupn=is_of_rupn(attempt.back))
    if proving and not _is_same(proving[0], resolution, named):
        raise ProviderFailure(ProviderProblem.OTHER_PERSON, "a proof by another person than the session's")
    if not isinstance(resolution, IdentityRefused):
        role = resolution.role if isinstance(resolution, IdentityUser) else Role.CHEF
        context.providers.check_level(identity, role)
    if not isinstance(resolution, IdentityUser):
        return without_session(request, context, named, resolution, attempt.back)
    device = device_of(request, context)
    session = ProviderSession(provider=identity.provider, id_token=identity.id_token)
    session_user, secret = context.identities.enter(
        resolution, named, former=request.cookies.get(context.cookie, ""), proves=proving[0] if proving else None,
        device=device,
    )  # fmt: skip
    response = RedirectResponse(after_sign_in(session_user, attempt.back), status_code=303)
    set_session_cookie(response, context, secret)
    keep_device(response, context, session_user, device)
    context.set_cookie(response, context.provider_cookie, context.providers.cookies.keep(session))
    return response


def _named(context: WebContext, identity: ProvenIdentity) -> NamedIdentity:
    """The identity that the provider has named; the settings say its role here. Raises ProviderFailure."""
    provider = context.app.settings.sign_in.provider(identity.provider)
    if provider is None:
        raise ProviderFailure(ProviderProblem.LOST, "a sign-in by a provider that the settings do not have")
    return NamedIdentity(
        method=SignInMethod.PROVIDER, provider=provider.name, label=provider.label, claims=identity.claims,
        digest=identity_digest(context.app.hasher, provider.issuer, identity.subject),
        trusts_mail=provider.mail_is_verified, has_two_factors=identity.acr in provider.two_factors,
    )  # fmt: skip


def _is_same(user: SessionUser, resolution: Resolution, named: NamedIdentity) -> bool:
    """True when who proves to be somebody is the user of the session, and not a colleague of the same mailbox."""
    if not isinstance(resolution, IdentityUser):
        return False
    if user.provider == named.provider and user.identity != named.digest:
        return False
    if user.is_establishment:
        is_named = user.identity == named.digest or chef_key(user.name) == chef_key(resolution.name)
        return is_named and not set(user.uais).isdisjoint(resolution.subjects)
    return resolution.role is user.role and fold_mail(resolution.subjects[0]) == fold_mail(user.subject)


def _failed(
    request: Request, context: WebContext, failure: ProviderFailure, begun: tuple[str, str], *, is_signed: bool
) -> HTMLResponse:  # fmt: skip
    """The page of a sign-in that did not succeed: what to do, and nothing of what the provider said.

    ``begun``: the name of the provider, and the page wanted.
    """
    name, back = begun
    provider = context.app.settings.sign_in.provider(name)
    status, title, remedy = _WORDS[failure.problem]
    known = {
        "label": provider.label if provider else "le fournisseur d'identité",
        "minutes": ATTEMPT_LASTS.seconds // 60,
    }
    return context.pages.page(
        request, "sign_in/provider_failed.html", status=status, title=french.capital(title.format(**known)),
        remedy=remedy.format(**known), provider=provider, back=back, level=failure.role,
        retry=failure.problem is not ProviderProblem.OTHER_PERSON, other=with_back(door_of(back), back),
        is_signed=is_signed,
    )  # fmt: skip
