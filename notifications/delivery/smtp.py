"""One kept connection to the SMTP relay, driven command by command; its errors described in French.

Nothing is decided about a mail before DATA: until then a failure is no attempt that may have left.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from notifications.outbox.retry import (
    ASKS_LOGIN,
    UNREADABLE,
    Command,
    SendOutcome,
    SendResult,
    classify_refusal,
    classify_reply,
    dropped_at,
    format_reply,
)
from notifications.ports import crash_point
from notifications.settings import MailSettings, RelaySettings
from notifications.vocabulary import Fault, RelayFault
from states import french

SMTP_ERRORS: Final = (SMTPException, OSError, TimeoutError)
EXPIRED, NOT_YET, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64
"""OpenSSL's numbers of the faults of a certificate (X509_V_ERR)."""

_CERTIFICATE: Final[Mapping[int, str]] = {
    NOT_YET: "il n'est pas encore valable",
    EXPIRED: "il a expiré",
    18: "il n'est signé que par lui-même",
    19: "l'autorité qui l'a signé est inconnue de cette machine",
    20: "l'autorité qui l'a signé est inconnue de cette machine",
    21: "l'autorité qui l'a signé n'est pas jointe",
    23: "il a été révoqué",
    OTHER_NAME: "il est au nom d'un autre serveur",
    OTHER_ADDRESS: "il est pour une autre adresse",
}
_LACKING: Final = {
    "AUTH": "le relais ne propose pas d'identification",  # first: the library then advises STARTTLS in one breath
    "STARTTLS": "le relais ne propose pas STARTTLS",
    "authentication": "le relais ne propose aucune identification que le logiciel connaisse",
}
"""Descriptions of what the relay lacks, by a word of the library's sentence."""
_GO_AHEAD: Final = 354
FORMALITY_SECONDS = 2.0
"""Longest wait for the answer to RSET and QUIT, which decide about no mail."""
_JUDGEMENTS: Final = (Fault.RECIPIENT_REFUSED, Fault.MESSAGE_REFUSED, Fault.DISPUTED, Fault.DEFERRED)
"""The faults after which the relay is still in step: the connection may be kept."""

Content = Callable[[], Awaitable[bytes | SendResult]]
"""Makes the message just before DATA; a SendResult instead of bytes means that nothing is to be sent."""


def describe_error(error: BaseException, relay: RelaySettings) -> str:
    """Describe an error in French, on one line: the server's own words, else the system's put in ours.

    Kept with the mail and with the pause, shown by the pages, the command line and the operating log (R58, R70).
    """
    if isinstance(error, SMTPException) and isinstance(error.__cause__, OSError):
        return describe_error(error.__cause__, relay)
    match error:
        case SMTPResponseException():
            return format_reply(error.code, error.message)
        case ssl.SSLCertVerificationError():
            return f"le certificat du relais n'est pas admis : {describe_refused_certificate(error.verify_code)}"
        case ssl.SSLError():
            return f"le chiffrement ne s'établit pas : {getattr(error, 'reason', None) or 'raison inconnue'}"
        case socket.gaierror():
            return f"le nom « {relay.host} » est inconnu"
        case OSError() if _has_errno(error, errno.ECONNREFUSED):
            return f"connexion refusée par {relay.host}, port {relay.port}"
        case OSError() if _has_errno(error, errno.EHOSTUNREACH, errno.ENETUNREACH):
            return f"aucun chemin du réseau ne mène à {relay.host}"
        case TimeoutError():
            return f"pas de réponse en {french.plural(relay.timeout_seconds, 'seconde')}"
        case ConnectionError():
            return "connexion perdue : le relais l'a coupée"
    lacking = next((sentence for word, sentence in _LACKING.items() if word in str(error)), None)
    number = error.errno if isinstance(error, OSError) else None
    return lacking or f"connexion perdue ({errno.errorcode.get(number or 0, type(error).__name__)})"


def describe_refused_certificate(number: int) -> str:
    """Describe in French why a certificate is not admitted, by OpenSSL's number."""
    return _CERTIFICATE.get(number, f"défaut n° {number} d'OpenSSL")


