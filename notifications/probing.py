"""A trial of the relay, step by step, to tell an operator what works and what to set (R70)."""

import ssl
from collections.abc import AsyncIterator
from time import perf_counter

from notifications import probing_words as french
from notifications.outcomes import Outcome, Verdict
from notifications.probing_talk import Finding, ProbeFailed, Talk, leave
from notifications.probing_words import Step
from notifications.settings import MailSettings
from notifications.smtp import Line, RelayConnection, RelayTrouble

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
            told = f"compte {name} accepté" if name else "aucune, mail.relay.username n'est pas réglé"
            yield Finding(step=Step.LOGIN, text=told)
            await self._talk.sender(smtp)
            self.is_well = True
            yield Finding(step=Step.SENDER, text=f"{self._settings.sender_address} accepté")
        finally:
            await leave(smtp)

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
        return Finding(step=Step.MAIL, text=f"accepté pour {recipient} : « {self._talk.safe(outcome.reply)} »")

    def _encryption(self, smtp: Line, *, has_starttls: bool) -> Finding:
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

    def _offer(self, smtp: Line, refused: str, *, has_starttls: bool) -> Finding:
        if refused:
            text = f"EHLO refusé (« {refused} »), HELO accepté : sans doute un pare-feu ; les courriels partent"
            return Finding(step=Step.OFFER, text=text, is_alarming=True)
        text = french.offer(smtp.esmtp_extensions, smtp.server_auth_methods, has_starttls=has_starttls)
        return Finding(step=Step.OFFER, text=text)

    def _undelivered(self, reply: str, what: RelayTrouble | Outcome) -> ProbeFailed:
        remedy = french.UNDELIVERED.get(what.fault, "montrer ces mots au responsable du relais")
        return ProbeFailed(Step.MAIL, self._talk.safe(reply), remedy)
