"""``oda substitution``, ``oda binding``: who acts in another's stead, who enters by a bound identity (R103, R114)."""

from dataclasses import asdict

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import emit, json_option, printable
from portal.cli.parameters import ROW_NUMBER

SUBSTITUTION_COLUMNS = {
    "number": "N°", "of": "De", "by": "Par", "role": "Rôle", "first_day": "Du", "last_day": "Au",
}  # fmt: skip

BINDING_COLUMNS = {
    "number": "N°", "uai": "UAI", "establishment": "Établissement", "name": "Nom", "provider": "Par", "role": "Rôle",
    "bound_at": "Depuis le",
}  # fmt: skip

_NUMBER = click.argument("number", type=ROW_NUMBER, metavar="N°", help="Le numéro, que donne « list ».")


@click.group("substitution", cls=CommandGroup, help="Les suppléances dans le logiciel : les lister, y mettre fin.")
def substitution() -> None:
    pass


@substitution.command(
    "list", help="Les suppléances qui ne sont pas finies, la plus récente d'abord (R114). Réservé aux opérateurs."
)
@json_option
@pass_cli_context
def list_substitutions(context: CliContext, as_json: bool) -> None:
    with opened(context) as (app, actor):
        substitutions = app.substitutions.all(actor)
        zone = app.settings.zoneinfo
    rows = [asdict(one) | {"of": one.of, "by": one.by} for one in substitutions]
    emit(rows, SUBSTITUTION_COLUMNS, as_json, "Aucune suppléance en cours ou à venir.", zone)


@substitution.command(
    "end",
    help="Finit une suppléance avant son terme (R114) : la personne qui suppléait n'agit plus qu'en son propre nom."
    " Réservé aux opérateurs.",
)
@_NUMBER
@pass_cli_context
def end_substitution(context: CliContext, number: int) -> None:
    with opened(context) as (app, actor):
        if not app.substitutions.end(number, actor, None):
            raise _unknown(f"Aucune suppléance en cours ou à venir ne porte le n° {number}", "oda substitution list")
    click.echo(printable(f"La suppléance n° {number} a pris fin."))


@click.group(
    "binding", cls=CommandGroup, help="Les identités nationales liées aux établissements : les lister, y mettre fin."
)
def binding() -> None:
    pass


@binding.command(
    "list",
    help="Les liaisons d'une identité à un établissement, la plus récente d'abord (R103). Réservé aux opérateurs.",
)
@click.option("--uai", default="", metavar="UAI", help="Celles de cet établissement seulement.")
@json_option
@pass_cli_context
def list_bindings(context: CliContext, uai: str, as_json: bool) -> None:
    from states.validation import normalise_uai
    from workflow.auth.actors import require_operator

    with opened(context) as (app, actor):
        require_operator(actor, "lister les liaisons de tous les établissements")
        bindings = app.bindings.list_of([normalise_uai(uai)]) if uai else app.bindings.list_latest(None)
        zone = app.settings.zoneinfo
    rows = [
        asdict(one) | {"uai": one.place.uai, "establishment": f"{one.place.nom}, {one.place.commune}"}
        for one in bindings
    ]  # fmt: skip
    for row in rows:
        del row["place"]
    emit(rows, BINDING_COLUMNS, as_json, "Aucune identité n'est liée à un établissement.", zone)


@binding.command(
    "end",
    help="Finit la liaison d'une identité à un établissement, et les connexions qu'elle a ouvertes (R103). La boîte de"
    " l'établissement peut la lier de nouveau. Réservé aux opérateurs.",
)
@_NUMBER
@pass_cli_context
def end_binding(context: CliContext, number: int) -> None:
    from workflow.auth.actors import require_operator

    with opened(context) as (app, actor):
        require_operator(actor, "finir une liaison")
        ended = app.bindings.end(number, actor)
        if ended is None:
            raise _unknown(f"Aucune liaison ne porte le n° {number}", "oda binding list")
    click.echo(printable(f"La liaison n° {number}, à l'établissement {ended.place.uai}, a pris fin."))


def _unknown(message: str, listing: str) -> CliFailure:
    return CliFailure(f"{message} : rien n'a changé. Voir « {listing} ».", ExitCode.REFUSED, [])
