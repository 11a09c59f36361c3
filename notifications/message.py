"""The message as it goes on the wire, made by the standard library; the code is put in at the last moment (R60)."""

import uuid
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from notifications.mail import Mail
from notifications.rendering import with_code
from notifications.settings import MailSettings


def new_message_id(settings: MailSettings) -> str:
    """A Message-ID of our own: the relay adds none that we would know at a retry (R56)."""
    return f"<{uuid.uuid4().hex}@{settings.id_domain}>"


def usable_address(text: str) -> bool:
    """Whether this can stand as a recipient: one plain ASCII address, nothing that could add a header."""
    if not text.isascii() or not text.isprintable():
        return False
    try:
        return bool(Address(addr_spec=text).domain)
    except (ValueError, IndexError, MessageError):
        return False


def compose(mail: Mail, settings: MailSettings, code: str | None) -> bytes:
    """The whole message. Raises ValueError on a header that would break out of its line.

    The same mail gives the same headers and words however often it is composed.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(settings.sender_name, addr_spec=settings.sender_address)
    message["To"] = Address(addr_spec=mail.recipient)
    if settings.reply_to:
        message["Reply-To"] = Address(addr_spec=settings.reply_to)
    message["Subject"] = mail.subject or ""
    message["Date"] = mail.dated_at
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    body = mail.body or ""
    message.set_content(with_code(body, code) if code else body, charset="utf-8", cte="quoted-printable")
    message["Content-Language"] = "fr"
    return message.as_bytes()
