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
from portal.web.kept_forms import PLACE as KEPT_FORM
from portal.web.kept_forms import keep_form, set_kept_cookie
from portal.web.security import Visitor, page_before, safe_back
from states.vocabulary import SignInMethod
from workflow.auth.sessions import SessionUser
from workflow.settings.sign_in import ProviderSettings, SignInSettings

router = APIRouter(include_in_schema=False)

PROOF_PATH: Final = "/connexion/preuve"


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


def proven_chef(context: Context, visitor: Chef) -> Visitor:
    """A chef or a deputy who proved lately who they are. Raises Forbidden, ProofNeeded."""
    require_fresh_proof(context, visitor)
    return visitor


ProvenOperator = Annotated[Visitor, Depends(proven_operator)]


ProvenChef = Annotated[Visitor, Depends(proven_chef)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofDoors:
    """How somebody may prove anew who they are: by a mail, or by providers. With neither, by signing in anew."""

    by_mail: bool = False
    providers: tuple[ProviderSettings, ...] = ()

    @classmethod
    def of(cls, settings: SignInSettings, user: SessionUser) -> Self:
        """The provider that named this person, and no weaker door; else the mail, for a role that it is open to."""
        provider = settings.provider(user.provider) if user.method is SignInMethod.PROVIDER else None
        if provider:
            return cls(providers=(provider,))
        if settings.may_use_mail(user.role):
            return cls(by_mail=True)
        return cls(providers=settings.providers)


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
    return _render(request, context, visitor, back)


@router.post(PROOF_PATH)
def send_proof(request: Request, context: Context, visitor: AnyVisitor, data: Posted, asking: Asking) -> Response:
    """Send a link to the address of this session; where it was asked, it proves and begins a new session (R73)."""
    back = safe_back(data.get("suite"))
    if not ProofDoors.of(context.app.settings.sign_in, visitor.session_user).by_mail:
        return _render(request, context, visitor, back)
    link_request = asking.of(back=back or visitor.home, session=visitor.secret, is_proof=True)
    if visitor.is_chef:
        context.links.send_to_establishment(visitor.uai, link_request)
    else:
        context.links.send_to_rectorat(visitor.session_user.subject, link_request)
    return asking.sent(link_request, pour="preuve")


def _render(request: Request, context: WebContext, visitor: Visitor, back: str) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/proof.html", visitor, doors=ProofDoors.of(context.app.settings.sign_in, visitor.session_user),
        back=back, is_kept=back == KEPT_FORM,
        minutes=context.app.settings.sign_in.step_up_minutes, proof_path=PROOF_PATH,
    )  # fmt: skip
