"""``oda request list`` and ``show``: the worklist, and one request in full (R8)."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext, Uai, Year, labelled_option, opened, pass_cli_context, spelling
from portal.cli.errors import refused
from portal.cli.output import (
    STANDARD_OUTPUT,
    ExportByCommand,
    SectionPrinter,
    csv_option,
    echo_object,
    emit,
    json_option,
    limit_option,
    one_form,
    output_options,
    say,
    write_workbook,
)
from portal.cli.request.chef import colleagues_lines
from portal.cli.request.execute import Reference, next_step_sentence, reference_argument
from states import french
from states.vocabulary import CodeStatus, State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from states.model import Actor, Request
    from workflow.app import App
    from workflow.requests.detail import CheckView, RequestView
    from workflow.requests.filters import Filters
    from workflow.requests.lists import RequestLine
    from workflow.requests.worklist import WorkLine


_COLUMNS = {
    "reference": "Référence", "status": "État", "school": "Établissement", "person": "RUPN", "school_year": "Année",
    "since": "Depuis",
}  # fmt: skip
_EMPTY = (
    "Aucune demande ne correspond. Retirer un filtre, ou ajouter --all : sans lui, les demandes révoquées ne sont"
    " montrées que si un filtre les demande."
)


@click.command(
    "list",
    help="Les demandes en cours, d'abord celles dont le code n'est pas arrivé ; les filtres se combinent.",
)
@labelled_option(State, "--state", "states", multiple=True, metavar="ÉTAT", help="Dans cet état.")
@click.option("--all", "everything", is_flag=True, help="Les révoquées aussi.")
@click.option("--year", "school_year", type=Year(), metavar="ANNÉE", help="D'une année scolaire : 2026-2027.")
@click.option("--uai", type=Uai(), default="", metavar="UAI", help="D'un établissement.")
@click.option("--departement", default="", metavar="CODE", help="D'un département : 31, 2A, 974.")
@click.option("--name", default="", metavar="NOM", help="D'une personne : un bout de nom ou de prénom suffit.")
@click.option("--mail", default="", metavar="ADRESSE", help="D'une personne, par son adresse entière.")
@click.option("--late", is_flag=True, help="Au rectorat depuis plus longtemps que le délai annoncé.")
@click.option("--expiry-differs", is_flag=True, help="Dont la clé ne porte pas la date de fin d'année (R43).")
@click.option("--removal-open", is_flag=True, help="Dont le retrait des droits reste à confirmer (R49).")
@click.option("--report-open", is_flag=True, help="Dont un signalement reste à régler (R46).")
@click.option("--undeliverable", is_flag=True, help="Dont le code n'est pas arrivé (R58).")
@limit_option
@click.option("--after", type=Reference(), metavar="RÉFÉRENCE", help="La page suivante : ce qui suit cette demande.")
@json_option
@csv_option
@output_options
@pass_cli_context
def list_requests(
    context: CliContext, /, limit: int, after: str | None, as_json: bool, as_csv: bool, late: bool, everything: bool,
    output: Path | None, force: bool, **criteria: Any,
) -> None:  # fmt: skip
    one_form(as_json=as_json, as_csv=as_csv, output=output)
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.requests.filters import Filters
        from workflow.requests.lists import list_requests

        # Only live requests, unless a filter that revoked ones can meet asks otherwise.
        live = not (everything or criteria["states"] or criteria["removal_open"] or criteria["report_open"])
        delay = timedelta(days=app.settings.handling.expected_days)
        export = ExportByCommand(app=app, actor=actor, what="requests", criteria={**criteria, "late": late})
        filters = Filters(live=live, submitted_before=app.clock.now() - delay if late else None, **criteria)
        if output:
            from portal.exports.lists import worklist_workbook

            lines = _all_lines(app, connection, filters, actor)
            write_workbook(worklist_workbook(lines, app.settings.zoneinfo), output, export, force=force)
            return
        page = list_requests(connection, filters, actor, app.policy.calendar, after=after, limit=limit)
        if as_csv:
            from workflow.requests.worklist import Worklist

            worklist = Worklist(connection, actor, app.policy, app.clock.now())
            from portal.exports.lists import worklist_workbook

            csv_lines = worklist.lines([line.reference for line in page.lines])
            workbook = worklist_workbook(csv_lines, app.settings.zoneinfo)
            write_workbook(workbook, STANDARD_OUTPUT, export, force=False)
    if as_json:
        from portal.api.schemas import Line

        emit([Line.model_validate(line).model_dump() for line in page.lines], {}, as_json)
    elif not as_csv:
        emit([_row(line) for line in page.lines], _COLUMNS, as_json, _EMPTY, app.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after {page.after}"])


def _all_lines(
    app: "App", connection: "Connection", filters: "Filters", actor: "Actor"
) -> "Iterator[WorkLine]":  # fmt: skip
    """Yield all that the filters leave, in the order of the listing."""
    from portal.exports.lists import READ_TOGETHER
    from workflow.requests.lists import list_requests
    from workflow.requests.worklist import Worklist

    worklist, after = Worklist(connection, actor, app.policy, app.clock.now()), None
    while True:
        page = list_requests(connection, filters, actor, app.policy.calendar, after=after, limit=READ_TOGETHER)
        yield from worklist.lines([line.reference for line in page.lines])
        if page.after is None:
            return
        after = page.after


def _row(line: "RequestLine") -> dict[str, object]:
    """The columns of the table; the status is the state and what calls for somebody."""
    remarks = [line.state.label]
    if line.code_fate is CodeStatus.UNDELIVERABLE:
        remarks.append(line.code_fate.label)
    if line.report_open:
        remarks.append("signalement")
    if line.removal_open:
        remarks.append("à retirer")
    return {
        "reference": line.reference, "status": ", ".join(remarks), "school": f"{line.uai} {line.establishment}",
        "person": f"{line.nom} {line.prenom}", "school_year": line.school_year, "since": line.since,
    }  # fmt: skip


@click.command("show", help="Une demande : où elle en est, son histoire, ce qu'on peut en faire.")
@reference_argument
@click.option("--json", "as_json", is_flag=True, help="Écrit la demande entière en JSON.")
@pass_cli_context
def show_request(context: CliContext, reference: str, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.requests.detail import show_request
        from workflow.requests.filters import not_visible

        view = show_request(connection, reference, actor, app.policy, app.mailer, app.clock.now())
        said = said_by_lists(connection, app, actor, view.request) if view else []
        colleagues = colleagues_lines(connection, app, actor, reference) if view and not as_json else []
    if view is None:
        raise refused([not_visible(actor, reference)], "Rien à montrer.")
    if as_json:
        echo_object(json_of(view))
    else:
        write_request(view, app.settings.zoneinfo, said, colleagues)


def said_by_lists(connection: "Connection", app: "App", actor: "Actor", request: "Request") -> list[str]:
    """The words of the imported lists on a request that waits for its checks, for the rectorat alone (R94)."""
    if actor.is_establishment or request.state is not State.REQUESTED:
        return []
    from workflow.evidence.matching import ListComparison

    matches = ListComparison(connection, app.policy, app.clock.now()).matches([request])[request.reference]
    return [sentence for match in matches.values() for sentence in match.sentences]


def json_of(view: "RequestView") -> dict[str, Any]:
    """The request as the API answers it, with its version, its actions and its history; the code is nowhere (R60)."""
    from portal.api.schemas import event_out, request_out

    return request_out(view).model_dump() | {
        "written_by": view.written_by or None,
        "actions": [
            {"trigger": action.trigger, "label": action.label, "on_behalf": action.on_behalf}
            for action in view.actions
        ],
        "history": [event_out(event).model_dump() for event in view.history],
    }  # fmt: skip


def write_request(
    view: "RequestView", timezone: tzinfo, said: Sequence[str] = (), colleagues: Sequence[str] = ()
) -> None:
    """Write a request in full, in sections; instants in the académie's ``timezone``."""
    printer = SectionPrinter()
    request = view.request
    printer.title(f"{request.reference} — {request.state.label}")
    if request.erased_at:
        day = french.day(request.erased_at.astimezone(timezone).date())
        printer.line(f"{request.nom} : ce qui était personnel est parti le {day} (R110).", 0)
    else:
        printer.line(f"{request.prenom} {request.nom}, {request.mail}", 0)
    printer.line(next_step_sentence(view.next_step, request.reference), 0)
    _write_school(printer, view)
    printer.section("Vérifications du rectorat")
    _write_check(printer, "Liste des RUPN", view.listing)
    _write_check(printer, "Délégation", view.delegation)
    for sentence in said:
        printer.line(sentence)
    _write_key(printer, view, timezone)
    _write_follow_up(printer, view, timezone)
    if colleagues:
        printer.section("Entre opérateurs")
    for sentence in colleagues:
        printer.line(sentence)
    if view.actions:
        printer.section("Ce que vous pouvez faire")
    for action in view.actions:
        behalf = ", au nom de l'établissement" if action.on_behalf else ""
        printer.line(f"{action.label[0].upper()}{action.label[1:]}{behalf} : oda request {spelling(action.trigger)}")
    _write_history(printer, view, timezone)


