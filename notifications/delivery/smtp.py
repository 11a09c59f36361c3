"""One kept connection to the relay, driven command by command so that nothing is decided before DATA."""

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
    UNREADABLE,
    SendOutcome,
    SendResult,
    after_message,
    after_recipient,
    before_message,
    denies_relaying,
    words,
)
from notifications.ports import crash_point
from notifications.settings import MailSettings, RelaySettings
from notifications.vocabulary import Fault, RelayFault
from states import french

# What went wrong with the relay, in French: the server's own words, else the system's and the libraries' put in ours.
#
# Kept with the mail and with the pause, shown by the pages, the command line and the operating log (R58, R70).


EXPIRED, NOT_YET, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64
"""Why a certificate is not admitted, as OpenSSL numbers it (X509_V_ERR)."""


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
    "STARTTLS": "le relais ne propose pas STARTTLS",
    "AUTH": "le relais ne propose pas d'identification",
    "authentication": "le relais ne propose aucune identification que le logiciel connaisse",
}
"""What the library says of the relay, by a word of its sentence."""


def describe_error(error: BaseException, relay: RelaySettings) -> str:
    """What went wrong: the server's words, else the system's put in French; one line."""
    if isinstance(error, SMTPException) and isinstance(error.__cause__, OSError):
        return describe_error(error.__cause__, relay)
    match error:
        case SMTPResponseException():
            return words(error.code, error.message)
        case ssl.SSLCertVerificationError():
            why = _CERTIFICATE.get(error.verify_code, f"défaut n° {error.verify_code} d'OpenSSL")
            return f"le certificat du relais n'est pas admis : {why}"
        case ssl.SSLError():
            return f"le chiffrement ne s'établit pas : {getattr(error, 'reason', None) or 'raison inconnue'}"
        case socket.gaierror():
            return f"le nom « {relay.host} » est inconnu"
        case OSError() if _is(error, errno.ECONNREFUSED):
            return f"connexion refusée par {relay.host}, port {relay.port}"
        case OSError() if _is(error, errno.EHOSTUNREACH, errno.ENETUNREACH):
            return f"aucun chemin du réseau ne mène à {relay.host}"
        case TimeoutError():
            return f"pas de réponse en {french.plural(relay.timeout_seconds, 'seconde')}"
        case ConnectionError():
            return "connexion perdue : le relais l'a coupée"
    lacking = next((said for word, said in _LACKING.items() if word in str(error)), None)
    return lacking or f"connexion perdue ({_name(error)})"


def _is(error: OSError, *numbers: int) -> bool:
    """Whether the system says one of these; of several addresses tried in vain, asyncio keeps the numbers as text."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


def _name(error: BaseException) -> str:
    """``ENOTCONN``, else the kind of the error: what a search finds, and no sentence."""
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)


Content = Callable[[], Awaitable[bytes | SendResult]]
"""What to send, asked for just before DATA; an Outcome instead of bytes means that nothing is to be sent."""


_ASKS_LOGIN: Final = (530, 535, 538)


_LOST: Final = (SMTPException, OSError, TimeoutError)


_GO_AHEAD: Final = 354


_JUDGED: Final = (Fault.RECIPIENT_REFUSED, Fault.MESSAGE_REFUSED, Fault.DEFERRED)
"""The faults after which the relay still talks sense: the connection may be kept."""


class RelayTrouble(Exception):
    """The relay takes no mail at all; ``reply`` holds its words, or the system's."""

    def __init__(self, fault: RelayFault, reply: str) -> None:
        self.fault = fault
        self.reply = reply
        super().__init__(f"{fault.label} ({reply})" if reply else fault.label)


