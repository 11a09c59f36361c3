"""A trial of the relay, step by step, to tell an operator what works and what to set (R70)."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from aiosmtplib import SMTP, SMTPConnectError, SMTPException, SMTPHeloError

from notifications import probing_words as french
from notifications.outcomes import Outcome, Verdict, words
from notifications.probing_words import Step
from notifications.settings import MailSettings
from notifications.smtp import RelayConnection, RelayTrouble

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


class Probe:
    """One trial of the relay of ``settings``.

    ``is_well`` once the relay has taken our sender, and refused nothing that it would refuse to every mail;
    ``connection`` says how it is reached: ``chiffrée par STARTTLS, TLS 1.3``.
    """

    def __init__(
        self, settings: MailSettings, password: str | None = None, tls_context: ssl.SSLContext | None = None
    ) -> None:
        """``tls_context`` None trusts the system's authorities."""
        self.is_well = False
        self.connection = "en clair"
        self._settings, self._relay = settings, settings.relay
        self._password, self._tls_context = password, tls_context

    async def findings(self) -> AsyncIterator[Finding]:
        """Each step as it succeeds. Raises ProbeFailed at the first that does not."""
        begun = perf_counter()
        with self._step(Step.CONNECTION):
            sock = await asyncio.to_thread(self._reach)
        smtp = self._client(sock)
        took = f"{perf_counter() - begun:.2f}".replace(".", ",")
        try:
            yield Finding(step=Step.CONNECTION, text=f"{self._relay.host}, port {self._relay.port}, en {took} s")
            with self._step(Step.BANNER):
                banner = await smtp.connect()
            yield Finding(step=Step.BANNER, text=self._safe(words(banner.code, banner.message)))
            refused = await self._present(smtp)
            has_starttls = smtp.supports_extension("starttls")
            if self._relay.security == "starttls":
                await self._encrypt(smtp)
                refused = await self._present(smtp)
            yield self._encryption(smtp, has_starttls=has_starttls)
            yield self._offer(smtp, refused, has_starttls=has_starttls)
            yield await self._login(smtp)
            with self._step(Step.SENDER):
                await smtp.mail(self._settings.sender_address)
                await smtp.rset()
            self.is_well = True
            yield Finding(step=Step.SENDER, text=f"{self._settings.sender_address} accepté")
        finally:
            await _leave(smtp)

    async def give(self, recipient: str, message: bytes) -> Finding:
        """Send one mail as any other leaves. Raises ProbeFailed when the relay does not take it."""

        async def content() -> bytes | Outcome:
            return message

        relay = RelayConnection(self._settings, self._password, self._tls_context)
        try:
            outcome = await relay.deliver(recipient, content)
        except RelayTrouble as trouble:
            self.is_well = False
            raise self._undelivered(f"{trouble.fault.label} ({trouble.reply})", trouble) from None
        finally:
            await relay.close()
        if outcome.verdict is not Verdict.SENT:
            why = outcome.fault.label if outcome.fault else "pas d'envoi"
            raise self._undelivered(f"{why} ({outcome.reply})" if outcome.reply else why, outcome)
        return Finding(step=Step.MAIL, text=f"accepté pour {recipient} : « {self._safe(outcome.reply)} »")

    def _reach(self) -> socket.socket:
        sock = socket.create_connection((self._relay.host, self._relay.port), self._relay.timeout_seconds)
        sock.setblocking(False)
        return sock

    def _client(self, sock: socket.socket) -> SMTP:
        return SMTP(
            hostname=self._relay.host,
            sock=sock,
            local_hostname=self._settings.id_domain,
            timeout=self._relay.timeout_seconds,
            use_tls=self._relay.security == "tls",
            start_tls=False,
            tls_context=self._tls_context,
        )

    async def _present(self, smtp: SMTP) -> str:
        """EHLO, else HELO as mails do; returns the words that refused EHLO."""
        with self._step(Step.OFFER):
            try:
                await smtp.ehlo()
            except SMTPHeloError as refused:
                await smtp.helo()
                return self._safe(words(refused.code, refused.message))
        return ""

    async def _encrypt(self, smtp: SMTP) -> None:
        if not smtp.supports_extension("starttls"):
            remedy = "régler mail.relay.security sur « tls » si le relais a un port pour cela, ou le faire chiffrer"
            raise ProbeFailed(Step.ENCRYPTION, "le relais ne propose pas STARTTLS, rien ne part en clair", remedy)
        with self._step(Step.ENCRYPTION):
            await smtp.starttls()

    def _encryption(self, smtp: SMTP, *, has_starttls: bool) -> Finding:
        layer = smtp.get_transport_info("ssl_object")
        if layer is None:
            what = "les codes passent" if self._relay.username is None else "les codes et le mot de passe passent"
            if has_starttls:
                text = f"EN CLAIR : {what} lisibles sur le réseau ; le relais propose pourtant STARTTLS : régler"
                return Finding(step=Step.ENCRYPTION, text=f"{text} mail.relay.security", is_alarming=True)
            text = f"EN CLAIR : {what} lisibles sur le réseau, et le relais ne propose pas de chiffrement"
            return Finding(step=Step.ENCRYPTION, text=text, is_alarming=True)
        how = "par STARTTLS" if self._relay.security == "starttls" else "dès l'ouverture"
        self.connection = f"chiffrée {how}, {(layer.version() or 'TLS').replace('TLSv', 'TLS ')}"
        shown = french.certificate(layer.getpeercert() or {})
        return Finding(step=Step.ENCRYPTION, text=", ".join(filter(None, (f"connexion {self.connection}", shown))))

    def _offer(self, smtp: SMTP, refused: str, *, has_starttls: bool) -> Finding:
        if refused:
            text = f"EHLO refusé (« {refused} »), HELO accepté : sans doute un pare-feu ; les courriels partent"
            return Finding(step=Step.OFFER, text=text, is_alarming=True)
        text = french.offer(smtp.esmtp_extensions, smtp.server_auth_methods, has_starttls=has_starttls)
        return Finding(step=Step.OFFER, text=text)

    async def _login(self, smtp: SMTP) -> Finding:
        name = self._relay.username
        if name is None:
            return Finding(step=Step.LOGIN, text="aucune, mail.relay.username n'est pas réglé")
        if not self._password:
            raise ProbeFailed(Step.LOGIN, "aucun mot de passe n'est donné", "déposer le secret smtp-password")
        if not smtp.supports_extension("auth"):
            remedy = "retirer mail.relay.username, ou régler mail.relay.security si le relais ne l'admet que chiffré"
            raise ProbeFailed(Step.LOGIN, "le relais ne propose pas d'identification", remedy)
        with self._step(Step.LOGIN):
            await smtp.login(name, self._password)
        return Finding(step=Step.LOGIN, text=f"compte {name} accepté")

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        try:
            yield
        except _LOST as error:
            cause = error.__cause__ if isinstance(error, SMTPConnectError) else None
            why = cause or error
            at = Step.ENCRYPTION if isinstance(why, ssl.SSLError) else step
            reply = self._safe(french.told(why, self._relay))
            raise ProbeFailed(at, reply, french.remedy(at, why, self._relay)) from None

    def _undelivered(self, reply: str, what: RelayTrouble | Outcome) -> ProbeFailed:
        remedy = french.UNDELIVERED.get(what.fault, "montrer ces mots au responsable du relais")
        return ProbeFailed(Step.MAIL, self._safe(reply), remedy)

    def _safe(self, text: str) -> str:
        """A server may repeat what it was told: never the password."""
        if not self._password:
            return text
        both = f"\0{self._relay.username}\0{self._password}"
        for secret in (self._password, *(base64.b64encode(one.encode()).decode() for one in (self._password, both))):
            text = text.replace(secret, "…")
        return text


async def _leave(smtp: SMTP) -> None:
    with suppress(*_LOST):
        if smtp.is_connected:
            await smtp.quit(timeout=2)
    transport = smtp.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # all is said: TLS would await the other side's farewell, and outlive the loop
    smtp.close()
    await asyncio.sleep(0)
