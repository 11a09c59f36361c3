"""/rectorat/courriels: what did not arrive first, and one mail whole (R58, R60, R70)."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.outbox import circuit_breaker as pauses
from notifications.outbox.admin import MailRefusal, UnknownMail
from notifications.vocabulary import Kind, Stage
from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Posted, Rectorat
from portal.web.forms import Field, Form, Shape, address, blank, filled, member_of, options_of
from portal.web.security import Visitor
from states.refusals import Reason
from states.validation import normalise_uai
from workflow.mail.admin import MailActionRefused, NotRetried, RetryResult
from workflow.mail.queries import (
    MailFilters,
    MailPage,
    MailView,
    is_secret,
    list_mails,
    names_of,
    show_mail,
    unsent_counts,
    words_of,
)

router = APIRouter(prefix="/rectorat/courriels", include_in_schema=False)


PLACE = "/rectorat/courriels"


DONE = {
    "renvoye": "le courriel est de nouveau à envoyer",
    "ecarte": "le courriel est écarté, il ne partira plus",
}
"""What was done, by the word that the address bears."""


BIGGEST = 2**31 - 1


@dataclass(frozen=True)
class Wanted:
    """The filters as the address bears them."""

    etape: Annotated[str, Query(max_length=30)] = ""
    genre: Annotated[str, Query(max_length=40)] = ""
    etablissement: Annotated[str, Query(max_length=40)] = ""
    demande: Annotated[str, Query(max_length=40)] = ""

    def filters(self) -> MailFilters:
        """Raises ValueError in French."""
        stage = member_of(Stage, self.etape)
        return MailFilters(
            stages=(stage,) if stage else (), kind=member_of(Kind, self.genre),
            uai=normalise_uai(self.etablissement), reference=self.demande.strip().upper(),
        )  # fmt: skip

    def address(self, after: str | None = None) -> str:
        return address(PLACE, **vars(self), suite=after)


@router.get("")
def listing(
    request: Request, context: Context, visitor: Rectorat, wanted: Annotated[Wanted, Depends()], suite: str = ""
) -> HTMLResponse:
    """The mails, with the relay's pause said first."""
    page, problem = MailPage((), {}, None), ""
    with context.app.database.read() as connection:
        try:
            page = list_mails(connection, wanted.filters(), after=suite[:40])
        except ValueError as error:
            problem = str(error) if not suite else "Cette suite de liste n'existe pas : repartir de la première page."
        counts, pause = unsent_counts(connection), pauses.stored(connection)
    return context.pages.page(
        request, "rectorat/mails.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        counts=counts, pause=pause, wanted=wanted, stages=Stage, stage_options=options_of(Stage),
        kind_options=options_of(Kind),
        first=wanted.address() if suite else None, more=wanted.address(page.after) if page.after else None,
    )  # fmt: skip


@router.get("/{number}")
def showing(request: Request, context: Context, visitor: Rectorat, number: int, fait: str = "") -> HTMLResponse:
    """One mail."""
    return shown(request, context, visitor, seen_mail(context, number), notice=DONE.get(fait, ""))


def seen_mail(context: WebContext, number: int) -> MailView:
    """The mail with its story; 404 when there is none."""
    if not 0 < number <= BIGGEST:
        raise HTTPException(404)
    with context.app.database.read() as connection:
        try:
            return show_mail(connection, number, context.app.mailer.settings.operators_mailbox)
        except UnknownMail:
            raise HTTPException(404) from None


def shown(
    request: Request, context: WebContext, visitor: Visitor, view: MailView, *, status: int = 200, **scope: Any
) -> HTMLResponse:
    """Its page; the text of a sign-in mail is shown to nobody, and where a code stands there is a mask."""
    secret = is_secret(view.mail)
    words = None if secret else words_of(view.mail, context.app.mailer)
    fixed: dict[str, Any] = {"notice": "", "refusal": None}
    return context.pages.page(
        request, "rectorat/mails_one.html", visitor, status=status, view=view, mail=view.mail, words=words,
        secret=secret, sender=context.app.settings.mail.sender, **fixed | scope,
    )  # fmt: skip


# What an operator does of a mail: send it again, discard it, send again all that another mailbox frees (R15, R58).


router_mails_acts = APIRouter(prefix=PLACE, include_in_schema=False)


_WHY = (
    Field(
        name="why", label="Pourquoi ce courriel ne doit plus partir", shape=Shape.AREA,
        hint="Une phrase, sans nommer personne : elle reste dans le journal.", missing="Dire en une phrase pourquoi.",
    ),
)  # fmt: skip


@router_mails_acts.post("/{number}/renvoyer")
def retry(request: Request, context: Context, visitor: Operator, number: int, data: Posted) -> Response:  # noqa: ARG001
    """Send it again, to the mailbox of today."""
    view = seen_mail(context, number)
    try:
        leaving = context.app.mail_journal.retry(number, visitor.actor)
    except MailRefusal as refusal:
        return shown(request, context, visitor, view, status=422, refusal=refusal)
    return RedirectResponse(f"{PLACE}/{leaving}?fait=renvoye", status_code=303)


@router_mails_acts.get("/{number}/ecarter")
def prepare_discard(request: Request, context: Context, visitor: Operator, number: int) -> Response:
    """Say why, before it is given up."""
    view = seen_mail(context, number)
    if not view.can_discard:
        return RedirectResponse(f"{PLACE}/{number}", status_code=303)
    return _discard_page(request, context, visitor, view, blank(_WHY))


@router_mails_acts.post("/{number}/ecarter")
def discard(request: Request, context: Context, visitor: Operator, number: int, data: Posted) -> Response:
    """Give it up."""
    view, form = seen_mail(context, number), filled(_WHY, data)
    if not form.is_right:
        return _discard_page(request, context, visitor, view, form, status=422)
    try:
        context.app.mail_journal.discard(number, visitor.actor, form.values["why"])
    except MailActionRefused as refused:
        return _discard_page(request, context, visitor, view, form.refused(refused.reasons), status=422)
    except MailRefusal as refusal:
        return shown(request, context, visitor, view, status=422, refusal=refusal)
    return RedirectResponse(f"{PLACE}/{number}?fait=ecarte", status_code=303)


@router_mails_acts.post("/renvoyer/{uai}")
def retry_all(request: Request, context: Context, visitor: Operator, uai: str, data: Posted) -> Response:  # noqa: ARG001
    """Send again all that died of an establishment's address; a line for each."""
    uai = normalise_uai(uai)
    with context.app.database.read() as connection:
        place = names_of(connection, [uai]).get(uai)
    if place is None:
        raise HTTPException(404)
    results: list[RetryResult | NotRetried] = []
    reasons: tuple[Reason, ...] = ()
    try:
        results = context.app.mail_journal.retry_all(uai, visitor.actor)
    except MailActionRefused as refused:
        reasons = refused.reasons
    return context.pages.page(
        request, "rectorat/mails_retried.html", visitor, status=422 if reasons else 200, uai=uai, place=place,
        retried=[one for one in results if not isinstance(one, NotRetried)],
        refused=[one for one in results if isinstance(one, NotRetried)], reasons=reasons,
    )  # fmt: skip


def _discard_page(
    request: Request, context: WebContext, visitor: Visitor, view: MailView, form: Form, status: int = 200
) -> Response:
    return context.pages.page(
        request, "rectorat/mails_discard.html", visitor, status=status, view=view, mail=view.mail, form=form
    )