class SmtpClient(SMTP):
    """A line to the relay on which nothing lingers once we hang up.

    asyncio would go on writing what is left of a message, and wait half a minute for a server's farewell over TLS.
    """

    def close(self) -> None:
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


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
                refused = await self._recipient(smtp, recipient)
            outcome = refused or await self._give(smtp, content)
        except RelayTrouble:
            await self.close()
            raise
        except TimeoutError:
            await self.close()
            waited = french.plural(int(self._envelope_seconds), "seconde")
            raise RelayTrouble(RelayFault.DOWN, f"échange inachevé en {waited}") from None
        if outcome.outcome not in (SendOutcome.SENT, SendOutcome.CANCELLED):
            await self._after_refusal(smtp, outcome)
        return outcome

    async def _after_refusal(self, smtp: SmtpClient, outcome: SendResult) -> None:
        """Keep a connection that judged a mail; close one that is lost, is closing, or has lost step."""
        if outcome.fault in _JUDGED and not outcome.reply.startswith(("421", "50", "2", UNREADABLE)):
            try:
                await smtp.rset(timeout=2)
                return
            except _LOST:
                pass
        await self.close(polite=False)

    async def _ready(self) -> SmtpClient:
        """A connection on which MAIL is accepted; a kept one that the relay has closed meanwhile is opened anew."""
        if self._smtp:
            try:
                return await self._begin(self._smtp)
            except RelayTrouble:
                await self.close()
        self._smtp = await self._open()
        return await self._begin(self._smtp)

    async def _begin(self, smtp: SmtpClient) -> SmtpClient:
        """MAIL: nothing in it is of one mail more than of another, so that a refusal is the relay's trouble."""
        try:
            await smtp.mail(self._settings.sender_address)
        except SMTPSenderRefused as refused:
            if 200 <= refused.code < 300:
                return smtp
            raise RelayTrouble(_fault_of(refused.code), words(refused.code, refused.message)) from None
        except _LOST as error:
            raise RelayTrouble(RelayFault.DOWN, describe_error(error, self._settings.relay)) from None
        return smtp

    async def _recipient(self, smtp: SmtpClient, recipient: str) -> SendResult | None:
        """RCPT: None when accepted."""
        try:
            await smtp.rcpt(recipient)
        except SMTPRecipientRefused as refused:
            if 200 <= refused.code < 300:
                return None
            if refused.code in _ASKS_LOGIN:
                raise RelayTrouble(RelayFault.LOGIN_REFUSED, words(refused.code, refused.message)) from None
            if denies_relaying(refused.code, refused.message):
                raise RelayTrouble(RelayFault.RELAY_DENIED, words(refused.code, refused.message)) from None
            return after_recipient(refused.code, refused.message)
        except _LOST as error:
            return SendResult(SendOutcome.RETRY, Fault.DROPPED, describe_error(error, self._settings.relay))
        return None

    async def _give(self, smtp: SmtpClient, content: Content) -> SendResult:
        message = await content()
        if isinstance(message, SendResult):
            with suppress(*_LOST):
                await smtp.rset()
            return message
        crash_point("mail.before_data")
        try:
            async with asyncio.timeout(self._settings.relay.timeout_seconds):
                refused = await self._ask(smtp)
        except _LOST as error:
            return SendResult(SendOutcome.RETRY, Fault.DROPPED, describe_error(error, self._settings.relay))
        outcome = refused or await self._hand_over(smtp, message)
        crash_point("mail.after_data")
        return outcome

    async def _ask(self, smtp: SmtpClient) -> SendResult | None:
        """DATA: None when the relay awaits the message; any other answer means that it has nothing of it."""
        reply = await smtp.execute_command(b"DATA")
        if reply.code == _GO_AHEAD:
            return SendResult(SendOutcome.RETRY, Fault.DROPPED, "réponse en trop") if _has_lost_step(smtp) else None
        if reply.code in _ASKS_LOGIN:
            raise RelayTrouble(RelayFault.LOGIN_REFUSED, words(reply.code, reply.message))
        return before_message(reply.code, reply.message)

    async def _hand_over(self, smtp: SmtpClient, message: bytes) -> SendResult:
        """The message itself: from its first byte to the answer we do not know whether it was taken."""
        try:
            async with asyncio.timeout(self._settings.relay.timeout_seconds):
                if smtp.protocol is None:
                    return SendResult(SendOutcome.RETRY, Fault.DROPPED)
                smtp.protocol.write(_on_the_wire(message))
                reply = await smtp.protocol.read_response()
        except _LOST as error:
            return SendResult(SendOutcome.UNCERTAIN, Fault.LOST_REPLY, describe_error(error, self._settings.relay))
        return after_message(reply.code, reply.message)

    async def _open(self) -> SmtpClient:
        relay = self._settings.relay
        smtp = SmtpClient(
            hostname=relay.host,
            port=relay.port,
            username=relay.username,
            password=self._password if relay.username else None,
            local_hostname=self._settings.id_domain,
            timeout=relay.timeout_seconds,
            use_tls=relay.security == "tls",
            start_tls=relay.security == "starttls",
            tls_context=self._tls_context,
        )
        try:
            await smtp.connect()
        except SMTPAuthenticationError as refused:
            fault = RelayFault.LOGIN_REFUSED if refused.code >= 500 else RelayFault.DOWN
            raise RelayTrouble(fault, words(refused.code, refused.message)) from None
        except _LOST as error:
            raise RelayTrouble(RelayFault.DOWN, describe_error(error, self._settings.relay)) from None
        return smtp

    async def close(self, *, polite: bool = True) -> None:
        """Take leave of the relay; not ``polite`` when it no longer answers."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        if polite and smtp.is_connected:
            with suppress(*_LOST):
                await smtp.quit(timeout=2)
        smtp.close()


def _on_the_wire(message: bytes) -> bytes:
    """The message with its end; a point that begins a line is doubled (RFC 5321, 4.5.2)."""
    stuffed = message.replace(b"\n.", b"\n..")
    end = b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"
    return (b"." if message.startswith(b".") else b"") + stuffed + end


def _fault_of(code: int) -> RelayFault:
    if code in _ASKS_LOGIN:
        return RelayFault.LOGIN_REFUSED
    return RelayFault.SENDER_REFUSED if code >= 500 else RelayFault.BUSY


def _has_lost_step(smtp: SmtpClient) -> bool:
    """Whether more was answered than was asked: the library would take it for the answer to come."""
    return bool(getattr(smtp.protocol, "_buffer", b""))
