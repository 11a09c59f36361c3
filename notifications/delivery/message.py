"""The MIME message as it goes on the wire, with its files (R59); the code comes in at the last moment (R60).

The code is masked in what the relay answers. The académie's documentation is checked when it is joined, for a file may
have changed.

The standard library's older classes are used: ``EmailMessage`` parses and folds every header anew, which costs four
times all the rest of a sending (``./run bench mail``).
"""

from __future__ import annotations

import os
import re
import uuid
from binascii import b2a_qp
from collections.abc import Iterable
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import Compat32
from email.utils import format_datetime, formataddr
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from notifications.rendering.markup import MASK
from notifications.rendering.renderer import html_with_code, with_code
from notifications.settings import MailSettings, document_content_problem, document_problem
from notifications.vocabulary import CODE_MAILS, Kind, Mail

if TYPE_CHECKING:
    from notifications.messages.catalogue import Document, MailContext

    Part = Message[Any, Any]
else:
    Part = Message  # generic for the type checker alone

JOINED_TO: Final = (*CODE_MAILS, Kind.KEY_EXTENDED)
"""The mails that documentation goes with: those after which somebody uses a key."""

_cache: dict[str, tuple[tuple[int, int], bytes]] = {}

LINE: Final = 76
"""The most characters of a header's line: RFC 2047 (section 2) allows no more where there is an encoded word."""

REVEALING: Final = 6
"""The number of characters of the code, side by side, that already reveal too much of it."""

_STATUS: Final = re.compile(r"\s*(\d{3}[ -]?(?:\d\.\d{1,3}\.\d{1,3})?)")

_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_=%&#;:\\-]{20,}")
"""Long enough to be sixteen characters in base64, in hexadecimal or in any escape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A PDF file joined to a mail: its name there, its bytes, and its title for readers."""

    filename: str
    content: bytes
    title: str = ""


class DocumentMissing(Exception):
    """A documentation file can no longer be joined; ``str()`` says in French which one, why, and what to do."""


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
    if problem := document_problem(path) or document_content_problem(path, content, len(content)):
        _cache.pop(path, None)
        raise DocumentMissing(f"documentation « {document.title} » : {problem}")
    _cache[path] = stamp, content
    return content


class _Folded(str):
    """A header's value that is encoded and folded already."""


class _Wire(Compat32):
    """The wire's policy: a header that is short and plain is written as it is, the library folds the others."""

    def fold_binary(self, name: str, value: str) -> bytes:
        is_plain = len(name) + len(value) + 2 <= LINE and value.isascii() and value.isprintable()
        if is_plain or isinstance(value, _Folded):
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


WIRE: Final = _Wire(linesep="\r\n", max_line_length=LINE)


class _Writer(BytesGenerator):
    """Writes a text as ``_text`` has encoded it: no line is left to be cut, examined or encoded."""

    def _handle_text(self, part: Part) -> None:
        self.write(str(part.get_payload()).replace("\n", WIRE.linesep))


def new_message_id(settings: MailSettings) -> str:
    """Draw a Message-ID of our own: a relay's would not be known at a retry (R56)."""
    return f"<{uuid.uuid4().hex}@{settings.id_domain}>"


def compose(mail: Mail, settings: MailSettings, code: str | None, files: Iterable[Attachment] = ()) -> bytes:
    """Compose the whole message: text and HTML, then the files.

    The same mail gives the same bytes however often it is composed. Raises ValueError on a header that would break its
    line.
    """
    body, html = mail.body or "", mail.html
    if code:
        body, html = with_code(body, code), html and html_with_code(html, code)
    message_id = mail.message_id or ""
    unique = message_id.strip("<>").partition("@")[0]  # boundaries drawn from it are the same at a retry
    content: Part = _text(body, "plain")
    if html:
        content = MIMEMultipart("alternative", f"=_words_{unique}", [content, _text(html, "html")], policy=WIRE)
    attachments: list[Part] = []
    for file in files:
        attachments.append(MIMEApplication(file.content, "pdf", policy=WIRE, name=file.filename))
        attachments[-1].add_header("Content-Disposition", "attachment", filename=file.filename)
    if attachments:
        content = MIMEMultipart("mixed", f"=_files_{unique}", [content, *attachments], policy=WIRE)
    headers = [*_service_headers(settings), ("To", mail.recipient), ("Subject", mail.subject or "")]
    if mail.dated_at:
        headers.append(("Date", format_datetime(mail.dated_at)))
    headers.append(("Message-ID", message_id))
    if mail.reference:  # one thread a request
        headers.append(("References", f"<{mail.reference.lower()}@{settings.id_domain}>"))
    for name, value in headers:
        if not isinstance(value, _Folded) and ("\n" in value or "\r" in value):
            raise ValueError(f"{name} has a line break")
        content[name] = value if value.isascii() else _encoded(name, value)
    wire = BytesIO()
    _Writer(wire, mangle_from_=False, policy=WIRE).flatten(content)
    return wire.getvalue()


