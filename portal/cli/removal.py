"""``oda removal`` and ``connector``: rights to remove on the ODA server, by hand, by file, by program (R47 to R49)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from portal.cli.context import CliContext, Departement, FilePath, Uai, Year, labelled_option, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for
from portal.cli.output import (
    ExportByCommand,
    ask_confirmation,
    emit,
    json_option,
    limit_option,
    one_form,
    output_options,
    printable,
    progress,
    say,
    write_file,
    write_workbook,
)
from portal.cli.request.execute import Callback, Reference, done_row, reason_row, sentence
from states import french
from states.vocabulary import CallStage, RemovalKind, RemovalOutcome

if TYPE_CHECKING:
    from states.model import Actor
    from workflow.removals.files import CheckedRows, RowFault, RowResult
    from workflow.removals.tasks import RemovalLine

MOST_LINES: Final = 100_000
MOST_BYTES: Final = 20_000_000

_COLUMNS = {
    "reference": "Référence", "person": "RUPN", "school": "Établissement", "school_year": "Année",
    "said": "À faire aujourd'hui, ou fait", "opened_at": "Depuis",
}  # fmt: skip

_EMPTY = "Aucun retrait ne correspond."

_CALL_COLUMNS = {
    "reference": "Demande", "stage": "Appel", "attempts": "Essais", "next_at": "Prochain", "answer": "Réponse",
}  # fmt: skip


@failure_for("workflow.removals.files.FileRefused")
def _file_refused(error: Exception) -> CliFailure:
    return CliFailure("Ce fichier ne peut pas être lu.", ExitCode.BAD_INPUT, [str(error)])


@failure_for("workflow.removals.files.FileLooksCut")
def _file_looks_cut(error: Exception) -> CliFailure:
    remedy = "S'il est déjà entier : ajouter --file-is-complete."
    return CliFailure("Ce fichier ne peut pas être lu.", ExitCode.BAD_INPUT, [str(error), remedy])


@failure_for("notifications.rendering.renderer.Unexportable")
def _unexportable(error: Exception) -> CliFailure:
    return CliFailure("Cet export ne peut pas être composé.", ExitCode.SETTINGS, [str(error)])


@click.group("removal", cls=CommandGroup, help="Les retraits sur le serveur ODA : les lister, exporter, confirmer.")
def removal() -> None:
    pass


def _filter_options(command: Callback) -> Callback:
    """The options that narrow a list of removals."""
    for option in (
        click.option(
            "--departement", default="", type=Departement(), metavar="CODE", help="D'un département : 31, 2A, 974."
        ),
        click.option("--uai", type=Uai(), default="", metavar="UAI", help="D'un établissement."),
        click.option("--year", "school_year", type=Year(), metavar="ANNÉE", help="D'une année scolaire : 2026-2027."),
        labelled_option(RemovalKind, "--kind", metavar="GENRE", help="De ce genre."),
    ):
        command = option(command)
    return command


@removal.command(
    "list",
    help="Les retraits à faire, et ce qu'il y a à faire aujourd'hui pour chacun (R48) ; ou, avec --confirmed, ceux qui"
    " sont confirmés, les derniers d'abord.",
)
@_filter_options
@click.option("--confirmed", is_flag=True, help="Ceux qui sont confirmés : ce qui a été fait, quand et par qui.")
@limit_option
@click.option("--after", metavar="SUITE", help="La page suivante : ce que la page précédente a dit d'ajouter.")
@json_option
@output_options
@pass_cli_context
def list_removals(
    context: CliContext, /, limit: int, after: str | None, as_json: bool, output: Path | None, force: bool,
    **criteria: Any,
) -> None:  # fmt: skip
    one_form(as_json=as_json, output=output)
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.removals.tasks import RemovalFilters, list_removals, walk_removals

        _rectorat_only(actor)
        filters = RemovalFilters(**criteria)
        if output:
            from portal.exports.lists import READ_TOGETHER, removals_workbook

            lines = walk_removals(connection, filters, app.policy, app.mailer, at_once=READ_TOGETHER)
            export = ExportByCommand(app=app, actor=actor, what="removals", criteria=criteria)
            write_workbook(removals_workbook(lines, app.settings.zoneinfo), output, export, force=force)
            return
        try:
            page = list_removals(connection, filters, app.policy, app.mailer, after=after, limit=limit)
        except ValueError:
            raise click.BadParameter("cette suite n'existe pas.", param_hint="--after") from None
    emit([_row(line) for line in page.lines], _COLUMNS, as_json, _EMPTY, app.settings.zoneinfo)
    if page.after:
        say([f"La suite : ajouter --after '{page.after}'"])


@removal.command(
    "export",
    help="Écrit les retraits à faire dans la forme du modèle exports/removals.j2, un CSV à défaut (R83) ; ce qu'il y a"
    " à faire est calculé au moment de l'export (R48).",
)
@_filter_options
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
    help="Le fichier à écrire ; à défaut, ou avec « - », la sortie standard.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@click.option("--example", is_flag=True, help="Essaie le modèle sur des exemples, sans lire la base.")
@pass_cli_context
def export_file(context: CliContext, /, output: Path | None, force: bool, example: bool, **criteria: Any) -> None:
    if example:
        from notifications.authoring.examples import DAY, REMOVAL_LINES
        from notifications.rendering.renderer import removals
        from workflow.app import load_templates, mail_context
        from workflow.removals.files import encoded

        settings = context.settings()
        rendered = removals(load_templates(settings), REMOVAL_LINES, DAY, mail_context(settings))
        pieces = encoded(rendered, settings.removals.export)
        write_file(lambda file: file.writelines(pieces), output, force=force)
        return
    with opened(context) as (app, actor):
        from workflow.removals.files import Replacements, removals_file
        from workflow.removals.tasks import RemovalFilters

        _rectorat_only(actor)
        form, replacements = app.settings.removals.export, Replacements()
        pieces = removals_file(app.engine, app.mailer, form, RemovalFilters(**criteria), replacements)
        write_file(lambda file: file.writelines(pieces), output, force=force)
        export = ExportByCommand(app=app, actor=actor, what="removals_file", criteria=criteria)
        export.record(form.filename.rpartition(".")[2].lower(), replacements.rows)
    if replacements.cells:
        say([f"Attention : {replacements}."])


def _rectorat_only(actor: "Actor") -> None:
    """Raise NotAllowed for an establishment: only the rectorat and its readers see every removal (R2, R3)."""
    from workflow.auth.actors import require_rectorat

    require_rectorat(actor, "Les retraits se lisent avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")


def _row(line: "RemovalLine") -> dict[str, object]:
    """The fields of a removal for a program, and the columns of the table."""
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


@removal.command(
    "confirm",
    help="Confirme les retraits d'un fichier : une référence par ligne, ou un CSV, XLSX, XLS ou ODS dont les colonnes"
    " s'appellent référence, résultat, précision. Ce qui a été compris est dit d'abord ; une ligne fautive n'empêche"
    " pas les autres (R49, R83).",
)
@click.option(
    "--from", "file", required=True, metavar="FICHIER",
    type=FilePath(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path),
    help="Le fichier, ou « - » pour l'entrée standard.",
)  # fmt: skip
@labelled_option(RemovalOutcome, "--outcome", metavar="RÉSULTAT",
    help="Ce qui a été fait, pour les lignes qui ne le disent pas.",
)  # fmt: skip
@click.option(
    "--file-is-complete", is_flag=True,
    help="Le fichier est entier, bien qu'il ait l'air coupé : sa dernière ligne n'a pas de fin, ou des lignes n'ont pas"
    " toutes leurs cellules.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait confirmé, sans rien écrire.")
@click.option("--yes", is_flag=True, help="Confirme sans poser la question.")
@click.option("--json", "as_json", is_flag=True, help="Écrit le résultat de chaque ligne en JSON.")
@pass_cli_context
def confirm_removals(
    context: CliContext, /, file: Path, outcome: RemovalOutcome | None, file_is_complete: bool, dry_run: bool,
    yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say what was understood of a file, ask, then confirm line by line; a batch done stays done.

    Raises CliFailure when a line was set aside or refused, the others being done.
    """
    from workflow.removals.files import check_rows, confirm_rows, read_removals

    with click.open_file(str(file), "rb") as source:
        content = source.read(MOST_BYTES + 1)  # one byte more is enough to tell that there is too much
    rows = read_removals(content, outcome, most=MOST_LINES, most_bytes=MOST_BYTES, is_complete=file_is_complete)
    with opened(context) as (app, actor):
        from states.decision import Refused
        from workflow.auth.actors import require_operator

        require_operator(actor, "confirmer un retrait")
        with app.database.read() as connection:
            checked = check_rows(connection, rows, actor, app.engine, app.mailer)
        say(_summary(checked))
        if not checked.ready:
            raise CliFailure("Aucune ligne ne peut être confirmée, rien n'a changé.", ExitCode.REFUSED)
        if dry_run:
            say(["À blanc : rien n'est écrit."])
            return _fail_if_any(len(checked.faults), len(rows), dry_run=True)
        if not yes and not ask_confirmation(f"Confirmer {french.plural(len(checked.ready), 'retrait')} ?", "--yes"):
            raise CliFailure("Rien n'est confirmé, rien n'a changé.", ExitCode.REFUSED)
        results: list[RowResult] = []
        try:
            with progress(len(checked.ready), "Retraits") as advance:
                lines = [line.row for line in checked.ready]
                for result in confirm_rows(app.engine, lines, actor, key=None, refuse_rest=False):
                    results.append(result)
                    advance(1)
        finally:
            _write_results(results, checked.faults, as_json=as_json)
    refusals = sum(isinstance(result.result, Refused) for result in results)
    return _fail_if_any(len(checked.faults) + refusals, len(rows))


