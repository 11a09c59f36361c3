"""The message as it goes on the wire, made by the standard library; the code is put in at the last moment (R60).

The library's older classes are used: ``EmailMessage`` parses and folds every header anew, which costs four times all
the rest of a sending (``./run bench mail``).
"""

import re
import uuid
from binascii import b2a_qp
from collections.abc import Iterable
from email.errors import MessageError
from email.generator import BytesGenerator
from email.header import Header
from email.headerregistry import Address
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import Compat32
from email.utils import format_datetime, formataddr
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from notifications.delivery.attachments import Attachment
from notifications.messages.mail import Mail
from notifications.rendering.renderer import MASK, html_with_code, with_code
from notifications.settings import MailSettings

if TYPE_CHECKING:
    Part = Message[Any, Any]
else:
    Part = Message  # generic for the type checker alone


LINE: Final = 78


class _Wire(Compat32):
    """The wire's policy; a header that is short and plain is written as it is, all others the library folds."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if isinstance(value, str) and len(name) + len(value) < LINE and value.isascii() and value.isprintable():
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


WIRE: Final = _Wire(linesep="\r\n", max_line_length=LINE)


def new_message_id(settings: MailSettings) -> str:
    """A Message-ID of our own: the relay adds none that we would know at a retry (R56)."""
    return f"<{uuid.uuid4().hex}@{settings.id_domain}>"


@lru_cache(maxsize=4096)
def usable_address(text: str) -> bool:
    """Whether this can stand as a recipient: one plain ASCII address, nothing that could add a header."""
    if not text.isascii() or not text.isprintable():
        return False
    try:
        return bool(Address(addr_spec=text).domain)
    except (ValueError, IndexError, MessageError):
        return False


def compose(mail: Mail, settings: MailSettings, code: str | None, files: Iterable[Attachment] = ()) -> bytes:
    """The whole message: text and HTML, then the files. Raises ValueError on a header that would break its line.

    The same mail gives the same bytes however often it is composed.
    """
    body, html = mail.body or "", mail.html
    if code:
        body, html = with_code(body, code), html and html_with_code(html, code)
    content = _words(body, html, _boundary(mail, "words"))
    attached = [_attached(file) for file in files]
    if attached:
        content = _multipart("mixed", [content, *attached], _boundary(mail, "files"))
    for name, value in _headers(mail, settings):
        if "\n" in value or "\r" in value:
            raise ValueError(f"{name} has a line break")
        content[name] = value if value.isascii() else Header(value, "utf-8", header_name=name)
    return _written(content)


class _Writer(BytesGenerator):
    """The library's, but for a text: encoded by ``_text`` it has no line left to be cut, looked at, encoded."""

    def _handle_text(self, part: Part) -> None:
        self.write(str(part.get_payload()).replace("\n", WIRE.linesep))


def _written(content: Part) -> bytes:
    wire = BytesIO()
    _Writer(wire, mangle_from_=False, policy=WIRE).flatten(content)
    return wire.getvalue()


def _headers(mail: Mail, settings: MailSettings) -> Iterable[tuple[str, str]]:
    yield from _of_service(settings)
    yield "To", mail.recipient
    yield "Subject", mail.subject or ""
    if mail.dated_at:
        yield "Date", format_datetime(mail.dated_at)
    yield "Message-ID", mail.message_id or ""
    if mail.reference:  # one thread a request
        yield "References", f"<{mail.reference.lower()}@{settings.id_domain}>"


@lru_cache(maxsize=8)
def _of_service(settings: MailSettings) -> tuple[tuple[str, str], ...]:
    """What every mail of this service says; receivers sort by it, and no out-of-office answer comes back."""
    fixed = [
        ("From", formataddr((settings.sender_name, settings.sender_address))),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("List-Id", f"<oda-delegations.{settings.id_domain}>"),
        ("Content-Language", "fr"),
    ]
    return (*fixed, ("Reply-To", settings.reply_to)) if settings.reply_to else tuple(fixed)


def _words(body: str, html: str | None, boundary: str) -> Part:
    text = _text(body, "plain")
    return _multipart("alternative", [text, _text(html, "html")], boundary) if html else text


def _text(text: str, subtype: str) -> Part:
    part = MIMENonMultipart("text", subtype, policy=WIRE, charset="utf-8")
    part["Content-Transfer-Encoding"] = "quoted-printable"
    lines = text.replace("\r\n", "\n").replace("\r", "\n")  # a bare one would stay bare on the wire
    encoded = b2a_qp(lines.encode(), quotetabs=False, istext=True)
    part.set_payload(encoded.decode("ascii"))
    return part


def _multipart(subtype: str, parts: list[Part], boundary: str) -> Part:
    return MIMEMultipart(subtype, boundary, parts, policy=WIRE)


def _attached(file: Attachment) -> Part:
    part = MIMEApplication(file.content, "pdf", policy=WIRE, name=file.filename)
    part.add_header("Content-Disposition", "attachment", filename=file.filename)
    return part


def _boundary(mail: Mail, what: str) -> str:
    """Drawn from the Message-ID, so that a retry gives the same bytes."""
    return f"=_{what}_{(mail.message_id or '').strip('<>').partition('@')[0]}"


# What a relay answers may quote the message: nothing of the code stays in what is kept of its words (R60).


PIECE = 6
"""How many characters of the code, side by side, already tell too much of it."""


_STATUS = re.compile(r"\s*(\d{3}[ -]?(?:\d\.\d{1,3}\.\d{1,3})?)")


_ENCODED = re.compile(r"[A-Za-z0-9+/_=%&#;:\\-]{20,}")
"""Long enough to be sixteen characters in base64, in hexadecimal or in any escape."""


def masked(reply: str, code: str) -> str:
    """The reply with the code masked; its status alone when it quotes the code broken, changed or encoded.

    A relay may fold its lines, change the case, quote the message as it came on the wire, or a piece of it only.
    """
    told = reply.replace(code, MASK)
    return told if _is_clean(told, code) else f"{_status(reply)} {MASK}".strip()


def _is_clean(told: str, code: str) -> bool:
    rest = told.replace(MASK, " ")
    if any(not _is_plain(word) for word in _ENCODED.findall(rest)):
        return False
    letters, secret = _letters(rest), _letters(code)
    size = min(PIECE, len(secret))
    return not any(secret[at : at + size] in letters for at in range(len(secret) - size + 1))


def _is_plain(word: str) -> bool:
    """A long word of a reply that is no encoding: words of one case, as in an address, or joined by dashes and dots."""
    return word.isalpha() and (word.islower() or word.isupper())


def _letters(text: str) -> str:
    """Letters and digits alone, of one case, the ends of the reply's lines and its status codes left out."""
    joined = re.sub(r"\s*\n\s*(?:\d{3}[ -])?(?:\d\.\d{1,3}\.\d{1,3}\s)?", "", text)
    return "".join(character for character in joined.casefold() if character.isalnum())


def _status(reply: str) -> str:
    found = _STATUS.match(reply)
    return found[1].strip(" -") if found else ""