def _has_errno(error: OSError, *numbers: int) -> bool:
    """Return True for one of these; of several addresses tried in vain, asyncio keeps the numbers as text."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


class RelayTrouble(Exception):
    """The relay takes no mail at all; ``reply`` holds its words, or the system's.

    ``answer`` is the disputed refusal that it gave to one mail after another (R70); empty when it let us name none.
    """

    def __init__(self, fault: RelayFault, reply: str, answer: str = "") -> None:
        self.fault = fault
        self.reply = reply
        self.answer = answer
        super().__init__(f"{fault.label} ({reply})" if reply else fault.label)


class SmtpClient(SMTP):
    """The library's client, set for our relay, on whose connection nothing lingers once it is closed.

    asyncio would go on writing what is left of a message, and wait half a minute for a server's farewell over TLS.
    """

    def __init__(
        self,
        settings: MailSettings,
        tls_context: ssl.SSLContext | None,
        *,
        username: str | None = None,
        password: str | None = None,
        start_tls: bool = False,
    ) -> None:
        """``tls_context`` None trusts the system's authorities; what is not given is left to be done by hand."""
        relay = settings.relay
        super().__init__(
            hostname=relay.host,
            port=relay.port,
            local_hostname=settings.id_domain,
            timeout=relay.timeout_seconds,
            use_tls=relay.security == "tls",
            tls_context=tls_context,
            username=username,
            password=password,
            start_tls=start_tls,
        )

    def close(self) -> None:
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    async def leave(self) -> None:
        """Say goodbye and close, whatever was said before."""
        if self.is_connected:
            with suppress(*SMTP_ERRORS):
                await self.quit(timeout=FORMALITY_SECONDS)
        self.close()


