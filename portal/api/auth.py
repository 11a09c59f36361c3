"""The caller of the interface: its access token, what that allows, and the files that it sends and takes away (R76).

The token comes in ``Authorization``, and nothing else is read: no cookie ever. A file that leaves is recorded (R108).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from portal.api.problems import Refusal, current_call, of_form, refusal_responses
from portal.api.schemas import ReasonOut, ResponseModel
from portal.middleware import widen_for_file
from states import french
from states.model import Actor
from states.vocabulary import Role, Scope
from workflow.app import App
from workflow.auth.rate_limit import COMMANDS_OF_TOKEN, FAILED_TOKENS, FORBIDDEN, Limit, RateLimiter
from workflow.journal.chain import network_of
from workflow.journal.security_log import Export, ExportedList, criteria_codes
from workflow.settings.secrets import digest

_LONGEST_TOKEN: Final = 200

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
PDF: Final = "application/pdf"
XLS: Final = "application/vnd.ms-excel"
_TAKEN: Final = (CSV, XLSX, ODS, XLS)
_FILE: Final = {"schema": {"type": "string", "format": "binary"}}

FILE_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": dict.fromkeys(_TAKEN, _FILE)}}
"""The description of a body that is a file."""

_bearer = HTTPBearer(auto_error=False, scheme_name="jeton", description="Un jeton d'accès personnel : oda_…")

router = APIRouter(tags=["jeton"])


class Installation(Protocol):
    """The installation that the interface serves: the assembled software, and the counting of refusals (R108)."""

    @property
    def app(self) -> App: ...

    def count_refusal(self, limit: Limit, request: Request, number: int = 1) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The person for whom a program calls, and what its token allows."""

    actor: Actor
    scope: Scope
    secret: str = field(repr=False)


async def context_of(request: Request) -> Installation:
    """The installation that this application serves; async, so that no thread is taken for it."""
    context: Installation = request.app.state.context
    return context


Context = Annotated[Installation, Depends(context_of)]


