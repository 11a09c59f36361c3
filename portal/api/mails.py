"""The mails without their words: listed, shown, sent again, discarded (R15, R58, R60)."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from pydantic import Field

from notifications.outbox.admin import (
    CodeGone,
    LinkNotResent,
    MailErased,
    MailRefusal,
    NoMailboxYet,
    NotDiscardable,
    NotRetryable,
    UnknownMail,
)
from notifications.vocabulary import Audience, Fault, Kind, Stage
from portal.api.auth import ActingOperator, Context, Reading
from portal.api.problems import Refusal, only_json, refusal_responses
from portal.api.requests import Limit, next_page
from portal.api.schemas import ReasonOut, Reference, RequestModel, ResponseModel, Text, Uai
from workflow.mail import CodeWithheld, MailActionRefused, find_received_mail, list_visible_mails, show_mail

_CODES: Final[dict[type[MailRefusal], str]] = {
    UnknownMail: "unknown_mail", NotRetryable: "not_retryable", NotDiscardable: "not_discardable",
    CodeGone: "code_gone", LinkNotResent: "link_not_resent", MailErased: "mail_erased", NoMailboxYet: "no_mailbox",
    CodeWithheld: "code_withheld",
}  # fmt: skip
"""What a program knows each refusal by."""

MailNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="Le numéro du courriel.", examples=[12])]

router = APIRouter(tags=["courriels"])


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


class MailEventOut(ResponseModel):
    """Something that somebody, or the schedule, did to a mail."""

    at: datetime
    action: str
    who: str
    why: str | None


class MailWhole(MailOut):
    """A mail with what may be done of it, and what was."""

    mailbox: str | None
    can_retry: bool
    can_discard: bool
    replaced_by: int | None
    history: list[MailEventOut]


class RetriedOut(ResponseModel):
    """A mail sent again."""

    mail: int
    leaves_as: int


class DiscardBody(RequestModel):
    """The reason why a mail must not leave any more."""

    why: Text = Field(description="Pourquoi, en une phrase, sans nommer personne.", examples=["la demande est retirée"])


class DiscardedOut(ResponseModel):
    """A mail that will not leave."""

    mail: int
    stage: Stage


class Mails(ResponseModel):
    """A page of mails, the newest first."""

    items: list[MailOut]
    next: str | None = Field(description="L'adresse de la page suivante ; null à la fin.")


@router.get("/mails", summary="Les courriels", operation_id="list_mails", responses=refusal_responses())
def list_sent_mails(
    context: Context, caller: Reading, parameters: Annotated[MailParameters, Query()], response: Response
) -> Mails:
    """Les plus récents d'abord, sans leur texte ; un établissement voit ceux qu'a reçus sa boîte (R3, R60)."""
    with context.app.database.read() as connection:
        page = list_visible_mails(
            connection, caller.actor, stages=parameters.stage, kind=parameters.kind, uai=parameters.uai,
            reference=parameters.reference, after=parameters.after, limit=parameters.limit,
        )  # fmt: skip
    items = [MailOut.model_validate(mail) for mail in page.mails]
    return Mails(items=items, next=next_page(response, "mails", parameters, page.after))


@router.get("/mails/{number}", summary="Un courriel", operation_id="show_mail", responses=refusal_responses(404))
def get_mail(context: Context, caller: Reading, number: MailNumber) -> MailWhole:
    """Sans son texte. Au rectorat, avec ce que l'on peut en faire et ce qui en a été fait ; à un établissement, ceux
    qu'a reçus sa boîte (R3, R60)."""
    app = context.app
    with app.database.read() as connection:
        if caller.actor.is_establishment:
            mail = find_received_mail(connection, caller.actor, number)
            if mail is None:
                raise _refusal(UnknownMail(number))
            return MailWhole(
                **MailOut.model_validate(mail).model_dump(), mailbox=None, can_retry=False, can_discard=False,
                replaced_by=None, history=[],
            )  # fmt: skip
        try:
            view = show_mail(connection, number, app.mailer.settings.operators_mailbox)
        except UnknownMail as unknown:
            raise _refusal(unknown) from None
    return MailWhole(
        **MailOut.model_validate(view.mail).model_dump(), mailbox=view.mailbox or None, can_retry=view.can_retry,
        can_discard=view.can_discard, replaced_by=view.replaced_by,
        history=[MailEventOut.model_validate(event) for event in view.history],
    )  # fmt: skip


@router.post(
    "/mails/{number}/retry", summary="Renvoyer un courriel", operation_id="retry_mail",
    responses=refusal_responses(404, 409),
)  # fmt: skip
def retry_mail(context: Context, caller: ActingOperator, number: MailNumber) -> RetriedOut:
    """À la boîte d'aujourd'hui, sous un nouveau numéro s'il était déjà parti (R58)."""
    try:
        return RetriedOut(mail=number, leaves_as=context.app.mail_journal.retry(number, caller.actor))
    except MailRefusal as refusal:
        raise _refusal(refusal) from None


@router.post(
    "/mails/{number}/discard", summary="Écarter un courriel", operation_id="discard_mail",
    responses=refusal_responses(400, 404, 408, 409, 413, 415), dependencies=[Depends(only_json)],
)  # fmt: skip
def discard_mail(
    context: Context, caller: ActingOperator, number: MailNumber, body: Annotated[DiscardBody, Body()]
) -> DiscardedOut:
    """Il ne partira plus (R58)."""
    try:
        context.app.mail_journal.discard(number, caller.actor, body.why)
    except MailActionRefused as refused:
        raise Refusal(refused.reasons) from None
    except MailRefusal as refusal:
        raise _refusal(refusal) from None
    return DiscardedOut(mail=number, stage=Stage.DISCARDED)


def _refusal(refusal: MailRefusal) -> Refusal:
    """The refusal of the outbox as a problem: its sentence says what is wrong, then what to do."""
    message, _, remedy = str(refusal).partition(". ")
    reason = ReasonOut(
        code=_CODES[type(refusal)], rule=refusal.rule, message=message.rstrip("."),
        remedy=remedy or "Relire le courriel pour voir où il en est.", field=None,
    )  # fmt: skip
    return Refusal((reason,), 404 if isinstance(refusal, UnknownMail) else 409)
