"""The establishments of the directory, and the mails that went to them, without their words."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from notifications.vocabulary import Audience, Fault, Kind, Stage
from portal.api.auth import Context, Reading
from portal.api.field_types import UAI, Reference, RequestModel, ResponseModel, Text, Uai
from portal.api.problems import Refusal, refusal_responses
from portal.api.requests import Limit, next_page
from states.vocabulary import State
from workflow.directory.model import DirectoryRefused
from workflow.directory.queries import EstablishmentFilters
from workflow.mail.queries import list_visible_mails

UaiPath = Annotated[str, Path(description="L'UAI de l'établissement.", pattern=UAI, examples=["0310001H"])]

router = APIRouter(tags=["établissements et courriels"])


class EstablishmentParameters(RequestModel):
    """Filters of the directory."""

    departement: Text | None = Field(None, description="D'un département, comme dans l'annuaire.")
    is_open: bool | None = Field(None, description="Ouverts seulement, ou fermés seulement.")
    without_mailbox: bool = Field(False, description="Seulement ceux qui n'ont pas de boîte (R13).")
    text: Text = Field("", description="Des mots du nom, de la commune ou de l'UAI.")
    after: Uai | None = Field(None, description="Le curseur : le dernier UAI de la page précédente.")
    limit: Limit = 50


class EstablishmentOut(ResponseModel):
    """An establishment of the directory."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    departement_name: str
    nature: str = Field(description="Vide si l'annuaire ne la donne pas.")
    telephone: str = Field(description="Vide si l'annuaire ne le donne pas.")
    chef_civility: str = Field(description="La civilité du chef d'établissement, vide si l'annuaire ne la donne pas.")
    mailbox: str | None = Field(description="La boîte en vigueur (R14).")
    directory_mailbox: str | None = Field(description="Celle de l'annuaire.")
    set_mailbox: str | None = Field(description="Celle qu'un opérateur a fixée.")
    is_open: bool
    is_listed: bool = Field(description="Présent dans le dernier annuaire importé.")
    live_requests: int


class Establishments(ResponseModel):
    """A page of establishments, by UAI."""

    items: list[EstablishmentOut]
    next: str | None = Field(description="L'adresse de la page suivante ; null à la fin.")


class Brief(ResponseModel):
    """A request, in a few words."""

    reference: str
    school_year: str
    nom: str
    prenom: str
    state: State
    changed_at: datetime


class EstablishmentWhole(EstablishmentOut):
    """An establishment with its requests."""

    requests: list[Brief]


class MailParameters(RequestModel):
    """Filters of the mails."""

    stage: list[Stage] = Field([], max_length=len(Stage), description="À une de ces étapes ; à répéter.")
    kind: Kind | None = Field(None, description="De ce genre.")
    uai: Uai | None = Field(None, description="D'un établissement.")
    reference: Reference | None = Field(None, description="D'une demande.")
    after: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, description="Le curseur : le dernier numéro.")
    limit: Limit = 50


class MailOut(ResponseModel):
    """A mail, without its subject nor its text."""

    id: int
    kind: Kind
    title: str = Field(description="De quoi il parle.")
    audience: Audience
    uai: str | None
    reference: str | None
    recipient: str
    stage: Stage
    fault: Fault | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    sent_at: datetime | None
    doubted_at: datetime | None
    replaces_id: int | None


class Mails(ResponseModel):
    """A page of mails, the newest first."""

    items: list[MailOut]
    next: str | None = Field(description="L'adresse de la page suivante ; null à la fin.")


@router.get("/establishments", summary="L'annuaire", operation_id="list_establishments", responses=refusal_responses())
def list_establishments(
    context: Context, caller: Reading, parameters: Annotated[EstablishmentParameters, Query()]
) -> Establishments:
    """Par UAI ; un établissement ne voit que lui-même (R3)."""
    criteria = EstablishmentFilters(**parameters.model_dump(exclude={"after", "limit"}))
    limit = parameters.limit
    matches = context.app.directory.establishments(
        caller.actor, criteria, limit=limit + 1, after=parameters.after or ""
    )
    items = [EstablishmentOut.model_validate(establishment) for establishment in matches[:limit]]
    after = items[-1].uai if len(matches) > limit else None
    return Establishments(items=items, next=next_page("establishments", parameters, after))


@router.get(
    "/establishments/{uai}",
    summary="Un établissement",
    operation_id="show_establishment",
    responses=refusal_responses(404),
)
def get_establishment(context: Context, caller: Reading, uai: UaiPath) -> EstablishmentWhole:
    """Avec ses demandes."""
    try:
        establishment, requests = context.app.directory.establishment(caller.actor, uai)
    except DirectoryRefused as refused:
        raise Refusal(refused.reasons, 404) from None
    return EstablishmentWhole(
        **EstablishmentOut.model_validate(establishment).model_dump(),
        requests=[Brief.model_validate(request) for request in requests],
    )


@router.get("/mails", summary="Les courriels", operation_id="list_mails", responses=refusal_responses())
def list_sent_mails(context: Context, caller: Reading, parameters: Annotated[MailParameters, Query()]) -> Mails:
    """Les plus récents d'abord, sans leur texte ; un établissement voit ceux qu'a reçus sa boîte (R3, R60)."""
    with context.app.database.read() as connection:
        page = list_visible_mails(
            connection, caller.actor, stages=parameters.stage, kind=parameters.kind, uai=parameters.uai,
            reference=parameters.reference, after=parameters.after, limit=parameters.limit,
        )  # fmt: skip
    items = [MailOut.model_validate(mail) for mail in page.mails]
    return Mails(items=items, next=next_page("mails", parameters, page.after))
