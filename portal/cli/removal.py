"""``oda removal``: the rights to remove on the ODA server, listed, exported, confirmed from a file (R47, R83)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import say
from portal.cli.french import FilePath, FrenchGroup, LabelledChoice, Uai, Year
from portal.cli.output import emit, json_option
from portal.cli.request.options import Callback
from states.vocabulary import RemovalKind, RemovalOutcome

if TYPE_CHECKING:
    from states.actors import Actor
    from workflow.reading.removal_lines import RemovalLine
    from workflow.reading.removals import RemovalFilters

_COLUMNS = {
    "reference": "Référence", "person": "RUPN", "school": "Établissement", "school_year": "Année",
    "said": "À faire aujourd'hui, ou fait", "opened_at": "Depuis",
}  # fmt: skip
_EMPTY = "Aucun retrait ne correspond."


@click.group("removal", cls=FrenchGroup, help="Les retraits sur le serveur ODA : les lister, exporter, confirmer.")
def removal() -> None:
    pass


def _filters(function: Callback) -> Callback:
    """The options that narrow a list of removals."""
    for option in (
        click.option("--departement", default="", metavar="CODE", help="D'un département : 31, 2A, 974."),
        click.option("--uai", type=Uai(), default="", metavar="UAI", help="D'un établissement."),
        click.option("--year", "school_year", type=Year(), metavar="ANNÉE", help="D'une année scolaire : 2026-2027."),
        click.option("--kind", type=LabelledChoice(RemovalKind), metavar="GENRE", help="De ce genre."),
    ):
        function = option(function)
    return function


@removal.command(
    "list",
    help="Les retraits à faire, et ce qu'il y a à faire aujourd'hui pour chacun (R48) ; ou, avec --confirmed, ceux qui"
    " sont confirmés, les derniers d'abord.",
)
@_filters
@click.option("--confirmed", is_flag=True, help="Ceux qui sont confirmés : ce qui a été fait, quand et par qui.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Combien au plus.")
@click.option("--after", metavar="SUITE", help="La page suivante : ce que la page précédente a dit d'ajouter.")
@json_option
@pass_app
def list_(app: App, /, limit: int, after: str | None, as_json: bool, **wanted: Any) -> None:
    from portal.cli.opening import opened
    from workflow.reading.removals import list_removals

    with opened(app) as (house, actor), house.database.read() as connection:
        _rectorat_only(actor)
        try:
            page = list_removals(
                connection, _wanted(**wanted), house.policy, house.mailer, after=after, limit=limit
            )  # fmt: skip
        except ValueError:
            raise click.BadParameter("cette suite n'existe pas.", param_hint="--after") from None
    emit([_row(line) for line in page.lines], _COLUMNS, as_json, _EMPTY, house.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after '{page.after}'"])


@removal.command(
    "export",
    help="Écrit les retraits à faire dans la forme du modèle exports/removals.j2, un CSV à défaut (R83) ; ce qu'il y a"
    " à faire est calculé au moment de l'export (R48).",
)
@_filters
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
    help="Le fichier à écrire ; à défaut, ou avec « - », la sortie standard.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@click.option("--example", is_flag=True, help="Essaie le modèle sur des exemples, sans lire la base.")
@pass_app
def export(app: App, /, output: Path | None, force: bool, example: bool, **wanted: Any) -> None:
    from portal.cli.opening import opened
    from portal.cli.removal_export import example_pieces, write
    from workflow.reading.removal_export import removals_file

    if example:
        write(example_pieces(app.settings()), output, force=force)
        return
    with opened(app) as (house, actor):
        _rectorat_only(actor)
        write(removals_file(house, _wanted(**wanted)), output, force=force)


@removal.command(
    "confirm",
    help="Confirme les retraits d'un fichier : une référence par ligne, ou un CSV dont les colonnes s'appellent"
    " référence, résultat, précision. Ce qui a été compris est dit d'abord ; une ligne fautive n'empêche pas les"
    " autres (R49, R83).",
)
@click.option(
    "--from", "file", required=True, metavar="FICHIER",
    type=FilePath(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path),
    help="Le fichier, ou « - » pour l'entrée standard.",
)  # fmt: skip
@click.option(
    "--outcome", type=LabelledChoice(RemovalOutcome), metavar="RÉSULTAT",
    help="Ce qui a été fait, pour les lignes qui ne le disent pas.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait confirmé, sans rien écrire.")
@click.option("--yes", is_flag=True, help="Confirme sans poser la question.")
@click.option("--json", "as_json", is_flag=True, help="Écrit le résultat de chaque ligne en JSON.")
@pass_app
def confirm(app: App, /, **given: Any) -> None:
    from portal.cli.removal_confirm import run

    run(app, **given)


def _rectorat_only(actor: "Actor") -> None:
    """The removals of the whole académie are the rectorat's and its readers' to see (R2, R3)."""
    from workflow.people import NotAllowed

    if actor.is_establishment:
        raise NotAllowed("Les retraits se lisent avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")


def _wanted(*, departement: str, **wanted: Any) -> "RemovalFilters":
    from workflow.reading.removals import RemovalFilters
    from workflow.settings.academie import normalise_departement

    try:
        return RemovalFilters(departement=normalise_departement(departement) if departement else "", **wanted)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--departement") from None


def _row(line: "RemovalLine") -> dict[str, object]:
    """Every field for a program, and the columns of the table."""
    request, todo = line.request, line.todo
    return {
        "reference": request.reference, "kind": line.kind, "uai": request.uai, "establishment": line.establishment,
        "commune": line.commune, "departement": line.departement, "nom": request.nom, "prenom": request.prenom,
        "mail": request.mail, "school_year": request.school_year, "expires_on": request.expires_on,
        "opened_at": line.opened_at, "action": todo.action if todo else None,
        "new_expiry": todo.expires_on if todo else None, "kept_for": list(todo.kept_for) if todo else [],
        "following": list(todo.following) if todo else [], "to_verify": bool(todo and todo.to_verify),
        "outcome": line.outcome, "closed_at": line.closed_at, "by": line.by, "said": line.to_do or f"{line.done}.",
        "person": f"{request.nom} {request.prenom}", "school": f"{request.uai} {line.establishment}",
    }  # fmt: skip
