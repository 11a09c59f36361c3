"""The papers of one request, filled for a page or a terminal, or the reason why there is none."""

from sqlalchemy import Connection

from notifications.messages.facts import OnRequest, Person, Place, Year
from notifications.rendering.papers import Paper, charter, first_connection, handover_slip
from states.vocabulary import CodeStatus, Trigger
from workflow.app import App
from workflow.requests.detail import RequestView, load_facts


class NoSlip(Exception):
    """There is nothing to sign: ``why`` is a French clause, ``remedy`` an infinitive."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why, self.remedy = why, remedy


def make_charter(app: App, view: RequestView) -> Paper:
    """The charter of a request, ready to sign (R27). Raises PaperUnmakeable."""
    return charter(_facts(view), app.mailer.mail_context, app.mailer.wordings)


def make_first_connection(app: App, view: RequestView) -> Paper:
    """The sheet that tells the RUPN of a request how to connect. Raises PaperUnmakeable."""
    context, request = app.mailer.mail_context, view.request
    keeps_key = request.has_key and view.code_fate is CodeStatus.EXTENDED
    return first_connection(_facts(view), context, app.mailer.wordings, has_code=not keeps_key)


def make_slip(app: App, connection: Connection, view: RequestView) -> Paper:
    """The slip that the RUPN signs at the hand-over of the code (R31). Raises NoSlip, PaperUnmakeable."""
    request = load_facts(connection, view.request.reference, app.mailer).request
    issued_at = view.request.code_issued_at
    if issued_at is None or request is None:
        raise NoSlip("aucun code n'a été émis pour cette demande", "attendre que le rectorat émette le code")
    if request.is_extension:
        raise NoSlip("sa clé existante a été étendue, sans code à remettre (R40)", "il n'y a rien à faire signer")
    context = app.mailer.mail_context
    return handover_slip(
        _facts(view), context, app.mailer.wordings, issued_on=context.day_of(issued_at),
        expires_on=view.request.expires_on or view.year_end.last_day,
        is_new_code=any(event.trigger is Trigger.REISSUE_CODE for event in view.history),
    )  # fmt: skip


def _facts(view: RequestView) -> OnRequest:
    return OnRequest(
        reference=view.request.reference, establishment=Place.of(view.establishment),
        rupn=Person.of(view.request), year=Year.of(view.year_end),
    )  # fmt: skip
