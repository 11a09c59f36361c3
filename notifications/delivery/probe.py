"""A trial of the relay, step by step, to tell an operator what works and what to set (R70)."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

from aiosmtplib import SMTPConnectError, SMTPException, SMTPHeloError, SMTPResponseException

from notifications.delivery.message import compose, new_message_id
from notifications.delivery.smtp import (
    EXPIRED,
    NOT_YET,
    OTHER_ADDRESS,
    OTHER_NAME,
    RelayConnection,
    RelayTrouble,
    SmtpClient,
    describe_error,
)
from notifications.mailer import Mailer
from notifications.messages.facts import RelayCheck
from notifications.messages.mail import Mail
from notifications.outbox.retry import SendOutcome, SendResult, words
from notifications.settings import MailSettings, RelaySettings
from notifications.vocabulary import Audience, Fault, Kind, Priority, RelayFault, Stage
from states import french
from states.vocabulary import Labelled

# What a trial of the relay tells, in French: what was found, the server's words, what to do (R70).


_ASKS_LOGIN: Final = (530, 535, 538)


_NEWER: Final = ("8BITMIME", "PIPELINING", "STARTTLS")


_ASK: Final = "montrer ces mots au responsable du relais"


_LOGIN: Final = "vérifier mail.relay.username et le secret smtp-password"


class Step(Labelled):
    """The steps of a trial, in their usual order."""

    CONNECTION = "connection", "connexion"
    BANNER = "banner", "accueil"
    OFFER = "offer", "possibilités"
    ENCRYPTION = "encryption", "chiffrement"
    LOGIN = "login", "identification"
    SENDER = "sender", "expéditeur"
    MAIL = "mail", "courriel d'essai"


def remedy(step: Step, error: BaseException, relay: RelaySettings) -> str:
    """What to do about it, naming the setting."""
    code = error.code if isinstance(error, SMTPResponseException) else 0
    if isinstance(error, ssl.SSLError):
        return _about_tls(error, relay)
    if step is Step.CONNECTION:
        return "vérifier mail.relay.host et mail.relay.port, et que le pare-feu laisse passer cette machine"
    if code == 421 or (400 <= code < 500 and step is not Step.LOGIN):
        return "attendre quelques minutes et recommencer : le relais remet à plus tard"
    if step is Step.BANNER and not code:
        return "vérifier mail.relay.port et mail.relay.security : un relais muet attend souvent « tls » (465)"
    if step is Step.ENCRYPTION:
        return "vérifier que mail.relay.security convient à mail.relay.port : starttls (587), tls (465) ou none (25)"
    if step is Step.LOGIN:
        return _LOGIN
    if step is Step.SENDER and code in _ASKS_LOGIN:
        return "le relais veut une identification : régler mail.relay.username et déposer le secret smtp-password"
    if step is Step.SENDER and code:
        return "mettre dans mail.sender une adresse que ce relais admet, ou la lui faire admettre"
    if step is Step.MAIL:
        return _ASK
    return f"{_ASK} : il doit admettre cette machine"


def _about_tls(error: ssl.SSLError, relay: RelaySettings) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"vérifier mail.relay.security : « {relay.security} » ne convient peut-être pas au port {relay.port}"
    if error.verify_code in (EXPIRED, NOT_YET):
        return "faire renouveler le certificat du relais, et vérifier l'heure de cette machine"
    if error.verify_code in (OTHER_NAME, OTHER_ADDRESS):
        return "mettre dans mail.relay.host le nom que porte le certificat"
    return "faire connaître à cette machine l'autorité qui a signé ce certificat, ou corriger mail.relay.host"


UNDELIVERED: Final[Mapping[Fault | RelayFault | None, str]] = {
    Fault.RECIPIENT_REFUSED: "vérifier l'adresse, ou en donner une autre avec --to",
    Fault.DEFERRED: "attendre quelques minutes et recommencer : le relais remet à plus tard",
    Fault.DROPPED: "recommencer ; si cela dure, montrer ces mots au responsable du relais",
    Fault.LOST_REPLY: "regarder si le courriel est arrivé, puis recommencer",
    RelayFault.BUSY: "attendre quelques minutes et recommencer : le relais remet à plus tard",
    RelayFault.LOGIN_REFUSED: _LOGIN,
    RelayFault.SENDER_REFUSED: "mettre dans mail.sender une adresse que ce relais admet, ou la lui faire admettre",
    RelayFault.RELAY_DENIED: "faire admettre cette machine par le responsable du relais, ou régler mail.relay.username",
}
"""What to do when the trial mail is not taken."""


def offer(extensions: Mapping[str, str], mechanisms: list[str], *, has_starttls: bool) -> str:
    """What EHLO offered: ``messages jusqu'à 34 Mo, 8BITMIME, PIPELINING ; identification par PLAIN et LOGIN``."""
    names = {name.upper() for name in extensions} | ({"STARTTLS"} if has_starttls else set())
    parts = [_size(extensions["size"])] if "size" in extensions else []
    parts += [name for name in _NEWER if name in names]
    if lacking := [name for name in _NEWER[:2] if name not in names]:
        parts.append(f"sans {french.listing(lacking, 'ni')}")
    login = french.listing([one.upper() for one in mechanisms])
    return ", ".join(parts) + (f" ; identification par {login}" if login else " ; aucune identification")