def _summary(checked: "CheckedRows") -> Iterator[str]:
    counts = Counter(line.row.outcome for line in checked.ready)
    yield f"{french.plural(len(checked.ready), 'retrait')} à confirmer{' :' if counts else '.'}"
    yield from (f"  {outcome.label} : {counts[outcome]}" for outcome in RemovalOutcome if counts[outcome])
    for line in checked.ready:
        for warning in line.warnings:
            yield f"Attention : ligne {line.row.number}, {line.row.reference} : {warning.message} ({warning.rule})."
    if checked.faults:
        yield f"{french.plural(len(checked.faults), 'ligne écartée', 'lignes écartées')} :"
    for fault in checked.faults:
        yield f"  ligne {fault.number}{f', {fault.written}' if fault.written else ''} : {fault.message}"


def _write_results(results: "Sequence[RowResult]", faults: "Sequence[RowFault]", *, as_json: bool) -> None:
    """Write the result of each line that was reached; in JSON, the lines set aside too, in the order of the file."""
    from states.decision import Refused

    rows: list[dict[str, object]] = [
        {"line": fault.number, "written": fault.written, "problem": fault.message} for fault in faults
    ]
    for line in results:
        row, result = line.row, line.result
        if isinstance(result, Refused):
            text = f"{row.reference} : refusé. {result}"
            details: dict[str, object] = {"refused": [reason_row(reason) for reason in result.reasons]}
        else:
            text = f"{sentence(result)[:-1]}, {row.outcome.label})."
            details = {**done_row(result), "refused": []}
        rows.append({"line": row.number, "reference": row.reference, "outcome": row.outcome, **details})
        if not as_json:
            click.echo(printable(f"Ligne {row.number} : {text}"))
    if as_json:
        emit(sorted(rows, key=lambda row: str(row["line"]).zfill(9)), {}, as_json)


