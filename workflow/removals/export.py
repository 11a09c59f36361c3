"""The removals to do as the file that the ODA server's console takes: what is to be done is computed now (R48, R83)."""

from collections.abc import Iterable, Iterator
from typing import Final

from notifications.mailer import Mailer
from notifications.messages.catalogue import MailContext
from notifications.messages.facts import Person, Place
from notifications.rendering import exports
from workflow.engine.engine import Engine
from workflow.removals.tasks import RemovalFilters, RemovalLine, list_removals
from workflow.settings.removals import ExportSettings

PAGE: Final = 500
"""Lines that are read at once, in a transaction of their own: who downloads slowly holds nothing of the database."""


_ENDS: Final = {"crlf": "\r\n", "lf": "\n"}


class OpenRemovals:
    """The open tasks that the filters leave, by reference, read page by page each time they are asked for."""

    def __init__(self, engine: Engine, mailer: Mailer, filters: RemovalFilters) -> None:
        """Raises ValueError in French when the filters ask for those that are confirmed."""
        if filters.confirmed:
            raise ValueError("Ce qui est confirmé n'est plus à faire : exporter une des deux autres listes.")
        self._engine, self._mailer, self._filters = engine, mailer, filters

    def __iter__(self) -> Iterator[exports.Removal]:
        after: str | None = None
        database, policy, mailer = self._engine.database, self._engine.policy, self._mailer
        while True:
            with database.read() as connection:
                page = list_removals(connection, self._filters, policy, mailer, after=after, limit=PAGE)
            context = mailer.mail_context
            yield from (_exported(line, context) for line in page.lines)
            if page.after is None:
                return
            after = page.after


def removals_file(
    engine: Engine, mailer: Mailer, settings: ExportSettings, filters: RemovalFilters
) -> Iterator[bytes]:  # fmt: skip
    """The file, piece by piece, in the form of the template and of ``removals.export``.

    Raises ValueError at once when the filters ask for confirmed ones; then DatabaseBusy, DatabaseUnreachable and
    notifications.rendering.exports.Unexportable as it goes.
    """
    lines, today = OpenRemovals(engine, mailer, filters), engine.policy.calendar.today(engine.clock.now())
    pieces = exports.removals(mailer.wordings, lines, today, mailer.mail_context)
    return encoded(pieces, settings)


def encoded(pieces: Iterable[str], settings: ExportSettings) -> Iterator[bytes]:
    """The text as the settings want it written."""
    mark = "\ufeff" if settings.encoding == "utf-8-sig" else ""
    codec = "windows-1252" if settings.encoding == "windows-1252" else "utf-8"
    for piece in pieces:
        yield (mark + piece.replace("\n", _ENDS[settings.line_ends])).encode(codec, "replace")
        mark = ""


def _exported(line: RemovalLine, context: MailContext) -> exports.Removal:
    request, todo = line.request, line.todo
    if todo is None:
        raise AssertionError("an open task has something to do")
    return exports.Removal(
        reference=request.reference,
        establishment=Place(uai=request.uai, nom=line.establishment, commune=line.commune),
        departement=line.departement or "",
        rupn=Person(nom=request.nom, prenom=request.prenom, mail=request.mail),
        school_year=str(request.school_year),
        action=todo.action, asks=line.is_question, since=context.day_of(line.opened_at),
        expires_on=request.expires_on, new_expiry=todo.expires_on, kept_for=todo.kept_for,
        following=todo.following, to_verify=todo.to_verify,
    )  # fmt: skip
