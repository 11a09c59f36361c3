"""``oda request declare`` and ``renew``: how a request is born (R25, R33)."""

from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import App
from portal.cli.french import Day, FrenchCommand, Uai, Year
from portal.cli.request.act import act
from portal.cli.request.options import Manner, acting, reference_argument

if TYPE_CHECKING:
    from states.actors import Actor
    from states.school_year import SchoolYear

year_option = click.option(
    "--year", "school_year", type=Year(), metavar="ANNÉE", help="L'année scolaire ; sinon la dernière ouverte (R20)."
)
homonym_option = click.option(
    "--homonym", "homonym_confirmed", is_flag=True, help="C'est bien une autre personne de mêmes nom et prénom (R17)."
)
drane_option = click.option(
    "--drane-declared-on", type=Day(), metavar="DATE", help="Jour de sa déclaration dans l'application de la DRANE."
)


@click.command("declare", cls=FrenchCommand, help="Déclare un RUPN : une demande naît, et reçoit sa référence (R25).")
@click.option("--uai", type=Uai(), metavar="UAI", help="L'établissement ; un chef qui n'en a qu'un peut s'en passer.")
@click.option("--nom", required=True, metavar="NOM", help="Le nom du RUPN.")
@click.option("--prenom", required=True, metavar="PRÉNOM", help="Son prénom.")
@click.option("--mail", required=True, metavar="ADRESSE", help="Son adresse électronique.")
@year_option
@drane_option
@homonym_option
@acting(as_chef=True, version=False)
def declare(app: App, manner: Manner, /, uai: str | None, **said: Any) -> None:
    from states.commands import Declare

    common = manner.fields()
    act(app, manner, lambda _, actor: Declare(uai=uai or _only_one(actor), **said, **common))


def _only_one(actor: "Actor") -> str:
    if len(actor.establishments) != 1:
        raise click.UsageError("Dire l'établissement : --uai UAI.")
    return next(iter(actor.establishments))


@click.command(
    "renew",
    cls=FrenchCommand,
    help="Renouvelle une demande pour une année ouverte : rien n'est ressaisi, délégation et charte sont à refaire.",
)
@reference_argument
@year_option
@homonym_option
@acting(as_chef=True)
def renew(
    app: App, manner: Manner, /, reference: str, school_year: "SchoolYear | None", homonym_confirmed: bool
) -> None:
    from states.commands import Renew

    command = Renew(
        reference=reference, school_year=school_year, homonym_confirmed=homonym_confirmed, **manner.fields()
    )
    act(app, manner, lambda *_: command)
