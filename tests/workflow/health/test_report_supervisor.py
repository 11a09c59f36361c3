"""The call that each good tick makes (R115)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from tests.kit.databases import fresh_url
from tests.kit.portal import open_portal
from workflow.health.report import SupervisorCall
from workflow.schedule.tick import StepFailure, TickResult
from workflow.settings.infrastructure import MonitoringSettings
from workflow.worker import Worker

pytestmark = pytest.mark.rule("R115")
URL = "https://supervision.example.org/ping/secret-key"
Answer = Callable[[httpx2.Request], httpx2.Response]


def supervisor(answer: Answer, address: str = "8.8.8.8", **settings: Any) -> SupervisorCall:
    monitoring = MonitoringSettings(ping_url=URL, **settings)
    return SupervisorCall(
        settings=monitoring, resolver=lambda *_: [address], transport=httpx2.MockTransport(answer)
    )  # fmt: skip


def test_call__is_a_get_to_the_checked_address_under_the_given_name() -> None:
    requests: list[httpx2.Request] = []

    def hear(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200)

    assert supervisor(hear).call() == ""
    (request,) = requests
    assert (request.method, str(request.url)) == ("GET", "https://8.8.8.8/ping/secret-key")
    assert request.headers["host"] == "supervision.example.org"
    assert request.extensions["sni_hostname"] == "supervision.example.org"


def refuse(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused by secret-key")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuse, "la connexion à « supervision.example.org » ne s'établit pas"),
        (lambda _: httpx2.Response(404), "« supervision.example.org » a répondu 404"),
        (lambda _: httpx2.Response(302, headers={"Location": "http://127.0.0.1/"}), "a répondu 302"),
    ],
)
def test_call__says_why_it_is_not_heard_and_no_key(answer: Answer, reason: str) -> None:
    why = supervisor(answer).call()
    assert reason in why
    assert "secret-key" not in why


def test_call__a_private_server_is_called_when_it_is_listed() -> None:
    def hear(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200)

    assert "monitoring.allow" in supervisor(hear, "10.1.2.3").call()
    assert supervisor(hear, "10.1.2.3", allow=["supervision.example.org"]).call() == ""
    assert supervisor(hear, "10.1.2.3", allow=["10.1.0.0/16"]).call() == ""


@pytest.mark.parametrize(
    "url", ["http://supervision.example.org/", "https://10.1.2.3/", "https://a:b@example.org/", "ftp://example.org/"]
)
def test_settings__refuse_an_address_that_must_not_be_called(url: str) -> None:
    with pytest.raises(ValidationError):
        MonitoringSettings(ping_url=url)
    assert MonitoringSettings(ping_url="http://127.0.0.1:9000/", allow=["127.0.0.1"]).ping_url


def test_begin__a_trouble_that_lasts_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    status = 500
    call = supervisor(lambda _: httpx2.Response(status))
    with caplog.at_level(logging.INFO, logger="oda"):
        for status in (500, 500, 200, 200, 500):  # noqa: B007
            thread = call.begin()
            assert thread is not None
            thread.join(10)
    assert [record.msg for record in caplog.records if "supervisor" in str(record.msg)] == [
        "supervisor not called: %s", "supervisor called again", "supervisor not called: %s",
    ]  # fmt: skip
    assert "secret-key" not in caplog.text


def test_worker__calls_after_a_good_tick_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    call = supervisor(lambda _: httpx2.Response(200))
    monkeypatch.setattr(call, "begin", lambda: begun.append("call"))
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        vars(portal.app)["supervisor_call"] = call
        worker = Worker(portal.app)
        worker.tick()
        assert begun == ["call"]
        monkeypatch.setattr(portal.app.ticker, "tick", lambda: TickResult(failures=[StepFailure("x", "KeyError")]))
        worker.tick()
        assert begun == ["call"]