def _write_school(printer: SectionPrinter, view: "RequestView") -> None:
    """The establishment, the school year, and the establishment's steps."""
    request, school, end = view.request, view.establishment, view.year_end
    printer.section("Établissement et année")
    commune = f", {school.commune}" if school.commune else ""
    departement = f" (département {school.departement})" if school.departement else ""
    printer.line(f"{school.uai} {school.nom}{commune}{departement}{'' if school.is_open else ' — fermé'}")
    printer.fact("Boîte", school.mailbox or "aucune (R13)")
    default = " (date par défaut)" if end.is_default else ""
    printer.line(f"Année {end.school_year}, jusqu'au {french.day(end.last_day)}{default}")
    printer.section("Côté établissement")
    printer.fact("Chef d'établissement", request.chef_name)
    printer.fact("Déclaré à la DRANE", _day(request.drane_declared_on, "date non communiquée"))
    printer.fact("Délégation dans DelegCE", _day(request.delegated_on, "à faire"))
    printer.fact("Raison de la délégation", request.delegation_why)
    version = f", version {request.charter_version}" if request.charter_version else ""
    printer.fact("Charte signée", _day(request.charter_signed_on, "à faire") + version)
    printer.fact("Renouvelle", request.renews or "")


def _write_check(printer: SectionPrinter, label: str, view: "CheckView") -> None:
    check = view.check
    if check is None:
        printer.fact(label, "à faire")
        return
    printer.fact(label, f"{check.outcome.label} le {french.day(check.checked_on)}, source : {check.source}")
    printer.line(f"{view.problem.message} ({view.problem.rule})." if view.problem else "Encore valable.", 2)


