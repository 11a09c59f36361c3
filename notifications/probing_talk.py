"""The steps of a trial of the relay, each driven by itself so that the one that fails is known (R70)."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from aiosmtplib import SMTPConnectError, SMTPException, SMTPHeloError

from notifications import probing_words as french
from notifications.outcomes import words
from notifications.probing_words import Step
from notifications.relay_words import told
from notifications.settings import MailSettings
from notifications.smtp import Line

_LOST: Final = (SMTPException, OSError, TimeoutError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a step found, in French; ``is_alarming`` when it works and should not stay so."""

    step: Step
    text: str
    is_alarming: bool = False


class ProbeFailed(Exception):
    """A step did not work: ``reply`` is the server's words or why, ``remedy`` what to do; French, no secret in them."""

    def __init__(self, step: Step, reply: str, remedy: str) -> None:
        self.step, self.reply, self.remedy = step, reply, remedy
        super().__init__(f"{step.label} : {reply}")


class Talk:
    """The conversation with the relay of ``settings``; each method raises ProbeFailed when its step does not work."""

    def __init__(self, settings: MailSettings, password: str | None, tls_context: ssl.SSLContext | None) -> None:
        """``tls_context`` None trusts the system's authorities."""
        self._settings, self._relay = settings, settings.relay
        self._password, self._tls_context = password, tls_context

    async def reach(self) -> Line:
        """Connected, nothing said yet: a relay that cannot be reached is known from one that does not answer."""
        with self._step(Step.CONNECTION):
            return self._client(await asyncio.to_thread(self._reach))

    def _reach(self) -> socket.socket:
        sock = socket.create_connection((self._relay.host, self._relay.port), self._relay.timeout_seconds)
        sock.setblocking(False)
        return sock

    def _client(self, sock: socket.socket) -> Line:
        return Line(
            hostname=self._relay.host,
            sock=sock,
            local_hostname=self._settings.id_domain,
            timeout=self._relay.timeout_seconds,
            use_tls=self._relay.security == "tls",
            start_tls=False,
            tls_context=self._tls_context,
        )

    async def greeted(self, smtp: Line) -> str:
        """The relay's banner."""
        with self._step(Step.BANNER):
            banner = await smtp.connect()
        return self.safe(words(banner.code, banner.message))

    async def present(self, smtp: Line) -> str:
        """EHLO, else HELO as mails do; returns the words that refused EHLO."""
        with self._step(Step.OFFER):
            try:
                await smtp.ehlo()
            except SMTPHeloError as refused:
                await smtp.helo()
                return self.safe(words(refused.code, refused.message))
        return ""

    async def encrypt(self, smtp: Line) -> None:
        """STARTTLS; what was said before it is to be said anew."""
        if not smtp.supports_extension("starttls"):
            remedy = "régler mail.relay.security sur « tls » si le relais a un port pour cela, ou le faire chiffrer"
            raise ProbeFailed(Step.ENCRYPTION, "le relais ne propose pas STARTTLS, rien ne part en clair", remedy)
        with self._step(Step.ENCRYPTION):
            await smtp.starttls()

    async def login(self, smtp: Line) -> str | None:
        """The account accepted; None when the settings name none."""
        name = self._relay.username
        if name is None:
            return None
        if not self._password:
            raise ProbeFailed(Step.LOGIN, "aucun mot de passe n'est donné", "déposer le secret smtp-password")
        if not smtp.supports_extension("auth"):
            remedy = "retirer mail.relay.username, ou régler mail.relay.security si le relais ne l'admet que chiffré"
            raise ProbeFailed(Step.LOGIN, "le relais ne propose pas d'identification", remedy)
        with self._step(Step.LOGIN):
            await smtp.login(name, self._password)
        return name

    async def sender(self, smtp: Line) -> None:
        """Our sender accepted, as before each mail; nothing is sent."""
        with self._step(Step.SENDER):
            await smtp.mail(self._settings.sender_address)
            await smtp.rset()

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        try:
            yield
        except _LOST as error:
            cause = error.__cause__ if isinstance(error, SMTPConnectError) else None
            why = cause or error
            at = Step.ENCRYPTION if isinstance(why, ssl.SSLError) else step
            reply = self.safe(told(why, self._relay))
            raise ProbeFailed(at, reply, french.remedy(at, why, self._relay)) from None

    def safe(self, text: str) -> str:
        """A server may repeat what it was told: never the password."""
        if not self._password:
            return text
        both = f"\0{self._relay.username}\0{self._password}"
        for secret in (self._password, *(base64.b64encode(one.encode()).decode() for one in (self._password, both))):
            text = text.replace(secret, "…")
        return text


async def leave(smtp: Line) -> None:
    """Take leave, whatever was said."""
    with suppress(*_LOST):
        if smtp.is_connected:
            await smtp.quit(timeout=2)
    transport = smtp.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # all is said: TLS would await the other side's farewell, and outlive the loop
    smtp.close()
    await asyncio.sleep(0)
