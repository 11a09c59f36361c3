"""``oda list`` and ``oda drane``: the lists that the rectorat receives and those that it sends.

The list of RUPN and that of delegations are imported, compared, searched (R93 to R95). The DRANE is sent the RUPN that
are declared, by transmissions prepared as files, then noted as sent (R25, R96).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.cli.context import ROW_NUMBER, CliContext, Day, Year, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, refused
from portal.cli.output import (
    MOST_BYTES,
    MOST_ROWS,
    ExportByCommand,
    column_option,
    complete_option,
    emit,
    file_argument,
    json_option,
    limit_option,
    one_form,
    output_options,
    printable,
    rows_as_json,
    say,
    write_workbook,
)
from portal.cli.request.execute import Reference, reason_row
from states import french
from states.french import listing, plural
from states.vocabulary import DRANE_MOVEMENTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.drane import DraneLine
    from workflow.engine.engine import Result
    from workflow.evidence.lists import ListReport
    from workflow.evidence.parser import ListRow, RowRemark

KINDS: Final = ("listing", "delegation")

IMPORTS: Final = {
    "kind": "Liste", "list_date": "Date", "imported_at": "Importée le", "who": "Par", "rows": "Lignes",
    "new": "Nouvelles", "changed": "Changées", "gone": "Disparues", "refused": "Refusées",
}  # fmt: skip

ENTRIES: Final = {
    "uai": "UAI", "nom": "Nom", "prenom": "Prénom", "mail": "Adresse", "application": "Application", "ends": "Fin",
    "author": "Délégué par", "recorded_on": "Date",
}  # fmt: skip

LISTED: Final = 20
"""Lines of each part of the text report of an import; the JSON report has them all."""

kind_argument = click.argument(
    "kind", metavar="LISTE", type=click.Choice(KINDS),
    help="listing : la liste des RUPN de la DRANE ; delegation : celle des délégations de DelegCE.",
)  # fmt: skip

_COLUMNS: Final = {
    "reference": "Référence", "movement": "À transmettre", "person": "RUPN", "mail": "Adresse électronique",
    "school": "Établissement", "school_year": "Année", "transmission": "Transmission",
}  # fmt: skip

_EMPTY: Final = "Rien à transmettre à la DRANE."

_MADE_COLUMNS: Final = {
    "number": "N°", "prepared_at": "Préparée le", "by": "Par", "lines": "Lignes", "waiting": "À noter",
    "sent_on": "Transmise le",
}  # fmt: skip


@click.group("list", cls=CommandGroup, help="La liste des RUPN et celle des délégations.")
def list_group() -> None:
    pass


@list_group.command(
    "import",
    help="Importe une liste (CSV, XLSX, XLS ou ODS), qui remplace celle en vigueur : ce qui est nouveau, changé,"
    " disparu, refusé. Refaire le même import ne change rien (R93).",
)
@kind_argument
@file_argument
@click.option(
    "--date",
    "list_date",
    metavar="DATE",
    type=Day(),
    help="Le jour où la liste a été tirée. À défaut, celui que disent le nom du fichier ou son début.",
)
@click.option("--dry-run", is_flag=True, help="Montre ce que l'import changerait, sans rien écrire.")
@click.option("--accept-loss", is_flag=True, help="Confirme que beaucoup de lignes ont disparu (R93).")
@click.option("--accept-same-file", is_flag=True, help="Le même fichier a été tiré de nouveau, à une autre date (R93).")
@complete_option
@column_option
@click.option("--json", "as_json", is_flag=True, help="Écrit le compte rendu en JSON, sans rien abréger.")
@pass_cli_context
def import_list(
    context: CliContext,
    kind: str,
    file: Path,
    list_date: date | None,
    dry_run: bool,
    accept_loss: bool,
    accept_same_file: bool,
    file_is_complete: bool,
    columns: Mapping[str, str],
    as_json: bool,
) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.database.file_tables import ListKind
        from workflow.evidence.lists import MASSIVE_LOSS, SAME_FILE
        from workflow.evidence.parser import choice_kind, columns_of, likely_date, read_list, with_titles
        from workflow.spreadsheets.reader import read_table

        require_operator(actor, "importer une liste")
        list_kind = ListKind(kind)
        with file.open("rb") as source:
            table = with_titles(list_kind, read_table(source, most_bytes=MOST_BYTES, most_rows=MOST_ROWS))
        expected = columns_of(list_kind, table)
        titles = app.column_choices.recognise(choice_kind(list_kind), table, expected, named=columns)
        read = read_list(list_kind, table, titles, is_complete=file_is_complete)
        accepted = [code for code, yes in ((MASSIVE_LOSS, accept_loss), (SAME_FILE, accept_same_file)) if yes]
        chosen = list_date or likely_date(table, titles, file.name, app.lists.today)
        if dry_run:
            report = app.lists.preview(read, chosen)
        else:
            report = app.lists.import_read(read, chosen, actor, accepted=accepted)
            if columns:
                app.column_choices.keep(choice_kind(list_kind), titles)
    if as_json:
        whole = asdict(report) | {"changes_something": report.changes_something}
        click.echo(f"{rows_as_json([whole])}\n".encode(), nl=False)
    else:
        for line in _report_lines(report, dry_run=dry_run, is_likely=list_date is None):
            click.echo(printable(line))
    reasons = [*report.reasons, *(reason for reason in report.doubtful if reason.code not in accepted)]
    if dry_run and reasons:
        raise refused(reasons, "Cet import serait refusé.")


@list_group.command(
    "match",
    help="Compare les demandes à vérifier aux listes en vigueur : ce qui concorde se vérifie, ce qui a disparu se"
    " signale (R94, R95).",
)
@click.option(
    "--apply/--dry-run", "is_applied", help="L'enregistre ; à défaut, dit seulement ce qui se ferait.",
)  # fmt: skip
@pass_cli_context
def match(context: CliContext, is_applied: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator

        require_operator(actor, "comparer les demandes aux listes")
        result = app.list_checks.run() if is_applied else app.list_checks.preview()
    for line in result.sentences(is_foreseen=not is_applied):
        click.echo(printable(line))
    if not result.checks.kinds:
        say(["Aucune liste à comparer, ou aucune demande à vérifier : « oda list status »."])
    elif not is_applied:
        say(["Rien n'est enregistré. Pour le faire : oda list match --apply"])


@list_group.command("status", help="Les listes en vigueur, leur date, et les imports d'avant.")
@click.option("--all", "everything", is_flag=True, help="Tous les imports, au lieu du dernier de chaque liste.")
@json_option
@pass_cli_context
def status(context: CliContext, everything: bool, as_json: bool) -> None:
    with opened(context) as (app, _):
        from workflow.database.file_tables import ListKind

        imports = [one for kind in ListKind for one in app.lists.imports(kind, limit=1000 if everything else 1)]
        zone = app.settings.zoneinfo
    empty = "Aucune liste n'a encore été importée : « oda list import listing FICHIER »."
    emit([asdict(one) for one in imports], IMPORTS, as_json, empty, zone)


@list_group.command("show", help="Les lignes d'une liste en vigueur, par UAI.")
@kind_argument
@click.option("--search", metavar="MOTS", default="", help="Celles qui ont cet UAI, ces noms, ou cette adresse.")
@limit_option
@click.option("--after", metavar="PLACE", default="", help="Celles qui suivent : la page suivante.")
@json_option
@output_options
@pass_cli_context
def show_list(
    context: CliContext,
    kind: str,
    search: str,
    limit: int,
    after: str,
    as_json: bool,
    output: Path | None,
    force: bool,
) -> None:
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor):
        from workflow.database.file_tables import ListKind
        from workflow.evidence.lists import MOST_EXPORTED, place_of_entry

        if output:
            from portal.exports.lists import list_workbook

            entries = app.lists.search(ListKind(kind), search, limit=MOST_EXPORTED)
            export = ExportByCommand(app=app, actor=actor, what=kind, criteria={"search": search})
            write_workbook(list_workbook(ListKind(kind), entries), output, export, force=force)
            return
        entries = app.lists.search(ListKind(kind), search, limit=limit + 1, after=after)
    emit([asdict(entry) for entry in entries[:limit]], ENTRIES, as_json, "Aucune ligne ne correspond.")
    if len(entries) > limit:
        say([f"La suite : ajouter --after {place_of_entry(entries[limit - 1])}"])


def _report_lines(report: "ListReport", *, dry_run: bool, is_likely: bool) -> Iterator[str]:
    """Yield the report of an import in French, line by line."""
    counts = listing(
        [
            plural(len(report.new), "nouvelle"), plural(len(report.changed), "changée"),
            plural(len(report.gone), "disparue"), plural(report.unchanged, "inchangée"),
            plural(len(report.refused), "refusée"),
        ]
    )  # fmt: skip
    if not report.changes_something:
        yield f"Rien n'a changé, cette liste est déjà en vigueur : {counts}."
    else:
        begins = "À blanc, rien n'est écrit. L'import donnerait" if dry_run else "Liste importée"
        yield f"{begins} : {counts}."
    if report.list_date:
        origin = ", lue dans le fichier ou son nom" if is_likely else ""
        yield f"Date de la liste : {french.day(report.list_date)}{origin}."
    left = (
        (len(report.outside), "hors de l'annuaire", "hors de l'annuaire"), (report.repeated, "répétée", "répétées"),
        (report.silent, "sans délégation", "sans délégation"),
    )  # fmt: skip
    if said := [f"{plural(count, 'ligne')} {one if count < 2 else several}" for count, one, several in left if count]:
        yield f"Laissées de côté : {listing(said)}."
    yield from report.compared
    yield from _section("Refusées", _remarks(report.refused))
    yield from _section("Disparues", [_person(row) for row in report.gone])
    yield from _section("Changées", [_person(pair.after) for pair in report.changed])
    yield from _section("Nouvelles", [_person(row) for row in report.new])
    yield from _section("Hors de l'annuaire", _remarks(report.outside))


def _person(row: "ListRow") -> str:
    return "  ".join(part for part in (row.uai, f"{row.nom} {row.prenom}".strip(), row.mail) if part)


def _remarks(remarks: "Sequence[RowRemark]") -> list[str]:
    return [f"ligne {remark.line} : {remark.message}" for remark in remarks]


def _section(title: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"{title} ({len(items)}) :"
    yield from (f"  {item}" for item in items[:LISTED])
    if len(items) > LISTED:
        yield f"  … et {plural(len(items) - LISTED, 'autre')} (--json les donne toutes)"


@click.group("drane", cls=CommandGroup, help="Les RUPN à transmettre à la DRANE : les lister, leur fichier, le noter.")
def drane() -> None:
    pass


@drane.command("list", help="Ce qui est à transmettre : RUPN, corrections, retraits (R96).")
@output_options
@json_option
@pass_cli_context
def list_to_send(context: CliContext, /, output: Path | None, force: bool, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.drane import lines_to_send, open_drane_years

        _require_sent_by_us(app, actor)
        lines = lines_to_send(connection, open_drane_years(connection, app.policy, app.clock.now()))
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
        from workflow.drane import declared_lines
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
        from workflow.drane import prepare, waiting_lines

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
            _require_transmission(connection, number)
            waiting = waiting_lines(connection, number)
        workbook = transmission_workbook(f"transmission-drane-{number}", waiting.lines, app.settings.drane.columns)
        export = ExportByCommand(app=app, actor=actor, what="transmission", criteria={"n": number})
        write_workbook(workbook, output, export, force=force)
    if str(output) != "-":
        say([f"Transmission n° {number} : {plural(len(waiting.lines), 'ligne')}."])
        if waiting.outdated:
            changed = plural(len(waiting.outdated), "ligne a changé", "lignes ont changé")
            say([f"{changed} depuis sa préparation, et ne sont pas dans le fichier."])
        say([f"Une fois le fichier transmis : oda drane sent {number}"])


@drane.command("transmissions", help="Les transmissions préparées, celles qui restent à noter d'abord.")
@json_option
@pass_cli_context
def list_transmissions(context: CliContext, /, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.drane import transmissions

        _require_sent_by_us(app, actor)
        rows = [
            {
                "number": transmission.number, "prepared_at": transmission.prepared_at, "by": transmission.who,
                "lines": transmission.prepared, "waiting": transmission.waiting, "sent_on": transmission.sent_on,
            }
            for transmission in transmissions(connection)
        ]  # fmt: skip
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
        from workflow.drane import note_sent

        _require_sent_by_us(app, actor)
        _require_operator(actor, "noter une transmission")
        with app.database.read() as connection:
            _require_transmission(connection, number)
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
        from workflow.drane import give_up

        _require_sent_by_us(app, actor)
        _require_operator(actor, "abandonner une transmission")
        with app.database.read() as connection:
            _require_transmission(connection, number)
        count = give_up(app.engine, number, actor)
    say([f"{plural(count, 'ligne est de nouveau', 'lignes sont de nouveau')} à transmettre."])


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
        say([f"{plural(done, 'ligne est notée transmise', 'lignes sont notées transmises')} à la DRANE."])
    if not results:
        raise CliFailure("Aucune de ces lignes n'attend dans cette transmission.", ExitCode.REFUSED)
    if refused:
        lines = plural(len(refused), "ligne n'est pas notée", "lignes ne sont pas notées")
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


def _require_transmission(connection: "Connection", number: int) -> None:
    """Raise CliFailure when no transmission has this number."""
    from workflow.drane import transmissions

    if not transmissions(connection, number=number):
        remedy = "Les transmissions préparées : oda drane transmissions"
        raise CliFailure(f"La transmission n° {number} n'existe pas.", ExitCode.REFUSED, [remedy])


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
