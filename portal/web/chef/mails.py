"""The mails that the establishment's mailbox received; a code never shows in them (R60)."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from notifications.mail import Mail
from notifications.vocabulary import Stage
from portal.web.chef.home import Schools
from portal.web.visitors import Chef, Here
from workflow.reading.mailbox import received, received_one

router = APIRouter(prefix="/courriels")
_WORDS: Final = {
    Stage.PENDING: "va partir",
    Stage.SENDING: "en cours d'envoi",
    Stage.SENT: "envoyé à la boîte de l'établissement",
    Stage.RETRY: "pas encore passé, nouvel essai bientôt",
    Stage.UNCERTAIN: "peut-être arrivé : l'envoi a été interrompu",
    Stage.CANCELLED: "annulé, il n'était plus utile",
    Stage.DEAD: "non remis, le rectorat est prévenu",
    Stage.DISCARDED: "non remis, écarté par le rectorat",
}
"""Where a mail stands, as a chef understands it."""
BIGGEST: Final = 2**31 - 1


def words_of(mail: Mail) -> str:
    """Where a mail stands."""
    return _WORDS[mail.stage]


@router.get("")
def all_of_them(request: Request, here: Here, visitor: Chef, schools: Schools, apres: str = "") -> Response:
    """The newest first."""
    with here.house.database.read() as connection:
        page = received(connection, visitor.actor, visitor.uai, after=_number(apres))
    return here.pages.page(
        request, "chef/mails.html", visitor, page=page, school=schools[0], schools=schools, after=apres,
        words=words_of,
    )  # fmt: skip


@router.get("/{number}")
def one_of_them(request: Request, here: Here, visitor: Chef, number: str) -> Response:
    """One mail, as it was written."""
    wanted = _number(number)
    with here.house.database.read() as connection:
        mail = received_one(connection, visitor.actor, wanted) if wanted is not None else None
    if mail is None:
        raise HTTPException(404)
    return here.pages.page(request, "chef/mail.html", visitor, mail=mail, words=words_of(mail))


def _number(text: str) -> int | None:
    """A mail's number from an address; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= BIGGEST else None
