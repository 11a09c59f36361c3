"""``oda drane``: what is to be sent to the DRANE, its file, what was sent, every RUPN declared (R25, R96)."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.files import ExportByCommand, output_options, write_workbook
from portal.cli.output import emit, json_option, printable, say
from portal.cli.parameters import ROW_NUMBER, Day, Year
from portal.cli.request.execute import Reference, reason_row
from states import french
from states.vocabulary import DRANE_MOVEMENTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.drane.transmissions import DraneLine, Transmission
    from workflow.engine.engine import Result


_COLUMNS: Final = {
    "reference": "Référence", "movement": "À transmettre", "person": "RUPN", "mail": "Adresse électronique",
    "school": "Établissement", "school_year": "Année", "transmission": "Transmission",
}  # fmt: skip
_EMPTY: Final = "Rien à transmettre à la DRANE."

_MADE_COLUMNS: Final = {
    "number": "N°", "prepared_at": "Préparée le", "by": "Par", "lines": "Lignes", "waiting": "À noter",
    "sent_on": "Transmise le",
}  # fmt: skip


@click.group("drane", cls=CommandGroup, help="Les RUPN à transmettre à la DRANE : les lister, leur fichier, le noter.")
def drane() -> None:
    pass


@drane.command("list", help="Ce qui est à transmettre : RUPN, corrections, retraits (R96).")
@output_options
@json_option
@pass_cli_context
def list_to_send(context: CliContext, /, output: Path | None, force: bool, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.drane.transmissions import lines_to_send

        _require_sent_by_us(app, actor)
        lines = lines_to_send(connection, _years(app, connection))
        if output is not None:
            from portal.exports.lists import transmission_workbook

            workbook = transmission_workbook("a-transmettre-drane", lines, app.settings.drane.columns)
            write_workbook(workbook, output, ExportByCommand(app=app, actor=actor, what="to_send"), force=force)
            return
    emit([_row(line) for line in lines], _COLUMNS, as_json, _EMPTY, app.settings.zoneinfo)


@drane.command(
    "declared",
    help="Tous les RUPN déclarés pour une année, avec l'état de leur demande, quel que soit le réglage (R96).",
)
@click.option("--year", type=Year(), metavar="ANNÉE", help="L'année scolaire ; sinon la dernière qui a des demandes.")
@output_options
@json_option
@pass_cli_context
def declared(
    context: CliContext, /, year: "SchoolYear | None", output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.exports.lists import declared_workbook
        from workflow.drane.transmissions import declared_lines
        from workflow.requests.filters import years_with_requests

        _rectorat_only(actor)
        known = years_with_requests(connection)
        year = year or (known[-1] if known else None)
        lines = declared_lines(connection, year) if year else iter(())
        if output is not None and year is not None:
            sent_by_us = app.settings.drane.declaration == "sent_by_us"
            export = ExportByCommand(app=app, actor=actor, what="declared", criteria={"year": year})
            write_workbook(declared_workbook(year, lines, sent_by_us=sent_by_us), output, export, force=force)
            return
        rows = [_row(line) | {"movement": line.request.state.label} for line in lines]
    columns = _COLUMNS | {"movement": "État"}
    columns.pop("transmission")
    emit(rows, columns, as_json, "Aucun RUPN n'est déclaré pour cette année.", app.settings.zoneinfo)


@drane.command(
    "file",
    help="Prépare une transmission de tout ce qui est à transmettre, ou de ces demandes, et écrit son fichier ; avec"
    " --number, écrit de nouveau celui d'une transmission déjà préparée (R96).",
)
@click.argument("references", type=Reference(), metavar="[RÉFÉRENCE...]", nargs=-1, help="Ces demandes seulement.")
@click.option("--number", type=ROW_NUMBER, metavar="N", help="Le numéro d'une transmission déjà préparée.")
@output_options
@pass_cli_context
def file(
    context: CliContext, /, references: tuple[str, ...], number: int | None, output: Path | None, force: bool
) -> None:
    if output is None:
        raise click.UsageError("Dire où écrire le fichier : --output transmission.xlsx, .ods ou .csv.")
    if output.exists() and not force and str(output) != "-":
        remedy = "Que faire : ajouter --force pour le remplacer, ou choisir un autre fichier avec --output."
        raise CliFailure(f"{output} existe déjà, rien n'est préparé.", ExitCode.REFUSED, [remedy])
    with opened(context) as (app, actor):
        from portal.exports.lists import transmission_workbook
        from workflow.drane.transmissions import prepare, waiting_lines

        _require_sent_by_us(app, actor)
        if number is None:
            _require_operator(actor, "préparer une transmission")
            number = prepare(app.engine, actor, references=references or None)
        if number is None:
            raise CliFailure(
                "Rien n'est préparé : ces lignes sont déjà dans une transmission, ou transmises.", ExitCode.REFUSED,
                ["Les transmissions préparées : oda drane transmissions"],
            )  # fmt: skip
        with app.database.read() as connection:
            _transmission(connection, number)
            waiting = waiting_lines(connection, number)
        workbook = transmission_workbook(f"transmission-drane-{number}", waiting.lines, app.settings.drane.columns)
        export = ExportByCommand(app=app, actor=actor, what="transmission", criteria={"n": number})
        write_workbook(workbook, output, export, force=force)
    if str(output) != "-":
        say(_prepared(number, len(waiting.lines), len(waiting.outdated)))


def _prepared(number: int, lines: int, outdated: int) -> Iterator[str]:
    yield f"Transmission n° {number} : {french.plural(lines, 'ligne')}."
    if outdated:
        changed = french.plural(outdated, "ligne a changé", "lignes ont changé")
        yield f"{changed} depuis sa préparation, et ne sont pas dans le fichier."
    yield f"Une fois le fichier transmis : oda drane sent {number}"


@drane.command("transmissions", help="Les transmissions préparées, celles qui restent à noter d'abord.")
@json_option
@pass_cli_context
def list_transmissions(context: CliContext, /, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.drane.transmissions import transmissions

        _require_sent_by_us(app, actor)
        rows = [_made_row(transmission) for transmission in transmissions(connection)]
    emit(rows, _MADE_COLUMNS, as_json, "Aucune transmission n'est préparée.", app.settings.zoneinfo)


@drane.command(
    "sent", help="Note que les lignes d'une transmission, toutes ou celles-ci, ont été transmises à la DRANE (R96)."
)
@click.argument("number", type=ROW_NUMBER, metavar="NUMÉRO", help="Le numéro de la transmission.")
@click.argument("references", type=Reference(), metavar="[RÉFÉRENCE...]", nargs=-1, help="Ces demandes seulement.")
@click.option("--on", "sent_on", type=Day(), metavar="DATE", help="Le jour de la transmission ; sinon aujourd'hui.")
@json_option
@pass_cli_context
def sent(
    context: CliContext, /, number: int, references: tuple[str, ...], sent_on: date | None, as_json: bool
) -> None:  # fmt: skip
    with opened(context) as (app, actor):
        from workflow.drane.transmissions import note_sent

        _require_sent_by_us(app, actor)
        _require_operator(actor, "noter une transmission")
        with app.database.read() as connection:
            _transmission(connection, number)
        day = sent_on or app.policy.calendar.today(app.clock.now())
        results = note_sent(app.engine, number, references or None, day, actor)
    _write_results(results, as_json=as_json)


@drane.command(
    "give-up", help="Oublie une transmission qui n'a pas été faite : ses lignes sont de nouveau à transmettre."
)
@click.argument("number", type=ROW_NUMBER, metavar="NUMÉRO", help="Le numéro de la transmission.")
@pass_cli_context
def give_up_transmission(context: CliContext, /, number: int) -> None:
    with opened(context) as (app, actor):
        from workflow.drane.transmissions import give_up as forget

        _require_sent_by_us(app, actor)
        _require_operator(actor, "abandonner une transmission")
        with app.database.read() as connection:
            _transmission(connection, number)
        count = forget(app.engine, number, actor)
    say([f"{french.plural(count, 'ligne est de nouveau', 'lignes sont de nouveau')} à transmettre."])


def _write_results(results: "list[tuple[str, Result]]", *, as_json: bool) -> None:
    """Write the result of each line. Raises CliFailure when one is refused, the others being done."""
    from states.decision import Refused

    refused = [(reference, result) for reference, result in results if isinstance(result, Refused)]
    if as_json:
        rows: list[dict[str, object]] = [
            {
                "reference": reference,
                "refused": [reason_row(reason) for reason in result.reasons] if isinstance(result, Refused) else [],
            }
            for reference, result in results
        ]
        emit(rows, {}, as_json)
    else:
        for reference, refusal in refused:
            click.echo(printable(f"{reference} : refusé. {refusal}"))
        done = len(results) - len(refused)
        say([f"{french.plural(done, 'ligne est notée transmise', 'lignes sont notées transmises')} à la DRANE."])
    if not results:
        raise CliFailure("Aucune de ces lignes n'attend dans cette transmission.", ExitCode.REFUSED)
    if refused:
        lines = french.plural(len(refused), "ligne n'est pas notée", "lignes ne sont pas notées")
        raise CliFailure(f"{lines}, le reste est fait.", ExitCode.REFUSED)


def _require_sent_by_us(app: "App", actor: "Actor") -> None:
    """Raise NotAllowed for an establishment, CliFailure where each chef declares to the DRANE."""
    _rectorat_only(actor)
    if app.settings.drane.declaration != "sent_by_us":
        raise CliFailure(
            "Chaque chef d'établissement déclare lui-même son RUPN à la DRANE : il n'y a rien à transmettre.",
            ExitCode.REFUSED,
            ["Pour que le rectorat transmette : drane.declaration: sent_by_us, dans le fichier de réglages."],
        )


def _rectorat_only(actor: "Actor") -> None:
    from workflow.auth.actors import require_rectorat

    require_rectorat(actor, "Cette liste se lit avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")


def _require_operator(actor: "Actor", what: str) -> None:
    from workflow.auth.actors import require_operator

    require_operator(actor, what)


def _years(app: "App", connection: "Connection") -> "list[SchoolYear]":
    from workflow.drane.transmissions import open_drane_years

    return open_drane_years(connection, app.policy, app.clock.now())


def _transmission(connection: "Connection", number: int) -> "Transmission":
    """The transmission of this number. Raises CliFailure."""
    from workflow.drane.transmissions import transmissions

    matching = transmissions(connection, number=number)
    if not matching:
        remedy = "Les transmissions préparées : oda drane transmissions"
        raise CliFailure(f"La transmission n° {number} n'existe pas.", ExitCode.REFUSED, [remedy])
    return matching[0]


def _row(line: "DraneLine") -> dict[str, object]:
    """The fields of a line for a program, and the columns of the table."""
    request = line.request
    return {
        "reference": request.reference, "what": line.what, "movement": DRANE_MOVEMENTS.get(line.what, ""),
        "corrected": line.corrected, "uai": request.uai, "establishment": line.establishment, "commune": line.commune,
        "departement": line.departement, "nom": request.nom, "prenom": request.prenom, "mail": request.mail,
        "state": request.state, "school_year": request.school_year, "drane_declared_on": request.drane_declared_on,
        "drane_sent_on": request.drane_sent_on, "transmission": line.prepared_in,
        "person": f"{request.nom} {request.prenom}", "school": f"{request.uai} {line.establishment}",
    }  # fmt: skip


def _made_row(transmission: "Transmission") -> dict[str, object]:
    return {
        "number": transmission.number, "prepared_at": transmission.prepared_at, "by": transmission.who,
        "lines": transmission.prepared,
        "waiting": transmission.waiting, "sent_on": transmission.sent_on,
    }  # fmt: skip
