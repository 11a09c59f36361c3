"""The removals to do as the file that the ODA server's console takes: what is to be done is computed now (R48, R83)."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from notifications.mailer import Mailer
from notifications.messages.catalogue import MailContext
from notifications.messages.facts import Person, Place
from notifications.rendering import exports
from states.characters import plainest
from states.french import plural
from workflow.engine.engine import Engine
from workflow.removals.tasks import RemovalFilters, RemovalLine, list_removals
from workflow.settings.removals import ExportSettings

PAGE: Final = 500
"""Lines that are read at once, in a transaction of their own: who downloads slowly holds nothing of the database."""


_CELL: Final = re.compile(r'"(?:[^"]|"")*"|[^;,\t|\r\n"]+')
"""A cell of the file, whatever separates the cells."""


_SHOWN: Final = 10
"""Replaced characters that are named."""


_ENDS: Final = {"crlf": "\r\n", "lf": "\n"}


class OpenRemovals:
    """The open tasks that the filters leave, by reference, read page by page each time they are asked for."""

    def __init__(
        self, engine: Engine, mailer: Mailer, filters: RemovalFilters, counted: "Replacements | None" = None
    ) -> None:  # fmt: skip
        """``counted`` is told how many there were. Raises ValueError in French when the filters ask for those that are
        confirmed."""
        if filters.confirmed:
            raise ValueError("Ce qui est confirmé n'est plus à faire : exporter une des deux autres listes.")
        self._engine, self._mailer, self._filters = engine, mailer, filters
        self._counted = counted or Replacements()

    def __iter__(self) -> Iterator[exports.Removal]:
        after: str | None = None
        database, policy, mailer = self._engine.database, self._engine.policy, self._mailer
        self._counted.rows = 0
        while True:
            with database.read() as connection:
                page = list_removals(connection, self._filters, policy, mailer, after=after, limit=PAGE)
            context = mailer.mail_context
            self._counted.rows += len(page.lines)
            yield from (_exported(line, context) for line in page.lines)
            if page.after is None:
                return
            after = page.after


@dataclass
class Replacements:
    """The characters that the file's encoding cannot write, by what stands for each, and in how many cells (R83).

    ``rows``: the removals that the file has.
    """

    rows: int = 0
    cells: int = 0
    characters: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """A sentence in French, to be said beside the file."""
        several = self.cells > 1
        pairs = [f"{before} → {after}" for before, after in sorted(self.characters.items())[:_SHOWN]]
        more = ", …" if len(self.characters) > _SHOWN else ""
        return (
            f"{plural(self.cells, 'cellule')} {'ont' if several else 'a'} des lettres que ce codage ne sait pas écrire,"
            f" remplacées par les plus proches : {', '.join(pairs)}{more}"
        )


def removals_file(
    engine: Engine, mailer: Mailer, settings: ExportSettings, filters: RemovalFilters,
    replacements: Replacements | None = None,
) -> Iterator[bytes]:  # fmt: skip
    """The file, piece by piece, in the form of the template and of ``removals.export``.

    ``replacements`` is filled as it goes. Raises ValueError at once when the filters ask for confirmed ones; then
    DatabaseBusy, DatabaseUnreachable and notifications.rendering.exports.Unexportable as it goes.
    """
    lines = OpenRemovals(engine, mailer, filters, replacements or Replacements())
    today = engine.policy.calendar.today(engine.clock.now())
    pieces = exports.removals(mailer.wordings, lines, today, mailer.mail_context)
    return encoded(pieces, settings, replacements)


def encoded(
    pieces: Iterable[str], settings: ExportSettings, replacements: Replacements | None = None
) -> Iterator[bytes]:  # fmt: skip
    """The text as the settings want it written; what their encoding lacks is counted in ``replacements``."""
    mark = "\ufeff" if settings.encoding == "utf-8-sig" else ""
    codec = "windows-1252" if settings.encoding == "windows-1252" else "utf-8"
    replacements = Replacements() if replacements is None else replacements
    for piece in pieces:
        text = mark + piece.replace("\n", _ENDS[settings.line_ends])
        try:
            yield text.encode(codec)
        except UnicodeEncodeError:
            yield _CELL.sub(partial(_nearest, codec, replacements), text).encode(codec)
        mark = ""


def _nearest(codec: str, replacements: Replacements, cell: re.Match[str]) -> str:
    """A cell with the nearest that the encoding holds for each character that it lacks."""
    text = unicodedata.normalize("NFC", cell[0])
    lacking = {c: plainest(c, codec) for c in set(text) if not c.encode(codec, "ignore")}
    if lacking:
        replacements.cells += 1
        replacements.characters |= lacking
    return "".join(lacking.get(c, c) for c in text)


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
