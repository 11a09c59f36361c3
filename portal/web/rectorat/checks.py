"""/rectorat/a-verifier: the requests to check beside the two lists, both answers a line, recorded at once (R34)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection
from starlette.datastructures import FormData, QueryParams

from portal.exports.lists import READ_TOGETHER, checks_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.web.actions.base import ORIGIN
from portal.web.actions.operator import DISCREET, RECEIVED
from portal.web.context import Context, Operator, Rectorat, Typed, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import REFERENCE, Field, Form, Shape, blank, filled
from portal.web.security import Visitor
from portal.web.worklist.bulk import execute_all
from portal.web.worklist.filters import CheckChoice, WorklistCriteria
from portal.web.worklist.page import ISSUE
from states import commands as c
from states.decision import Refused
from states.refusals import Reason
from states.vocabulary import CheckOutcome, Trigger
from workflow.database.file_tables import ListKind
from workflow.engine.engine import Done, Result
from workflow.evidence.delegation_attribute import ClaimedDelegation, claimed_delegations
from workflow.evidence.list_checks import command_of
from workflow.evidence.matching import CONFIDENT, Candidate, ListComparison, Matches
from workflow.journal.security_log import ExportedList
from workflow.requests.detail import CheckView
from workflow.requests.worklist import (
    PAPER_ORDERS,
    CheckLine,
    ChecksToMake,
    Order,
    kinds_and_departements,
    last_source,
)

CHECKS_PATH: Final = "/rectorat/a-verifier"

SIZES: Final = (20, 50)
"""Lines a page: what is compared in one go, and the most that is recorded at once."""

LONGEST_CURSOR: Final = 200

router = APIRouter(prefix=CHECKS_PATH, include_in_schema=False)

Answers = Mapping[tuple[str, str], str]
"""The answers given, by the name of the column and the reference: an outcome, or the row proposed that is the right
one, as ``row_value`` writes it."""

PROPOSALS: Final = "propositions"
"""The button that ticks every proposal that is near enough (R94)."""

_ROW: Final = re.compile("ligne-[0-9]{1,10}")

CLAIMED: Final = "identite"
"""The answer that confirms what the RUPN's own identity says of his delegation (R113)."""

Compared = Mapping[str, tuple[CheckLine, Matches]]
"""Requests as they are now with what the lists say of them, by their references."""

_OTHER_ROW: Final = Reason(
    "other_row", "R94", "La liste ou la demande a changé : cette ligne n'est plus celle qui est proposée",
    "Relire ce que la liste dit maintenant.",
)  # fmt: skip

