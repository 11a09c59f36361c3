"""Access to the installation, as operators see it: of people, and of the other systems.

Open sessions (R107), people bound by an identity (R103), the security journal (R108); the systems that are told by
webhooks, what each was told, a message sent again (R118).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from portal.exports.lists import security_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.web.context import Context, Operator, Posted, Rectorat, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import LONGEST_FILTER, address, list_problem, member_of, options_of
from states.french import parse_day, plural
from states.validation import normalise_reference, storable
from workflow.auth.access import SessionFilters, SessionUnknown
from workflow.database.schedule_tables import DeliveryStage
from workflow.journal.event_kinds import EventGroup, EventKind
from workflow.journal.seal_checks import check_last
from workflow.journal.security_log import (
    ExportedList,
    SecurityFilters,
    SecurityPage,
    list_security_events,
    walk_security_events,
)
from workflow.webhooks.queue import DeliveryView, list_deliveries, view_endpoints
from workflow.webhooks.sender import send_again

BINDINGS_PATH: Final = "/rectorat/liaisons"

PAGE_SIZE: Final = 50

router = APIRouter(include_in_schema=False)

SESSIONS_PATH: Final = "/rectorat/connexions"

SECURITY_LOG_PATH: Final = "/rectorat/journal-de-securite"

WEBHOOKS_PATH: Final = "/rectorat/webhooks"

SHOWN: Final = 50
"""Messages of a page."""

webhooks_router = APIRouter(prefix=WEBHOOKS_PATH, include_in_schema=False)


@router.get(BINDINGS_PATH)
def show_bindings(
    request: Request, context: Context, visitor: Rectorat,
    suite: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:  # fmt: skip
    """List a page of them, the latest first."""
    bindings = context.app.bindings.list_latest(PAGE_SIZE + 1, before=suite)
    more = address(BINDINGS_PATH, suite=str(bindings[PAGE_SIZE - 1].number)) if len(bindings) > PAGE_SIZE else None
    return context.pages.page(
        request, "rectorat/bindings.html", visitor, bindings=bindings[:PAGE_SIZE], more=more,
        last_day=context.app.bindings.last_day,
    )  # fmt: skip


@router.post(BINDINGS_PATH + "/{binding}/fin")
def end_binding(context: Context, visitor: Operator, binding: int, _: Posted) -> Response:
    """End one of them, with the sessions that it opened; one that is over already is over."""
    ended = context.app.bindings.end(binding, visitor.actor)
    sentence = f"{ended.name} ne se connecte plus par {ended.provider}" if ended else "cet accès avait déjà pris fin"
    return context.success_messages.redirect(visitor, BINDINGS_PATH, sentence)


@dataclass(frozen=True)
class SessionQuery:
    """The filters as the address bears them. ``de``: an address or an UAI, whose sessions alone are shown."""

    de: Annotated[str, Query(max_length=LONGEST_FILTER)] = ""
    mots: Annotated[str, Query(max_length=LONGEST_FILTER)] = ""

    def address(self, after: int | None = None) -> str:
        return address(SESSIONS_PATH, **vars(self), suite=str(after) if after else None)


@router.get(SESSIONS_PATH)
def show_sessions(
    request: Request, context: Context, visitor: Operator, query: Annotated[SessionQuery, Depends()],
    suite: Annotated[int | None, Query(ge=1, le=2**31)] = None,
) -> HTMLResponse:  # fmt: skip
    """List the open sessions, the newest first."""
    filters = SessionFilters(of=query.de, words=query.mots)
    sessions = context.app.open_sessions.all(visitor.actor, filters, limit=PAGE_SIZE + 1, after=suite)
    return context.pages.page(
        request, "rectorat/sessions.html", visitor, sessions=sessions[:PAGE_SIZE], query=query,
        own=visitor.session_user.number,
        more=query.address(sessions[PAGE_SIZE - 1].number) if len(sessions) > PAGE_SIZE else None,
    )  # fmt: skip


@router.post(f"{SESSIONS_PATH}/fin")
def end_all(context: Context, visitor: Operator, data: Posted) -> Response:
    """End every session of the address or the establishment that the list shows alone."""
    of = storable(str(data.get("de") or "")[:LONGEST_FILTER]).strip()
    if not of:
        return RedirectResponse(SESSIONS_PATH, status_code=303)
    ended = context.app.open_sessions.end_all_of(of, visitor.actor)
    sentence = plural(ended, "connexion a pris fin", "connexions ont pris fin") if ended else "aucune n'était ouverte"
    return context.success_messages.redirect(visitor, address(SESSIONS_PATH, de=of), sentence)


@router.post(SESSIONS_PATH + "/{number}/fin")
def end_open_session(context: Context, visitor: Operator, number: int, data: Posted) -> Response:
    """End a session; one that is over already is over."""
    back = address(SESSIONS_PATH, de=storable(str(data.get("de") or "")[:LONGEST_FILTER]).strip())
    try:
        context.app.open_sessions.end(number, visitor.actor)
    except SessionUnknown:
        return RedirectResponse(back, status_code=303)
    return context.success_messages.redirect(visitor, back, "cette connexion a pris fin")


@dataclass(frozen=True)
class SecurityLogQuery:
    """The filters as the address bears them; the days are the académie's, both included."""

    sujet: Annotated[str, Query(max_length=30)] = ""
    genre: Annotated[str, Query(max_length=40)] = ""
    personne: Annotated[str, Query(max_length=100)] = ""
    du: Annotated[str, Query(max_length=30)] = ""
    au: Annotated[str, Query(max_length=30)] = ""

    def filters(self, context: WebContext) -> SecurityFilters:
        """Raises ValueError in French."""
        return SecurityFilters(
            group=member_of(EventGroup, self.sujet), kind=member_of(EventKind, self.genre), person=self.personne,
            since=self._midnight(context, self.du), until=self._midnight(context, self.au, days=1),
        )  # fmt: skip

    @staticmethod
    def _midnight(context: WebContext, text: str, days: int = 0) -> datetime | None:
        if not text.strip():
            return None
        day = parse_day(text)
        if not date(2000, 1, 1) <= day <= date(2200, 1, 1):
            raise ValueError("Cette date est hors du calendrier.")
        return context.app.policy.calendar.midnight(day + timedelta(days=days))

    def address(self, before: int | None = None, path: str = SECURITY_LOG_PATH) -> str:
        return address(path, **vars(self), suite=str(before) if before is not None else None)


