"""``oda removal``: the rights to remove on the ODA server, listed, exported, confirmed from a file (R47, R83)."""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, writing
from portal.cli.failures import failure_for
from portal.cli.output import emit, json_option, limit_option, printable, progress, say
from portal.cli.parameters import FilePath, Uai, Year, labelled_option
from portal.cli.request import execute as words
from portal.cli.request.execute import Callback
from states import french
from states.vocabulary import RemovalKind, RemovalOutcome

if TYPE_CHECKING:
    from states.model import Actor
    from workflow.removals.file_import import CheckedRows, RowFault, RowResult
    from workflow.removals.tasks import RemovalFilters, RemovalLine
    from workflow.settings.model import Settings


# ``oda removal confirm``: what was understood of a file, a question, then a result a line (R49, R83).


MOST: Final = 100_000
"""Lines of a file."""


MOST_BYTES: Final = 20_000_000


_STDIN: Final = "-"


@failure_for("workflow.removals.file_import.FileRefused")
def _refused_file(error: Exception) -> CliFailure:
    return CliFailure("Ce fichier ne peut pas être lu.", ExitCode.BAD_INPUT, [str(error)])


def run(
    context: CliContext, *, file: Path, outcome: RemovalOutcome | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """The whole of it. Raises CliFailure when a line was set aside or refused, the others being done."""
    from workflow.removals.file_import import check_rows, decode_file, parse_rows

    rows = parse_rows(decode_file(_content(file), most=MOST_BYTES), outcome, most=MOST)
    with opened(context) as (app, actor):
        from portal.cli.output import confirmed
        from workflow.auth.actors import require_operator
        from workflow.removals.file_import import confirm_rows

        require_operator(actor, "confirmer un retrait")
        with app.database.read() as connection:
            found = check_rows(connection, rows, actor, app.engine, app.mailer)
        say(_summary(found))
        if not found.ready:
            raise CliFailure("Aucune ligne ne peut être confirmée, rien n'a changé.", ExitCode.REFUSED)
        if dry_run:
            say(["À blanc : rien n'est écrit."])
            return _judge(len(rows), len(found.faults), dry_run=True)
        if not yes and not confirmed(f"Confirmer {french.plural(len(found.ready), 'retrait')} ?", "--yes"):
            raise CliFailure("Rien n'est confirmé, rien n'a changé.", ExitCode.REFUSED)
        done: list[RowResult] = []
        try:
            with progress(len(found.ready), "Retraits") as advance:
                lines = [line.row for line in found.ready]
                for result in confirm_rows(app.engine, lines, actor, key=None, refuse_rest=False):
                    done.append(result)
                    advance(1)
        finally:
            _tell(done, found.faults, as_json=as_json)
    return _judge(len(rows), len(found.faults) + sum(_is_refused(one) for one in done))


def _content(file: Path) -> bytes:
    """One byte more than is taken is enough to tell that there is too much."""
    if str(file) == _STDIN:
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    with file.open("rb") as source:
        return source.read(MOST_BYTES + 1)


def _summary(found: "CheckedRows") -> Iterator[str]:
    counts = Counter(one.row.outcome for one in found.ready)
    yield f"{french.plural(len(found.ready), 'retrait')} à confirmer{' :' if counts else '.'}"
    yield from (f"  {outcome.label} : {counts[outcome]}" for outcome in RemovalOutcome if counts[outcome])
    for one in found.ready:
        for warning in one.warnings:
            yield f"Attention : ligne {one.row.number}, {one.row.reference} : {warning.message} ({warning.rule})."
    if found.faults:
        yield f"{french.plural(len(found.faults), 'ligne écartée', 'lignes écartées')} :"
    yield from (f"  ligne {one.number}{_written(one)} : {one.message}" for one in found.faults)


def _written(fault: "RowFault") -> str:
    return f", {fault.written}" if fault.written else ""


def _tell(done: "Sequence[RowResult]", faults: "Sequence[RowFault]", *, as_json: bool) -> None:
    if as_json:
        rows = [_row_removal_confirm(one) for one in done] + [_faulty(one) for one in faults]
        emit(sorted(rows, key=lambda row: str(row["line"]).zfill(9)), {}, as_json)
        return
    for one in done:
        click.echo(printable(f"Ligne {one.row.number} : {_line(one)}"))


def _line(one: "RowResult") -> str:
    from states.decision import Refused

    if isinstance(one.result, Refused):
        return f"{one.row.reference} : refusé. {one.result}"
    return f"{words.sentence(one.result)[:-1]}, {one.row.outcome.label})."


def _row_removal_confirm(one: "RowResult") -> dict[str, object]:
    from states.decision import Refused

    told = {"line": one.row.number, "reference": one.row.reference, "outcome": one.row.outcome}
    if isinstance(one.result, Refused):
        return {**told, "refused": [words.reason_row(reason) for reason in one.result.reasons]}
    return {**told, **words.done_row(one.result), "refused": []}


def _faulty(fault: "RowFault") -> dict[str, object]:
    return {"line": fault.number, "written": fault.written, "problem": fault.message}


def _is_refused(one: "RowResult") -> bool:
    from states.decision import Refused

    return isinstance(one.result, Refused)


def _judge(lines: int, left: int, *, dry_run: bool = False) -> None:
    if left:
        which = "1 ligne" if left == 1 else f"{left} lignes"
        rest = "" if dry_run or left == lines else " Le reste est fait."
        verb = "ne serait pas confirmée" if dry_run else "n'est pas confirmée"
        several = "ne seraient pas confirmées" if dry_run else "ne sont pas confirmées"
        raise CliFailure(f"{which} sur {lines} : {verb if left == 1 else several}.{rest}", ExitCode.REFUSED)


# Where the export of removals goes: the standard output, or a file that is whole or not there.


_STDOUT = "-"


@failure_for("notifications.rendering.exports.Unexportable")
def _unexportable(error: Exception) -> CliFailure:
    return CliFailure("Cet export ne peut pas être composé.", ExitCode.SETTINGS, [str(error)])


def write(pieces: Iterator[bytes], output: Path | None, *, force: bool) -> None:
    """Write them as they come; a file takes its name once it is whole, and replaces another only with ``force``."""
    if output is None or str(output) == _STDOUT:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    if output.exists() and not force:
        remedy = "Que faire : ajouter --force pour le remplacer, ou choisir un autre fichier avec --output."
        raise CliFailure(f"{output} existe déjà, rien n'est écrit.", ExitCode.REFUSED, [remedy])
    with writing(output, "choisir un autre fichier avec --output"):
        _store(pieces, output)
    click.echo(printable(f"{output} est écrit."))


def _store(pieces: Iterator[bytes], output: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")  # this account alone reads it
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def example_pieces(settings: "Settings") -> Iterator[bytes]:
    """The template in force, on examples. Raises TemplatesRefused with all that is wrong with the templates (R68)."""
    from notifications.authoring.examples import DAY
    from notifications.authoring.examples import REMOVAL_LINES as REMOVALS
    from notifications.rendering.exports import removals
    from workflow.app import load_templates, mail_context
    from workflow.removals.export import encoded

    pieces = removals(load_templates(settings), REMOVALS, DAY, mail_context(settings))
    return encoded(pieces, settings.removals.export)


_COLUMNS = {
    "reference": "Référence", "person": "RUPN", "school": "Établissement", "school_year": "Année",
    "said": "À faire aujourd'hui, ou fait", "opened_at": "Depuis",
}  # fmt: skip


_EMPTY = "Aucun retrait ne correspond."


@click.group("removal", cls=CommandGroup, help="Les retraits sur le serveur ODA : les lister, exporter, confirmer.")
def removal() -> None:
    pass


def _filters(function: Callback) -> Callback:
    """The options that narrow a list of removals."""
    for option in (
        click.option("--departement", default="", metavar="CODE", help="D'un département : 31, 2A, 974."),
        click.option("--uai", type=Uai(), default="", metavar="UAI", help="D'un établissement."),
        click.option("--year", "school_year", type=Year(), metavar="ANNÉE", help="D'une année scolaire : 2026-2027."),
        labelled_option(RemovalKind, "--kind", metavar="GENRE", help="De ce genre."),
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
@limit_option
@click.option("--after", metavar="SUITE", help="La page suivante : ce que la page précédente a dit d'ajouter.")
@json_option
@pass_cli_context
def list_(context: CliContext, /, limit: int, after: str | None, as_json: bool, **wanted: Any) -> None:

    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.removals.tasks import list_removals

        _rectorat_only(actor)
        try:
            page = list_removals(
                connection, _wanted(**wanted), app.policy, app.mailer, after=after, limit=limit
            )  # fmt: skip
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
@_filters
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
    help="Le fichier à écrire ; à défaut, ou avec « - », la sortie standard.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@click.option("--example", is_flag=True, help="Essaie le modèle sur des exemples, sans lire la base.")
@pass_cli_context
def export(context: CliContext, /, output: Path | None, force: bool, example: bool, **wanted: Any) -> None:

    if example:
        write(example_pieces(context.settings()), output, force=force)
        return
    with opened(context) as (app, actor):
        from workflow.removals.export import removals_file

        _rectorat_only(actor)
        pieces = removals_file(app.engine, app.mailer, app.settings.removals.export, _wanted(**wanted))
        write(pieces, output, force=force)


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
@labelled_option(RemovalOutcome, "--outcome", metavar="RÉSULTAT",
    help="Ce qui a été fait, pour les lignes qui ne le disent pas.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait confirmé, sans rien écrire.")
@click.option("--yes", is_flag=True, help="Confirme sans poser la question.")
@click.option("--json", "as_json", is_flag=True, help="Écrit le résultat de chaque ligne en JSON.")
@pass_cli_context
def confirm(context: CliContext, /, **given: Any) -> None:

    run(context, **given)


def _rectorat_only(actor: "Actor") -> None:
    """The removals of the whole académie are the rectorat's and its readers' to see (R2, R3)."""
    from workflow.auth.actors import NotAllowed

    if actor.is_establishment:
        raise NotAllowed("Les retraits se lisent avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")


def _wanted(*, departement: str, **wanted: Any) -> "RemovalFilters":
    from workflow.removals.tasks import RemovalFilters
    from workflow.settings.sections import normalise_departement

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
