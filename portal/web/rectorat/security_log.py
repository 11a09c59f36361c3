"""/rectorat/journal-de-securite: who came in, what was refused, what was taken away, for operators (R108)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from portal.exports.lists import security_workbook
from portal.exports.workbook import Workbook
from portal.web.context import Context, Operator, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import address, list_problem, member_of, options_of
from states.french import parse_day
from workflow.journal.event_kinds import EventGroup, EventKind
from workflow.journal.exports import ExportedList
from workflow.journal.seal_checks import check_last
from workflow.journal.security_log import (
    SecurityFilters,
    SecurityPage,
    list_security_events,
    walk_security_events,
)

SECURITY_LOG_PATH: Final = "/rectorat/journal-de-securite"

router = APIRouter(prefix=SECURITY_LOG_PATH, include_in_schema=False)


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


@router.get("")
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
        first=query.address() if suite else None, more=query.address(page.before) if page.before else None,
        groups=(EventGroup.SIGN_IN, EventGroup.REFUSAL, EventGroup.EXPORT, EventGroup.MAILBOX, EventGroup.TOKEN),
        by_group=lambda group: address(SECURITY_LOG_PATH, sujet=group.value),
    )  # fmt: skip


def _cursor(text: str) -> int | None:
    """Raises ValueError for what is no cursor of ours."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValueError
    return int(text)


@router.get("/export")
async def export_security_log(
    context: Context, visitor: Operator, query: Annotated[SecurityLogQuery, Depends()], file_format: ChosenFormat
) -> Response:
    """The filtered journal as a file; that it is taken away is an event itself (R92, R108)."""
    app = context.app

    def workbook(connection: Connection) -> Workbook:
        return security_workbook(walk_security_events(connection, query.filters(context)), app.settings.zoneinfo)

    export = context.export_of(visitor, ExportedList.SECURITY)
    return await download_list(export, file_format, workbook, query.address())
