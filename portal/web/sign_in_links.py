"""The pages of a link: where it was asked it signs in, elsewhere it shows six digits to type there (R72, R104)."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from notifications.vocabulary import LINK_PATH
from portal.web.context import Context, Forged, MaybeVisitor, PostedByAnyone, SignedIn, WebContext
from portal.web.errors import error_page
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import Visitor, is_own_origin, with_back
from portal.web.sign_in import after_sign_in
from portal.web.sign_in_browser import SENT_PATH, BrowserSecret, Client, device_of, keep_device, set_session_cookie
from states.validation import has_uai_form, usual_uai
from workflow.auth.rate_limit import LINKS_OF_CLIENT, LINKS_OF_SUBJECT, LINKS_OF_SUBJECT_A_DAY
from workflow.auth.sessions import AskedElsewhere, Device, LinkDead, SessionUser, SignInResult, TooManyTries, WrongCode

router = APIRouter(include_in_schema=False)

NO_REFERRER: Final = {"Referrer-Policy": "no-referrer"}
"""The address of a link's page is a secret."""

SIX_DIGITS: Final = Field(
    name="chiffres", label="Les six chiffres", shape=Shape.DIGITS,
    hint="Si vous avez suivi le lien sur un autre appareil, par exemple un téléphone : tapez ici les six chiffres qu'il"
    " y montre.",
    missing="Taper les six chiffres que montre le lien.",
)  # fmt: skip

_WRONG: Final = (
    "Ces chiffres ne sont pas ceux du dernier lien demandé ici. Relisez-les sur l'autre appareil, ou suivez le lien"
    " dans ce navigateur."
)


@router.get(SENT_PATH)
def show_sent(request: Request, context: Context, visitor: MaybeVisitor, pour: str = "", uai: str = "") -> HTMLResponse:
    """The next steps, whether or not a mail left; the sender's address helps to find it.

    ``uai``: the one that was asked for, shown with the letter that its digits call for when it bears another (R11):
    arithmetic, which tells nothing of the directory.
    """
    return _render_sent(request, context, visitor, blank((SIX_DIGITS,)), pour, uai)


@router.post(SENT_PATH)
def enter_digits(
    request: Request, context: Context, visitor: MaybeVisitor, client: Client, browser: BrowserSecret,
    data: PostedByAnyone,
) -> Response:  # fmt: skip
    """Sign in by the six digits that the link shows elsewhere; wrong ones are answered alike for everybody (R104)."""
    form = filled((SIX_DIGITS,), data)
    pour, uai = _text(data, "pour"), _text(data, "uai")
    if not form.is_right:
        return _render_sent(request, context, visitor, form, pour, uai, status=422)
    former, device = request.cookies.get(context.cookie, ""), device_of(request, context)
    try:
        entered = context.sign_in.sign_in_by_code(
            form.values[SIX_DIGITS.name], client=client, browser=browser, cookie=former, device=device
        )
    except WrongCode:
        form = replace(blank((SIX_DIGITS,)), fields=(replace(form[SIX_DIGITS.name], text="", error=_WRONG),))
        return _render_sent(request, context, visitor, form, pour, uai, status=422)
    except TooManyTries:
        page = _render_dead(request, context, "", 429, too_many_codes=True)
        context.delete_cookie(page, context.asking_cookie)
        return page
    return _signed_in(context, entered, device)


def _text(data: FormData, name: str) -> str:
    return str(data.get(name) or "")


def _render_sent(
    request: Request, context: WebContext, visitor: Visitor | None, form: Form, pour: str, uai: str, status: int = 200
) -> HTMLResponse:
    uai = uai if has_uai_form(uai) else ""
    pour = pour if pour in ("rectorat", "rupn", "preuve") else ""
    return context.pages.page(
        request, "sign_in/sent.html", visitor, status=status, form=form, minutes=context.settings.link_minutes,
        pour=pour, most=LINKS_OF_SUBJECT.most, most_a_day=LINKS_OF_SUBJECT_A_DAY.most,
        most_of_network=LINKS_OF_CLIENT.most, sender=context.app.settings.mail.sender_address, uai=uai,
        usual_uai=usual_uai(uai) if uai else "", sent_path=SENT_PATH,
        is_personal=pour in ("rectorat", "rupn") or (visitor is not None and not visitor.is_chef),
    )  # fmt: skip


async def from_the_page(request: Request, context: Context) -> None:
    """Raises Forged unless the button of the link's own page was pressed.

    That page sends no referrer; a browser then gives ``null`` for its origin, which is accepted.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise Forged
    origin = request.headers.get("origin", "null")
    if site is None and origin != "null" and not is_own_origin(origin, context.settings.address):
        raise Forged


@router.get(f"{LINK_PATH}{{secret}}")
def show_link(
    request: Request, context: Context, signed: SignedIn, client: Client, browser: BrowserSecret, secret: str
) -> Response:
    """The page with the button, or elsewhere with the six digits.

    It changes nothing, however often it is read: mail scanners follow links (R72).
    """
    link = context.links.preview(secret, session=request.cookies.get(context.cookie, ""), browser=browser)
    if link is None:
        if context.sign_in.is_blocked(client):
            return _without_referrer(error_page(request, 429))
        return _show_dead_link(request, context, secret, signed)
    template = "sign_in/link.html" if link.is_here else "sign_in/elsewhere.html"
    page = context.pages.page(request, template, link=link, minutes=context.settings.link_minutes)
    return _without_referrer(page)


@router.post(f"{LINK_PATH}{{secret}}", dependencies=[Depends(from_the_page)])
def open_link(
    request: Request, context: Context, signed: SignedIn, client: Client, browser: BrowserSecret, secret: str
) -> Response:
    """Consume the link and begin a session of this browser, which asked for it (R72, R104)."""
    former, device = request.cookies.get(context.cookie, ""), device_of(request, context)
    try:
        entered = context.sign_in.sign_in(secret, client=client, cookie=former, browser=browser, device=device)
    except TooManyTries:
        return _without_referrer(error_page(request, 429))
    except AskedElsewhere:
        return _without_referrer(RedirectResponse(request.url.path, status_code=303))
    except LinkDead:
        return _show_dead_link(request, context, secret, signed)
    return _signed_in(context, entered, device)


def _signed_in(context: WebContext, entered: SignInResult, device: Device) -> Response:
    path = after_sign_in(entered.session_user, entered.back)
    response = _without_referrer(RedirectResponse(path, status_code=303))
    set_session_cookie(response, context, entered.secret)
    keep_device(response, context, entered.session_user, device)
    return response


def _show_dead_link(
    request: Request, context: WebContext, secret: str, signed: tuple[SessionUser, str] | None
) -> Response:
    """Lead whom this link signed in, and who still is, to where it led then; say to others that it is over (R72)."""
    dead = context.links.dead_link(secret)
    back = dead.back if dead else ""
    if signed and dead and dead.subject in (signed[0].uais or (signed[0].subject,)):
        return _without_referrer(RedirectResponse(after_sign_in(signed[0], back), status_code=303))
    return _without_referrer(_render_dead(request, context, back, 410))


def _render_dead(
    request: Request, context: WebContext, back: str, status: int, *, too_many_codes: bool = False
) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/dead.html", status=status, minutes=context.settings.link_minutes,
        too_many_codes=too_many_codes, school_address=with_back("/connexion", back),
        rectorat_address=with_back("/connexion/rectorat", back),
    )  # fmt: skip


def _without_referrer(response: Response) -> Response:
    response.headers.update(NO_REFERRER)
    return response
