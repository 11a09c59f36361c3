"""One request as a page of text, in sections."""

from datetime import date, tzinfo
from typing import TYPE_CHECKING

from portal.cli.request.history import write_history
from portal.cli.request.paper import Paper
from portal.cli.request.told import following
from portal.cli.values import spelling
from states import french
from states.vocabulary import CodeFate

if TYPE_CHECKING:
    from states.facts import Report
    from workflow.reading.view import CheckView, RequestView


def write(view: "RequestView", timezone: tzinfo) -> None:
    """Write the whole of it; instants in the académie's ``timezone``."""
    paper = Paper()
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


def _place(paper: Paper, view: "RequestView") -> None:
    school, end = view.establishment, view.year_end
    paper.section("Établissement et année")
    where = f", {school.commune}" if school.commune else ""
    departement = f" (département {school.departement})" if school.departement else ""
    paper.line(f"{school.uai} {school.nom}{where}{departement}{'' if school.is_open else ' — fermé'}")
    paper.fact("Boîte", school.mailbox or "aucune (R13)")
    default = " (date par défaut)" if end.is_default else ""
    paper.line(f"Année {end.school_year}, jusqu'au {french.day(end.last_day)}{default}")


def _steps(paper: Paper, view: "RequestView") -> None:
    request = view.request
    paper.section("Côté établissement")
    paper.fact("Chef d'établissement", request.chef_name)
    paper.fact("Déclaré à la DRANE", _day(request.drane_declared_on, "pas encore"))
    paper.fact("Délégation dans DelegCE", _day(request.delegated_on, "à faire"))
    paper.fact("Raison de la délégation", request.delegation_why)
    version = f", version {request.charter_version}" if request.charter_version else ""
    paper.fact("Charte signée", _day(request.charter_signed_on, "à faire") + version)
    paper.fact("Renouvelle", request.renews or "")


def _checks(paper: Paper, view: "RequestView") -> None:
    paper.section("Vérifications du rectorat")
    _check(paper, "Liste des RUPN", view.listing)
    _check(paper, "Délégation", view.delegation)


def _check(paper: Paper, label: str, found: "CheckView") -> None:
    check = found.check
    if check is None:
        paper.fact(label, "à faire")
        return
    paper.fact(label, f"{check.outcome.label} le {french.day(check.checked_on)}, source : {check.source}")
    if found.problem:
        paper.line(f"{found.problem.message} ({found.problem.rule}).", 2)
    else:
        paper.line("Encore valable.", 2)


def _key(paper: Paper, view: "RequestView", timezone: tzinfo) -> None:
    request = view.request
    paper.section("Code et clé")
    if request.code_issued_at is None:
        paper.line("Aucun code émis.")
        return
    what = "Clé étendue le" if view.code_fate is CodeFate.EXTENDED else "Code émis le"
    paper.line(f"{what} {french.instant(request.code_issued_at, timezone)}")
    if view.code_fate is not CodeFate.NONE:
        paper.fact("Sort du code", view.code_fate.label)
    paper.fact("Clé de la demande", request.extends or "")
    paper.fact("Remis en main propre", _day(request.handed_on))
    paper.fact("Expiration enregistrée", _day(request.expires_on))
    if view.expiry_differs:
        paper.line(f"À porter sur le serveur ODA : {french.day(view.key_date)}, puis cocher (R43).", 2)


def _reports(paper: Paper, reports: "tuple[Report, ...]") -> None:
    if reports:
        paper.section("Signalements")
    for report in reports:
        settled = report.settlement.label if report.settlement else "à régler"
        paper.line(
            f"n° {report.number} : {report.change.label}, à partir du {french.day(report.effective_on)} — {settled}"
        )


def _removal(paper: Paper, view: "RequestView", timezone: tzinfo) -> None:
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


def _others(paper: Paper, view: "RequestView") -> None:
    if view.others:
        paper.section("Autres demandes en cours de la personne (R19)")
    for other in view.others:
        key = ", a une clé" if other.has_key else ""
        paper.line(f"{other.reference} : {other.uai}, {other.school_year}, {other.state.label}{key}")


def _actions(paper: Paper, view: "RequestView") -> None:
    if view.actions:
        paper.section("Ce que vous pouvez faire")
    for action in view.actions:
        behalf = ", au nom de l'établissement" if action.on_behalf else ""
        paper.line(f"{action.label[0].upper()}{action.label[1:]}{behalf} : oda request {spelling(action.trigger)}")
