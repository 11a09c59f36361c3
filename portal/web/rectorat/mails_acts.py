"""What an operator does of a mail: send it again, discard it, send again all that another mailbox frees (R15, R58)."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.errors import MailRefusal
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.rectorat.mails import PLACE, seen_mail, shown
from portal.web.visitors import Here, Operator, Posted, Visitor
from states.refusals import Reason
from states.words import normalise_uai
from workflow.mail_events import MailActionRefused, NotRetried, Retried
from workflow.reading.mail_lists import names_of
from workflow.reading.mail_story import MailView

router = APIRouter(prefix=PLACE, include_in_schema=False)
_WHY = (
    Field(
        name="why", label="Pourquoi ce courriel ne doit plus partir", shape=Shape.AREA,
        hint="Une phrase, sans nommer personne : elle reste dans le journal.", missing="Dire en une phrase pourquoi.",
    ),
)  # fmt: skip


@router.post("/{number}/renvoyer")
def retry(request: Request, here: Here, visitor: Operator, number: int, data: Posted) -> Response:  # noqa: ARG001
    """Send it again, to the mailbox of today."""
    view = seen_mail(here, number)
    try:
        leaving = here.house.mail_journal.retry(number, visitor.actor)
    except MailRefusal as refusal:
        return shown(request, here, visitor, view, status=422, refusal=refusal)
    return RedirectResponse(f"{PLACE}/{leaving}?fait=renvoye", status_code=303)


@router.get("/{number}/ecarter")
def prepare_discard(request: Request, here: Here, visitor: Operator, number: int) -> Response:
    """Say why, before it is given up."""
    view = seen_mail(here, number)
    if not view.can_discard:
        return RedirectResponse(f"{PLACE}/{number}", status_code=303)
    return _discard_page(request, here, visitor, view, blank(_WHY))


@router.post("/{number}/ecarter")
def discard(request: Request, here: Here, visitor: Operator, number: int, data: Posted) -> Response:
    """Give it up."""
    view, form = seen_mail(here, number), filled(_WHY, data)
    if not form.is_right:
        return _discard_page(request, here, visitor, view, form, status=422)
    try:
        here.house.mail_journal.discard(number, visitor.actor, form.values["why"])
    except MailActionRefused as refused:
        return _discard_page(request, here, visitor, view, form.refused(refused.reasons), status=422)
    except MailRefusal as refusal:
        return shown(request, here, visitor, view, status=422, refusal=refusal)
    return RedirectResponse(f"{PLACE}/{number}?fait=ecarte", status_code=303)


@router.post("/renvoyer/{uai}")
def retry_all(request: Request, here: Here, visitor: Operator, uai: str, data: Posted) -> Response:  # noqa: ARG001
    """Send again all that died of an establishment's address; a line for each."""
    uai = normalise_uai(uai)
    with here.house.database.read() as connection:
        place = names_of(connection, [uai]).get(uai)
    if place is None:
        raise HTTPException(404)
    results: list[Retried | NotRetried] = []
    reasons: tuple[Reason, ...] = ()
    try:
        results = here.house.mail_journal.retry_all(uai, visitor.actor)
    except MailActionRefused as refused:
        reasons = refused.reasons
    return here.pages.page(
        request, "rectorat/mails_retried.html", visitor, status=422 if reasons else 200, uai=uai, place=place,
        retried=[one for one in results if not isinstance(one, NotRetried)],
        refused=[one for one in results if isinstance(one, NotRetried)], reasons=reasons,
    )  # fmt: skip


def _discard_page(
    request: Request, here: Installed, visitor: Visitor, view: MailView, form: Form, status: int = 200
) -> Response:
    return here.pages.page(
        request, "rectorat/mails_discard.html", visitor, status=status, view=view, mail=view.mail, form=form
    )
