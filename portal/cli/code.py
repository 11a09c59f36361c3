"""``oda code``: codes in numbers: batches drawn for the ODA server's console, and a file of typed ones (R97, R98).

A file of codes goes to the standard output alone, never to a terminal: the software writes it on no disk.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import ROW_NUMBER, CliContext, FilePath, labelled_option, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for
from portal.cli.output import ask_confirmation, emit, json_option, limit_option, printable, say
from portal.cli.request.execute import Reference, reason_row
from states import french
from states.vocabulary import ReissueReason

if TYPE_CHECKING:
    from states.model import Actor
    from workflow.app import App
    from workflow.codes.batches import BatchView
    from workflow.engine.engine import Result

_COLUMNS = {
    "number": "Lot", "size": "Codes", "waiting": "En attente", "drawn_at": "Tiré le", "drawn_by": "Par",
    "downloads": "Téléchargé", "state": "Où il en est",
}  # fmt: skip
_EMPTY = "Aucun lot de codes n'a été tiré."

_REFERENCES = click.argument(
    "references", type=Reference(), metavar="[RÉFÉRENCE]...", nargs=-1, help="Des demandes du lot."
)
_NUMBER = click.argument("number", type=ROW_NUMBER, metavar="LOT", help="Le numéro du lot.")
_KEY = click.option(
    "--key", metavar="CLÉ", help="Clé d'action : la même commande rejouée ne fait rien deux fois (R10)."
)


@failure_for("workflow.codes.batches.UnknownBatch")
def _unknown_batch(_: Exception) -> CliFailure:
    return CliFailure("Aucun lot ne porte ce numéro.", ExitCode.BAD_INPUT, ["« oda code list » les donne."])


@failure_for("workflow.codes.reading.CodesFileRefused")
def _file_refused(error: Exception) -> CliFailure:
    reasons = getattr(error, "reasons", ())
    return CliFailure("Le fichier n'est pas fait.", ExitCode.REFUSED, [f"— {reason}" for reason in reasons])


@click.group("code", cls=CommandGroup, help="Les codes en nombre : tirés, ou donnés par un fichier.")
def code() -> None:
    pass


@code.command("list", help="Les lots de codes tirés, le dernier d'abord (R97).")
@limit_option
@json_option
@pass_cli_context
def list_batches(context: CliContext, /, limit: int, as_json: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from workflow.auth.actors import require_rectorat
        from workflow.codes.batches import list_batches

        require_rectorat(actor, "Les lots se lisent avec --as operator:ADRESSE ou --as lecteur:ADRESSE.")
        rows = [_row(batch) for batch in list_batches(connection, limit=limit)]
    emit(rows, _COLUMNS, as_json, _EMPTY, app.settings.zoneinfo)


@code.command("draw", help="Tire un code pour ces demandes, ou pour toutes les prêtes : un lot, aucun courriel (R97).")
@_REFERENCES
@click.option("--ready", is_flag=True, help="Toutes les demandes prêtes, 300 au plus.")
@labelled_option(ReissueReason, "--reason", metavar="RAISON", help="Pour une demande qui a eu un code : pourquoi.")
@click.option(
    "--new-key", "new_key_confirmed", is_flag=True, help="La personne a une clé, une nouvelle est voulue (R42)."
)
@click.option("--anew", is_flag=True, help="Un autre code, à la place de celui qui attend.")
@_KEY
@json_option
@pass_cli_context
def draw(
    context: CliContext, /, references: tuple[str, ...], ready: bool, key: str | None, as_json: bool, **fields: Any
) -> None:
    if bool(references) == ready:
        raise click.UsageError("Donner des références, ou --ready, et l'un des deux seulement.")
    with opened(context) as (app, actor):
        from workflow.codes.batches import MOST_DRAWN, Drawing, draw_codes

        chosen = _ready_references(app, actor, MOST_DRAWN) if ready else list(dict.fromkeys(references))
        if not chosen:
            raise CliFailure("Aucune demande n'est prête : rien à tirer.", ExitCode.REFUSED)
        if len(chosen) > MOST_DRAWN:
            raise click.UsageError(f"{MOST_DRAWN} demandes au plus dans un lot.")
        drawings = [Drawing(reference=reference, **fields) for reference in chosen]
        drawn = draw_codes(app.engine, drawings, actor, key=_key(key))
    if drawn.replayed:
        say([f"Déjà fait sous cette clé : c'est le lot n° {drawn.number}."])
    elif drawn.number is not None:
        say([f"Lot n° {drawn.number}. Ensuite : oda code file {drawn.number}, puis oda code done {drawn.number}"])
    _write_results(drawn.results, "code tiré", as_json=as_json)


@code.command(
    "file",
    help="Écrit sur la sortie standard le fichier d'un lot, codes en clair, pour la console du serveur ODA (R97). Il"
    " n'est écrit sur aucun disque : le passer à la console par un tube.",
)
@click.argument("number", type=ROW_NUMBER, metavar="[LOT]", required=False, help="Le numéro du lot.")
@click.option("--why", default="", metavar="TEXTE", help="Pourquoi il est pris de nouveau (sans nom de personne).")
@click.option("--example", is_flag=True, help="Essaie le modèle sur des exemples, sans lire la base.")
@_KEY
@pass_cli_context
def file(context: CliContext, /, number: int | None, why: str, example: bool, key: str | None) -> None:
    if example:
        from notifications.authoring.examples import CODE_LINES, DAY
        from notifications.rendering.renderer import codes
        from workflow.app import load_templates, mail_context
        from workflow.removals.files import encoded

        own = context.settings()
        pieces = codes(load_templates(own), CODE_LINES, DAY, mail_context(own))
        click.echo(b"".join(encoded(pieces, own.code.file)), nl=False)
        return
    if number is None:
        raise click.UsageError("Donner le numéro du lot, ou --example.")
    if sys.stdout.isatty():
        remedy = f"Que faire : oda code file {number} | la commande de la console."
        raise CliFailure("La sortie est un terminal : des codes y resteraient.", ExitCode.REFUSED, [remedy])
    with opened(context) as (app, actor):
        from workflow.codes.reading import take_file

        settings = app.settings.code.file
        made = take_file(app.engine, app.mailer, settings, number, _operator(actor), key=_key(key), why=why)
    click.echo(made.content, nl=False)
    say([f"{french.plural(made.count, 'code')}. Ensuite, une fois fait sur le serveur : oda code done {number}"])


@code.command("done", help="Dit que les codes d'un lot sont sur le serveur ODA : leurs courriels partent (R97).")
@_NUMBER
@_REFERENCES
@click.option("--except", "left_out", type=Reference(), multiple=True, metavar="RÉFÉRENCE", help="Sauf celle-ci.")
@_KEY
@json_option
@pass_cli_context
def done(
    context: CliContext, /, number: int, references: tuple[str, ...], left_out: tuple[str, ...], key: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    from workflow.codes.batches import send_codes

    _on_batch(context, number, references, left_out, send_codes, "le courriel va partir", key, as_json=as_json)


@code.command(
    "erase", help="Efface des codes tirés qui ont échoué sur le serveur : chaque demande redevient prête (R97)."
)
@_NUMBER
@click.argument("references", type=Reference(), metavar="RÉFÉRENCE...", nargs=-1, required=True, help="Les demandes.")
@_KEY
@json_option
@pass_cli_context
def erase(
    context: CliContext, /, number: int, references: tuple[str, ...], key: str | None, as_json: bool
) -> None:  # fmt: skip
    from workflow.codes.batches import erase_codes

    _on_batch(context, number, references, (), erase_codes, "code effacé", key, as_json=as_json)


@code.command(
    "take-back",
    help="Annule d'un coup l'envoi des codes d'un lot, ou des demandes citées, tant que leurs courriels attendent"
    " (R62) : chaque demande revient où elle en était.",
)
@_NUMBER
@click.argument("references", type=Reference(), metavar="RÉFÉRENCE...", nargs=-1, help="Les demandes ; sinon toutes.")
@_KEY
@json_option
@pass_cli_context
def take_back(
    context: CliContext, /, number: int, references: tuple[str, ...], key: str | None, as_json: bool
) -> None:  # fmt: skip
    with opened(context) as (app, actor):
        from workflow.codes.batches import load_batch, on_the_way, take_back_codes

        with app.database.read() as connection:
            load_batch(connection, number)
            held = on_the_way(connection, number, app.policy, app.clock.now())
        chosen = references or held
        if not chosen:
            raise CliFailure(f"Aucun courriel du lot n° {number} n'attend de partir.", ExitCode.REFUSED)
        results = take_back_codes(app.engine, dict.fromkeys(chosen), _operator(actor), key=_key(key))
    _write_results(results, "envoi annulé", as_json=as_json)


@code.command(
    "issue",
    help="Émet les codes d'un fichier référence;code (CSV, XLSX, XLS, ODS) ; avec « - », de l'entrée standard. Chaque"
    " ligne est vérifiée avant que la première soit faite (R98).",
)
@click.argument(
    "source", type=FilePath(exists=True, dir_okay=False, allow_dash=True, path_type=Path), metavar="FICHIER",
    help="Le fichier.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Dit ce qui serait fait, sans rien faire.")
@click.option("--yes", is_flag=True, help="Ne demande pas de confirmation.")
@click.option("--file-is-complete", "is_complete", is_flag=True, help="Il est entier, bien qu'il ait l'air coupé.")
@_KEY
@json_option
@pass_cli_context
def issue(
    context: CliContext, /, source: Path, dry_run: bool, yes: bool, is_complete: bool, key: str | None, as_json: bool
) -> None:
    from workflow.codes.batches import check_codes, issue_codes, read_code_file, read_codes

    content = sys.stdin.buffer.read() if str(source) == "-" else source.read_bytes()
    codes = read_codes(read_code_file(BytesIO(content), is_complete=is_complete))
    with opened(context) as (app, actor):
        checked = check_codes(app.engine, app.mailer, codes, _operator(actor))
        ready = sum(line.is_ready for line in checked)
        refused = [line for line in checked if not line.is_ready]
        say(
            f"Ligne {line.line} ({line.reference or 'référence illisible'}) : {reason}"
            for line in refused for reason in line.reasons
        )  # fmt: skip
        aside = french.plural(len(refused), "ligne refusée", "lignes refusées")
        say([f"{french.plural(ready, 'code')} à émettre, {aside}."])
        if dry_run or not ready:
            if refused:
                raise CliFailure("Rien n'est fait.", ExitCode.REFUSED)
            return
        if not yes and not ask_confirmation(f"Émettre {french.plural(ready, 'code')} ?", "--yes"):
            raise CliFailure("Rien n'est fait.", ExitCode.REFUSED)
        results = issue_codes(app.engine, codes, actor, key=_key(key))
    by_line = {result.line: result.result for result in results}
    named = {f"ligne {code.line}, {code.reference or 'référence illisible'}": by_line[code.line] for code in codes}
    _write_results(named, "code émis", as_json=as_json)


def _on_batch(
    context: CliContext, number: int, references: Sequence[str], left_out: Sequence[str],
    act: "Callable[..., Mapping[str, Result]]", outcome: str, key: str | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Act on the requests of a batch that are named, or on all those that wait in it, and write each result."""
    with opened(context) as (app, actor):
        from workflow.codes.batches import load_batch

        with app.database.read() as connection:
            batch = load_batch(connection, number)
        chosen = [ref for ref in (references or batch.waiting) if ref not in left_out]
        if not chosen:
            raise CliFailure(f"Aucun code n'attend dans le lot n° {number}.", ExitCode.REFUSED)
        results = act(app.engine, number, chosen, _operator(actor), key=_key(key))
    _write_results(results, outcome, as_json=as_json)


