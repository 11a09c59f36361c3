"""One request as a page of text, in sections."""

from collections.abc import Sequence
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import refused
from portal.cli.output import SectionPrinter, echo_object, emit, json_option, limit_option, say
from portal.cli.parameters import Uai, Year, labelled_option, spelling
from portal.cli.request.execute import Reference, following, reference_argument
from states import french
from states.vocabulary import CodeStatus, Role, State

if TYPE_CHECKING:
    from states.model import Report
    from workflow.app import App
    from workflow.requests.detail import CheckView, EventView, RequestView
    from workflow.requests.filters import Filters
    from workflow.requests.lists import RequestLine


# The history of a request as lines of text: the newest event last, as the journal keeps it (R8).


def write_history(paper: SectionPrinter, events: "Sequence[EventView]", timezone: tzinfo) -> None:
    """Each event: when, what, from where to where, who, through what, and what was said."""
    paper.section("Histoire")
    for event in events:
        paper.line(f"{event.seq}. {french.instant(event.at, timezone)} : {event.trigger.label}{_move(event)}")
        paper.line(_who(event), 2)
        said = " ; ".join(f"{label} : {value}" for label, value in event.details)
        if said:
            paper.line(said, 2)
        for note in event.notes:
            paper.fact(note.label, "(texte effacé)" if note.body is None else note.body, 2)


def _move(event: "EventView") -> str:
    if event.source is event.target:
        return ""
    if event.source is None:
        return f" → {event.target.label}"
    return f" ({event.source.label} → {event.target.label})"


def _who(event: "EventView") -> str:
    """Who, in which role unless it is a program, whose name tells it, and how it came in."""
    role = "" if event.role in (Role.SCHEDULE, Role.CONNECTOR) else f", {event.role.label}"
    return f"par {event.actor}{role} — {event.channel.label}"


def write(view: "RequestView", timezone: tzinfo) -> None:
    """Write the whole of it; instants in the académie's ``timezone``."""
    paper = SectionPrinter()
    request = view.request
    paper.title(f"{request.reference} — {request.state.label}")
    paper.line(f"{request.prenom} {request.nom}, {request.mail}", 0)
    paper.line(following(view.next_step, request.reference), 0)
    _place(paper, view)
    _steps(paper, view)
    _checks(paper, view)
    _key(paper, view, timezone)
    _reports(paper, view.reports)
    _removal(paper, view, timezone)
    _others(paper, view)
    _actions(paper, view)
    write_history(paper, view.history, timezone)


def _day(value: date | None, missing: str = "") -> str:
    return french.day(value) if value else missing


def _place(paper: SectionPrinter, view: "RequestView") -> None:
    school, end = view.establishment, view.year_end
    paper.section("Établissement et année")
    where = f", {school.commune}" if school.commune else ""
    departement = f" (département {school.departement})" if school.departement else ""
    paper.line(f"{school.uai} {school.nom}{where}{departement}{'' if school.is_open else ' — fermé'}")
    paper.fact("Boîte", school.mailbox or "aucune (R13)")
    default = " (date par défaut)" if end.is_default else ""
    paper.line(f"Année {end.school_year}, jusqu'au {french.day(end.last_day)}{default}")


def _steps(paper: SectionPrinter, view: "RequestView") -> None:
    request = view.request
    paper.section("Côté établissement")
    paper.fact("Chef d'établissement", request.chef_name)
    paper.fact("Déclaré à la DRANE", _day(request.drane_declared_on, "pas encore"))
    paper.fact("Délégation dans DelegCE", _day(request.delegated_on, "à faire"))
    paper.fact("Raison de la délégation", request.delegation_why)
    version = f", version {request.charter_version}" if request.charter_version else ""
    paper.fact("Charte signée", _day(request.charter_signed_on, "à faire") + version)
    paper.fact("Renouvelle", request.renews or "")


def _checks(paper: SectionPrinter, view: "RequestView") -> None:
    paper.section("Vérifications du rectorat")
    _check(paper, "Liste des RUPN", view.listing)
    _check(paper, "Délégation", view.delegation)


def _check(paper: SectionPrinter, label: str, found: "CheckView") -> None:
    check = found.check
    if check is None:
        paper.fact(label, "à faire")
        return
    paper.fact(label, f"{check.outcome.label} le {french.day(check.checked_on)}, source : {check.source}")
    if found.problem:
        paper.line(f"{found.problem.message} ({found.problem.rule}).", 2)
    else:
        paper.line("Encore valable.", 2)


def _key(paper: SectionPrinter, view: "RequestView", timezone: tzinfo) -> None:
    request = view.request
    paper.section("Code et clé")
    if request.code_issued_at is None:
        paper.line("Aucun code émis.")
        return
    what = "Clé étendue le" if view.code_fate is CodeStatus.EXTENDED else "Code émis le"
    paper.line(f"{what} {french.instant(request.code_issued_at, timezone)}")
    if view.code_fate is not CodeStatus.NONE:
        paper.fact("Sort du code", view.code_fate.label)
    paper.fact("Clé de la demande", request.extends or "")
    paper.fact("Remis en main propre", _day(request.handed_on))
    paper.fact("Expiration enregistrée", _day(request.expires_on))
    if view.expiry_differs:
        paper.line(f"À porter sur le serveur ODA : {french.day(view.key_date)}, puis cocher (R43).", 2)