def _size(given: str) -> str:
    octets = int(given) if given.strip().isdecimal() else 0
    if not octets:
        return "messages de toute taille"
    millions = octets / 1e6
    return f"messages jusqu'à {f'{millions:.0f}' if millions >= 10 else f'{millions:.1f}'.replace('.', ',')} Mo"


def certificate(shown: Mapping[str, Any]) -> str:
    """``certificat de relais.ac-toulouse.fr, valable jusqu'au 1er mars 2027``; empty when none was checked."""
    if not shown:
        return ""
    names = [value for _, value in shown.get("subjectAltName", ())]
    common = [value for part in shown.get("subject", ()) for key, value in part if key == "commonName"]
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    owner = (names or common or ["(sans nom)"])[0]
    return f"certificat {french.de(owner)} valable jusqu'au {french.day(until.date())}"


# The steps of a trial of the relay, each driven by itself so that the one that fails is known (R70).


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

    async def reach(self) -> SmtpClient:
        """Connected, nothing said yet: a relay that cannot be reached is known from one that does not answer."""
        with self._step(Step.CONNECTION):
            return self._client(await asyncio.to_thread(self._reach))

    def _reach(self) -> socket.socket:
        sock = socket.create_connection((self._relay.host, self._relay.port), self._relay.timeout_seconds)
        sock.setblocking(False)
        return sock

    def _client(self, sock: socket.socket) -> SmtpClient:
        return SmtpClient(
            hostname=self._relay.host,
            sock=sock,
            local_hostname=self._settings.id_domain,
            timeout=self._relay.timeout_seconds,
            use_tls=self._relay.security == "tls",
            start_tls=False,
            tls_context=self._tls_context,
        )

    async def greeted(self, smtp: SmtpClient) -> str:
        """The relay's banner."""
        with self._step(Step.BANNER):
            banner = await smtp.connect()
        return self.safe(words(banner.code, banner.message))

    async def present(self, smtp: SmtpClient) -> str:
        """EHLO, else HELO as mails do; returns the words that refused EHLO."""
        with self._step(Step.OFFER):
            try:
                await smtp.ehlo()
            except SMTPHeloError as refused:
                await smtp.helo()
                return self.safe(words(refused.code, refused.message))
        return ""

    async def encrypt(self, smtp: SmtpClient) -> None:
        """STARTTLS; what was said before it is to be said anew."""
        if not smtp.supports_extension("starttls"):
            remedy = "régler mail.relay.security sur « tls » si le relais a un port pour cela, ou le faire chiffrer"
            raise ProbeFailed(Step.ENCRYPTION, "le relais ne propose pas STARTTLS, rien ne part en clair", remedy)
        with self._step(Step.ENCRYPTION):
            await smtp.starttls()

    async def login(self, smtp: SmtpClient) -> str | None:
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

    async def sender(self, smtp: SmtpClient) -> None:
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
            reply = self.safe(describe_error(why, self._relay))
            raise ProbeFailed(at, reply, remedy(at, why, self._relay)) from None

    def safe(self, text: str) -> str:
        """A server may repeat what it was told: never the password."""
        if not self._password:
            return text
        both = f"\0{self._relay.username}\0{self._password}"
        for secret in (self._password, *(base64.b64encode(one.encode()).decode() for one in (self._password, both))):
            text = text.replace(secret, "…")
        return text


async def leave(smtp: SmtpClient) -> None:
    """Take leave, whatever was said."""
    with suppress(*_LOST):
        if smtp.is_connected:
            await smtp.quit(timeout=2)
    transport = smtp.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # all is said: TLS would await the other side's farewell, and outlive the loop
    smtp.close()
    await asyncio.sleep(0)


