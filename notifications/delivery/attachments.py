"""Files joined to mails: papers and the académie's documentation, whose fitness is checked here (R59)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from notifications.vocabulary import CODE_MAILS, Kind

if TYPE_CHECKING:  # the settings check files with this module: they need no mail
    from notifications.messages.catalogue import Document, MailContext

MAX_BYTES: Final = 5_000_000
"""The largest size of one file, in bytes."""
MAX_ALL_BYTES: Final = 8_000_000
"""The largest size of all together, in bytes: encoded they weigh a third more, and relays have limits."""
JOINED_TO: Final = (*CODE_MAILS, Kind.KEY_EXTENDED)
"""The mails that documentation goes with: those after which somebody uses a key."""

_SIGNATURE: Final = b"%PDF"
_cache: dict[str, tuple[tuple[int, int], bytes]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A PDF file joined to a mail: its name there, its bytes, and its title for readers."""

    filename: str
    content: bytes
    title: str = ""


class DocumentMissing(Exception):
    """A documentation file can no longer be joined; ``str()`` says in French which one, why, and what to do."""


def document_problem(path: str) -> str | None:
    """Say in French why this file cannot be joined to a mail, and what to do; None when it can."""
    if not os.path.exists(path):  # which, unlike Path's, never raises
        return f"le fichier {path} n'existe pas : l'y mettre, ou corriger le chemin"
    if not os.path.isfile(path):
        return f"{path} n'est pas un fichier : donner le chemin d'un PDF"
    try:
        with open(path, "rb") as file:
            start, size = file.read(len(_SIGNATURE)), os.fstat(file.fileno()).st_size
    except OSError:
        return f"le fichier {path} ne peut pas être lu : en donner le droit au compte du service"
    return _content_problem(path, start, size)


def _content_problem(path: str, start: bytes, size: int) -> str | None:
    if not start.startswith(_SIGNATURE):
        return f"le fichier {path} n'est pas un PDF : l'enregistrer dans ce format"
    if size > MAX_BYTES:
        return f"le fichier {path} pèse {megabytes(size)}, et {megabytes(MAX_BYTES)} au plus sont admis : l'alléger"
    return None


def megabytes(size: int) -> str:
    """Write a size in bytes for a reader: ``5,2 Mo``; rounded up, so that too much is never shown as enough."""
    tenths = -(-size // 100_000)
    whole, rest = divmod(tenths, 10)
    return f"{whole},{rest} Mo" if rest else f"{whole} Mo"


def has_attachments(kind: Kind, context: MailContext) -> bool:
    """Return True when documentation is joined to a mail of this kind; no file is read."""
    return kind in JOINED_TO and bool(context.documents)


def attachments_of(kind: Kind, context: MailContext) -> tuple[Attachment, ...]:
    """Read the documentation joined to a mail of this kind, as it is on the disk now.

    A file is read once, and again when it has changed. Raises DocumentMissing when one is no longer fit.
    """
    if not has_attachments(kind, context):
        return ()
    return tuple(
        Attachment(filename=document.filename, content=_content(document), title=document.title)
        for document in context.documents
    )


def _content(document: Document) -> bytes:
    path = document.path
    try:
        status = os.stat(path)
        stamp = (status.st_mtime_ns, status.st_size)
        if (cached := _cache.get(path)) and cached[0] == stamp:
            return cached[1]
        content = b"" if document_problem(path) else Path(path).read_bytes()
    except OSError:
        content = b""
    if problem := document_problem(path) or _content_problem(path, content[: len(_SIGNATURE)], len(content)):
        _cache.pop(path, None)
        raise DocumentMissing(f"documentation « {document.title} » : {problem}")
    _cache[path] = stamp, content
    return content
