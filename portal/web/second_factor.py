"""The second factor: asked for after the door, enrolled, removed; its recovery codes are shown once (R106)."""

from dataclasses import dataclass, replace
from typing import Final

import segno
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from portal.web.context import AnyVisitor, Context, Posted, ProvenVisitor, SignedIn, SignInNeeded, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import Visitor, csrf_of, safe_back, with_back
from portal.web.sign_in import PostedBySigned
from portal.web.sign_in_browser import set_session_cookie
from portal.web.step_up import DIGITS, TOO_MANY, WRONG
from states.model import Actor
from states.refusals import Reason
from workflow.auth.actors import NotAllowed
from workflow.auth.second_factor import FactorNeed, FactorUnknown, TooManyFactorTries, WrongFactor
from workflow.auth.sessions import SessionUser

GATE: Final = "/connexion/second-facteur"
"""Where a session waits for its second factor; it opens nothing else."""

PLACE: Final = "/compte/second-facteur"

router = APIRouter(include_in_schema=False)

RECOVERY: Final = Field(
    name="secours", label="Un de vos codes de secours", shape=Shape.CODE,
    hint="Avec ou sans tirets. Chacun ne sert qu'une fois.", missing="Taper un code de secours.",
)  # fmt: skip

_WRONG_RECOVERY: Final = replace(WRONG, remedy="Le vérifier, ou en prendre un autre de la liste.", field="secours")


@dataclass(frozen=True, kw_only=True)
class FactorUser:
    """The person who enrols, in a session that waits (``visitor`` None) or that is open."""

    session_user: SessionUser
    secret: str
    actor: Actor
    visitor: Visitor | None = None

    @property
    def place(self) -> str:
        return PLACE if self.visitor else GATE

    @property
    def csrf(self) -> str:
        return csrf_of(self.secret)


def _waiting(context: WebContext, signed: tuple[SessionUser, str] | None) -> FactorUser | None:
    """The person whose second factor is waited for; None for an open session. Raises SignInNeeded for nobody."""
    if signed is None:
        raise SignInNeeded
    session_user, secret = signed
    if not session_user.awaits_factor:
        return None
    try:
        return FactorUser(session_user=session_user, secret=secret, actor=context.sessions.actor(session_user))
    except NotAllowed:  # removed from the settings
        raise SignInNeeded from None


def _entered(context: WebContext, secret: str, back: str) -> Response:
    """Lead to the page that was wanted, under the session's new secret."""
    response = RedirectResponse(back or "/rectorat", status_code=303)
    set_session_cookie(response, context, secret)
    return response


@router.get(GATE)
def show_gate(request: Request, context: Context, signed: SignedIn, suite: str = "") -> Response:
    """Ask for the six digits, or lead to enrol who must; nothing changes by reading it."""
    user, back = _waiting(context, signed), safe_back(suite)
    if user is None:
        return RedirectResponse(back or "/compte", status_code=303)
    if context.sign_in.need(user.session_user) is FactorNeed.ENROLMENT:
        return _show_enrolment(request, context, user, back)
    return _show_gate(request, context, user, back)


@router.post(GATE)
def pass_gate(request: Request, context: Context, signed: SignedIn, data: PostedBySigned) -> Response:
    """Open the session by the six digits, or by a recovery code."""
    user, back = _waiting(context, signed), safe_back(data.get("suite"))
    if user is None:
        return RedirectResponse(back or "/compte", status_code=303)
    if context.sign_in.need(user.session_user) is FactorNeed.NOTHING:
        secret = context.sign_in.open_without_factor(user.session_user, user.secret)
        return _entered(context, secret, back)
    is_recovery = RECOVERY.name in data
    form = filled((RECOVERY if is_recovery else DIGITS,), data)
    if form.is_right:
        try:
            (typed,) = form.values.values()
            secret = context.sign_in.pass_factor(user.session_user, user.secret, typed, is_recovery=is_recovery)
            return _entered(context, secret, back)
        except (WrongFactor, TooManyFactorTries, FactorUnknown) as error:
            form = form.refused([_reason_of(error, is_recovery=is_recovery)])
    return _show_gate(request, context, user, back, form, status=422)


@router.post(f"{GATE}/commencer")
def begin_at_gate(context: Context, signed: SignedIn, data: PostedBySigned) -> Response:
    """Draw the key of who must enrol."""
    user, back = _waiting(context, signed), safe_back(data.get("suite"))
    if user and context.sign_in.need(user.session_user) is FactorNeed.ENROLMENT:
        context.app.second_factors.begin(user.session_user.subject)
    return RedirectResponse(with_back(GATE, back), status_code=303)


@router.post(f"{GATE}/confirmer")
def confirm_at_gate(request: Request, context: Context, signed: SignedIn, data: PostedBySigned) -> Response:
    """Confirm the key by its first digits: the session opens, and the recovery codes are shown."""
    user, back = _waiting(context, signed), safe_back(data.get("suite"))
    if user is None:
        return RedirectResponse(back or "/compte", status_code=303)
    return _confirm(request, context, user, filled((DIGITS,), data), back)


@router.get(PLACE)
def show_factor(request: Request, context: Context, visitor: AnyVisitor) -> Response:
    """The second factor of an operator: what it is, how to have one, how to remove it."""
    if not _is_for(context, visitor):
        return RedirectResponse("/compte", status_code=303)
    return _show_enrolment(request, context, _open_user(visitor), "")


@router.post(f"{PLACE}/commencer")
def begin(context: Context, visitor: ProvenVisitor, _: Posted) -> Response:
    """Draw the key of an operator who wants a second factor."""
    if _is_for(context, visitor):
        context.app.second_factors.begin(visitor.session_user.subject)
    return RedirectResponse(PLACE, status_code=303)


