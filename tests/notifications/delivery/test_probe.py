"""A trial of the relay: what works is told, what fails is told with its step and what to set (R70)."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from notifications.delivery.probe import Probe, ProbeFailed, ProbeStep, StepResult, read_certificate
from notifications.vocabulary import RelayCertificate
from states import french
from tests.kit import certificates
from tests.kit.smtp import Fault, ScriptedRelay
from tests.notifications.office import CENTRE, mail_settings

PASSWORD = "M0t-de-passe-secret"
MESSAGE = b"Subject: essai\r\n\r\nBonjour\r\n"


class Trial:
    """The results of a trial of this relay; ``failed`` when a step did not work."""

    def __init__(self, relay: ScriptedRelay, *, send: bool = False, **how: Any) -> None:
        password, context = how.pop("password", None), how.pop("tls_context", None)
        self.probe = Probe(mail_settings(relay.port, relay=how), password, context)
        self.failed: ProbeFailed | None = None
        self.results: dict[ProbeStep, StepResult] = {}
        asyncio.run(self._run(send))

    async def _run(self, send: bool) -> None:
        try:
            async for result in self.probe.steps():
                self.results[result.step] = result
            if send:
                result = await self.probe.send(CENTRE, MESSAGE)
                self.results[result.step] = result
        except ProbeFailed as failed:
            self.failed = failed

    def failure(self, step: ProbeStep) -> ProbeFailed:
        """The failure, which must be at that step."""
        assert self.failed
        assert self.failed.step is step, self.failed
        return self.failed

    def text(self, step: ProbeStep) -> str:
        return self.results[step].text


@pytest.mark.rule("R70")
def test_probe__all_is_well_but_in_the_clear(relay: ScriptedRelay) -> None:
    trial = Trial(relay, send=True)
    assert (trial.failed, trial.probe.is_well, trial.probe.connection) == (None, True, "en clair")
    assert list(trial.results) == list(ProbeStep)
    assert f"127.0.0.1, port {relay.port}, en 0," in trial.text(ProbeStep.CONNECTION)
    assert trial.text(ProbeStep.CONNECTION).endswith(" s ; messages jusqu'à 34 Mo")
    assert trial.text(ProbeStep.ENCRYPTION).startswith("EN CLAIR : les codes passent lisibles")
    assert trial.text(ProbeStep.SENDER) == "cles@ac-toulouse.fr accepté"
    assert trial.text(ProbeStep.MAIL) == f"accepté pour {CENTRE} : « 250 2.0.0 Ok »"
    assert [result.step for result in trial.results.values() if result.is_alarming] == [ProbeStep.ENCRYPTION]
    assert [(got.sender, got.recipients, got.content) for got in relay.received] == [
        ("cles@ac-toulouse.fr", (CENTRE,), MESSAGE)
    ]


def test_probe__tries_the_sender_without_a_mail(relay: ScriptedRelay) -> None:
    assert Trial(relay).probe.is_well
    commands = [entry.command.partition(" ")[0] for entry in relay.transcript]
    assert commands == ["CONNECT", "EHLO", "MAIL", "RSET", "QUIT"]
    assert relay.received == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_probe__encrypted(tmp_path: Path, security: str) -> None:
    certificate = certificates.certificate(tmp_path)
    context = {"tls_context" if security == "tls" else "starttls": certificate.server()}
    with ScriptedRelay(**context) as relay:  # type: ignore[arg-type]
        trial = Trial(relay, send=True, security=security, tls_context=certificate.client())
    assert trial.failed is None
    how = "par STARTTLS" if security == "starttls" else "dès l'ouverture"
    assert trial.probe.connection == f"chiffrée {how}, TLS 1.3"
    until = french.day(certificate.until.date())
    text = f"connexion chiffrée {how}, TLS 1.3 ; certificat valable jusqu'au {until}"
    assert trial.text(ProbeStep.ENCRYPTION) == text
    assert not trial.results[ProbeStep.ENCRYPTION].is_alarming


@pytest.mark.rule("R115")
@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("how", "refused"), [({"days": 40}, None), ({"expired": True}, 10), ({"host": "autre.fr"}, 64)]
)
def test_certificate__is_read_without_a_mail(
    tmp_path: Path, security: str, how: dict[str, Any], refused: int | None
) -> None:
    certificate = certificates.certificate(tmp_path, **how)
    context = {"tls_context" if security == "tls" else "starttls": certificate.server()}
    with ScriptedRelay(**context) as relay:  # type: ignore[arg-type]
        settings = mail_settings(relay.port, relay={"security": security})
        relay_certificate = asyncio.run(read_certificate(settings, certificate.client()))
        unknown = asyncio.run(read_certificate(settings, ssl.create_default_context()))
        commands = {entry.command.partition(" ")[0] for entry in relay.transcript}
    assert relay_certificate == RelayCertificate(until=None if refused else certificate.until, refused=refused)
    assert unknown == RelayCertificate(refused=18)
    assert commands <= {"CONNECT", "EHLO", "STARTTLS", "QUIT"}


@pytest.mark.rule("R115")
def test_certificate__of_a_relay_that_is_away_or_in_the_clear_is_unknown(relay: ScriptedRelay) -> None:
    for security in ("tls", "starttls"):
        assert asyncio.run(read_certificate(mail_settings(relay.port, relay={"security": security}))) is None
    before = relay.connections
    assert asyncio.run(read_certificate(mail_settings(relay.port))) is None
    relay.stop_listening()
    assert asyncio.run(read_certificate(mail_settings(relay.port, relay={"security": "tls"}))) is None
    assert relay.connections == before


def test_probe__in_the_clear_though_starttls_is_offered(relay: ScriptedRelay) -> None:
    relay.offers = ["STARTTLS", "SIZE 2500000"]
    trial = Trial(relay)
    result = trial.results[ProbeStep.ENCRYPTION]
    assert result.is_alarming
    assert result.text.endswith("le relais propose pourtant STARTTLS : régler mail.relay.security")


def test_probe__an_unknown_certificate(tmp_path: Path) -> None:
    for security, name in (("starttls", "starttls"), ("tls", "tls_context")):
        server, _ = certificates.contexts(tmp_path)
        with ScriptedRelay(**{name: server}) as relay:  # type: ignore[arg-type]
            trial = Trial(relay, security=security, tls_context=ssl.create_default_context())
        failed = trial.failure(ProbeStep.ENCRYPTION)
        assert "certificat du relais n'est pas admis : il n'est signé que par lui-même" in failed.reply
        assert "l'autorité qui a signé" in failed.remedy
        assert not trial.probe.is_well


@pytest.mark.parametrize(
    ("how", "remedy"), [({"expired": True}, "renouveler le certificat"), ({"host": "autre.fr"}, "mail.relay.host")]
)
def test_probe__a_wrong_certificate(tmp_path: Path, how: dict[str, Any], remedy: str) -> None:
    server, client = certificates.contexts(tmp_path, **how)
    with ScriptedRelay(starttls=server) as relay:
        failed = Trial(relay, security="starttls", tls_context=client).failure(ProbeStep.ENCRYPTION)
    assert remedy in failed.remedy


def test_probe__starttls_wanted_and_not_offered(relay: ScriptedRelay) -> None:
    failed = Trial(relay, security="starttls").failure(ProbeStep.ENCRYPTION)
    assert "ne propose pas STARTTLS" in failed.reply
    assert "mail.relay.security" in failed.remedy


def test_probe__tls_on_a_port_that_speaks_in_the_clear(relay: ScriptedRelay) -> None:
    failed = Trial(relay, security="tls").failure(ProbeStep.ENCRYPTION)
    assert "le chiffrement ne s'établit pas" in failed.reply
    assert "« tls » ne convient peut-être pas au port" in failed.remedy


def test_probe__a_relay_that_awaits_tls_keeps_silent(tmp_path: Path) -> None:
    server, _ = certificates.contexts(tmp_path)
    with ScriptedRelay(tls_context=server) as relay:
        failed = Trial(relay, timeout_seconds=1).failure(ProbeStep.CONNECTION)
    assert failed.reply == "pas de réponse en 1 seconde"
    assert "« tls » (465)" in failed.remedy


def test_probe__down(relay: ScriptedRelay) -> None:
    relay.stop_listening()
    trial = Trial(relay)
    failed = trial.failure(ProbeStep.CONNECTION)
    assert failed.reply == f"connexion refusée par 127.0.0.1, port {relay.port}"
    assert "mail.relay.host et mail.relay.port" in failed.remedy
    assert (trial.results, trial.probe.is_well) == ({}, False)


def test_probe__an_unknown_name() -> None:
    with ScriptedRelay() as relay:
        failed = Trial(relay, host="relais.invalid").failure(ProbeStep.CONNECTION)
    assert failed.reply == "le nom « relais.invalid » est inconnu"


def test_probe__refuses_this_machine_at_once(relay: ScriptedRelay) -> None:
    relay.on("CONNECT", "554 5.7.1 Go away", times=None)
    failed = Trial(relay).failure(ProbeStep.CONNECTION)
    assert failed.reply == "554 5.7.1 Go away"
    assert "admettre cette machine" in failed.remedy


def test_probe__cut_at_once(relay: ScriptedRelay) -> None:
    relay.on("CONNECT", Fault.CLOSE, times=None)
    assert "connexion perdue" in Trial(relay).failure(ProbeStep.CONNECTION).reply


def test_probe__ehlo_refused(relay: ScriptedRelay) -> None:
    relay.behind_a_pix()
    trial = Trial(relay)
    finding = trial.results[ProbeStep.CONNECTION]
    assert finding.is_alarming
    assert 'EHLO refusé (« 500 5.5.1 Command unrecognized: "XXXX" »), HELO accepté' in finding.text
    assert trial.probe.is_well


def test_probe__neither_ehlo_nor_helo(relay: ScriptedRelay) -> None:
    relay.on("EHLO", "550 5.7.1 no", times=None)
    relay.on("HELO", "550 5.7.1 no", times=None)
    assert Trial(relay).failure(ProbeStep.CONNECTION).reply == "550 5.7.1 no"


def test_login__accepted() -> None:
    with ScriptedRelay(login=("oda", PASSWORD)) as relay:
        trial = Trial(relay, send=True, username="oda", password=PASSWORD)
        assert len(relay.received) == 1
    assert trial.text(ProbeStep.LOGIN) == "compte oda accepté"
    assert "les codes et le mot de passe" in trial.text(ProbeStep.ENCRYPTION)


@pytest.mark.rule("R70")
def test_login__refused_never_shows_the_password() -> None:
    with ScriptedRelay(login=("oda", "autre")) as relay:
        relay.on("AUTH", f"535 5.7.8 Bad credentials {PASSWORD} for oda", times=None)
        trial = Trial(relay, username="oda", password=PASSWORD)
    failed = trial.failure(ProbeStep.LOGIN)
    assert failed.reply == "535 5.7.8 Bad credentials … for oda"
    assert "mail.relay.username et le secret smtp-password" in failed.remedy
    assert PASSWORD not in f"{failed} {failed.reply} {failed.remedy} {trial.results}"


def test_login__without_a_password_or_not_offered(relay: ScriptedRelay) -> None:
    assert "smtp-password" in Trial(relay, username="oda").failure(ProbeStep.LOGIN).remedy
    failed = Trial(relay, username="oda", password=PASSWORD).failure(ProbeStep.LOGIN)
    assert "ne propose pas d'identification" in failed.reply


def test_login__wanted_and_not_set() -> None:
    with ScriptedRelay(login=("oda", PASSWORD)) as relay:
        failed = Trial(relay).failure(ProbeStep.SENDER)
    assert failed.reply == "530 5.7.0 Authentication required"
    assert "régler mail.relay.username" in failed.remedy


@pytest.mark.rule("R70")
def test_sender__refused(relay: ScriptedRelay) -> None:
    relay.on("MAIL", "553 5.7.1 Sender address rejected", times=None)
    trial = Trial(relay)
    failed = trial.failure(ProbeStep.SENDER)
    assert (failed.reply, trial.probe.is_well) == ("553 5.7.1 Sender address rejected", False)
    assert "mail.sender" in failed.remedy


def test_sender__put_off(relay: ScriptedRelay) -> None:
    relay.on("MAIL", "451 4.3.0 Try later", times=None)
    assert "attendre quelques minutes" in Trial(relay).failure(ProbeStep.SENDER).remedy


def test_mail__recipient_refused_is_not_the_relays_trouble(relay: ScriptedRelay) -> None:
    relay.on("RCPT", "550 5.1.1 User unknown", times=None)
    trial = Trial(relay, send=True)
    failed = trial.failure(ProbeStep.MAIL)
    assert (failed.reply, trial.probe.is_well) == ("destinataire refusé (550 5.1.1 User unknown)", True)
    assert "--to" in failed.remedy


@pytest.mark.rule("R70")
def test_mail__relaying_denied_is(relay: ScriptedRelay) -> None:
    relay.on("RCPT", "554 5.7.1 Relay access denied", times=None)
    trial = Trial(relay, send=True)
    failed = trial.failure(ProbeStep.MAIL)
    assert not trial.probe.is_well
    assert failed.reply == "le relais refuse de transmettre nos courriels (554 5.7.1 Relay access denied)"
    assert "faire admettre cette machine" in failed.remedy


def test_mail__refused(relay: ScriptedRelay) -> None:
    relay.on("END", "554 5.7.1 Spam", times=None)
    failed = Trial(relay, send=True).failure(ProbeStep.MAIL)
    assert failed.reply == "message refusé (554 5.7.1 Spam)"
    assert "responsable du relais" in failed.remedy
