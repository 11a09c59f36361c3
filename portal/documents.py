"""The papers of one request, and the figures, filled for a page or a terminal, or the reason why there is none."""

from sqlalchemy import Connection

from notifications.messages.facts import OnRequest, Person, Place, Year
from notifications.rendering.papers import (
    Headline,
    Paper,
    PrintedFigures,
    PrintedTable,
    charter,
    figures,
    first_connection,
    handover_slip,
)
from states import french
from states.vocabulary import CodeStatus, Trigger
from workflow.app import App
from workflow.figures.account import FiguresAccount
from workflow.figures.tables import headline, nothing_declared, shown, tables_of, warnings_of
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


def make_figures(app: App, account: FiguresAccount) -> Paper:
    """The figures of the académie at two dates, on paper (R99). Raises PaperUnmakeable."""
    now, before = account.now, account.before
    tables = [table for table in tables_of(account, app.figures.rules) if table.rows]
    years = (
        f"{now.school_year}" if now.school_year == before.school_year else f"{now.school_year}, {before.school_year}"
    )
    printed = PrintedFigures(
        day=now.day, before=before.day,
        subtitle=f"Au {french.day(now.day)}, comparé au {french.day(before.day)} ; demandes de {years}",
        headline=tuple(Headline(value=value, words=words, before=former) for words, value, former in headline(account)),
        vigilance=tuple(warning.sentence for warning in warnings_of(account)),
        bars=tuple((name, former.establishments, place.establishments) for name, place, former in account.places()),
        tables=tuple(
            PrintedTable(
                title=table.title, headings=table.headings,
                rows=tuple(tuple(map(shown, row)) for row in table.rows), note=table.note,
            )
            for table in tables
        ),
        empty=nothing_declared(now) if now.is_empty else None,
    )  # fmt: skip
    return figures(printed, app.mailer.mail_context, app.mailer.wordings)


def _facts(view: RequestView) -> OnRequest:
    return OnRequest(
        reference=view.request.reference, establishment=Place.of(view.establishment),
        rupn=Person.of(view.request), year=Year.of(view.year_end),
    )  # fmt: skip
