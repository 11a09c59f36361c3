"""``oda year-end report`` and ``not-renewed``: what is left of an end that is over (R81, R85)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.french import FilePath, FrenchCommand, Year

if TYPE_CHECKING:
    from states.actors import Actor
    from states.school_year import SchoolYear
    from workflow.reading.not_renewed import NotRenewed
    from workflow.reading.year_end_report import YearEndAccount

_COLUMNS = {
    "departement": "Département", "uai": "UAI", "establishment": "Établissement", "reference": "Référence",
    "person": "RUPN", "mailbox": "Boîte",
}  # fmt: skip


def rectorat_only(actor: "Actor") -> None:
    """Raises NotAllowed to an establishment: what follows is of the whole académie (R2, R3)."""
    from states.vocabulary import Role
    from workflow.people import NotAllowed

    if actor.role not in (Role.OPERATOR, Role.READER):
        raise NotAllowed("La fin d'année de toute l'académie se lit avec --as operator:ADRESSE ou reader:ADRESSE.")


@click.command(
    "report",
    cls=FrenchCommand,
    help="Le bilan d'une fin d'année (R85) : combien de demandes, dans quels départements, qui l'a confirmée si elle"
    " était retenue ; et, à ce jour, les courriels qui ne sont pas arrivés, les retraits ouverts et confirmés. Le PDF"
    " envoyé aux opérateurs : « oda paper year-end ».",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire, par exemple 2026-2027.")
@click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
@pass_app
def report(app: App, year: "SchoolYear", as_json: bool) -> None:
    from portal.cli import year_end_told
    from portal.cli.cells import as_json as json_of
    from portal.cli.cells import printable
    from portal.cli.opening import opened
    from workflow.reading.not_renewed import count_not_renewed
    from workflow.reading.year_end_report import account_of

    with opened(app) as (house, actor), house.database.read() as connection:
        rectorat_only(actor)
        account = _known(account_of(connection, year), year)
        not_renewed = sum(count_not_renewed(connection, year).values())
    if as_json:
        click.echo(f"{json_of([year_end_told.row(account, not_renewed)])[2:-2].strip()}\n".encode(), nl=False)
        return
    for line in year_end_told.lines(account, not_renewed, house.settings.zoneinfo, house.clock.now()):
        click.echo(printable(line))


def _known(account: "YearEndAccount | None", year: "SchoolYear") -> "YearEndAccount":
    if account is None:
        remedy = f"Que faire : voir où elle en est avec « oda year-end progress {year} »."
        raise CliFailure(f"La fin de l'année {year} n'est pas terminée : pas de bilan.", ExitCode.REFUSED, [remedy])
    return account


@click.command(
    "not-renewed",
    cls=FrenchCommand,
    help="Ceux qui avaient une clé jusqu'à la fin de l'année et n'ont pas de demande pour la suivante dans cet"
    " établissement (R81).",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire finie, par exemple 2025-2026.")
@click.option("--departement", default="", metavar="CODE", help="D'un département : 31, 2A, 974.")
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
    help="Écrit un CSV pour un tableur dans ce fichier, ou avec « - » sur la sortie standard.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@click.option("--json", "as_json", is_flag=True, help="Écrit la liste en JSON.")
@pass_app
def not_renewed(
    app: App, year: "SchoolYear", departement: str, output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip
    from portal import not_renewed_rows
    from portal.cli.opening import opened
    from portal.cli.output import emit
    from portal.cli.removal_export import write
    from portal.spreadsheet import csv_text
    from workflow.reading.not_renewed import all_not_renewed, count_had_key

    with opened(app) as (house, actor), house.database.read() as connection:
        rectorat_only(actor)
        found = all_not_renewed(connection, year, departement=_departement(departement))
        if output:
            pieces = csv_text(not_renewed_rows.HEADINGS, not_renewed_rows.rows(year, found))
            write((piece.encode() for piece in pieces), output, force=force)
            return
        rows = [_row(one) for one in found]
        empty = _empty(year, departement, ended=house.policy.calendar.has_ended(year, house.clock.now()),
                       had_key=count_had_key(connection, year) if not rows else 0)  # fmt: skip
    emit(rows, _COLUMNS, as_json, empty)


def _departement(text: str) -> str:
    from workflow.settings.academie import normalise_departement

    try:
        return normalise_departement(text) if text.strip() else ""
    except ValueError as error:
        raise click.BadParameter(
            f"{error} : écrire par exemple 09, 31, 2A ou 974.", param_hint="--departement"
        ) from None


def _empty(year: "SchoolYear", departement: str, *, ended: bool, had_key: int) -> str:
    if not ended:
        return f"L'année {year} n'est pas finie : voir « oda year-end preview » pour qui est déjà renouvelé."
    if not had_key:
        return f"Aucune clé n'a été révoquée par la fin de l'année {year} : il n'y a personne à renouveler."
    where = f" dans le département {departement}" if departement else ""
    return f"Personne n'est à renouveler{where} : chacun a une demande pour {year.next}."


def _row(one: "NotRenewed") -> dict[str, Any]:
    return {
        "departement": one.departement, "uai": one.uai, "establishment": one.establishment, "commune": one.commune,
        "is_open": one.is_open, "mailbox": one.mailbox or None, "reference": one.reference,
        "person": f"{one.prenom} {one.nom}", "nom": one.nom, "prenom": one.prenom, "mail": one.mail,
        "expires_on": one.expires_on,
    }  # fmt: skip