def _encoded(header: str, text: str) -> _Folded:
    """Encode text as words of at most 75 characters, folded (RFC 2047)."""
    return _Folded(Header(text, "utf-8", maxlinelen=LINE, header_name=header).encode(linesep=WIRE.linesep))


def _mailbox(header: str, name: str, address: str) -> str:
    """Write an address with its display name, which is quoted, or encoded where it is long or not ASCII."""
    plain = formataddr((name, address)) if name.isascii() else ""
    if plain and (not name or len(header) + len(plain) + 2 <= LINE):
        return plain
    words = _encoded(header, name)
    last = f"{header}: {words}".rpartition(WIRE.linesep)[2]
    gap = " " if len(last) + len(address) + 3 <= LINE else f"{WIRE.linesep} "
    return _Folded(f"{words}{gap}<{address}>")


@lru_cache(maxsize=8)
def _service_headers(settings: MailSettings) -> tuple[tuple[str, str], ...]:
    """The headers of every mail of this service: receivers sort by them, and no out-of-office answer comes back."""
    fixed = [
        ("From", _mailbox("From", settings.sender_name, settings.sender_address)),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("List-Id", f"<oda-delegations.{settings.id_domain}>"),
        ("Content-Language", "fr"),
    ]
    return (*fixed, ("Reply-To", settings.reply_to)) if settings.reply_to else tuple(fixed)


def _text(text: str, subtype: str) -> Part:
    part = MIMENonMultipart("text", subtype, policy=WIRE, charset="utf-8")
    part["Content-Transfer-Encoding"] = "quoted-printable"
    lines = text.replace("\r\n", "\n").replace("\r", "\n")  # a bare one would stay bare on the wire
    encoded = b2a_qp(lines.encode(), quotetabs=False, istext=True)
    part.set_payload(encoded.decode("ascii"))
    return part


def mask_code(reply: str, code: str) -> str:
    """Mask the code in a relay's reply, which may quote the message: nothing of the code is kept (R60).

    A relay may fold its lines, change the case, quote the message as it came on the wire, or a piece of it only: when
    the code stands there broken, changed or encoded, the reply's status alone is kept.
    """
    masked = reply.replace(code, MASK)
    if _is_clean(masked.replace(MASK, " "), code):
        return masked
    status = _STATUS.match(reply)
    return f"{status[1].strip(' -') if status else ''} {MASK}".strip()


def _is_clean(text: str, code: str) -> bool:
    """Return True when no piece of the code stands in this text, nor a word that may encode it.

    A long word is no encoding when it is of one case, as in an address.
    """
    if any(not (word.isalpha() and (word.islower() or word.isupper())) for word in _ENCODED.findall(text)):
        return False
    letters, secret = _letters(text), _letters(code)
    size = min(REVEALING, len(secret))
    return not any(secret[start : start + size] in letters for start in range(len(secret) - size + 1))


def _letters(text: str) -> str:
    """Keep letters and digits alone, of one case; the ends of the reply's lines and its status codes go too."""
    joined = re.sub(r"\s*\n\s*(?:\d{3}[ -])?(?:\d\.\d{1,3}\.\d{1,3}\s)?", "", text)
    return "".join(character for character in joined.casefold() if character.isalnum())
