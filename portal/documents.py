"""The papers of one request, and those of figures, filled for a page or a terminal, or the reason why there is none."""

from collections.abc import Mapping
from fractions import Fraction

from sqlalchemy import Connection

from notifications.messages.facts import OnRequest, Person, Place, Year
from notifications.rendering.papers import (
    BarLength,
    Headline,
    Paper,
    PrintedBar,
    PrintedChart,
    PrintedFigures,
    PrintedTable,
    charter,
    figures,
    first_connection,
    handover_slip,
)
from states import french
from states.vocabulary import CodeStatus, Trigger
from workflow.activation.rates import ActivationLine, ActivationTable, Measure, percent_text, points_text
from workflow.app import App
from workflow.figures.account import FiguresAccount
from workflow.figures.tables import headline, nothing_declared, shown, tables_of, warnings_of
from workflow.requests.detail import RequestView, load_facts

MEASURES_WITH_TARGET = (Measure.PUPILS, Measure.PARENTS)


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
    places = tuple(account.places())
    most = max((max(former.establishments, place.establishments) for _, place, former in places), default=0) or 1

    def bar(number: int) -> BarLength:
        return BarLength(text=str(number), share=number / most)

    bars = tuple(
        PrintedBar(name=name, before=bar(former.establishments), now=bar(place.establishments))
        for name, place, former in places
    )
    printed = PrintedFigures(
        stem="chiffres", title="Les clés ODA en chiffres", day=now.day, before=before.day,
        subtitle=f"Au {french.day(now.day)}, comparé au {french.day(before.day)} ; demandes de {years}",
        headline=tuple(Headline(value=value, words=words, before=former) for words, value, former in headline(account)),
        vigilance=tuple(warning.sentence for warning in warnings_of(account)),
        charts=(PrintedChart(title="Établissements qui ont un RUPN déclaré", bars=bars),) if bars else (),
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


def make_activation(app: App, table: ActivationTable) -> Paper:
    """The rates of activated accounts at two dates, on paper (R100). Raises PaperUnmakeable."""
    settings, academie = app.settings.activation, table.academie
    targets = {Measure.PUPILS: settings.target_pupils, Measure.PARENTS: settings.target_parents}
    compared = f", comparé au {french.day(table.before)}" if table.before else ""
    printed = PrintedFigures(
        stem="comptes-actives", title="Comptes EduConnect activés", day=table.after, before=table.before,
        subtitle=f"Au {french.day(table.after)}{compared}",
        headline=(
            *(
                Headline(
                    value=percent_text(academie.rate(measure)),
                    words=f"des comptes {french.de(measure.label)} sont activés",
                    before=None if (first := academie.rate(measure, at_first=True)) is None else percent_text(first),
                )
                for measure in MEASURES_WITH_TARGET
            ),
            Headline(
                value=french.number(academie.with_key),
                words=f"{'établissement' if academie.with_key < 2 else 'établissements'} sur"
                f" {french.number(academie.establishments)} dont un RUPN a une clé, aujourd'hui",
                before=None,
            ),
        ),
        vigilance=tuple(
            sentence for measure, target in targets.items() if (sentence := _below(table, measure, target))
        ),
        charts=tuple(
            PrintedChart(
                title=f"Comptes activés, {measure.label}",
                bars=tuple(
                    PrintedBar(
                        name=line.name, now=_bar(line.rate(measure)),
                        before=None if (first := line.rate(measure, at_first=True)) is None else _bar(first),
                    )
                    for line in table.all_lines
                ),
            )
            for measure in MEASURES_WITH_TARGET if academie.rate(measure) is not None
        ),
        tables=(_rates(table, targets), *(
            _evolution(table, measure) for measure in MEASURES_WITH_TARGET if academie.progress(measure) is not None
        )),
    )  # fmt: skip
    return figures(printed, app.mailer.mail_context, app.mailer.wordings)


def _bar(rate: Fraction | None) -> BarLength:
    return BarLength(text=percent_text(rate), share=float(rate or 0) / 100)


def _below(table: ActivationTable, measure: Measure, target: int | None) -> str | None:
    """The sentence of a target that is not reached, by the académie or by a département."""

    def is_below(line: ActivationLine) -> bool:
        rate = line.rate(measure)
        return target is not None and rate is not None and rate < target

    names = [line.name for line in table.lines if is_below(line)]
    if not names and not is_below(table.academie):
        return None
    rate = percent_text(table.academie.rate(measure))
    subject = f"l'objectif de {target} % des comptes {french.de(measure.label)}"
    if is_below(table.academie):
        also = f" ; en particulier dans ces départements : {french.listing(names)}" if names else ""
        return f"{subject} n'est pas atteint par l'académie ({rate}){also}."
    return f"{subject} est atteint par l'académie ({rate}), mais pas dans ces départements : {french.listing(names)}."


def _rates(table: ActivationTable, targets: Mapping[Measure, int | None]) -> PrintedTable:
    def heading(measure: Measure) -> str:
        target = targets.get(measure)
        return measure.label.capitalize() + ("" if target is None else f" (objectif : {target} %)")

    return PrintedTable(
        title=f"Taux de comptes activés au {french.day(table.after)}",
        headings=("Département", *map(heading, Measure), "Établissements dont un RUPN a une clé, aujourd'hui"),
        rows=tuple(
            (
                line.name, *(percent_text(line.rate(measure)) for measure in Measure),
                f"{line.with_key} sur {line.establishments}",
            )
            for line in table.all_lines
        ),
        note="Chaque taux est celui des comptes additionnés ; « — » : nombres non communiqués. Le total des élèves peut"
        " en compter d'autres que ceux des collèges et des lycées.",
    )  # fmt: skip


def _evolution(table: ActivationTable, measure: Measure) -> PrintedTable:
    first, last = table.before or table.after, table.after
    return PrintedTable(
        title=f"{measure.label.capitalize()} : du {french.day(first)} au {french.day(last)}",
        headings=("Département", f"Au {french.day(first)}", f"Au {french.day(last)}", "Progression"),
        rows=tuple(
            (
                line.name, percent_text(line.rate(measure, at_first=True)), percent_text(line.rate(measure)),
                points_text(line.progress(measure)),
            )
            for line in table.all_lines
        ),
    )  # fmt: skip


def _facts(view: RequestView) -> OnRequest:
    return OnRequest(
        reference=view.request.reference, establishment=Place.of(view.establishment),
        rupn=Person.of(view.request), year=Year.of(view.year_end),
    )  # fmt: skip
