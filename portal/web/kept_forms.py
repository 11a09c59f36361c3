"""A form sent after the end of its session: kept, then shown again, filled, to the same person signed in anew (R73)."""

from typing import Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from portal.web.context import AnyVisitor, Context, WebContext, posted, typed
from portal.web.forms import GIVEN_BACK
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

_OF_THE_BROWSER: Final = (b"host", b"cookie", b"accept-encoding", b"user-agent")


async def keep_form(request: Request, context: WebContext) -> str | None:
    """Keep what was typed in a form of a session that has ended; return the secret that opens it.

    None for a button, for a form that no page of that session sent, for a file, and for one that is too long.
    """
    session, length = request.cookies.get(context.cookie, ""), request.headers.get("content-length", "")
    if not session or not request.url.path.startswith(_SIDES) or not length.isdecimal() or int(length) > LARGEST:
        return None
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    if not _gives_back(getattr(request.scope.get("route"), "dependant", None)):
        return None
    try:
        form = await request.form(max_files=0, max_fields=2000)
    except HTTPException:
        return None
    if not comes_from_here(request, context.settings.address) or not has_csrf(form, session):
        return None
    fields = _typed_fields(form)
    if not any(text.strip() for name, text in fields if name not in _NOT_TYPED):
        return None
    url = request.url
    kept = KeptForm(target=f"{url.path}?{url.query}" if url.query else url.path, fields=fields)
    return await run_in_threadpool(context.kept_forms.keep, session, kept)


def _gives_back(dependant: Dependant | None) -> bool:
    """Return True for a route that shows its form again with what was typed: it takes ``Typed``, and not ``Posted``."""
    waiting, calls = [dependant] if dependant else [], set()
    while waiting:
        dependant = waiting.pop()
        calls.add(dependant.call)
        waiting += dependant.dependencies
    return typed in calls and posted not in calls


def _typed_fields(form: FormData) -> list[tuple[str, str]]:
    return [
        (name, text)
        for name, text in form.multi_items()
        if isinstance(text, str) and name not in (CSRF_FIELD, GIVEN_BACK) and not name.startswith(_CODE)
    ]


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
