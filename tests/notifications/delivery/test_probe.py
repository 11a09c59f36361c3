"""A trial of the relay: what works is told, what fails is told with its step and what to set (R70)."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from notifications.delivery.probe import Finding, Probe, ProbeFailed, Step
from tests.kit import certificates
from tests.kit.smtp import Fault, ScriptedRelay
from tests.notifications.office import CENTRE, mail_settings

PASSWORD = "M0t-de-passe-secret"
MESSAGE = b"Subject: essai\r\n\r\nBonjour\r\n"


class Trial:
    """What a trial of this relay tells; ``failed`` when a step did not work."""

    def __init__(self, relay: ScriptedRelay, *, give: bool = False, **how: Any) -> None:
        password, context = how.pop("password", None), how.pop("tls_context", None)
        self.probe = Probe(mail_settings(relay.port, relay=how), password, context)
        self.failed: ProbeFailed | None = None
        self.found: dict[Step, Finding] = {}
        asyncio.run(self._run(give))

    async def _run(self, give: bool) -> None:
        try:
            async for finding in self.probe.findings():
                self.found[finding.step] = finding
            if give:
                finding = await self.probe.give(CENTRE, MESSAGE)
                self.found[finding.step] = finding
        except ProbeFailed as failed:
            self.failed = failed

    def failure(self, step: Step) -> ProbeFailed:
        """The failure, which must be at that step."""
        assert self.failed
        assert self.failed.step is step, self.failed
        return self.failed

    def text(self, step: Step) -> str:
        return self.found[step].text


@pytest.mark.rule("R70")
def test_probe__all_is_well_but_in_the_clear(relay: ScriptedRelay) -> None:
    trial = Trial(relay, give=True)
    assert (trial.failed, trial.probe.is_well, trial.probe.connection) == (None, True, "en clair")
    assert list(trial.found) == [
        Step.CONNECTION, Step.BANNER, Step.ENCRYPTION, Step.OFFER, Step.LOGIN, Step.SENDER, Step.MAIL,
    ]  # fmt: skip
    assert f"127.0.0.1, port {relay.port}, en 0," in trial.text(Step.CONNECTION)
    assert trial.text(Step.BANNER) == "220 loopback ESMTP"
    assert trial.text(Step.OFFER) == "messages jusqu'à 34 Mo, 8BITMIME, PIPELINING ; aucune identification"
    assert trial.text(Step.ENCRYPTION).startswith("EN CLAIR : les codes passent lisibles")
    assert trial.text(Step.SENDER) == "cles@ac-toulouse.fr accepté"
    assert trial.text(Step.MAIL) == f"accepté pour {CENTRE} : « 250 2.0.0 Ok »"
    assert [one.step for one in trial.found.values() if one.is_alarming] == [Step.ENCRYPTION]
    assert [(got.sender, got.recipients, got.content) for got in relay.received] == [
        ("cles@ac-toulouse.fr", (CENTRE,), MESSAGE)
    ]


def test_probe__tries_the_sender_without_a_mail(relay: ScriptedRelay) -> None:
    assert Trial(relay).probe.is_well
    said = [one.command.partition(" ")[0] for one in relay.transcript]
    assert said == ["CONNECT", "EHLO", "MAIL", "RSET", "QUIT"]
    assert relay.received == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_probe__encrypted(tmp_path: Path, security: str) -> None:
    made = certificates.certificate(tmp_path)
    context = {"tls_context" if security == "tls" else "starttls": made.server()}
    with ScriptedRelay(**context) as relay:  # type: ignore[arg-type]
        trial = Trial(relay, give=True, security=security, tls_context=made.client())
    assert trial.failed is None
    how = "par STARTTLS" if security == "starttls" else "dès l'ouverture"
    assert trial.probe.connection == f"chiffrée {how}, TLS 1.3"
    text = trial.text(Step.ENCRYPTION)
    assert text.startswith(f"connexion chiffrée {how}, TLS 1.3, certificat de 127.0.0.1 valable jusqu'au ")
    assert not trial.found[Step.ENCRYPTION].is_alarming
    assert ("STARTTLS" in trial.text(Step.OFFER)) is (security == "starttls")


def test_probe__in_the_clear_though_starttls_is_offered(relay: ScriptedRelay) -> None:
    relay.offers = ["STARTTLS", "SIZE 2500000"]
    trial = Trial(relay)
    finding = trial.found[Step.ENCRYPTION]
    assert finding.is_alarming
    assert finding.text.endswith("le relais propose pourtant STARTTLS : régler mail.relay.security")
    offered = "messages jusqu'à 2,5 Mo, STARTTLS, sans 8BITMIME ni PIPELINING ; aucune identification"
    assert trial.text(Step.OFFER) == offered


def test_probe__an_unknown_certificate(tmp_path: Path) -> None:
    for security, name in (("starttls", "starttls"), ("tls", "tls_context")):
        server, _ = certificates.contexts(tmp_path)
        with ScriptedRelay(**{name: server}) as relay:  # type: ignore[arg-type]
            trial = Trial(relay, security=security, tls_context=ssl.create_default_context())
        failed = trial.failure(Step.ENCRYPTION)
        assert "certificat du relais n'est pas admis : il n'est signé que par lui-même" in failed.reply
        assert "l'autorité qui a signé" in failed.remedy
        assert not trial.probe.is_well


@pytest.mark.parametrize(
    ("how", "remedy"), [({"expired": True}, "renouveler le certificat"), ({"host": "autre.fr"}, "mail.relay.host")]
)
def test_probe__a_wrong_certificate(tmp_path: Path, how: dict[str, Any], remedy: str) -> None:
    server, client = certificates.contexts(tmp_path, **how)
    with ScriptedRelay(starttls=server) as relay:
        failed = Trial(relay, security="starttls", tls_context=client).failure(Step.ENCRYPTION)
    assert remedy in failed.remedy


def test_probe__starttls_wanted_and_not_offered(relay: ScriptedRelay) -> None:
    failed = Trial(relay, security="starttls").failure(Step.ENCRYPTION)
    assert "ne propose pas STARTTLS" in failed.reply
    assert "mail.relay.security" in failed.remedy


def test_probe__tls_on_a_port_that_speaks_in_the_clear(relay: ScriptedRelay) -> None:
    failed = Trial(relay, security="tls").failure(Step.ENCRYPTION)
    assert "le chiffrement ne s'établit pas" in failed.reply
    assert "« tls » ne convient peut-être pas au port" in failed.remedy


def test_probe__a_relay_that_awaits_tls_keeps_silent(tmp_path: Path) -> None:
    server, _ = certificates.contexts(tmp_path)
    with ScriptedRelay(tls_context=server) as relay:
        failed = Trial(relay, timeout_seconds=1).failure(Step.BANNER)
    assert failed.reply == "pas de réponse en 1 seconde"
    assert "« tls » (465)" in failed.remedy


def test_probe__down(relay: ScriptedRelay) -> None:
    relay.stop_listening()
    trial = Trial(relay)
    failed = trial.failure(Step.CONNECTION)
    assert failed.reply == f"connexion refusée par 127.0.0.1, port {relay.port}"
    assert "mail.relay.host et mail.relay.port" in failed.remedy
    assert (trial.found, trial.probe.is_well) == ({}, False)


def test_probe__an_unknown_name() -> None:
    with ScriptedRelay() as relay:
        failed = Trial(relay, host="relais.invalid").failure(Step.CONNECTION)
    assert failed.reply == "le nom « relais.invalid » est inconnu"


def test_probe__refuses_this_machine_at_once(relay: ScriptedRelay) -> None:
    relay.on("CONNECT", "554 5.7.1 Go away", times=None)
    failed = Trial(relay).failure(Step.BANNER)
    assert failed.reply == "554 5.7.1 Go away"
    assert "admettre cette machine" in failed.remedy


def test_probe__cut_at_once(relay: ScriptedRelay) -> None:
    relay.on("CONNECT", Fault.CLOSE, times=None)
    assert "connexion perdue" in Trial(relay).failure(Step.BANNER).reply


def test_probe__ehlo_refused(relay: ScriptedRelay) -> None:
    relay.behind_a_pix()
    trial = Trial(relay)
    finding = trial.found[Step.OFFER]
    assert finding.is_alarming
    assert 'EHLO refusé (« 500 5.5.1 Command unrecognized: "XXXX" »), HELO accepté' in finding.text
    assert trial.probe.is_well


def test_probe__neither_ehlo_nor_helo(relay: ScriptedRelay) -> None:
    relay.on("EHLO", "550 5.7.1 no", times=None)
    relay.on("HELO", "550 5.7.1 no", times=None)
    assert Trial(relay).failure(Step.OFFER).reply == "550 5.7.1 no"


def test_login__accepted() -> None:
    with ScriptedRelay(login=("oda", PASSWORD)) as relay:
        trial = Trial(relay, give=True, username="oda", password=PASSWORD)
        assert len(relay.received) == 1
    assert trial.text(Step.LOGIN) == "compte oda accepté"
    assert trial.text(Step.OFFER).endswith("identification par PLAIN et LOGIN")
    assert "les codes et le mot de passe" in trial.text(Step.ENCRYPTION)


@pytest.mark.rule("R70")
def test_login__refused_never_shows_the_password() -> None:
    with ScriptedRelay(login=("oda", "autre")) as relay:
        relay.on("AUTH", f"535 5.7.8 Bad credentials {PASSWORD} for oda", times=None)
        trial = Trial(relay, username="oda", password=PASSWORD)
    failed = trial.failure(Step.LOGIN)
    assert failed.reply == "535 5.7.8 Bad credentials … for oda"
    assert "mail.relay.username et le secret smtp-password" in failed.remedy
    assert PASSWORD not in f"{failed} {failed.reply} {failed.remedy} {trial.found}"


def test_login__without_a_password_or_not_offered(relay: ScriptedRelay) -> None:
    assert "smtp-password" in Trial(relay, username="oda").failure(Step.LOGIN).remedy
    failed = Trial(relay, username="oda", password=PASSWORD).failure(Step.LOGIN)
    assert "ne propose pas d'identification" in failed.reply


def test_login__wanted_and_not_set() -> None:
    with ScriptedRelay(login=("oda", PASSWORD)) as relay:
        failed = Trial(relay).failure(Step.SENDER)
    assert failed.reply == "530 5.7.0 Authentication required"
    assert "régler mail.relay.username" in failed.remedy


@pytest.mark.rule("R70")
def test_sender__refused(relay: ScriptedRelay) -> None:
    relay.on("MAIL", "553 5.7.1 Sender address rejected", times=None)
    trial = Trial(relay)
    failed = trial.failure(Step.SENDER)
    assert (failed.reply, trial.probe.is_well) == ("553 5.7.1 Sender address rejected", False)
    assert "mail.sender" in failed.remedy


def test_sender__put_off(relay: ScriptedRelay) -> None:
    relay.on("MAIL", "451 4.3.0 Try later", times=None)
    assert "attendre quelques minutes" in Trial(relay).failure(Step.SENDER).remedy


def test_mail__recipient_refused_is_not_the_relays_trouble(relay: ScriptedRelay) -> None:
    relay.on("RCPT", "550 5.1.1 User unknown", times=None)
    trial = Trial(relay, give=True)
    failed = trial.failure(Step.MAIL)
    assert (failed.reply, trial.probe.is_well) == ("destinataire refusé (550 5.1.1 User unknown)", True)
    assert "--to" in failed.remedy


@pytest.mark.rule("R70")
def test_mail__relaying_denied_is(relay: ScriptedRelay) -> None:
    relay.on("RCPT", "554 5.7.1 Relay access denied", times=None)
    trial = Trial(relay, give=True)
    failed = trial.failure(Step.MAIL)
    assert not trial.probe.is_well
    assert failed.reply == "le relais refuse de transmettre nos courriels (554 5.7.1 Relay access denied)"
    assert "faire admettre cette machine" in failed.remedy


def test_mail__refused(relay: ScriptedRelay) -> None:
    relay.on("END", "554 5.7.1 Spam", times=None)
    failed = Trial(relay, give=True).failure(Step.MAIL)
    assert failed.reply == "message refusé (554 5.7.1 Spam)"
    assert "responsable du relais" in failed.remedy