_NO_ANSWER: Final = Reason(
    "no_answer", "R34", "Aucune réponse n'est donnée",
    "Choisir au moins un résultat dans le tableau, puis enregistrer.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One of the two checks. ``name`` begins its fields; ``motif``: the ready reason to send back who failed it."""

    name: str
    title: str
    command: type[c.CheckListing | c.CheckDelegation]
    motif: str
    kind: ListKind

    def view_of(self, line: CheckLine) -> CheckView:
        return line.listing if self.kind is ListKind.LISTING else line.delegation

    @property
    def trigger(self) -> Trigger:
        return self.command.trigger

    @property
    def source(self) -> str:
        """The name of the field that says which list was read."""
        return f"source_{self.name}"


LISTING: Final = Column("liste", "Liste des RUPN", c.CheckListing, "absent-de-la-liste", ListKind.LISTING)

DELEGATION: Final = Column("delegation", "Délégation", c.CheckDelegation, "delegation-introuvable", ListKind.DELEGATION)

COLUMNS: Final = (LISTING, DELEGATION)


def row_value(candidate: Candidate) -> str:
    """The answer that confirms a row of a list."""
    return f"ligne-{candidate.entry.id}"


@dataclass(frozen=True, kw_only=True)
class View:
    """The page asked for: its order, its département, its size, the cursor after which it begins."""

    order: Order = Order.ESTABLISHMENT
    departement: str = ""
    size: int = SIZES[0]
    after: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """The page of an address; unknown values are ignored."""
        order = next((order for order in PAPER_ORDERS if order.value == query.get("tri")), Order.ESTABLISHMENT)
        size = next((size for size in SIZES if str(size) == query.get("lignes")), SIZES[0])
        departement = query.get("departement", "").replace("\x00", "").strip()[:5]
        return cls(order=order, departement=departement, size=size, after=query.get("apres", "")[:LONGEST_CURSOR])

    def address(self, path: str = CHECKS_PATH, **changes: Any) -> str:
        """The page with these changes; it begins at its beginning unless they say otherwise."""
        view = replace(self, **{"after": ""} | changes)
        pairs = {
            "tri": "" if view.order is Order.ESTABLISHMENT else view.order.value, "departement": view.departement,
            "lignes": "" if view.size == SIZES[0] else str(view.size), "apres": view.after,
        }  # fmt: skip
        query = urlencode({key: value for key, value in pairs.items() if value})
        return f"{path}?{query}" if query else path

    @property
    def here(self) -> str:
        return self.address(after=self.after)

    @property
    def origin_query(self) -> str:
        """The end of the address of a request of this page, so that « suivante » is of the same order."""
        criteria = WorklistCriteria(checks=CheckChoice.TO_DO, departement=self.departement, order=self.order)
        return f"?{urlencode({ORIGIN: urlencode(criteria.pairs())})}"


@dataclass(frozen=True, kw_only=True)
class LineResult:
    """The results of the checks of one request, by the name of their column; ``line`` is the request as it is now."""

    reference: str
    line: CheckLine | None
    results: Mapping[str, Result]

    @property
    def refused(self) -> tuple[str, ...]:
        """The columns whose check is refused."""
        return tuple(name for name, result in self.results.items() if isinstance(result, Refused))

    @property
    def reasons(self) -> tuple[Reason, ...]:
        refused = (result.reasons for result in self.results.values() if isinstance(result, Refused))
        return tuple(dict.fromkeys(reason for reasons in refused for reason in reasons))

    @property
    def recorded(self) -> tuple[Column, ...]:
        """The columns whose check is recorded."""
        return tuple(column for column in COLUMNS if isinstance(self.results.get(column.name), Done))


@dataclass(frozen=True)
class Report:
    """The result of what was sent, line by line."""

    lines: tuple[LineResult, ...]

    @property
    def refused(self) -> tuple[LineResult, ...]:
        return tuple(line for line in self.lines if line.reasons)

    @property
    def recorded(self) -> int:
        """The number of checks recorded."""
        return sum(len(line.recorded) for line in self.lines)

    @property
    def ready(self) -> tuple[str, ...]:
        """The requests whose code can be issued now."""
        return tuple(line.reference for line in self.lines if line.recorded and line.line and line.line.is_ready)

    @property
    def negative(self) -> tuple[tuple[LineResult, Column], ...]:
        """The requests that failed a check just recorded, to be sent back."""
        return tuple(
            (result, column)
            for result in self.lines for column in result.recorded
            if result.line and (check := column.view_of(result.line).check) and check.outcome is CheckOutcome.NEGATIVE
        )  # fmt: skip

    @property
    def problems(self) -> tuple[tuple[tuple[Reason, ...], tuple[LineResult, ...]], ...]:
        """The refused lines, those of the same reasons together."""
        groups: dict[tuple[Reason, ...], list[LineResult]] = {}
        for line in self.refused:
            groups.setdefault(line.reasons, []).append(line)
        return tuple((reasons, tuple(lines)) for reasons, lines in groups.items())

    def reasons_of(self, reference: str, column: Column) -> tuple[Reason, ...]:
        """The reasons for which a check of a line was refused."""
        results = (line.results.get(column.name) for line in self.lines if line.reference == reference)
        return next((result.reasons for result in results if isinstance(result, Refused)), ())


@router.get("")
def show_checks(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The requests to check; a reader reads them without a form (R2)."""
    form = blank(_fields(context, visitor) if visitor.is_operator else ())
    return _render(request, context, visitor, View.read(request.query_params), form)


@router.get("/export")
async def export_checks(
    request: Request,
    context: Context,
    visitor: Rectorat,
    file_format: ChosenFormat,
) -> Response:
    """The whole list in its order, as a file (R92)."""
    app, view = context.app, View.read(request.query_params)

    def workbook(connection: Connection) -> Workbook:
        checks = ChecksToMake(connection, app.policy, app.clock.now())
        return checks_workbook(checks.walk(view.order, view.departement, READ_TOGETHER))

    export = context.export_of(visitor, ExportedList.CHECKS)
    return await download_list(export, file_format, workbook, view.address())


@router.post("")
def record_checks(request: Request, context: Context, visitor: Operator, data: Typed) -> Response:
    """Record the answers, each line by itself: a refused one keeps its answers and stops no other (R7)."""
    view = View.read(request.query_params)
    form, answers = filled(_fields(context, visitor), data), _answers(data)
    if button := data.get("conforme"):
        versions = _versions(data)
        ticked: dict[tuple[str, str], str] = {
            (column.name, reference): CheckOutcome.POSITIVE
            for column in COLUMNS if column.name == button for reference in versions
        }  # fmt: skip
        if button == PROPOSALS:
            ticked = _proposed(context, list(versions))
        answers = ticked | dict(answers)
        as_typed = replace(form, fields=tuple(replace(state, error="") for state in form.fields))
        return _render(request, context, visitor, view, as_typed, answers)
    if not answers and form.is_right:
        form = form.refused([_NO_ANSWER])
    if not form.is_right:
        return _render(request, context, visitor, view, form, answers, status=422)
    report = _execute(context, visitor, _versions(data), answers, form)
    refused = {(name, line.reference) for line in report.refused for name in line.refused}
    unrecorded = {key: outcome for key, outcome in answers.items() if key in refused}
    again = blank([replace(state.field, value=state.text) for state in form.fields])
    return _render(request, context, visitor, view, again, unrecorded, report, status=422 if refused else 200)


def _fields(context: WebContext, visitor: Visitor) -> tuple[Field, ...]:
    """The lists that were read, and when: the same for the whole page; the operator's last ones are proposed."""
    with context.app.database.read() as connection:
        sources = {column: last_source(connection, column.trigger, visitor.actor.number) for column in COLUMNS}
    today = context.pages.today()
    return (
        *(
            Field(name=column.source, label=f"{column.title} : liste lue", value=source or RECEIVED, hint=DISCREET)
            for column, source in sources.items()
        ),
        Field(name="checked_on", label="Lues le", shape=Shape.DAY, value=today.isoformat(), last=today,
              hint="Aujourd'hui est proposé."),
    )  # fmt: skip


def _versions(data: FormData) -> dict[str, int]:
    """The requests of the page with their versions as they were shown (R9); anything else is ignored."""
    versions: dict[str, int] = {}
    for key, value in data.multi_items():
        reference = key.removeprefix("version-")
        is_number = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10
        if reference != key and REFERENCE.fullmatch(reference) and is_number:
            versions[reference] = int(str(value))
    return dict(list(versions.items())[: SIZES[-1]])


def _answers(data: FormData) -> dict[tuple[str, str], str]:
    outcomes = {outcome.value: outcome for outcome in CheckOutcome}
    answers: dict[tuple[str, str], str] = {}
    for column in COLUMNS:
        for reference in _versions(data):
            value = str(data.get(f"{column.name}-{reference}") or "")
            is_claimed = value == CLAIMED and column is DELEGATION
            if value in outcomes or is_claimed or _ROW.fullmatch(value):
                answers[column.name, reference] = outcomes.get(value, value)
    return answers


def _compare(context: WebContext, references: Sequence[str]) -> Compared:
    """These requests with what the lists say of them now."""
    app, now = context.app, context.app.clock.now()
    with app.database.read() as connection:
        lines = ChecksToMake(connection, app.policy, now).lines(references)
        matches = ListComparison(connection, app.policy, now).matches([line.request for line in lines.values()])
    return {reference: (line, matches[reference]) for reference, line in lines.items()}


def _proposed(context: WebContext, references: Sequence[str]) -> dict[tuple[str, str], str]:
    """The answers that confirm every row that is near enough, of the checks still to make (R94)."""
    return {
        (column.name, reference): row_value(match.best)
        for reference, (line, matches) in _compare(context, references).items()
        for column in COLUMNS
        if (match := matches[column.kind]).best and match.is_confident and not column.view_of(line).is_valid
    }


def _command(
    column: Column, reference: str, version: int, answer: str, form: Form, compared: Compared,
    claimed: Mapping[str, ClaimedDelegation],
) -> Result | c.Command:  # fmt: skip
    """The command of an answer, or its refusal when the row that was shown is not proposed any more."""
    if isinstance(answer, CheckOutcome):
        return column.command(
            reference=reference, expected_version=version, outcome=answer, source=form.values[column.source],
            checked_on=form.values["checked_on"],
        )  # fmt: skip
    if answer == CLAIMED:
        claim = claimed.get(reference)
        return claim.command(reference, version) if claim else Refused((_OTHER_ROW,))
    line, matches = compared.get(reference, (None, {}))
    match = matches.get(column.kind)
    if line is None or match is None or match.best is None or row_value(match.best) != answer:
        return Refused((_OTHER_ROW,))
    return command_of(line.request, match, version=version, automatic=False)


def _execute(
    context: WebContext, visitor: Visitor, versions: Mapping[str, int], answers: Answers, form: Form
) -> Report:
    """Record one column, then the other on the requests as the first has left them: no check of what was not shown."""
    results: dict[str, dict[str, Result]] = {}
    current = dict(versions)
    compared = _compare(context, [ref for (_, ref), answer in answers.items() if not isinstance(answer, CheckOutcome)])
    with context.app.database.read() as connection:
        requests = [line.request for line, _ in compared.values()]
        claimed = claimed_delegations(connection, requests, context.app.policy, context.pages.today())
    for column in COLUMNS:
        decided = {
            reference: _command(
                column, reference, current[reference], answers[column.name, reference], form, compared, claimed
            )
            for reference in versions if (column.name, reference) in answers
        }  # fmt: skip
        commands = {reference: command for reference, command in decided.items() if isinstance(command, c.Command)}
        refused = {reference: result for reference, result in decided.items() if isinstance(result, Refused)}
        for reference, result in (*refused.items(), *execute_all(context, visitor, commands, form.key)):
            results.setdefault(reference, {})[column.name] = result
            if isinstance(result, Done):
                current[reference] = result.version
    in_page_order = [reference for reference in versions if reference in results]
    with context.app.database.read() as connection:
        lines = ChecksToMake(connection, context.app.policy, context.app.clock.now()).lines(in_page_order)
    return Report(tuple(
        LineResult(reference=reference, line=lines.get(reference), results=results[reference])
        for reference in in_page_order
    ))  # fmt: skip


def _render(
    request: Request, context: WebContext, visitor: Visitor, view: View, form: Form, answers: Answers | None = None,
    report: Report | None = None, *, status: int = 200,
) -> HTMLResponse:  # fmt: skip
    """The page; ``answers`` stand in its lines, ``report`` above them."""
    app = context.app
    with app.database.read() as connection:
        checks = ChecksToMake(connection, app.policy, app.clock.now())
        page = checks.page(view.order, view.after or None, view.size, view.departement)
        comparison = ListComparison(connection, app.policy, app.clock.now())
        requests = [line.request for line in page.lines]
        matches = comparison.matches(requests)
        claimed = claimed_delegations(connection, requests, app.policy, context.pages.today())
        _, departements = kinds_and_departements(connection)
    confident = (  # what one button ticks
        matches[line.request.reference][column.kind].is_confident and not column.view_of(line).is_valid
        for line in page.lines for column in COLUMNS
    )  # fmt: skip
    return context.pages.page(
        request, "rectorat/checks.html", visitor, status=status, view=view, page=page, form=form,
        answers=answers or {}, report=report, columns=COLUMNS, departements=departements, sizes=SIZES,
        orders=PAPER_ORDERS, following=view.address(after=page.after) if page.after else None, issue=ISSUE,
        export=view.address(f"{CHECKS_PATH}/export"), matches=matches, lists=comparison.lists,
        confident=sum(confident), row_value=row_value, claimed=claimed, CLAIMED=CLAIMED,
        proposals=PROPOSALS, enough=CONFIDENT,
    )  # fmt: skip
