"""The relay's certificate, looked at by the schedule: said before it expires, and once it is not admitted (R115)."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.kit import certificates
from tests.kit.databases import fresh_url
from tests.kit.portal import Portal, open_portal
from tests.kit.smtp import ScriptedRelay
from workflow.health.report import Finding
from workflow.schedule.tick import TickResult
from workflow.worker import CERTIFICATE_AGAIN_SECONDS, CERTIFICATE_SECONDS, Worker

pytestmark = pytest.mark.rule("R115")


class Scene:
    """A worker of this portal under the real clock, as certificates are; ``waits``: seconds until it looks again."""

    def __init__(self, portal: Portal, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.portal, self.folder, self.patch = portal, folder, patch
        self.worker = Worker(portal.app)
        self.waits = 0.0
        self.worker.tick()

    def look(self, security: str, *, days: int = 40, expired: bool = False, host: str = "127.0.0.1") -> ScriptedRelay:
        """Look once at a relay whose authority this machine knows; return the relay, stopped."""
        certificate = certificates.certificate(self.folder, days=days, expired=expired, host=host)
        self.patch.setenv("SSL_CERT_FILE", str(certificate.pem))
        context = {"tls_context" if security == "tls" else "starttls": certificate.server()}
        with ScriptedRelay(**context) as relay:  # type: ignore[arg-type]
            settings = self.portal.app.settings
            relay_settings = settings.mail.relay.model_copy(
                update={"host": relay.host, "port": relay.port, "security": security}
            )
            mail = settings.mail.model_copy(update={"relay": relay_settings})
            self.patch.setitem(vars(self.portal.app), "settings", settings.model_copy(update={"mail": mail}))
            asyncio.run(self.look_once())
        return relay

    async def look_once(self) -> None:
        """Let the worker look, until it waits for the next time."""
        has_looked = asyncio.Event()

        async def wait(seconds: float) -> None:
            self.waits = seconds
            has_looked.set()
            await asyncio.Event().wait()

        with self.patch.context() as patch:
            patch.setattr("workflow.worker.asyncio.sleep", wait)
            watching = asyncio.create_task(self.worker.watch_certificate())
            async with asyncio.timeout(30):
                await has_looked.wait()
            watching.cancel()

    @property
    def finding(self) -> Finding | None:
        findings = self.portal.app.health.report().findings
        return next((finding for finding in findings if finding.code == "certificate"), None)


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr("workflow.health.report.KEPT", timedelta(0))
    with fresh_url(request.param, tmp_path) as url, open_portal(tmp_path, url, datetime.now(UTC)) as portal:
        yield Scene(portal, tmp_path, monkeypatch)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_certificate__is_told_before_it_expires(scene: Scene, security: str) -> None:
    assert scene.finding is None
    for days, calls in ((40, False), (2, True), (40, False)):
        assert scene.look(security, days=days).received == []
        assert scene.finding
        assert scene.finding.needs_somebody is calls
        assert scene.waits == CERTIFICATE_SECONDS


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_certificate__that_is_not_admitted_is_told_and_looked_at_again_soon(scene: Scene, security: str) -> None:
    scene.look(security, expired=True)
    assert scene.finding
    assert (scene.finding.text, scene.finding.needs_somebody) == ("il n'est pas admis : il a expiré", True)
    assert scene.waits == CERTIFICATE_AGAIN_SECONDS
    scene.look(security, host="autre.fr")
    assert "il est pour une autre adresse" in scene.finding.text
    scene.look(security)
    assert not scene.finding.needs_somebody


def test_certificate__is_not_looked_at_by_a_machine_that_must_not_act(scene: Scene) -> None:
    """A restored base, or a clock that is off."""
    scene.patch.setattr(scene.portal.app.ticker, "tick", lambda: TickResult(is_held=True))
    scene.worker.tick()
    assert scene.look("tls", expired=True).connections == 0
    assert scene.finding is None


def test_certificate__a_relay_that_is_away_leaves_what_is_known(scene: Scene) -> None:
    scene.look("tls", days=2)
    asyncio.run(scene.look_once())
    assert scene.finding
    assert scene.finding.needs_somebody
    assert scene.waits == CERTIFICATE_AGAIN_SECONDS
