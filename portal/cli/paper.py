"""``oda paper``: the charter, the hand-over slip and the year-end report as PDF files, to print (R69)."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode, failure_for, refused
from portal.cli.french import FrenchGroup, Year
from portal.cli.paper_file import file_options, write
from portal.cli.request.options import Reference, reference_argument

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from states.actors import Actor
    from states.school_year import SchoolYear
    from workflow.house import House
    from workflow.reading.view import RequestView


@click.group("paper", cls=FrenchGroup, help="Les documents : la charte, le bordereau de remise, le bilan.")
def paper() -> None:
    pass


@paper.command(
    "charter", help="La charte d'une demande, prête à signer (R27) ; ou, avec --blank, une charte à remplir à la main."
)
@click.argument(
    "reference", type=Reference(), required=False, metavar="[RÉFÉRENCE]", help="La demande, par exemple ODA-2027-00042."
)
@click.option("--blank", is_flag=True, help="Une charte vierge, sans demande.")
@file_options
@pass_app
def charter(app: App, reference: str | None, blank: bool, output: Path | None, force: bool) -> None:
    from notifications import papers
    from portal.cli.opening import opened
    from portal.papers import charter as charter_of

    if bool(reference) is blank:
        raise click.UsageError("Donner la référence d'une demande, ou --blank pour une charte vierge.")
    with opened(app) as (house, actor), house.database.read() as connection:
        here, wordings = house.mailer.surroundings, house.mailer.wordings
        if reference:
            made = charter_of(house, _seen(house, actor, connection, reference))
        else:
            made = papers.blank_charter(here, wordings)
        now = house.clock.now()
    write(made, now, output, force)


@paper.command("slip", help="Le bordereau que le RUPN signe quand le code lui est remis (R31). Le code n'y figure pas.")
@reference_argument
@file_options
@pass_app
def slip(app: App, reference: str, output: Path | None, force: bool) -> None:
    from portal.cli.opening import opened
    from portal.papers import slip as slip_of

    with opened(app) as (house, actor), house.database.read() as connection:
        made = slip_of(house, connection, _seen(house, actor, connection, reference))
        now = house.clock.now()
    write(made, now, output, force)


@paper.command(
    "year-end",
    help="Le bilan d'une fin d'année, tel qu'il a été joint au courriel des opérateurs (R54). Réservé aux opérateurs et"
    " aux lecteurs.",
)
@click.argument("year", type=Year(), metavar="ANNÉE", help="L'année scolaire, par exemple 2026-2027.")
@file_options
@pass_app
def year_end(app: App, year: "SchoolYear", output: Path | None, force: bool) -> None:
    from notifications.papers.stored import stored_year_end_report
    from portal.cli.opening import opened
    from states.vocabulary import Role
    from workflow.people import NotAllowed

    with opened(app) as (house, actor), house.database.read() as connection:
        if actor.role not in (Role.OPERATOR, Role.READER):
            raise NotAllowed("Le bilan de toute l'académie se lit avec --as operator:ADRESSE ou reader:ADRESSE (R2).")
        found = stored_year_end_report(
            connection, str(year), house.mailer.surroundings, house.mailer.wordings, house.clock.now()
        )
    if found is None:
        details = ["Que faire : voir « oda year-end preview », ce que ferait sa fin ; le bilan vient avec elle."]
        raise CliFailure(f"Il n'y a pas encore de bilan de l'année {year}.", ExitCode.REFUSED, details)
    write(*found, output, force)


@failure_for("notifications.papers.model.PaperUnmakeable")
def _unmakeable(error: Exception) -> CliFailure:
    return CliFailure("Le document ne peut pas être composé.", ExitCode.SETTINGS, [str(error)])


def _seen(house: "House", actor: "Actor", connection: "Connection", reference: str) -> "RequestView":
    """The request, for who may see it; the same refusal as ``oda request show`` else (R3)."""
    from workflow.reading.scope import nothing_to_see
    from workflow.reading.showing import show_request

    view = show_request(connection, reference, actor, house.policy, house.mailer, house.clock.now())
    if view is None:
        raise refused([nothing_to_see(actor, reference)], "Rien à imprimer.")
    return view


@failure_for("portal.papers.NoSlip")
def _no_slip(error: Exception) -> CliFailure:
    why, remedy = getattr(error, "why", ""), getattr(error, "remedy", "")
    return CliFailure(f"Pas de bordereau : {why}.", ExitCode.REFUSED, [f"Que faire : {remedy}."])
