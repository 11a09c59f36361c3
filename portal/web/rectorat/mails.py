"""/rectorat/courriels: what did not arrive first, and one mail whole (R58, R60, R70)."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from notifications import pauses
from notifications.errors import UnknownMail
from notifications.vocabulary import Kind, Stage
from portal.mail_words import is_secret, words_of
from portal.web.installed import Installed
from portal.web.narrowing import address, member_of, options_of
from portal.web.visitors import Here, Rectorat, Visitor
from states.words import normalise_uai
from workflow.reading.mail_lists import MailFilters, MailPage, list_mails, unsent_counts
from workflow.reading.mail_story import MailView, show_mail

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
    request: Request, here: Here, visitor: Rectorat, wanted: Annotated[Wanted, Depends()], suite: str = ""
) -> HTMLResponse:
    """The mails, with the relay's pause said first."""
    page, problem = MailPage((), {}, None), ""
    with here.house.database.read() as connection:
        try:
            page = list_mails(connection, wanted.filters(), after=suite[:40])
        except ValueError as error:
            problem = str(error) if not suite else "Cette suite de liste n'existe pas : repartir de la première page."
        counts, pause = unsent_counts(connection), pauses.stored(connection)
    return here.pages.page(
        request, "rectorat/mails.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        counts=counts, pause=pause, wanted=wanted, stages=Stage, stage_options=options_of(Stage),
        kind_options=options_of(Kind),
        first=wanted.address() if suite else None, more=wanted.address(page.after) if page.after else None,
    )  # fmt: skip


@router.get("/{number}")
def showing(request: Request, here: Here, visitor: Rectorat, number: int, fait: str = "") -> HTMLResponse:
    """One mail."""
    return shown(request, here, visitor, seen_mail(here, number), notice=DONE.get(fait, ""))


def seen_mail(here: Installed, number: int) -> MailView:
    """The mail with its story; 404 when there is none."""
    if not 0 < number <= BIGGEST:
        raise HTTPException(404)
    with here.house.database.read() as connection:
        try:
            return show_mail(connection, number, here.house.mailer.settings.operators_mailbox)
        except UnknownMail:
            raise HTTPException(404) from None


def shown(
    request: Request, here: Installed, visitor: Visitor, view: MailView, *, status: int = 200, **scope: Any
) -> HTMLResponse:
    """Its page; the text of a sign-in mail is shown to nobody, and where a code stands there is a mask."""
    secret = is_secret(view.mail)
    words = None if secret else words_of(view.mail, here.house.mailer)
    fixed: dict[str, Any] = {"notice": "", "refusal": None}
    return here.pages.page(
        request, "rectorat/mails_one.html", visitor, status=status, view=view, mail=view.mail, words=words,
        secret=secret, sender=here.house.settings.mail.sender, **fixed | scope,
    )  # fmt: skip
