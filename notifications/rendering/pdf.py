"""From a paper to its PDF: accessible (PDF/UA-1), and the same to the byte each time it is made (R69)."""

import json
import re
import tempfile
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from notifications.messages.catalogue import CATALOGUE, MailContext
from notifications.rendering.child import ChildStopped, in_child, run_in_child, step
from notifications.rendering.environment import TemplateLoader, own_wordings
from notifications.rendering.papers import Paper, PaperUnmakeable, from_json, papers_of, place_of, source_of
from notifications.vocabulary import Kind

if TYPE_CHECKING:
    from sqlalchemy import Connection

STANDARD: Final = "ua-1"

_AT = re.compile(r"^error: .*\n\s*┌─ .*__typst_py_bytes__\.typ:(\d+):\d+$", re.MULTILINE)

_WARNED_AT = re.compile(r"__typst_py_bytes__\.typ:(\d+):\d+")

_UNDRAWN = "could not be displayed"

_SIGNS = "–—‘’‚“”„†‡•…‰‹›€™"


def compile_paper(paper: Paper, made_at: datetime) -> bytes:
    """The PDF. ``made_at`` (aware) is the date that it bears; neither the machine's fonts nor its time zone count.

    Nothing but the paper is read: no file, no network; one of the académie's own is made in a child process. A
    character that no embedded font can draw becomes « ? »: a paper is made whatever the name. Raises PaperUnmakeable,
    with the template's file and line.
    """
    if made_at.tzinfo is None:
        raise ValueError("a naive datetime was given where an instant is meant")
    is_trusted = in_child() or paper.source == source_of(own_wordings(), paper.name)
    make = _compiled if is_trusted else _compiled_in_child
    for drawable in (
        lambda _: True,
        lambda char: _western(char) or unicodedata.name(char, "").startswith("LATIN"),
        _western,
    ):
        try:
            return make(paper.source, _with_drawable(paper.data, drawable), int(made_at.timestamp()))
        except PaperUnmakeable as error:
            if _UNDRAWN not in error.why or drawable is _western:
                raise
    raise AssertionError("the last attempt returns or raises")


def _compiled_in_child(source: str, data: Any, at: int) -> bytes:
    """A paper of the académie's own templates: one that hangs, or is too large, stops nothing else."""
    try:
        content: bytes = run_in_child(f"{__name__}:compiled", source, data, at)
    except ChildStopped as stopped:
        raise _unmakeable(source, None, stopped.why) from None
    return content


def compiled(source: str, data: Any, at: int) -> bytes:
    """The PDF of a text for typst. Raises PaperUnmakeable."""
    with step(""):
        return _compiled(source, data, at)


def _compiled(source: str, data: Any, at: int) -> bytes:
    import typst  # 80 MB: paid by who makes a paper, and nobody else

    with tempfile.TemporaryDirectory(prefix="oda-paper-") as root:
        try:
            compiler = typst.Compiler(
                source.encode(), root=root, ignore_system_fonts=True, sys_inputs={"data": json.dumps(data)},
                package_path=root, package_cache_path=root,
            )  # fmt: skip
            content, warnings = compiler.compile_with_warnings(format="pdf", pdf_standards=STANDARD, timestamp=at)
        except typst.TypstError as error:
            where = _AT.search(error.diagnostic)
            why = "; ".join([error.message, *error.hints]).replace(root, "")
            raise _unmakeable(source, where, f"typst refuse ce modèle ({why})") from None
        except BaseException as error:
            # A bug of typst itself arrives as a panic, which is no Exception: it must not stop all other mails.
            if type(error).__name__ != "PanicException":
                raise
            raise _unmakeable(source, None, "typst s'est arrêté en composant ce modèle") from None
    for warning in warnings:
        if "unknown font family" in warning.message:
            where = _WARNED_AT.search(warning.diagnostic)
            raise _unmakeable(source, where, f"cette police n'est pas de celles de typst ({warning.message})")
    return bytes(content)  # type: ignore[arg-type]  # a list of pages for an image, bytes for a PDF


def _unmakeable(source: str, where: re.Match[str] | None, why: str) -> PaperUnmakeable:
    return PaperUnmakeable(*place_of(source, int(where[1]) if where else None), why)


def _western(char: str) -> bool:
    return " " <= char <= "~" or "\xa0" <= char <= "\u017f" or char in _SIGNS


def _with_drawable(value: Any, drawable: Callable[[str], bool]) -> Any:
    """The same plain values with « ? » for what is not drawable."""
    if isinstance(value, str):
        return "".join(char if drawable(char) else "?" for char in value)
    if isinstance(value, list | tuple):
        return [_with_drawable(item, drawable) for item in value]
    if isinstance(value, dict):
        return {key: _with_drawable(item, drawable) for key, item in value.items()}
    return value


def stored_year_end_report(
    connection: "Connection", year: str, context: MailContext, wordings: TemplateLoader, now: datetime
) -> tuple[Paper, datetime] | None:
    """The latest report of that school year (``2026-2027``) and the instant that it bears; None when there is none.

    One whose mail has its words is the attached one itself; else it is made as it would leave ``now``. Raises
    PaperUnmakeable.
    """
    from sqlalchemy import select  # the child process that makes papers has no use for a database

    from notifications.outbox.store import COLUMNS, mail_from
    from notifications.outbox.tables import MAILS

    reports = (MAILS.c.kind == Kind.YEAR_END_REPORT.value, MAILS.c.uai.is_(None))  # the second is an index
    rows = connection.execute(select(*COLUMNS).where(*reports).order_by(MAILS.c.id.desc()))
    for mail in map(mail_from, rows):
        facts = CATALOGUE[mail.kind].decode(mail.context)
        if facts.year.label == year:
            if mail.papers and mail.dated_at:
                return from_json(mail.papers)[0], mail.dated_at
            return papers_of(mail.kind, facts, context, wordings)[0], now
    return None
