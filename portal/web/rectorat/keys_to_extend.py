"""/rectorat/fin-d-annee/…/cles-a-prolonger: the keys of verified renewals, extended before they stop (R40)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from portal.exports.lists import keys_to_extend_workbook
from portal.exports.workbook import Workbook
from portal.web.context import Context, Posted, Rectorat, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import REFERENCE, Form, blank, filled
from portal.web.rectorat.year_end import YEAR_END_PATH, load_years, parse_year, render_year_end
from portal.web.security import Visitor
from portal.web.step_up import ProvenOperator
from portal.web.worklist.bulk import execute_all
from states.commands import IssueCode
from states.decision import Refused
from states.school_calendar import SchoolYear
from workflow.engine.engine import Result
from workflow.journal.exports import ExportedList
from workflow.year_end.renewals import KeyToExtend, list_keys_to_extend

router = APIRouter(prefix=YEAR_END_PATH, include_in_schema=False)

MOST: Final = 300
"""Keys extended at once; the rest stays for the next time."""

TICKED: Final = "cle"

_KEY: Final = re.compile(rf"({REFERENCE.pattern}):([0-9]{{1,9}}):({REFERENCE.pattern})")
"""A renewal, its version, and the request whose key it would keep."""


@dataclass(frozen=True)
class ExtensionResult:
    """The reference of a renewal, and the result of its extension."""

    reference: str
    result: Result


@router.get("/{year}/cles-a-prolonger")
def show_keys_to_extend(request: Request, context: Context, visitor: Rectorat, year: str) -> HTMLResponse:
    """Show the verified renewals whose key is still to be extended; all are ticked."""
    return _render(request, context, visitor, parse_year(year), blank(()))


@router.get("/{year}/cles-a-prolonger/export")
async def export_keys_to_extend(
    context: Context,
    visitor: Rectorat,
    year: str,
    file_format: ChosenFormat,
) -> Response:
    """The whole list as a file (R92)."""
    app, school_year = context.app, parse_year(year)

    def workbook(connection: Connection) -> Workbook:
        keys = list_keys_to_extend(connection, school_year, app.policy, app.clock.now())
        return keys_to_extend_workbook(school_year, keys, app.policy.calendar.end_of(school_year.next).last_day)

    return await download_list(
        context.export_of(visitor, ExportedList.KEYS_TO_EXTEND),
        file_format,
        workbook,
        f"{YEAR_END_PATH}/{year}/cles-a-prolonger",
    )


@router.post("/{year}/cles-a-prolonger")
def extend_keys(request: Request, context: Context, visitor: ProvenOperator, year: str, data: Posted) -> Response:
    """Extend the keys that were ticked, each refused or done by itself; sent twice, the same results (R10, R40)."""
    school_year, form = parse_year(year), filled((), data)
    matches = [match for text in data.getlist(TICKED)[:MOST] if (match := _KEY.fullmatch(str(text)[:60]))]
    commands = {
        match[1]: IssueCode(reference=match[1], expected_version=int(match[2]), extends=match[3]) for match in matches
    }
    results = execute_all(context, visitor, commands, form.key)
    return _render(request, context, visitor, school_year, blank(()), [ExtensionResult(*pair) for pair in results])


def _render(
    request: Request, context: WebContext, visitor: Visitor, year: SchoolYear, form: Form,
    results: Iterable[ExtensionResult] | None = None,
) -> HTMLResponse:  # fmt: skip
    app, done = context.app, list(results or ())
    with app.database.read() as connection:
        keys = list_keys_to_extend(connection, year, app.policy, app.clock.now(), MOST + 1)
    refused = [extension for extension in done if isinstance(extension.result, Refused)]
    nothing_ticked = results is not None and not done
    return render_year_end(
        request, context, visitor, "rectorat/keys_to_extend.html", years=load_years(context), form=form, year=year,
        status=422 if nothing_ticked else 200, keys=keys[:MOST], values=_values(keys[:MOST]), has_more=len(keys) > MOST,
        end=app.policy.calendar.end_of(year), last_day=app.policy.calendar.end_of(year.next).last_day,
        extended=[extension for extension in done if extension not in refused], refused=refused,
        nothing_ticked=nothing_ticked, ticked=TICKED,
    )  # fmt: skip


def _values(keys: Iterable[KeyToExtend]) -> Mapping[str, str]:
    """What each box carries: the renewal as it was shown (R9), and the request whose key it would keep."""
    return {
        key.request.reference: f"{key.request.reference}:{key.request.version}:{key.source}" for key in keys
    }  # fmt: skip
