"""``oda establishment``: the establishments of the directory, their requests, their mailbox (R11 to R15)."""

from dataclasses import asdict

import click

from portal.cli.cells import cell, printable
from portal.cli.context import App, pass_app
from portal.cli.exits import say
from portal.cli.french import FrenchGroup, Uai
from portal.cli.opening import opened
from portal.cli.output import emit, json_of_one, json_option
from states import french

LIST = {
    "uai": "UAI", "nom": "Nom", "commune": "Commune", "departement": "Dép.", "mailbox": "Boîte", "is_open": "Ouvert",
    "live_requests": "En cours",
}  # fmt: skip
SHOW = {
    "uai": "UAI", "nom": "Nom", "kind": "Type", "commune": "Commune", "departement": "Département",
    "is_open": "Ouvert", "is_listed": "Dans l'annuaire", "mailbox": "Boîte",
    "directory_mailbox": "Boîte de l'annuaire", "set_mailbox": "Boîte fixée par un opérateur",
}  # fmt: skip
REQUESTS = {
    "reference": "Référence", "school_year": "Année", "nom": "Nom", "prenom": "Prénom", "state": "État",
    "changed_at": "Depuis",
}  # fmt: skip


def _departement(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from workflow.settings.academie import normalise_departement

    try:
        return None if value is None else normalise_departement(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}, par exemple 09, 31, 2A ou 974.", ctx, param) from None


@click.group("establishment", cls=FrenchGroup, help="Les établissements et leur boîte.")
def establishment() -> None:
    pass


@establishment.command("list", help="Les établissements ouverts, par UAI.")
@click.option("--departement", metavar="CODE", callback=_departement, help="Ceux d'un département : 31, 2A, 974.")
@click.option("--closed", is_flag=True, help="Les fermés, au lieu des ouverts.")
@click.option("--all", "everything", is_flag=True, help="Les ouverts et les fermés.")
@click.option("--without-mailbox", is_flag=True, help="Ceux qui n'ont pas de boîte (R13).")
@click.option("--search", metavar="MOTS", default="", help="Ceux dont le nom, la commune ou l'UAI a ces mots.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Combien au plus.")
@click.option("--after", metavar="UAI", type=Uai(), default="", help="Ceux qui suivent cet UAI : la page suivante.")
@json_option
@pass_app
def list_(
    app: App, departement: str | None, closed: bool, everything: bool, without_mailbox: bool, search: str, limit: int,
    after: str, as_json: bool,
) -> None:  # fmt: skip
    from workflow.directory import Criteria

    if closed and everything:
        raise click.UsageError("--closed et --all ne vont pas ensemble.")
    is_open = None if everything else not closed
    criteria = Criteria(departement=departement, is_open=is_open, without_mailbox=without_mailbox, text=search)
    with opened(app) as (house, actor):
        found = house.directory.establishments(actor, criteria, limit=limit + 1, after=after)
    emit([asdict(one) for one in found[:limit]], LIST, as_json, "Aucun établissement ne correspond.")
    if len(found) > limit:
        say([f"La suite : ajouter --after {found[limit - 1].uai}"])


@establishment.command("show", help="Un établissement, sa boîte et ses demandes.")
@click.argument("uai", type=Uai(), metavar="UAI", help="L'UAI de l'établissement.")
@json_of_one
@pass_app
def show(app: App, uai: str, as_json: bool) -> None:
    with opened(app) as (house, actor):
        found, requests = house.directory.establishment(actor, uai)
    rows = [asdict(request) for request in requests]
    one = asdict(found)
    if as_json:
        emit([one | {"requests": rows}], SHOW, as_json)
        return
    for key, heading in SHOW.items():
        click.echo(f"{heading} : {cell(one[key]) or '—'}")
    click.echo()
    emit(rows, REQUESTS, as_json, "Aucune demande.", house.settings.zoneinfo)


@establishment.command(
    "set-mailbox",
    help="Fixe la boîte d'un établissement, que les imports ne changeront plus (R14) ; --clear rend celle de"
    " l'annuaire. Qui est connecté au portail par l'ancienne boîte ne l'est plus (R73).",
)
@click.argument("uai", type=Uai(), metavar="UAI", help="L'UAI de l'établissement.")
@click.argument("address", metavar="[ADRESSE]", required=False, help="L'adresse de la boîte.")
@click.option("--why", required=True, metavar="TEXTE", help="Pourquoi, en une phrase, sans nommer personne.")
@click.option("--clear", is_flag=True, help="Rend à l'établissement la boîte que donne l'annuaire.")
@pass_app
def set_mailbox(app: App, uai: str, address: str | None, why: str, clear: bool) -> None:
    if clear == (address is not None):
        raise click.UsageError("Donner une adresse, ou --clear.")
    with opened(app) as (house, actor):
        change = house.directory.set_mailbox(uai, address, why, actor)
    before, after = change.before or "(aucune)", change.after or "(aucune)"
    told = f"{before} → {after}" if change.is_done else f"{after} ; c'était déjà le cas, rien n'a changé"
    click.echo(printable(f"Boîte de {change.uai} ({change.nom}) : {told}."))
    if change.undelivered:
        mails, them = french.plural(change.undelivered, "courriel"), "les" if change.undelivered > 1 else "le"
        had = "n'avaient" if change.undelivered > 1 else "n'avait"
        click.echo(f"{mails} {had} pas pu partir : {them} renvoyer avec « oda mail retry --uai {change.uai} ».")