def _write_results(results: "Mapping[str, Result]", outcome: str, *, as_json: bool) -> None:
    from states.decision import Refused

    refused = 0
    rows: list[dict[str, object]] = []
    for reference, result in results.items():
        is_refused = isinstance(result, Refused)
        refused += is_refused
        reasons = [reason_row(reason) for reason in result.reasons] if isinstance(result, Refused) else []
        rows.append({"reference": reference, "refused": reasons})
        if not as_json:
            click.echo(printable(f"{reference} : {f'refusé. {result}' if is_refused else outcome}."))
    if as_json:
        emit(rows, {}, as_json)
    if refused:
        raise CliFailure(
            f"{french.plural(refused, 'demande refusée', 'demandes refusées')} sur {len(rows)}.", ExitCode.REFUSED
        )


def _ready_references(app: "App", actor: "Actor", most: int) -> list[str]:
    from workflow.requests.filters import Checks, Filters
    from workflow.requests.worklist import Order, Worklist

    with app.database.read() as connection:
        worklist = Worklist(connection, actor, app.policy, app.clock.now())
        return worklist.references(Filters(checks=Checks.READY), Order.WAITING, most)


def _key(key: str | None) -> str:
    from uuid import uuid4

    return f"cli:{key or uuid4().hex}"


def _operator(actor: "Actor") -> "Actor":
    """The same, an operator. Raises NotAllowed for anybody else: a code is shown to nobody else (R2, R60)."""
    from states.vocabulary import Role
    from workflow.auth.actors import NotAllowed

    if actor.role is not Role.OPERATOR:
        raise NotAllowed("Les codes se donnent avec --as operator:ADRESSE.")
    return actor


def _row(batch: "BatchView") -> dict[str, object]:
    from workflow.codes.batches import batch_state

    return {
        "number": batch.number, "size": batch.size, "waiting": len(batch.waiting), "drawn_at": batch.drawn_at,
        "drawn_by": batch.drawn_by, "downloads": batch.downloads, "downloaded_at": batch.downloaded_at,
        "downloaded_by": batch.downloaded_by, "done_at": batch.done_at, "done_by": batch.done_by,
        "state": batch_state(batch), "references": list(batch.waiting),
    }  # fmt: skip