def _write_key(printer: SectionPrinter, view: "RequestView", timezone: tzinfo) -> None:
    request = view.request
    printer.section("Code et clé")
    if request.code_issued_at is None:
        printer.line("Aucun code émis.")
        return
    event = "Clé étendue le" if view.code_fate is CodeStatus.EXTENDED else "Code émis le"
    printer.line(f"{event} {french.instant(request.code_issued_at, timezone)}")
    if view.code_fate is not CodeStatus.NONE:
        printer.fact("Sort du code", view.code_fate.label)
    printer.fact("Clé de la demande", request.extends or "")
    if request.key_elsewhere:
        printer.fact("Clé", "sert aussi à une autre application")
    if view.code_held_until:
        printer.fact("Partira le", french.instant(view.code_held_until, timezone))
    printer.fact("Remis en main propre", _day(request.handed_on))
    printer.fact("Expiration enregistrée", _day(request.expires_on))
    if view.expiry_differs:
        printer.line(f"À porter sur le serveur ODA : {french.day(view.key_date)}, puis cocher (R43).", 2)


def _day(value: date | None, missing: str = "") -> str:
    return french.day(value) if value else missing


def _write_follow_up(printer: SectionPrinter, view: "RequestView", timezone: tzinfo) -> None:
    """Reports of changes, the removal of the rights, and the person's other requests."""
    if view.reports:
        printer.section("Signalements")
    for report in view.reports:
        settlement = report.settlement.label if report.settlement else "à régler"
        settlement += f", le {french.day(report.revoke_on)}" if report.revoke_on else ""
        printer.line(
            f"n° {report.number} : {report.change.label}, à partir du {french.day(report.effective_on)} — {settlement}"
        )
    removal = view.removal
    if removal:
        printer.section("Retrait des droits")
        if removal.closed_at:
            printer.line(f"{removal.done}.")
        else:
            kind = removal.kind.label[0].upper() + removal.kind.label[1:]
            printer.line(f"{kind} — à confirmer depuis le {french.instant(removal.opened_at, timezone)}")
            printer.fact("Aujourd'hui", removal.todo.sentence if removal.todo else "")
    if view.others:
        printer.section("Autres demandes en cours de la personne (R19)")
    for other in view.others:
        key = ", a une clé" if other.has_key else ""
        printer.line(f"{other.reference} : {other.uai}, {other.school_year}, {other.state.label}{key}")


def _write_history(printer: SectionPrinter, view: "RequestView", timezone: tzinfo) -> None:
    """The events of the journal, the newest last: instant, event, move, actor, channel, details and notes (R8)."""
    printer.section("Histoire")
    for event in view.history:
        if event.source is event.target:
            move = ""
        elif event.source is None:
            move = f" → {event.target.label}"
        else:
            move = f" ({event.source.label} → {event.target.label})"
        printer.line(f"{event.seq}. {french.instant(event.at, timezone)} : {event.trigger.label}{move}")
        printer.line(f"par {event.actor} — {event.channel.label}", 2)
        if event.details:
            printer.line(" ; ".join(f"{label} : {value}" for label, value in event.details), 2)
        for note in event.notes:
            printer.fact(note.label, "(texte effacé)" if note.body is None else note.body, 2)
