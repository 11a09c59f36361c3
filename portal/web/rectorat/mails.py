"""/rectorat/courriels: the mails, first those that did not arrive; one sent again or discarded (R15, R58, R60, R70)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.outbox.admin import MailRefusal, UnknownMail
from notifications.outbox.queue import load_pause
from notifications.vocabulary import Fault, Kind, Stage
from portal.exports.lists import READ_TOGETHER, mails_workbook
from portal.web.context import Context, Operator, Posted, ProvenOperator, Rectorat, Typed, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import Field, Form, Shape, address, blank, filled, list_problem, member_of, options_of
from portal.web.security import Visitor
from states.refusals import Reason
from states.validation import normalise_reference, normalise_uai
from workflow.database.clock import ClockRefused
from workflow.database.schedule_tables import restoration_held
from workflow.journal.security_log import ExportedList
from workflow.mail import (
    MailActionRefused,
    MailFilters,
    MailPage,
    MailView,
    RetryRefusal,
    RetryResult,
    count_unsent_mails,
    establishment_names,
    find_mails,
    is_secret,
    list_mails,
    retryable_together,
    show_mail,
    walk_mails,
    words_of,
)

MAILS_PATH: Final = "/rectorat/courriels"

SENT_AGAIN: Final = "le courriel est de nouveau à envoyer"

DISCARDED: Final = "le courriel est écarté, il ne partira plus"

LARGEST_ID: Final = 2**31 - 1

MOST_TOGETHER: Final = 1000
"""The most mails sent again by one gesture: each has its own transaction, and the page waits for all."""

SHOWN: Final = 50
"""Mails named before they are sent again together."""

_WHY_DISCARD = (
    Field(
        name="why", label="Pourquoi ce courriel ne doit plus partir", shape=Shape.AREA,
        hint="Une phrase, sans nommer personne : elle reste dans le journal.", missing="Dire en une phrase pourquoi.",
    ),
)  # fmt: skip

router = APIRouter(prefix=MAILS_PATH, include_in_schema=False)


@dataclass(frozen=True)
class MailQuery:
    """The filters as the address bears them."""

    etape: Annotated[str, Query(max_length=30)] = ""
    motif: Annotated[str, Query(max_length=30)] = ""
    genre: Annotated[str, Query(max_length=40)] = ""
    etablissement: Annotated[str, Query(max_length=40)] = ""
    demande: Annotated[str, Query(max_length=40)] = ""

    def filters(self) -> MailFilters:
        """Raises ValueError in French."""
        stage = member_of(Stage, self.etape)
        return MailFilters(
            stages=(stage,) if stage else (), fault=member_of(Fault, self.motif), kind=member_of(Kind, self.genre),
            uai=normalise_uai(self.etablissement), reference=normalise_reference(self.demande),
        )  # fmt: skip

    def address(self, after: str | None = None, path: str = MAILS_PATH) -> str:
        return address(path, **vars(self), suite=after)


@router.get("")
def show_mails(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[MailQuery, Depends()], suite: str = ""
) -> HTMLResponse:
    """List the mails; the relay's pause is said first (R70)."""
    page, problem, dead = MailPage((), {}, None), "", 0
    with context.app.database.read() as connection:
        try:
            page = list_mails(connection, query.filters(), after=suite[:40])
            dead = len(retryable_together(connection, query.filters()))
        except ValueError as error:
            problem = list_problem(error, suite)
        counts, pause = count_unsent_mails(connection), load_pause(connection)
        restoration = restoration_held(connection)
    return context.pages.page(
        request, "rectorat/mails.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        counts=counts, pause=pause,
        tells_others=bool(context.app.settings.webhooks.endpoints),
        restoration=restoration, query=query, stages=Stage, stage_options=options_of(Stage),
        kind_options=options_of(Kind), fault_options=options_of(Fault), dead=dead,
        retry_together=query.address(path=f"{MAILS_PATH}/renvoyer"), export=query.address(path=f"{MAILS_PATH}/export"),
        more=query.address(page.after) if page.after else None,
    )  # fmt: skip


@router.get("/export")
async def export_mails(
    context: Context,
    visitor: Rectorat,
    query: Annotated[MailQuery, Depends()],
    file_format: ChosenFormat,
) -> Response:
    """The filtered list as a file, without any text of a mail (R60, R92)."""
    app = context.app
    return await download_list(
        context.export_of(visitor, ExportedList.MAILS), file_format, page=query.address(),
        workbook_of=lambda connection: mails_workbook(
            walk_mails(connection, query.filters(), at_once=READ_TOGETHER), app.settings.zoneinfo
        ),
    )  # fmt: skip


@router.get("/renvoyer")
def show_retry_together(
    request: Request, context: Context, visitor: ProvenOperator, query: Annotated[MailQuery, Depends()]
) -> HTMLResponse:
    """Show which mails of a list would be sent again, before they are: so many at a time (R58)."""
    numbers: list[int] = []
    with context.app.database.read() as connection:
        with suppress(ValueError):
            numbers = retryable_together(connection, query.filters())
        page = find_mails(connection, numbers[:SHOWN])
    together = numbers[:MOST_TOGETHER]
    return context.pages.page(
        request, "rectorat/mails_retry.html", visitor, page=page, count=len(together),
        beyond=len(numbers) - len(together), numbers=" ".join(map(str, together)), back=query.address(),
    )  # fmt: skip


