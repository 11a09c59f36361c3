"""``oda webhook`` and the webhooks within ``oda tick``: a real receiver, a real installation (R118)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from standardwebhooks.webhooks import Webhook

from portal.cli.main import oda
from tests.kit.clock import replace_system_clock
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR, READER
from tests.kit.portal import Portal, open_portal
from tests.kit.webhook_receiver import WebhookReceiver, says, webhook_receiver
from tests.workflow.webhooks.scene import SECRET

pytestmark = pytest.mark.rule("R118")
Run = Callable[..., Result]


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookReceiver]:
    """On the loopback, by its address; its authority is one of the system's."""
    with webhook_receiver(tmp_path, host="127.0.0.1") as receiver:
        monkeypatch.setenv("SSL_CERT_FILE", str(receiver.certificate.pem))
        yield receiver


@pytest.fixture
def portal(tmp_path: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    secret = tmp_path / "secrets" / "webhook-tickets"
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.write_text(SECRET)
    secret.chmod(0o600)
    settings = (
        "webhooks:\n  allow: [127.0.0.1]\n  endpoints:\n    - name: tickets\n"
        f"      url: https://127.0.0.1:{receiver.port}/oda\n"
    )
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        replace_system_clock(monkeypatch, portal.clock)
        yield portal


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*args: str, who: str = f"operator:{OPERATOR}") -> Result:
        return CliRunner().invoke(oda, ["--config", str(tmp_path / "config.yaml"), "--as", who, *args])

    return invoke


def test_webhook__told_by_a_tick_seen_and_sent_again(run: Run, portal: Portal, receiver: WebhookReceiver) -> None:
    portal.issued(1)
    receiver.will(*[says(500)] * 7)
    assert run("tick").exit_code == 0
    deliveries = json.loads(run("webhook", "deliveries", "--stage", "waiting", "--json", who=f"reader:{READER}").stdout)
    assert [each["answer"] for each in deliveries] == ["réponse 500"] * 7
    [endpoint] = json.loads(run("webhook", "list", "--json").stdout)
    assert endpoint["standing"] == "ne répond pas : réponse 500"
    assert run("webhook", "test", "tickets").stdout == "« tickets » a pris le message d'essai (réponse 204).\n"
    assert json.loads(receiver.received[-1].body)["type"] == "ping"
    again = run("webhook", "retry", str(deliveries[0]["number"]))
    assert again.stdout == "1 message sera renvoyé.\n"
    run("tick")
    assert receiver.received[-1].webhook_id == deliveries[0]["webhook_id"]
    assert run("webhook", "retry", "1", who=f"reader:{READER}").exit_code != 0
    assert run("webhook", "test", "autre").exit_code != 0


def test_secret__made_changed_while_both_sign_then_the_new_alone(
    run: Run, portal: Portal, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    new = run("webhook", "secret", "tickets").stdout.strip()
    file = tmp_path / "secrets" / "webhook-tickets"
    assert file.read_text().split() == [new, SECRET]
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("webhook", "test", "tickets").exit_code == 0
    received = receiver.received[-1]
    signatures = received.headers["webhook-signature"].split()
    at = portal.clock.now()
    body = received.body.decode()
    assert signatures == [
        Webhook(key).sign(received.webhook_id, at.replace(microsecond=0), body) for key in (new, SECRET)
    ]
    assert run("webhook", "secret", "tickets", "--end-change").exit_code == 0
    assert file.read_text().split() == [new]
    file.write_text("trop court")
    refused = run("check-config")
    assert "le secret webhook-tickets n'a pas la forme attendue" in refused.stderr
    assert "trop court" not in refused.output