__all__ = ["Finding", "Probe", "ProbeFailed"]


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
        self._talk = Talk(settings, password, tls_context)

    async def findings(self) -> AsyncIterator[Finding]:
        """Each step as it succeeds. Raises ProbeFailed at the first that does not."""
        begun = perf_counter()
        smtp = await self._talk.reach()
        took = f"{perf_counter() - begun:.2f}".replace(".", ",")
        try:
            yield Finding(step=Step.CONNECTION, text=f"{self._relay.host}, port {self._relay.port}, en {took} s")
            yield Finding(step=Step.BANNER, text=await self._talk.greeted(smtp))
            refused = await self._talk.present(smtp)
            has_starttls = smtp.supports_extension("starttls")
            if self._relay.security == "starttls":
                await self._talk.encrypt(smtp)
                refused = await self._talk.present(smtp)
            yield self._encryption(smtp, has_starttls=has_starttls)
            yield self._offer(smtp, refused, has_starttls=has_starttls)
            name = await self._talk.login(smtp)
            describe_error = f"compte {name} accepté" if name else "aucune, mail.relay.username n'est pas réglé"
            yield Finding(step=Step.LOGIN, text=describe_error)
            await self._talk.sender(smtp)
            self.is_well = True
            yield Finding(step=Step.SENDER, text=f"{self._settings.sender_address} accepté")
        finally:
            await leave(smtp)

    async def give(self, recipient: str, message: bytes) -> Finding:
        """Send one mail as any other leaves. Raises ProbeFailed when the relay does not take it."""

        async def content() -> bytes | SendResult:
            return message

        relay = RelayConnection(self._settings, self._password, self._tls_context)
        try:
            outcome = await relay.deliver(recipient, content)
        except RelayTrouble as trouble:
            self.is_well = False
            raise self._undelivered(f"{trouble.fault.label} ({trouble.reply})", trouble) from None
        finally:
            await relay.close()
        if outcome.outcome is not SendOutcome.SENT:
            why = outcome.fault.label if outcome.fault else "pas d'envoi"
            raise self._undelivered(f"{why} ({outcome.reply})" if outcome.reply else why, outcome)
        return Finding(step=Step.MAIL, text=f"accepté pour {recipient} : « {self._talk.safe(outcome.reply)} »")

    def _encryption(self, smtp: SmtpClient, *, has_starttls: bool) -> Finding:
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
        shown = certificate(layer.getpeercert() or {})
        return Finding(step=Step.ENCRYPTION, text=", ".join(filter(None, (f"connexion {self.connection}", shown))))

    def _offer(self, smtp: SmtpClient, refused: str, *, has_starttls: bool) -> Finding:
        if refused:
            text = f"EHLO refusé (« {refused} »), HELO accepté : sans doute un pare-feu ; les courriels partent"
            return Finding(step=Step.OFFER, text=text, is_alarming=True)
        text = offer(smtp.esmtp_extensions, smtp.server_auth_methods, has_starttls=has_starttls)
        return Finding(step=Step.OFFER, text=text)

    def _undelivered(self, reply: str, what: RelayTrouble | SendResult) -> ProbeFailed:
        remedy = UNDELIVERED.get(what.fault, "montrer ces mots au responsable du relais")
        return ProbeFailed(Step.MAIL, self._talk.safe(reply), remedy)


# The mail that tries the relay: with all that the others have, stored nowhere, and outside the outbox (R70).


def trial_mail(mailer: Mailer, facts: RelayCheck, recipient: str, now: datetime) -> bytes:
    """The whole message, text and HTML. Raises Unrenderable."""
    words = mailer.renderer.render_check(facts, mailer.mail_context)
    settings = mailer.settings
    mail = Mail(
        id=0,
        kind=Kind.MAIL_UNDELIVERABLE,  # composed, never stored: no kind is told to anybody
        audience=Audience.OPERATORS,
        uai=None,
        reference=None,
        recipient=recipient,
        context="{}",
        priority=Priority.REST,
        created_at=now,
        not_after=now,
        stage=Stage.SENDING,
        attempts=0,
        next_attempt_at=None,
        lease_token=None,
        message_id=new_message_id(settings),
        dated_at=now,
        subject=words.subject,
        body=words.body,
        html=words.html,
        papers=None,
        last_reply=None,
        fault=None,
        sent_at=None,
        doubted_at=None,
        seal_id=None,
        replaces_id=None,
    )
    return compose(mail, settings, None)