@router.get(SECURITY_LOG_PATH)
def show_security_log(
    request: Request, context: Context, visitor: Operator, query: Annotated[SecurityLogQuery, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:  # fmt: skip
    """The events of the installation, the newest first; a reader has no business with who came in."""
    page, problem, app = SecurityPage((), None), "", context.app
    try:
        filters, before = query.filters(context), _cursor(suite)
        with app.database.read() as connection:
            page = list_security_events(connection, filters, before=before)
    except ValueError as error:
        problem = list_problem(error, suite)
    with app.database.read() as connection:
        seal = check_last(connection)
    return context.pages.page(
        request, "rectorat/security_log.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        query=query, group_options=options_of(EventGroup), kind_options=options_of(EventKind),
        seal=seal, seal_age=seal.age(app.policy.calendar.today(app.clock.now())) if seal else 0,
        seal_leaves=app.settings.seal.mail or app.settings.seal.folder,
        months=app.settings.retention.addresses, export=query.address(path=f"{SECURITY_LOG_PATH}/export"),
        more=query.address(page.before) if page.before else None,
        groups=(EventGroup.SIGN_IN, EventGroup.REFUSAL, EventGroup.EXPORT, EventGroup.MAILBOX, EventGroup.TOKEN),
        by_group=lambda group: address(SECURITY_LOG_PATH, sujet=group.value),
    )  # fmt: skip


@router.get(f"{SECURITY_LOG_PATH}/export")
async def export_security_log(
    context: Context, visitor: Operator, query: Annotated[SecurityLogQuery, Depends()], file_format: ChosenFormat
) -> Response:
    """The filtered journal as a file; that it is taken away is an event itself (R92, R108)."""
    app = context.app

    def workbook(connection: Connection) -> Workbook:
        return security_workbook(walk_security_events(connection, query.filters(context)), app.settings.zoneinfo)

    export = context.export_of(visitor, ExportedList.SECURITY)
    return await download_list(export, file_format, workbook, query.address())


@dataclass(frozen=True)
class WebhookQuery:
    """The filters as the address bears them."""

    logiciel: Annotated[str, Query(max_length=30)] = ""
    etape: Annotated[str, Query(max_length=30)] = ""
    demande: Annotated[str, Query(max_length=40)] = ""

    def address(self, after: str | None = None) -> str:
        return address(WEBHOOKS_PATH, **vars(self), suite=after)


@webhooks_router.get("")
def show_webhooks(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[WebhookQuery, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:  # fmt: skip
    """The systems of the settings, how each fares, and the messages, the newest first."""
    deliveries: list[DeliveryView] = []
    problem, settings = "", context.app.settings.webhooks
    with context.app.database.read() as connection:
        try:
            deliveries = list_deliveries(
                connection, endpoint=query.logiciel, stage=member_of(DeliveryStage, query.etape),
                reference=normalise_reference(query.demande), before=_cursor(suite), limit=SHOWN + 1,
            )  # fmt: skip
        except ValueError as error:
            problem = list_problem(error, suite)
        endpoints = view_endpoints(connection, settings)
    more = query.address(str(deliveries[SHOWN - 1].number)) if len(deliveries) > SHOWN else None
    return context.pages.page(
        request, "rectorat/webhooks.html", visitor, status=422 if problem else 200, endpoints=endpoints,
        deliveries=deliveries[:SHOWN], problem=problem, query=query, stage_options=options_of(DeliveryStage),
        webhook_options=[(endpoint.name, endpoint.name) for endpoint in settings.endpoints],
        keep_days=settings.keep_days, more=more,
        kept=query.address(suite or None).removeprefix(WEBHOOKS_PATH),
    )  # fmt: skip


def _cursor(text: str) -> int | None:
    """Raises ValueError for what is no cursor of ours."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValueError
    return int(text)


@webhooks_router.post("/{number}/renvoyer")
def send_webhook_again(
    context: Context, visitor: Operator, number: int, _: Posted, query: Annotated[WebhookQuery, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Have a message sent again, and come back to the list as it was; done twice, it leaves once."""
    sent_again = send_again(context.app.engine, visitor.actor, [number] if 0 < number < 2**31 else [])
    sentence = (
        "le message repart dans la minute" if sent_again else "ce message est en cours d'envoi, ou n'est plus gardé"
    )
    return context.success_messages.redirect(visitor, query.address(suite or None), sentence)
