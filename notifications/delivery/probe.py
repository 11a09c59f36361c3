"""The relay, tried step by step, then with a real mail, to say what to set: ``oda mail check`` (R70).

What it shows of its certificate is looked at without a mail, before it expires (R115).
"""

import base64
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Final

from aiosmtplib import SMTPException, SMTPHeloError, SMTPResponseException

from notifications.delivery.message import compose, new_message_id
from notifications.delivery.smtp import (
    EXPIRED,
    NOT_YET,
    OTHER_ADDRESS,
    OTHER_NAME,
    SMTP_ERRORS,
    RelayConnection,
    RelayTrouble,
    SmtpClient,
    describe_error,
)
from notifications.mailer import Mailer
from notifications.messages.facts import RelayCheck
from notifications.outbox.retry import (
    ASKS_LOGIN,
    Command,
    SendOutcome,
    SendResult,
    format_reply,
    own_fault,
    relay_fault,
)
from notifications.settings import MailSettings, RelaySettings
from notifications.vocabulary import Audience, Fault, Kind, Mail, Priority, RelayCertificate, RelayFault, Stage
from states import french
from states.vocabulary import Labelled

_ASK: Final = "montrer ces mots au responsable du relais"
_WAIT: Final = "attendre quelques minutes et recommencer : le relais remet à plus tard"
_ACCOUNT: Final = "vérifier mail.relay.username et le secret smtp-password"
_SENDER: Final = "mettre dans mail.sender une adresse que ce relais admet, ou la lui faire admettre"

_UNDELIVERED: Final[Mapping[Fault | RelayFault | None, str]] = {
    Fault.RECIPIENT_REFUSED: "vérifier l'adresse, ou en donner une autre avec --to",
    Fault.DEFERRED: _WAIT,
    Fault.DROPPED: f"recommencer ; si cela dure, {_ASK}",
    Fault.LOST_REPLY: "regarder si le courriel est arrivé, puis recommencer",
    RelayFault.BUSY: _WAIT,
    RelayFault.LOGIN_REFUSED: _ACCOUNT,
    RelayFault.SENDER_REFUSED: _SENDER,
    RelayFault.RELAY_DENIED: "faire admettre cette machine par le responsable du relais, ou régler mail.relay.username",
}
"""The remedy when the trial mail is not taken."""


class ProbeStep(Labelled):
    """The steps of a trial, in their order."""

    CONNECTION = "connection", "connexion"
    ENCRYPTION = "encryption", "chiffrement"
    LOGIN = "login", "identification"
    SENDER = "sender", "expéditeur"
    MAIL = "mail", "courriel d'essai"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """The result of a step that worked, in French; ``is_alarming`` when it should not stay so."""

    step: ProbeStep
    text: str
    is_alarming: bool = False


class ProbeFailed(Exception):
    """A step did not work: ``reply`` is the server's words or why, ``remedy`` what to do; French, no secret in them."""

    def __init__(self, step: ProbeStep, reply: str, remedy: str) -> None:
        self.step, self.reply, self.remedy = step, reply, remedy
        super().__init__(f"{step.label} : {reply}")


async def read_certificate(
    settings: MailSettings, tls_context: ssl.SSLContext | None = None
) -> RelayCertificate | None:  # fmt: skip
    """Connect as a mail does, without an account nor a sender, and leave.

    None where nothing is to be seen: a relay that is away, or is spoken to in the clear. ``tls_context`` None trusts
    the system's authorities.
    """
    if settings.relay.security == "none":
        return None
    smtp = SmtpClient(settings, tls_context, start_tls=settings.relay.security == "starttls")
    try:
        await smtp.connect()
        return RelayCertificate(until=_shown_until(smtp))
    except SMTP_ERRORS as error:
        cause = error.__cause__ or error
        return RelayCertificate(refused=cause.verify_code) if isinstance(cause, ssl.SSLCertVerificationError) else None
    finally:
        await smtp.leave()