@router.post(f"{PLACE}/confirmer")
def confirm(request: Request, context: Context, visitor: ProvenVisitor, data: Posted) -> Response:
    """Confirm the key by its first digits, and show the recovery codes."""
    if not _is_for(context, visitor):
        return RedirectResponse("/compte", status_code=303)
    return _confirm(request, context, _open_user(visitor), filled((DIGITS,), data), "")


@router.post(f"{PLACE}/secours")
def renew_codes(request: Request, context: Context, visitor: ProvenVisitor, _: Posted) -> Response:
    """Draw other recovery codes, and show them."""
    if not _is_for(context, visitor):
        return RedirectResponse("/compte", status_code=303)
    try:
        codes = context.app.second_factors.renew_codes(visitor.actor, visitor.session_user.subject)
    except FactorUnknown:
        return RedirectResponse(PLACE, status_code=303)
    return _show_codes(request, context, visitor, codes, "/compte")


@router.post(f"{PLACE}/retirer")
def remove(context: Context, visitor: ProvenVisitor, _: Posted) -> Response:
    """Remove one's own second factor; one's colleagues are told."""
    if not _is_for(context, visitor):
        return RedirectResponse("/compte", status_code=303)
    try:
        context.app.second_factors.remove(visitor.actor, visitor.session_user.subject)
    except FactorUnknown:
        return RedirectResponse(PLACE, status_code=303)
    return context.success_messages.redirect(visitor, "/compte", "votre second facteur est retiré")


def _is_for(context: WebContext, visitor: Visitor) -> bool:
    return visitor.is_operator and context.app.second_factors.is_offered


def _open_user(visitor: Visitor) -> FactorUser:
    return FactorUser(
        session_user=visitor.session_user, secret=visitor.secret, actor=visitor.actor, visitor=visitor
    )  # fmt: skip


def _reason_of(error: Exception, *, is_recovery: bool = False) -> Reason:
    """The refusal of a code that was typed."""
    if isinstance(error, TooManyFactorTries):
        return TOO_MANY
    if isinstance(error, FactorUnknown):
        return Reason("factor_unknown", "R106", "Ce second facteur ne peut pas servir", str(error))
    return _WRONG_RECOVERY if is_recovery else WRONG


def _confirm(request: Request, context: WebContext, user: FactorUser, form: Form, back: str) -> Response:
    if form.is_right:
        try:
            codes = context.app.second_factors.confirm(user.actor, user.session_user.subject, form.values["chiffres"])
        except FactorUnknown:
            return RedirectResponse(with_back(user.place, back), status_code=303)
        except (WrongFactor, TooManyFactorTries) as error:
            form = form.refused([_reason_of(error)])
        else:
            return _show_first_codes(request, context, user, codes, back)
    return _show_enrolment(request, context, user, back, form, status=422)


def _show_first_codes(
    request: Request, context: WebContext, user: FactorUser, codes: tuple[str, ...], back: str
) -> Response:
    """Show the recovery codes; a session that waited is open from now on.

    The person's other sessions end: they were opened without the second factor.
    """
    context.app.open_sessions.end_others(user.session_user, user.secret, user.actor)
    if user.visitor:
        return _show_codes(request, context, user.visitor, codes, "/compte", is_first=True)
    secret = context.sign_in.complete(user.secret)
    session_user = replace(user.session_user, awaits_factor=False)
    visitor = Visitor(actor=user.actor, session_user=session_user, secret=secret)
    response = _show_codes(request, context, visitor, codes, back or visitor.home, is_first=True)
    set_session_cookie(response, context, secret)
    return response


def _show_codes(
    request: Request, context: WebContext, visitor: Visitor, codes: tuple[str, ...], forward: str, *,
    is_first: bool = False,
) -> Response:  # fmt: skip
    return context.pages.page(
        request, "sign_in/recovery_codes.html", visitor, codes=codes, forward=forward, first=is_first
    )


def _show_gate(
    request: Request, context: WebContext, user: FactorUser, back: str, form: Form | None = None, *, status: int = 200
) -> HTMLResponse:
    """Two forms, the second folded unless it was sent."""
    sent = form or blank((DIGITS,))
    is_recovery = RECOVERY.name in sent
    return context.pages.page(
        request, "sign_in/second_factor.html", status=status, form=sent, back=back, csrf=user.csrf,
        digits=blank((DIGITS,)) if is_recovery else sent, recovery=sent if is_recovery else blank((RECOVERY,)),
        is_recovery=is_recovery, address=user.session_user.subject,
        is_asked=context.sign_in.need(user.session_user) is not FactorNeed.NOTHING,
    )  # fmt: skip


def _show_enrolment(
    request: Request, context: WebContext, user: FactorUser, back: str, form: Form | None = None, *, status: int = 200
) -> HTMLResponse:
    factors, address = context.app.second_factors, user.session_user.subject
    standing = factors.standing(address)
    may_enrol = bool(standing.since) or factors.may_enrol(address)
    key = factors.enrolment_key(address) if may_enrol and not standing.since else None
    return context.pages.page(
        request, "sign_in/enrolment.html", user.visitor, status=status, form=form or blank((DIGITS,)), back=back,
        csrf=user.csrf, place=user.place, standing=standing, key=key, picture=_picture(key.uri) if key else "",
        is_required=factors.policy == "required", address=address, may_enrol=may_enrol,
    )  # fmt: skip


def _picture(uri: str) -> Markup:
    """The key as a picture that a telephone reads: a drawing in the page itself, dark on light in every theme."""
    drawing = segno.make(uri, error="m").svg_inline(
        scale=5, border=4, dark="#161616", light="#fff", title="Image à viser avec l'application du téléphone"
    )
    return Markup(drawing)  # noqa: S704 - drawn by us, of squares alone
