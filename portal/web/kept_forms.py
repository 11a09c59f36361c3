"""A form sent after the end of its session: kept, then shown again, filled, to the same person signed in anew (R73)."""

from typing import Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive, Scope, Send

from portal.connections import LARGEST_FILE, widen_for_file
from portal.web.context import AnyVisitor, Context, WebContext, form_with_file, imported_file, posted, typed, uploaded
from portal.web.forms import FILE_NAME, GIVEN_BACK
from portal.web.security import CSRF_FIELD, comes_from_here, csrf_of, has_csrf
from workflow.auth.kept_forms import LARGEST, KeptForm
from workflow.auth.sessions import REMEMBERED

router = APIRouter(include_in_schema=False)

PLACE: Final = "/reprendre-la-saisie"

_SIDES: Final = ("/etablissement/", "/rectorat/")

_NOT_TYPED: Final = frozenset({CSRF_FIELD, "key", "version", "uai", "lot", "retour", "references", "choix"})
"""What our own pages put in a form: alone, it is not worth keeping."""

_CODE: Final = "code"
"""The beginning of the name of every field that holds an initialisation code, which is never kept (R60)."""

_OF_THE_FORM: Final = (CSRF_FIELD, GIVEN_BACK, FILE_NAME)

_WITHOUT_FILE, _WITH_FILE = "application/x-www-form-urlencoded", "multipart/form-data"

_LONGEST_FILE_NAME: Final = 120

_OF_THE_BROWSER: Final = (b"host", b"cookie", b"accept-encoding", b"user-agent")


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
    kept = KeptForm(target=f"{url.path}?{url.query}" if url.query else url.path, fields=fields)
    return await run_in_threadpool(context.kept_forms.keep, session, kept)


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
    response.set_cookie(
        context.kept_cookie, secret, path="/", httponly=True, samesite="lax", secure=context.is_https,
        max_age=int(REMEMBERED.total_seconds()),
    )  # fmt: skip


@router.get(PLACE)
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
        sent = {name: value for name, value in scope["headers"] if name in _OF_THE_BROWSER}
        sent |= {
            b"content-type": b"application/x-www-form-urlencoded", b"content-length": str(len(self._form)).encode(),
        }  # fmt: skip
        of_the_server = ("type", "asgi", "http_version", "scheme", "root_path", "client", "server", "extensions")
        post: Scope = {name: scope[name] for name in of_the_server if name in scope} | {
            "method": "POST", "path": self._target.path, "raw_path": self._target.path.encode(),
            "query_string": self._target.query.encode(), "headers": list(sent.items()),
        }  # fmt: skip

        async def receive_form() -> Message:
            return {"type": "http.request", "body": self._form, "more_body": False}

        await scope["app"](post, receive_form, send)