def _shown_until(smtp: SmtpClient) -> datetime | None:
    """The instant at which the certificate of this connection expires; None for one that was not verified."""
    layer = smtp.get_transport_info("ssl_object")
    shown = layer.getpeercert() if layer else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC) if shown else None


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

    async def steps(self) -> AsyncIterator[StepResult]:
        """Try each step, and yield it as it succeeds. Raises ProbeFailed at the first that does not."""
        smtp = SmtpClient(self._settings, self._tls_context)
        try:
            yield await self._connect(smtp)
            offers_starttls = smtp.supports_extension("starttls")
            if self._relay.security == "starttls":
                with self._step(ProbeStep.ENCRYPTION):
                    await smtp.starttls()
                    await smtp.ehlo()
            yield self._encryption(smtp, offers_starttls=offers_starttls)
            yield await self._login(smtp)
            with self._step(ProbeStep.SENDER):
                await smtp.mail(self._settings.sender_address)
                await smtp.rset()
            self.is_well = True
            yield StepResult(step=ProbeStep.SENDER, text=f"{self._settings.sender_address} accepté")
        finally:
            await smtp.leave()

    async def send(self, recipient: str, message: bytes) -> StepResult:
        """Send one mail as any other leaves. Raises ProbeFailed when the relay does not take it."""

        async def content() -> bytes:
            return message

        relay = RelayConnection(self._settings, self._password, self._tls_context)
        try:
            result: SendResult | RelayTrouble = await relay.deliver(recipient, content)
            self.is_well = not result.answer  # a disputed refusal may be one of all mails
        except RelayTrouble as trouble:
            self.is_well, result = False, trouble
        finally:
            await relay.close()
        if isinstance(result, SendResult) and result.outcome is SendOutcome.SENT:
            return StepResult(step=ProbeStep.MAIL, text=f"accepté pour {recipient} : « {self._safe(result.reply)} »")
        fault = _fault_of(result)
        why = fault.label if fault else "pas d'envoi"
        reply = self._safe(f"{why} ({result.reply})" if result.reply else why)
        raise ProbeFailed(ProbeStep.MAIL, reply, _UNDELIVERED.get(fault, _ASK))

    async def _connect(self, smtp: SmtpClient) -> StepResult:
        """Connect and present ourselves: EHLO, else HELO as mails do."""
        start, refusal = perf_counter(), ""
        with self._step(ProbeStep.CONNECTION):
            await smtp.connect()
            seconds = f"{perf_counter() - start:.2f}".replace(".", ",")
            try:
                await smtp.ehlo()
            except SMTPHeloError as error:
                refusal = self._safe(format_reply(error.code, error.message))
                await smtp.helo()
        text = f"{self._relay.host}, port {self._relay.port}, en {seconds} s"
        if (size := smtp.esmtp_extensions.get("size", "")).isdecimal() and int(size):
            text += f" ; messages jusqu'à {int(size) / 1e6:.0f} Mo"
        if refusal:
            text += f" ; EHLO refusé (« {refusal} »), HELO accepté : sans doute un pare-feu ; les courriels partent"
        return StepResult(step=ProbeStep.CONNECTION, text=text, is_alarming=bool(refusal))

    def _encryption(self, smtp: SmtpClient, *, offers_starttls: bool) -> StepResult:
        layer = smtp.get_transport_info("ssl_object")
        if layer:
            how = "par STARTTLS" if self._relay.security == "starttls" else "dès l'ouverture"
            self.connection = f"chiffrée {how}, {(layer.version() or 'TLS').replace('TLSv', 'TLS ')}"
            until = _shown_until(smtp)
            valid = f" ; certificat valable jusqu'au {french.day(until.date())}" if until else ""
            return StepResult(step=ProbeStep.ENCRYPTION, text=f"connexion {self.connection}{valid}")
        secrets = "les codes passent" if self._relay.username is None else "les codes et le mot de passe passent"
        text = f"EN CLAIR : {secrets} lisibles sur le réseau"
        text += (
            " ; le relais propose pourtant STARTTLS : régler mail.relay.security"
            if offers_starttls
            else ", et le relais ne propose pas de chiffrement"
        )
        return StepResult(step=ProbeStep.ENCRYPTION, text=text, is_alarming=True)

    async def _login(self, smtp: SmtpClient) -> StepResult:
        name = self._relay.username
        if name is None:
            return StepResult(step=ProbeStep.LOGIN, text="aucune, mail.relay.username n'est pas réglé")
        if not self._password:
            raise ProbeFailed(ProbeStep.LOGIN, "aucun mot de passe n'est donné", "déposer le secret smtp-password")
        with self._step(ProbeStep.LOGIN):
            await smtp.login(name, self._password)
        return StepResult(step=ProbeStep.LOGIN, text=f"compte {name} accepté")

    @contextmanager
    def _step(self, step: ProbeStep) -> Iterator[None]:
        try:
            yield
        except SMTP_ERRORS as error:
            reply = self._safe(describe_error(error, self._relay))
            at = ProbeStep.ENCRYPTION if isinstance(error.__cause__ or error, ssl.SSLError) else step
            raise ProbeFailed(at, reply, _remedy(at, error, self._relay)) from None

    def _safe(self, text: str) -> str:
        """Hide the password: a server may repeat what it was sent."""
        if not self._password:
            return text
        plain = f"\0{self._relay.username}\0{self._password}"
        encoded = (base64.b64encode(secret.encode()).decode() for secret in (self._password, plain))
        for secret in (self._password, *encoded):
            text = text.replace(secret, "…")
        return text