def _reports(paper: SectionPrinter, reports: "tuple[Report, ...]") -> None:
    if reports:
        paper.section("Signalements")
    for report in reports:
        settled = report.settlement.label if report.settlement else "à régler"
        paper.line(
            f"n° {report.number} : {report.change.label}, à partir du {french.day(report.effective_on)} — {settled}"
        )


def _removal(paper: SectionPrinter, view: "RequestView", timezone: tzinfo) -> None:
    removal = view.removal
    if removal is None:
        return
    paper.section("Retrait des droits")
    if removal.closed_at:
        paper.line(f"{removal.done}.")
        return
    asked = removal.kind.label[0].upper() + removal.kind.label[1:]
    paper.line(f"{asked} — à confirmer depuis le {french.instant(removal.opened_at, timezone)}")
    if removal.todo:
        paper.fact("Aujourd'hui", removal.todo.sentence)


def _others(paper: SectionPrinter, view: "RequestView") -> None:
    if view.others:
        paper.section("Autres demandes en cours de la personne (R19)")
    for other in view.others:
        key = ", a une clé" if other.has_key else ""
        paper.line(f"{other.reference} : {other.uai}, {other.school_year}, {other.state.label}{key}")


def _actions(paper: SectionPrinter, view: "RequestView") -> None:
    if view.actions:
        paper.section("Ce que vous pouvez faire")
    for action in view.actions:
        behalf = ", au nom de l'établissement" if action.on_behalf else ""
        paper.line(f"{action.label[0].upper()}{action.label[1:]}{behalf} : oda request {spelling(action.trigger)}")


# ``oda request list``: the worklist, narrowed and paged.


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
@pass_cli_context
def list_(context: CliContext, /, limit: int, after: str | None, as_json: bool, **wanted: Any) -> None:

    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.requests.lists import list_requests

        filters = _filters(app, **wanted)
        page = list_requests(connection, filters, actor, app.policy.calendar, after=after, limit=limit)
    if as_json:
        from portal.api.schemas import Line

        emit([Line.model_validate(line).model_dump() for line in page.lines], {}, as_json)
    else:
        emit([_row(line) for line in page.lines], _COLUMNS, as_json, _EMPTY, app.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after {page.after}"])


def _filters(app: "App", *, late: bool, everything: bool, **wanted: Any) -> "Filters":
    """Only live requests, unless asked otherwise by a filter that revoked ones can meet."""
    from workflow.requests.filters import Filters

    live = not (everything or wanted["states"] or wanted["removal_open"] or wanted["report_open"])
    delay = timedelta(days=app.settings.handling.expected_days)
    return Filters(live=live, submitted_before=app.clock.now() - delay if late else None, **wanted)


def _row(line: "RequestLine") -> dict[str, object]:
    """The columns of the table."""
    return {
        "reference": line.reference, "status": _status(line), "school": f"{line.uai} {line.establishment}",
        "person": f"{line.nom} {line.prenom}", "school_year": line.school_year, "since": line.since,
    }  # fmt: skip


def _status(line: "RequestLine") -> str:
    """The state, and what calls for somebody."""
    remarks = [line.state.label]
    if line.code_fate is CodeStatus.UNDELIVERABLE:
        remarks.append(line.code_fate.label)
    if line.report_open:
        remarks.append("signalement")
    if line.removal_open:
        remarks.append("à retirer")
    return ", ".join(remarks)


def json_of(view: "RequestView") -> dict[str, Any]:
    """The request as the API answers it, with its actions and its history; the code is nowhere (R60)."""
    from portal.api.schemas import event_out, request_out

    return request_out(view).model_dump() | {
        "actions": [
            {"trigger": action.trigger, "label": action.label, "on_behalf": action.on_behalf}
            for action in view.actions
        ],
        "history": [event_out(event).model_dump() for event in view.history],
    }  # fmt: skip


# ``oda request show``: one request whole.


@click.command("show", help="Une demande : où elle en est, son histoire, ce qu'on peut en faire.")
@reference_argument
@click.option("--json", "as_json", is_flag=True, help="Écrit la demande entière en JSON.")
@pass_cli_context
def show(context: CliContext, reference: str, as_json: bool) -> None:

    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.requests.detail import show_request
        from workflow.requests.filters import not_visible

        view = show_request(connection, reference, actor, app.policy, app.mailer, app.clock.now())
    if view is None:
        raise refused([not_visible(actor, reference)], "Rien à montrer.")
    if as_json:
        echo_object(json_of(view))
    else:
        write(view, app.settings.zoneinfo)
