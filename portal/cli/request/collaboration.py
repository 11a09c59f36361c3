"""``oda request take``, ``release``, ``note``, ``erase-note``: how operators share a request (R88)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, refused
from portal.cli.output import printable, say
from portal.cli.parameters import ROW_NUMBER
from portal.cli.request.execute import free_text, reference_argument
from states import french
from states.vocabulary import Role

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from states.model import Actor
    from workflow.app import App
    from workflow.requests.collaboration import Assignment


@contextmanager
def _opened_on(context: CliContext, reference: str, action: str) -> "Iterator[tuple[App, Actor]]":
    """``opened``, for an operator and a request that exists. Raises NotAllowed (R2), CliFailure."""
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.requests.detail import show_request
        from workflow.requests.filters import not_visible

        require_operator(actor, action)
        with app.database.read() as connection:
            view = show_request(connection, reference, actor, app.policy, app.mailer, app.clock.now())
        if view is None:
            raise refused([not_visible(actor, reference)])
        yield app, actor


@click.command(
    "take",
    help="Dit aux collègues que vous vous occupez de la demande, pour un moment ; cela n'empêche personne d'agir, et"
    " chacun peut la prendre à son tour (R88).",
)
@reference_argument
@pass_cli_context
def take(context: CliContext, /, reference: str) -> None:
    with _opened_on(context, reference, "s'occuper d'une demande") as (app, actor):
        with app.database.read() as connection:
            before = _assignment(connection, app, reference)
        app.assignments.take(reference, actor)
        with app.database.read() as connection:
            current = _assignment(connection, app, reference)
    if before and not before.is_of(actor):
        say([f"Attention : {before.address} s'en occupait. Le lui dire."])
    until = f" jusqu'au {french.instant(current.until, app.settings.zoneinfo)}" if current else ""
    click.echo(printable(f"{reference} : vous vous en occupez{until}."))


@click.command("release", help="Dit que plus personne ne s'occupe de la demande, qui que ce soit qui l'avait (R88).")
@reference_argument
@pass_cli_context
def release(context: CliContext, /, reference: str) -> None:
    with _opened_on(context, reference, "laisser une demande") as (app, _):
        app.assignments.release(reference)
    click.echo(printable(f"{reference} : plus personne ne s'en occupe."))


@click.command(
    "note",
    help="Écrit une note privée sur la demande : les opérateurs seuls la lisent, par « oda request show » (R88).",
)
@reference_argument
@free_text("--text", "La note, de 500 caractères au plus", required=True)
@pass_cli_context
def note(context: CliContext, /, reference: str, text: str) -> None:
    from workflow.requests.collaboration import notes_of

    with _opened_on(context, reference, "écrire une note") as (app, actor):
        if reasons := app.private_notes.write(reference, actor, text):
            raise refused(reasons)
        with app.database.read() as connection:
            number = notes_of(connection, reference)[0].number
    click.echo(printable(f"{reference} : la note n° {number} est écrite, les opérateurs seuls la lisent."))


@click.command("erase-note", help="Efface pour de bon une note privée, qui que ce soit qui l'a écrite (R88).")
@reference_argument
@click.argument("number", type=ROW_NUMBER, metavar="N", help="Le numéro de la note, que « oda request show » donne.")
@pass_cli_context
def erase_note(context: CliContext, /, reference: str, number: int) -> None:
    from workflow.requests.collaboration import notes_of

    with _opened_on(context, reference, "effacer une note") as (app, _):
        with app.database.read() as connection:
            numbers = {note.number for note in notes_of(connection, reference)}
        if number not in numbers:
            remedy = f"Que faire : lire les notes par « oda request show {reference} »."
            message = f"La demande {reference} n'a pas de note n° {number}, rien n'a changé."
            raise CliFailure(message, ExitCode.REFUSED, [remedy])
        app.private_notes.erase(reference, number)
    click.echo(printable(f"{reference} : la note n° {number} est effacée."))


def colleagues_lines(connection: "Connection", app: "App", actor: "Actor", reference: str) -> list[str]:
    """Who handles a request, for the rectorat, and the notes on it, for operators alone; nothing for a chef."""
    from workflow.requests.collaboration import notes_of

    if actor.is_establishment:
        return []
    zone, assignment = app.settings.zoneinfo, _assignment(connection, app, reference)
    lines = []
    if assignment:
        lines.append(f"{assignment.address} s'en occupe, jusqu'au {french.instant(assignment.until, zone)}")
    for written in notes_of(connection, reference) if actor.role is Role.OPERATOR else ():
        when = french.instant(written.written_at, zone)
        lines.append(f"Note n° {written.number}, {written.author}, {when} : {written.body}")
    return lines


def _assignment(connection: "Connection", app: "App", reference: str) -> "Assignment | None":
    from workflow.requests.collaboration import assignments_of

    return assignments_of(connection, [reference], app.clock.now()).get(reference)