@router.post("/renvoyer")
def retry_together(request: Request, context: Context, visitor: ProvenOperator, data: Posted) -> HTMLResponse:
    """Send again the mails that were shown, with a result for each."""
    numbers = [int(word) for word in str(data.get("courriels", "")).split() if word.isdecimal() and len(word) < 10]
    results = context.app.mail_journal.retry_many(numbers[:MOST_TOGETHER], visitor.actor)
    return _render_results(request, context, visitor, results)


@router.get("/{number}")
def show_one_mail(request: Request, context: Context, visitor: Rectorat, number: int) -> HTMLResponse:
    """Show one mail with its history (R60)."""
    return _render_mail(request, context, visitor, _load_mail(context, number))


@router.post("/{number}/renvoyer")
def retry_mail(request: Request, context: Context, visitor: Operator, number: int, data: Posted) -> Response:  # noqa: ARG001
    """Send it again, to today's mailbox (R58)."""
    view = _load_mail(context, number)
    try:
        new_number = context.app.mail_journal.retry(number, visitor.actor)
    except MailRefusal as refusal:
        return _render_mail(request, context, visitor, view, status=422, refusal=refusal)
    return context.success_messages.redirect(visitor, f"{MAILS_PATH}/{new_number}", SENT_AGAIN)


@router.get("/{number}/ecarter")
def show_discard_form(request: Request, context: Context, visitor: Operator, number: int) -> Response:
    """Ask why, before it is discarded."""
    view = _load_mail(context, number)
    if not view.can_discard:
        return RedirectResponse(f"{MAILS_PATH}/{number}", status_code=303)
    return _render_discard(request, context, visitor, view, blank(_WHY_DISCARD))


@router.post("/{number}/ecarter")
def discard_mail(request: Request, context: Context, visitor: Operator, number: int, data: Typed) -> Response:
    """Discard it: it will not leave any more."""
    view, form = _load_mail(context, number), filled(_WHY_DISCARD, data)
    if not form.is_right:
        return _render_discard(request, context, visitor, view, form, status=422)
    try:
        context.app.mail_journal.discard(number, visitor.actor, form.values["why"])
    except (MailActionRefused, ClockRefused) as refused:
        return _render_discard(request, context, visitor, view, form.refused(refused.reasons), status=422)
    except MailRefusal as refusal:
        return _render_mail(request, context, visitor, view, status=422, refusal=refusal)
    return context.success_messages.redirect(visitor, f"{MAILS_PATH}/{number}", DISCARDED)


@router.post("/renvoyer/{uai}")
def retry_mails_of(request: Request, context: Context, visitor: Operator, uai: str, data: Posted) -> Response:  # noqa: ARG001
    """Send again all dead mails of an establishment's old mailbox, with a result for each (R15)."""
    uai = normalise_uai(uai)
    with context.app.database.read() as connection:
        place = establishment_names(connection, [uai]).get(uai)
    if place is None:
        raise HTTPException(404)
    results: list[RetryResult | RetryRefusal] = []
    reasons: tuple[Reason, ...] = ()
    try:
        results = context.app.mail_journal.retry_all(uai, visitor.actor)
    except MailActionRefused as refused:
        reasons = refused.reasons
    return _render_results(request, context, visitor, results, uai=uai, place=place, reasons=reasons)


def _render_results(
    request: Request, context: WebContext, visitor: Visitor, results: Sequence[RetryResult | RetryRefusal], *,
    uai: str = "", place: str = "", reasons: tuple[Reason, ...] = (),
) -> HTMLResponse:  # fmt: skip
    """Say what became of each mail; those of one establishment lead back to it."""
    return context.pages.page(
        request, "rectorat/mails_retried.html", visitor, status=422 if reasons else 200, uai=uai, place=place,
        retried=[result for result in results if not isinstance(result, RetryRefusal)],
        refused=[result for result in results if isinstance(result, RetryRefusal)], reasons=reasons,
    )  # fmt: skip


def _load_mail(context: WebContext, number: int) -> MailView:
    """Raises HTTPException (404) when there is none."""
    if not 0 < number <= LARGEST_ID:
        raise HTTPException(404)
    with context.app.database.read() as connection:
        try:
            return show_mail(connection, number, context.app.mailer.settings.operators_mailbox)
        except UnknownMail:
            raise HTTPException(404) from None


def _render_mail(
    request: Request, context: WebContext, visitor: Visitor, view: MailView, *, status: int = 200,
    refusal: MailRefusal | None = None,
) -> HTMLResponse:  # fmt: skip
    """Its page; the text of a sign-in mail is shown to nobody, and a mask stands where a code would (R60)."""
    secret = is_secret(view.mail)
    return context.pages.page(
        request, "rectorat/mails_one.html", visitor, status=status, view=view, mail=view.mail,
        words=None if secret else words_of(view.mail, context.app.mailer), secret=secret,
        sender=context.app.settings.mail.sender, refusal=refusal,
    )  # fmt: skip


def _render_discard(
    request: Request, context: WebContext, visitor: Visitor, view: MailView, form: Form, status: int = 200
) -> Response:
    return context.pages.page(
        request, "rectorat/mails_discard.html", visitor, status=status, view=view, mail=view.mail, form=form
    )