def reading_caller(
    request: Request, context: Context, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    """The caller of any route. Raises Refusal: 401 without a valid token, 429 after too many refused ones."""
    if credentials is None:
        raise _unauthorized("token_missing", "Il faut un jeton d'accès", "")
    secret = credentials.credentials
    token = context.app.tokens.find(secret) if len(secret) <= _LONGEST_TOKEN else None
    if token is None:
        client = network_of(request.client.host if request.client else "")
        _count(context, FAILED_TOKENS, client, "too_many_tries", "Trop de jetons refusés depuis cette adresse")
        raise _unauthorized(
            "token_refused", "Ce jeton n'ouvre rien : inconnu, fini ou révoqué", ', error="invalid_token"'
        )
    if call := current_call():
        call.has_token = True
    actor, scope = token
    return Caller(actor=actor, scope=scope, secret=secret)


Reading = Annotated[Caller, Depends(reading_caller)]


async def acting_caller(request: Request, context: Context, caller: Reading) -> Caller:
    """The caller of a route that changes something. Raises Refusal: 403 with a token that only reads."""
    if caller.scope is not Scope.ACT:
        await run_in_threadpool(context.count_refusal, FORBIDDEN, request)
        reason = of_form(
            "token_reads_only", "Ce jeton permet de lire, pas d'agir", "Employer un jeton qui permet d'agir."
        )
        challenge = f'Bearer realm="oda", error="insufficient_scope", scope="{Scope.ACT.value}"'
        raise Refusal((reason,), 403, {"WWW-Authenticate": challenge})
    return caller


Acting = Annotated[Caller, Depends(acting_caller)]


async def rectorat_caller(request: Request, context: Context, caller: Reading) -> Caller:
    """The caller of what only the rectorat reads. Raises Refusal: 403 for an establishment (R2)."""
    await _require_role(request, context, caller, (Role.OPERATOR, Role.READER))
    return caller


OfRectorat = Annotated[Caller, Depends(rectorat_caller)]


async def operator_caller(request: Request, context: Context, caller: Reading) -> Caller:
    """The caller of what only operators read. Raises Refusal: 403 for anybody else (R2)."""
    await _require_role(request, context, caller, (Role.OPERATOR,))
    return caller


OfOperator = Annotated[Caller, Depends(operator_caller)]


async def acting_operator(request: Request, context: Context, caller: Acting) -> Caller:
    """The caller of what only operators do. Raises Refusal: 403 for anybody else (R2)."""
    await _require_role(request, context, caller, (Role.OPERATOR,))
    return caller


ActingOperator = Annotated[Caller, Depends(acting_operator)]


async def _require_role(request: Request, context: Installation, caller: Caller, roles: tuple[Role, ...]) -> None:
    """Raises Refusal (403)."""
    if caller.actor.role in roles:
        return
    await run_in_threadpool(context.count_refusal, FORBIDDEN, request)
    whose = french.listing([f"un {role.label}" for role in roles], "ou")
    reason = ReasonOut(
        code="wrong_role", rule="R2", message=f"Seul {whose} peut le faire ou le lire", remedy="Le lui demander.",
        field=None,
    )  # fmt: skip
    raise Refusal((reason,), 403)


def _unauthorized(code: str, message: str, parameters: str) -> Refusal:
    reason = of_form(code, message, "Envoyer Authorization: Bearer oda_… ; un jeton se crée par « oda token create ».")
    return Refusal((reason,), 401, {"WWW-Authenticate": f'Bearer realm="oda"{parameters}'})


def count_commands(context: Installation, caller: Caller, number: int) -> None:
    """Count commands of an establishment's token, for each may write to its mailbox. Raises Refusal (429)."""
    if caller.actor.is_establishment:
        message = f"Plus de {COMMANDS_OF_TOKEN.most} actions de ce jeton en une demi-heure"
        _count(context, COMMANDS_OF_TOKEN, digest(caller.secret), "too_many_commands", message, number)


def _count(context: Installation, limit: Limit, subject: str, code: str, message: str, number: int = 1) -> None:
    """Count tries under a limit. Raises Refusal (429) beyond it, with the time to wait."""
    now = context.app.clock.now()
    with context.app.database.write() as connection:
        if RateLimiter(context.app.hasher).hit(connection, limit, subject, now, number):
            return
    seconds = ceil((limit.ends_at(now) - now).total_seconds())
    reason = ReasonOut(
        code=code, rule="R74", message=message, remedy=f"Attendre {french.plural(ceil(seconds / 60), 'minute')}.",
        field=None,
    )  # fmt: skip
    raise Refusal((reason,), 429, {"Retry-After": str(seconds)})


async def file_sent(request: Request, caller: ActingOperator) -> bytes:  # noqa: ARG001 (an operator may send more)
    """The file that the body is. Raises HTTPException (415, 413) for what is announced as something else."""
    if request.headers.get("content-type", "").split(";")[0].strip().casefold() not in _TAKEN:
        raise HTTPException(415)
    widen_for_file(request.scope)
    return await request.body()


FileSent = Annotated[bytes, Depends(file_sent)]


def file_answer(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The description of an answer that is a file."""
    return {200: {"description": "Le fichier.", "content": dict.fromkeys(media_types, _FILE)}}


def leaving(
    context: Installation, caller: Caller, what: ExportedList, content: bytes, *, filename: str, media_type: str,
    rows: int | None = None, criteria: Mapping[str, object] | None = None,
) -> Response:  # fmt: skip
    """The file as a response; that it leaves is recorded, with its filters as codes (R108)."""
    form = filename.rpartition(".")[2].lower()
    export = Export(what=what, format=form, rows=rows, filters=criteria_codes(criteria or {}))
    context.app.export_journal.record(caller.actor, export)
    return attached(content, filename=filename, media_type=media_type)


def attached(content: bytes | Iterable[bytes], *, filename: str, media_type: str) -> Response:
    """The file as a response to keep nowhere."""
    body = content if isinstance(content, bytes) else b"".join(content)
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)


class Me(ResponseModel):
    """The bearer of a token, and what it allows."""

    who: str = Field(description="Pour qui le programme agit, comme le journal le nomme.")
    role: Role
    establishments: list[str] = Field(description="Les UAI d'un chef ou d'un adjoint ; vide pour le rectorat.")
    token: str = Field(description="Le nom du jeton.")
    scope: Scope
    expires_at: datetime


@router.get("/me", summary="Le porteur du jeton", operation_id="me", responses=refusal_responses())
def me(context: Context, caller: Reading) -> Me:
    """Qui, pour quoi faire, jusqu'à quand."""
    actor, token = caller.actor, context.app.tokens.of(caller.secret)
    return Me(
        who=actor.label, role=actor.role, establishments=sorted(actor.establishments), token=token.label,
        scope=caller.scope, expires_at=token.expires_at,
    )  # fmt: skip
