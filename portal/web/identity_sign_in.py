"""Signing in as whom the académie's gate names, and binding an identity to its establishment (R102, R103).

The gate's headers never sign in by themselves: a page shows whom they name, and its button signs in.
"""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.web.asking import Asking, with_back
from portal.web.context import Context, MaybeVisitor, PostedByAnyone, SignedIn, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import door_of, is_of_rupn, safe_back
from portal.web.sign_in import (
    UAI,
    Mailbox,
    PostedBySigned,
    after_sign_in,
    device_of,
    forget_pending_binding,
    keep_device,
    set_session_cookie,
)
from portal.web.trusted_headers import GateIdentity, claims_of, gate_identity
from states.refusals import bad_field
from states.validation import has_uai_form, normalise_uai
from states.vocabulary import Role, SignInMethod
from workflow.auth.bindings import GATE, identity_digest
from workflow.auth.rate_limit import REFUSED_IDENTITIES
from workflow.identity.claims import BindingNeeded, IdentityRefusal, IdentityRefused, IdentityUser
from workflow.identity.entry import BINDING_LASTS, NamedIdentity, PendingBinding

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
        other=with_back(door_of(back), back),
        is_signed=False,
    )  # fmt: skip


def _keep(response: Response, context: WebContext, pending: PendingBinding) -> None:
    response.set_cookie(
        context.binding_cookie, context.pending_bindings.keep(pending), max_age=int(BINDING_LASTS.total_seconds()),
        path="/", httponly=True, samesite="lax", secure=context.is_https,
    )  # fmt: skip


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
