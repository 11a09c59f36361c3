"""/rectorat/drane: what is to be sent to the DRANE, the files made of it, and every RUPN declared (R25, R96)."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from portal.exports.lists import declared_workbook, transmission_workbook
from portal.exports.workbook import Workbook
from portal.web.context import Context, Operator, Posted, Rectorat, Typed, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import REFERENCE, Field, Form, Shape, address, blank, filled
from portal.web.security import Visitor
from states import french
from states.decision import Refused
from states.school_calendar import SchoolYear
from states.vocabulary import DRANE_MOVEMENTS, DraneStanding
from workflow.drane import transmissions as drane
from workflow.drane.transmissions import DraneLine, Transmission, WaitingLines
from workflow.journal.exports import ExportedList
from workflow.requests.filters import years_with_requests

DRANE_PATH: Final = "/rectorat/drane"

PAGE_SIZE: Final = 50

TO_SEND_STEM: Final = "a-transmettre-drane"

_PARTS: Final = {"ajouts": DraneStanding.TO_ADD, "corrections": DraneStanding.TO_CORRECT,
                 "retraits": DraneStanding.TO_REMOVE}  # fmt: skip
"""The parts of the list, by the word of the address (``vue``)."""

_LABELS: Final = {"": "Tout", "ajouts": "À transmettre", "corrections": "Corrections", "retraits": "À retirer"}

router = APIRouter(prefix=DRANE_PATH, include_in_schema=False)


def sent_by_us(context: WebContext) -> bool:
    """Return True where the rectorat transmits the RUPN to the DRANE (setting ``drane.declaration``)."""
    return context.app.settings.drane.declaration == "sent_by_us"


@router.get("")
def show_drane(
    request: Request, context: Context, visitor: Rectorat, vue: Annotated[str, Query(max_length=20)] = "",
    suite: Annotated[str, Query(max_length=20)] = "", coches: Annotated[str, Query(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Show what is to be sent and the transmissions made, where we transmit; the list of all RUPN anyhow."""
    app, ours = context.app, sent_by_us(context)
    vue = vue if vue in _PARTS else ""
    with app.database.read() as connection:
        years = drane.open_drane_years(connection, app.policy, app.clock.now())
        counts = drane.count_to_send(connection, years) if ours else dict.fromkeys(DRANE_MOVEMENTS, 0)
        lines = _lines(connection, years, vue, suite) if ours else []
        made = drane.transmissions(connection) if ours else []
        known = years_with_requests(connection)
    page, more, total = lines[:PAGE_SIZE], len(lines) > PAGE_SIZE, sum(counts.values())
    return context.pages.page(
        request, "rectorat/drane.html", visitor, sent_by_us=ours, lines=page, form=blank(()), vue=vue, made=made,
        parts_of_list=[(word, label, counts[_PARTS[word]] if word else total) for word, label in _LABELS.items()],
        total=total, counts=counts, years=list(reversed(known)), all_ticked=bool(coches),
        tick_all=address(DRANE_PATH, vue=vue, suite=suite, coches="oui"),
        can_prepare=visitor.is_operator and any(line.prepared_in is None for line in page),
        first=address(DRANE_PATH, vue=vue) if suite else None,
        more=address(DRANE_PATH, vue=vue, suite=page[-1].request.reference) if more else None,
        DraneStanding=DraneStanding, movements=DRANE_MOVEMENTS,
    )  # fmt: skip


def _lines(connection: Connection, years: list[SchoolYear], vue: str, suite: str) -> list[DraneLine]:
    after = suite if REFERENCE.fullmatch(suite) else ""
    return drane.lines_to_send(connection, years, what=_PARTS.get(vue), after=after, limit=PAGE_SIZE + 1)


@router.get("/export")
async def export_to_send(
    context: Context, visitor: Rectorat, file_format: ChosenFormat, vue: str = ""
) -> Response:  # fmt: skip
    """The news to send as a file, in the DRANE's columns; it prepares nothing."""
    app = context.app

    def workbook(connection: Connection) -> Workbook:
        if not sent_by_us(context):
            raise ValueError
        years = drane.open_drane_years(connection, app.policy, app.clock.now())
        lines = drane.lines_to_send(connection, years, what=_PARTS.get(vue))
        return transmission_workbook(TO_SEND_STEM, lines, app.settings.drane.columns)

    return await download_list(
        context.export_of(visitor, ExportedList.TO_SEND), file_format, workbook, address(DRANE_PATH, vue=vue)
    )


@router.get("/declares")
async def export_declared(
    context: Context, visitor: Rectorat, file_format: ChosenFormat, annee: str = ""
) -> Response:  # fmt: skip
    """Every RUPN declared for a school year, with its state: the DRANE's own list, whatever the setting."""

    def workbook(connection: Connection) -> Workbook:
        years = {str(year): year for year in years_with_requests(connection)}
        if annee not in years:
            raise ValueError
        lines = drane.declared_lines(connection, years[annee])
        return declared_workbook(years[annee], lines, sent_by_us=sent_by_us(context))

    return await download_list(
        context.export_of(visitor, ExportedList.DECLARED), file_format, workbook, address(DRANE_PATH, annee=annee)
    )