def _fault_of(result: SendResult | RelayTrouble) -> Fault | RelayFault | None:
    """Name the fault of a trial: no other mail decides a disputed refusal, so the likelier of the two is named."""
    if result.answer and result.fault is not Fault.DROPPED:
        of_relay = relay_fault(result.answer)
        if of_relay is RelayFault.RELAY_DENIED and not result.answer.startswith(Command.RCPT):
            return own_fault(result.answer)
        return result.fault if of_relay is RelayFault.BUSY else of_relay
    return result.fault


def _remedy(step: ProbeStep, error: BaseException, relay: RelaySettings) -> str:
    """Say in French what to do about an error, naming the setting."""
    cause = error.__cause__ or error
    code = error.code if isinstance(error, SMTPResponseException) else 0
    if isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code in (EXPIRED, NOT_YET):
            return "faire renouveler le certificat du relais, et vérifier l'heure de cette machine"
        if cause.verify_code in (OTHER_NAME, OTHER_ADDRESS):
            return "mettre dans mail.relay.host le nom que porte le certificat"
        return "faire connaître à cette machine l'autorité qui a signé ce certificat, ou corriger mail.relay.host"
    if isinstance(cause, ssl.SSLError):
        return f"vérifier mail.relay.security : « {relay.security} » ne convient peut-être pas au port {relay.port}"
    if code == 421 or (400 <= code < 500 and step is not ProbeStep.LOGIN):
        return _WAIT
    if step is ProbeStep.CONNECTION and not code:
        if isinstance(cause, SMTPException):  # it was reached, and did not greet us
            return "vérifier mail.relay.port et mail.relay.security : un relais muet attend souvent « tls » (465)"
        return "vérifier mail.relay.host et mail.relay.port, et que le pare-feu laisse passer cette machine"
    if step is ProbeStep.ENCRYPTION and type(error) is SMTPException:  # the relay offers none
        return "régler mail.relay.security sur « tls » si le relais a un port pour cela, ou le faire chiffrer"
    if step is ProbeStep.ENCRYPTION:
        return "vérifier que mail.relay.security convient à mail.relay.port : starttls (587), tls (465) ou none (25)"
    if step is ProbeStep.LOGIN and type(error) is SMTPException:
        return "retirer mail.relay.username, ou régler mail.relay.security si le relais ne l'admet que chiffré"
    if step is ProbeStep.LOGIN:
        return _ACCOUNT
    if step is ProbeStep.SENDER and code in ASKS_LOGIN:
        return "le relais veut une identification : régler mail.relay.username et déposer le secret smtp-password"
    if step is ProbeStep.SENDER and code:
        return _SENDER
    return f"{_ASK} : il doit admettre cette machine"


def trial_mail(mailer: Mailer, connection: str, asked_by: str, recipient: str, now: datetime) -> bytes:
    """Compose the mail that tries the relay: like the others, but stored nowhere. Raises Unrenderable."""
    relay = mailer.settings.relay
    facts = RelayCheck(
        asked_by=asked_by, machine=socket.gethostname(), host=relay.host, port=relay.port, connection=connection
    )
    rendered = mailer.renderer.render_check(facts, mailer.mail_context)
    mail = Mail(
        id=0,
        kind=Kind.MAIL_UNDELIVERABLE,  # composed, never stored: the kind appears nowhere
        audience=Audience.OPERATORS,
        recipient=recipient,
        context="{}",
        priority=Priority.REST,
        created_at=now,
        not_after=now,
        stage=Stage.SENDING,
        message_id=new_message_id(mailer.settings),
        dated_at=now,
        subject=rendered.subject,
        body=rendered.body,
        html=rendered.html,
    )
    return compose(mail, mailer.settings, None)