def _fail_if_any(failures: int, lines: int, *, dry_run: bool = False) -> None:
    """Raise CliFailure when some of ``lines`` were set aside or refused."""
    if failures:
        subject = "1 ligne" if failures == 1 else f"{failures} lignes"
        rest = "" if dry_run or failures == lines else " Le reste est fait."
        singular = "ne serait pas confirmée" if dry_run else "n'est pas confirmée"
        plural = "ne seraient pas confirmées" if dry_run else "ne sont pas confirmées"
        message = f"{subject} sur {lines} : {singular if failures == 1 else plural}.{rest}"
        raise CliFailure(message, ExitCode.REFUSED)


@click.group("connector", cls=CommandGroup, help="Le connecteur : les retraits demandés au serveur ODA.")
def connector() -> None:
    pass


@connector.command(
    "check",
    help="Essaie le serveur ODA des réglages : son adresse, son certificat, un appel signé qui ne demande rien."
    " Réservé aux opérateurs.",
)
@pass_cli_context
def check_connector(context: CliContext) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.removals.connector.service import TrialFailed, trial

        require_operator(actor, "essayer le connecteur")
        if app.connector is None:
            remedy = "Que faire : donner l'adresse du serveur ODA dans removals.connector.url (docs/connecteur.md)."
            raise CliFailure("Aucun connecteur n'est réglé : rien n'est appelé.", ExitCode.SETTINGS, [remedy])
        try:
            for heading, outcome in trial(app.connector.caller, app.clock.now()):
                click.echo(printable(f"{heading:<12} : {outcome}"))
        except TrialFailed as failure:
            message = f"Le serveur ODA ne peut pas être appelé ; l'essai s'arrête à l'étape « {failure.step} »."
            details = [str(failure), f"Que faire : {failure.remedy}."]
            raise CliFailure(message, ExitCode.UNAVAILABLE, details) from None
    click.echo("Le serveur ODA répond.")


