"""The connection to the relay: encrypted as the settings say, or not at all."""

import ssl
from pathlib import Path

import pytest

from notifications.vocabulary import Stage
from tests.kit import certificates
from tests.kit.smtp import ScriptedRelay
from tests.notifications.office import Office, draft

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def speaking(security: str, server: ssl.SSLContext) -> ScriptedRelay:
    """A relay that encrypts as named."""
    return ScriptedRelay(tls_context=server) if security == "tls" else ScriptedRelay(starttls=server)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_connection__encrypted(office: Office, tmp_path: Path, security: str) -> None:
    server, client = certificates.contexts(tmp_path)
    office.enqueue(draft())
    with speaking(security, server) as relay:
        safe = office.another(port=relay.port, relay={"security": security}, tls_context=client)
        assert office.send(safe) == 1
        assert len(relay.received) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_connection__an_unknown_certificate_is_trouble(office: Office, tmp_path: Path, security: str) -> None:
    server, _ = certificates.contexts(tmp_path)
    office.enqueue(draft())
    with speaking(security, server) as relay:
        wary = office.another(port=relay.port, relay={"security": security}, tls_context=ssl.create_default_context())
        assert office.send(wary) == 0
        assert relay.received == []
    assert wary.pause
    assert office.only().stage is Stage.PENDING


def test_connection__starttls_is_never_left_out_in_silence(office: Office) -> None:
    office.enqueue(draft())
    strict = office.another(relay={"security": "starttls"})
    assert office.send(strict) == 0
    assert strict.pause
    assert office.relay.received == []
