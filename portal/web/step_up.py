"""A fresh proof of who acts, before what gives or takes away much: the page that asks for it, and the routes' check.

The time runs from the last proof, and what is done meanwhile does not prolong it (R105).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.web.asking import Asking, with_back
from portal.web.context import READING, AnyVisitor, Chef, Context, Operator, Posted, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.kept_forms import PLACE as KEPT_FORM
from portal.web.kept_forms import keep_form, set_kept_cookie
from portal.web.security import Visitor, page_before, safe_back
from states.refusals import Reason
from states.vocabulary import Role, SignInMethod
from workflow.auth.second_factor import FactorUnknown, TooManyFactorTries, WrongFactor
from workflow.auth.sessions import SessionUser
from workflow.settings.sign_in import ProviderSettings, SignInSettings

router = APIRouter(include_in_schema=False)

PROOF_PATH: Final = "/connexion/preuve"

DIGITS: Final = Field(
    name="chiffres", label="Les six chiffres de votre application", shape=Shape.DIGITS, focus=True,
    hint="Ils changent toutes les 30 secondes.", missing="Taper les six chiffres que montre l'application.",
)  # fmt: skip

WRONG: Final = Reason(
    "wrong_factor", "R106", "Ce code n'est pas le bon, ou il a déjà servi",
    "Attendre les six chiffres suivants ; vérifier que l'heure du téléphone est automatique.", "chiffres",
)  # fmt: skip

TOO_MANY: Final = Reason(
    "too_many_factors", "R106", "Trop de codes faux ont été tapés",
    "Attendre une demi-heure, puis recommencer ; un administrateur peut aussi retirer le second facteur.",
)  # fmt: skip


class ProofNeeded(Exception):
    """Signed in, and the last proof of who it is is too old for what is asked."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofDoors:
    """How somebody may prove anew who they are. With no door, by signing in anew."""

    by_factor: bool = False
    by_mail: bool = False
    by_gate: bool = False
    providers: tuple[ProviderSettings, ...] = ()

    @classmethod
    def of(cls, settings: SignInSettings, user: SessionUser, *, has_factor: bool = False) -> Self:
        """The provider that named this person, and no weaker door; else their second factor; else the mail.

        A role that the mail is closed to has the gate that named it, or any provider.
        """
        provider = settings.provider(user.provider) if user.method is SignInMethod.PROVIDER else None
        if provider:
            return cls(providers=(provider,))
        if has_factor:
            return cls(by_factor=True)
        if settings.may_use_mail(user.role):
            return cls(by_mail=True)
        if user.method is SignInMethod.TRUSTED_HEADERS:
            return cls(by_gate=True)
        return cls(providers=settings.providers)


def doors_of(context: WebContext, visitor: Visitor) -> ProofDoors:
    """The doors of this person, in their own role."""
    user, factors = visitor.session_user, context.app.second_factors
    has_factor = user.role is Role.OPERATOR and factors.is_offered and bool(factors.standing(user.subject).since)
    return ProofDoors.of(context.app.settings.sign_in, user, has_factor=has_factor)


async def lead_to_proof(request: Request, context: WebContext) -> Response:
    """Lead to the page that asks for a proof, and from there back: to the page, with what was typed in it."""
    url = request.url
    if request.method in READING:
        return RedirectResponse(with_back(PROOF_PATH, f"{url.path}?{url.query}" if url.query else url.path), 303)
    secret = await keep_form(request, context)
    if secret is None:
        return RedirectResponse(with_back(PROOF_PATH, page_before(request, context.settings.address)), 303)
    response = RedirectResponse(with_back(PROOF_PATH, KEPT_FORM), status_code=303)
    set_kept_cookie(response, context, secret)
    return response


@router.get(PROOF_PATH)
def show_proof(request: Request, context: Context, visitor: AnyVisitor, suite: str = "") -> Response:
    """Ask for a proof; who has given one goes on."""
    back = safe_back(suite)
    if is_fresh(context, visitor):
        return RedirectResponse(back or visitor.home, status_code=303)
    return _render(request, context, visitor, blank((DIGITS,)), back)


@router.post(PROOF_PATH)
def send_proof(request: Request, context: Context, visitor: AnyVisitor, data: Posted, asking: Asking) -> Response:
    """Send a link to the address of this session; where it was asked, it proves and begins a new session (R73)."""
    back, user = safe_back(data.get("suite")), visitor.session_user
    if not doors_of(context, visitor).by_mail:
        return _render(request, context, visitor, blank((DIGITS,)), back)
    link_request = asking.of(back=back or visitor.home, session=visitor.secret, is_proof=True)
    if user.is_establishment:
        context.links.send_to_establishment(visitor.uai, link_request)
    elif user.role is Role.RUPN:
        context.links.send_to_rupn(user.subject, link_request)
    else:
        context.links.send_to_rectorat(user.subject, link_request)
    return asking.sent(link_request, pour="preuve")


@router.post(f"{PROOF_PATH}/chiffres")
def prove_by_factor(request: Request, context: Context, visitor: AnyVisitor, data: Posted) -> Response:
    """Prove by the six digits of the second factor, and go on under a new secret (R106)."""
    back, form = safe_back(data.get("suite")), filled((DIGITS,), data)
    if not doors_of(context, visitor).by_factor:
        return _render(request, context, visitor, blank((DIGITS,)), back)
    if form.is_right:
        try:
            secret = context.sign_in.prove_by_factor(visitor.session_user, visitor.secret, form.values[DIGITS.name])
        except (WrongFactor, FactorUnknown):
            form = form.refused([WRONG])
        except TooManyFactorTries:
            form = form.refused([TOO_MANY])
        else:
            response = RedirectResponse(back or visitor.home, status_code=303)
            response.set_cookie(
                context.cookie, secret, path="/", httponly=True, samesite="lax", secure=context.is_https
            )
            return response
    return _render(request, context, visitor, form, back, status=422)


def _render(
    request: Request, context: WebContext, visitor: Visitor, form: Form, back: str, status: int = 200
) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/proof.html", visitor, status=status, doors=doors_of(context, visitor), form=form, back=back,
        is_kept=back == KEPT_FORM, minutes=context.app.settings.sign_in.step_up_minutes, proof_path=PROOF_PATH,
    )  # fmt: skip