@router.post("/preparer")
def prepare_transmission(context: Context, visitor: Operator, data: Posted) -> Response:
    """Make a transmission of the ticked lines, or of all that is in none, and lead to it."""
    if not sent_by_us(context):
        return RedirectResponse(DRANE_PATH, status_code=303)
    ticked = [str(word) for word in data.getlist("choix") if REFERENCE.fullmatch(str(word))]
    if not ticked and not data.get("tout"):
        return context.success_messages.redirect(
            visitor, DRANE_PATH, "aucune ligne n'était choisie, rien n'est préparé"
        )
    number = drane.prepare(context.app.engine, visitor.actor, references=None if data.get("tout") else ticked)
    if number is None:
        return context.success_messages.redirect(
            visitor, DRANE_PATH, "rien n'est préparé, ces lignes sont déjà dans une transmission, ou transmises"
        )
    return context.success_messages.redirect(visitor, f"{DRANE_PATH}/{number}", "la transmission est préparée")


@router.get("/{number}")
def show_transmission(request: Request, context: Context, visitor: Rectorat, number: int) -> Response:
    """Show one transmission: its file, and the lines that are not said to be sent."""
    return _render(request, context, visitor, number, blank(_fields(context)))


@router.get("/{number}/fichier")
async def export_transmission(
    context: Context, visitor: Rectorat, number: int, file_format: ChosenFormat
) -> Response:  # fmt: skip
    """The file of a transmission: its lines that wait, as they were when it was made."""
    _load(context, number)

    def workbook(connection: Connection) -> Workbook:
        lines = drane.waiting_lines(connection, number).lines
        return transmission_workbook(f"transmission-drane-{number}", lines, context.app.settings.drane.columns)

    return await download_list(
        context.export_of(visitor, ExportedList.TRANSMISSION), file_format, workbook, f"{DRANE_PATH}/{number}"
    )


@router.post("/{number}/transmis")
def note_sent(request: Request, context: Context, visitor: Operator, number: int, data: Typed) -> Response:
    """Record the ticked lines as sent on this day; said twice, the second is told that it was (R9)."""
    _load(context, number)
    form = filled(_fields(context), data)
    ticked = {str(word) for word in data.getlist("choix") if REFERENCE.fullmatch(str(word))}
    if not form.is_right or not ticked:
        return _render(request, context, visitor, number, form, ticked=ticked, status=422)
    sent_on = form.values["sent_on"]
    results = drane.note_sent(context.app.engine, number, ticked, sent_on, visitor.actor)
    refused = [(reference, result) for reference, result in results if isinstance(result, Refused)]
    count = len(results) - len(refused)
    if refused or not results:
        return _render(request, context, visitor, number, form, refused=refused, noted=count, status=422)
    lines = french.plural(count, "ligne est notée transmise", "lignes sont notées transmises")
    return context.success_messages.redirect(
        visitor, f"{DRANE_PATH}/{number}", f"{lines} à la DRANE le {french.day(sent_on)}"
    )


@router.post("/{number}/abandonner")
def give_up(context: Context, visitor: Operator, number: int, data: Posted) -> Response:  # noqa: ARG001
    """Forget what waits in a transmission that was not sent: it is to be sent again."""
    _load(context, number)
    count = drane.give_up(context.app.engine, number, visitor.actor)
    lines = french.plural(count, "ligne est de nouveau", "lignes sont de nouveau")
    return context.success_messages.redirect(visitor, DRANE_PATH, f"{lines} à transmettre")


def _fields(context: WebContext) -> tuple[Field, ...]:
    today = context.pages.today()
    return (
        Field(name="sent_on", label="Transmis à la DRANE le", shape=Shape.DAY, value=today.isoformat(), last=today),
    )


def _load(context: WebContext, number: int) -> tuple[Transmission, WaitingLines]:
    """A transmission and its lines that wait. Raises HTTPException (404)."""
    if not 0 < number < 2**31 or not sent_by_us(context):
        raise HTTPException(404)
    with context.app.database.read() as connection:
        found = drane.transmissions(connection, number=number)
        if not found:
            raise HTTPException(404)
        return found[0], drane.waiting_lines(connection, number)


def _render(
    request: Request, context: WebContext, visitor: Visitor, number: int, form: Form, *, ticked: set[str] | None = None,
    refused: list[tuple[str, Refused]] | None = None, noted: int = 0, status: int = 200,
) -> Response:  # fmt: skip
    transmission, waiting = _load(context, number)
    return context.pages.page(
        request, "rectorat/drane_transmission.html", visitor, status=status, transmission=transmission,
        waiting=waiting, form=form, ticked=ticked, nothing_ticked=ticked is not None and not ticked,
        refused=refused or [], noted=noted, movements=DRANE_MOVEMENTS,
    )  # fmt: skip