class RelayConnection:
    """A connection opened when first needed, kept from mail to mail, closed on any error."""

    def __init__(
        self, settings: MailSettings, password: str | None = None, tls_context: ssl.SSLContext | None = None
    ) -> None:
        """``tls_context`` None trusts the system's authorities."""
        self._settings = settings
        self._password = password
        self._tls_context = tls_context
        self._smtp: SmtpClient | None = None
        # All that precedes DATA, the answer to DATA, then the answer to the message must end before the lease does.
        self._envelope_seconds = settings.lease_seconds - 2 * settings.relay.timeout_seconds

    async def deliver(self, recipient: str, content: Content) -> SendResult:
        """Give one mail to the relay. Raises RelayTrouble when it would take none."""
        try:
            async with asyncio.timeout(self._envelope_seconds):
                smtp = await self._ready()
                refusal = await self._rcpt_to(smtp, recipient)
            result = refusal or await self._send_data(smtp, content)
        except RelayTrouble:
            await self.close()
            raise
        except TimeoutError:
            await self.close()
            waited = french.plural(int(self._envelope_seconds), "seconde")
            raise RelayTrouble(RelayFault.DOWN, f"échange inachevé en {waited}") from None
        if result.outcome not in (SendOutcome.SENT, SendOutcome.CANCELLED):
            await self._reset(smtp, result)
        return result

    async def close(self) -> None:
        """Take leave of the relay."""
        smtp, self._smtp = self._smtp, None
        if smtp:
            await smtp.leave()

    async def _ready(self) -> SmtpClient:
        """Return a client whose MAIL is accepted; a kept one that the relay has closed meanwhile is opened anew."""
        if self._smtp:
            try:
                return await self._mail_from(self._smtp)
            except RelayTrouble:
                await self.close()
        relay = self._settings.relay
        smtp = SmtpClient(
            self._settings,
            self._tls_context,
            username=relay.username,
            password=self._password if relay.username else None,
            start_tls=relay.security == "starttls",
        )
        try:
            await smtp.connect()
        except SMTPAuthenticationError as error:
            fault = RelayFault.LOGIN_REFUSED if error.code >= 500 else RelayFault.DOWN
            raise RelayTrouble(fault, format_reply(error.code, error.message)) from None
        except SMTP_ERRORS as error:
            raise RelayTrouble(RelayFault.DOWN, describe_error(error, relay)) from None
        self._smtp = smtp
        return await self._mail_from(smtp)

    async def _mail_from(self, smtp: SmtpClient) -> SmtpClient:
        """Send MAIL FROM. Its argument never depends on the mail, so a refusal means that the relay refuses us."""
        try:
            await smtp.mail(self._settings.sender_address)
        except SMTPSenderRefused as error:
            if 200 <= error.code < 300:
                return smtp
            refused = RelayFault.SENDER_REFUSED if error.code >= 500 else RelayFault.BUSY
            fault = RelayFault.LOGIN_REFUSED if error.code in ASKS_LOGIN else refused
            raise RelayTrouble(fault, format_reply(error.code, error.message)) from None
        except SMTP_ERRORS as error:
            raise RelayTrouble(RelayFault.DOWN, describe_error(error, self._settings.relay)) from None
        return smtp

    async def _rcpt_to(self, smtp: SmtpClient, recipient: str) -> SendResult | None:
        """Send RCPT TO; None when the recipient is accepted."""
        try:
            await smtp.rcpt(recipient)
        except SMTPRecipientRefused as error:
            if 200 <= error.code < 300:
                return None
            return classify_refusal(error.code, error.message, Command.RCPT)
        except SMTP_ERRORS as error:
            return self._dropped(error, Command.RCPT)
        return None

    async def _send_data(self, smtp: SmtpClient, content: Content) -> SendResult:
        """Send DATA, then the message."""
        message = await content()
        if isinstance(message, SendResult):
            with suppress(*SMTP_ERRORS):
                await smtp.rset()
            return message
        crash_point("mail.before_data")
        try:
            async with asyncio.timeout(self._settings.relay.timeout_seconds):
                reply = await smtp.execute_command(b"DATA")
        except SMTP_ERRORS as error:
            return self._dropped(error, Command.DATA)
        if reply.code != _GO_AHEAD:
            result = classify_refusal(reply.code, reply.message, Command.DATA)
        elif getattr(smtp.protocol, "_buffer", b""):  # out of step: the library would misread the next reply
            result = SendResult(SendOutcome.RETRY, Fault.DROPPED, "réponse en trop")
        else:
            result = await self._send_message(smtp, message)
        crash_point("mail.after_data")
        return result

    async def _send_message(self, smtp: SmtpClient, message: bytes) -> SendResult:
        """Send the message itself: from its first byte to the reply we do not know whether it was taken."""
        if smtp.protocol is None:
            return SendResult(SendOutcome.RETRY, Fault.DROPPED)
        # A point that begins a line is doubled, one alone ends the message (RFC 5321, 4.5.2).
        stuffed = (b"." if message.startswith(b".") else b"") + message.replace(b"\n.", b"\n..")
        end = b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            async with asyncio.timeout(self._settings.relay.timeout_seconds):
                smtp.protocol.write(stuffed + end)
                reply = await smtp.protocol.read_response()
        except SMTP_ERRORS as error:
            return SendResult(
                SendOutcome.UNCERTAIN, Fault.LOST_REPLY, describe_error(error, self._settings.relay)
            )  # fmt: skip
        return classify_reply(reply.code, reply.message)

    async def _reset(self, smtp: SmtpClient, result: SendResult) -> None:
        """Keep a connection that judged a mail; close one that is lost, is closing, or is out of step."""
        if result.fault in _JUDGEMENTS and not result.reply.startswith(("421", "50", "2", UNREADABLE)):
            with suppress(*SMTP_ERRORS):
                await smtp.rset(timeout=FORMALITY_SECONDS)
                return
        self._smtp = None
        smtp.close()

    def _dropped(self, error: BaseException, command: Command) -> SendResult:
        described = describe_error(error, self._settings.relay)
        return SendResult(SendOutcome.RETRY, Fault.DROPPED, described, dropped_at(command))
