"""Asking for a link: whatever is typed, the answer is the same (R72)."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.sign_in.back import safe_back, with_back
from portal.web.sign_in.doors import Client
from portal.web.visitors import Here, MaybeVisitor, PostedByAnyone
from states.refusals import bad_field
from states.words import has_uai_form, mail_problem, normalise_uai
from workflow.doors.links import Asking

router = APIRouter(prefix="/connexion", include_in_schema=False)

UAI: Final = Field(
    name="uai", label="UAI de votre établissement", hint="7 chiffres et une lettre, par exemple 0310001H.",
    missing="Donner l'UAI de l'établissement.",
)  # fmt: skip
ADDRESS: Final = Field(
    name="adresse", label="Votre adresse professionnelle", shape=Shape.MAIL, autocomplete="email",
    hint="Celle sous laquelle l'administrateur du portail vous a inscrit.", missing="Donner votre adresse.",
)  # fmt: skip
_ENDS: Final = {
    "ici": "Vous êtes déconnecté.",
    "partout": "Vous êtes déconnecté sur tous les appareils.",
}


@router.get("")
def start(request: Request, here: Here, visitor: MaybeVisitor, suite: str = "", fin: str = "") -> Response:
    """Where a chef begins."""
    if visitor:
        return RedirectResponse(safe_back(suite) or visitor.home, status_code=303)
    return _page(request, here, "sign_in/school.html", blank((UAI,)), safe_back(suite), ended=_ENDS.get(fin, ""))


@router.post("")
def ask(request: Request, here: Here, data: PostedByAnyone, client: Client) -> Response:
    """Send a link to an establishment's mailbox, if there is one; where it goes is not said."""
    form, back = checked_uai(data), safe_back(data.get("suite"))
    if not form.is_right:
        return _page(request, here, "sign_in/school.html", form, back, status=422)
    here.links.for_establishment(form.values["uai"], Asking(client=client, back=back))
    return RedirectResponse("/connexion/envoye", status_code=303)


@router.get("/rectorat")
def start_rectorat(request: Request, here: Here, visitor: MaybeVisitor, suite: str = "") -> Response:
    """Where an operator or a reader begins."""
    if visitor:
        return RedirectResponse(safe_back(suite) or visitor.home, status_code=303)
    return _page(request, here, "sign_in/rectorat.html", blank((ADDRESS,)), safe_back(suite))


@router.post("/rectorat")
def ask_rectorat(request: Request, here: Here, data: PostedByAnyone, client: Client) -> Response:
    """Send a link to an operator or a reader."""
    form, back = filled((ADDRESS,), data), safe_back(data.get("suite"))
    if form.is_right and (problem := mail_problem(form.values["adresse"])):
        form = form.refused([bad_field("adresse", "L'adresse", problem, "R16")])
    if not form.is_right:
        return _page(request, here, "sign_in/rectorat.html", form, back, status=422)
    here.links.for_rectorat(form.values["adresse"], Asking(client=client, back=back))
    return RedirectResponse("/connexion/envoye?pour=rectorat", status_code=303)


@router.get("/envoye")
def sent(request: Request, here: Here, visitor: MaybeVisitor, pour: str = "") -> HTMLResponse:
    """What to do now, whether or not something left."""
    minutes = here.settings.link_minutes
    return here.pages.page(
        request, "sign_in/sent.html", visitor, minutes=minutes, for_rectorat=pour == "rectorat", subject=_subject(here)
    )


def checked_uai(data: FormData, field: Field = UAI) -> Form:
    """The form of one UAI, whose shape alone is judged: the directory is not asked (R11)."""
    form = filled((field,), data)
    if form.is_right and not has_uai_form(normalise_uai(form.values["uai"])):
        form = form.refused([bad_field("uai", "L'UAI", "a 7 chiffres puis une lettre", "R11")])
    return form


def _page(
    request: Request, here: Installed, template: str, form: Form, back: str, *, ended: str = "", status: int = 200
) -> HTMLResponse:
    other = with_back("/connexion/rectorat" if "school" in template else "/connexion", back)
    return here.pages.page(request, template, status=status, form=form, back=back, other=other, ended=ended)


def _subject(here: Installed) -> str:
    """Who the mail comes from, for whoever looks for it."""
    return here.house.settings.mail.sender_address