@connector.command("calls", help="Les appels au serveur ODA : où ils en sont, et les derniers mots du serveur.")
@labelled_option(CallStage, "--stage", help="Ceux-là seulement : waiting, done, refused.")
@click.option(
    "--limit",
    type=click.IntRange(1, 2000),
    default=200,
    show_default=True,
    metavar="NOMBRE",
    help="Combien au plus.",
)
@json_option
@pass_cli_context
def list_calls(context: CliContext, stage: CallStage | None, limit: int, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.auth.actors import require_rectorat
        from workflow.removals.connector.queue import list_calls

        message = "Les appels au serveur ODA se lisent avec --as operator:ADRESSE ou reader:ADRESSE."
        require_rectorat(actor, message)
        rows = [asdict(call) for call in list_calls(connection, stage=stage, limit=limit)]
        emit(rows, _CALL_COLUMNS, as_json, "Aucun appel.", app.settings.zoneinfo)


@connector.command(
    "again",
    help="Redemande au serveur ODA des retraits qu'il a refusés ou manqués trop de fois ; l'appel part sous une clé"
    " nouvelle, au prochain passage. Réservé aux opérateurs.",
)
@click.argument(
    "references", metavar="[DEMANDE]...", nargs=-1, type=Reference(), help="Les demandes, par leur référence."
)
@click.option("--all", "every", is_flag=True, help="Tous ceux qui sont à reprendre.")
@pass_cli_context
def retry_calls(context: CliContext, references: tuple[str, ...], every: bool) -> None:
    if every == bool(references):
        raise click.UsageError("Donner des demandes, ou bien --all.")
    selection = None if every else set(references)
    with opened(context) as (app, actor):
        from workflow.removals.connector.service import ask_again

        retries = ask_again(app.engine, actor, selection)
    without_retry = sorted((selection or set()) - set(retries))
    click.echo(f"{french.plural(len(retries), 'retrait sera redemandé', 'retraits seront redemandés')} au serveur ODA.")
    if without_retry:
        raise CliFailure(
            f"Rien à reprendre pour {', '.join(without_retry)}.", ExitCode.REFUSED,
            ["Que faire : voir « oda connector calls --stage refused »."],
        )  # fmt: skip
