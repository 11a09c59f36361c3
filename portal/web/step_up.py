"""Proving anew who one is, without losing what was typed (R73, R105).

The page asks for a fresh proof before what gives or takes away much: the time runs from the last proof, and what is
done meanwhile does not prolong it. A form sent too late, or after the end of its session, is kept, then shown again,
filled, to the same person.
"""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive, Scope, Send

from portal.middleware import LARGEST_FILE, widen_for_file
from portal.web.context import (
    READING,
    AnyVisitor,
    Context,
    Posted,
    WebContext,
    is_fresh,
    posted,
    typed,
)
from portal.web.file_import import form_with_file, imported_file, uploaded
from portal.web.forms import FILE_NAME, GIVEN_BACK, Field, Form, Shape, blank, filled
from portal.web.security import (
    CSRF_FIELD,
    Visitor,
    comes_from_here,
    csrf_of,
    has_csrf,
    page_before,
    safe_back,
    with_back,
)
from portal.web.sign_in_browser import Asking
from states.refusals import Reason
from states.vocabulary import Role, SignInMethod
from workflow.auth.kept_forms import LARGEST, KeptForm
from workflow.auth.second_factor import FactorUnknown, TooManyFactorTries, WrongFactor
from workflow.auth.sessions import REMEMBERED, SessionUser
from workflow.settings.sign_in import ProviderSettings, SignInSettings

router = APIRouter(include_in_schema=False)


KEPT_FORM: Final = "/reprendre-la-saisie"

_SIDES: Final = ("/etablissement/", "/rectorat/")

_NOT_TYPED: Final = frozenset({CSRF_FIELD, "key", "version", "uai", "lot", "retour", "references", "choix"})
"""What our own pages put in a form: alone, it is not worth keeping."""

_CODE: Final = "code"
"""The beginning of the name of every field that holds an initialisation code, which is never kept (R60)."""

_OF_THE_FORM: Final = (CSRF_FIELD, GIVEN_BACK, FILE_NAME)

_WITHOUT_FILE, _WITH_FILE = "application/x-www-form-urlencoded", "multipart/form-data"

_LONGEST_FILE_NAME: Final = 120

_OF_THE_BROWSER: Final = (b"host", b"cookie", b"accept-encoding", b"user-agent")

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


async def keep_form(request: Request, context: WebContext) -> str | None:
    """Keep what was typed in a form of a session that has ended; return the secret that opens it.

    None for a button, for a form that no page of that session sent, and for one that is too long. Of a file, its name
    alone is kept.
    """
    session, length = request.cookies.get(context.cookie, ""), request.headers.get("content-length", "")
    if not session or not request.url.path.startswith(_SIDES) or not length.isdecimal():
        return None
    calls = _calls_of(getattr(request.scope.get("route"), "dependant", None))
    has_file = bool(calls & {uploaded, imported_file})
    is_form = request.headers.get("content-type", "").startswith(_WITH_FILE if has_file else _WITHOUT_FILE)
    if not is_form or not (has_file or (typed in calls and posted not in calls)):
        return None
    if int(length) > (LARGEST_FILE if has_file else LARGEST):
        return None
    if has_file and not await run_in_threadpool(context.kept_forms.knows, session):
        return None  # a stranger has no large body read
    if has_file:
        widen_for_file(request.scope)
    try:
        form = await (form_with_file(request) if has_file else request.form(max_files=0, max_fields=2000))
    except (HTTPException, MultiPartException, KeyError):
        return None
    await form.close()  # nothing is read of a file
    if not comes_from_here(request, context.settings.address) or not has_csrf(form, session):
        return None
    fields = _typed_fields(form)
    if not any(text.strip() for name, text in fields if name not in _NOT_TYPED):
        return None
    url = request.url
    form_to_keep = KeptForm(target=f"{url.path}?{url.query}" if url.query else url.path, fields=fields)
    return await run_in_threadpool(context.kept_forms.keep, session, form_to_keep)


def _calls_of(dependant: Dependant | None) -> set[object]:
    """The dependencies of a route. One that takes ``Typed`` and not ``Posted``, or a file, shows its form again."""
    waiting, calls = [dependant] if dependant else [], set[object]()
    while waiting:
        dependant = waiting.pop()
        calls.add(dependant.call)
        waiting += dependant.dependencies
    return calls


def _typed_fields(form: FormData) -> list[tuple[str, str]]:
    fields = [
        (name, text)
        for name, text in form.multi_items()
        if isinstance(text, str) and name not in _OF_THE_FORM and not name.startswith(_CODE)
    ]
    names = [file.filename for _, file in form.multi_items() if isinstance(file, UploadFile) and file.filename]
    return fields + [(FILE_NAME, name[:_LONGEST_FILE_NAME]) for name in names]


def set_kept_cookie(response: Response, context: WebContext, secret: str) -> None:
    """The browser alone can open what was kept, as long as it is."""
    context.set_cookie(response, context.kept_cookie, secret, int(REMEMBERED.total_seconds()))


@router.get(KEPT_FORM)
def give_back(request: Request, context: Context, visitor: AnyVisitor) -> Response:
    """The form with what was typed; it does nothing until it is sent. Without one, the person's first page."""
    secret = request.cookies.get(context.kept_cookie, "")
    kept = context.kept_forms.find(secret, visitor.session_user) if secret else None
    if kept is None:
        return RedirectResponse(visitor.home, status_code=303)
    fields = [*kept.fields, (CSRF_FIELD, csrf_of(visitor.secret)), (GIVEN_BACK, "oui")]
    return _PageOfForm(kept.target, urlencode(fields).encode())


class _PageOfForm(Response):
    """The answer of the form's own route, which makes its page from what was typed."""

    def __init__(self, target: str, body: bytes) -> None:
        super().__init__()
        self._target, self._form = urlsplit(target), body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = {name: value for name, value in scope["headers"] if name in _OF_THE_BROWSER}
        headers |= {
            b"content-type": b"application/x-www-form-urlencoded", b"content-length": str(len(self._form)).encode(),
        }  # fmt: skip
        of_the_server = ("type", "asgi", "http_version", "scheme", "root_path", "client", "server", "extensions")
        post: Scope = {name: scope[name] for name in of_the_server if name in scope} | {
            "method": "POST", "path": self._target.path, "raw_path": self._target.path.encode(),
            "query_string": self._target.query.encode(), "headers": list(headers.items()),
        }  # fmt: skip

        async def receive_form() -> Message:
            return {"type": "http.request", "body": self._form, "more_body": False}

        await scope["app"](post, receive_form, send)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofDoors:
    """The ways in which somebody may prove anew who they are. With none, they sign in anew."""

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
            context.set_cookie(response, context.cookie, secret)
            return response
    return _render(request, context, visitor, form, back, status=422)


def _render(
    request: Request, context: WebContext, visitor: Visitor, form: Form, back: str, status: int = 200
) -> HTMLResponse:
    return context.pages.page(
        request, "sign_in/proof.html", visitor, status=status, doors=doors_of(context, visitor), form=form, back=back,
        is_kept=back == KEPT_FORM, minutes=context.app.settings.sign_in.step_up_minutes, proof_path=PROOF_PATH,
    )  # fmt: skip
