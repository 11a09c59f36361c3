"""``oda request list``: the worklist, narrowed and paged."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import say
from portal.cli.french import FrenchCommand, LabelledChoice, Uai, Year
from portal.cli.output import emit, json_option
from portal.cli.request.options import Reference
from states.vocabulary import CodeFate, State

if TYPE_CHECKING:
    from workflow.house import House
    from workflow.reading.filters import Filters
    from workflow.reading.listing import RequestLine

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
    cls=FrenchCommand,
    help="Les demandes en cours, d'abord celles dont le code n'est pas arrivé ; les filtres se combinent.",
)
@click.option("--state", "states", multiple=True, type=LabelledChoice(State), metavar="ÉTAT", help="Dans cet état.")
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
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Combien au plus.")
@click.option("--after", type=Reference(), metavar="RÉFÉRENCE", help="La page suivante : ce qui suit cette demande.")
@json_option
@pass_app
def list_(app: App, /, limit: int, after: str | None, as_json: bool, **wanted: Any) -> None:
    from portal.cli.opening import opened
    from workflow.reading.listing import list_requests

    with opened(app) as (house, actor), house.database.read() as connection:
        filters = _filters(house, **wanted)
        page = list_requests(connection, filters, actor, house.policy.calendar, after=after, limit=limit)
    emit([_row(line) for line in page.lines], _COLUMNS, as_json, _EMPTY, house.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after {page.after}"])


def _filters(house: "House", *, late: bool, everything: bool, **wanted: Any) -> "Filters":
    """Only live requests, unless asked otherwise by a filter that revoked ones can meet."""
    from workflow.reading.filters import Filters

    live = not (everything or wanted["states"] or wanted["removal_open"] or wanted["report_open"])
    delay = timedelta(days=house.settings.handling.expected_days)
    return Filters(live=live, submitted_before=house.clock.now() - delay if late else None, **wanted)


def _row(line: "RequestLine") -> dict[str, object]:
    """Every field for a program, and the columns of the table."""
    return {name: getattr(line, name) for name in line.__dataclass_fields__} | {
        "status": _status(line),
        "school": f"{line.uai} {line.establishment}",
        "person": f"{line.nom} {line.prenom}",
    }


def _status(line: "RequestLine") -> str:
    """The state, and what calls for somebody."""
    remarks = [line.state.label]
    if line.code_fate is CodeFate.UNDELIVERABLE:
        remarks.append(line.code_fate.label)
    if line.report_open:
        remarks.append("signalement")
    if line.removal_open:
        remarks.append("à retirer")
    return ", ".join(remarks)
